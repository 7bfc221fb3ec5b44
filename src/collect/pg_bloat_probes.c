/*
 * pg_bloat_probes.c
 *		pg_bloat: bloat of tables and indexes, estimated.
 *
 * Bloat is the part of a file that a rewrite would not need: its size less what
 * the live rows take at the fillfactor.  Rows come from the counters, their
 * width from pg_statistic, sizes from the files (collect/files.h): nothing is
 * opened, so nothing waits for a lock, and a standby answers, too.
 *
 * The width of a row is more than the sum of its columns' widths: (int, bigint,
 * int, bigint) takes a third more than (bigint, bigint, int, int).  So the
 * columns are put into groups that begin where a column has to be aligned: to
 * 2, then to 4, then to 8 bytes.  Each group is padded to where the next one
 * may begin: exactly where its size is known, else by what is to be expected.
 *
 * Tables without statistics are left out and counted.  Only btree indexes are
 * estimated.  Partitioned tables have no storage; TOAST tables are told with
 * their owners.  What it costs does not grow with the number of tables: only the
 * largest are looked at.  Pure C.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

/* SQL as it reads best */
/* clang-format off */

#define MOST_LARGEST "2000"		/* are looked at, tables and indexes each */
#define MOST_ROWS "1000"		/* are reported */

#define STAT(function, oid) "pg_catalog.pg_stat_get_" function "(" oid ")"
#define BLOCK_SIZE "pg_catalog.current_setting('block_size')::double precision"
#define BYTES(blocks) "(" blocks " * " BLOCK_SIZE ")::bigint"

/* $2 and $3 are files and their blocks; mapped catalogues have no relfilenode in pg_class. */
#define FILES(f) "ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS " f "(file, blocks)"
#define FILE_OF(c) \
	"(" c ".reltablespace::bigint << 32) | CASE WHEN " c ".relfilenode = 0 " \
	"THEN pg_catalog.pg_relation_filenode(" c ".oid)::bigint ELSE " c ".relfilenode::bigint END"

/* A file without blocks where pg_class knows of pages was replaced a moment ago. */
#define BLOCKS(f, c) "coalesce(nullif(" f ".blocks, 0), " c ".relpages)::double precision"

/* Files of unlogged relations are empty on a standby. */
#define HAS_STORAGE(c) \
	c ".relpersistence <> 't' " \
	"AND (" c ".relpersistence = 'p' OR NOT pg_catalog.pg_is_in_recovery())"

/*
 * Live rows: the counter is right since VACUUM or ANALYZE set it, but for what
 * the same session had done just before and had not reported yet, which is
 * then counted again.  In such a case what was ever inserted less what was
 * deleted is nearer to pg_class.  Without a VACUUM or ANALYZE that the server
 * remembers (after a crash or a reset, and on standbys) the counters began at 0,
 * and what was there before is in pg_class.
 */
#define INSERTED(c) \
	"(" STAT("tuples_inserted", c ".oid") " - " STAT("tuples_deleted", c ".oid") ")"
#define LIVE_ROWS(c) \
	"CASE WHEN coalesce(" STAT("last_autovacuum_time", c ".oid") ", " \
	STAT("last_autoanalyze_time", c ".oid") ", " STAT("last_vacuum_time", c ".oid") ", " \
	STAT("last_analyze_time", c ".oid") ") IS NULL " \
	"THEN greatest(" c ".reltuples + " INSERTED(c) ", 0) " \
	"WHEN pg_catalog.abs(" INSERTED(c) " - " c ".reltuples) < " \
	"pg_catalog.abs(" INSERTED(c) " - " STAT("live_tuples", c ".oid") ") THEN " c ".reltuples " \
	"ELSE " STAT("live_tuples", c ".oid") " END::double precision"

#define OPTION(options, name, otherwise) \
	"CASE WHEN " options " IS NULL THEN '" otherwise "' ELSE coalesce((SELECT option_value " \
	"FROM pg_catalog.pg_options_to_table(" options ") WHERE option_name = '" name "'), '" \
	otherwise "') END"

