/*
 * sealing.c
 *		Batches are compressed as soon as they lie in the spool.
 *
 * So days fit on disk, a retry costs nothing, and what goes out is byte for
 * byte the same each time.
 */
#include "postgres.h"

#include "base/shared.h"
#include "base/worker.h"
#include "deliver/push.h"
#include "deliver/sealing.h"
#include "spool/spool.h"

/* After one that cannot be sealed (disk full) sealing pauses so long. */
#define PAUSE_MS 10000

/* Now and then look for plain batches without being told. */
#define LOOK_MS (10 * 60 * 1000)

#define LIST_SIZE 64

/* Times are by MonotonicMs(). */
static struct
{
	uint64 list[LIST_SIZE];
	int	   count;
	int	   next;
	uint64 written_seen; /* batches written when that list was made */
	int64  not_before;
	int64  look_at;
} plain;

/* Makes a new list of plain batches when there may be some; false: there are none. */
static bool
ListPlain(int64 now)
{
	uint64 written = pg_atomic_read_u64(&Shared->written);

	if (written == plain.written_seen && now < plain.look_at)
		return false; /* spare the directory, which may be long */
	plain.look_at = now + LOOK_MS;
	plain.next = 0;
	plain.count = SpoolListPlain(LIST_SIZE, plain.list);
	plain.written_seen = plain.count < LIST_SIZE ? written : PG_UINT64_MAX;
	return plain.count > 0;
}

bool
SealNext(int64 now)
{
	if (now < plain.not_before)
		return false;
	if (plain.next >= plain.count && !ListPlain(now))
		return false;

	WorkerReport("compressing");
	if (PushSeal(plain.list[plain.next++]))
		return true;
	/* after a pause the others on the list get their turn, and then this one again */
	plain.written_seen = PG_UINT64_MAX;
	plain.not_before = now + PAUSE_MS;
	return false;
}

int64
SealingPausesUntil(void)
{
	return plain.not_before;
}

void
SealingResume(void)
{
	plain.not_before = 0;
}
