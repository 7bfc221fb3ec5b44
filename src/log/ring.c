/*
 * ring.c
 *		Entries of the server log on their way to the collector.
 *
 * The ring is an array of cells.  Positions count cells and never wrap; the
 * cell of a position is the remainder.  Between "tail" and "head" lies what is
 * in use.  A writer
 *
 *		claims cells by moving the head on (compare and swap),
 *		marks the first of them as CLAIMED, with its position, size and level,
 *		copies its entry in, with a check sum over it and its position,
 *		marks it as READY.
 *
 * The reader takes READY entries at its position in order, and moves the tail
 * when what it took is safe.  It meets three surprises:
 *
 * An entry that is not READY.  Its writer is at work, or was stopped, or will
 * never go on.  The reader comes back later, and after RING_PATIENCE_US gives
 * the entry up: marks it as ABANDONED, which the writer notices, if it ever
 * goes on, because its own change of the mark fails; then the writer counts the
 * loss.
 *
 * A cell at its position that nobody has marked: the writer was stopped between
 * claiming and marking, and how many cells it has is not known.  The reader
 * gives up cell by cell until one that is the first of an entry, or the head.
 * A mark holds its position, so it cannot be one of an earlier round.
 *
 * An entry that is READY and has been written into: by a writer that was given
 * up, whose cells were used again, and that went on afterwards.  The check sum
 * tells, and the reader counts it.
 */
#include "log/ring.h"

#include <stdatomic.h>
#include <string.h>

#define RING_PATIENCE_US 1000000

/* A mark: position << 16 | cells << 8 | level << 4 | state. */
typedef enum CellState
{
	CELL_UNUSED, /* zeroed memory */
	CELL_CLAIMED,
	CELL_READY,
	CELL_ABANDONED
} CellState;

#define CACHE_LINE 64

struct LogRing
{
	uint64_t num_cells;
	_Alignas(CACHE_LINE) _Atomic uint64_t head;
	_Alignas(CACHE_LINE) _Atomic uint64_t tail;
	_Alignas(CACHE_LINE) _Atomic uint64_t dropped[RING_LEVELS];
	_Alignas(CACHE_LINE) _Atomic uint64_t marks[]; /* num_cells, then the cells */
};

typedef struct EntryHeader
{
	uint64_t check;
	uint64_t length; /* of the entry, without this */
} EntryHeader;

#define MAX_CELLS 255

/* ---- layout ---- */

static uint64_t
CellsFor(size_t length)
{
	return (sizeof(EntryHeader) + length + RING_CELL_SIZE - 1) / RING_CELL_SIZE;
}

static uint64_t
CellsOfRoom(size_t room)
{
	uint64_t cells = room / RING_CELL_SIZE;

	return cells < 16 ? 16 : cells;
}

size_t
LogRingSize(size_t room)
{
	uint64_t cells = CellsOfRoom(room);

	return sizeof(LogRing) + CACHE_LINE + cells * (sizeof(uint64_t) + RING_CELL_SIZE);
}

void
LogRingInit(LogRing *ring, size_t room)
{
	memset(ring, 0, LogRingSize(room));
	ring->num_cells = CellsOfRoom(room);
	/* position 0 is never used: a mark of zero is nobody's */
	atomic_init(&ring->head, 1);
	atomic_init(&ring->tail, 1);
}

size_t
LogRingMaxEntry(const LogRing *ring)
{
	size_t quarter = ring->num_cells / 4 * RING_CELL_SIZE - sizeof(EntryHeader);

	return quarter < RING_MAX_ENTRY ? quarter : RING_MAX_ENTRY;
}

static char *
Cells(LogRing *ring)
{
	return (char *) (ring->marks + ring->num_cells);
}

static _Atomic uint64_t *
MarkOf(LogRing *ring, uint64_t position)
{
	return &ring->marks[position % ring->num_cells];
}

static uint64_t
MakeMark(uint64_t position, uint64_t cells, unsigned int level, CellState state)
{
	return position << 16 | cells << 8 | (level & 15) << 4 | state;
}

static uint64_t
MarkPosition(uint64_t mark)
{
	return mark >> 16;
}

static uint64_t
MarkCells(uint64_t mark)
{
	return mark >> 8 & 0xff;
}

static unsigned int
MarkLevel(uint64_t mark)
{
	return mark >> 4 & 15;
}

static CellState
MarkState(uint64_t mark)
{
	return (CellState) (mark & 15);
}

