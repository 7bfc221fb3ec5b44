/*
 * custom_run.c
 *		Running the query of a custom collector.
 *
 * It runs read-only, through a cursor, with an empty search_path, as the role
 * that registered it and as a security-restricted operation: nothing in it can
 * become the superuser that the worker is, nor leave anything behind.
 *
 * What a superuser registered runs as a superuser, and the databases that it
 * visits belong to others.  Functions, operators and views there that are not
 * a superuser's own are therefore refused: the query is looked through before
 * it is planned, and whatever else comes to be executed (the expression of an
 * index, a domain's constraint, a cast to json of a value that is written) is
 * looked at when it does.  A role that became a superuser only after it
 * registered a query is not run at all.
 */
#include "postgres.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "commands/dbcommands.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "port/pg_bitutils.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "base/collectors.h"
#include "base/compat.h"
#include "base/settings.h"
#include "base/worker.h"
#include "collect/custom.h"
#include "collect/query.h"
#include "collect/run.h"

#define FETCH_ROWS 200
#define OVERTIME_MS 1000 /* until a query that takes no cancellation is ended with its process */

/* ---- whose code may run ---- */

static bool					   guards = false;
static object_access_hook_type next_object_access_hook;
static needs_fmgr_hook_type	   next_needs_fmgr_hook;

static bool
IsOfSuperuser(Oid owner)
{
	return owner == BOOTSTRAP_SUPERUSERID || superuser_arg(owner);
}

static void
CheckFunction(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool	  trusted = false;

	if (HeapTupleIsValid(tuple))
	{
		trusted = IsOfSuperuser(((Form_pg_proc) GETSTRUCT(tuple))->proowner);
		ReleaseSysCache(tuple);
	}
	if (!trusted)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("function %s is not owned by a superuser", format_procedure(function)),
				 errdetail(
					 "The custom collector was registered by a superuser and would run it as one."),
				 errhint("Register the custom collector as another role, for example a member of "
						 "\"pg_monitor\".")));
}

static void
GuardExecution(ObjectAccessType access, Oid class, Oid object, int sub_id, void *arg)
{
	if (next_object_access_hook)
		next_object_access_hook(access, class, object, sub_id, arg);
	if (guards && access == OAT_FUNCTION_EXECUTE && class == ProcedureRelationId)
		CheckFunction(object);
}

/*
 * Asked of every function that is looked up to be called, and before one is
 * inlined: those that the server's own code calls pass no object access hook.
 */
static bool
GuardCall(Oid function)
{
	if (guards)
		CheckFunction(function);
	return next_needs_fmgr_hook && next_needs_fmgr_hook(function);
}

static bool
CheckFunctionOfNode(Oid function, void *arg)
{
	CheckFunction(function);
	return false;
}

static void
CheckRelation(Oid relation)
{
	HeapTuple	  tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Form_pg_class form;
	bool		  is_view;
	bool		  trusted;

	if (!HeapTupleIsValid(tuple))
		return; /* dropped: the planner will say so */
	form = (Form_pg_class) GETSTRUCT(tuple);
	is_view = form->relkind == RELKIND_VIEW;
	/* a foreign table leads, with a superuser's rights to connect, wherever its owner wants */
	trusted = !(is_view || form->relkind == RELKIND_FOREIGN_TABLE) || IsOfSuperuser(form->relowner);
	ReleaseSysCache(tuple);
	if (!trusted)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 is_view ?
					 errmsg("view %s is not owned by a superuser", get_rel_name(relation)) :
					 errmsg("foreign table %s is not owned by a superuser", get_rel_name(relation)),
				 errdetail(
					 "The custom collector was registered by a superuser and would run it as one."),
				 errhint("Register the custom collector as another role, for example a member of "
						 "\"pg_monitor\".")));
}

static bool
CheckNode(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *entry = (RangeTblEntry *) node;

		if (OidIsValid(entry->relid))
			CheckRelation(entry->relid);
		return false; /* the walker goes on into it */
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, CheckNode, arg, QTW_EXAMINE_RTES_BEFORE);
	(void) check_functions_in_node(node, CheckFunctionOfNode, NULL);
	return expression_tree_walker(node, CheckNode, arg);
}

