/*
 * pg_cache_probes.c
 *		pg_cache: hit ratios of database, tables and indexes.
 *
 * Tables and indexes: those with the most blocks asked for, catalogues too;
 * the counters of all of them are in pg_stats.  Pure C.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

/* SQL as it reads best */
/* clang-format off */

#define MAX_RELATIONS "100"

#define READ(oid) \
	"pg_catalog.pg_stat_get_blocks_fetched(" oid ") - pg_catalog.pg_stat_get_blocks_hit(" oid ")"
#define HIT(oid) "pg_catalog.pg_stat_get_blocks_hit(" oid ")"

#define COUNTERS \
	{"hit", FIELD_INT, "blocks", false, 0, 0, "s.hit", NULL, "track_counts"}, \
	{"read", FIELD_INT, "blocks", false, 0, 0, "s.read", NULL, "track_counts"}, \
	{"hit_ratio", FIELD_FLOAT, NULL, false, 0, 0, \
	 "s.hit::double precision / nullif(s.hit + s.read, 0)", NULL, "track_counts"}

static const Field database_fields[] = {
	{"name", FIELD_SHARED_NAME, NULL, true, 0, 0, "s.name"},
	COUNTERS,
	FIELDS_END
};

static const Probe databases_probe = {
	.key = "databases",
	.columns = database_fields,
	.from = "(SELECT d.datname AS name, d.blks_hit AS hit, d.blks_read AS read "
	"FROM pg_catalog.pg_stat_database d WHERE d.datname = pg_catalog.current_database()) s",
};

static const Field table_fields[] = {
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "n.nspname"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "s.name"},
	COUNTERS,
	FIELDS_END
};

static const Probe tables_probe = {
	.key = "tables",
	.columns = table_fields,
	.from = "(SELECT c.relnamespace, c.relname AS name, " HIT("c.oid") " AS hit, "
	READ("c.oid") " AS read FROM pg_catalog.pg_class c "
	"WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' "
	"ORDER BY pg_catalog.pg_stat_get_blocks_fetched(c.oid) DESC, c.oid LIMIT " MAX_RELATIONS ") s "
	"JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace",
};

static const Field index_fields[] = {
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "n.nspname"},
	{"table", FIELD_TEXT, NULL, true, 0, 0, "t.relname"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "s.name"},
	COUNTERS,
	FIELDS_END
};

/* The indexes of TOAST tables are none that anybody could drop or change. */
static const Probe indexes_probe = {
	.key = "indexes",
	.columns = index_fields,
	.from = "(SELECT x.indrelid, c.relnamespace, c.relname AS name, " HIT("c.oid") " AS hit, "
	READ("c.oid") " AS read FROM pg_catalog.pg_class c "
	"JOIN pg_catalog.pg_index x ON x.indexrelid = c.oid "
	"WHERE c.relkind = 'i' AND c.relpersistence <> 't' "
	"AND c.relnamespace <> 'pg_toast'::pg_catalog.regnamespace "
	"ORDER BY pg_catalog.pg_stat_get_blocks_fetched(c.oid) DESC, c.oid LIMIT " MAX_RELATIONS ") s "
	"JOIN pg_catalog.pg_class t ON t.oid = s.indrelid "
	"JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace",
};

static const Field buffer_fields[] = {
	COLUMN("buffers_used", FIELD_INT, "blocks"),
	COLUMN("buffers_unused", FIELD_INT, "blocks"),
	COLUMN("buffers_dirty", FIELD_INT, "blocks"),
	COLUMN("buffers_pinned", FIELD_INT, "blocks"),
	COLUMN("usagecount_avg", FIELD_FLOAT, NULL),
	FIELDS_END
};

/*
 * The view, all there is on 15, makes a row of every buffer: of more than fit
 * into work_mem that is not to be done every minute.
 */
static const Probe buffers_15_probe = {
	.key = "buffers",
	.single = true,
	.columns = buffer_fields,
	.from = "(SELECT pg_catalog.count(b.relfilenode) AS buffers_used, "
	"pg_catalog.count(*) FILTER (WHERE b.relfilenode IS NULL) AS buffers_unused, "
	"pg_catalog.count(*) FILTER (WHERE b.isdirty) AS buffers_dirty, "
	"pg_catalog.count(*) FILTER (WHERE b.pinning_backends > 0) AS buffers_pinned, "
	"pg_catalog.avg(b.usagecount)::double precision AS usagecount_avg "
	"FROM @extschema@.pg_buffercache b) s "
	"WHERE pg_catalog.pg_size_bytes(pg_catalog.current_setting('shared_buffers')) <= 268435456",
	.until = 15,
	.extension = "pg_buffercache",
};

static const Probe buffers_probe = {
	.key = "buffers",
	.single = true,
	.columns = buffer_fields,
	.from = "@extschema@.pg_buffercache_summary() s",
	.since = 16,
	.extension = "pg_buffercache",
	.extension_since = "1.4",
};

const Field PgCacheFields[] = {
	{"databases", FIELD_OBJECTS, NULL, false, 0, 0, "pg_stat_database", database_fields},
	{"tables", FIELD_OBJECTS, NULL, false, 0, 0,
	 "pg_statio_all_tables, heap blocks, the " MAX_RELATIONS " with the most", table_fields},
	{"indexes", FIELD_OBJECTS, NULL, false, 0, 0,
	 "pg_statio_all_indexes, the " MAX_RELATIONS " with the most", index_fields},
	{"buffers", FIELD_OBJECT, NULL, false, 0, 0,
	 "pg_buffercache_summary() of pg_buffercache 1.4, where installed; on 15 pg_buffercache, up to "
	 "256 MB of shared_buffers", buffer_fields},
	FIELDS_END
};

const Probe *const PgCacheProbes[] = {
	&databases_probe, &tables_probe, &indexes_probe, &buffers_15_probe, &buffers_probe, NULL
};
