/*
 * pg_stats.h
 *		Statistics of a database, its tables and indexes.
 */
#ifndef PG_STATS_H
#define PG_STATS_H

#include "collect/sql.h"

/* Full, or partial where pganalytics.full_snapshot_interval allows it; in a session always full. */
extern void PgStatsRun(SqlRun *run);

/* The batch that was written since is in the spool, or is not. */
extern void PgStatsKept(bool kept);

#endif /* PG_STATS_H */
