/*
 * pg_schema.c
 *		The collector of the schema.
 *
 * Before anything else it asks for a number that moves with the catalogues:
 * what changes after that is seen at the next visit again.  The values of
 * sequences are read by other means than SQL.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/collectors.h"
#include "base/settings.h"
#include "collect/definitions.h"
#include "collect/pg_schema.h"
#include "collect/query.h"
#include "collect/sequences.h"
#include "collect/snapshot_writer.h"
#include "collect/snapshots.h"

/* The arguments of a query that has only max_relations; null: no limit. */
typedef struct LimitArgument
{
	Oid	  types[1];
	Datum values[1];
	char  nulls[1];
} LimitArgument;

static LimitArgument
MaxRelations(void)
{
	return (LimitArgument){
		{INT8OID}, {Int64GetDatum(Setting.max_relations)}, {Setting.max_relations > 0 ? ' ' : 'n'}};
}

static Datum
FirstRow(int column, bool *is_null)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, is_null);
}

static void
ReadChanges(void *arg)
{
	int64 *changes = arg;
	bool   is_null;

	if (SPI_execute(PgSchemaChangesSql, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read the counters of the catalogues");
	*changes = DatumGetInt64(FirstRow(1, &is_null));
}

/* How many tables are there, and which is the last within the limit? */
static void
CountTables(SqlRun *run, SnapshotSource *source)
{
	LimitArgument limit = MaxRelations();
	int64		  count;
	Datum		  last;
	bool		  is_null;

	if (SPI_execute_with_args(PgSchemaCountSql, 1, limit.types, limit.values, limit.nulls, true,
							  1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not count the tables");
	count = DatumGetInt64(FirstRow(1, &is_null));
	last = FirstRow(2, &is_null);
	source->last_table = is_null ? InvalidOid : DatumGetObjectId(last);
	if (Setting.max_relations > 0)
		source->skipped = Max(count - Setting.max_relations, 0);
	ValueSetInt(&run->values[FieldIndex(run->stream.fields, "skipped")], source->skipped);
}

static void
ReadSequences(SqlRun *run)
{
	LimitArgument  limit = MaxRelations();
	SPITupleTable *sequences;
	uint64		   count;
	int64		  *keys;
	int64		  *numbers;

	if (SPI_execute_with_args(PgSchemaSequencesSql, 1, limit.types, limit.values, limit.nulls, true,
							  0) != SPI_OK_SELECT)
		elog(ERROR, "could not list the sequences");
	sequences = SPI_tuptable;
	count = SPI_processed;
	keys = MemoryContextAllocHuge(run->context, sizeof(int64) * Max(count, 1));
	numbers = MemoryContextAllocHuge(run->context, sizeof(int64) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		bool is_null;
		Oid	 oid =
			DatumGetObjectId(SPI_getbinval(sequences->vals[i], sequences->tupdesc, 1, &is_null));
		SequenceState state = SequenceLastValue(oid, &numbers[i]);

		CHECK_FOR_INTERRUPTS();
		keys[i] = state == SEQUENCE_READ ? (int64) oid : -(int64) oid;
		if (state != SEQUENCE_READ)
			numbers[i] = state == SEQUENCE_NEVER_USED ? 1 : 0;
	}
	run->input.keys = keys;
	run->input.numbers = numbers;
	run->input.number_count = (int) count;
}

static void
Prepare(void *arg)
{
	SqlRun		   *run = arg;
	SnapshotSource *source = run->own;

	ReadChanges(&source->changes);
	CountTables(run, source);
	ReadSequences(run);
}

void
SchemaRun(SqlRun *run)
{
	SnapshotSource source = {.probes = run->probes, .write_rest = DefinitionsWrite};

	run->own = &source;
	if (SqlRunStep(run, Prepare))
		SnapshotWrite(run, &source);
}

bool
SchemaIsOutdated(void)
{
	QueryError error;
	int64	   changes;

	return QueryRun(ReadChanges, &changes, Setting.statement_timeout_ms, &error) &&
		SnapshotIsOutdated(COLLECTOR_PG_SCHEMA, MyDatabaseId, changes);
}
