/*
 * ring.h
 *		Entries of the server log on their way from the process that writes them
 *		to the collector, in shared memory.
 *
 * Any number of processes put entries in, one takes them out.  Nobody waits for
 * anybody: what does not fit is counted and dropped, and a process that stops
 * or dies in the middle of an entry costs that entry.  See ring.c.  Pure C.
 */
#ifndef LOG_RING_H
#define LOG_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_CELL_SIZE 256
#define RING_LEVELS 16 /* of LogWord */

/* Longest entry; one takes a quarter of the ring at most. */
#define RING_MAX_ENTRY (64 * 1024 - 1024)

typedef struct LogRing LogRing;

/* Bytes of shared memory for a ring with this much room for entries. */
extern size_t LogRingSize(size_t room);

/* Makes an empty ring of memory of that size, aligned to a cache line. */
extern void LogRingInit(LogRing *ring, size_t room);

/* The longest entry that this ring takes. */
extern size_t LogRingMaxEntry(const LogRing *ring);

typedef enum RingPut
{
	RING_KEPT,
	RING_KEPT_FILLING, /* and with it the ring is half full */
	RING_DROPPED	   /* and counted */
} RingPut;

/*
 * Puts an entry in.  The last quarter of the ring is left to entries that are
 * "urgent".  Safe in a signal handler, but not inside of itself.
 */
extern RingPut LogRingPut(LogRing *ring, unsigned int level, bool urgent, const char *data,
						  size_t length);

/* Where the reader is; all zero before the first entry is taken. */
typedef struct RingReader
{
	bool	 begun;
	uint64_t position;
	uint64_t waits_at;		 /* position of an entry that is not finished */
	int64_t	 waits_since_us; /* 0: it waits for none */
} RingReader;

typedef enum RingTake
{
	RING_ENTRY,
	RING_EMPTY, /* nothing, or nothing that is finished */
	RING_TORN	/* an entry was lost; there may be others */
} RingTake;

/*
 * Takes the next entry out into a buffer of LogRingMaxEntry() bytes.  It stays
 * in the ring until it is released, so that a reader can go back.  now_us is a
 * clock that is never set back.  "for_look": of another reader beside the real
 * one, which must change nothing.
 */
extern RingTake LogRingTake(LogRing *ring, RingReader *reader, int64_t now_us, bool for_look,
							char *buffer, size_t *length, unsigned int *level);

/* Everything up to where the reader is makes room for new entries. */
extern void LogRingRelease(LogRing *ring, const RingReader *reader);

/* Goes back to the first entry that was not released. */
extern void LogRingRewind(const LogRing *ring, RingReader *reader);

/* Throws away what is in it, uncounted. */
extern void LogRingDiscard(LogRing *ring);

/* Is at least half of it in use? */
extern bool LogRingIsFilling(const LogRing *ring);

/* Bytes in use. */
extern uint64_t LogRingUsed(const LogRing *ring);

/* Entries of this level that were lost since the ring was made. */
extern uint64_t LogRingDropped(const LogRing *ring, unsigned int level);

/* Counts one that never came this far. */
extern void LogRingCountDropped(LogRing *ring, unsigned int level);

#endif /* LOG_RING_H */