/* Copies to or from the cells of a position, from "offset" bytes after its start. */
static void
CopyIn(LogRing *ring, uint64_t position, size_t offset, const void *data, size_t length)
{
	size_t size = ring->num_cells * RING_CELL_SIZE;
	size_t at = (position % ring->num_cells * RING_CELL_SIZE + offset) % size;
	size_t first = length < size - at ? length : size - at;

	memcpy(Cells(ring) + at, data, first);
	memcpy(Cells(ring), (const char *) data + first, length - first);
}

static void
CopyOut(LogRing *ring, uint64_t position, size_t offset, void *data, size_t length)
{
	size_t size = ring->num_cells * RING_CELL_SIZE;
	size_t at = (position % ring->num_cells * RING_CELL_SIZE + offset) % size;
	size_t first = length < size - at ? length : size - at;

	memcpy(data, Cells(ring) + at, first);
	memcpy((char *) data + first, Cells(ring), length - first);
}

#define STRIPE (4 * sizeof(uint64_t))

/* Eight bytes into one of the sums; the next word waits for the rotation, not for the product. */
static inline uint64_t
Mix(uint64_t sum, const char *data)
{
	uint64_t word;

	memcpy(&word, data, sizeof(word));
	sum += word * UINT64_C(0x9E3779B97F4A7C15);
	return sum << 29 | sum >> 35;
}

/*
 * Tells an entry from a mixture of two.  A session waits for it: four sums that do
 * not depend on each other, in registers, are ten times as fast as an array of them.
 */
static uint64_t
CheckSum(uint64_t position, const char *data, size_t length)
{
	uint64_t sums[4];
	uint64_t a = position;
	uint64_t b = length;
	uint64_t c = 0;
	uint64_t d = 0;
	char	 last[STRIPE] = {0};

	for (; length >= STRIPE; data += STRIPE, length -= STRIPE)
	{
		a = Mix(a, data);
		b = Mix(b, data + 8);
		c = Mix(c, data + 16);
		d = Mix(d, data + 24);
	}
	memcpy(last, data, length);
	sums[0] = Mix(a, last);
	sums[1] = Mix(b, last + 8);
	sums[2] = Mix(c, last + 16);
	sums[3] = Mix(d, last + 24);
	a = 0;
	for (int i = 0; i < 4; i++)
		a = Mix(a, (const char *) &sums[i]);
	return a;
}

void
LogRingCountDropped(LogRing *ring, unsigned int level)
{
	atomic_fetch_add_explicit(&ring->dropped[level & 15], 1, memory_order_relaxed);
}

uint64_t
LogRingDropped(const LogRing *ring, unsigned int level)
{
	return atomic_load_explicit(&((LogRing *) ring)->dropped[level & 15], memory_order_relaxed);
}

uint64_t
LogRingUsed(const LogRing *ring)
{
	uint64_t tail = atomic_load(&((LogRing *) ring)->tail);

	return (atomic_load(&((LogRing *) ring)->head) - tail) * RING_CELL_SIZE;
}

bool
LogRingIsFilling(const LogRing *ring)
{
	return LogRingUsed(ring) >= ring->num_cells / 2 * RING_CELL_SIZE;
}

/* ---- writers ---- */

/* Returns the position, or 0: there is no room. */
static uint64_t
Claim(LogRing *ring, uint64_t cells, bool urgent, bool *filling)
{
	uint64_t limit = urgent ? ring->num_cells : ring->num_cells / 4 * 3;
	uint64_t head = atomic_load(&ring->head);
	int64_t	 used;

	do
	{
		/* a stale head may lie behind the tail; then the exchange fails */
		used = (int64_t) (head - atomic_load(&ring->tail));
		if (used + (int64_t) cells > (int64_t) limit)
			return 0;
	} while (!atomic_compare_exchange_weak(&ring->head, &head, head + cells));

	*filling = used < (int64_t) ring->num_cells / 2 &&
		used + (int64_t) cells >= (int64_t) ring->num_cells / 2;
	return head;
}

/* Marks claimed cells as ours; false: the reader has given them up. */
static bool
MarkClaimed(LogRing *ring, uint64_t position, uint64_t claimed)
{
	_Atomic uint64_t *mark = MarkOf(ring, position);
	uint64_t		  old = atomic_load(mark);

	while (MarkPosition(old) < position)
	{
		if (atomic_compare_exchange_weak(mark, &old, claimed))
			return true;
	}
	return false;
}

