/*
 * pg_server_probes.c
 *		pg_server: WAL, checkpointer, background writer, archiver, I/O, SLRU,
 *		progress of long commands, databases.
 *
 * The names are those of the views, whose columns moved twice: in 17 from
 * pg_stat_bgwriter to pg_stat_checkpointer, in 18 from pg_stat_wal to
 * pg_stat_io.  Checkpoints have the names of 17 on all versions.  Pure C.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

/* SQL as it reads best */
/* clang-format off */

static const Field server_fields[] = {
	{"started_at", FIELD_TIME, NULL, false, 0, 0, "pg_catalog.pg_postmaster_start_time()"},
	{"config_loaded_at", FIELD_TIME, NULL, false, 0, 0, "pg_catalog.pg_conf_load_time()"},
	FIELDS_END
};

static const Probe server_probe = {
	.single = true,
	.columns = server_fields,
	.from = "(SELECT) s",
};

/* ---- WAL, checkpoints, background writer, archiver ---- */

static const Field wal_fields[] = {
	COLUMN("wal_records", FIELD_INT, NULL),
	COLUMN("wal_fpi", FIELD_INT, NULL),
	{"wal_bytes", FIELD_INT, "bytes", false, 0, 0, "s.wal_bytes::bigint"},
	{"wal_fpi_bytes", FIELD_INT, "bytes", false, 19, 0, "s.wal_fpi_bytes::bigint"},
	COLUMN("wal_buffers_full", FIELD_INT, NULL),
	COLUMN_OF(0, 17, "wal_write", FIELD_INT, NULL),
	COLUMN_OF(0, 17, "wal_sync", FIELD_INT, NULL),
	{"wal_write_time", FIELD_FLOAT, "ms", false, 0, 17, "s.wal_write_time", NULL,
	 "track_wal_io_timing"},
	{"wal_sync_time", FIELD_FLOAT, "ms", false, 0, 17, "s.wal_sync_time", NULL,
	 "track_wal_io_timing"},
	COLUMN("stats_reset", FIELD_TIME, NULL),
	FIELDS_END
};

static const Probe wal_probe = {
	.key = "wal",
	.single = true,
	.columns = wal_fields,
	.from = "pg_catalog.pg_stat_wal s",
};

static const Field checkpointer_fields[] = {
	COLUMN("num_timed", FIELD_INT, NULL),
	COLUMN("num_requested", FIELD_INT, NULL),
	COLUMN_OF(18, 0, "num_done", FIELD_INT, NULL),
	COLUMN_OF(17, 0, "restartpoints_timed", FIELD_INT, NULL),
	COLUMN_OF(17, 0, "restartpoints_req", FIELD_INT, NULL),
	COLUMN_OF(17, 0, "restartpoints_done", FIELD_INT, NULL),
	COLUMN("write_time", FIELD_FLOAT, "ms"),
	COLUMN("sync_time", FIELD_FLOAT, "ms"),
	COLUMN("buffers_written", FIELD_INT, "blocks"),
	COLUMN_OF(18, 0, "slru_written", FIELD_INT, "blocks"),
	COLUMN("stats_reset", FIELD_TIME, NULL),
	FIELDS_END
};

static const Probe checkpointer_probe = {
	.key = "checkpointer",
	.single = true,
	.columns = checkpointer_fields,
	.from = "pg_catalog.pg_stat_checkpointer s",
	.since = 17,
};

static const Probe checkpointer_16_probe = {
	.key = "checkpointer",
	.single = true,
	.columns = checkpointer_fields,
	.from = "(SELECT b.checkpoints_timed AS num_timed, b.checkpoints_req AS num_requested, "
	"b.checkpoint_write_time AS write_time, b.checkpoint_sync_time AS sync_time, "
	"b.buffers_checkpoint AS buffers_written, b.stats_reset FROM pg_catalog.pg_stat_bgwriter b) s",
	.until = 16,
};

