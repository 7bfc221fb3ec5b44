/*
 * pg_stats_probes.c
 *		pg_stats: statistics of a database, its tables and its indexes.
 *
 * One pass over pg_class with the pg_stat_get_…() functions: reading the
 * pg_stat_… and pg_statio_… views instead costs four times as much.  Sizes
 * come from collect/files.h; FILE_KEY is its key.  Temporary relations belong
 * to their sessions and TOAST tables are counted with their owners; neither is
 * a row of its own.  Pure C.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

/* SQL as it reads best */
/* clang-format off */

#define FILE_KEY(c) \
	"CASE WHEN " c ".relpages > 0 THEN -1 ELSE 1 END * (" \
	"(" c ".reltablespace::bigint << 32) | CASE WHEN " c ".relfilenode = 0 " \
	"THEN pg_catalog.pg_relation_filenode(" c ".oid)::bigint ELSE " c ".relfilenode::bigint END)"

#define STAT(function, oid) "pg_catalog.pg_stat_get_" function "(" oid ")"

/* null where there is none */
#define TOAST "nullif(c.reltoastrelid, '0')"

#define COUNTER(name, function) \
	{name, FIELD_INT, NULL, false, 0, 0, STAT(function, "c.oid"), NULL, "track_counts"}
#define COUNTER_OF_DB(name, unit) \
	{name, FIELD_INT, unit, false, 0, 0, "s." name, NULL, "track_counts"}
#define TIME_OF_TABLE(name, function) \
	{name, FIELD_TIME, NULL, false, 0, 0, STAT(function, "c.oid"), NULL, "track_counts"}

static const Field database_fields[] = {
	{"name", FIELD_SHARED_NAME, NULL, true, 0, 0, "d.datname"},
	{"size_bytes", FIELD_INT, "bytes", false, 0, 0, "the files of the database", .computed = true},
	/* s.numbackends would count the visitor that asks */
	{"numbackends", FIELD_INT, NULL, false, 0, 0,
	 "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a "
	 "WHERE a.datid = d.oid AND a.backend_type NOT LIKE 'pganalytics %')"},
	{"xact_commit", FIELD_INT, NULL, false, 0, 0, "s.xact_commit"},
	{"xact_rollback", FIELD_INT, NULL, false, 0, 0, "s.xact_rollback"},
	COUNTER_OF_DB("blks_read", "blocks"),
	COUNTER_OF_DB("blks_hit", "blocks"),
	COUNTER_OF_DB("tup_returned", NULL),
	COUNTER_OF_DB("tup_fetched", NULL),
	COUNTER_OF_DB("tup_inserted", NULL),
	COUNTER_OF_DB("tup_updated", NULL),
	COUNTER_OF_DB("tup_deleted", NULL),
	COUNTER_OF_DB("conflicts", NULL),
	COUNTER_OF_DB("temp_files", NULL),
	COUNTER_OF_DB("temp_bytes", "bytes"),
	COUNTER_OF_DB("deadlocks", NULL),
	COUNTER_OF_DB("checksum_failures", NULL),
	{"checksum_last_failure", FIELD_TIME, NULL, false, 0, 0, "s.checksum_last_failure"},
	{"blk_read_time", FIELD_FLOAT, "ms", false, 0, 0, "s.blk_read_time", NULL, "track_io_timing"},
	{"blk_write_time", FIELD_FLOAT, "ms", false, 0, 0, "s.blk_write_time", NULL, "track_io_timing"},
	{"session_time", FIELD_FLOAT, "ms", false, 0, 0, "s.session_time"},
	{"active_time", FIELD_FLOAT, "ms", false, 0, 0, "s.active_time", NULL, "track_activities"},
	{"idle_in_transaction_time", FIELD_FLOAT, "ms", false, 0, 0, "s.idle_in_transaction_time", NULL,
	 "track_activities"},
	{"sessions", FIELD_INT, NULL, false, 0, 0, "s.sessions"},
	{"sessions_abandoned", FIELD_INT, NULL, false, 0, 0, "s.sessions_abandoned"},
	{"sessions_fatal", FIELD_INT, NULL, false, 0, 0, "s.sessions_fatal"},
	{"sessions_killed", FIELD_INT, NULL, false, 0, 0, "s.sessions_killed"},
	{"parallel_workers_to_launch", FIELD_INT, NULL, false, 18, 0, "s.parallel_workers_to_launch"},
	{"parallel_workers_launched", FIELD_INT, NULL, false, 18, 0, "s.parallel_workers_launched"},
	{"connection_limit", FIELD_INT, NULL, false, 0, 0, "nullif(d.datconnlimit, -1)"},
	{"xid_age", FIELD_INT, "transactions", false, 0, 0, "pg_catalog.age(d.datfrozenxid)"},
	{"mxid_age", FIELD_INT, "multixacts", false, 0, 0, "pg_catalog.mxid_age(d.datminmxid)"},
	{"stats_reset", FIELD_TIME, NULL, false, 0, 0, "s.stats_reset"},
	FIELDS_END
};

