/*
 * sql.c
 *		Collectors whose metrics come from probes.
 *
 * A collector is a list of probes and, where that is not enough, something to
 * prepare: pg_stats chooses its tables and looks at their files first.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "commands/dbcommands.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/collectors.h"
#include "base/settings.h"
#include "base/worker.h"
#include "collect/query.h"
#include "collect/run.h"
#include "collect/sequences.h"
#include "collect/snapshots.h"
#include "collect/sql.h"

#define MAX_METRIC_FIELDS 32

typedef struct SqlRun
{
	int			collector;
	MetricStream stream;
	ProbeInput	input;
	MemoryContext context;		/* outlives the single transactions */
	const TableChoice *choice;
	const Probe *probe;			/* the one that runs */
	char		database[NAMEDATALEN * 4];	/* in UTF-8 a byte of LATIN1 becomes two */
	bool		in_session;
	TimestampTz deadline;
	Value		values[MAX_METRIC_FIELDS];	/* of the metric itself */
	int64		changes;		/* of the catalogues; -1: not known */
	uint64		hash;
	char		hash_text[17];
} SqlRun;

static bool RunStep(SqlRun *run, void (*step) (void *arg));

static void
NameDatabase(void *arg)
{
	SqlRun	   *run = arg;
	char	   *name = get_database_name(MyDatabaseId);

	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_DATABASE),
						errmsg("database %u is being dropped", MyDatabaseId)));
	strlcpy(run->database, TextToUtf8(name), sizeof(run->database));
}

/* ---- the choice of tables ---- */

static void
SetMetricInt(SqlRun *run, const char *field, int64 value)
{
	ValueSetInt(&run->values[FieldIndex(run->stream.fields, field)], value);
}