static const Field bgwriter_fields[] = {
	COLUMN("buffers_clean", FIELD_INT, "blocks"),
	COLUMN("maxwritten_clean", FIELD_INT, NULL),
	COLUMN_OF(0, 16, "buffers_backend", FIELD_INT, "blocks"),
	COLUMN_OF(0, 16, "buffers_backend_fsync", FIELD_INT, NULL),
	COLUMN("buffers_alloc", FIELD_INT, "blocks"),
	COLUMN("stats_reset", FIELD_TIME, NULL),
	FIELDS_END
};

static const Probe bgwriter_probe = {
	.key = "bgwriter",
	.single = true,
	.columns = bgwriter_fields,
	.from = "pg_catalog.pg_stat_bgwriter s",
};

static const Field archiver_fields[] = {
	COLUMN("archived_count", FIELD_INT, NULL),
	COLUMN("last_archived_wal", FIELD_TEXT, NULL),
	COLUMN("last_archived_time", FIELD_TIME, NULL),
	COLUMN("failed_count", FIELD_INT, NULL),
	COLUMN("last_failed_wal", FIELD_TEXT, NULL),
	COLUMN("last_failed_time", FIELD_TIME, NULL),
	COLUMN("stats_reset", FIELD_TIME, NULL),
	FIELDS_END
};

static const Probe archiver_probe = {
	.key = "archiver",
	.single = true,
	.columns = archiver_fields,
	.from = "pg_catalog.pg_stat_archiver s",
};

/* WAL that is complete and waits for the archiver; it has a probe of its own, since each is a file. */
static const Field archive_fields[] = {
	{"archive_ready", FIELD_INT, "files", false, 0, 0, "s.ready"},
	FIELDS_END
};

static const Probe archive_probe = {
	.single = true,
	.columns = archive_fields,
	.from = "(SELECT pg_catalog.count(*) AS ready FROM pg_catalog.pg_ls_archive_statusdir() f "
	"WHERE f.name LIKE '%.ready') s",
};

/* ---- I/O ---- */

/* Where timing is off, 0 would be a lie; WAL (from 18 on) has a switch of its own. */
#define IO_TIME(name) \
	{name, FIELD_FLOAT, "ms", false, 0, 0, \
	 "CASE WHEN pg_catalog.current_setting(CASE s.object WHEN 'wal' THEN 'track_wal_io_timing' " \
	 "ELSE 'track_io_timing' END)::boolean THEN s." name " END"}
#define IO_BYTES(name) {name, FIELD_INT, "bytes", false, 18, 0, "s." name "::bigint"}

static const Field io_fields[] = {
	{"backend_type", FIELD_TEXT, NULL, true, 0, 0, "s.backend_type"},
	{"object", FIELD_TEXT, NULL, true, 0, 0, "s.object"},
	{"context", FIELD_TEXT, NULL, true, 0, 0, "s.context"},
	COLUMN("reads", FIELD_INT, NULL),
	IO_BYTES("read_bytes"),
	IO_TIME("read_time"),
	COLUMN("writes", FIELD_INT, NULL),
	IO_BYTES("write_bytes"),
	IO_TIME("write_time"),
	COLUMN("writebacks", FIELD_INT, NULL),
	IO_TIME("writeback_time"),
	COLUMN("extends", FIELD_INT, NULL),
	IO_BYTES("extend_bytes"),
	IO_TIME("extend_time"),
	COLUMN_OF(0, 17, "op_bytes", FIELD_INT, "bytes"),
	COLUMN("hits", FIELD_INT, NULL),
	COLUMN("evictions", FIELD_INT, NULL),
	COLUMN("reuses", FIELD_INT, NULL),
	COLUMN("fsyncs", FIELD_INT, NULL),
	IO_TIME("fsync_time"),
	COLUMN("stats_reset", FIELD_TIME, NULL),
	FIELDS_END
};