/* ---- the width of rows, of tables and of indexes ---- */

/*
 * What is joined by LATERAL and OFFSET 0 is looked up for each row, by index.
 *
 * Statistics of the column "k".  A superuser reads them all; the others see
 * what they may.
 */
#define ALL_STATISTICS \
	"(SELECT stanullfrac AS null_frac, stawidth AS avg_width, stadistinct AS n_distinct, " \
	"CASE 1 WHEN stakind1 THEN stanumbers1 WHEN stakind2 THEN stanumbers2 END AS frequencies " \
	"FROM pg_catalog.pg_statistic " \
	"WHERE starelid = k.attrelid AND staattnum = k.attnum AND NOT stainherit OFFSET 0)"
#define READABLE_STATISTICS \
	"(SELECT null_frac, avg_width, n_distinct, most_common_freqs AS frequencies " \
	"FROM pg_catalog.pg_stats WHERE schemaname = (SELECT n.nspname FROM pg_catalog.pg_class c " \
	"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = k.attrelid) " \
	"AND tablename = (SELECT relname FROM pg_catalog.pg_class WHERE oid = k.attrelid) " \
	"AND attname = k.attname AND NOT inherited OFFSET 0)"

/*
 * The column "a" with its statistics "s": the bytes it takes on average, and
 * where it is not null; how it is aligned (short values of variable width are
 * not); of what its size is a multiple, 8 where it is always the same.  A
 * column without statistics was added since and takes no room in the rows that
 * were there, unless nobody wants statistics of it: then its width is not known.
 */
#define COLUMN_WIDTH \
	"coalesce((1 - s.null_frac) * s.avg_width, 0)::double precision AS bytes, " \
	"CASE WHEN s.null_frac < 1 THEN s.avg_width ELSE 0 END::double precision AS present_bytes, " \
	"CASE WHEN s.null_frac IS NULL OR s.null_frac = 1 THEN 1 " \
	"WHEN a.attlen < 0 AND a.attstorage <> 'p' AND s.avg_width < 127 THEN 1 " \
	"ELSE CASE a.attalign WHEN 'd' THEN 8 WHEN 'i' THEN 4 WHEN 's' THEN 2 ELSE 1 END END AS align, " \
	"CASE WHEN a.attlen < 0 THEN 1 WHEN s.null_frac > 0 AND s.null_frac < 1 " \
	"THEN pg_catalog.gcd(a.attlen::integer, 8) ELSE 8 END AS step, " \
	"pg_catalog.ln(greatest(1 - coalesce(s.null_frac, 1), 1e-6))::double precision AS ln_present, " \
	"s.null_frac IS NOT NULL AS has_statistics, " \
	"a.attlen < -1 OR (s.null_frac IS NULL AND k.attstattarget = 0) AS is_strange"

#define PADDING(align) \
	"CASE WHEN pg_catalog.min(step) < " align " THEN " align " / 4.0 " \
	"ELSE pg_catalog.ceil(pg_catalog.sum(present_bytes) / " align ") * " align " " \
	"- pg_catalog.sum(present_bytes) END"
#define GROUPS(align, keys, from) \
	"SELECT " keys ", pg_catalog.sum(bytes) + " PADDING(align) " AS bytes, " \
	"pg_catalog.sum(present_bytes) + " PADDING(align) " AS present_bytes, " \
	"pg_catalog.min(step) AS step FROM " from " GROUP BY " keys

/*
 * From "columns" to "width" of the relations; its bytes are a multiple of 8
 * where they are exact.  "more" is what else is to be made of a relation's columns.
 * The limit is for exp(), to which what is too small is an error: some fifty
 * columns that are always null.
 */
