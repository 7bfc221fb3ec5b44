/*
 * visits.c
 *		Visits to databases, seen from the collector.
 *
 * visit_plan.c says which database is due; here the list of databases is read,
 * and at most "pganalytics.visitors" dynamic workers are kept going.  The
 * collector never waits for one: the postmaster signals the end of a visitor,
 * which sets the collector's latch, and the next cycle finds it stopped.
 *
 * What the ledger calls a run is, of a collector of databases, a round: every
 * database visited once.  A round follows the other, each as long as the
 * interval; pganalytics_collect() begins one of its own, which does not wait.
 *
 * Custom collectors have intervals and databases of their own, and visits of
 * their own: whatever happens to a visitor that runs them costs nobody else's
 * batch.  Their rounds begin when some of them are due.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/problem.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/worker.h"
#include "collect/custom.h"
#include "collect/database_list.h"
#include "collect/ledger.h"
#include "collect/relation_memory.h"
#include "collect/visit_plan.h"
#include "collect/visits.h"

#define LIST_AT_LEAST USECS_PER_SEC /* between two looks for databases that have come */
#define LIST_AT_MOST (60 * USECS_PER_SEC)
#define RETRY_MS 1000L /* when no worker slot is free */
#define MAX_RETRIES 10 /* in a row; then nobody is kept waiting any longer */
#define LATE_FACTOR 10 /* intervals without a visit that are a problem */
#define LATE_AT_LEAST (60 * USECS_PER_SEC)

static VisitPlan   plan;
static bool		   is_listed; /* the list has been read */
static TimestampTz listed_at;
static bool		   rounds_have_begun;
static uint32	   asked_for;		  /* rounds under way that somebody waits for */
static uint32	   visited;			  /* collectors of which the round has had a visit */
static bool		   custom_is_running; /* a round of custom collectors */
static uint64	   custom_set;		  /* which of them */
static int		   retries;
static Oid		   troubled; /* the database of PROBLEM_VISITORS, if it is one's */

static BackgroundWorkerHandle *handles[MAX_VISITORS];
static bool					   given_up[MAX_VISITORS]; /* it never ends, and nobody waits for it */

static bool
IsIn(uint32 mask, int collector)
{
	return (mask & (1U << collector)) != 0;
}

/* What no visitor can report itself. */
static void
ReportError(Batch *batch, uint32 collectors, const char *database, const char *message)
{
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (IsIn(collectors, i))
		{
			BatchError(batch, Collectors[i].name, database, NULL, message);
			LedgerAdd(i, 0, 1, message, database);
		}
	}
}

/* ---- the list ---- */

static bool
IsVisited(Oid database)
{
	return VisitPlanHas(&plan, database);
}

/* What is remembered of databases that are gone. */
static void
SweepMemories(const PlannedDatabase *before, int count)
{
	bool is_the_same = before != NULL && count == plan.count;

	for (int i = 0; is_the_same && i < count; i++)
		is_the_same = before[i].oid == plan.databases[i].oid;
	if (!is_the_same)
		RelationMemoriesSweep(IsVisited);
}

static bool
ReadList(uint32 collectors, Batch *batch, TimestampTz now)
{
	PlannedDatabase *before;
	PlannedDatabase *databases;
	int				 count_before = plan.count;
	int				 count;
	QueryError		 error;

	listed_at = now;
	if (!DatabaseListRead(&databases, &count, &error))
	{
		ReportError(batch, collectors, NULL, error.message);
		return false;
	}
	before = VisitPlanReplace(&plan, databases, count, now);
	SweepMemories(before, count_before);
	if (before)
		pfree(before);
	is_listed = true;
	return true;
}

/* µs from one reading to the next */
static int64
ListEvery(void)
{
	int64 interval = VisitPlanShortestInterval(&plan);

	if (interval == 0)
		return LIST_AT_MOST;
	return Min(Max(interval / 6, LIST_AT_LEAST), LIST_AT_MOST);
}

static bool
ListIsOld(TimestampTz now)
{
	static uint64 reloads = 0;

	if (is_listed && reloads == WorkerReloadCount() && now >= listed_at &&
		now < listed_at + ListEvery())
		return false;
	reloads = WorkerReloadCount();
	return true;
}

/* ---- rounds ---- */

static bool
IsInRounds(int collector)
{
	return Collectors[collector].scope == SCOPE_DATABASE && collector != COLLECTOR_CUSTOM;
}

static void
BeginRound(int collector, bool forced)
{
	LedgerBegin(collector);
	VisitPlanRound(&plan, collector, forced);
	visited &= ~(1U << collector);
	if (forced)
		asked_for |= 1U << collector;
}

