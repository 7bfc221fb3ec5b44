/*
 * pg_query_stats.c
 *		Statements: those that did most since the last cycle.
 *
 * One pass over pg_stat_statements reads every statement with all its columns,
 * ranks it by what it did since the last cycle and keeps it if it is among the
 * best of its database so far.  Then the texts that have not been sent lately
 * are fetched (statement_texts.c), and all is written, one metric a database.
 *
 * Between cycles the worker remembers the totals of every statement (growth.c).
 * They are replaced only when a whole pass has succeeded, so that a failed one
 * does not make the next one's growth wrong.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h" /* get_database_name of 19 */
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/problem.h"
#include "base/settings.h"
#include "base/unixtime.h"
#include "collect/growth.h"
#include "collect/pg_query_stats.h"
#include "collect/probe_query.h"
#include "collect/query.h"
#include "collect/statement_source.h"
#include "collect/statement_texts.h"

#define LIBRARY "pg_stat_statements"
#define MAX_REMEMBERED 50000
#define MAX_COLUMNS 64

/* What every row begins with, before the declared columns. */
enum
{
	KEY_USER = 1,
	KEY_DATABASE,
	KEY_QUERYID,
	KEY_TOPLEVEL,
	KEY_TIME,
	KEY_CALLS,
	KEY_SINCE,
	NUM_KEYS = KEY_SINCE
};

#define KEYS \
	"s.userid, s.dbid, s.queryid, s.toplevel, s.total_plan_time + s.total_exec_time, s.calls, "

typedef struct DatabaseStatements
{
	Oid		oid; /* key of the hash table */
	int64	found;
	int64	ranked_by_total;
	Ranked *heap; /* of HeapTuple */
	int		count;
	int		room;
} DatabaseStatements;

/* One cycle. */
typedef struct QueryStats
{
	SqlRun		   *run;
	bool			available; /* pg_stat_statements can be read */
	StatementSource source;

	const Field *columns[MAX_COLUMNS];
	int			 column_count;
	TupleDesc	 desc;
	HTAB		*databases;

	const StatementTable *before;	   /* totals of the last cycle, NULL: not known */
	bool				  all_are_new; /* everything was reset since */
	MemoryContext		  totals_context;
	StatementTable		 *totals; /* of this one */
	int64				  deallocated;
	TimestampTz			  stats_reset;
	StatementTexts		  texts;
} QueryStats;

/* What the worker knows of the last cycle. */
static struct
{
	MemoryContext	context; /* NULL: there was none */
	StatementTable *totals;
	TimestampTz		stats_reset;
} last_cycle;

/* ---- the query ---- */

/*
 * A counter whose tracker is off is 0 where it never was on.  The trackers of
 * statements can be on for some roles or databases only, so what has counted
 * is reported all the same.
 */
static char *
BuildQuery(QueryStats *stats)
{
	const Probe	  *probe = PgQueryStatsProbes[0];
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT " KEYS);
	appendStringInfoString(&sql, stats->source.major >= 17 ? "s.stats_since" : "NULL::timestamptz");
	for (const Field *column = probe->columns; column->name; column++)
	{
		if (column->since > stats->source.major)
			continue;
		Assert(stats->column_count < MAX_COLUMNS);
		stats->columns[stats->column_count++] = column;
		appendStringInfo(&sql,
						 ProbeIsTracked(column->tracker) ? ", %s AS %s" : ", nullif(%s, 0) AS %s",
						 column->source, quote_identifier(column->name));
	}
	appendStringInfo(&sql, " FROM %s", probe->from);
	return ExtensionNameSchema(sql.data, stats->source.schema);
}

static void
CheckColumns(QueryStats *stats, TupleDesc desc)
{
	bool fits = desc->natts == NUM_KEYS + stats->column_count;

	for (int i = 0; fits && i < stats->column_count; i++)
	{
		if (!ProbeTypeFits(stats->columns[i]->type, TupleDescAttr(desc, NUM_KEYS + i)->atttypid))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of " LIBRARY " is not what it is declared to be",
							stats->columns[i]->name)));
	}
	if (!fits)
		elog(ERROR, "unexpected number of columns from " LIBRARY);
}

/* ---- ranking ---- */

