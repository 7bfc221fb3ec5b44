/*
 * visits.h
 *		Visits to databases, seen from the collector.
 */
#ifndef VISITS_H
#define VISITS_H

#include "postgres.h"

#include "spool/batch.h"

/*
 * Starts visitors where databases are due and takes note of those that ended;
 * to be called in every cycle.  Errors of visitors that could not speak for
 * themselves go into the batch.  Returns ms until it wants to be called again
 * (when a visitor ends, the latch is set as well).  scheduled false: nothing
 * begins that nobody asked for.
 */
extern long VisitsAdvance(Batch *batch, bool scheduled);

/* how long a visit may take; valgrind needs longer */
#ifndef VISIT_DEADLINE_MS
#define VISIT_DEADLINE_MS 3000
#endif

#endif /* VISITS_H */
