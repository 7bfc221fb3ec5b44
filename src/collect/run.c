/*
 * run.c
 *		Running probes into a batch.
 *
 * Rows come through a cursor in chunks and go out one by one: nothing grows
 * with their number.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/unixtime.h"
#include "collect/probe_query.h"
#include "collect/query.h"
#include "collect/run.h"

#define FETCH_ROWS 200

/* ---- the columns ---- */

bool
ProbeTypeFits(FieldType type, Oid oid)
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
		case FIELD_SHARED_NAME:
			return oid == NAMEOID;
		case FIELD_TIME:
			return oid == TIMESTAMPTZOID;
		case FIELD_TEXTS:
			return oid == TEXTARRAYOID;
		case FIELD_INTS:
			return oid == INT4ARRAYOID;
		case FIELD_ROWS:
		case FIELD_COUNTS:
		case FIELD_VALUES:
		case FIELD_OBJECT:
		case FIELD_OBJECTS:
			break;
	}
	return false;
}

/* Compares the result, from a column on, with a declaration; returns the column after it. */
static int
CheckList(const Probe *probe, TupleDesc desc, const Field *list, const Field **columns, int count)
{
	for (const Field *column = list; column && column->name; column++)
	{
		if (!ProbeHasColumn(column))
			continue;
		if (count >= desc->natts ||
			strcmp(NameStr(TupleDescAttr(desc, count)->attname), column->name) != 0 ||
			!ProbeTypeFits(column->type, TupleDescAttr(desc, count)->atttypid))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of probe \"%s\" is not what it is declared to be",
							column->name, ProbeName(probe))));
		columns[count++] = column;
	}
	return count;
}

/* Fills columns[] with the fields in order of the result; returns how many of them are written. */
static int
CheckColumns(const Probe *probe, TupleDesc desc, const Field **columns)
{
	int written = CheckList(probe, desc, probe->columns, columns, 0);

	if (CheckList(probe, desc, probe->aside, columns, written) != desc->natts)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("probe \"%s\" returns columns that are not declared", ProbeName(probe))));
	return written;
}

/* ---- a row ---- */

/* An element that is null is left out. */
static void
WriteTexts(JsonWriter *w, const char *key, Datum value)
{
	Datum *elements;
	bool  *nulls;
	int	   count;

	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT, &elements,
					  &nulls, &count);
	JsonArrayBegin(w, key);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			JsonText(w, NULL, TextToUtf8(TextDatumGetCString(elements[i])));
	}
	JsonArrayEnd(w);
}

static void
WriteInts(JsonWriter *w, const char *key, Datum value)
{
	Datum *elements;
	bool  *nulls;
	int	   count;

	deconstruct_array(DatumGetArrayTypeP(value), INT4OID, sizeof(int32), true, TYPALIGN_INT,
					  &elements, &nulls, &count);
	JsonArrayBegin(w, key);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			JsonInt(w, NULL, DatumGetInt32(elements[i]));
	}
	JsonArrayEnd(w);
}

static int64
IntegerOf(Datum value, Oid type)
{
	if (type == INT8OID)
		return DatumGetInt64(value);
	return type == OIDOID ? (int64) DatumGetObjectId(value) : DatumGetInt32(value);
}

void
ProbeWriteValue(JsonWriter *w, const Field *column, Datum value, Oid type)
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
					 TextToUtf8(type == NAMEOID ? NameStr(*DatumGetName(value)) :
												  TextDatumGetCString(value)));
			break;
		case FIELD_SHARED_NAME:
			JsonText(w, column->name, SharedNameToUtf8(NameStr(*DatumGetName(value))));
			break;
		case FIELD_TIME:
			if (TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(value)))
				JsonNull(w, column->name);
			else
				JsonTime(w, column->name, UnixMicroseconds(DatumGetTimestampTz(value)));
			break;
		case FIELD_TEXTS:
			WriteTexts(w, column->name, value);
			break;
		case FIELD_INTS:
			WriteInts(w, column->name, value);
			break;
		case FIELD_ROWS:
		case FIELD_COUNTS:
		case FIELD_VALUES:
		case FIELD_OBJECT:
		case FIELD_OBJECTS:
			break;
	}
}

/* What a row needs to be taken apart; the memory is reset after each. */
typedef struct RowBuffer
{
	ProbeRow	  row;
	Value		 *computed;
	size_t		  computed_size;
	MemoryContext context;
} RowBuffer;

static RowBuffer
MakeRowBuffer(const Probe *probe, TupleDesc desc)
{
	RowBuffer buffer;

	buffer.row.desc = CreateTupleDescCopy(desc);
	buffer.row.columns = palloc(sizeof(Field *) * desc->natts);
	buffer.row.values = palloc(sizeof(Datum) * desc->natts);
	buffer.row.nulls = palloc(sizeof(bool) * desc->natts);
	buffer.row.aside = CheckColumns(probe, desc, buffer.row.columns);
	buffer.computed_size = sizeof(Value) * FieldCount(probe->columns);
	buffer.computed = palloc0(buffer.computed_size);
	buffer.context =
		AllocSetContextCreate(CurrentMemoryContext, "pganalytics row", ALLOCSET_SMALL_SIZES);
	return buffer;
}

