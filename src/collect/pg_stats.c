/*
 * pg_stats.c
 *		Statistics of a database, its tables and indexes.
 *
 * The catalogues are read in three passes: a list of tables, from which the
 * busiest are chosen where there are too many; the indexes, which add to their
 * tables as they go by (table_sums.h); the tables.  Sizes come from the
 * directory (files.h).
 *
 * A partial snapshot has only what differs from the last full one, of which a
 * hash a relation is remembered (relation_memory.h).  It is always compared
 * with the full one, not with the last partial one: a backend that misses one of
 * those has missed nothing that the next does not repeat.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/collectors.h"
#include "base/settings.h"
#include "base/unixtime.h"
#include "base/worker.h"
#include "collect/files.h"
#include "collect/pg_stats.h"
#include "collect/query.h"
#include "collect/relation_memory.h"
#include "collect/table_sums.h"

#define FETCH_ROWS 500

/* As PgStatsListSql calls them. */
#define KIND_TOAST 't'
#define KIND_CATALOGUE 'c'
#define KIND_USER 'u'

typedef struct ListedTable
{
	Oid	 oid;
	char kind;
} ListedTable;

typedef struct TableList
{
	ListedTable *tables;
	int			 count;
	int			 room;
	int			 users;
	int			 catalogues;
} TableList;

/* Columns of an index that its table sums up. */
enum
{
	INDEX_SCANS,
	INDEX_FETCHED,
	INDEX_READ,
	INDEX_HIT,
	INDEX_LAST_SCAN,
	NUM_INDEX_COLUMNS
};

static const char *const index_columns[NUM_INDEX_COLUMNS] = {
	[INDEX_SCANS] = "scans",  [INDEX_FETCHED] = "tuples_returned", [INDEX_READ] = "blks_read",
	[INDEX_HIT] = "blks_hit", [INDEX_LAST_SCAN] = "last_idx_scan",
};

typedef struct PgStats
{
	SqlRun				 *run;
	MemoryContext		  context;
	FileSizes			 *sizes; /* NULL: not known */
	TableList			  list;
	TableSum			 *sums; /* of the chosen tables and of all TOAST tables */
	int					  sum_count;
	bool				  toast_is_known;
	bool				  sums_are_known;
	bool				  are_counted;				 /* track_counts is on */
	int					  column[NUM_INDEX_COLUMNS]; /* of an index's row; -1: there is none */
	bool				  columns_are_found;
	const RelationMemory *before; /* of a partial snapshot */
	RelationMemory		 *now;	  /* of a full one that is to be remembered */
} PgStats;

static RelationMemory *to_remember = NULL;

/* ---- which tables ---- */

