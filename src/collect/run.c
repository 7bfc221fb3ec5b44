/*
 * run.c
 *		Running probes into a batch.
 *
 * Rows come through a cursor in chunks and go out one by one: nothing grows
 * with their number.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "base/unixtime.h"
#include "collect/query.h"
#include "collect/run.h"

#define FETCH_ROWS 200

/* ---- the metric that rows go into ---- */

static void
StreamOpenMetric(MetricStream *stream)
{
	if (stream->writer != NULL)
		return;
	stream->writer = BatchMetricBegin(stream->batch, stream->type, stream->database,
									  stream->read_at);
	if (stream->fields)
		JsonFields(stream->writer, stream->fields, stream->values);
	stream->has_content = false;
}

static void
StreamOpen(MetricStream *stream, const Probe *probe)
{
	StreamOpenMetric(stream);
	stream->rows_start = JsonMarkHere(stream->writer);
	stream->rows_are_open = true;
	if (!probe->single)
		JsonArrayBegin(stream->writer, probe->key);
}

static void
StreamCloseRows(MetricStream *stream, const Probe *probe)
{
	if (!probe->single)
		JsonArrayEnd(stream->writer);
	stream->rows_are_open = false;
	stream->has_content = true;
}

void
MetricStreamEmpty(MetricStream *stream)
{
	StreamOpenMetric(stream);
	stream->has_content = true;
}

void
MetricStreamEnd(MetricStream *stream)
{
	if (stream->writer == NULL)
		return;
	if (stream->has_content)
		BatchMetricEnd(stream->batch);
	else
		BatchMetricAbort(stream->batch);
	stream->writer = NULL;
}

void
ProbeTakeBack(MetricStream *stream)
{
	if (stream->rows_are_open)
		JsonRewind(stream->writer, &stream->rows_start);
	stream->rows_are_open = false;
}

/* ---- the query ---- */

static bool
IsOfThisVersion(int since, int until)
{
	int			major = PG_VERSION_NUM / 10000;

	return (since == 0 || since <= major) && (until == 0 || until >= major);
}

static bool
HasColumn(const Field *column)
{
	return IsOfThisVersion(column->since, column->until);
}

static bool
IsTracked(const char *tracker)
{
	const char *value;

	if (tracker == NULL)
		return true;
	value = GetConfigOption(tracker, true, false);
	return value && strcmp(value, "off") != 0 && strcmp(value, "none") != 0;
}

static const char *
ProbeName(const Probe *probe)
{
	return probe->key ? probe->key : "of the metric";
}

/* "1.10" is above "1.9". */
static int
CompareVersions(const char *a, const char *b)
{
	int			a_part[2] = {0, 0};
	int			b_part[2] = {0, 0};

	sscanf(a, "%d.%d", &a_part[0], &a_part[1]);
	sscanf(b, "%d.%d", &b_part[0], &b_part[1]);
	return a_part[0] != b_part[0] ? a_part[0] - b_part[0] : a_part[1] - b_part[1];
}

/* Version of an installed extension and the schema it is in; NULL: it is not installed. */
static char *
FindExtension(const char *name, char **schema)
{
	Oid			types[1] = {NAMEOID};
	Datum		values[1] = {DirectFunctionCall1(namein, CStringGetDatum(name))};

	if (SPI_execute_with_args("SELECT e.extversion, n.nspname FROM pg_catalog.pg_extension e "
							  "JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace "
							  "WHERE e.extname = $1", 1, types, values, NULL, true, 1) !=
		SPI_OK_SELECT || SPI_processed == 0)
		return NULL;
	*schema = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

bool
ProbeApplies(const Probe *probe, bool *missing)
{
	char	   *version;
	char	   *schema;

	*missing = false;
	if (!IsOfThisVersion(probe->since, probe->until) ||
		(probe->role == ON_PRIMARY && RecoveryInProgress()) ||
		(probe->role == ON_STANDBY && !RecoveryInProgress()) ||
		(probe->reader != BY_ANYONE && (probe->reader == BY_SUPERUSER) != superuser()) ||
		!IsTracked(probe->tracker))
		return false;
	if (probe->extension == NULL)
		return true;
	version = FindExtension(probe->extension, &schema);
	*missing = version == NULL ||
		(probe->extension_since && CompareVersions(version, probe->extension_since) < 0);
	return !*missing;
}

static const char *const null_of_type[] = {
	[FIELD_INT] = "NULL::bigint",
	[FIELD_FLOAT] = "NULL::double precision",
	[FIELD_BOOL] = "NULL::boolean",
	[FIELD_TEXT] = "NULL::text",
	[FIELD_TIME] = "NULL::timestamptz",
};

/* A counter whose tracker is off reads 0; null says that it is not known. */
static void
AppendSelect(StringInfo sql, const Field *columns, const char *from)
{
	const char *separator = "SELECT ";

	for (const Field *column = columns; column->name; column++)
	{
		if (!HasColumn(column))
			continue;
		appendStringInfo(sql, "%s%s AS %s", separator,
						 IsTracked(column->tracker) ? column->source : null_of_type[column->type],
						 quote_identifier(column->name));
		separator = ", ";
	}
	appendStringInfo(sql, " FROM %s", from);
}

/* An extension may be installed anywhere, and search_path is empty. */
static char *
NameSchema(char *sql, const char *extension)
{
	char	   *schema;

	if (FindExtension(extension, &schema) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("extension \"%s\" is not installed", extension)));
	return text_to_cstring(DatumGetTextPP(DirectFunctionCall3(replace_text,
		CStringGetTextDatum(sql), CStringGetTextDatum("@extschema@"),
		CStringGetTextDatum(quote_identifier(schema)))));
}

