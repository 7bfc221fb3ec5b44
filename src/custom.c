/*
 * custom.c
 *		SQL functions that register custom collectors:
 *		pganalytics_add_custom_collector(), pganalytics_remove_custom_collector().
 *
 * The table belongs to the owner of the extension and nobody else may write
 * it; these functions do so for their caller, whose role they note.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type_d.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/settings.h"
#include "base/shared.h"
#include "collect/custom.h"

#define MAX_INTERVAL_S (24 * 60 * 60)

PG_FUNCTION_INFO_V1(pganalytics_add_custom_collector);
PG_FUNCTION_INFO_V1(pganalytics_remove_custom_collector);

/* ---- telling the collector ---- */

static bool will_tell = false;

static void
TellCollector(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	if (will_tell && event == XACT_EVENT_COMMIT && Shared)
	{
		pg_atomic_fetch_add_u64(&Shared->custom_changes, 1);
		WakeWorker(&Shared->collector);
	}
	will_tell = false;
}

/* The collector sees the change only when it is committed. */
static void
TellCollectorAtCommit(void)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(TellCollector, NULL);
	registered = true;
	will_tell = true;
}

/* ---- arguments ---- */

static void
RequireDatabase(void)
{
	char *name = get_database_name(MyDatabaseId);

	if (name == NULL || strcmp(name, Setting.database) != 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("custom collectors are registered in database \"%s\" only", Setting.database),
			 errhint("Connect to that database, which \"pganalytics.database\" names.")));
}

static void
CopyArgument(char *slot, size_t size, const char *what, text *argument)
{
	char *value = text_to_cstring(argument);

	if (value[0] == '\0' || strlcpy(slot, value, size) >= size)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s of a custom collector must have 1 to %zu bytes", what, size - 1)));
}

static void
CheckName(const char *name)
{
	/* of ASCII: it is a key in the status, whatever the encoding of the database */
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid name of a custom collector: \"%s\"", name),
				 errdetail("Only letters, digits and the characters _ - . are allowed.")));
}

static int
SecondsOf(const Interval *interval)
{
	double seconds = interval->time / 1000000.0 + (interval->day + interval->month * 30.0) * 86400;

	if (!(seconds >= 1 && seconds <= MAX_INTERVAL_S))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("interval of a custom collector must be from 1 second to 1 day")));
	return (int) seconds;
}

/* ---- the query ---- */

static void
PlaceInQuery(void *arg)
{
	int position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(arg);
	}
}

/* For a query that runs elsewhere: nothing but its grammar can be checked here. */
static void
CheckGrammar(char *query)
{
	ErrorContextCallback callback = {error_context_stack, PlaceInQuery, query};
	List				*statements;

	error_context_stack = &callback;
	statements = raw_parser(query, RAW_PARSE_DEFAULT);
	error_context_stack = callback.previous;
	if (list_length(statements) != 1 ||
		!IsA(linitial_node(RawStmt, statements)->stmt, SelectStmt) ||
		((SelectStmt *) linitial_node(RawStmt, statements)->stmt)->intoClause != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_CURSOR_DEFINITION),
				 errmsg("the query of a custom collector must be one SELECT")));
}

/* Where it is to run here as well, by running it. */
static void
CheckRun(const CustomSlot *slot)
{
	CustomSlot *copy = palloc(sizeof(CustomSlot));

	*copy = *slot;
	if (!CustomQueryToUtf8(copy))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query of a custom collector must have no more than %zu bytes in UTF-8",
						sizeof(copy->query) - 1)));
	if (PatternListMatches(copy->databases, Setting.database))
		CustomCheck(copy);
	pfree(copy);
}

/* ---- the table ---- */

typedef struct TableAccess
{
	char *name;
	Oid	  saved_user;
	int	  saved_context;
} TableAccess;

static void
BeginTableAccess(TableAccess *access)
{
	HeapTuple tuple;

	SPI_connect();
	access->name = CustomTableName();
	if (access->name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the extension's table of custom collectors is missing")));
	tuple = SearchSysCache1(RELOID, DirectFunctionCall1(regclassin, CStringGetDatum(access->name)));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "the extension's table of custom collectors is gone");
	GetUserIdAndSecContext(&access->saved_user, &access->saved_context);
	SetUserIdAndSecContext(((Form_pg_class) GETSTRUCT(tuple))->relowner,
						   access->saved_context | SECURITY_LOCAL_USERID_CHANGE);
	ReleaseSysCache(tuple);
}