/* greatest() passes over what is null: the kinds of I/O that a process never does. */
static const Probe io_probe = {
	.key = "io",
	.sparse = true,
	.columns = io_fields,
	.from = "pg_catalog.pg_stat_io s WHERE greatest(s.reads, s.writes, s.writebacks, s.extends, "
	"s.hits, s.evictions, s.reuses, s.fsyncs) > 0",
	.since = 16,
};

#define SUM(name) "pg_catalog.sum(i." name ")::bigint AS " name
#define SUM_TIME(name) \
	"pg_catalog.sum(i." name ") FILTER (WHERE i.object <> 'wal') AS " name

static const Field backend_io_fields[] = {
	{"pid", FIELD_INT, NULL, true, 0, 0, "a.pid"},
	{"backend_type", FIELD_TEXT, NULL, false, 0, 0, "a.backend_type"},
	{"database", FIELD_SHARED_NAME, NULL, false, 0, 0, "a.datname"},
	{"user", FIELD_SHARED_NAME, NULL, false, 0, 0, "a.usename"},
	{"application", FIELD_TEXT, NULL, false, 0, 0, "a.application_name"},
	COLUMN("reads", FIELD_INT, NULL),
	COLUMN("read_bytes", FIELD_INT, "bytes"),
	{"read_time", FIELD_FLOAT, "ms", false, 0, 0, "s.read_time", NULL, "track_io_timing"},
	COLUMN("writes", FIELD_INT, NULL),
	COLUMN("write_bytes", FIELD_INT, "bytes"),
	{"write_time", FIELD_FLOAT, "ms", false, 0, 0, "s.write_time", NULL, "track_io_timing"},
	COLUMN("extends", FIELD_INT, NULL),
	COLUMN("extend_bytes", FIELD_INT, "bytes"),
	{"extend_time", FIELD_FLOAT, "ms", false, 0, 0, "s.extend_time", NULL, "track_io_timing"},
	COLUMN("hits", FIELD_INT, NULL),
	COLUMN("evictions", FIELD_INT, NULL),
	COLUMN("fsyncs", FIELD_INT, NULL),
	{"wal_records", FIELD_INT, NULL, false, 0, 0, "w.wal_records"},
	{"wal_fpi", FIELD_INT, NULL, false, 0, 0, "w.wal_fpi"},
	{"wal_bytes", FIELD_INT, "bytes", false, 0, 0, "w.wal_bytes::bigint"},
	{"stats_reset", FIELD_TIME, NULL, false, 0, 0, "s.stats_reset"},
	FIELDS_END
};

/* The 50 busiest backends: all objects and contexts of one together. */
static const Probe backend_io_probe = {
	.key = "backend_io",
	.sparse = true,
	.columns = backend_io_fields,
	.from = "(SELECT a.pid, a.backend_type, a.datname, a.usename, a.application_name "
	"FROM pg_catalog.pg_stat_activity a WHERE a.backend_type NOT LIKE 'pganalytics %') a "
	"CROSS JOIN LATERAL (SELECT "
	SUM("reads") ", " SUM("read_bytes") ", " SUM_TIME("read_time") ", "
	SUM("writes") ", " SUM("write_bytes") ", " SUM_TIME("write_time") ", " SUM("extends") ", "
	SUM("extend_bytes") ", " SUM_TIME("extend_time") ", " SUM("hits") ", " SUM("evictions") ", "
	SUM("fsyncs") ", pg_catalog.max(i.stats_reset) AS stats_reset "
	"FROM pg_catalog.pg_stat_get_backend_io(a.pid) i) s "
	"CROSS JOIN LATERAL pg_catalog.pg_stat_get_backend_wal(a.pid) w "
	"WHERE greatest(s.reads, s.writes, s.extends, s.hits, w.wal_records) > 0 "
	"ORDER BY coalesce(s.read_bytes, 0) + coalesce(s.write_bytes, 0) + coalesce(s.extend_bytes, 0) "
	"DESC, a.pid LIMIT 50",
	.since = 18,
};