/* Below max_relations, and without a limit, all; else some are chosen and the rest is counted. */
static void
ChooseTables(void *arg)
{
	SqlRun	   *run = arg;
	Oid			types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(Setting.max_relations)};
	int64		count;
	bool		is_null;
	Oid		   *tables;

	if (SPI_execute(run->choice->count, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not count the tables");
	count = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
	if (count <= Setting.max_relations)
		return;
	if (SPI_execute_with_args(run->choice->choose, 1, types, values, NULL, true, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not choose tables");
	tables = MemoryContextAllocHuge(run->context, sizeof(Oid) * Max(SPI_processed, 1));
	for (uint64 i = 0; i < SPI_processed; i++)
		tables[i] = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1,
												   &is_null));
	run->input.tables = tables;
	run->input.table_count = (int) SPI_processed;
	SetMetricInt(run, "skipped", count - run->input.table_count);
}

static bool
LimitTables(SqlRun *run, const TableChoice *choice)
{
	run->choice = choice;
	SetMetricInt(run, "skipped", 0);
	return Setting.max_relations == 0 || RunStep(run, ChooseTables);
}

/* ---- pg_stats ---- */

static void
ReadFiles(void *arg)
{
	SqlRun	   *run = arg;
	MemoryContext old = MemoryContextSwitchTo(run->context);

	run->input.sizes = FileSizesRead();
	MemoryContextSwitchTo(old);
}

static bool
PreparePgStats(SqlRun *run)
{
	run->values[FieldIndex(run->stream.fields, "partial")].known = true;
	if (!LimitTables(run, &PgStatsChoice))
		return false;
	(void) RunStep(run, ReadFiles);	/* without it sizes are not known, all else is */
	return true;
}

/* ---- pg_bloat ---- */

#define MOST_FILES 10000

/* For SQL, since the most bloated are chosen by it; of smaller files pg_class.relpages must do. */
static void
ListFiles(void *arg)
{
	SqlRun	   *run = arg;
	MemoryContext old = MemoryContextSwitchTo(run->context);
	int64	   *keys;
	int64	   *blocks;

	run->input.number_count = FileSizesLargest(FileSizesRead(), MOST_FILES, &keys, &blocks);
	run->input.keys = keys;
	run->input.numbers = blocks;
	MemoryContextSwitchTo(old);
}

static bool
PreparePgBloat(SqlRun *run)
{
	(void) RunStep(run, ListFiles);
	return true;
}

/* ---- pg_schema ---- */

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
static bool
PreparePgSchema(SqlRun *run)
{
	return RunStep(run, ReadRunChanges) && LimitTables(run, &PgSchemaChoice) &&
		RunStep(run, ReadSequences);
}

bool
SqlSchemaIsOutdated(void)
{
	QueryError	error;
	int64		changes;

	return QueryRun(ReadChanges, &changes, Setting.statement_timeout_ms, &error) &&
		SnapshotIsOutdated(COLLECTOR_PG_SCHEMA, MyDatabaseId, changes);
}

/* ---- the table ---- */

typedef struct SqlCollector
{
	const Probe *const *probes; /* ends with NULL */
	bool		(*prepare) (SqlRun *run);	/* or NULL; false: nothing can be read */
	bool		is_snapshot;	/* not sent again while it has not changed */
} SqlCollector;

static const SqlCollector sql_collectors[NUM_COLLECTORS] = {
	[COLLECTOR_PG_STATS] = {PgStatsProbes, PreparePgStats},
	[COLLECTOR_PG_QUERY_STATS] = {PgQueryStatsProbes},
	[COLLECTOR_PG_ACTIVITY] = {PgActivityProbes},
	[COLLECTOR_PG_LOCKS] = {PgLocksProbes},
	[COLLECTOR_PG_REPLICATION] = {PgReplicationProbes},
	[COLLECTOR_PG_SERVER] = {PgServerProbes},
	[COLLECTOR_PG_CONNECTIONS] = {PgConnectionsProbes},
	[COLLECTOR_PG_CACHE] = {PgCacheProbes},
	[COLLECTOR_PG_BLOAT] = {PgBloatProbes, PreparePgBloat},
	[COLLECTOR_PG_SCHEMA] = {PgSchemaProbes, PreparePgSchema, true},
	[COLLECTOR_PG_EXTENSIONS] = {PgExtensionsProbes},
	[COLLECTOR_PG_SETTINGS] = {PgSettingsProbes, NULL, true},
};

/* ---- running ---- */

static void
RunProbe(void *arg)
{
	SqlRun	   *run = arg;
	bool		missing;

	if (ProbeApplies(run->probe, &missing))
		BatchCountRows(run->stream.batch, ProbeRun(run->probe, &run->stream, &run->input));
}

static void
HashProbe(void *arg)
{
	SqlRun	   *run = arg;
	bool		missing;

	if (ProbeApplies(run->probe, &missing))
		run->hash = hash_combine64(run->hash, ProbeHash(run->probe, &run->input));
}

/* One step in the way that suits the caller; false: it failed, the batch knows. */
static bool
RunStep(SqlRun *run, void (*step) (void *arg))
{
	QueryError	error;
	long		left_ms = Setting.statement_timeout_ms;

	if (run->in_session)
	{
		QueryRunInSession(step, run);
		return true;
	}
	if (run->deadline != 0)
		left_ms = Min(left_ms, TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
															   run->deadline));
	if (left_ms <= 0)
	{
		BatchError(run->stream.batch, run->stream.type, run->stream.database, NULL,
				   "the visit ran out of time; what is missing follows at the next one");
		return false;
	}
	if (QueryRun(step, run, (int) left_ms, &error))
		return true;
	ProbeTakeBack(&run->stream);
	BatchError(run->stream.batch, run->stream.type, run->stream.database,
			   error.sqlstate[0] ? error.sqlstate : NULL, error.message);
	return false;
}

static void
RunProbes(SqlRun *run, const SqlCollector *c)
{
	for (int i = 0; c->probes[i] != NULL; i++)
	{
		run->probe = c->probes[i];
		if (!RunStep(run, RunProbe) && ShutdownIsRequested())
			break;
	}
}

/* ---- snapshots ---- */