/* Takes a row apart; false: it is not to be written. */
static bool
LookAtRow(const ProbeInput *input, HeapTuple row, RowBuffer *buffer)
{
	heap_deform_tuple(row, buffer->row.desc, buffer->row.values, buffer->row.nulls);
	if (input->watcher == NULL)
		return true;
	memset(buffer->computed, 0, buffer->computed_size);
	return input->watcher->look(input->watcher->arg, &buffer->row, buffer->computed);
}

static void
WriteRow(const Probe *probe, const ProbeInput *input, JsonWriter *w, const RowBuffer *buffer)
{
	const ProbeRow *row = &buffer->row;
	MemoryContext	old = MemoryContextSwitchTo(buffer->context);

	if (probe->key)
		JsonObjectBegin(w, probe->single ? probe->key : NULL);
	for (int i = 0; i < row->aside; i++)
	{
		const Field *column = row->columns[i];

		if (!row->nulls[i])
			ProbeWriteValue(w, column, row->values[i], TupleDescAttr(row->desc, i)->atttypid);
		else if (column->required)
			ereport(
				ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("column \"%s\" of probe \"%s\" is null", column->name, ProbeName(probe))));
		else if (!probe->sparse)
			JsonNull(w, column->name);
	}
	if (input->watcher)
		JsonFields(w, probe->columns, buffer->computed);
	if (probe->key)
		JsonObjectEnd(w);
	MemoryContextSwitchTo(old);
	MemoryContextReset(buffer->context);
}

/* ---- parameters ---- */

#define NUM_PARAMETERS 3

static const Oid parameter_types[NUM_PARAMETERS] = {OIDARRAYOID, INT8ARRAYOID, INT8ARRAYOID};

static Datum
OidArray(const Oid *oids, int count)
{
	Datum *items = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		items[i] = ObjectIdGetDatum(oids[i]);
	return PointerGetDatum(construct_array(items, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

static Datum
Int8Array(const int64 *numbers, int count)
{
	Datum *items = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		items[i] = Int64GetDatum(numbers[i]);
	return PointerGetDatum(
		construct_array(items, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
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
	Oid	  types[NUM_PARAMETERS];
	Datum values[NUM_PARAMETERS] = {0};
	char  nulls[NUM_PARAMETERS] = {'n', 'n', 'n'};
	int	  count = strstr(sql, "$2") ? 3 : strstr(sql, "$1") ? 1 : 0;

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
	RowBuffer buffer = {0};
	int		  nest_level = NewGUCNestLevel(); /* ended with the transaction, after an error */
	Portal	  portal;
	int64	  rows = 0;

	for (int i = 0; probe->many_steps && i < lengthof(many_steps_settings); i++)
		(void) set_config_option(many_steps_settings[i][0], many_steps_settings[i][1], PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	portal = OpenCursor(ProbeQuery(probe), input);
	MetricStreamArrayBegin(stream, probe->single ? NULL : probe->key);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (buffer.context == NULL)
			buffer = MakeRowBuffer(probe, SPI_tuptable->tupdesc);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			if (!LookAtRow(input, SPI_tuptable->vals[i], &buffer))
				continue;
			if (rows > 0 && probe->single)
				ereport(ERROR,
						(errcode(ERRCODE_CARDINALITY_VIOLATION),
						 errmsg("probe \"%s\" returns more than one row", ProbeName(probe))));
			if (rows > 0)
				(void) MetricStreamArrayNext(stream, probe->key);
			WriteRow(probe, input, stream->writer, &buffer);
			rows++;
		}
		if (SPI_processed < FETCH_ROWS)
			break;
		SPI_freetuptable(SPI_tuptable);
	}
	MetricStreamArrayEnd(stream);
	SPI_cursor_close(portal);
	AtEOXact_GUC(true, nest_level);
	return rows;
}

/* A sum of hashes does not depend on the order. */
uint64
ProbeHash(const Probe *probe, const ProbeInput *input)
{
	StringInfoData sql;
	Portal		   portal;
	char		  *sum;
	uint64		   hash;

	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "SELECT pg_catalog.concat_ws('/', pg_catalog.count(*), pg_catalog.sum("
					 "pg_catalog.hash_record_extended(%s, 0))) FROM (%s) q",
					 probe->hashed ? probe->hashed : "q", ProbeQuery(probe));
	portal = OpenCursor(sql.data, input);
	SPI_cursor_fetch(portal, true, 1);
	if (SPI_processed != 1)
		elog(ERROR, "could not hash probe \"%s\"", ProbeName(probe));
	sum = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	hash = hash_bytes_extended((const unsigned char *) sum, strlen(sum), 0);
	SPI_cursor_close(portal);
	return hash;
}
