/*
 * probe_query.c
 *		The query of a probe: whether it can run here, and what it reads.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_collation_d.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "collect/probe_query.h"

static bool
IsOfThisVersion(int since, int until)
{
	int major = PG_VERSION_NUM / 10000;

	return (since == 0 || since <= major) && (until == 0 || until >= major);
}

bool
ProbeHasColumn(const Field *column)
{
	return IsOfThisVersion(column->since, column->until) && !column->computed;
}

bool
ProbeIsTracked(const char *tracker)
{
	const char *value;

	if (tracker == NULL)
		return true;
	value = GetConfigOption(tracker, true, false);
	return value && strcmp(value, "off") != 0 && strcmp(value, "none") != 0;
}

bool
SettingIsOfRoleOrDatabase(const char *name)
{
	Oid	  types[1] = {TEXTOID};
	Datum values[1] = {CStringGetTextDatum(name)};

	return SPI_execute_with_args("SELECT 1 FROM pg_catalog.pg_settings WHERE name = $1 "
								 "AND source IN ('global', 'user', 'database', 'database user')",
								 1, types, values, NULL, true, 1) == SPI_OK_SELECT &&
		SPI_processed == 1;
}

const char *
ProbeName(const Probe *probe)
{
	return probe->key ? probe->key : "of the metric";
}

int
ExtensionVersionCompare(const char *a, const char *b)
{
	int a_part[2] = {0, 0};
	int b_part[2] = {0, 0};

	sscanf(a, "%d.%d", &a_part[0], &a_part[1]);
	sscanf(b, "%d.%d", &b_part[0], &b_part[1]);
	return a_part[0] != b_part[0] ? a_part[0] - b_part[0] : a_part[1] - b_part[1];
}

char *
ExtensionFind(const char *name, char **schema)
{
	Oid	  types[1] = {NAMEOID};
	Datum values[1] = {DirectFunctionCall1(namein, CStringGetDatum(name))};

	if (SPI_execute_with_args("SELECT e.extversion, n.nspname FROM pg_catalog.pg_extension e "
							  "JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace "
							  "WHERE e.extname = $1",
							  1, types, values, NULL, true, 1) != SPI_OK_SELECT ||
		SPI_processed == 0)
		return NULL;
	*schema = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

bool
ProbeApplies(const Probe *probe, bool *missing)
{
	char *version;
	char *schema;

	*missing = false;
	if (!IsOfThisVersion(probe->since, probe->until) ||
		(probe->role == ON_PRIMARY && RecoveryInProgress()) ||
		(probe->role == ON_STANDBY && !RecoveryInProgress()) ||
		(probe->reader != BY_ANYONE && (probe->reader == BY_SUPERUSER) != superuser()) ||
		!ProbeIsTracked(probe->tracker))
		return false;
	if (probe->extension == NULL)
		return true;
	version = ExtensionFind(probe->extension, &schema);
	*missing = version == NULL ||
		(probe->extension_since && ExtensionVersionCompare(version, probe->extension_since) < 0);
	return !*missing;
}

static const char *const null_of_type[] = {
	[FIELD_INT] = "NULL::bigint",		[FIELD_FLOAT] = "NULL::double precision",
	[FIELD_BOOL] = "NULL::boolean",		[FIELD_TEXT] = "NULL::text",
	[FIELD_SHARED_NAME] = "NULL::name", [FIELD_TIME] = "NULL::timestamptz",
	[FIELD_TEXTS] = "NULL::text[]",		[FIELD_INTS] = "NULL::integer[]",
};

/* A counter whose tracker is off reads 0; null says that it is not known. */
static void
AppendColumns(StringInfo sql, const Field *columns, const char *separator)
{
	for (const Field *column = columns; column && column->name; column++)
	{
		if (!ProbeHasColumn(column))
			continue;
		appendStringInfo(sql, "%s%s AS %s", separator,
						 ProbeIsTracked(column->tracker) ? column->source :
														   null_of_type[column->type],
						 quote_identifier(column->name));
		separator = ", ";
	}
}

static void
AppendSelect(StringInfo sql, const Field *columns, const Field *aside, const char *from)
{
	AppendColumns(sql, columns, "SELECT ");
	AppendColumns(sql, aside, ", ");
	appendStringInfo(sql, " FROM %s", from);
}

/* An extension may be installed anywhere, and search_path is empty. */
char *
ExtensionNameSchema(const char *sql, const char *schema)
{
	return text_to_cstring(DatumGetTextPP(DirectFunctionCall3Coll(
		replace_text, C_COLLATION_OID, CStringGetTextDatum(sql), CStringGetTextDatum("@extschema@"),
		CStringGetTextDatum(quote_identifier(schema)))));
}

char *
ProbeQuery(const Probe *probe)
{
	StringInfoData sql;
	char		  *schema;

	initStringInfo(&sql);
	if (probe->common)
	{
		appendStringInfo(&sql, "WITH %s AS MATERIALIZED (", probe->common->name);
		AppendSelect(&sql, probe->common->columns, NULL, probe->common->from);
		appendStringInfoString(&sql, ") ");
	}
	AppendSelect(&sql, probe->columns, probe->aside, probe->from);
	if (probe->extension == NULL)
		return sql.data;
	if (ExtensionFind(probe->extension, &schema) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"%s\" is not installed", probe->extension)));
	return ExtensionNameSchema(sql.data, schema);
}
