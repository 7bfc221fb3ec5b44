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
#include "collect/pg_stats.h"
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
		(collectors & (1U << COLLECTOR_PG_SCHEMA)) == 0 && CollectorEnabled(COLLECTOR_PG_SCHEMA) &&
		SchemaIsOutdated();
}

/*
 * How much a visitor may have taken before it leaves what else is due to another
 * one; valgrind takes more.  The estimate of bloat needs most itself.
 */
#ifndef ENOUGH_MEMORY
#define ENOUGH_MEMORY (8 * 1024 * 1024)
#endif

typedef struct CollectorResult
{
	bool	   ran;
	SqlOutcome outcome;
	int64	   rows;
	int		   errors;
	double	   ms;

	const char *error; /* the last one; of the batch's memory */
} CollectorResult;

/* The one of this process. */
static VisitorSlot	  *slot;
static Batch		  *batch;
static CollectorResult results[NUM_COLLECTORS];

static void
RunCollector(int collector, TimestampTz deadline)
{
	CollectorResult *result = &results[collector];
	TimestampTz		 started_at = GetCurrentTimestamp();
	int64			 rows = BatchRows(batch);
	int				 errors = BatchErrors(batch);
	MemoryContext	 old = CurrentMemoryContext;
	MemoryContext	 context =
		AllocSetContextCreate(old, "pganalytics collector", ALLOCSET_DEFAULT_SIZES);

	WorkerReport(Collectors[collector].name);
	MemoryContextSwitchTo(context);
	result->outcome = SQL_DONE;
	if (collector == COLLECTOR_CUSTOM)
		CustomCollect(slot, batch, deadline);
	else
		result->outcome = SqlCollect(collector, batch, false, deadline);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	result->ran = true;
	result->rows = BatchRows(batch) - rows;
	result->errors = BatchErrors(batch) - errors;
	result->error = result->errors ? BatchLastError(batch) : NULL;
	result->ms = (GetCurrentTimestamp() - started_at) / 1000.0;
}

/* One is always run, else nothing would ever be. */
static bool
HasRoomFor(int collector, int ran, TimestampTz deadline)
{
	int64 enough = collector == COLLECTOR_PG_BLOAT ? ENOUGH_MEMORY / 2 : ENOUGH_MEMORY;

	return ran == 0 ||
		(GetCurrentTimestamp() < deadline && WorkerMemory() < enough && !ShutdownIsRequested());
}

/* Writes what has been read. */
static void
Finish(void)
{
	bool kept = BatchClose(batch);

	SnapshotsKept(kept);
	PgStatsKept(kept);
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		const CollectorResult *result = &results[i];

		if (!result->ran)
			continue;
		LedgerAdd(i, result->rows, result->errors, result->error, slot->database_name);
		LedgerAddTime(i, result->ms);
		if (kept)
			continue;
		LedgerLost(i, slot->database_name);
		slot->failed |= 1U << i;
	}
}

/*
 * Whatever ends the process while it reads (a custom collector that takes no
 * cancellation, an administrator) does not take along what it has read.
 */
static void
FinishEarly(int code, Datum arg)
{
	BatchMetricAbort(batch);
	Finish();
}

static void
Visit(TimestampTz deadline)
{
	uint32 collectors = slot->collectors;
	int	   ran = 0;

	batch = BatchCreate();
	before_shmem_exit(FinishEarly, (Datum) 0);
	if (LookForChanges(collectors))
		collectors |= 1U << COLLECTOR_PG_SCHEMA;
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		int collector = slot->order[i];

		if ((collectors & (1U << collector)) == 0)
			continue;
		if (HasRoomFor(collector, ran, deadline))
		{
			RunCollector(collector, deadline);
			ran++;
			if (results[collector].outcome == SQL_TIMED_OUT)
				slot->failed |= 1U << collector;
			else if (results[collector].outcome == SQL_CUT_SHORT)
				slot->left |= 1U << collector;
		}
		else
			slot->left |= 1U << collector;
	}
	cancel_before_shmem_exit(FinishEarly, (Datum) 0);
	Finish();
}

void
PganalyticsVisitorMain(Datum main_arg)
{
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
	CurrentMemoryContext =
		AllocSetContextCreate(TopMemoryContext, "pganalytics visit", ALLOCSET_DEFAULT_SIZES);

	Visit(TimestampTzPlusMilliseconds(started_at, VISIT_DEADLINE_MS));

	duration_ms = (GetCurrentTimestamp() - started_at) / 1000.0;
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	slot->finished = true;
	Shared->longest_visit_ms = Max(Shared->longest_visit_ms, duration_ms);
	LWLockRelease(Shared->lock);
	proc_exit(0);
}