#define WIDTH(more) \
	"grouped AS (SELECT *, " \
	"pg_catalog.count(*) FILTER (WHERE align = 8) OVER w AS group8, " \
	"pg_catalog.count(*) FILTER (WHERE align >= 4) OVER w AS group4, " \
	"pg_catalog.count(*) FILTER (WHERE align >= 2) OVER w AS group2 " \
	"FROM columns WINDOW w AS (PARTITION BY relid ORDER BY num)), " \
	"by2 AS (" GROUPS("2", "relid, group8, group4, group2", "grouped") "), " \
	"by4 AS (" GROUPS("4", "relid, group8, group4", "by2") "), " \
	"by8 AS (" GROUPS("8", "relid, group8", "by4") "), " \
	"bytes AS (SELECT relid, pg_catalog.sum(bytes) AS bytes, " \
	"pg_catalog.sum(present_bytes) AS present_bytes FROM by8 GROUP BY relid), " \
	"presence AS (SELECT relid, pg_catalog.count(*) AS columns, " \
	"1 - pg_catalog.exp(greatest(pg_catalog.sum(ln_present), -100)) AS any_null, " \
	"pg_catalog.bool_or(has_statistics) AND NOT pg_catalog.bool_or(is_strange) AS is_known" more " " \
	"FROM columns GROUP BY relid), " \
	"width AS (SELECT * FROM bytes JOIN presence USING (relid))"

/* ---- tables ---- */

#define IS_TABLE "c.relkind IN ('r', 'm') AND " HAS_STORAGE("c")

#define LARGEST_TABLES \
	"SELECT c.oid AS relid, c.relnamespace, c.relname, c.relnatts, c.reltoastrelid, " \
	OPTION("c.reloptions", "fillfactor", "100") "::integer AS fillfactor, " \
	BLOCKS("f", "c") " AS blocks, " LIVE_ROWS("c") " AS live " \
	"FROM pg_catalog.pg_class c LEFT JOIN " FILES("f") " ON f.file = " FILE_OF("c") " " \
	"WHERE " IS_TABLE " AND c.reltuples >= 0 AND " BLOCKS("f", "c") " > 0 " \
	"ORDER BY " BLOCKS("f", "c") " DESC LIMIT " MOST_LARGEST

#define TABLE_COLUMNS(statistics) \
	"SELECT a.attrelid AS relid, a.attnum AS num, " COLUMN_WIDTH " " \
	"FROM tables t, " \
	"LATERAL (SELECT * FROM pg_catalog.pg_attribute WHERE attrelid = t.relid AND attnum > 0 " \
	"AND NOT attisdropped AND attgenerated <> 'v' OFFSET 0) a, " \
	"LATERAL (SELECT a.attrelid, a.attnum, a.attname, a.attstattarget) k " \
	"LEFT JOIN LATERAL " statistics " s ON true"

/* Header (with a null bitmap where something is null, or dropped), data, line pointer. */
#define TABLE_ROW_BYTES \
	"24 + (pg_catalog.ceil((23 + pg_catalog.ceil(b.relnatts / 8.0)) / 8) * 8 - 24) * " \
	"CASE WHEN b.relnatts > w.columns THEN 1 ELSE w.any_null END + w.bytes + 4"

/* Where no row is left, their width does not matter. */
#define TABLE_BLOCKS \
	"CASE WHEN b.live > 0 THEN pg_catalog.ceil(b.live * (" TABLE_ROW_BYTES ") / " \
	"(" BLOCK_SIZE " * b.fillfactor / 100 - 24)) ELSE 0 END"

/*
 * Chunks of TOAST tables take a quarter of a block at most; how much less the
 * last one of each value takes nobody knows.  So this is the least bloat that there can be.
 */
#define TOAST_TABLES \
	"SELECT b.relid, t.oid AS toast, " BLOCKS("f", "t") " AS blocks, CASE WHEN t.reltuples >= 0 " \
	"THEN greatest(" BLOCKS("f", "t") " - pg_catalog.ceil(" LIVE_ROWS("t") " / 4), 0) END AS bloat_blocks " \
	"FROM tables b CROSS JOIN LATERAL " \
	"(SELECT * FROM pg_catalog.pg_class WHERE oid = b.reltoastrelid OFFSET 0) t " \
	"LEFT JOIN " FILES("f") " ON f.file = " FILE_OF("t")

