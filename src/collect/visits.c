/*
 * visits.c
 *		Rounds of visits to databases, seen from the collector.
 *
 * A round is the list of the databases to visit; the collector keeps at most
 * "pganalytics.visitors" dynamic workers going until the list is empty.  It
 * never waits for one: the postmaster signals the end of a visitor, which sets
 * the collector's latch, and the next cycle finds it stopped.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/problem.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/worker.h"
#include "collect/custom.h"
#include "collect/ledger.h"
#include "collect/query.h"
#include "collect/visits.h"

#define RETRY_MS 1000L			/* when no worker slot is free */
#define MAX_RETRIES 10			/* in a row; then the rest of the round is given up */

typedef struct Visit
{
	Oid			database;
	char		name[NAMEDATALEN];
} Visit;

static MemoryContext round_context = NULL;	/* NULL: no round is under way */
static Visit *to_visit;
static int	visit_count;
static int	next_visit;
static uint32 round_collectors;
static uint64 round_custom;
static int	retries;
static bool visit_failed;		/* in this round */

static BackgroundWorkerHandle *handles[MAX_VISITORS];

bool
VisitsUnderWay(void)
{
	return round_context != NULL;
}

/* ---- the list ---- */

static void
ListDatabases(void *arg)
{
	uint64		rows;

	if (SPI_execute("SELECT oid, datname FROM pg_catalog.pg_database "
					"WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 ORDER BY oid",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not list the databases");

	rows = SPI_processed;
	to_visit = MemoryContextAllocHuge(round_context, sizeof(Visit) * Max(rows, 1));
	for (uint64 i = 0; i < rows; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		is_null;
		Visit	   *visit = &to_visit[visit_count];

		visit->database = DatumGetObjectId(SPI_getbinval(row, desc, 1, &is_null));
		strlcpy(visit->name, NameStr(*DatumGetName(SPI_getbinval(row, desc, 2, &is_null))),
				sizeof(visit->name));
		if (PatternListMatches(Setting.databases, visit->name) &&
			!PatternListMatches(Setting.exclude_databases, visit->name) &&
			(round_collectors != 1U << COLLECTOR_CUSTOM ||
			 CustomForDatabase(round_custom, visit->name) != 0))
			visit_count++;
	}
}

static void
EndRound(bool kept)
{
	MemoryContextDelete(round_context);
	round_context = NULL;
	if (!visit_failed)
		ProblemClear(PROBLEM_VISITORS); /* one good visit among bad ones is no end of it */
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (round_collectors & (1U << i))
			LedgerEnd(i, kept);
	}
}

/* A part of the round that no visitor can report itself. */
static void
RoundError(Batch *batch, const char *database, const char *message)
{
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (round_collectors & (1U << i))
		{
			BatchError(batch, Collectors[i].name, database, NULL, message);
			LedgerAdd(i, 0, 1, message, database);
		}
	}
}

bool
VisitsBegin(uint32 collectors, uint64 custom, Batch *batch)
{
	QueryError	error;

	round_context = AllocSetContextCreate(TopMemoryContext, "pganalytics round",
										  ALLOCSET_DEFAULT_SIZES);
	visit_count = next_visit = retries = 0;
	visit_failed = false;
	round_collectors = collectors;
	round_custom = custom;
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (collectors & (1U << i))
			LedgerBegin(i);
	}
	if (QueryRun(ListDatabases, NULL, Setting.statement_timeout_ms, &error))
		return true;
	RoundError(batch, NULL, error.message);
	EndRound(true);
	return false;
}

/* ---- visitors ---- */

static void
DatabaseExists(void *arg)
{
	Oid		   *database = arg;

	if (get_database_name(*database) == NULL)
		*database = InvalidOid;
}