static const Field table_fields[] = {
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "n.nspname"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "c.relname"},
	{"relid", FIELD_INT, NULL, true, 0, 0, "c.oid"},
	{"kind", FIELD_TEXT, NULL, true, 0, 0, "c.relkind::text"},
	COUNTER("rows", "live_tuples"),
	COUNTER("dead_rows", "dead_tuples"),
	{"size_bytes", FIELD_INT, "bytes", false, 0, 0, "its files, those of its indexes and of TOAST",
	 .computed = true},
	{"heap_bytes", FIELD_INT, "bytes", false, 0, 0, "its files", .computed = true},
	{"index_bytes", FIELD_INT, "bytes", false, 0, 0, "files of its indexes", .computed = true},
	{"toast_bytes", FIELD_INT, "bytes", false, 0, 0, "files of its TOAST table and its index",
	 .computed = true},
	{"pages", FIELD_INT, "blocks", false, 0, 0, "nullif(c.relpages, -1)"}, /* of partitioned ones */
	{"reltuples", FIELD_FLOAT, NULL, false, 0, 0, "nullif(c.reltuples, -1)::double precision"},
	COUNTER("seq_scan", "numscans"),
	COUNTER("seq_tup_read", "tuples_returned"),
	{"idx_scan", FIELD_INT, NULL, false, 0, 0, "of its indexes", NULL, "track_counts", true},
	{"idx_tup_fetch", FIELD_INT, NULL, false, 0, 0, "of its indexes, and bitmap scans", NULL,
	 "track_counts", true},
	COUNTER("n_tup_ins", "tuples_inserted"),
	COUNTER("n_tup_upd", "tuples_updated"),
	COUNTER("n_tup_del", "tuples_deleted"),
	COUNTER("n_tup_hot_upd", "tuples_hot_updated"),
	{"n_tup_newpage_upd", FIELD_INT, NULL, false, 16, 0, STAT("tuples_newpage_updated", "c.oid"),
	 NULL, "track_counts"},
	COUNTER("n_mod_since_analyze", "mod_since_analyze"),
	COUNTER("n_ins_since_vacuum", "ins_since_vacuum"),
	TIME_OF_TABLE("last_vacuum", "last_vacuum_time"),
	TIME_OF_TABLE("last_autovacuum", "last_autovacuum_time"),
	TIME_OF_TABLE("last_analyze", "last_analyze_time"),
	TIME_OF_TABLE("last_autoanalyze", "last_autoanalyze_time"),
	COUNTER("vacuum_count", "vacuum_count"),
	COUNTER("autovacuum_count", "autovacuum_count"),
	COUNTER("analyze_count", "analyze_count"),
	COUNTER("autoanalyze_count", "autoanalyze_count"),
	{"total_vacuum_time", FIELD_FLOAT, "ms", false, 18, 0, STAT("total_vacuum_time", "c.oid"), NULL,
	 "track_counts"},
	{"total_autovacuum_time", FIELD_FLOAT, "ms", false, 18, 0, STAT("total_autovacuum_time", "c.oid"),
	 NULL, "track_counts"},
	{"total_analyze_time", FIELD_FLOAT, "ms", false, 18, 0, STAT("total_analyze_time", "c.oid"), NULL,
	 "track_counts"},
	{"total_autoanalyze_time", FIELD_FLOAT, "ms", false, 18, 0,
	 STAT("total_autoanalyze_time", "c.oid"), NULL, "track_counts"},
	{"heap_blks_read", FIELD_INT, "blocks", false, 0, 0,
	 STAT("blocks_fetched", "c.oid") " - " STAT("blocks_hit", "c.oid"), NULL, "track_counts"},
	{"heap_blks_hit", FIELD_INT, "blocks", false, 0, 0, STAT("blocks_hit", "c.oid"), NULL,
	 "track_counts"},
	{"idx_blks_read", FIELD_INT, "blocks", false, 0, 0, "of its indexes", NULL, "track_counts", true},
	{"idx_blks_hit", FIELD_INT, "blocks", false, 0, 0, "of its indexes", NULL, "track_counts", true},
	{"toast_blks_read", FIELD_INT, "blocks", false, 0, 0,
	 STAT("blocks_fetched", TOAST) " - " STAT("blocks_hit", TOAST), NULL, "track_counts"},
	{"toast_blks_hit", FIELD_INT, "blocks", false, 0, 0, STAT("blocks_hit", TOAST), NULL,
	 "track_counts"},
	{"tidx_blks_read", FIELD_INT, "blocks", false, 0, 0, "of the index of its TOAST table", NULL,
	 "track_counts", true},
	{"tidx_blks_hit", FIELD_INT, "blocks", false, 0, 0, "of the index of its TOAST table", NULL,
	 "track_counts", true},
	{"xid_age", FIELD_INT, "transactions", false, 0, 0,
	 "CASE WHEN c.relfrozenxid <> '0' THEN pg_catalog.age(c.relfrozenxid) END"},
	{"mxid_age", FIELD_INT, "multixacts", false, 0, 0,
	 "CASE WHEN c.relminmxid <> '0' THEN pg_catalog.mxid_age(c.relminmxid) END"},
	{"last_seq_scan", FIELD_TIME, NULL, false, 16, 0, STAT("lastscan", "c.oid"), NULL,
	 "track_counts"},
	{"last_idx_scan", FIELD_TIME, NULL, false, 16, 0, "of its indexes", NULL, "track_counts", true},
	{"stats_reset", FIELD_TIME, NULL, false, 19, 0, STAT("stat_reset_time", "c.oid")},
	FIELDS_END
};

