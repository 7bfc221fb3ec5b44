/*
 * custom_rows.c
 *		The rows of a custom collector's result.
 *
 * All rows are there, as JSON, before the first of them is written: a query that
 * fails half-way must not leave the rows of its first half, which may be on their
 * way already.  What is more than work_mem goes to a temporary file.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "base/collectors.h"
#include "base/compat.h"
#include "collect/custom.h"

#define MAX_RESULT_SIZE (64 * 1024 * 1024)

struct CustomRows
{
	Tuplestorestate *store; /* of one column, bytea */
	TupleDesc		 desc;
	int64			 count;
	uint64			 bytes;
	bool			 truncated;
};

static bool
AppendToRow(void *arg, const char *data, size_t len)
{
	appendBinaryStringInfo((StringInfo) arg, data, (int) len);
	return true;
}

static void
KeepRow(CustomRows *rows, const CustomColumns *columns, HeapTuple tuple)
{
	char		   buffer[1024];
	StringInfoData text;
	JsonWriter	   w;
	Datum		   value;
	bool		   is_null = false;

	initStringInfo(&text);
	appendStringInfoSpaces(&text, VARHDRSZ);
	JsonInit(&w, (JsonSink){AppendToRow, NULL, &text}, buffer, sizeof(buffer));
	CustomWriteRow(&w, columns, tuple);
	JsonFlush(&w);
	SET_VARSIZE(text.data, text.len);
	value = PointerGetDatum(text.data);
	tuplestore_putvalues(rows->store, rows->desc, &value, &is_null);
	rows->bytes += text.len;
	rows->count++;
}

static CustomRows *
Create(void)
{
	CustomRows *rows = palloc0(sizeof(CustomRows));

	rows->store = tuplestore_begin_heap(false, false, work_mem);
	rows->desc = CreateTemplateTupleDesc(1);
	TupleDescInitEntry(rows->desc, 1, "row", BYTEAOID, -1, 0);
	TupleDescFinalize(rows->desc);
	return rows;
}

CustomRows *
CustomRowsRead(Portal portal, int64 limit)
{
	CustomRows	  *rows = Create();
	CustomColumns *columns = NULL;
	MemoryContext  row_context = AllocSetContextCreate(
		 CurrentMemoryContext, "pganalytics custom row", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		MemoryContext old;

		SPI_cursor_fetch(portal, true, 1); /* several could be of any size */
		if (columns == NULL)
			columns = CustomColumnsOf(SPI_tuptable->tupdesc);
		rows->truncated =
			SPI_processed > 0 && (rows->count == limit || rows->bytes > MAX_RESULT_SIZE);
		if (SPI_processed == 0 || rows->truncated)
			return rows;
		old = MemoryContextSwitchTo(row_context);
		KeepRow(rows, columns, SPI_tuptable->vals[0]);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
		SPI_freetuptable(SPI_tuptable);
	}
}

int64
CustomRowsCount(const CustomRows *rows)
{
	return rows->count;
}

static JsonWriter *
BeginMetric(Batch *batch, const char *name, const char *database, TimestampTz read_at)
{
	JsonWriter *w = BatchMetricBegin(batch, Collectors[COLLECTOR_CUSTOM].name, database, read_at);

	JsonText(w, "name", name);
	JsonArrayBegin(w, "rows");
	return w;
}

static void
EndMetric(Batch *batch, JsonWriter *w, bool truncated)
{
	JsonArrayEnd(w);
	JsonBool(w, "truncated", truncated);
	BatchMetricEnd(batch);
}

void
CustomRowsWrite(CustomRows *rows, Batch *batch, const char *name, const char *database,
				TimestampTz read_at)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(rows->desc, &TTSOpsMinimalTuple);
	JsonWriter	   *w = BeginMetric(batch, name, database, read_at);

	while (tuplestore_gettupleslot(rows->store, true, false, slot))
	{
		bool   is_null;
		bytea *row = DatumGetByteaPP(slot_getattr(slot, 1, &is_null));

		if (BatchMetricIsLong(batch))
		{
			EndMetric(batch, w, rows->truncated);
			w = BeginMetric(batch, name, database, read_at);
		}
		JsonEncoded(w, NULL, VARDATA_ANY(row), VARSIZE_ANY_EXHDR(row));
	}
	EndMetric(batch, w, rows->truncated);
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(rows->store);
}
