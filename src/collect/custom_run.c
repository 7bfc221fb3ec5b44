/*
 * custom_run.c
 *		Running the query of a custom collector.
 *
 * It runs read-only, through a cursor, with an empty search_path, as the role
 * that registered it and as a security-restricted operation: nothing in it can
 * become the superuser that the worker is, nor leave anything behind.
 *
 * A role that became a superuser only after it registered a query is not run;
 * what a superuser registered is watched (custom_guard.h).
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h" /* get_database_name of 19 */
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/syscache.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "base/collectors.h"
#include "base/compat.h"
#include "base/settings.h"
#include "base/worker.h"
#include "collect/breaker.h"
#include "collect/custom.h"
#include "collect/custom_guard.h"
#include "collect/ledger.h"
#include "collect/query.h"
#include "collect/run.h"

#define OVERTIME_MS 1000 /* until a query that takes no cancellation is ended with its process */

/* ---- as whom ---- */

typedef struct CustomRun
{
	const CustomSlot *slot;
	Batch			 *batch;
	const char		 *database;
	int64			  limit;   /* rows; 0: only check, by one row */
	MemoryContext	  context; /* of the name, in a visitor */

	int64 rows;
	Oid	  saved_user;
	int	  saved_context;
	bool  saved_read_only;
	int	  nest_level;
} CustomRun;

/* The worker could connect to this database; that role may be one of those that are kept out. */
static void
CheckConnect(Oid role)
{
	if (!DatumGetBool(DirectFunctionCall3(has_database_privilege_id_id, ObjectIdGetDatum(role),
										  ObjectIdGetDatum(MyDatabaseId),
										  CStringGetTextDatum("CONNECT"))))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for database \"%s\"", get_database_name(MyDatabaseId)),
				 errdetail("Role \"%s\" does not have CONNECT privilege.",
						   GetUserNameFromId(role, false)),
				 errhint("Grant it, or register the custom collector for other databases.")));
}

static void
BecomeRole(CustomRun *run)
{
	const CustomSlot *slot = run->slot;

	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(slot->role)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the role that registered custom collector \"%s\" does not exist any more",
						slot->name),
				 errhint("Remove it, and register it as another role.")));
	if (superuser_arg(slot->role) && !slot->was_superuser)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" was no superuser when it registered custom collector \"%s\"",
						GetUserNameFromId(slot->role, false), slot->name),
				 errhint("Remove it, and register it again.")));
	CheckConnect(slot->role);

	GetUserIdAndSecContext(&run->saved_user, &run->saved_context);
	run->nest_level = NewGUCNestLevel();
	run->saved_read_only = XactReadOnly; /* no nesting of settings takes transaction_read_only */
	XactReadOnly = true;
	(void) set_config_option("search_path", "", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
							 0, false);
	SetUserIdAndSecContext(slot->role,
						   run->saved_context | SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_RESTRICTED_OPERATION);
	if (superuser_arg(slot->role))
		GuardBegin();
}

/* After an error the transaction's end does the rest. */
static void
BecomeSelf(CustomRun *run)
{
	GuardEnd();
	SetUserIdAndSecContext(run->saved_user, run->saved_context);
	AtEOXact_GUC(false, run->nest_level);
	XactReadOnly = run->saved_read_only; /* last: the query may have set it, to what it was */
}

/* ---- the query ---- */

static bool
IsReadOnlySelect(SPIPlanPtr plan)
{
	List *sources = SPI_plan_get_plan_sources(plan);
	List *queries;

	if (list_length(sources) != 1 || !SPI_is_cursor_plan(plan))
		return false;
	queries = ((CachedPlanSource *) linitial(sources))->query_list;
	return list_length(queries) == 1 && !linitial_node(Query, queries)->hasModifyingCTE;
}

static SPIPlanPtr
Prepare(const CustomRun *run)
{
	const char *query = run->slot->query;
	SPIPlanPtr	plan = SPI_prepare_cursor(pg_any_to_server(query, strlen(query), PG_UTF8), 0, NULL,
										  CURSOR_OPT_NO_SCROLL);

	if (plan == NULL)
		elog(ERROR, "could not prepare the query: %s", SPI_result_code_string(SPI_result));
	if (!IsReadOnlySelect(plan))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_CURSOR_DEFINITION),
				 errmsg("the query of a custom collector must be one SELECT")));
	return plan;
}

static TimeoutId overtime = MAX_TIMEOUTS; /* of a visitor */

/* What has been read is written to the end: half of the rows would be worse than late ones. */
static void
WriteInPeace(const CustomRun *run, TimestampTz read_at, CustomRows *rows)
{
	if (overtime != MAX_TIMEOUTS)
	{
		disable_timeout(STATEMENT_TIMEOUT, false);
		disable_timeout(overtime, false);
	}
	HOLD_INTERRUPTS();
	CustomRowsWrite(rows, run->batch, run->slot->name, run->database, read_at);
	RESUME_INTERRUPTS();
}