#define TABLES(statistics) \
	"(WITH tables AS MATERIALIZED (" LARGEST_TABLES "), " \
	"columns AS MATERIALIZED (" TABLE_COLUMNS(statistics) "), " WIDTH("") ", " \
	"toast AS (" TOAST_TABLES ") " \
	"SELECT b.relid, b.relnamespace, b.relname, b.fillfactor, b.blocks, " \
	"greatest(b.blocks - " TABLE_BLOCKS ", 0) AS bloat_blocks, " \
	"t.toast, t.blocks AS toast_blocks, t.bloat_blocks AS toast_bloat_blocks " \
	"FROM tables b JOIN width w ON w.relid = b.relid LEFT JOIN toast t ON t.relid = b.relid " \
	"WHERE w.is_known OR b.live = 0) b " \
	"JOIN pg_catalog.pg_namespace n ON n.oid = b.relnamespace " \
	"ORDER BY b.bloat_blocks + coalesce(b.toast_bloat_blocks, 0) DESC, b.relid LIMIT " MOST_ROWS

static const Field table_fields[] = {
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "n.nspname"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "b.relname"},
	{"relid", FIELD_INT, NULL, true, 0, 0, "b.relid"},
	{"size_bytes", FIELD_INT, "bytes", true, 0, 0, BYTES("b.blocks")},
	{"bloat_bytes", FIELD_INT, "bytes", true, 0, 0, BYTES("b.bloat_blocks")},
	{"bloat_ratio", FIELD_FLOAT, "0 to 1", true, 0, 0, "b.bloat_blocks / b.blocks"},
	{"dead_rows", FIELD_INT, NULL, false, 0, 0, STAT("dead_tuples", "b.relid"), NULL,
	 "track_counts"},
	{"toast_size_bytes", FIELD_INT, "bytes", false, 0, 0, BYTES("b.toast_blocks")},
	{"toast_bloat_bytes", FIELD_INT, "bytes, at least", false, 0, 0,
	 BYTES("b.toast_bloat_blocks")},
	{"toast_dead_rows", FIELD_INT, NULL, false, 0, 0, STAT("dead_tuples", "b.toast"), NULL,
	 "track_counts"},
	{"fillfactor", FIELD_INT, "%", true, 0, 0, "b.fillfactor"},
	{"estimated", FIELD_BOOL, NULL, true, 0, 0, "true"},
	FIELDS_END
};

static const Probe tables_probe = {
	.key = "tables",
	.columns = table_fields,
	.many_steps = true,
	.from = TABLES(ALL_STATISTICS),
	.reader = BY_SUPERUSER,
};

static const Probe readable_tables_probe = {
	.key = "tables",
	.columns = table_fields,
	.many_steps = true,
	.from = TABLES(READABLE_STATISTICS),
	.reader = BY_OTHERS,
};

/* ---- tables that are left out ---- */

#define NOT_ANALYZED(statistics) \
	"pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace " \
	"LEFT JOIN " FILES("f") " ON f.file = " FILE_OF("c") " " \
	"WHERE " IS_TABLE " AND n.nspname NOT IN ('pg_catalog', 'information_schema') " \
	"AND " BLOCKS("f", "c") " > 0 AND (c.reltuples < 0 OR (" LIVE_ROWS("c") " > 0 " \
	"AND (NOT EXISTS (SELECT FROM pg_catalog.pg_attribute k, LATERAL " statistics " s " \
	"WHERE k.attrelid = c.oid AND k.attnum > 0 AND NOT k.attisdropped) " \
	"OR EXISTS (SELECT FROM pg_catalog.pg_attribute k LEFT JOIN LATERAL " statistics " s ON true " \
	"WHERE k.attrelid = c.oid AND k.attnum > 0 AND NOT k.attisdropped AND k.attgenerated <> 'v' " \
	"AND k.attstattarget = 0 AND s.null_frac IS NULL))))"

