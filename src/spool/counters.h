/*
 * counters.h
 *		Counts that must not start anew with the server.
 *
 * <state_directory>/counters holds how many batches were dropped, rejected
 * and split since the collector id exists, and the last sequence number.
 *
 * A batch that is in the spool is counted before it leaves otherwise than by
 * delivery, and the same write to the file names it: after a crash in between
 * the next server finishes what has been counted.
 */
#ifndef COUNTERS_H
#define COUNTERS_H

#include "postgres.h"

#include "port/atomics.h"

#include "base/shared.h"

/* Into shared memory; what cannot be read starts at zero. */
extern void CountersLoad(void);

/* Adds to one of Shared's dropped, rejected, split and saves all of them. */
extern void CountersAdd(pg_atomic_uint64 *counter, uint64 n);

extern void CountersSave(void);

/*
 * Counts a batch, by one of the same counters, that is about to leave the
 * spool; "halves" are the two that take the place of one that is split, else
 * NULL.  False: this could not be written (see errno), so a crash may forget it.
 */
extern bool CountersBatchLeaves(pg_atomic_uint64 *counter, uint64 sequence, const uint64 *halves);

/* It has left, or could not be removed and no longer counts. */
extern void CountersBatchLeft(pg_atomic_uint64 *counter);
extern void CountersBatchStays(pg_atomic_uint64 *counter);

#endif /* COUNTERS_H */