static char *
BuildQuery(const Probe *probe)
{
	StringInfoData sql;

	initStringInfo(&sql);
	if (probe->common)
	{
		appendStringInfo(&sql, "WITH %s AS MATERIALIZED (", probe->common->name);
		AppendSelect(&sql, probe->common->columns, probe->common->from);
		appendStringInfoString(&sql, ") ");
	}
	AppendSelect(&sql, probe->columns, probe->from);
	return probe->extension ? NameSchema(sql.data, probe->extension) : sql.data;
}

static bool
TypeFits(FieldType type, Oid oid)
{
	switch (type)
	{
		case FIELD_INT:
			return oid == INT8OID || oid == INT4OID || oid == OIDOID;
		case FIELD_FLOAT:
			return oid == FLOAT8OID;
		case FIELD_BOOL:
			return oid == BOOLOID;
		case FIELD_TEXT:
			return oid == TEXTOID || oid == NAMEOID;
		case FIELD_TIME:
			return oid == TIMESTAMPTZOID;
		case FIELD_FILES:
			return oid == INT8ARRAYOID;
		case FIELD_TEXTS:
		case FIELD_COUNTS:
		case FIELD_OBJECT:
		case FIELD_OBJECTS:
			break;
	}
	return false;
}

/* Compares the result with the declaration; fills columns[] with the fields in order of the result. */
static int
CheckColumns(const Probe *probe, TupleDesc desc, const Field **columns)
{
	int			count = 0;

	for (const Field *column = probe->columns; column->name; column++)
	{
		if (!HasColumn(column))
			continue;
		if (count >= desc->natts ||
			strcmp(NameStr(TupleDescAttr(desc, count)->attname), column->name) != 0 ||
			!TypeFits(column->type, TupleDescAttr(desc, count)->atttypid))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of probe \"%s\" is not what it is declared to be",
							column->name, ProbeName(probe))));
		columns[count++] = column;
	}
	if (count != desc->natts)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("probe \"%s\" returns columns that are not declared", ProbeName(probe))));
	return count;
}

/* ---- a row ---- */

static void
WriteFiles(JsonWriter *w, const char *key, Datum value, const FileSizes *sizes)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	int			count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	int64		bytes;

	if (sizes == NULL || array_contains_nulls(array) ||
		!FileSizesSum(sizes, (int64 *) ARR_DATA_PTR(array), count, &bytes))
		JsonNull(w, key);
	else
		JsonInt(w, key, bytes);
}

static int64
IntegerOf(Datum value, Oid type)
{
	if (type == INT8OID)
		return DatumGetInt64(value);
	return type == OIDOID ? (int64) DatumGetObjectId(value) : DatumGetInt32(value);
}

static void
WriteValue(JsonWriter *w, const Field *column, Datum value, Oid type, const FileSizes *sizes)
{
	switch (column->type)
	{
		case FIELD_INT:
			JsonInt(w, column->name, IntegerOf(value, type));
			break;
		case FIELD_FLOAT:
			JsonFloat(w, column->name, DatumGetFloat8(value));
			break;
		case FIELD_BOOL:
			JsonBool(w, column->name, DatumGetBool(value));
			break;
		case FIELD_TEXT:
			JsonText(w, column->name,
					 TextToUtf8(type == NAMEOID ? NameStr(*DatumGetName(value))
								: TextDatumGetCString(value)));
			break;
		case FIELD_TIME:
			if (TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(value)))
				JsonNull(w, column->name);
			else
				JsonTime(w, column->name, UnixMicroseconds(DatumGetTimestampTz(value)));
			break;
		case FIELD_FILES:
			WriteFiles(w, column->name, value, sizes);
			break;
		case FIELD_TEXTS:
		case FIELD_COUNTS:
		case FIELD_OBJECT:
		case FIELD_OBJECTS:
			break;
	}
}