static const Field count_fields[] = {
	{"limit", FIELD_INT, NULL, true, 0, 0, MOST_ROWS},
	{"not_analyzed", FIELD_INT, NULL, true, 0, 0, "pg_catalog.count(*)"},
	FIELDS_END
};

static const Probe count_probe = {
	.single = true,
	.columns = count_fields,
	.from = NOT_ANALYZED(ALL_STATISTICS),
	.reader = BY_SUPERUSER,
};

static const Probe readable_count_probe = {
	.single = true,
	.columns = count_fields,
	.from = NOT_ANALYZED(READABLE_STATISTICS),
	.reader = BY_OTHERS,
};

/* ---- indexes ---- */

#define LARGEST_INDEXES \
	"SELECT x.indexrelid AS relid, x.indrelid, x.indnatts, x.indnkeyatts, x.indkey, x.indclass, " \
	"x.indcollation, c.relnamespace, c.relname, t.relname AS table_name, " \
	OPTION("c.reloptions", "fillfactor", "90") "::integer AS fillfactor, " \
	OPTION("c.reloptions", "deduplicate_items", "on") "::boolean AS may_deduplicate, " \
	BLOCKS("f", "c") " AS blocks, t.reltuples, " LIVE_ROWS("t") " * " \
	"CASE WHEN x.indpred IS NULL OR t.reltuples = 0 THEN 1 " \
	"ELSE least(c.reltuples / t.reltuples, 1) END AS live " \
	"FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid " \
	"JOIN pg_catalog.pg_class t ON t.oid = x.indrelid " \
	"LEFT JOIN " FILES("f") " ON f.file = " FILE_OF("c") " " \
	"WHERE c.relkind = 'i' AND c.relam = 403 AND x.indisvalid AND t.relkind IN ('r', 'm') " \
	"AND " HAS_STORAGE("c") " AND t.reltuples >= 0 AND " BLOCKS("f", "c") " > 0 " \
	"ORDER BY " BLOCKS("f", "c") " DESC LIMIT " MOST_LARGEST

/*
 * Since PostgreSQL 13 duplicates share an entry, where equal values are always
 * identical: this is what the fourth support function of an operator class says.
 */
#define DEDUPLICATES \
	"i.indnatts = i.indnkeyatts AND EXISTS (SELECT FROM pg_catalog.pg_opclass o " \
	"JOIN pg_catalog.pg_amproc p ON p.amprocfamily = o.opcfamily " \
	"AND p.amproclefttype = o.opcintype AND p.amprocrighttype = o.opcintype AND p.amprocnum = 4 " \
	"WHERE o.oid = i.indclass[a.attnum - 1] AND " \
	"(p.amproc <> 'pg_catalog.btvarstrequalimage'::pg_catalog.regproc OR EXISTS " \
	"(SELECT FROM pg_catalog.pg_collation l " \
	"WHERE l.oid = i.indcollation[a.attnum - 1] AND l.collisdeterministic)))"

/* Statistics of an expression are the index's own, the others the table's. */
#define INDEX_COLUMNS(statistics) \
	"SELECT a.attrelid AS relid, a.attnum AS num, " COLUMN_WIDTH ", " DEDUPLICATES " AS deduplicates, " \
	"CASE WHEN a.attnum > i.indnkeyatts THEN 1 WHEN s.n_distinct > 0 THEN s.n_distinct " \
	"WHEN s.n_distinct < 0 THEN -s.n_distinct * i.reltuples ELSE i.reltuples END::double precision " \
	"AS distinct_values, coalesce(s.null_frac, 0)::double precision AS null_frac, " \
	"CASE WHEN i.indnatts = 1 THEN s.frequencies END AS frequencies " \
	"FROM indexes i, " \
	"LATERAL (SELECT * FROM pg_catalog.pg_attribute WHERE attrelid = i.relid AND attnum > 0 " \
	"OFFSET 0) a, " \
	"LATERAL (SELECT * FROM pg_catalog.pg_attribute " \
	"WHERE attrelid = CASE WHEN i.indkey[a.attnum - 1] = 0 THEN i.relid ELSE i.indrelid END " \
	"AND attnum = CASE WHEN i.indkey[a.attnum - 1] = 0 THEN a.attnum " \
	"ELSE i.indkey[a.attnum - 1] END OFFSET 0) k " \
	"LEFT JOIN LATERAL " statistics " s ON true"