/* Collectors that somebody has asked for since their round began. */
static uint32
Requested(void)
{
	uint32 requested = 0;

	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (IsInRounds(i) && !IsIn(asked_for, i) && LedgerIsRequested(i))
			requested |= 1U << i;
	}
	return requested;
}

static void
EndRounds(void)
{
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (!IsInRounds(i) || !IsIn(visited | asked_for, i) || !VisitPlanRoundIsOver(&plan, i))
			continue;
		LedgerEnd(i, true);
		asked_for &= ~(1U << i);
		BeginRound(i, false);
	}
	if (custom_is_running && VisitPlanRoundIsOver(&plan, COLLECTOR_CUSTOM))
	{
		LedgerEnd(COLLECTOR_CUSTOM, true);
		custom_is_running = false;
	}
}

/*
 * Begins a round of those that are due, or of all where somebody asks.  Only
 * between rounds, since visitors read what is refreshed here.
 */
static void
BeginCustomRound(Batch *batch, TimestampTz now)
{
	bool		requested = LedgerIsRequested(COLLECTOR_CUSTOM);
	const char *error;

	if (requested)
		plan.patient &= ~(1U << COLLECTOR_CUSTOM);
	if (custom_is_running || (!requested && !CollectorEnabled(COLLECTOR_CUSTOM)))
		return;
	error = CustomRefresh(now, requested);
	custom_set = CustomDue(now, requested);
	custom_is_running = custom_set != 0 || requested;
	if (custom_is_running)
		LedgerBegin(COLLECTOR_CUSTOM);
	if (error)
		ReportError(batch, 1U << COLLECTOR_CUSTOM, NULL, error);
	if (!custom_is_running)
		return;
	if (!requested)
		plan.patient |= 1U << COLLECTOR_CUSTOM;
	if ((requested || ListIsOld(now)) && !ReadList(1U << COLLECTOR_CUSTOM, batch, now))
		return; /* whoever asked gets the error */
	for (int i = 0; i < plan.count; i++)
	{
		if (CustomForDatabase(custom_set, plan.databases[i].name) != 0)
			VisitPlanAsk(&plan, i, COLLECTOR_CUSTOM, true);
	}
}

/* Returns the collectors that are wanted. */
static uint32
ReadIntervals(TimestampTz now)
{
	uint32 wanted = 0;

	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (!IsInRounds(i))
			continue;
		VisitPlanInterval(&plan, i, CollectorEnabled(i) ? CollectorInterval(i) * USECS_PER_SEC : 0,
						  now);
		if (CollectorEnabled(i))
			wanted |= 1U << i;
	}
	return wanted;
}

/* New settings, new databases, new requests. */
static void
LookAround(Batch *batch, TimestampTz now)
{
	uint32 requested = Requested();
	uint32 wanted = ReadIntervals(now);
	bool   is_first = !rounds_have_begun;

	if (requested == 0 && (wanted == 0 || !ListIsOld(now)))
		return;
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (IsIn(requested, i))
			LedgerBegin(i);
	}
	if (ReadList(requested ? requested : wanted, batch, now))
	{
		for (int i = 0; i < NUM_COLLECTORS; i++)
		{
			if (IsIn(requested, i))
				BeginRound(i, true);
			else if (is_first && IsInRounds(i))
				BeginRound(i, false);
		}
		rounds_have_begun = true;
		return;
	}
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (IsIn(requested, i))
			LedgerEnd(i, true); /* whoever asked gets the error */
	}
}

/* ---- visitors ---- */

/* A custom collector that ended it is its own problem, not one of the database. */
static void
NoteBadEnd(const VisitorSlot *slot, Batch *batch)
{
	const char *offender = CustomEndedVisit(slot);

	if (offender)
	{
		ReportError(batch, slot->collectors, slot->database_name, offender);
		return;
	}
	troubled = slot->database;
	ReportError(batch, slot->collectors, slot->database_name,
				"the visit ended early; the server log says why");
	ProblemSet(PROBLEM_VISITORS, 1,
			   "the visit to database \"%s\" ended early; the server log says why, or leave it "
			   "out by pganalytics.exclude_databases",
			   slot->database_name);
}

