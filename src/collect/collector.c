/*
 * collector.c
 *		The worker that decides what is read when.
 *
 * Connected to pganalytics.database for its lifetime.  It sleeps on its latch
 * until the next collector is due, somebody calls pganalytics_collect(), a
 * visitor ends or the settings are reloaded.  One wakeup makes one batch of
 * everything that is due at the time; what has to be read inside of other
 * databases is left to visitors (visits.c).
 *
 * Between the runs of pg_activity it also wakes up to sample: once a second by
 * default, and whatever the intervals of the collectors are.  Such a wakeup
 * makes no batch and no query and looks at nothing else.
 *
 * A missing database must not become a crash loop: before it connects, the
 * worker notes in shared memory when the next try may be, and clears the note
 * once it is in.  After a failed try (which ends the process) its successor
 * waits until then, unconnected, and therefore in nobody's way.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/problem.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/worker.h"
#include "collect/breaker.h"
#include "collect/collect.h"
#include "collect/cpu_lid.h"
#include "collect/pg_activity.h"
#include "collect/pg_query_stats.h"
#include "collect/query.h"
#include "collect/session.h"
#include "collect/snapshots.h"
#include "collect/visits.h"
#include "host/host.h"
#include "log/log.h"
#include "spool/batch.h"
#include "spool/spool.h"

#define MIN_CONNECT_WAIT_S 5
#define MAX_SAMPLES_PER_REPORT 300 /* of pg_activity */
#define MAX_CONNECT_WAIT_S 300
#define RETRY_AFTER_S 60
#define LOG_AFTER_RELOAD_S 1 /* the logging collector has heard of it by then */
#define LID_WAIT_MS 1000L	 /* between looks at the CPU where collectors are delayed */
#define HURRY_US 1000000	 /* shortest time between two runs of pg_log that cannot wait */
#define MAX_TABLESPACES 1000 /* that are known by name; others go by OID */

extern PGDLLEXPORT void PganalyticsCollectorMain(Datum main_arg);

typedef struct Collection
{
	char		 database[NAMEDATALEN]; /* that we are connected to */
	Periodic	 jobs[NUM_COLLECTORS];
	TimestampTz	 work_due;	/* when there is more to do than to sample; 0: now */
	TimestampTz	 looked_at; /* when the last cycle began */
	Periodic	 sampling;
	SysstatState sysstat;
	LogReader	*log;
	TimestampTz	 log_hurried_at; /* when it was read before its time */
	uint64		 reloads;		 /* that were seen */
	Batch		*batch;			 /* of the cycle */
} Collection;

/* ---- what each collector does ---- */

typedef struct Tablespaces
{
	MemoryContext  context;
	TablespaceName names[MAX_TABLESPACES];
	int			   count;
} Tablespaces;

static void
ListTablespaces(void *arg)
{
	Tablespaces *list = arg;

	if (SPI_execute("SELECT oid, spcname FROM pg_catalog.pg_tablespace ORDER BY oid", true,
					MAX_TABLESPACES) != SPI_OK_SELECT)
		elog(ERROR, "could not list the tablespaces");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		bool	  is_null;
		char	 *name = NameStr(*DatumGetName(SPI_getbinval(row, desc, 2, &is_null)));

		list->names[list->count].oid = DatumGetObjectId(SPI_getbinval(row, desc, 1, &is_null));
		list->names[list->count++].name =
			MemoryContextStrdup(list->context, SharedNameToUtf8(name));
	}
}

void
CollectDiskUsage(Batch *batch, bool in_session)
{
	Tablespaces *list = palloc0(sizeof(Tablespaces));
	QueryError	 error;

	list->context = CurrentMemoryContext;
	if (in_session)
		QueryRunInSession(ListTablespaces, list);
	else if (!QueryRun(ListTablespaces, list, Setting.statement_timeout_ms, &error))
		BatchError(batch, Collectors[COLLECTOR_DISK_USAGE].name, NULL,
				   error.sqlstate[0] ? error.sqlstate : NULL, error.message);
	DiskUsageCollect(batch, list->names, list->count);
}

static void
RunWithin(Periodic *job, int seconds)
{
	job->due = Min(job->due, GetCurrentTimestamp() + seconds * USECS_PER_SEC);
}

static void
RunCollector(Collection *c, int type, Batch *batch)
{
	int64 rows = BatchRows(batch);
	int	  errors = BatchErrors(batch);

	LedgerBegin(type);
	WorkerReport(Collectors[type].name);
	switch (type)
	{
		case COLLECTOR_SYSSTAT:
			SysstatCollect(batch, &c->sysstat);
			break;
		case COLLECTOR_DISK_USAGE:
			CollectDiskUsage(batch, false);
			break;
		case COLLECTOR_PG_LOG:
			LogCollect(c->log, batch, false);
			break;
		default:
			if (SqlCollect(type, batch, false, 0) == SQL_TIMED_OUT)
				RunWithin(&c->jobs[type], RETRY_AFTER_S); /* not in an hour */
			break;
	}
	errors = BatchErrors(batch) - errors;
	LedgerAdd(type, BatchRows(batch) - rows, errors, errors ? BatchLastError(batch) : NULL, NULL);
}