static const Field index_fields[] = {
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "n.nspname"},
	{"table", FIELD_TEXT, NULL, true, 0, 0, "t.relname"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "c.relname"},
	{"indexrelid", FIELD_INT, NULL, true, 0, 0, "c.oid"},
	COUNTER("scans", "numscans"),
	COUNTER("tuples_read", "tuples_returned"),
	COUNTER("tuples_returned", "tuples_fetched"),
	{"size_bytes", FIELD_INT, "bytes", false, 0, 0, "its files", .computed = true},
	{"blks_read", FIELD_INT, "blocks", false, 0, 0,
	 STAT("blocks_fetched", "c.oid") " - " STAT("blocks_hit", "c.oid"), NULL, "track_counts"},
	{"blks_hit", FIELD_INT, "blocks", false, 0, 0, STAT("blocks_hit", "c.oid"), NULL,
	 "track_counts"},
	{"is_unique", FIELD_BOOL, NULL, true, 0, 0, "x.indisunique"},
	{"is_primary", FIELD_BOOL, NULL, true, 0, 0, "x.indisprimary"},
	{"is_valid", FIELD_BOOL, NULL, true, 0, 0, "x.indisvalid"},
	{"last_idx_scan", FIELD_TIME, NULL, false, 16, 0, STAT("lastscan", "c.oid"), NULL,
	 "track_counts"},
	{"stats_reset", FIELD_TIME, NULL, false, 19, 0, STAT("stat_reset_time", "c.oid")},
	FIELDS_END
};