RingPut
LogRingPut(LogRing *ring, unsigned int level, bool urgent, const char *data, size_t length)
{
	uint64_t cells = CellsFor(length);
	bool	 filling = false;
	uint64_t position = length <= LogRingMaxEntry(ring) ? Claim(ring, cells, urgent, &filling) : 0;
	uint64_t claimed = MakeMark(position, cells, level, CELL_CLAIMED);

	if (position != 0 && MarkClaimed(ring, position, claimed))
	{
		EntryHeader header = {CheckSum(position, data, length), length};

		CopyIn(ring, position, 0, &header, sizeof(header));
		CopyIn(ring, position, sizeof(header), data, length);
		if (atomic_compare_exchange_strong(MarkOf(ring, position), &claimed,
										   MakeMark(position, cells, level, CELL_READY)))
			return filling ? RING_KEPT_FILLING : RING_KEPT;
	}
	LogRingCountDropped(ring, level);
	return RING_DROPPED;
}

/* ---- the reader ---- */

/* Copies an entry that is READY; false: it is not what was put in. */
static bool
CopyEntry(LogRing *ring, uint64_t mark, char *buffer, size_t *length)
{
	uint64_t	position = MarkPosition(mark);
	EntryHeader header;

	CopyOut(ring, position, 0, &header, sizeof(header));
	if (header.length > LogRingMaxEntry(ring) || CellsFor(header.length) != MarkCells(mark))
		return false;
	CopyOut(ring, position, sizeof(header), buffer, header.length);
	*length = header.length;
	return CheckSum(position, buffer, header.length) == header.check;
}

/* Gives up the cell, unless its mark has changed in between. */
static bool
Abandon(LogRing *ring, uint64_t position, uint64_t mark)
{
	return atomic_compare_exchange_strong(MarkOf(ring, position), &mark,
										  MakeMark(position, 0, 0, CELL_ABANDONED));
}

static bool
IsFirstOfEntry(uint64_t mark, uint64_t position)
{
	return MarkPosition(mark) == position && MarkState(mark) != CELL_ABANDONED;
}

/*
 * Gives up the entry at the reader's position.  Its writer counts it, if it
 * goes on; if it does not, it has crashed, and with it the server.
 */
static void
GiveUp(LogRing *ring, RingReader *reader, uint64_t head)
{
	uint64_t position = reader->position;
	uint64_t mark = atomic_load(MarkOf(ring, position));

	if (IsFirstOfEntry(mark, position))
	{
		if (MarkState(mark) == CELL_CLAIMED && Abandon(ring, position, mark))
			reader->position += MarkCells(mark);
		return;
	}
	do
	{
		if (!Abandon(ring, position, mark))
			break; /* marked this moment: it is the first of an entry */
		mark = atomic_load(MarkOf(ring, ++position));
	} while (position < head && !IsFirstOfEntry(mark, position));
	reader->position = position;
}

/* Has the reader waited long enough for the entry at its position? */
static bool
IsOverdue(RingReader *reader, int64_t now_us)
{
	if (reader->waits_since_us == 0 || reader->waits_at != reader->position)
	{
		reader->waits_at = reader->position;
		reader->waits_since_us = now_us;
		return false;
	}
	return now_us - reader->waits_since_us >= RING_PATIENCE_US;
}

RingTake
LogRingTake(LogRing *ring, RingReader *reader, int64_t now_us, bool for_look, char *buffer,
			size_t *length, unsigned int *level)
{
	uint64_t head = atomic_load(&ring->head);
	uint64_t mark;

	if (!reader->begun)
		LogRingRewind(ring, reader);
	if (reader->position >= head)
		return RING_EMPTY;

	mark = atomic_load(MarkOf(ring, reader->position));
	if (!IsFirstOfEntry(mark, reader->position) || MarkState(mark) != CELL_READY)
	{
		if (for_look || !IsOverdue(reader, now_us))
			return RING_EMPTY;
		GiveUp(ring, reader, head);
		return RING_TORN;
	}
	reader->position += MarkCells(mark);
	*level = MarkLevel(mark);
	if (CopyEntry(ring, mark, buffer, length))
		return RING_ENTRY;
	if (!for_look)
		LogRingCountDropped(ring, *level);
	return RING_TORN;
}

void
LogRingRelease(LogRing *ring, const RingReader *reader)
{
	if (reader->begun)
		atomic_store(&ring->tail, reader->position);
}

void
LogRingRewind(const LogRing *ring, RingReader *reader)
{
	reader->begun = true;
	reader->position = atomic_load(&((LogRing *) ring)->tail);
}

/* A writer at work in there finds out as if it had been given up. */
void
LogRingDiscard(LogRing *ring)
{
	atomic_store(&ring->tail, atomic_load(&ring->head));
}