static void
CheckPlan(SPIPlanPtr plan)
{
	ListCell *source;

	foreach (source, SPI_plan_get_plan_sources(plan))
	{
		ListCell *query;

		foreach (query, ((CachedPlanSource *) lfirst(source))->query_list)
			(void) CheckNode(lfirst(query), NULL);
	}
}

/* ---- as whom ---- */

typedef struct CustomRun
{
	const CustomSlot *slot;
	Batch			 *batch;
	const char		 *database;
	int64			  limit; /* rows; 0: only check, by one row */

	int64 rows;
	Oid	  saved_user;
	int	  saved_context;
	int	  nest_level;
} CustomRun;

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

	GetUserIdAndSecContext(&run->saved_user, &run->saved_context);
	run->nest_level = NewGUCNestLevel();
	(void) set_config_option("transaction_read_only", "on", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("search_path", "", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
							 0, false);
	SetUserIdAndSecContext(slot->role,
						   run->saved_context | SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_RESTRICTED_OPERATION);
	guards = superuser_arg(slot->role);
}

/* After an error the transaction's end does the rest. */
static void
BecomeSelf(CustomRun *run)
{
	guards = false;
	SetUserIdAndSecContext(run->saved_user, run->saved_context);
	AtEOXact_GUC(false, run->nest_level);
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
	SPIPlanPtr plan = SPI_prepare_cursor(run->slot->query, 0, NULL, CURSOR_OPT_NO_SCROLL);

	if (plan == NULL)
		elog(ERROR, "could not prepare the query: %s", SPI_result_code_string(SPI_result));
	if (!IsReadOnlySelect(plan))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_CURSOR_DEFINITION),
				 errmsg("the query of a custom collector must be one SELECT")));
	if (guards)
		CheckPlan(plan);
	return plan;
}

static JsonWriter *
BeginMetric(CustomRun *run)
{
	JsonWriter *w = BatchMetricBegin(run->batch, Collectors[COLLECTOR_CUSTOM].name, run->database,
									 GetCurrentTimestamp());

	JsonText(w, "name", run->slot->name);
	JsonArrayBegin(w, "rows");
	return w;
}

static void
EndMetric(CustomRun *run, JsonWriter *w, bool truncated)
{
	JsonArrayEnd(w);
	JsonBool(w, "truncated", truncated);
	BatchMetricEnd(run->batch);
}

static void
WriteRows(CustomRun *run, Portal portal)
{
	CustomColumns *columns = NULL;
	MemoryContext  row_context = AllocSetContextCreate(
		 CurrentMemoryContext, "pganalytics custom row", ALLOCSET_DEFAULT_SIZES);
	JsonWriter *w = BeginMetric(run);
	bool		truncated = false;

	while (!truncated)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (columns == NULL)
			columns = CustomColumnsOf(SPI_tuptable->tupdesc);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			MemoryContext old;

			truncated = run->rows == run->limit;
			if (truncated)
				break;
			if (run->rows > 0 && BatchMetricIsLong(run->batch))
			{
				EndMetric(run, w, false);
				w = BeginMetric(run);
			}
			old = MemoryContextSwitchTo(row_context);
			CustomWriteRow(w, columns, SPI_tuptable->vals[i]);
			MemoryContextSwitchTo(old);
			MemoryContextReset(row_context);
			run->rows++;
		}
		if (SPI_processed < FETCH_ROWS)
			break;
		SPI_freetuptable(SPI_tuptable);
	}
	EndMetric(run, w, truncated);
}

static void
RunQuery(void *arg)
{
	CustomRun *run = arg;
	Portal	   portal;

	run->rows = 0;
	BecomeRole(run);
	portal = SPI_cursor_open(NULL, Prepare(run), NULL, NULL, true);
	if (run->limit > 0)
		WriteRows(run, portal);
	else
	{
		SPI_cursor_fetch(portal, true, 1);
		(void) CustomColumnsOf(SPI_tuptable->tupdesc);
	}
	SPI_cursor_close(portal);
	BecomeSelf(run);
}

/* ---- in a visitor ---- */

static TimeoutId overtime = MAX_TIMEOUTS;