/* They are never null but for the last, which is 0 then. */
static StatementTotals
TotalsOf(TupleTableSlot *slot)
{
	StatementTotals totals = {0};
	Datum		   *key = slot->tts_values - 1;

	slot_getsomeattrs(slot, NUM_KEYS);
	totals.userid = DatumGetObjectId(key[KEY_USER]);
	totals.dbid = DatumGetObjectId(key[KEY_DATABASE]);
	totals.queryid = DatumGetInt64(key[KEY_QUERYID]);
	totals.toplevel = DatumGetBool(key[KEY_TOPLEVEL]);
	totals.time = DatumGetFloat8(key[KEY_TIME]);
	totals.calls = DatumGetInt64(key[KEY_CALLS]);
	if (!slot->tts_isnull[KEY_SINCE - 1])
		totals.since = DatumGetTimestampTz(key[KEY_SINCE]);
	return totals;
}

static Growth
GrowthOf(QueryStats *stats, DatabaseStatements *of, const StatementTotals *totals)
{
	const StatementTotals *before = NULL;

	if (!stats->all_are_new)
	{
		before = StatementTableFind(stats->before, totals);

		/* one that did not fit into our memory may be new or old */
		if (before == NULL &&
			(stats->before == NULL || stats->before->count >= stats->before->limit))
			of->ranked_by_total++;
	}
	return StatementGrowth(before, totals);
}

static DatabaseStatements *
StatementsOf(QueryStats *stats, Oid database)
{
	bool				found;
	DatabaseStatements *statements = hash_search(stats->databases, &database, HASH_ENTER, &found);

	if (!found)
		memset((char *) statements + sizeof(Oid), 0, sizeof(*statements) - sizeof(Oid));
	return statements;
}

static void
Rank(QueryStats *stats, TupleTableSlot *slot)
{
	int					limit = Setting.max_statements > 0 ? Setting.max_statements : INT_MAX;
	StatementTotals		totals = TotalsOf(slot);
	DatabaseStatements *of = StatementsOf(stats, totals.dbid);
	Ranked				candidate = {.growth = GrowthOf(stats, of, &totals)};
	MemoryContext		old;
	HeapTuple			least;

	if (stats->totals)
		(void) StatementTablePut(stats->totals, &totals);
	of->found++;
	if (of->count >= limit && GrowthCompare(&candidate.growth, &of->heap[0].growth) <= 0)
		return;

	old = MemoryContextSwitchTo(stats->run->context);
	if (of->count == of->room && of->count < limit)
	{
		Size size = sizeof(Ranked) * (Size) (of->room = Max(64, of->room * 2));

		of->heap = of->heap ? repalloc_huge(of->heap, size) :
							  MemoryContextAllocHuge(CurrentMemoryContext, size);
	}
	candidate.row = ExecCopySlotHeapTuple(slot);
	least = RankingOffer(of->heap, &of->count, Min(of->room, limit), candidate);
	if (least)
		heap_freetuple(least);
	MemoryContextSwitchTo(old);
}

/* ---- reading ---- */

/* Of a session only the caller is told: it may be in another database than the worker. */
static void
ReportObstacle(SqlRun *run, StatementObstacle obstacle)
{
	if (run->in_session && obstacle != NO_OBSTACLE)
		BatchError(run->stream.batch, run->stream.type, NULL, NULL,
				   StatementObstacleText(obstacle));
	else if (run->in_session)
		return;
	else if (obstacle == NO_OBSTACLE)
		ProblemClear(PROBLEM_STATEMENTS);
	else
		ProblemSet(PROBLEM_STATEMENTS, obstacle,
				   "%s; or leave pg_query_stats out of \"pganalytics.enabled_collectors\"",
				   StatementObstacleText(obstacle));
}

/* Takes the rows as they come: only those that are kept are ever copied. */
typedef struct StatementReceiver
{
	DestReceiver receiver;
	QueryStats	*stats;
} StatementReceiver;

static void
StartReceiving(DestReceiver *self, int operation, TupleDesc desc)
{
	QueryStats	 *stats = ((StatementReceiver *) self)->stats;
	MemoryContext old = MemoryContextSwitchTo(stats->run->context);

	CheckColumns(stats, desc);
	stats->desc = CreateTupleDescCopy(desc);
	MemoryContextSwitchTo(old);
}