static const Field slru_fields[] = {
	{"name", FIELD_TEXT, NULL, true, 0, 0, "s.name"},
	COLUMN("blks_zeroed", FIELD_INT, "blocks"),
	COLUMN("blks_hit", FIELD_INT, "blocks"),
	COLUMN("blks_read", FIELD_INT, "blocks"),
	COLUMN("blks_written", FIELD_INT, "blocks"),
	COLUMN("blks_exists", FIELD_INT, "blocks"),
	COLUMN("flushes", FIELD_INT, NULL),
	COLUMN("truncates", FIELD_INT, NULL),
	COLUMN("stats_reset", FIELD_TIME, NULL),
	FIELDS_END
};

static const Probe slru_probe = {
	.key = "slru",
	.columns = slru_fields,
	.from = "pg_catalog.pg_stat_slru s",
};

/* ---- progress ---- */

/*
 * All pg_stat_progress_… views in one array: a row holds what its view has.
 * As jsonb, since the views share few columns and every version adds some.
 */
#define PROGRESS(since, until, name, unit) \
	{name, FIELD_INT, unit, false, since, until, "(s.j ->> '" name "')::bigint"}
#define PROGRESS_RELATION(since, until, name) \
	{name, FIELD_INT, NULL, false, since, until, "nullif((s.j ->> '" name "')::bigint, 0)"}
#define PROGRESS_TEXT(since, name) \
	{name, FIELD_TEXT, NULL, false, since, 0, "s.j ->> '" name "'"}

