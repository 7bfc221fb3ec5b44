/*
 * breaker.h
 *		The circuit breaker of probes.
 *
 * A probe that has timed out three times in a row in a database is left alone
 * for twice its interval, then, if it times out again, for four times, and so
 * on up to an hour.  One that comes to its end is as good as new, and so are all
 * after a reload.  The state is in shared memory: visitors are gone after a visit.
 */
#ifndef BREAKER_H
#define BREAKER_H

#include "postgres.h"

#include "datatype/timestamp.h"

/*
 * What is told apart: "what" is an address that every process has, of a probe
 * or of a function; a custom collector has a number instead.
 */
typedef struct BreakerKey
{
	int			collector;
	Oid			database;
	const void *what;
	uint64		number;
	int			interval_s; /* between two runs, 0: that of the collector; tells nothing apart */
} BreakerKey;

/* Is it to be left alone?  Until when, and after how many timeouts. */
extern bool BreakerIsOpen(const BreakerKey *key, TimestampTz *until, int *timeouts);

extern void BreakerTimedOut(const BreakerKey *key);

/* It costs more than a timeout: at once, and where "longest" for an hour. */
extern void BreakerOpen(const BreakerKey *key, bool longest);

extern void BreakerSucceeded(const BreakerKey *key);

/* Nothing of a custom collector is known any more, in any database.  Under Shared->lock. */
extern void BreakersForget(uint64 number);

extern void BreakersReset(void);

#endif /* BREAKER_H */