/* The visitor of this slot is gone. */
static void
NoteEnd(int i, Batch *batch)
{
	VisitorSlot *slot = &Shared->visitors[i];
	QueryError	error;
	Oid			database = slot->database;

	pfree(handles[i]);
	handles[i] = NULL;
	if (!slot->finished && !ShutdownIsRequested() &&
		(!QueryRun(DatabaseExists, &database, Setting.statement_timeout_ms, &error) ||
		 OidIsValid(database)))
	{
		/* not one that was dropped before or while it was visited */
		visit_failed = true;
		RoundError(batch, slot->database_name,
				   "the visit ended early; the server log says why");
		ProblemSet(PROBLEM_VISITORS, 1,
				   "the visit to database \"%s\" ended early; the server log says why, or leave it "
				   "out by pganalytics.exclude_databases", slot->database_name);
	}
}

static bool
StartVisitor(int i, const Visit *visit)
{
	VisitorSlot *slot = &Shared->visitors[i];
	BackgroundWorker worker;
	MemoryContext old;
	bool		started;

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	memset(&slot->worker, 0, sizeof(slot->worker));
	slot->database = visit->database;
	strlcpy(slot->database_name, visit->name, sizeof(slot->database_name));
	slot->collectors = round_collectors;
	slot->custom = CustomForDatabase(round_custom, visit->name);
	slot->finished = false;
	LWLockRelease(Shared->lock);

	memset(&worker, 0, sizeof(worker));
	snprintf(worker.bgw_name, BGW_MAXLEN, "pganalytics visitor of %s", visit->name);
	snprintf(worker.bgw_type, BGW_MAXLEN, "pganalytics visitor");
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "pganalytics");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "PganalyticsVisitorMain");
	worker.bgw_flags =
		BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION | BGWORKER_INTERRUPTIBLE;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = Int32GetDatum(i);
	worker.bgw_notify_pid = MyProcPid;

	old = MemoryContextSwitchTo(TopMemoryContext);
	started = RegisterDynamicBackgroundWorker(&worker, &handles[i]);
	MemoryContextSwitchTo(old);
	if (!started)
		handles[i] = NULL;
	return started;
}

/*
 * No slot is free for a visitor; "busy" of them run.  False: none has been for
 * long, and nobody who waits for the round is kept waiting any longer.
 */
static bool
WaitForFreeSlot(int busy, Batch *batch)
{
	char		text[ERROR_TEXT_SIZE];

	snprintf(text, sizeof(text),
			 "no background worker is free to visit databases: all of \"max_worker_processes\" (%d) "
			 "are taken; raise it to at least %d (on standbys first) and restart the server",
			 max_worker_processes,
			 Max(WorkerProcessesNeeded(), max_worker_processes + Max(Setting.visitors - busy, 1)));
	visit_failed = true;
	ProblemSet(PROBLEM_VISITORS, 2, "%s", text);
	if (busy > 0 || ++retries < MAX_RETRIES)
		return true;
	RoundError(batch, NULL, text);
	next_visit = visit_count;
	return false;
}

long
VisitsAdvance(Batch *batch)
{
	int			busy = 0;
	pid_t		pid;

	for (int i = 0; i < MAX_VISITORS; i++)
	{
		if (handles[i] && GetBackgroundWorkerPid(handles[i], &pid) == BGWH_STOPPED)
			NoteEnd(i, batch);
		if (handles[i])
			busy++;
	}
	if (round_context == NULL)
		return -1;

	for (int i = 0; i < MAX_VISITORS && busy < Setting.visitors && next_visit < visit_count; i++)
	{
		/* a visitor of a collector that crashed may still be there */
		if (handles[i] || Shared->visitors[i].worker.pid != 0)
			continue;
		if (StartVisitor(i, &to_visit[next_visit]))
		{
			busy++;
			next_visit++;
			retries = 0;
			continue;
		}
		if (WaitForFreeSlot(busy, batch))
			return RETRY_MS;
	}
	if (busy == 0 && next_visit == visit_count)
		EndRound(true);
	else if (busy == 0)
		return RETRY_MS;		/* all slots are taken by visitors of another life */
	return -1;
}
