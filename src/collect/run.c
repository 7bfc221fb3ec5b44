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
StreamOpen(MetricStream *stream, const char *array)
{
	if (stream->writer == NULL)
	{
		stream->writer = BatchMetricBegin(stream->batch, stream->type, stream->database,
										  stream->read_at);
		if (stream->fields)
			JsonFields(stream->writer, stream->fields, stream->values);
		stream->has_content = false;
	}
	stream->rows_start = JsonMarkHere(stream->writer);
	stream->rows_are_open = true;
	if (array)
		JsonArrayBegin(stream->writer, array);
}

static void
StreamCloseRows(MetricStream *stream, bool is_array)
{
	if (is_array)
		JsonArrayEnd(stream->writer);
	stream->rows_are_open = false;
	stream->has_content = true;
}

void
MetricStreamArrayBegin(MetricStream *stream, const char *key)
{
	StreamOpen(stream, key);
}

JsonWriter *
MetricStreamArrayNext(MetricStream *stream, const char *key)
{
	if (BatchMetricIsLong(stream->batch))
	{
		StreamCloseRows(stream, true);
		MetricStreamEnd(stream);
		StreamOpen(stream, key);
	}
	return stream->writer;
}

void
MetricStreamArrayEnd(MetricStream *stream)
{
	StreamCloseRows(stream, true);
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
IsTracked(const Field *column)
{
	const char *value;

	if (column->tracker == NULL)
		return true;
	value = GetConfigOption(column->tracker, true, false);
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
		(probe->role == ON_STANDBY && !RecoveryInProgress()))
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
						 IsTracked(column) ? column->source : null_of_type[column->type],
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

int64
ProbeRun(const Probe *probe, MetricStream *stream, const ProbeInput *input)
{
	const Field *columns[MaxTupleAttributeNumber];
	Oid			types[1] = {OIDARRAYOID};
	Datum		values[1] = {0};
	char		nulls[1] = {'n'};
	char	   *sql = BuildQuery(probe);
	Portal		portal;
	int64		rows = 0;
	bool		checked = false;

	if (input->tables)
	{
		Datum	   *oids = palloc(sizeof(Datum) * input->table_count);

		for (int i = 0; i < input->table_count; i++)
			oids[i] = ObjectIdGetDatum(input->tables[i]);
		values[0] = PointerGetDatum(construct_array(oids, input->table_count, OIDOID, sizeof(Oid),
													true, TYPALIGN_INT));
		nulls[0] = ' ';
	}
	portal = SPI_cursor_open_with_args(NULL, sql, strstr(sql, "$1") ? 1 : 0, types, values, nulls,
									   true, CURSOR_OPT_NO_SCROLL);
	StreamOpen(stream, probe->single ? NULL : probe->key);
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
			if (rows > 0)
				(void) MetricStreamArrayNext(stream, probe->key);
			WriteRow(probe, stream, SPI_tuptable->vals[i], SPI_tuptable->tupdesc, columns,
					 input->sizes);
			rows++;
		}
		if (SPI_processed < FETCH_ROWS)
			break;
		SPI_freetuptable(SPI_tuptable);
	}
	StreamCloseRows(stream, !probe->single);
	SPI_cursor_close(portal);
	return rows;
}
