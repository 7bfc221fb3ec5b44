/*
 * sql.c
 *		Collectors whose metrics come from probes.
 *
 * A collector is a list of probes and, where that is not enough, something to
 * prepare, or a way of its own to run them.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "commands/dbcommands.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/collectors.h"
#include "base/settings.h"
#include "base/worker.h"
#include "collect/breaker.h"
#include "collect/files.h"
#include "collect/ledger.h"
#include "collect/pg_activity.h"
#include "collect/pg_query_stats.h"
#include "collect/pg_schema.h"
#include "collect/pg_stats.h"
#include "collect/probe_query.h"
#include "collect/query.h"
#include "collect/run.h"
#include "collect/snapshot_writer.h"
#include "collect/sql.h"
#include "collect/visits.h"

static void
NameDatabase(void *arg)
{
	SqlRun *run = arg;
	char   *name = get_database_name(MyDatabaseId);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_DATABASE),
				 errmsg("database %u is being dropped", MyDatabaseId)));
	strlcpy(run->database, SharedNameToUtf8(name), sizeof(run->database));
}

/* ---- pg_activity ---- */

static void
NameActivity(void *arg)
{
	SqlRun		 *run = arg;
	MemoryContext old = MemoryContextSwitchTo(run->context);

	run->own = ActivityReportCreate(run->in_session);
	MemoryContextSwitchTo(old);
}

/* When the names cannot be had, the next report has the samples, too. */
static bool
PreparePgActivity(SqlRun *run)
{
	if (SqlRunStep(run, NameActivity))
	{
		ActivityReportValues(run->own, run->stream.fields, run->values);
		BatchCountRows(run->stream.batch, ActivityReportWrite(run->own, &run->stream));
	}
	return true;
}

/* ---- pg_bloat ---- */

#define MOST_FILES 10000

/* For SQL, since the most bloated are chosen by it; of smaller files pg_class.relpages must do. */
static void
ListFiles(void *arg)
{
	SqlRun		 *run = arg;
	MemoryContext old = MemoryContextSwitchTo(run->context);
	int64		 *keys;
	int64		 *blocks;

	run->input.number_count = FileSizesLargest(FileSizesRead(), MOST_FILES, &keys, &blocks);
	run->input.keys = keys;
	run->input.numbers = blocks;
	MemoryContextSwitchTo(old);
}

static bool
PreparePgBloat(SqlRun *run)
{
	(void) SqlRunStep(run, ListFiles); /* else sizes are those of pg_class */
	return true;
}

/* ---- pg_settings ---- */

static void
SettingsRun(SqlRun *run)
{
	SnapshotWrite(run, &(SnapshotSource){.probes = run->probes, .changes = -1});
}

/* ---- the table ---- */

typedef struct SqlCollector
{
	const Probe *const *probes;	  /* ends with NULL */
	bool (*prepare)(SqlRun *run); /* or NULL; false: nothing can be read */
	void (*run)(SqlRun *run);	  /* reads its probes itself; NULL: one after the other */
} SqlCollector;

static const SqlCollector sql_collectors[NUM_COLLECTORS] = {
	[COLLECTOR_PG_STATS] = {PgStatsProbes, NULL, PgStatsRun},
	[COLLECTOR_PG_QUERY_STATS] = {PgQueryStatsProbes, NULL, QueryStatsRun},
	[COLLECTOR_PG_ACTIVITY] = {PgActivityProbes, PreparePgActivity},
	[COLLECTOR_PG_LOCKS] = {PgLocksProbes},
	[COLLECTOR_PG_REPLICATION] = {PgReplicationProbes},
	[COLLECTOR_PG_SERVER] = {PgServerProbes},
	[COLLECTOR_PG_CONNECTIONS] = {PgConnectionsProbes},
	[COLLECTOR_PG_CACHE] = {PgCacheProbes},
	[COLLECTOR_PG_BLOAT] = {PgBloatProbes, PreparePgBloat},
	[COLLECTOR_PG_SCHEMA] = {PgSchemaProbes, NULL, SchemaRun},
	[COLLECTOR_PG_EXTENSIONS] = {PgExtensionsProbes},
	[COLLECTOR_PG_SETTINGS] = {PgSettingsProbes, NULL, SettingsRun},
};

/* ---- running ---- */

void
SqlRunProbe(void *arg)
{
	SqlRun *run = arg;
	bool	missing;

	if (ProbeApplies(run->probe, &missing))
		BatchCountRows(run->stream.batch, ProbeRun(run->probe, &run->stream, &run->input));
}

long
SqlTimeLeft(const SqlRun *run)
{
	if (run->in_session || run->deadline == 0)
		return LONG_MAX;
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), run->deadline);
}

