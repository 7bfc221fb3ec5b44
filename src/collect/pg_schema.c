/*
 * pg_schema.c
 *		What pg_schema needs beside its probes: the values of sequences, and a
 *		number that moves with the catalogues.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/collectors.h"
#include "base/settings.h"
#include "collect/pg_schema.h"
#include "collect/query.h"
#include "collect/sequences.h"
#include "collect/snapshots.h"

static void
ReadSequences(void *arg)
{
	SqlRun	   *run = arg;
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(Setting.max_relations)};
	char		nulls[1] = {Setting.max_relations > 0 ? ' ' : 'n'};	/* no limit */
	SPITupleTable *sequences;
	uint64		count;
	int64	   *keys;
	int64	   *numbers;

	if (SPI_execute_with_args(PgSchemaSequencesSql, 1, types, values, nulls, true, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not list the sequences");
	sequences = SPI_tuptable;
	count = SPI_processed;
	keys = MemoryContextAllocHuge(run->context, sizeof(int64) * Max(count, 1));
	numbers = MemoryContextAllocHuge(run->context, sizeof(int64) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		bool		is_null;
		Oid			oid = DatumGetObjectId(SPI_getbinval(sequences->vals[i], sequences->tupdesc, 1,
														 &is_null));
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
ReadChanges(void *arg)
{
	int64	   *changes = arg;
	bool		is_null;

	if (SPI_execute(PgSchemaChangesSql, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read the counters of the catalogues");
	*changes = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
										   &is_null));
}

static void
ReadRunChanges(void *arg)
{
	ReadChanges(&((SqlRun *) arg)->changes);
}

/* First the changes: what comes after them is seen at the next visit again. */
bool
SchemaPrepare(SqlRun *run)
{
	return SqlRunStep(run, ReadRunChanges) && SqlLimitTables(run, &PgSchemaChoice) &&
		SqlRunStep(run, ReadSequences);
}

bool
SchemaIsOutdated(void)
{
	QueryError	error;
	int64		changes;

	return QueryRun(ReadChanges, &changes, Setting.statement_timeout_ms, &error) &&
		SnapshotIsOutdated(COLLECTOR_PG_SCHEMA, MyDatabaseId, changes);
}