static void
ReadRows(PgStats *stats, const char *sql, int64 limit, bool of_catalogues,
		 void (*take)(PgStats *stats, HeapTuple row, TupleDesc desc))
{
	Oid	   types[2] = {INT8OID, BOOLOID};
	Datum  values[2] = {Int64GetDatum(limit), BoolGetDatum(of_catalogues)};
	Portal portal = SPI_cursor_open_with_args(NULL, sql, strstr(sql, "$1") ? 2 : 0, types, values,
											  NULL, true, CURSOR_OPT_NO_SCROLL);

	for (;;)
	{
		uint64 rows;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		rows = SPI_processed;
		for (uint64 i = 0; i < rows; i++)
			take(stats, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		SPI_freetuptable(SPI_tuptable);
		if (rows < FETCH_ROWS)
			break;
	}
	SPI_cursor_close(portal);
}

static void
TakeTable(PgStats *stats, HeapTuple row, TupleDesc desc)
{
	TableList	*list = &stats->list;
	bool		 is_null;
	ListedTable *table;

	if (list->count == list->room)
	{
		list->room = Max(1024, list->room + list->room / 2);
		list->tables = list->tables ?
			repalloc_huge(list->tables, sizeof(ListedTable) * list->room) :
			MemoryContextAllocHuge(stats->context, sizeof(ListedTable) * list->room);
	}
	table = &list->tables[list->count++];
	table->oid = DatumGetObjectId(SPI_getbinval(row, desc, 1, &is_null));
	table->kind = DatumGetChar(SPI_getbinval(row, desc, 2, &is_null));
	list->users += table->kind == KIND_USER;
	list->catalogues += table->kind == KIND_CATALOGUE;
}

/* Without a limit there is room for all, else for those within the limit, and for all TOAST tables. */
static void
MakeRoom(PgStats *stats, int tables)
{
	const TableList *list = &stats->list;
	int				 toast_tables = list->count - list->users - list->catalogues;

	stats->sums =
		MemoryContextAllocExtended(stats->context, sizeof(TableSum) * Max(tables + toast_tables, 1),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static void
TakeChosen(PgStats *stats, HeapTuple row, TupleDesc desc)
{
	bool is_null;

	stats->sums[stats->sum_count++].oid = DatumGetObjectId(SPI_getbinval(row, desc, 1, &is_null));
}

static void
TakeKind(PgStats *stats, char kind)
{
	const TableList *list = &stats->list;

	for (int i = 0; i < list->count; i++)
	{
		if (list->tables[i].kind == kind)
			stats->sums[stats->sum_count++].oid = list->tables[i].oid;
	}
}

/* For the probes, where they would read many in vain. */
static void
TellChosen(PgStats *stats)
{
	Oid *tables = MemoryContextAllocHuge(stats->context, sizeof(Oid) * stats->sum_count);

	for (int i = 0; i < stats->sum_count; i++)
		tables[i] = stats->sums[i].oid;
	stats->run->input.tables = tables;
	stats->run->input.table_count = stats->sum_count;
}

/*
 * User tables come before catalogues.  Where only some of the catalogues have to
 * be left out, only they are ranked, and are left out when they are read.
 * Returns how many tables are chosen.
 */
static int
ChooseTables(PgStats *stats)
{
	const TableList *list = &stats->list;
	int				 limit = Setting.max_relations;

	if (limit == 0 || list->users + list->catalogues <= limit)
	{
		MakeRoom(stats, list->users + list->catalogues);
		TakeKind(stats, KIND_USER);
		TakeKind(stats, KIND_CATALOGUE);
	}
	else if (list->users <= limit)
	{
		MakeRoom(stats, limit);
		TakeKind(stats, KIND_USER);
		ReadRows(stats, PgStatsChooseSql, limit - list->users, true, TakeChosen);
	}
	else
	{
		MakeRoom(stats, limit);
		ReadRows(stats, PgStatsChooseSql, limit, false, TakeChosen);
		TellChosen(stats);
	}
	return stats->sum_count;
}

static void
ListTables(void *arg)
{
	SqlRun	*run = arg;
	PgStats *stats = run->own;
	int		 chosen;

	ReadRows(stats, PgStatsListSql, 0, false, TakeTable);
	chosen = ChooseTables(stats);
	ValueSetInt(&run->values[FieldIndex(run->stream.fields, "skipped")],
				stats->list.users + stats->list.catalogues - chosen);
	TakeKind(stats, KIND_TOAST);
	TableSumsSort(stats->sums, stats->sum_count);
	if (stats->list.tables)
		pfree(stats->list.tables);
}

/* ---- sizes ---- */

static void
ReadFiles(void *arg)
{
	PgStats		 *stats = ((SqlRun *) arg)->own;
	MemoryContext old = MemoryContextSwitchTo(stats->context);

	stats->sizes = FileSizesRead();
	MemoryContextSwitchTo(old);
}

static int64
BytesOf(const PgStats *stats, Datum key, bool is_null)
{
	int64 bytes;

	if (stats->sizes == NULL || is_null ||
		!FileSizesOfRelation(stats->sizes, DatumGetInt64(key), &bytes))
		return BYTES_UNKNOWN;
	return bytes;
}

/* The sum of a TOAST table is its own size and that of its index, and the blocks of its index. */
static void
TakeToast(PgStats *stats, HeapTuple row, TupleDesc desc)
{
	bool	  is_null;
	Oid		  oid = DatumGetObjectId(SPI_getbinval(row, desc, 1, &is_null));
	TableSum *sum = TableSumsFind(stats->sums, stats->sum_count, oid);

	for (int column = 2; sum && column <= 3; column++)
	{
		Datum key = SPI_getbinval(row, desc, column, &is_null);

		TableSumAddBytes(sum, BytesOf(stats, key, is_null));
	}
	if (sum)
	{
		int64 fetched = DatumGetInt64(SPI_getbinval(row, desc, 4, &is_null));

		sum->hit = DatumGetInt64(SPI_getbinval(row, desc, 5, &is_null));
		sum->read = fetched - sum->hit;
	}
}

static void
ReadToast(void *arg)
{
	PgStats *stats = ((SqlRun *) arg)->own;

	ReadRows(stats, PgStatsToastSql, 0, false, TakeToast);
	stats->toast_is_known = true;
}

/* ---- what changed ---- */

static uint64
Mix(uint64 hash, uint64 value)
{
	hash = (hash ^ value) * UINT64CONST(0x9E3779B97F4A7C15);
	return hash ^ (hash >> 29);
}

static uint64
MixBytes(uint64 hash, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char) bytes[i]) * UINT64CONST(0x100000001B3);
	return Mix(hash, len);
}

/* Ages grow by themselves. */
static bool
IsAge(const Field *column)
{
	return column->unit &&
		(strcmp(column->unit, "transactions") == 0 || strcmp(column->unit, "multixacts") == 0);
}

static uint64
HashRow(const ProbeRow *row, const Field *columns, const Value *computed)
{
	uint64 hash = UINT64CONST(0xCBF29CE484222325);

	for (int i = 0; i < row->aside; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(row->desc, i);

		if (IsAge(row->columns[i]))
			continue;
		if (row->nulls[i])
			hash = Mix(hash, 1);
		else if (attribute->attbyval)
			hash = Mix(hash, (uint64) row->values[i]);
		else if (attribute->attlen == -1)
			hash = MixBytes(hash, VARDATA_ANY(DatumGetPointer(row->values[i])),
							VARSIZE_ANY_EXHDR(DatumGetPointer(row->values[i])));
		else
			hash = MixBytes(hash, NameStr(*DatumGetName(row->values[i])),
							strlen(NameStr(*DatumGetName(row->values[i]))));
	}
	for (int i = 0; columns[i].name; i++)
	{
		if (columns[i].computed)
			hash = Mix(hash, computed[i].known ? (uint64) computed[i].i : 1);
	}
	return hash;
}

/* Is it to be sent? */
static bool
IsNews(PgStats *stats, Oid relation, uint64 hash)
{
	if (stats->now)
		RelationMemoryAdd(stats->now, relation, hash);
	return stats->before == NULL || !RelationMemoryHas(stats->before, relation, hash);
}

/* ---- rows ---- */

static void
SetComputed(const Field *columns, Value *computed, const char *name, int64 value)
{
	ValueSetInt(&computed[FieldIndex(columns, name)], value);
}

static void
SetBytes(const Field *columns, Value *computed, const char *name, int64 bytes)
{
	if (bytes >= 0)
		SetComputed(columns, computed, name, bytes);
}

static bool
LookAtDatabase(void *arg, const ProbeRow *row, Value *computed)
{
	PgStats *stats = arg;
	int64	 bytes;

	if (stats->sizes && FileSizesOfDatabase(stats->sizes, &bytes))
		SetBytes(stats->run->probe->columns, computed, "size_bytes", bytes);
	return true;
}

static void
FindIndexColumns(PgStats *stats, const ProbeRow *row)
{
	for (int i = 0; i < NUM_INDEX_COLUMNS; i++)
	{
		stats->column[i] = -1;
		for (int j = 0; j < row->aside; j++)
		{
			if (strcmp(row->columns[j]->name, index_columns[i]) == 0)
				stats->column[i] = j;
		}
	}
	stats->are_counted = !row->nulls[stats->column[INDEX_SCANS]];
	stats->columns_are_found = true;
}

static int64
IndexValue(const PgStats *stats, const ProbeRow *row, int which)
{
	int column = stats->column[which];

	return column < 0 || row->nulls[column] ? 0 : DatumGetInt64(row->values[column]);
}

static void
AddIndex(PgStats *stats, const ProbeRow *row, TableSum *sum, int64 bytes)
{
	sum->indexes++;
	sum->scans += IndexValue(stats, row, INDEX_SCANS);
	sum->fetched += IndexValue(stats, row, INDEX_FETCHED);
	sum->read += IndexValue(stats, row, INDEX_READ);
	sum->hit += IndexValue(stats, row, INDEX_HIT);
	sum->last_scan = Max(sum->last_scan, IndexValue(stats, row, INDEX_LAST_SCAN));
	TableSumAddBytes(sum, bytes);
}

static bool
LookAtIndex(void *arg, const ProbeRow *row, Value *computed)
{
	PgStats		*stats = arg;
	const Field *columns = stats->run->probe->columns;
	const Datum *aside = row->values + row->aside;
	int64		 bytes = BytesOf(stats, aside[INDEX_FILE], row->nulls[row->aside + INDEX_FILE]);
	TableSum	*sum =
		TableSumsFind(stats->sums, stats->sum_count, DatumGetObjectId(aside[INDEX_TABLE]));

	if (!stats->columns_are_found)
		FindIndexColumns(stats, row);
	if (sum)
		AddIndex(stats, row, sum, bytes);
	if (sum == NULL || row->nulls[row->aside + INDEX_FILE])
		return false; /* of a table that is left out; of a partitioned one, which has no file */
	SetBytes(columns, computed, "size_bytes", bytes);
	return IsNews(stats, DatumGetObjectId(aside[INDEX_OID]), HashRow(row, columns, computed));
}

static void
SetIndexSums(const PgStats *stats, const TableSum *sum, int64 fetched, Value *computed)
{
	const Field *columns = stats->run->probe->columns;

	SetComputed(columns, computed, "idx_scan", sum->scans);
	SetComputed(columns, computed, "idx_tup_fetch", sum->fetched + fetched);
	SetComputed(columns, computed, "idx_blks_read", sum->read);
	SetComputed(columns, computed, "idx_blks_hit", sum->hit);
	if (stats->column[INDEX_LAST_SCAN] >= 0 && sum->last_scan != 0)
		SetComputed(columns, computed, "last_idx_scan", UnixMicroseconds(sum->last_scan));
}

/* NULL: it is not known. */
static TableSum *
ToastSum(const PgStats *stats, Oid toast)
{
	return stats->toast_is_known ? TableSumsFind(stats->sums, stats->sum_count, toast) : NULL;
}

static int64
ToastBytes(const TableSum *sum, Oid toast)
{
	if (!OidIsValid(toast))
		return 0;
	return sum ? sum->bytes : BYTES_UNKNOWN;
}

static bool
LookAtTable(void *arg, const ProbeRow *row, Value *computed)
{
	PgStats		*stats = arg;
	const Field *columns = stats->run->probe->columns;
	const Datum *aside = row->values + row->aside;
	const bool	*nulls = row->nulls + row->aside;
	Oid			 oid = DatumGetObjectId(aside[TABLE_OID]);
	TableSum	*sum = TableSumsFind(stats->sums, stats->sum_count, oid);
	int64		 heap = BytesOf(stats, aside[TABLE_FILE], nulls[TABLE_FILE]);
	Oid			 toast_oid = DatumGetObjectId(aside[TABLE_TOAST]);
	TableSum	*toast_sum = ToastSum(stats, toast_oid);
	int64		 toast = ToastBytes(toast_sum, toast_oid);
	int64		 indexes = sum && stats->sums_are_known ? sum->bytes : BYTES_UNKNOWN;

	if (sum == NULL)
		return false; /* left out, or new since the list was made */
	SetBytes(columns, computed, "heap_bytes", heap);
	SetBytes(columns, computed, "index_bytes", indexes);
	SetBytes(columns, computed, "toast_bytes", toast);
	if (heap >= 0 && indexes >= 0 && toast >= 0)
		SetBytes(columns, computed, "size_bytes", heap + indexes + toast);
	if (stats->sums_are_known && sum->indexes > 0 && stats->are_counted)
		SetIndexSums(stats, sum, nulls[TABLE_FETCHED] ? 0 : DatumGetInt64(aside[TABLE_FETCHED]),
					 computed);
	if (toast_sum && stats->are_counted)
	{
		SetComputed(columns, computed, "tidx_blks_read", toast_sum->read);
		SetComputed(columns, computed, "tidx_blks_hit", toast_sum->hit);
	}
	return IsNews(stats, oid, HashRow(row, columns, computed));
}

/* ---- the run ---- */

/* The one before, where not too much time has passed; "partial" of the metric says which it is. */
static void
ChooseSnapshot(PgStats *stats)
{
	SqlRun *run = stats->run;
	int64	most = Setting.full_snapshot_interval_s * USECS_PER_SEC;
	int64	slack = CollectorInterval(COLLECTOR_PG_STATS) * USECS_PER_SEC / 2;
	Value  *partial = &run->values[FieldIndex(run->stream.fields, "partial")];
	int64	age;

	partial->known = true;
	if (run->in_session || most == 0)
		return;
	stats->before = RelationMemoryLoad();
	age = stats->before ? run->stream.read_at - stats->before->taken_at : -1;
	partial->b = age >= 0 && age + Min(slack, most / 2) < most;
	if (partial->b)
		return;
	stats->before = NULL;
	stats->now =
		RelationMemoryCreate(TopMemoryContext, run->stream.read_at, BatchSince(run->stream.batch));
}

static bool
RunProbeOf(PgStats *stats, const Probe *probe)
{
	SqlRun		*run = stats->run;
	ProbeWatcher watcher = {stats, NULL};

	if (strcmp(probe->key, "databases") == 0)
		watcher.look = LookAtDatabase;
	else if (strcmp(probe->key, "indexes") == 0)
		watcher.look = LookAtIndex;
	else if (strcmp(probe->key, "tables") == 0)
		watcher.look = LookAtTable;
	run->probe = probe;
	run->input.watcher = watcher.look ? &watcher : NULL;
	return SqlRunStep(run, SqlRunProbe);
}

void
PgStatsRun(SqlRun *run)
{
	PgStats stats = {.run = run, .context = run->context};
	int		errors = BatchErrors(run->stream.batch);

	run->own = &stats;
	ChooseSnapshot(&stats);
	if (!SqlRunStep(run, ListTables))
		return;
	/* without these sizes are not known, all else is */
	if (SqlRunStep(run, ReadFiles))
		(void) SqlRunStep(run, ReadToast);
	for (int i = 0; run->probes[i] != NULL && !ShutdownIsRequested(); i++)
	{
		bool done = RunProbeOf(&stats, run->probes[i]);

		if (strcmp(run->probes[i]->key, "indexes") == 0)
			stats.sums_are_known = done;
	}
	if (BatchErrors(run->stream.batch) == errors && !run->cut_short && !ShutdownIsRequested())
		to_remember = stats.now;
}

void
PgStatsKept(bool kept)
{
	if (to_remember && kept)
		RelationMemorySave(to_remember);
	to_remember = NULL;
}