/*
 * Nulls and the most common values of a single column are known to be many of
 * the same; the other rows are taken to share the other values evenly.
 */
#define KEYS \
	", pg_catalog.bool_and(deduplicates) AS deduplicates, " \
	"pg_catalog.exp(least(pg_catalog.sum(pg_catalog.ln(greatest(distinct_values, 1))), 50)) " \
	"AS distinct_values, " \
	"CASE WHEN pg_catalog.count(*) = 1 THEN least(1, pg_catalog.min(null_frac) + " \
	"coalesce((SELECT pg_catalog.sum(f) FROM pg_catalog.unnest(pg_catalog.min(frequencies)) f), 0)) " \
	"ELSE 0 END AS common_part, " \
	"coalesce(pg_catalog.cardinality(pg_catalog.min(frequencies)), 0) AS common_values"

/*
 * How many other values are there?  ANALYZE extrapolates from the distinct
 * values of all rows that it has seen, which is far too low where a few values
 * are very common and the rest is unique.  So its estimator (Haas and Stokes) is
 * solved for what was seen, and applied again to the other rows alone.
 */
#define SEEN_ROWS \
	"least(i.reltuples, 300.0 * pg_catalog.current_setting('default_statistics_target')::integer)"
#define SEEN_VALUES \
	"distinct_values * (seen_rows + common_values * unseen_part) / " \
	"(seen_rows + distinct_values * unseen_part) - common_values"
#define OTHER_VALUES \
	"(1 - common_part) * seen_rows * seen_values / " \
	"greatest((1 - common_part) * seen_rows - seen_values * unseen_part, 1)"

/*
 * An entry has a header of 8 bytes, 16 with nulls, and a line pointer.  Each row
 * of a shared one takes six bytes more; there can be some 130 of them.  Where the
 * nulls of a single column share theirs, those of the values are wider than all
 * are on average.
 */
#define ENTRY_BYTES "12 + 8 * w.any_null + w.bytes"
#define VALUE_BYTES "CASE WHEN i.indnatts = 1 THEN 12 + w.present_bytes ELSE " ENTRY_BYTES " END"
#define MOST_SHARING "130.0"

#define ENTRIES \
	"SELECT i.*, w.distinct_values, w.common_part, w.common_values, " \
	ENTRY_BYTES " AS entry_bytes, " VALUE_BYTES " AS value_bytes, w.deduplicates AND i.may_deduplicate AS deduplicates, " \
	BLOCK_SIZE " * i.fillfactor / 100 - 40 AS room, " \
	"w.common_part * i.live AS common_rows, (1 - w.common_part) * i.live AS other_rows, " \
	SEEN_ROWS " AS seen_rows, 1 - " SEEN_ROWS " / greatest(i.reltuples, 1) AS unseen_part " \
	"FROM indexes i JOIN width w ON w.relid = i.relid WHERE w.is_known OR i.live = 0"

#define LEAF_BYTES \
	"CASE WHEN NOT deduplicates THEN live * entry_bytes " \
	"ELSE common_rows * (6 + entry_bytes / " MOST_SHARING ") + common_values * value_bytes + " \
	"CASE WHEN other_rows <= other_values THEN other_rows * value_bytes " \
	"WHEN other_rows < 2 * other_values " \
	"THEN other_values * value_bytes + (other_rows - other_values) * 16 " \
	"ELSE other_rows * 6 + other_values * (value_bytes + 3) * " \
	"greatest(1, other_rows / other_values / " MOST_SHARING ") END END"