static bool
ReceiveStatement(TupleTableSlot *slot, DestReceiver *self)
{
	Rank(((StatementReceiver *) self)->stats, slot);
	return true;
}

static void
EndReceiving(DestReceiver *self)
{
}

static void
ReadInfo(QueryStats *stats)
{
	const char *sql = "SELECT dealloc, stats_reset FROM @extschema@." LIBRARY "_info()";

	bool is_null;

	if (SPI_execute(ExtensionNameSchema(sql, stats->source.schema), true, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read " LIBRARY "_info");
	stats->deallocated =
		DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
	stats->stats_reset = DatumGetTimestampTz(
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &is_null));
}

/* The totals go with the cycle unless they are adopted. */
static void
PrepareMemory(QueryStats *stats)
{
	MemoryContext context = stats->run->context;
	HASHCTL		  control = {
			  .keysize = sizeof(Oid), .entrysize = sizeof(DatabaseStatements), .hcxt = context};
	int limit = atoi(GetConfigOption(LIBRARY ".max", false, false));

	stats->databases = hash_create("databases with statements", 32, &control,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	if (stats->run->in_session)
		return;
	stats->before = last_cycle.totals;
	stats->all_are_new = last_cycle.totals && last_cycle.stats_reset != stats->stats_reset;
	limit = Min(Max(limit, 1), MAX_REMEMBERED);
	stats->totals_context =
		AllocSetContextCreate(context, "totals of statements", ALLOCSET_SMALL_SIZES);
	stats->totals = MemoryContextAllocZero(stats->totals_context, StatementTableSize(limit));
	StatementTableInit(stats->totals, limit);
}

static void
ReadStatements(void *arg)
{
	QueryStats		 *stats = ((SqlRun *) arg)->own;
	StatementObstacle obstacle = StatementSourceFind(&stats->source);
	StatementReceiver receiver = {
		{ReceiveStatement, StartReceiving, EndReceiving, EndReceiving, DestTuplestore}, stats};
	SPIExecuteOptions options = {.read_only = true, .dest = &receiver.receiver};

	if (obstacle != NO_OBSTACLE)
	{
		ReportObstacle(stats->run, obstacle);
		return;
	}
	stats->source.schema = MemoryContextStrdup(stats->run->context, stats->source.schema);
	ReadInfo(stats);
	PrepareMemory(stats);
	if (SPI_execute_extended(BuildQuery(stats), &options) != SPI_OK_SELECT)
		elog(ERROR, "could not read " LIBRARY);

	if (SPI_processed == 0 && strcmp(GetConfigOption("compute_query_id", false, false), "off") == 0)
		obstacle = NO_QUERY_IDS;
	/* before a worker has set it for itself */
	else if (SPI_processed == 0 &&
			 strcmp(GetConfigOptionResetString(LIBRARY ".track"), "none") == 0)
		obstacle = NOT_TRACKED;
	else if (StatementTextsAreTooLarge())
		obstacle = NO_TEXTS;
	ReportObstacle(stats->run, obstacle);
	stats->available = true;
}

static void
Forget(void)
{
	if (last_cycle.context)
		MemoryContextDelete(last_cycle.context);
	last_cycle.context = NULL;
	last_cycle.totals = NULL;
}

static void
AdoptTotals(QueryStats *stats)
{
	if (stats->run->in_session)
		return;
	Forget();
	MemoryContextSetParent(stats->totals_context, TopMemoryContext);
	last_cycle.context = stats->totals_context;
	last_cycle.totals = stats->totals;
	last_cycle.stats_reset = stats->stats_reset;
}

void
QueryStatsRest(void)
{
	Forget();
	ProblemClear(PROBLEM_STATEMENTS);
}

/* ---- texts ---- */

static int64
QueryIdOf(QueryStats *stats, HeapTuple row)
{
	bool is_null;

	return DatumGetInt64(heap_getattr(row, KEY_QUERYID, stats->desc, &is_null));
}

static void
WantTexts(QueryStats *stats)
{
	HASH_SEQ_STATUS		status;
	DatabaseStatements *of;

	stats->texts.context = stats->run->context;
	stats->texts.schema = stats->source.schema;
	stats->texts.in_session = stats->run->in_session;
	hash_seq_init(&status, stats->databases);
	while ((of = hash_seq_search(&status)) != NULL)
	{
		for (int i = 0; i < of->count; i++)
			StatementTextsWant(&stats->texts, of->oid, QueryIdOf(stats, of->heap[i].row));
	}
}

static void
FetchTexts(void *arg)
{
	StatementTextsFetch(&((QueryStats *) ((SqlRun *) arg)->own)->texts);
}

/* ---- writing ---- */

static void
WriteText(QueryStats *stats, JsonWriter *w, Oid database, int64 queryid)
{
	const StatementText *text = StatementTextsFind(&stats->texts, database, queryid);

	if (text == NULL || text->text == NULL)
		return;
	JsonTextLen(w, "text", text->text, text->len);
	if (text->truncated)
		JsonBool(w, "text_truncated", true);
}

static void
WriteStatement(QueryStats *stats, JsonWriter *w, Oid database, HeapTuple row)
{
	Datum values[NUM_KEYS + MAX_COLUMNS];
	bool  nulls[NUM_KEYS + MAX_COLUMNS];

	heap_deform_tuple(row, stats->desc, values, nulls);
	JsonObjectBegin(w, NULL);
	for (int i = NUM_KEYS; i < stats->desc->natts; i++)
	{
		if (!nulls[i])
			ProbeWriteValue(w, stats->columns[i - NUM_KEYS], values[i],
							TupleDescAttr(stats->desc, i)->atttypid);
	}
	WriteText(stats, w, database, DatumGetInt64(values[KEY_QUERYID - 1]));
	JsonObjectEnd(w);
}

static void
SetValues(QueryStats *stats, const DatabaseStatements *of)
{
	Value		*values = stats->run->values;
	const Field *fields = stats->run->stream.fields;

	ValueSetInt(&values[FieldIndex(fields, "deallocated")], stats->deallocated);
	ValueSetInt(&values[FieldIndex(fields, "stats_reset")], UnixMicroseconds(stats->stats_reset));
	ValueSetInt(&values[FieldIndex(fields, "skipped")], of->found - of->count);
	ValueSetInt(&values[FieldIndex(fields, "ranked_by_total")], of->ranked_by_total);
}

static void
WriteDatabase(QueryStats *stats, DatabaseStatements *of)
{
	MetricStream *stream = &stats->run->stream;
	const Probe	 *probe = PgQueryStatsProbes[0];

	SetValues(stats, of);
	RankingSort(of->heap, of->count);
	MetricStreamArrayBegin(stream, probe->key);
	for (int i = 0; i < of->count; i++)
		WriteStatement(stats, MetricStreamArrayNext(stream, probe->key), of->oid, of->heap[i].row);
	MetricStreamArrayEnd(stream);
	MetricStreamEnd(stream);
	BatchCountRows(stream->batch, of->count);
}

static void
WriteStatements(void *arg)
{
	SqlRun			   *run = arg;
	QueryStats		   *stats = run->own;
	HASH_SEQ_STATUS		status;
	DatabaseStatements *of;

	hash_seq_init(&status, stats->databases);
	while ((of = hash_seq_search(&status)) != NULL)
	{
		char *name = get_database_name(of->oid);

		if (name == NULL)
			continue; /* dropped this very moment */
		strlcpy(run->database, SharedNameToUtf8(name), sizeof(run->database));
		run->stream.database = run->database;
		WriteDatabase(stats, of);
	}
	run->stream.database = NULL;
}

void
QueryStatsRun(SqlRun *run)
{
	QueryStats *stats = palloc0(sizeof(QueryStats));

	stats->run = run;
	run->own = stats;
	if (!SqlRunStep(run, ReadStatements) || !stats->available)
		return;
	AdoptTotals(stats);
	WantTexts(stats);
	if (StatementTextsAreDue(&stats->texts))
		StatementTextsFetched(&stats->texts, SqlRunStep(run, FetchTexts));
	if (SqlRunStep(run, WriteStatements))
		StatementTextsRemember(&stats->texts);
}
