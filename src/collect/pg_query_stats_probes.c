/*
 * pg_query_stats_probes.c
 *		pg_query_stats: statements, from pg_stat_statements.
 *
 * "since" is the server version that brought the version of the extension
 * which has the column; an extension that was not updated after pg_upgrade has
 * the columns of the older one (pg_query_stats.c).  Pure C.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

/* SQL as it reads best */
/* clang-format off */

#define COUNTER(name) {name, FIELD_INT, NULL, false, 0, 0, "s." name}
#define BLOCKS(name) {name, FIELD_INT, "blocks", false, 0, 0, "s." name}
#define IO_TIME(name, since) \
	{name, FIELD_FLOAT, "ms", false, since, 0, "s." name, NULL, "track_io_timing"}

#define STATEMENT_COLUMNS \
	{"hash", FIELD_INT, NULL, false, 0, 0, \
	 "CASE WHEN s.queryid BETWEEN -9007199254740992 AND 9007199254740992 THEN s.queryid END"}, \
	{"queryid", FIELD_TEXT, NULL, true, 0, 0, "s.queryid::text"}, \
	{"toplevel", FIELD_BOOL, NULL, true, 0, 0, "s.toplevel"}, \
	{"user", FIELD_SHARED_NAME, NULL, false, 0, 0, "r.rolname"}, \
	COUNTER("calls"), \
	{"plans", FIELD_INT, NULL, false, 0, 0, "s.plans", NULL, "pg_stat_statements.track_planning"}, \
	COUNTER("rows"), \
	{"total_time", FIELD_FLOAT, "ms", true, 0, 0, "s.total_plan_time + s.total_exec_time"}, \
	{"mean_time", FIELD_FLOAT, "ms", false, 0, 0, "s.mean_exec_time"}, \
	{"min_time", FIELD_FLOAT, "ms", false, 0, 0, "s.min_exec_time"}, \
	{"max_time", FIELD_FLOAT, "ms", false, 0, 0, "s.max_exec_time"}, \
	{"stddev_time", FIELD_FLOAT, "ms", false, 0, 0, "s.stddev_exec_time"}, \
	{"query_plan_time", FIELD_FLOAT, "ms", false, 0, 0, "s.total_plan_time", NULL, \
	 "pg_stat_statements.track_planning"}, \
	{"query_exec_time", FIELD_FLOAT, "ms", false, 0, 0, "s.total_exec_time"}, \
	BLOCKS("shared_blks_hit"), \
	BLOCKS("shared_blks_read"), \
	BLOCKS("shared_blks_dirtied"), \
	BLOCKS("shared_blks_written"), \
	BLOCKS("local_blks_hit"), \
	BLOCKS("local_blks_read"), \
	BLOCKS("local_blks_dirtied"), \
	BLOCKS("local_blks_written"), \
	BLOCKS("temp_blks_read"), \
	BLOCKS("temp_blks_written"), \
	IO_TIME("blk_read_time", 0), \
	IO_TIME("blk_write_time", 0), \
	IO_TIME("local_blk_read_time", 17), \
	IO_TIME("local_blk_write_time", 17), \
	IO_TIME("temp_blk_read_time", 0), \
	IO_TIME("temp_blk_write_time", 0), \
	COUNTER("wal_records"), \
	COUNTER("wal_fpi"), \
	{"wal_bytes", FIELD_INT, "bytes", false, 0, 0, "s.wal_bytes::bigint"}, \
	{"wal_buffers_full", FIELD_INT, NULL, false, 18, 0, "s.wal_buffers_full"}, \
	COUNTER("jit_functions"), \
	{"jit_time", FIELD_FLOAT, "ms", false, 0, 0, \
	 "s.jit_generation_time + s.jit_inlining_time + s.jit_optimization_time + s.jit_emission_time"}, \
	{"parallel_workers_to_launch", FIELD_INT, NULL, false, 18, 0, "s.parallel_workers_to_launch"}, \
	{"parallel_workers_launched", FIELD_INT, NULL, false, 18, 0, "s.parallel_workers_launched"}, \
	{"generic_plan_calls", FIELD_INT, NULL, false, 19, 0, "s.generic_plan_calls"}, \
	{"custom_plan_calls", FIELD_INT, NULL, false, 19, 0, "s.custom_plan_calls"}, \
	{"stats_since", FIELD_TIME, NULL, false, 17, 0, "s.stats_since"}, \
	{"minmax_stats_since", FIELD_TIME, NULL, false, 17, 0, "s.minmax_stats_since"}

static const Field statement_columns[] = {
	STATEMENT_COLUMNS,
	FIELDS_END
};

static const Field query_fields[] = {
	STATEMENT_COLUMNS,
	{"text", FIELD_TEXT, NULL, false, 0, 0,
	 "query, secrets masked; when first seen, and every hour"},
	{"text_truncated", FIELD_BOOL, NULL, false, 0, 0,
	 "true: cut at pganalytics.query_text_size"},
	FIELDS_END
};

const Field PgQueryStatsFields[] = {
	{"queries", FIELD_OBJECTS, NULL, false, 0, 0, "pg_stat_statements", query_fields},
	{"deallocated", FIELD_INT, NULL, false, 0, 0, "pg_stat_statements_info.dealloc"},
	{"stats_reset", FIELD_TIME, NULL, false, 0, 0, "pg_stat_statements_info.stats_reset"},
	{"skipped", FIELD_INT, NULL, false, 0, 0,
	 "statements left out by pganalytics.max_statements"},
	{"ranked_by_total", FIELD_INT, NULL, false, 0, 0,
	 "statements whose growth is not known: all in the first cycle, later those beyond our memory"},
	FIELDS_END
};

/*
 * The function, not the view: the view reads the texts.  Naming the columns
 * that all versions have gives the two that 17 renamed (shared_blk_…_time)
 * their old names.  Dropped databases have no row in pg_database.
 */
static const Probe statements_probe = {
	.key = "queries",
	.columns = statement_columns,
	.from = "@extschema@.pg_stat_statements(false) AS s (userid, dbid, toplevel, queryid, query, "
	"plans, total_plan_time, min_plan_time, max_plan_time, mean_plan_time, stddev_plan_time, "
	"calls, total_exec_time, min_exec_time, max_exec_time, mean_exec_time, stddev_exec_time, rows, "
	"shared_blks_hit, shared_blks_read, shared_blks_dirtied, shared_blks_written, "
	"local_blks_hit, local_blks_read, local_blks_dirtied, local_blks_written, "
	"temp_blks_read, temp_blks_written, blk_read_time, blk_write_time) "
	"JOIN pg_catalog.pg_database d ON d.oid = s.dbid "
	"LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.userid "
	"WHERE s.queryid IS NOT NULL",
	.extension = "pg_stat_statements",
	.extension_since = "1.10",
};

const Probe *const PgQueryStatsProbes[] = {&statements_probe, NULL};
