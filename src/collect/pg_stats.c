/*
 * pg_stats.c
 *		Statistics of one database: which tables, which probes, in which order.
 *
 * A visit may run out of time.  Each begins with another probe, so that over a
 * few visits all have their turn.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "commands/dbcommands.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/collectors.h"
#include "base/settings.h"
#include "base/worker.h"
#include "collect/pg_stats.h"
#include "collect/query.h"
#include "collect/run.h"

#define TYPE_NAME (Collectors[COLLECTOR_PG_STATS].name)

typedef struct PgStatsRun
{
	MetricStream stream;
	ProbeInput	input;
	MemoryContext context;		/* outlives the single transactions */
	const Probe *probe;			/* the one that runs */
	char		database[NAMEDATALEN * 4];	/* in UTF-8 a byte of LATIN1 becomes two */
	bool		in_session;
	TimestampTz deadline;
	Value		values[8];		/* of PgStatsFields */
} PgStatsRun;

static void
NameDatabase(void *arg)
{
	PgStatsRun *run = arg;
	char	   *name = get_database_name(MyDatabaseId);

	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_DATABASE),
						errmsg("database %u is being dropped", MyDatabaseId)));
	strlcpy(run->database, SharedNameToUtf8(name), sizeof(run->database));
}

/* Below max_relations, and without a limit, all; else the busiest are chosen and the rest is counted. */
static void
ChooseTables(void *arg)
{
	PgStatsRun *run = arg;
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(Setting.max_relations)};
	int64		count;
	bool		is_null;

	if (SPI_execute(PgStatsCountSql, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not count the tables");
	count = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
	if (count > Setting.max_relations)
	{
		Oid		   *tables;

		if (SPI_execute_with_args(PgStatsChooseSql, 1, types, values, NULL, true, 0) !=
			SPI_OK_SELECT)
			elog(ERROR, "could not choose tables");
		tables = MemoryContextAllocHuge(run->context, sizeof(Oid) * Max(SPI_processed, 1));
		for (uint64 i = 0; i < SPI_processed; i++)
			tables[i] = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[i],
													   SPI_tuptable->tupdesc, 1, &is_null));
		run->input.tables = tables;
		run->input.table_count = (int) SPI_processed;
	}
	if (run->input.tables)
		ValueSetInt(&run->values[FieldIndex(PgStatsFields, "skipped")],
					count - run->input.table_count);
}

static void
ReadFiles(void *arg)
{
	PgStatsRun *run = arg;
	MemoryContext old = MemoryContextSwitchTo(run->context);

	run->input.sizes = FileSizesRead();
	MemoryContextSwitchTo(old);
}

static void
RunProbe(void *arg)
{
	PgStatsRun *run = arg;

	BatchCountRows(run->stream.batch, ProbeRun(run->probe, &run->stream, &run->input));
}

/* One step in the way that suits the caller; false: it failed, the batch knows. */
static bool
RunStep(PgStatsRun *run, void (*step) (void *arg))
{
	QueryError	error;
	long		left_ms;

	if (run->in_session)
	{
		QueryRunInSession(step, run);
		return true;
	}
	left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), run->deadline);
	if (left_ms <= 0)
	{
		BatchError(run->stream.batch, TYPE_NAME, run->database, NULL,
				   "the visit ran out of time; the next one begins with something else");
		return false;
	}
	if (QueryRun(step, run, (int) Min(left_ms, Setting.statement_timeout_ms), &error))
		return true;
	ProbeTakeBack(&run->stream);
	BatchError(run->stream.batch, TYPE_NAME, run->database[0] ? run->database : NULL,
			   error.sqlstate[0] ? error.sqlstate : NULL, error.message);
	return false;
}

void
PgStatsCollect(Batch *batch, bool in_session, TimestampTz deadline)
{
	static const Probe *const probes[] = {&PgStatsDatabasesProbe, &PgStatsTablesProbe,
										  &PgStatsIndexesProbe};
	PgStatsRun	run = {0};
	int			first;

	run.in_session = in_session;
	run.deadline = deadline;
	run.context = CurrentMemoryContext;
	run.stream.batch = batch;
	run.stream.type = TYPE_NAME;
	run.stream.database = run.database;
	run.stream.fields = PgStatsFields;
	run.stream.values = run.values;
	run.stream.read_at = GetCurrentTimestamp();
	run.values[FieldIndex(PgStatsFields, "partial")].known = true;
	ValueSetInt(&run.values[FieldIndex(PgStatsFields, "skipped")], 0);

	if (!RunStep(&run, NameDatabase) || (Setting.max_relations > 0 && !RunStep(&run, ChooseTables)))
		return;
	(void) RunStep(&run, ReadFiles);
	/* begin anywhere, so that what a visit has no time for is read at another one */
	first = in_session ? 0 : (int) (pg_prng_uint64(&pg_global_prng_state) % lengthof(probes));
	for (int i = 0; i < lengthof(probes); i++)
	{
		run.probe = probes[(first + i) % lengthof(probes)];
		if (!RunStep(&run, RunProbe) && ShutdownIsRequested())
			break;
	}
	MetricStreamEnd(&run.stream);
}