/* False: a part could not be hashed. */
static bool
HashParts(SqlRun *run, const SqlCollector *c, SentSnapshot *snapshot)
{
	if (snapshot->changes != run->changes || run->changes < 0)
		snapshot->hashed = 0;
	snapshot->changes = run->changes;
	for (int i = 0; c->probes[i] != NULL; i++)
	{
		Assert(i < MAX_SNAPSHOT_PARTS);
		run->probe = c->probes[i];
		if ((snapshot->hashed & (1U << i)) != 0 && !run->probe->moves)
			continue;
		run->hash = 0;
		if (!RunStep(run, HashProbe))
			return false;
		snapshot->hashes[i] = run->hash;
		snapshot->hashed |= 1U << i;
	}
	return true;
}

/* The hash of the whole; with another one than before, nothing of it was sent. */
static void
SetHash(SqlRun *run, const SqlCollector *c, SentSnapshot *snapshot)
{
	uint64		hash = 0;

	for (int i = 0; c->probes[i] != NULL; i++)
		hash = hash_combine64(hash, snapshot->hashes[i]);
	if (hash != snapshot->hash)
	{
		snapshot->hash = hash;
		snapshot->sent = 0;
		snapshot->is_complete = false;
		snapshot->begun_at = run->stream.read_at;
	}
	snprintf(run->hash_text, sizeof(run->hash_text), "%016" INT64_MODIFIER "x", hash);
	ValueSetText(&run->values[FieldIndex(run->stream.fields, "hash")], run->hash_text);
}

static void
WriteUnchanged(SqlRun *run)
{
	Value	   *unchanged = &run->values[FieldIndex(run->stream.fields, "unchanged")];

	for (int i = 0; run->stream.fields[i].name; i++)
		run->values[i].known = strcmp(run->stream.fields[i].name, "hash") == 0;
	unchanged->known = unchanged->b = true;
	MetricStreamEmpty(&run->stream);
}

static void
WriteParts(SqlRun *run, const SqlCollector *c, SentSnapshot *snapshot)
{
	bool		complete = true;

	for (int i = 0; c->probes[i] != NULL && !ShutdownIsRequested(); i++)
	{
		run->probe = c->probes[i];
		if ((snapshot->sent & (1U << i)) != 0)
			continue;
		if (RunStep(run, RunProbe))
			snapshot->sent |= 1U << i;
		else
			complete = false;
	}
	snapshot->is_complete = complete && !ShutdownIsRequested();
}

/*
 * The hash stands before the rows, which are not kept: what has changed is read
 * twice.  Where the time is too short, the next visit goes on where this one had
 * to stop, unless something has changed meanwhile.
 */
static void
RunSnapshot(SqlRun *run, const SqlCollector *c)
{
	Oid			database = run->stream.database ? MyDatabaseId : InvalidOid;
	SentSnapshot snapshot;

	if (run->in_session || !SnapshotRecall(run->collector, database, &snapshot))
	{
		memset(&snapshot, 0, sizeof(snapshot));
		snapshot.begun_at = run->stream.read_at;
	}
	if (HashParts(run, c, &snapshot))
	{
		SetHash(run, c, &snapshot);
		if (snapshot.is_complete)
			WriteUnchanged(run);
		else
			WriteParts(run, c, &snapshot);
	}
	else
		snapshot.is_complete = false;
	if (!run->in_session)
		SnapshotWritten(run->collector, database, &snapshot);
}

void
SqlCollect(int collector, Batch *batch, bool in_session, TimestampTz deadline)
{
	const SqlCollector *c = &sql_collectors[collector];
	SqlRun		run = {0};

	Assert(FieldCount(Collectors[collector].fields) <= MAX_METRIC_FIELDS);
	run.collector = collector;
	run.in_session = in_session;
	run.deadline = deadline;
	run.context = CurrentMemoryContext;
	run.stream.batch = batch;
	run.stream.type = Collectors[collector].name;
	run.stream.fields = Collectors[collector].fields;
	run.stream.values = run.values;
	run.stream.read_at = GetCurrentTimestamp();
	run.changes = -1;

	if (Collectors[collector].scope == SCOPE_DATABASE)
	{
		if (!RunStep(&run, NameDatabase))
			return;
		run.stream.database = run.database;
	}
	if (c->prepare && !c->prepare(&run))
		return;
	if (c->is_snapshot)
		RunSnapshot(&run, c);
	else
		RunProbes(&run, c);
	MetricStreamEnd(&run.stream);
}