/* A function may catch the cancellation of its query and go on; nothing catches this. */
static void
EndProcess(void)
{
	ProcDiePending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

static void
InstallGuards(void)
{
	static bool installed = false;

	if (installed)
		return;
	next_object_access_hook = object_access_hook;
	object_access_hook = GuardExecution;
	next_needs_fmgr_hook = needs_fmgr_hook;
	needs_fmgr_hook = GuardCall;
	installed = true;
}

static void
Note(int i, const CustomRun *run, const char *error, double duration_ms)
{
	CustomSlot *slot = &Shared->custom[i];

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	slot->runs++;
	slot->last_run = GetCurrentTimestamp();
	slot->last_duration_ms = duration_ms;
	slot->last_rows = run->rows;
	SharedCopyText(slot->last_database, sizeof(slot->last_database), run->database);
	if (error)
	{
		slot->errors++;
		slot->last_error_at = slot->last_run;
		SharedCopyText(slot->last_error, sizeof(slot->last_error), error);
		SharedCopyText(slot->last_error_database, sizeof(slot->last_error_database), run->database);
	}
	else if (strcmp(slot->last_error_database, run->database) == 0)
		slot->last_error[0] = slot->last_error_database[0] = '\0';
	LWLockRelease(Shared->lock);
}

static void
RunInVisitor(int i, CustomRun *run, TimestampTz deadline)
{
	TimestampTz started_at = GetCurrentTimestamp();
	long		left_ms = TimestampDifferenceMilliseconds(started_at, deadline);
	char		text[ERROR_TEXT_SIZE];
	QueryError	error;
	bool		done;

	if (left_ms <= 0)
	{
		snprintf(text, sizeof(text), "%s: the visit ran out of time", run->slot->name);
		BatchError(run->batch, Collectors[COLLECTOR_CUSTOM].name, run->database, NULL, text);
		Note(i, run, text, 0);
		return;
	}
	left_ms = Min(left_ms, Setting.statement_timeout_ms);
	enable_timeout_after(overtime, (int) left_ms + OVERTIME_MS);
	done = QueryRun(RunQuery, run, (int) left_ms, &error);
	disable_timeout(overtime, false);
	guards = false;
	if (done)
	{
		BatchCountRows(run->batch, run->rows);
		Note(i, run, NULL, (GetCurrentTimestamp() - started_at) / 1000.0);
		return;
	}
	BatchMetricAbort(run->batch);
	snprintf(text, sizeof(text), "%s: %s", run->slot->name, error.message);
	BatchError(run->batch, Collectors[COLLECTOR_CUSTOM].name, run->database,
			   error.sqlstate[0] ? error.sqlstate : NULL, text);
	run->rows = 0;
	Note(i, run, error.message, (GetCurrentTimestamp() - started_at) / 1000.0);
}

/* Where to begin: from the same place, one that takes all the time would leave none to the same others. */
static int
AnyOf(uint64 set)
{
	uint64 skip = set ? pg_prng_uint64(&pg_global_prng_state) % pg_popcount64(set) : 0;

	for (; skip > 0; skip--)
		set &= set - 1; /* without its lowest */
	return set ? pg_rightmost_one_pos64(set) : 0;
}

void
CustomCollect(uint64 set, Batch *batch, const char *database, TimestampTz deadline)
{
	CustomSlot *copy = palloc(sizeof(CustomSlot));
	CustomRun	run = {copy, batch, database, Setting.custom_row_limit};
	int			first = AnyOf(set);

	InstallGuards();
	if (overtime == MAX_TIMEOUTS)
		overtime = RegisterTimeout(USER_TIMEOUT, EndProcess);
	for (int n = 0; n < MAX_CUSTOM && !ShutdownIsRequested(); n++)
	{
		int i = (first + n) % MAX_CUSTOM;

		if ((set & (UINT64CONST(1) << i)) == 0)
			continue;
		LWLockAcquire(Shared->lock, LW_SHARED);
		*copy = Shared->custom[i];
		LWLockRelease(Shared->lock);
		if (copy->name[0])
			RunInVisitor(i, &run, deadline);
	}
	pfree(copy);
}

/* ---- in a session ---- */

static void
RunInSession(CustomRun *run)
{
	InstallGuards();
	PG_TRY();
	{
		QueryRunInSession(RunQuery, run);
	}
	PG_FINALLY();
	{
		guards = false;
	}
	PG_END_TRY();
}

void
CustomCheck(const CustomSlot *slot)
{
	CustomRun run = {slot};

	RunInSession(&run);
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
		RunInSession(&run);
		BatchCountRows(batch, run.rows);
	}
}