static void
EndTableAccess(TableAccess *access)
{
	SetUserIdAndSecContext(access->saved_user, access->saved_context);
	SPI_finish();
}

static void
Execute(const char *sql, int nargs, Oid *types, Datum *values, bool read_only, int expected)
{
	int result = SPI_execute_with_args(sql, nargs, types, values, NULL, read_only, 0);

	if (result != expected)
		elog(ERROR, "could not access the table of custom collectors: %s",
			 SPI_result_code_string(result));
}

static void
Insert(const CustomSlot *slot)
{
	Oid			types[] = {TEXTOID, TEXTOID, INT4OID, TEXTOID, OIDOID, BOOLOID};
	Datum		values[] = {CStringGetTextDatum(slot->name), CStringGetTextDatum(slot->query),
							Int32GetDatum(slot->interval_s), CStringGetTextDatum(slot->databases),
							ObjectIdGetDatum(slot->role),	 BoolGetDatum(slot->was_superuser)};
	TableAccess access;

	BeginTableAccess(&access);
	/* one at a time, or two could pass the limit together */
	if (SPI_execute(psprintf("LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE", access.name), false, 0) !=
		SPI_OK_UTILITY)
		elog(ERROR, "could not lock the table of custom collectors");
	Execute(psprintf("SELECT 1 FROM %s WHERE name = $1", access.name), 1, types, values, false,
			SPI_OK_SELECT);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("custom collector \"%s\" already exists", slot->name),
				 errhint("Remove it first: SELECT pganalytics_remove_custom_collector('%s')",
						 slot->name)));
	Execute(psprintf("SELECT 1 FROM %s", access.name), 0, NULL, NULL, false, SPI_OK_SELECT);
	if (SPI_processed >= MAX_CUSTOM)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("there are %d custom collectors already, which is the limit", MAX_CUSTOM)));
	Execute(
		psprintf(
			"INSERT INTO %s (name, query, \"interval\", databases, role, was_superuser) "
			"VALUES ($1, $2, pg_catalog.make_interval(secs => $3), $4, $5::pg_catalog.regrole, $6)",
			access.name),
		6, types, values, false, SPI_OK_INSERT);
	EndTableAccess(&access);
}

/*
 * pganalytics_add_custom_collector(name text, query text, interval interval,
 * databases text) returns void: registers a query to be run, as the caller's
 * role, in every database of the patterns.
 */
Datum
pganalytics_add_custom_collector(PG_FUNCTION_ARGS)
{
	CustomSlot *slot = palloc0(sizeof(CustomSlot));

	RequireDatabase();
	CopyArgument(slot->name, sizeof(slot->name), "name", PG_GETARG_TEXT_PP(0));
	CopyArgument(slot->query, sizeof(slot->query), "query", PG_GETARG_TEXT_PP(1));
	CopyArgument(slot->databases, sizeof(slot->databases), "databases", PG_GETARG_TEXT_PP(3));
	CheckName(slot->name);
	slot->interval_s = SecondsOf(PG_GETARG_INTERVAL_P(2));
	slot->role = GetUserId();
	slot->was_superuser = superuser();

	CheckGrammar(slot->query);
	CheckRun(slot);
	Insert(slot);
	TellCollectorAtCommit();
	PG_RETURN_VOID();
}

/*
 * pganalytics_remove_custom_collector(name text) returns bool: false: there is
 * none of that name.
 */
Datum
pganalytics_remove_custom_collector(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			types[] = {TEXTOID};
	Datum		values[] = {PG_GETARG_DATUM(0)};
	TableAccess access;
	bool		found;

	RequireDatabase();
	BeginTableAccess(&access);
	Execute(psprintf("SELECT role::pg_catalog.oid FROM %s WHERE name = $1", access.name), 1, types,
			values, false, SPI_OK_SELECT);
	found = SPI_processed > 0;
	if (found)
	{
		bool is_null;
		Oid	 role = DatumGetObjectId(
			 SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));

		if (!superuser_arg(access.saved_user) && !has_privs_of_role(access.saved_user, role))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("custom collector \"%s\" was registered by another role", name)));
		Execute(psprintf("DELETE FROM %s WHERE name = $1", access.name), 1, types, values, false,
				SPI_OK_DELETE);
	}
	EndTableAccess(&access);
	if (found)
		TellCollectorAtCommit();
	PG_RETURN_BOOL(found);
}