static const Field progress_fields[] = {
	{"command", FIELD_TEXT, NULL, true, 0, 0, "coalesce(s.j ->> 'command', s.command)"},
	{"pid", FIELD_INT, NULL, true, 0, 0, "(s.j ->> 'pid')::bigint"},
	{"backend_type", FIELD_TEXT, NULL, false, 0, 0, "a.backend_type"},
	{"query_start", FIELD_TIME, NULL, false, 0, 0, "a.query_start"},
	{"database", FIELD_SHARED_NAME, NULL, false, 0, 0, "(s.j ->> 'datname')::name"},
	PROGRESS_RELATION(0, 0, "relid"),
	{"schema", FIELD_TEXT, NULL, false, 0, 0, "n.nspname"},
	{"relation", FIELD_TEXT, NULL, false, 0, 0, "c.relname"},
	PROGRESS_TEXT(0, "phase"),

	/* VACUUM; some also ANALYZE, CLUSTER and REPACK */
	PROGRESS_TEXT(19, "mode"),
	PROGRESS_TEXT(19, "started_by"),
	PROGRESS(0, 0, "heap_blks_total", "blocks"),
	PROGRESS(0, 0, "heap_blks_scanned", "blocks"),
	PROGRESS(0, 0, "heap_blks_vacuumed", "blocks"),
	PROGRESS(0, 0, "index_vacuum_count", NULL),
	PROGRESS(0, 16, "max_dead_tuples", NULL),
	PROGRESS(0, 16, "num_dead_tuples", NULL),
	PROGRESS(17, 0, "max_dead_tuple_bytes", "bytes"),
	PROGRESS(17, 0, "dead_tuple_bytes", "bytes"),
	PROGRESS(17, 0, "num_dead_item_ids", NULL),
	PROGRESS(17, 0, "indexes_total", NULL),
	PROGRESS(17, 0, "indexes_processed", NULL),
	{"delay_time", FIELD_FLOAT, "ms", false, 18, 0, "(s.j ->> 'delay_time')::double precision",
	 NULL, "track_cost_delay_timing"},

	/* ANALYZE */
	PROGRESS(0, 0, "sample_blks_total", "blocks"),
	PROGRESS(0, 0, "sample_blks_scanned", "blocks"),
	PROGRESS(0, 0, "ext_stats_total", NULL),
	PROGRESS(0, 0, "ext_stats_computed", NULL),
	PROGRESS(0, 0, "child_tables_total", NULL),
	PROGRESS(0, 0, "child_tables_done", NULL),
	PROGRESS_RELATION(0, 0, "current_child_table_relid"),

	/* CREATE INDEX, REINDEX */
	PROGRESS_RELATION(0, 0, "index_relid"),
	PROGRESS(0, 0, "lockers_total", NULL),
	PROGRESS(0, 0, "lockers_done", NULL),
	PROGRESS_RELATION(0, 0, "current_locker_pid"),
	PROGRESS(0, 0, "blocks_total", "blocks"),
	PROGRESS(0, 0, "blocks_done", "blocks"),
	PROGRESS(0, 0, "tuples_total", NULL),
	PROGRESS(0, 0, "tuples_done", NULL),
	PROGRESS(0, 0, "partitions_total", NULL),
	PROGRESS(0, 0, "partitions_done", NULL),

	/* CLUSTER, VACUUM FULL, REPACK */
	PROGRESS_RELATION(0, 18, "cluster_index_relid"),
	PROGRESS_RELATION(19, 0, "repack_index_relid"),
	PROGRESS(0, 0, "heap_tuples_scanned", NULL),
	PROGRESS(0, 18, "heap_tuples_written", NULL),
	PROGRESS(19, 0, "heap_tuples_inserted", NULL),
	PROGRESS(19, 0, "heap_tuples_updated", NULL),
	PROGRESS(19, 0, "heap_tuples_deleted", NULL),
	PROGRESS(0, 0, "index_rebuild_count", NULL),

	/* COPY */
	PROGRESS_TEXT(0, "type"),
	PROGRESS(0, 0, "bytes_processed", "bytes"),
	PROGRESS(0, 0, "bytes_total", "bytes"),
	PROGRESS(0, 0, "tuples_processed", NULL),
	PROGRESS(0, 0, "tuples_excluded", NULL),
	PROGRESS(17, 0, "tuples_skipped", NULL),

	/* BASE BACKUP */
	PROGRESS_TEXT(19, "backup_type"),
	PROGRESS(0, 0, "backup_total", "bytes"),
	PROGRESS(0, 0, "backup_streamed", "bytes"),
	PROGRESS(0, 0, "tablespaces_total", NULL),
	PROGRESS(0, 0, "tablespaces_streamed", NULL),
	FIELDS_END
};

/* The views of COPY, CREATE INDEX and CLUSTER name the command themselves. */
#define PROGRESS_VIEW(command, view) \
	"SELECT '" command "' AS command, pg_catalog.to_jsonb(v) AS j " \
	"FROM pg_catalog.pg_stat_progress_" view " v"

#define PROGRESS_FROM(rewrite_view) \
	"(" PROGRESS_VIEW("VACUUM", "vacuum") \
	" UNION ALL " PROGRESS_VIEW("ANALYZE", "analyze") \
	" UNION ALL " PROGRESS_VIEW("CREATE INDEX", "create_index") \
	" UNION ALL " PROGRESS_VIEW("CLUSTER", rewrite_view) \
	" UNION ALL " PROGRESS_VIEW("COPY", "copy") \
	" UNION ALL " PROGRESS_VIEW("BASE BACKUP", "basebackup") ") s " \
	"LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = (s.j ->> 'pid')::integer " \
	"LEFT JOIN pg_catalog.pg_class c ON c.oid = (s.j ->> 'relid')::oid " \
	"AND s.j ->> 'datname' = pg_catalog.current_database() " \
	"LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"

/* Relations of other databases have no names here. */
static const Probe progress_18_probe = {
	.key = "progress",
	.sparse = true,
	.columns = progress_fields,
	.from = PROGRESS_FROM("cluster"),
	.until = 18,
};