/* The visitor of this slot is gone. */
static void
NoteEnd(int i, Batch *batch)
{
	VisitorSlot		*slot = &Shared->visitors[i];
	uint32			 left = slot->left;
	uint32			 failed = slot->failed;
	PlannedDatabase *planned;

	pfree(handles[i]);
	handles[i] = NULL;
	if (given_up[i])
		return; /* all has been said */
	if (slot->finished)
	{
		/* one good visit among bad ones is no end of it */
		if (troubled == slot->database || !VisitPlanHas(&plan, troubled))
			ProblemClear(PROBLEM_VISITORS);
	}
	else if (!ShutdownIsRequested() && DatabaseExists(slot->database))
	{
		/* not one that was dropped before or while it was visited */
		left = 0;
		failed = slot->collectors;
		NoteBadEnd(slot, batch);
	}
	if (slot->custom_left != 0)
		left |= 1U << COLLECTOR_CUSTOM;
	visited |= slot->collectors & ~left;
	VisitPlanEnded(&plan, slot->database, left, failed, GetCurrentTimestamp());
	planned = VisitPlanFind(&plan, slot->database);
	if (planned && slot->custom_left != 0)
		planned->custom_left = slot->custom_left;
}

/*
 * What can be interrupted by nothing (a loop in a C function) must not keep all
 * databases and the other custom collectors waiting.
 */
static void
GiveUpIfStuck(int i, Batch *batch, TimestampTz now)
{
	VisitorSlot *slot = &Shared->visitors[i];

	if (given_up[i] || !VisitIsStuck(slot, now))
		return;
	given_up[i] = true;
	NoteBadEnd(slot, batch);
	visited |= slot->collectors;
	VisitPlanEnded(&plan, slot->database, 0, slot->collectors, now);
}