/* A leaf ends with the first key of the next one; pages above the leaves are filled to 70 %. */
#define INDEX_BLOCKS \
	"CASE WHEN live > 0 THEN 1 + pg_catalog.ceil(leaf_bytes / greatest(room - entry_bytes, 1) * " \
	"(1 + 1 / greatest(" BLOCK_SIZE " * 0.7 / entry_bytes - 1, 1))) ELSE 1 END"

#define INDEXES(statistics) \
	"(WITH indexes AS MATERIALIZED (" LARGEST_INDEXES "), " \
	"columns AS MATERIALIZED (" INDEX_COLUMNS(statistics) "), " WIDTH(KEYS) ", " \
	"entries AS (" ENTRIES "), " \
	"seen AS (SELECT *, CASE WHEN reltuples > 0 THEN " SEEN_VALUES " END AS seen_values FROM entries), " \
	"estimated AS (SELECT *, greatest(coalesce(" OTHER_VALUES ", 1), 1) AS other_values FROM seen), " \
	"leaves AS (SELECT *, " LEAF_BYTES " AS leaf_bytes FROM estimated) " \
	"SELECT relid, relnamespace, relname, table_name, fillfactor, blocks, " \
	"greatest(blocks - (" INDEX_BLOCKS "), 0) AS bloat_blocks FROM leaves) b " \
	"JOIN pg_catalog.pg_namespace n ON n.oid = b.relnamespace " \
	"ORDER BY b.bloat_blocks DESC, b.relid LIMIT " MOST_ROWS

static const Field index_fields[] = {
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "n.nspname"},
	{"table", FIELD_TEXT, NULL, true, 0, 0, "b.table_name"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "b.relname"},
	{"indexrelid", FIELD_INT, NULL, true, 0, 0, "b.relid"},
	{"size_bytes", FIELD_INT, "bytes", true, 0, 0, BYTES("b.blocks")},
	{"bloat_bytes", FIELD_INT, "bytes", true, 0, 0, BYTES("b.bloat_blocks")},
	{"bloat_ratio", FIELD_FLOAT, "0 to 1", true, 0, 0, "b.bloat_blocks / b.blocks"},
	{"dead_rows", FIELD_INT, NULL, false, 0, 0, "NULL::bigint"},
	{"fillfactor", FIELD_INT, "%", true, 0, 0, "b.fillfactor"},
	{"estimated", FIELD_BOOL, NULL, true, 0, 0, "true"},
	FIELDS_END
};

static const Probe indexes_probe = {
	.key = "indexes",
	.columns = index_fields,
	.many_steps = true,
	.from = INDEXES(ALL_STATISTICS),
	.reader = BY_SUPERUSER,
};

static const Probe readable_indexes_probe = {
	.key = "indexes",
	.columns = index_fields,
	.many_steps = true,
	.from = INDEXES(READABLE_STATISTICS),
	.reader = BY_OTHERS,
};

const Field PgBloatFields[] = {
	{"limit", FIELD_INT, NULL, false, 0, 0, "most rows of an array: those with the most bloat"},
	{"not_analyzed", FIELD_INT, NULL, false, 0, 0,
	 "tables of users that are left out, since they have no statistics"},
	{"tables", FIELD_OBJECTS, NULL, false, 0, 0, "pg_class, pg_statistic, files", table_fields},
	{"indexes", FIELD_OBJECTS, NULL, false, 0, 0, "pg_index, pg_statistic, files; btree only",
	 index_fields},
	FIELDS_END
};

const Probe *const PgBloatProbes[] = {
	&count_probe, &readable_count_probe, &tables_probe, &readable_tables_probe, &indexes_probe,
	&readable_indexes_probe, NULL
};