static void
WriteRow(const Probe *probe, MetricStream *stream, HeapTuple row, TupleDesc desc,
		 const Field **columns, const FileSizes *sizes)
{
	JsonWriter *w = stream->writer;

	if (probe->key)
		JsonObjectBegin(w, probe->single ? probe->key : NULL);
	for (int i = 0; i < desc->natts; i++)
	{
		bool		is_null;
		Datum		value = SPI_getbinval(row, desc, i + 1, &is_null);

		if (!is_null)
			WriteValue(w, columns[i], value, TupleDescAttr(desc, i)->atttypid, sizes);
		else if (columns[i]->required)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("column \"%s\" of probe \"%s\" is null", columns[i]->name,
							ProbeName(probe))));
		else
			JsonNull(w, columns[i]->name);
	}
	if (probe->key)
		JsonObjectEnd(w);
}

/* ---- parameters ---- */

#define NUM_PARAMETERS 3

static const Oid parameter_types[NUM_PARAMETERS] = {OIDARRAYOID, INT8ARRAYOID, INT8ARRAYOID};

static Datum
OidArray(const Oid *oids, int count)
{
	Datum	   *items = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		items[i] = ObjectIdGetDatum(oids[i]);
	return PointerGetDatum(construct_array(items, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

static Datum
Int8Array(const int64 *numbers, int count)
{
	Datum	   *items = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		items[i] = Int64GetDatum(numbers[i]);
	return PointerGetDatum(construct_array(items, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

/*
 * Planned for a few rows and executed with thousands, nested loops would take
 * minutes; and there are many steps to share the memory.
 */
static const char *const many_steps_settings[][2] = {
	{"enable_nestloop", "off"},
	{"enable_memoize", "off"},
	{"work_mem", "1MB"},
};

/* Opens a cursor for a query that refers to some of the parameters, or to none. */
static Portal
OpenCursor(const char *sql, const ProbeInput *input)
{
	Oid			types[NUM_PARAMETERS];
	Datum		values[NUM_PARAMETERS] = {0};
	char		nulls[NUM_PARAMETERS] = {'n', 'n', 'n'};
	int			count = strstr(sql, "$2") ? 3 : strstr(sql, "$1") ? 1 : 0;

	memcpy(types, parameter_types, sizeof(types));
	if (count >= 1 && input->tables)
	{
		values[0] = OidArray(input->tables, input->table_count);
		nulls[0] = ' ';
	}
	if (count == 3 && input->keys)
	{
		values[1] = Int8Array(input->keys, input->number_count);
		values[2] = Int8Array(input->numbers, input->number_count);
		nulls[1] = nulls[2] = ' ';
	}
	return SPI_cursor_open_with_args(NULL, sql, count, types, values, nulls, true,
									 CURSOR_OPT_NO_SCROLL);
}

int64
ProbeRun(const Probe *probe, MetricStream *stream, const ProbeInput *input)
{
	const Field *columns[MaxTupleAttributeNumber];
	int			nest_level = NewGUCNestLevel(); /* ended with the transaction, after an error */
	Portal		portal;
	int64		rows = 0;
	bool		checked = false;

	for (int i = 0; probe->many_steps && i < lengthof(many_steps_settings); i++)
		(void) set_config_option(many_steps_settings[i][0], many_steps_settings[i][1],
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	portal = OpenCursor(BuildQuery(probe), input);
	StreamOpen(stream, probe);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (!checked)
			CheckColumns(probe, SPI_tuptable->tupdesc, columns);
		checked = true;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			if (rows > 0 && probe->single)
				ereport(ERROR, (errcode(ERRCODE_CARDINALITY_VIOLATION),
								errmsg("probe \"%s\" returns more than one row",
									   ProbeName(probe))));
			if (rows > 0 && BatchMetricIsLong(stream->batch))
			{
				StreamCloseRows(stream, probe);
				MetricStreamEnd(stream);
				StreamOpen(stream, probe);
			}
			WriteRow(probe, stream, SPI_tuptable->vals[i], SPI_tuptable->tupdesc, columns,
					 input->sizes);
			rows++;
		}
		if (SPI_processed < FETCH_ROWS)
			break;
		SPI_freetuptable(SPI_tuptable);
	}
	StreamCloseRows(stream, probe);
	SPI_cursor_close(portal);
	AtEOXact_GUC(true, nest_level);
	return rows;
}

/* A sum of hashes does not depend on the order. */
uint64
ProbeHash(const Probe *probe, const ProbeInput *input)
{
	StringInfoData sql;
	Portal		portal;
	char	   *sum;
	uint64		hash;

	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "SELECT pg_catalog.concat_ws('/', pg_catalog.count(*), pg_catalog.sum("
					 "pg_catalog.hash_record_extended(%s, 0))) FROM (%s) q",
					 probe->hashed ? probe->hashed : "q", BuildQuery(probe));
	portal = OpenCursor(sql.data, input);
	SPI_cursor_fetch(portal, true, 1);
	if (SPI_processed != 1)
		elog(ERROR, "could not hash probe \"%s\"", ProbeName(probe));
	sum = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	hash = hash_bytes_extended((const unsigned char *) sum, strlen(sum), 0);
	SPI_cursor_close(portal);
	return hash;
}
