/*
 * counters.h
 *		Counts that must not start anew with the server.
 *
 * <state_directory>/counters holds how many batches were dropped, rejected
 * and split since the collector id exists, and the last sequence number.
 */
#ifndef COUNTERS_H
#define COUNTERS_H

#include "postgres.h"

#include "port/atomics.h"

/* Into shared memory; what cannot be read starts at zero. */
extern void CountersLoad(void);

/* Adds to one of Shared's dropped, rejected, split and saves all of them. */
extern void CountersAdd(pg_atomic_uint64 *counter, uint64 n);

extern void CountersSave(void);

#endif							/* COUNTERS_H */