/* ---- the schedule ---- */

static int64
IntervalMs(int type)
{
	return (int64) CollectorInterval(type) * 1000;
}

/* Entries of the log wait in memory, where there is not much room. */
static bool
LogCannotWait(Collection *c, TimestampTz now)
{
	return LogIsUrgent() && (now < c->log_hurried_at || now >= c->log_hurried_at + HURRY_US);
}

static bool
IsDue(Collection *c, int type, TimestampTz now)
{
	if (LedgerIsRequested(type))
	{
		c->jobs[type].interval_ms = 0; /* counts from this run on */
		return PeriodicIsDue(&c->jobs[type], IntervalMs(type), now);
	}
	if (!CollectorEnabled(type))
		return false;
	if (type == COLLECTOR_PG_LOG && LogCannotWait(c, now))
	{
		c->log_hurried_at = now;
		return true;
	}
	return PeriodicIsDue(&c->jobs[type], IntervalMs(type), now);
}

/*
 * Which of those that need no visit are due?  A mask of 1 << CollectorType;
 * scheduled false: only those that somebody asked for.
 */
static uint32
DueCollectors(Collection *c, TimestampTz now, bool scheduled)
{
	uint32 due = 0;

	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (Collectors[i].scope != SCOPE_DATABASE && (scheduled || LedgerIsRequested(i)) &&
			IsDue(c, i, now))
			due |= 1U << i;
	}
	return due;
}

static long
MinWait(long a, long b)
{
	if (a < 0 || b < 0)
		return Max(a, b);
	return Min(a, b);
}

static long
NextDue(Collection *c)
{
	TimestampTz now = GetCurrentTimestamp();
	long		wait_ms = -1;

	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (Collectors[i].scope == SCOPE_DATABASE)
			continue; /* visits.c */
		if (LedgerIsRequested(i))
			return 0; /* a query that waited for a lock took the latch */
		if (CollectorEnabled(i))
			wait_ms = PeriodicWait(&c->jobs[i], now, wait_ms);
	}
	if (CollectorEnabled(COLLECTOR_PG_LOG) && LogIsUrgent())
		wait_ms = MinWait(wait_ms, HURRY_US / 1000);
	return wait_ms;
}

static void
RunDueCollectors(Collection *c, uint32 due, Batch *batch)
{
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if ((due & (1U << i)) == 0)
			continue;
		RunCollector(c, i, batch);
		CHECK_FOR_INTERRUPTS();
		if (ShutdownIsRequested())
			break; /* the batch is still closed */
	}
}

static void
FinishRuns(Collection *c, uint32 due, bool kept)
{
	if (due & (1U << COLLECTOR_PG_LOG))
	{
		if (kept)
			LogCollectCommitted(c->log);
		else
			LogCollectFailed(c->log);
	}
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (due & (1U << i))
			LedgerEnd(i, kept);
	}
}

/* A server that wants few reports is not to be woken for thousands of samples each. */
static int64
SampleIntervalMs(void)
{
	return Max(Setting.activity_sample_interval_ms,
			   IntervalMs(COLLECTOR_PG_ACTIVITY) / MAX_SAMPLES_PER_REPORT);
}

static void
TakeSamples(Collection *c, TimestampTz now)
{
	if (!CollectorEnabled(COLLECTOR_PG_ACTIVITY))
		ActivityForget();
	else if (PeriodicIsDue(&c->sampling, SampleIntervalMs(), now))
		ActivitySample();
}

/*
 * What ends the process while it reads (a database that is dropped on the primary, the end
 * of the postmaster) does not take along what it has read.  The runs are not over: whoever
 * waits for one gets it from the next collector.
 */
static void
FinishEarly(int code, Datum arg)
{
	Batch *batch = ((Collection *) DatumGetPointer(arg))->batch;

	if (!proc_exit_inprogress)
		return; /* an error: it may have come while the batch was written */
	BatchMetricAbort(batch);
	(void) BatchClose(batch);
}

/* Reads what is due; returns ms until another visit is. */
static long
ReadAll(Collection *c, uint32 due, bool scheduled)
{
	long wait_ms = -1;

	PG_ENSURE_ERROR_CLEANUP(FinishEarly, PointerGetDatum(c));
	{
		RunDueCollectors(c, due, c->batch);
		wait_ms = VisitsAdvance(c->batch, scheduled);
	}
	PG_END_ENSURE_ERROR_CLEANUP(FinishEarly, PointerGetDatum(c));
	return wait_ms;
}