/* A probe, or what a collector does beside its probes. */
static BreakerKey
KeyOf(const SqlRun *run, void (*step)(void *arg))
{
	BreakerKey key = {.collector = run->collector, .what = run->probe};

	if (run->probe == NULL)
		key.what = (const void *) step;
	if (Collectors[run->collector].scope == SCOPE_DATABASE)
		key.database = MyDatabaseId;
	return key;
}

/* By the circuit breaker; the batch is told. */
static bool
IsLeftAlone(SqlRun *run, const BreakerKey *key)
{
	TimestampTz until;
	int			timeouts;
	char		text[256];

	/* whoever asks gets a try */
	if (LedgerIsRequested(run->collector) || !BreakerIsOpen(key, &until, &timeouts))
		return false;
	snprintf(text, sizeof(text), "%s%s timed out %d times in a row and is left alone until %s",
			 run->probe && run->probe->key ? run->probe->key : "it",
			 run->probe && run->probe->key ? "[]" : "", timeouts, timestamptz_to_str(until));
	BatchError(run->stream.batch, run->stream.type, run->stream.database, NULL, text);
	return true;
}

/* No fault of what was to run: it is no reason to leave it alone. */
static bool
NoteEndOfVisit(SqlRun *run)
{
	if (run->began_late)
	{
		run->cut_short = true; /* nor an error: another visit begins with it */
		return false;
	}
	run->timed_out = true;
	BatchError(run->stream.batch, run->stream.type, run->stream.database, NULL,
			   "the visit ran out of time; the next one begins with something else");
	return false;
}

bool
SqlRunStep(SqlRun *run, void (*step)(void *arg))
{
	BreakerKey key;
	QueryError error;
	long	   left_ms;
	bool	   is_cut;

	if (run->in_session)
	{
		QueryRunInSession(step, run);
		return true;
	}
	key = KeyOf(run, step);
	if (IsLeftAlone(run, &key))
		return false;
	left_ms = SqlTimeLeft(run);
	if (left_ms <= 0)
		return NoteEndOfVisit(run);
	is_cut = run->began_late && left_ms < Setting.statement_timeout_ms;
	left_ms = Min(Setting.statement_timeout_ms, left_ms);
	if (QueryRun(step, run, (int) left_ms, &error))
	{
		BreakerSucceeded(&key);
		return true;
	}
	MetricStreamTakeBack(&run->stream);
	if (is_cut && QueryWasCancelled(&error) && !ShutdownIsRequested())
		return NoteEndOfVisit(run);
	if (QueryTimedOut(&error) && !ShutdownIsRequested())
	{
		run->timed_out = true;
		BreakerTimedOut(&key);
	}
	BatchError(run->stream.batch, run->stream.type, run->stream.database,
			   error.sqlstate[0] ? error.sqlstate : NULL, error.message);
	return false;
}

static void
RunProbes(SqlRun *run)
{
	const Probe *const *probes = run->probes;
	int					count = 0;
	int					first = 0;

	while (probes[count] != NULL)
		count++;
	/* begin anywhere, so that what a visit has no time for is read at another one */
	if (run->deadline != 0)
		first = (int) (pg_prng_uint64(&pg_global_prng_state) % Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		run->probe = probes[(first + i) % count];
		if (!SqlRunStep(run, SqlRunProbe) && ShutdownIsRequested())
			break;
	}
}

static SqlOutcome
OutcomeOf(const SqlRun *run)
{
	if (run->timed_out)
		return SQL_TIMED_OUT;
	return run->cut_short ? SQL_CUT_SHORT : SQL_DONE;
}

SqlOutcome
SqlCollect(int collector, Batch *batch, bool in_session, TimestampTz deadline)
{
	const SqlCollector *c = &sql_collectors[collector];
	SqlRun				run = {0};

	Assert(FieldCount(Collectors[collector].fields) <= MAX_METRIC_FIELDS);
	run.collector = collector;
	run.probes = c->probes;
	run.in_session = in_session;
	run.deadline = deadline;
	run.began_late = SqlTimeLeft(&run) < VISIT_DEADLINE_MS / 2;
	run.context = CurrentMemoryContext;
	run.stream.batch = batch;
	run.stream.type = Collectors[collector].name;
	run.stream.fields = Collectors[collector].fields;
	run.stream.values = run.values;
	run.stream.read_at = GetCurrentTimestamp();

	if (Collectors[collector].scope == SCOPE_DATABASE)
	{
		if (!SqlRunStep(&run, NameDatabase))
			return OutcomeOf(&run);
		run.stream.database = run.database;
	}
	if (c->prepare && !c->prepare(&run))
		return OutcomeOf(&run);
	if (c->run)
		c->run(&run);
	else
		RunProbes(&run);
	MetricStreamEnd(&run.stream);
	return OutcomeOf(&run);
}
