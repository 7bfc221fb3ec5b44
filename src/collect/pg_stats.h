/*
 * pg_stats.h
 *		Statistics of one database.
 */
#ifndef PG_STATS_H
#define PG_STATS_H

#include "postgres.h"

#include "spool/batch.h"

/*
 * Writes the pg_stats metrics of the current database.  In a visitor each
 * probe is a transaction of its own, gets min(statement_timeout, what is left
 * until the deadline), and reports its error to the batch; in_session (the
 * caller's transaction) errors are raised and the deadline is not looked at.
 */
extern void PgStatsCollect(Batch *batch, bool in_session, TimestampTz deadline);

#endif							/* PG_STATS_H */