static const Field score_fields[] = {
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "s.schemaname"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "s.relname"},
	{"relid", FIELD_INT, NULL, true, 0, 0, "s.relid"},
	COLUMN("score", FIELD_FLOAT, NULL),
	COLUMN("xid_score", FIELD_FLOAT, NULL),
	COLUMN("mxid_score", FIELD_FLOAT, NULL),
	COLUMN("vacuum_score", FIELD_FLOAT, NULL),
	COLUMN("vacuum_insert_score", FIELD_FLOAT, NULL),
	COLUMN("analyze_score", FIELD_FLOAT, NULL),
	COLUMN("do_vacuum", FIELD_BOOL, NULL),
	COLUMN("do_analyze", FIELD_BOOL, NULL),
	COLUMN("for_wraparound", FIELD_BOOL, NULL),
	FIELDS_END
};

static const Field function_fields[] = {
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "n.nspname"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "p.proname"},
	{"funcid", FIELD_INT, NULL, true, 0, 0, "p.oid"},
	{"calls", FIELD_INT, NULL, true, 0, 0, "s.calls"},
	{"total_time", FIELD_FLOAT, "ms", false, 0, 0, STAT("function_total_time", "p.oid")},
	{"self_time", FIELD_FLOAT, "ms", false, 0, 0, STAT("function_self_time", "p.oid")},
	FIELDS_END
};

const Field PgStatsFields[] = {
	{"partial", FIELD_BOOL, NULL, false, 0, 0, "only what changed since the last full one"},
	{"skipped", FIELD_INT, NULL, false, 0, 0, "tables left out by pganalytics.max_relations"},
	{"databases", FIELD_OBJECTS, NULL, false, 0, 0, "pg_stat_database", database_fields},
	{"tables", FIELD_OBJECTS, NULL, false, 0, 0, "pg_stat_all_tables, pg_statio_all_tables",
	 table_fields},
	{"indexes", FIELD_OBJECTS, NULL, false, 0, 0, "pg_stat_all_indexes, pg_statio_all_indexes",
	 index_fields},
	{"autovacuum_scores", FIELD_OBJECTS, NULL, false, 19, 0,
	 "pg_stat_autovacuum_scores, the 100 that autovacuum wants most", score_fields},
	{"functions", FIELD_OBJECTS, NULL, false, 0, 0,
	 "pg_stat_user_functions: the 1,000 with the most time; absent where track_functions is none",
	 function_fields},
	FIELDS_END
};

static const Probe databases_probe = {
	.key = "databases",
	.columns = database_fields,
	.from = "pg_catalog.pg_stat_database s JOIN pg_catalog.pg_database d ON d.oid = s.datid "
	"WHERE d.datname = pg_catalog.current_database()",
};

#define IS_TABLE(c) c ".relkind IN ('r', 'm', 'p') AND " c ".relpersistence <> 't'"

static const Field table_aside[] = {
	[TABLE_OID] = {"oid", FIELD_INT, NULL, true, 0, 0, "c.oid"},
	[TABLE_TOAST] = {"toast", FIELD_INT, NULL, true, 0, 0, "c.reltoastrelid"},
	[TABLE_FILE] = {"file", FIELD_INT, NULL, false, 0, 0, FILE_KEY("c")},
	[TABLE_FETCHED] = {"fetched", FIELD_INT, NULL, false, 0, 0, STAT("tuples_fetched", "c.oid"), NULL,
		"track_counts"},
	FIELDS_END
};

static const Probe tables_probe = {
	.key = "tables",
	.columns = table_fields,
	.aside = table_aside,
	.from = "pg_catalog.pg_class c "
	"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
	"WHERE " IS_TABLE("c") " AND ($1 IS NULL OR c.oid = ANY ($1))",
};