static bool
StartVisitor(int i, int next, uint32 collectors, TimestampTz now)
{
	const PlannedDatabase *database = &plan.databases[next];
	VisitorSlot			  *slot = &Shared->visitors[i];
	BackgroundWorker	   worker;
	MemoryContext		   old;
	bool				   started;

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	memset(&slot->worker, 0, sizeof(slot->worker));
	slot->database = database->oid;
	strlcpy(slot->database_name, database->name, sizeof(slot->database_name));
	slot->collectors = collectors;
	VisitPlanOrder(&plan, next, now, slot->order);
	slot->custom = CustomForDatabase(custom_set, database->name);
	if (database->custom_left != 0)
		slot->custom &= database->custom_left;
	slot->custom_left = 0;
	slot->left = slot->failed = 0;
	slot->custom_running = 0;
	given_up[i] = false;
	slot->finished = false;
	LWLockRelease(Shared->lock);

	memset(&worker, 0, sizeof(worker));
	snprintf(worker.bgw_name, BGW_MAXLEN, "pganalytics visitor of %s", database->name);
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
 * No slot is free for a visitor; "busy" of them run.  Where none has been for
 * long, nobody who waits for a round is kept waiting any longer.
 */
static void
NoteNoSlot(int busy, uint32 collectors, Batch *batch)
{
	char text[ERROR_TEXT_SIZE];

	snprintf(
		text, sizeof(text),
		"no background worker is free to visit databases: all of \"max_worker_processes\" (%d) "
		"are taken; raise it to at least %d (on standbys first) and restart the server",
		max_worker_processes,
		Max(WorkerProcessesNeeded(), max_worker_processes + Max(Setting.visitors - busy, 1)));
	troubled = InvalidOid;
	ProblemSet(PROBLEM_VISITORS, 2, "%s", text);
	if (busy > 0 || ++retries < MAX_RETRIES)
		return;
	if (retries == MAX_RETRIES || asked_for != 0 || custom_is_running)
		ReportError(batch, collectors | asked_for, NULL, text);
	visited |= collectors;
	VisitPlanGiveUp(&plan);
}

/*
 * The custom collectors have a visit of their own.  What somebody waits for goes
 * first: others that fail are soon due again.
 */
static uint32
OneKind(uint32 collectors, uint32 forced)
{
	uint32 custom = collectors & (1U << COLLECTOR_CUSTOM);
	uint32 others = collectors & ~custom;

	if (others == 0 || ((custom & forced) != 0 && (others & forced) == 0))
		return custom;
	return others;
}

/* Somebody copies, alters or drops it, and may take long: it is tried again within a minute. */
static void
NoteLock(int next, uint32 collectors, const QueryError *error, Batch *batch, TimestampTz now)
{
	PlannedDatabase *database = &plan.databases[next];
	char			 text[ERROR_TEXT_SIZE];

	snprintf(text, sizeof(text),
			 "it is not visited while somebody else has it locked, who copies, alters or drops it: "
			 "%s",
			 error->message);
	ReportError(batch, collectors, database->name, text);
	VisitPlanBegun(&plan, next, collectors, now);
	if (IsIn(collectors, COLLECTOR_CUSTOM))
		database->custom_left = 0; /* the next round is of all that are due then */
	VisitPlanEnded(&plan, database->oid, 0, collectors, now);
	visited |= collectors;
}

/* False: there is none to be had at the moment. */
static bool
Visit(int i, int next, uint32 collectors, int busy, Batch *batch, TimestampTz now)
{
	PlannedDatabase *database = &plan.databases[next];
	QueryError		 error;

	/* the list may be old; a visit in vain would be an error in the server log */
	if (!DatabaseListCheck(database, &error))
	{
		if (!QueryTimedOut(&error) || ShutdownIsRequested())
			return false;
		NoteLock(next, collectors, &error, batch, now);
		return true;
	}
	if (!OidIsValid(database->oid))
	{
		VisitPlanForget(&plan, next);
		RelationMemoriesSweep(IsVisited); /* the next list will show no difference */
		return true;
	}
	if (StartVisitor(i, next, collectors, now))
	{
		VisitPlanBegun(&plan, next, collectors, now);
		if (IsIn(collectors, COLLECTOR_CUSTOM))
			database->custom_left = 0;
		retries = 0;
		return true;
	}
	NoteNoSlot(busy, collectors, batch);
	return false;
}

/* Starts as many as there may be; returns µs until another one may be started, -1: when one ends. */
static int64
StartVisits(Batch *batch, int busy, bool scheduled)
{
	int64 wait = -1;

	for (int i = 0; i < MAX_VISITORS && busy < Setting.visitors; i++)
	{
		TimestampTz now = GetCurrentTimestamp();
		uint32		collectors;
		int			next;

		/* a visitor of a collector that crashed may still be there */
		if (handles[i] || Shared->visitors[i].worker.pid != 0)
		{
			wait = RETRY_MS * 1000;
			continue;
		}
		next = VisitPlanNext(&plan, now, scheduled, &collectors, &wait);
		if (next < 0)
			return wait;
		if (!Visit(i, next, OneKind(collectors, plan.databases[next].forced), busy, batch, now))
			return RETRY_MS * 1000;
		wait = handles[i] ? -1 : 0; /* there was none to be started: another one may be due */
		if (handles[i])
			busy++;
	}
	return wait;
}

static void
ReportGap(TimestampTz now)
{
	int	  longest;
	int64 gap = VisitPlanLongestGap(&plan, now, &longest);
	int64 late = LATE_FACTOR * VisitPlanShortestInterval(&plan);

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	Shared->visits.databases = plan.count;
	Shared->visits.longest_gap_ms = gap / 1000;
	strlcpy(Shared->visits.longest_gap_database, longest < 0 ? "" : plan.databases[longest].name,
			NAMEDATALEN);
	LWLockRelease(Shared->lock);

	if (late > 0 && gap > Max(late, LATE_AT_LEAST))
		ProblemSet(
			PROBLEM_LATE_VISITS, 1,
			"database \"%s\" has not been visited for %d seconds, more than ten times the "
			"interval: raise \"pganalytics.visitors\", \"pganalytics.max_cpu_percent\" or the "
			"intervals",
			plan.databases[longest].name, (int) (gap / USECS_PER_SEC));
	else
		ProblemClear(PROBLEM_LATE_VISITS);
}

long
VisitsAdvance(Batch *batch, bool scheduled)
{
	TimestampTz now = GetCurrentTimestamp();
	int			busy = 0;
	int64		wait;
	int64		list_wait;
	long		wait_ms;
	pid_t		pid;

	for (int i = 0; i < MAX_VISITORS; i++)
	{
		if (handles[i] && GetBackgroundWorkerPid(handles[i], &pid) == BGWH_STOPPED)
			NoteEnd(i, batch);
		if (handles[i] == NULL)
			continue;
		GiveUpIfStuck(i, batch, now);
		busy += !given_up[i];
	}
	if (ShutdownIsRequested())
		return -1;
	LookAround(batch, now);
	BeginCustomRound(batch, now);
	wait = StartVisits(batch, busy, scheduled);
	EndRounds();
	if (Requested() != 0 || (LedgerIsRequested(COLLECTOR_CUSTOM) && !custom_is_running))
		return 0;
	ReportGap(now);

	if (VisitPlanShortestInterval(&plan) != 0)
	{
		list_wait = Max(listed_at + ListEvery() - now, 0);
		if (wait < 0 || list_wait < wait)
			wait = list_wait;
	}
	wait_ms = wait < 0 ? -1 : (long) (wait / 1000) + 1;
	if (!custom_is_running && CollectorEnabled(COLLECTOR_CUSTOM))
		wait_ms = CustomWait(now, wait_ms);
	return wait_ms;
}