static void
RunQuery(void *arg)
{
	CustomRun  *run = arg;
	TimestampTz read_at = GetCurrentTimestamp();
	CustomRows *rows = NULL;
	Portal		portal;

	run->rows = 0;
	BecomeRole(run);
	portal = SPI_cursor_open(NULL, Prepare(run), NULL, NULL, true);
	if (run->limit > 0)
		rows = CustomRowsRead(portal, run->limit);
	else
	{
		SPI_cursor_fetch(portal, true, 1);
		(void) CustomColumnsOf(SPI_tuptable->tupdesc);
	}
	SPI_cursor_close(portal);
	BecomeSelf(run);
	if (rows == NULL)
		return;
	run->rows = CustomRowsCount(rows);
	WriteInPeace(run, read_at, rows);
}

/* ---- in a visitor ---- */

/* A function may catch the cancellation of its query and go on; nothing catches this. */
static void
EndProcess(void)
{
	ProcDiePending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/* Under the lock. */
static void
NoteError(CustomSlot *slot, const char *error, const char *database)
{
	slot->errors++;
	slot->last_error_at = GetCurrentTimestamp();
	SharedCopyText(slot->last_error, sizeof(slot->last_error), error);
	SharedCopyText(slot->last_error_database, sizeof(slot->last_error_database), database);
}

static void
Note(int i, const CustomRun *run, const char *error, double duration_ms)
{
	CustomSlot *slot = &Shared->custom[i];

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	if (slot->number != run->slot->number)
	{
		/* removed meanwhile, and perhaps another has its place */
		LWLockRelease(Shared->lock);
		return;
	}
	slot->runs++;
	slot->last_run = GetCurrentTimestamp();
	slot->last_duration_ms = duration_ms;
	slot->last_rows = run->rows;
	SharedCopyText(slot->last_database, sizeof(slot->last_database), run->database);
	if (error)
		NoteError(slot, error, run->database);
	else if (slot->ended_visit_to == MyDatabaseId ||
			 strcmp(slot->last_error_database, run->database) == 0)
	{
		slot->last_error[0] = slot->last_error_database[0] = '\0';
		slot->ended_visit_to = InvalidOid;
	}
	LWLockRelease(Shared->lock);
}

static void
Fail(int i, CustomRun *run, const char *sqlstate, const char *error, double duration_ms)
{
	char text[ERROR_TEXT_SIZE];

	snprintf(text, sizeof(text), "%s: %s", run->slot->name, error);
	BatchError(run->batch, Collectors[COLLECTOR_CUSTOM].name, run->database, sqlstate, text);
	run->rows = 0;
	Note(i, run, error, duration_ms);
}

static BreakerKey
KeyOf(const CustomSlot *slot, Oid database)
{
	return (BreakerKey){.collector = COLLECTOR_CUSTOM,
						.database = database,
						.number = slot->number,
						.interval_s = slot->interval_s};
}

/* By the circuit breaker; whoever asks gets a try. */
static bool
IsLeftAlone(int i, CustomRun *run, const BreakerKey *key)
{
	TimestampTz until;
	int			timeouts;
	char		text[128];

	if (LedgerIsRequested(COLLECTOR_CUSTOM) || !BreakerIsOpen(key, &until, &timeouts))
		return false;
	snprintf(text, sizeof(text), "it keeps running out of time and is left alone until %s",
			 timestamptz_to_str(until));
	Fail(i, run, NULL, text, 0);
	return true;
}

/* False: others had taken the time of this visit, so it has its turn at another one. */
static bool
RunInVisitor(VisitorSlot *visit, int i, CustomRun *run, bool is_first, TimestampTz deadline)
{
	BreakerKey	key = KeyOf(run->slot, MyDatabaseId);
	TimestampTz started_at = GetCurrentTimestamp();
	long		left_ms = TimestampDifferenceMilliseconds(started_at, deadline);
	double		duration_ms;
	QueryError	error;
	bool		done;
	bool		is_cut;

	if (IsLeftAlone(i, run, &key))
		return true;
	if (left_ms <= 0)
	{
		if (is_first)
			Fail(i, run, NULL, "the visit ran out of time", 0);
		return is_first;
	}
	is_cut = !is_first && left_ms < Setting.statement_timeout_ms;
	left_ms = Min(left_ms, Setting.statement_timeout_ms);
	visit->custom_running = run->slot->number;
	enable_timeout_after(overtime, (int) left_ms + OVERTIME_MS);
	done = QueryRun(RunQuery, run, (int) left_ms, &error);
	disable_timeout(overtime, false);
	visit->custom_running = 0;
	duration_ms = (GetCurrentTimestamp() - started_at) / 1000.0;
	if (done)
	{
		BreakerSucceeded(&key);
		BatchCountRows(run->batch, run->rows);
		Note(i, run, NULL, duration_ms);
		return true;
	}
	BatchMetricAbort(run->batch);
	if (is_cut && QueryWasCancelled(&error) && !ShutdownIsRequested())
		return false;
	if (QueryTimedOut(&error) && !ShutdownIsRequested() &&
		Shared->custom[i].number == run->slot->number)
		BreakerTimedOut(&key);
	Fail(i, run, error.sqlstate[0] ? error.sqlstate : NULL, error.message, duration_ms);
	return true;
}

/* Seen from the collector. */
const char *
CustomEndedVisit(const VisitorSlot *visit)
{
	CustomSlot *slot = NULL;
	BreakerKey	key;

	if (visit->custom_running == 0)
		return NULL;
	for (int i = 0; i < MAX_CUSTOM && slot == NULL; i++)
	{
		if (Shared->custom[i].number == visit->custom_running)
			slot = &Shared->custom[i];
	}
	if (slot == NULL)
		return "a custom collector that was removed: it took no cancellation";
	key = KeyOf(slot, visit->database);
	BreakerOpen(&key, visit->worker.pid != 0);
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	slot->ended_visit_to = visit->database;
	slot->runs++;
	slot->last_run = GetCurrentTimestamp();
	slot->last_rows = 0;
	strlcpy(slot->last_database, visit->database_name, sizeof(slot->last_database));
	NoteError(slot, "it took no cancellation", visit->database_name);
	LWLockRelease(Shared->lock);
	return psprintf("%s: it took no cancellation", slot->name);
}

/* Where to begin: not with the same one each time, which may take all of it. */
static int
AnyOf(uint64 set)
{
	uint64 skip = set ? pg_prng_uint64(&pg_global_prng_state) % pg_popcount64(set) : 0;

	for (; skip > 0; skip--)
		set &= set - 1; /* without its lowest */
	return set ? pg_rightmost_one_pos64(set) : 0;
}

static void
NameDatabase(void *arg)
{
	CustomRun *run = arg;

	run->database = MemoryContextStrdup(run->context, SharedNameToUtf8(pstrdup(run->database)));
}

void
CustomCollect(VisitorSlot *visit, Batch *batch, TimestampTz deadline)
{
	uint64		set = visit->custom;
	CustomSlot *copy = palloc(sizeof(CustomSlot));
	CustomRun	run = {copy, batch, visit->database_name, Setting.custom_row_limit,
					   CurrentMemoryContext};
	int			first = AnyOf(set);
	uint64		numbers[MAX_CUSTOM];
	bool		is_first = true;
	QueryError	error;

	/* its name in UTF-8, for which there has to be a transaction */
	if (!QueryRun(NameDatabase, &run, Setting.statement_timeout_ms, &error))
	{
		BatchError(batch, Collectors[COLLECTOR_CUSTOM].name, visit->database_name, NULL,
				   error.message);
		return;
	}

	if (overtime == MAX_TIMEOUTS)
		overtime = RegisterTimeout(USER_TIMEOUT, EndProcess);
	GuardInstall();
	for (int i = 0; i < MAX_CUSTOM; i++)
		numbers[i] = Shared->custom[i].number;
	visit->custom_left = set;
	for (int n = 0; n < MAX_CUSTOM && !ShutdownIsRequested(); n++)
	{
		int	   i = (first + n) % MAX_CUSTOM;
		uint64 it = UINT64CONST(1) << i;

		if ((set & it) == 0)
			continue;
		LWLockAcquire(Shared->lock, LW_SHARED);
		*copy = Shared->custom[i];
		LWLockRelease(Shared->lock);
		visit->custom_left &= ~it; /* also where it ends the process */
		if (copy->name[0] && copy->number == numbers[i] &&
			!RunInVisitor(visit, i, &run, is_first, deadline))
			visit->custom_left |= it;
		is_first = false;
	}
	pfree(copy);
}

/* ---- in a session ---- */

void
CustomCheck(const CustomSlot *slot)
{
	CustomRun run = {slot};

	QueryRunInSession(RunQuery, &run);
}

typedef struct SampleList
{
	MemoryContext context;
	CustomSlot	 *slots;
	int			  count;
} SampleList;

static void
ListOfCaller(void *arg)
{
	SampleList *list = arg;
	char	   *name = CustomTableName();

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this database holds no custom collectors"),
				 errhint("Call this in database \"%s\" (\"pganalytics.database\").",
						 Setting.database)));
	if (SPI_execute(psprintf("SELECT " CUSTOM_COLUMNS " FROM %s ORDER BY name", name), true,
					MAX_CUSTOM) != SPI_OK_SELECT)
		elog(ERROR, "could not read the table of custom collectors");
	list->slots = MemoryContextAllocZero(list->context, sizeof(CustomSlot) * MAX_CUSTOM);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		CustomSlot *slot = &list->slots[list->count];

		if (CustomFromRow(slot, (int) i) && has_privs_of_role(GetUserId(), slot->role) &&
			PatternListMatches(slot->databases, get_database_name(MyDatabaseId)))
			list->count++;
	}
}

void
CustomSample(Batch *batch)
{
	SampleList list = {CurrentMemoryContext};
	CustomRun  run = {NULL, batch, get_database_name(MyDatabaseId), Setting.custom_row_limit};

	QueryRunInSession(ListOfCaller, &list);
	for (int i = 0; i < list.count; i++)
	{
		run.slot = &list.slots[i];
		QueryRunInSession(RunQuery, &run);
		BatchCountRows(batch, run.rows);
	}
}