/* Runs what is due; returns ms until something else is, -1: nothing will be. */
static long
RunWork(Collection *c, TimestampTz now)
{
	uint32 due;
	long   wait_ms;
	bool   scheduled = CpuLidAllows(now);
	bool   kept;

	if (!CollectorEnabled(COLLECTOR_PG_LOG))
		LogReaderRest(c->log);
	if (!CollectorEnabled(COLLECTOR_PG_QUERY_STATS))
		QueryStatsRest();
	SpoolOpen();
	if (WorkerReloadCount() != c->reloads)
	{
		c->jobs[COLLECTOR_PG_SETTINGS].due = 0; /* at once */
		/* the next reload may change it again, and nobody would find the file between */
		if (LogTargetHasChanged(c->log))
			RunWithin(&c->jobs[COLLECTOR_PG_LOG], LOG_AFTER_RELOAD_S);
		BreakersReset();
	}
	c->reloads = WorkerReloadCount();
	SnapshotsKept(false); /* left over where an error ended the last cycle */

	c->batch = BatchCreate();
	due = DueCollectors(c, now, scheduled);
	wait_ms = ReadAll(c, due, scheduled);
	kept = BatchClose(c->batch);
	SnapshotsKept(kept);
	FinishRuns(c, due, kept);
	pgstat_report_stat(true);

	wait_ms = MinWait(wait_ms, NextDue(c));
	return scheduled ? wait_ms : Max(wait_ms, LID_WAIT_MS);
}

/* Did the wait end for a sample alone?  Not where the clock was set back: then all times are checked. */
static bool
IsForSampleOnly(Collection *c, TimestampTz now)
{
	return !WorkerWasWoken() && now >= c->looked_at && now < c->work_due;
}

static long
NextWakeup(Collection *c)
{
	TimestampTz now = GetCurrentTimestamp();
	long		wait_ms = -1;

	if (c->work_due != DT_NOEND)
		wait_ms = TimestampDifferenceMilliseconds(now, c->work_due);
	if (CollectorEnabled(COLLECTOR_PG_ACTIVITY))
		wait_ms = PeriodicWait(&c->sampling, now, wait_ms);
	return wait_ms;
}

static long
CollectorCycle(void *arg)
{
	Collection *c = arg;
	TimestampTz now = GetCurrentTimestamp();
	bool		only_sample = IsForSampleOnly(c, now);

	if (strcmp(c->database, Setting.database) != 0)
		proc_exit(1); /* "pganalytics.database" was changed: start anew, connect there */
	c->looked_at = now;
	TakeSamples(c, now);
	if (!only_sample)
	{
		long wait_ms;

		c->work_due = 0; /* after an error, too */
		wait_ms = RunWork(c, now);
		c->work_due =
			wait_ms < 0 ? DT_NOEND : TimestampTzPlusMilliseconds(GetCurrentTimestamp(), wait_ms);
	}
	return NextWakeup(c);
}

/* ---- connecting ---- */

static void
WaitBeforeConnecting(void)
{
	/* reloaded while there was no collector: the postmaster, whose child this is, knows when */
	if (PgReloadTime > Shared->connect_tried_at)
	{
		Shared->connect_failures = 0;
		return;
	}
	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();
		TimestampTz until = Shared->connect_not_before;
		uint64		reloads = WorkerReloadCount();

		if (now >= until || until > now + MAX_CONNECT_WAIT_S * USECS_PER_SEC)
			return;
		WorkerReport("waiting to connect");
		SpoolOpen();
		WorkerWait(TimestampDifferenceMilliseconds(now, until));
		if (WorkerReloadCount() != reloads)
		{
			Shared->connect_failures = 0;
			return;
		}
	}
}

static void
Connect(Collection *c)
{
	int wait_s;

	WaitBeforeConnecting();
	strlcpy(c->database, Setting.database, sizeof(c->database));

	wait_s = MIN_CONNECT_WAIT_S << Min(Shared->connect_failures, 6);
	Shared->connect_tried_at = GetCurrentTimestamp();
	Shared->connect_not_before =
		Shared->connect_tried_at + Min(wait_s, MAX_CONNECT_WAIT_S) * USECS_PER_SEC;
	Shared->connect_failures++;
	SessionBeforeConnecting(Setting.lock_timeout_ms);
	BackgroundWorkerInitializeConnection(c->database, NULL, 0);
	Shared->connect_failures = 0;
	Shared->connect_not_before = 0;
}

void
PganalyticsCollectorMain(Datum main_arg)
{
	static Collection collection;

	if (Shared == NULL)
		proc_exit(1);
	WorkerStart(&Shared->collector);
	SpoolOpen();
	Connect(&collection);
	SessionPrepare("pganalytics collector");
	collection.log = LogReaderCreate();
	WorkerLoop(CollectorCycle, &collection);
}