/* In 19 pg_stat_progress_cluster repeats the rows of pg_stat_progress_repack. */
static const Probe progress_probe = {
	.key = "progress",
	.sparse = true,
	.columns = progress_fields,
	.from = PROGRESS_FROM("repack"),
	.since = 19,
};

/* ---- databases ---- */

/*
 * No visit goes to templates and to those that allow no connections, and yet
 * the oldest of all stops the whole server.
 */
static const Field database_fields[] = {
	{"name", FIELD_SHARED_NAME, NULL, true, 0, 0, "s.datname"},
	{"datid", FIELD_INT, NULL, true, 0, 0, "s.oid"},
	{"is_template", FIELD_BOOL, NULL, true, 0, 0, "s.datistemplate"},
	{"allows_connections", FIELD_BOOL, NULL, true, 0, 0, "s.datallowconn AND s.datconnlimit <> -2"},
	{"xid_age", FIELD_INT, "transactions", true, 0, 0, "s.xid_age"},
	{"mxid_age", FIELD_INT, "multixacts", true, 0, 0, "s.mxid_age"},
	FIELDS_END
};

#define MAX_DATABASES "100"

static const Probe databases_probe = {
	.key = "databases",
	.columns = database_fields,
	.from = "(SELECT d.*, pg_catalog.age(d.datfrozenxid) AS xid_age, "
	"pg_catalog.mxid_age(d.datminmxid) AS mxid_age FROM pg_catalog.pg_database d) s "
	"ORDER BY greatest(s.xid_age, s.mxid_age) DESC, s.oid LIMIT " MAX_DATABASES,
};

const Field PgServerFields[] = {
	{"started_at", FIELD_TIME, NULL, false, 0, 0, "pg_postmaster_start_time()"},
	{"config_loaded_at", FIELD_TIME, NULL, false, 0, 0, "pg_conf_load_time()"},
	{"wal", FIELD_OBJECT, NULL, false, 0, 0, "pg_stat_wal", wal_fields},
	{"checkpointer", FIELD_OBJECT, NULL, false, 0, 0,
	 "pg_stat_checkpointer; on 15 and 16 pg_stat_bgwriter", checkpointer_fields},
	{"bgwriter", FIELD_OBJECT, NULL, false, 0, 0, "pg_stat_bgwriter", bgwriter_fields},
	{"archiver", FIELD_OBJECT, NULL, false, 0, 0, "pg_stat_archiver", archiver_fields},
	{"archive_ready", FIELD_INT, "files", false, 0, 0,
	 "pg_ls_archive_statusdir(): WAL files that wait to be archived"},
	{"io", FIELD_OBJECTS, NULL, false, 16, 0, "pg_stat_io, rows with any I/O", io_fields},
	{"backend_io", FIELD_OBJECTS, NULL, false, 18, 0,
	 "pg_stat_get_backend_io() and …_wal(), the 50 backends with the most bytes",
	 backend_io_fields},
	{"slru", FIELD_OBJECTS, NULL, false, 0, 0, "pg_stat_slru", slru_fields},
	{"progress", FIELD_OBJECTS, NULL, false, 0, 0,
	 "pg_stat_progress_vacuum, _analyze, _create_index, _cluster, _repack, _copy, _basebackup",
	 progress_fields},
	{"databases", FIELD_OBJECTS, NULL, false, 0, 0,
	 "pg_database, also those that no visit goes to: the " MAX_DATABASES " nearest to wraparound",
	 database_fields},
	FIELDS_END
};

const Probe *const PgServerProbes[] = {
	&server_probe, &wal_probe, &checkpointer_probe, &checkpointer_16_probe, &bgwriter_probe,
	&archiver_probe, &archive_probe, &io_probe, &backend_io_probe, &slru_probe, &progress_18_probe,
	&progress_probe, &databases_probe, NULL
};
