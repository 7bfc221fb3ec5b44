/*
 * visits.h
 *		Rounds of visits to databases, seen from the collector.
 */
#ifndef VISITS_H
#define VISITS_H

#include "postgres.h"

#include "spool/batch.h"

/* Is a round under way? */
extern bool VisitsUnderWay(void);

/*
 * Begins a round: every allowed database is to be visited for the collectors
 * of the mask (1 << CollectorType); for COLLECTOR_CUSTOM, those databases that
 * a custom collector of the set (custom.h) is meant for.  False: the list of
 * databases could not be read; the error is in the batch.
 */
extern bool VisitsBegin(uint32 collectors, uint64 custom, Batch *batch);

/*
 * Starts visitors and takes note of those that ended; to be called in every
 * cycle.  Errors of visitors that could not speak for themselves go into the
 * batch.  Returns ms until it wants to be called again (-1: when a visitor
 * ends, the latch is set).
 */
extern long VisitsAdvance(Batch *batch);

#define VISIT_DEADLINE_MS 3000

#endif							/* VISITS_H */
