/*
 * pg_query_stats.h
 *		Statements: ranking by growth, memory of the last cycle, texts.
 */
#ifndef PG_QUERY_STATS_H
#define PG_QUERY_STATS_H

#include "collect/sql.h"

/* Writes one metric a database; in_session without memory: by totals, all texts. */
extern void QueryStatsRun(SqlRun *run);

/* While it is switched off: nothing is remembered, nothing is a problem. */
extern void QueryStatsRest(void);

#endif /* PG_QUERY_STATS_H */