static const Field index_aside[] = {
	[INDEX_OID] = {"oid", FIELD_INT, NULL, true, 0, 0, "c.oid"},
	[INDEX_TABLE] = {"relation", FIELD_INT, NULL, true, 0, 0, "x.indrelid"},
	[INDEX_FILE] = {"file", FIELD_INT, NULL, false, 0, 0, FILE_KEY("c")},
	FIELDS_END
};

/*
 * Those of partitioned tables, too, which have no file and are not reported.
 * The hashes of its joins grow with the database, to 8 MB each; with less they
 * would go through temporary files, which the database's users would see counted.
 */
static const Probe indexes_probe = {
	.key = "indexes",
	.columns = index_fields,
	.aside = index_aside,
	.from = "pg_catalog.pg_index x "
	"JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid "
	"JOIN pg_catalog.pg_class t ON t.oid = x.indrelid "
	"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
	"WHERE " IS_TABLE("t") " AND ($1 IS NULL OR x.indrelid = ANY ($1))",
};

/* TOAST tables too: autovacuum treats them as tables of their own. */
static const Probe scores_probe = {
	.key = "autovacuum_scores",
	.columns = score_fields,
	.from = "pg_catalog.pg_stat_autovacuum_scores s WHERE s.score > 0 OR s.do_vacuum OR s.do_analyze "
	"ORDER BY s.score DESC, s.relid LIMIT 100",
	.since = 19,
};

/* Those that were called; functions in C that come with the server are not tracked. */
static const Probe functions_probe = {
	.key = "functions",
	.columns = function_fields,
	.tracker = "track_functions",
	.from = "pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace, "
	"LATERAL (SELECT " STAT("function_calls", "p.oid") " AS calls OFFSET 0) s "
	"WHERE p.prolang <> 12 AND s.calls IS NOT NULL "
	"ORDER BY " STAT("function_total_time", "p.oid") " DESC, p.oid LIMIT 1000",
};

/* Indexes come before the tables that they add to. */
const Probe *const PgStatsProbes[] = {&databases_probe, &indexes_probe, &tables_probe,
	&scores_probe, &functions_probe, NULL};

/* Our own table is none of the user's either. */
#define IS_CATALOGUE(c) \
	"(" c ".relnamespace IN (SELECT n.oid FROM pg_catalog.pg_namespace n " \
	"WHERE n.nspname IN ('pg_catalog', 'information_schema')) " \
	"OR " c ".relname = 'pganalytics_custom_collector')"

const char PgStatsListSql[] =
	"SELECT c.oid, CASE WHEN c.relkind = 't' THEN 't' WHEN " IS_CATALOGUE("c") " THEN 'c' ELSE 'u' "
	"END::pg_catalog.\"char\" FROM pg_catalog.pg_class c "
	"WHERE c.relkind IN ('r', 'm', 'p', 't') AND c.relpersistence <> 't'";

const char PgStatsChooseSql[] =
	"SELECT c.oid FROM pg_catalog.pg_class c "
	"WHERE " IS_TABLE("c") " AND (" IS_CATALOGUE("c") ") = $2 "
	"ORDER BY " STAT("numscans", "c.oid") " + coalesce((SELECT pg_catalog.sum("
	STAT("numscans", "x.indexrelid") ") FROM pg_catalog.pg_index x WHERE x.indrelid = c.oid), 0) + "
	STAT("tuples_inserted", "c.oid") " + " STAT("tuples_updated", "c.oid") " + "
	STAT("tuples_deleted", "c.oid") " DESC, c.oid LIMIT $1";

const char PgStatsToastSql[] =
	"SELECT t.oid, " FILE_KEY("t") ", " FILE_KEY("c") ", "
	STAT("blocks_fetched", "c.oid") ", " STAT("blocks_hit", "c.oid") " FROM pg_catalog.pg_class t "
	"JOIN pg_catalog.pg_index x ON x.indrelid = t.oid "
	"JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid "
	"WHERE t.relkind = 't' AND t.relpersistence <> 't'";
