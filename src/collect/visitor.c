/*
 * visitor.c
 *		The worker that looks at one database and goes away.
 *
 * What only a database knows about itself can be read only from within.  A
 * worker that stayed connected would stand in the way of DROP DATABASE and of
 * CREATE DATABASE ... TEMPLATE, which wait five seconds for others to leave, and
 * would keep the relation statistics of every database in its memory.  So a
 * visitor connects, reads what is due within three seconds, writes a batch of
 * its own, and exits.  The collector starts it, one database after the other,
 * and learns of its end by a signal (bgw_notify_pid).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/settings.h"
#include "base/shared.h"
#include "base/worker.h"
#include "collect/custom.h"
#include "collect/ledger.h"
#include "collect/query.h"
#include "collect/pg_schema.h"
#include "collect/sql.h"
#include "collect/session.h"
#include "collect/snapshots.h"
#include "collect/visits.h"

extern PGDLLEXPORT void PganalyticsVisitorMain(Datum main_arg);

/* The schema is read hourly, and where it seems to have changed when pg_stats is read. */
static bool
LookForChanges(uint32 collectors)
{
	return (collectors & (1U << COLLECTOR_PG_STATS)) != 0 &&
		(collectors & (1U << COLLECTOR_PG_SCHEMA)) == 0 &&
		CollectorEnabled(COLLECTOR_PG_SCHEMA) && SchemaIsOutdated();
}

static void
Visit(VisitorSlot *slot, TimestampTz deadline)
{
	int64		rows[NUM_COLLECTORS] = {0};
	int			errors[NUM_COLLECTORS] = {0};
	Batch	   *batch = BatchCreate();
	uint32		collectors = slot->collectors;
	bool		kept;

	if (LookForChanges(collectors))
		collectors |= 1U << COLLECTOR_PG_SCHEMA;
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if ((collectors & (1U << i)) == 0)
			continue;
		WorkerReport(Collectors[i].name);
		rows[i] = -BatchRows(batch);
		errors[i] = -BatchErrors(batch);
		if (i == COLLECTOR_CUSTOM)
			CustomCollect(slot->custom, batch, SharedNameToUtf8(slot->database_name), deadline);
		else
			SqlCollect(i, batch, false, deadline);
		rows[i] += BatchRows(batch);
		errors[i] += BatchErrors(batch);
	}
	kept = BatchClose(batch);
	SnapshotsKept(kept);

	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if ((collectors & (1U << i)) == 0)
			continue;
		LedgerAdd(i, rows[i], errors[i], errors[i] ? BatchLastError(batch) : NULL,
				  slot->database_name);
		if (!kept)
			LedgerLost(i, slot->database_name);
	}
}

void
PganalyticsVisitorMain(Datum main_arg)
{
	VisitorSlot *slot;
	TimestampTz started_at = GetCurrentTimestamp();
	double		duration_ms;

	if (Shared == NULL)
		proc_exit(0);
	slot = &Shared->visitors[DatumGetInt32(main_arg)];
	WorkerStart(&slot->worker);
	SessionBeforeConnecting(Setting.lock_timeout_ms);
	BackgroundWorkerInitializeConnectionByOid(slot->database, InvalidOid, 0);
	WorkerIsConnected();
	SessionPrepare("pganalytics visitor");
	CurrentMemoryContext = AllocSetContextCreate(TopMemoryContext, "pganalytics visit",
												 ALLOCSET_DEFAULT_SIZES);

	Visit(slot, TimestampTzPlusMilliseconds(started_at, VISIT_DEADLINE_MS));

	duration_ms = (GetCurrentTimestamp() - started_at) / 1000.0;
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	slot->finished = true;
	Shared->longest_visit_ms = Max(Shared->longest_visit_ms, duration_ms);
	LWLockRelease(Shared->lock);
	proc_exit(0);
}
