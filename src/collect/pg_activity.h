/*
 * pg_activity.h
 *		What the backends do, sampled.
 */
#ifndef PG_ACTIVITY_H
#define PG_ACTIVITY_H

#include "postgres.h"

#include "collect/run.h"

/* Looks at every backend once and adds what it sees to the collector's tally. */
extern void ActivitySample(void);

/* Forgets what has been seen: there will be no report of it. */
extern void ActivityForget(void);

/* What has been seen since the last report, with names instead of OIDs. */
typedef struct ActivityReport ActivityReport;

/*
 * Within a query (query.h): names are looked up and converted, which can fail.
 * of_this_moment: of one look now instead of the collector's tally.  Lives in
 * CurrentMemoryContext, well under 1 MB.
 */
extern ActivityReport *ActivityReportCreate(bool of_this_moment);

/* Fills the fields of the metric itself. */
extern void ActivityReportValues(const ActivityReport *report, const Field *fields, Value *values);

/* Writes the array "states"; returns the number of rows.  The collector's tally begins anew. */
extern int ActivityReportWrite(const ActivityReport *report, MetricStream *stream);

#endif /* PG_ACTIVITY_H */
