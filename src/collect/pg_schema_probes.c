/*
 * pg_schema_probes.c
 *		pg_schema: tables, columns, constraints, indexes, triggers, functions and
 *		sequences of users.
 *
 * Catalogue columns only: pg_get_indexdef(), pg_get_constraintdef(),
 * pg_get_viewdef() and the like open the table and wait for its lock.  What they
 * would print is represented by a hash of its internal form, which tells that a
 * definition changed; the texts are read by definitions.c.
 *
 * Tables are limited by pganalytics.max_relations and come in slices ($1), and
 * what belongs to them with them.  The last values of sequences are in $2 and $3,
 * see PgSchemaSequencesSql.  Pure C.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/pg_schema_sql.h"
#include "collect/probe.h"

/* SQL as it reads best */
/* clang-format off */

#define MOST_FUNCTIONS "10000"

#define IS_TABLE(c) c ".relkind IN ('r', 'p', 'v', 'm', 'f') AND " c ".relpersistence <> 't'"
#define IS_CHOSEN(oid) oid " = ANY ($1)"

/* The table "c" and its schema "n" of a row that has its oid. */
#define JOIN_TABLE(oid) \
	"JOIN pg_catalog.pg_class c ON c.oid = " oid " " \
	"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
#define WHERE_CHOSEN "WHERE " OF_USERS("n") " AND " IS_TABLE("c") " AND " IS_CHOSEN("c.oid")

#define HASH(text) \
	"pg_catalog.to_hex(pg_catalog.hashtextextended((" text ") COLLATE pg_catalog.\"C\", 0))"
#define IN_WORDS(column, words) "CASE " column " " words " END"
#define NAME(schema, name) \
	"pg_catalog.quote_ident(" schema ") || '.' || pg_catalog.quote_ident(" name ")"

/* Names of the columns of "table" that an array of their numbers lists. */
#define COLUMN_NAMES(numbers, table) \
	"(SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY u.place) " \
	"FROM pg_catalog.unnest(" numbers ") WITH ORDINALITY u(num, place) " \
	"JOIN pg_catalog.pg_attribute a ON a.attrelid = " table " AND a.attnum = u.num)"

/* ---- tables ---- */

static const Field table_fields[] = {
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "n.nspname"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "c.relname"},
	{"relid", FIELD_INT, NULL, true, 0, 0, "c.oid"},
	{"kind", FIELD_TEXT, NULL, true, 0, 0, "c.relkind::text"},
	{"persistence", FIELD_TEXT, NULL, true, 0, 0, "c.relpersistence::text"},
	{"owner", FIELD_SHARED_NAME, NULL, false, 0, 0, "pg_catalog.pg_get_userbyid(c.relowner)"},
	{"access_method", FIELD_TEXT, NULL, false, 0, 0, "m.amname"},
	{"tablespace", FIELD_SHARED_NAME, NULL, false, 0, 0, "s.spcname"},
	{"options", FIELD_TEXT, NULL, false, 0, 0, "pg_catalog.array_to_string(c.reloptions, ', ')"},
	{"partition_of", FIELD_TEXT, NULL, false, 0, 0,
	 "CASE WHEN c.relispartition THEN " NAME("pn.nspname", "pc.relname") " END"},
	{"partition_strategy", FIELD_TEXT, NULL, false, 0, 0,
	 IN_WORDS("p.partstrat", "WHEN 'h' THEN 'hash' WHEN 'l' THEN 'list' WHEN 'r' THEN 'range'")},
	{"row_security", FIELD_BOOL, NULL, true, 0, 0, "c.relrowsecurity"},
	{"replica_identity", FIELD_TEXT, NULL, true, 0, 0, "c.relreplident::text"},
	{"definition_hash", FIELD_TEXT, NULL, false, 0, 0,
	 "CASE WHEN c.relkind IN ('v', 'm') THEN (SELECT " HASH("r.ev_action::text") " "
	 "FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename = '_RETURN') END"},
	FIELDS_END
};

static const Probe tables_probe = {
	.key = "tables",
	.columns = table_fields,
	.from = "pg_catalog.pg_class c "
	"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
	"LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam "
	"LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace "
	"LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = c.oid "
	"LEFT JOIN pg_catalog.pg_inherits i ON c.relispartition AND i.inhrelid = c.oid "
	"LEFT JOIN pg_catalog.pg_class pc ON pc.oid = i.inhparent "
	"LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = pc.relnamespace "
	WHERE_CHOSEN,
};

/* ---- columns ---- */

static const Field column_fields[] = {
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "n.nspname"},
	{"table", FIELD_TEXT, NULL, true, 0, 0, "c.relname"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "a.attname"},
	{"position", FIELD_INT, NULL, true, 0, 0, "a.attnum::integer"},
	{"type", FIELD_TEXT, NULL, true, 0, 0, "pg_catalog.format_type(a.atttypid, a.atttypmod)"},
	{"not_null", FIELD_BOOL, NULL, true, 0, 0, "a.attnotnull"},
	{"default_hash", FIELD_TEXT, NULL, false, 0, 0,
	 "CASE WHEN d.adbin IS NOT NULL THEN " HASH("d.adbin::text") " END"},
	{"identity", FIELD_TEXT, NULL, false, 0, 0,
	 IN_WORDS("a.attidentity", "WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default'")},
	{"generated", FIELD_TEXT, NULL, false, 0, 0,
	 IN_WORDS("a.attgenerated", "WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual'")},
	{"collation", FIELD_TEXT, NULL, false, 0, 0,
	 "CASE WHEN a.attcollation <> t.typcollation THEN l.collname END"},
	FIELDS_END
};

static const Probe columns_probe = {
	.key = "columns",
	.columns = column_fields,
	.from = "pg_catalog.pg_attribute a " JOIN_TABLE("a.attrelid")
	"JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
	"LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation "
	"LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
	WHERE_CHOSEN " AND a.attnum > 0 AND NOT a.attisdropped",
};

/* ---- constraints ---- */

#define ACTION(column) \
	IN_WORDS(column, "WHEN 'a' THEN 'no action' WHEN 'r' THEN 'restrict' " \
			 "WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set null' WHEN 'd' THEN 'set default'")

static const Field constraint_fields[] = {
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "n.nspname"},
	{"table", FIELD_TEXT, NULL, true, 0, 0, "c.relname"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "k.conname"},
	{"conid", FIELD_INT, NULL, true, 0, 0, "k.oid"},
	{"type", FIELD_TEXT, NULL, true, 0, 0,
	 "coalesce(" IN_WORDS("k.contype", "WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign key' "
						  "WHEN 'n' THEN 'not null' WHEN 'p' THEN 'primary key' WHEN 't' THEN 'trigger' "
						  "WHEN 'u' THEN 'unique' WHEN 'x' THEN 'exclusion'") ", k.contype::text)"},
	{"columns", FIELD_TEXT, NULL, false, 0, 0, COLUMN_NAMES("k.conkey", "k.conrelid")},
	{"referenced_table", FIELD_TEXT, NULL, false, 0, 0, NAME("rn.nspname", "r.relname")},
	{"referenced_columns", FIELD_TEXT, NULL, false, 0, 0,
	 "CASE WHEN k.contype = 'f' THEN " COLUMN_NAMES("k.confkey", "k.confrelid") " END"},
	{"on_update", FIELD_TEXT, NULL, false, 0, 0, ACTION("k.confupdtype")},
	{"on_delete", FIELD_TEXT, NULL, false, 0, 0, ACTION("k.confdeltype")},
	{"is_deferrable", FIELD_BOOL, NULL, true, 0, 0, "k.condeferrable"},
	{"is_deferred", FIELD_BOOL, NULL, true, 0, 0, "k.condeferred"},
	{"is_validated", FIELD_BOOL, NULL, true, 0, 0, "k.convalidated"},
	{"definition_hash", FIELD_TEXT, NULL, false, 0, 0,
	 "CASE WHEN k.conbin IS NOT NULL THEN " HASH("k.conbin::text") " END"},
	FIELDS_END
};

/* Of constraints and indexes the hash does without the names of columns: those are in "columns". */
static const Probe constraints_probe = {
	.key = "constraints",
	.columns = constraint_fields,
	.hashed = "ROW(q.schema, q.\"table\", q.name, q.conid, q.is_deferrable, q.is_deferred, "
	"q.is_validated, q.referenced_table, q.definition_hash)",
	.from = "pg_catalog.pg_constraint k " JOIN_TABLE("k.conrelid")
	"LEFT JOIN pg_catalog.pg_class r ON r.oid = NULLIF(k.confrelid, 0) "
	"LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace "
	WHERE_CHOSEN,
};

/* ---- indexes ---- */

/* An expression is called as the server calls its column, in parentheses. */
#define INDEX_COLUMNS(which) \
	"(SELECT pg_catalog.string_agg(CASE WHEN x.indkey[a.attnum - 1] = 0 THEN '(' || a.attname || ')' " \
	"ELSE pg_catalog.quote_ident(a.attname) END || CASE WHEN a.attnum <= x.indnkeyatts " \
	"AND x.indoption[a.attnum - 1] & 1 = 1 THEN ' DESC' ELSE '' END, ', ' ORDER BY a.attnum) " \
	"FROM pg_catalog.pg_attribute a WHERE a.attrelid = x.indexrelid AND a.attnum > 0 AND a.attnum " which \
	" x.indnkeyatts)"

static const Field index_fields[] = {
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "n.nspname"},
	{"table", FIELD_TEXT, NULL, true, 0, 0, "c.relname"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "i.relname"},
	{"indexrelid", FIELD_INT, NULL, true, 0, 0, "i.oid"},
	{"method", FIELD_TEXT, NULL, false, 0, 0, "m.amname"},
	{"columns", FIELD_TEXT, NULL, false, 0, 0, INDEX_COLUMNS("<=")},
	{"included_columns", FIELD_TEXT, NULL, false, 0, 0, INDEX_COLUMNS(">")},
	{"is_unique", FIELD_BOOL, NULL, true, 0, 0, "x.indisunique"},
	{"is_primary", FIELD_BOOL, NULL, true, 0, 0, "x.indisprimary"},
	{"is_exclusion", FIELD_BOOL, NULL, true, 0, 0, "x.indisexclusion"},
	{"is_valid", FIELD_BOOL, NULL, true, 0, 0, "x.indisvalid"},
	{"is_partial", FIELD_BOOL, NULL, true, 0, 0, "x.indpred IS NOT NULL"},
	{"nulls_not_distinct", FIELD_BOOL, NULL, true, 0, 0, "x.indnullsnotdistinct"},
	{"options", FIELD_TEXT, NULL, false, 0, 0, "pg_catalog.array_to_string(i.reloptions, ', ')"},
	{"tablespace", FIELD_SHARED_NAME, NULL, false, 0, 0, "s.spcname"},
	{"definition_hash", FIELD_TEXT, NULL, false, 0, 0,
	 HASH("pg_catalog.concat_ws('|', x.indkey, x.indclass, x.indcollation, x.indoption, "
		  "x.indexprs::text, x.indpred::text)")},
	FIELDS_END
};

static const Probe indexes_probe = {
	.key = "indexes",
	.columns = index_fields,
	.hashed = "ROW(q.schema, q.\"table\", q.name, q.indexrelid, q.is_unique, q.is_primary, q.is_valid, "
	"q.options, q.tablespace, q.definition_hash)",
	.from = "pg_catalog.pg_index x " JOIN_TABLE("x.indrelid")
	"JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid "
	"LEFT JOIN pg_catalog.pg_am m ON m.oid = i.relam "
	"LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = i.reltablespace "
	WHERE_CHOSEN,
};

/* ---- triggers ---- */

#define HAS_BIT(bit) "g.tgtype::integer & " bit " <> 0"

static const Field trigger_fields[] = {
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "n.nspname"},
	{"table", FIELD_TEXT, NULL, true, 0, 0, "c.relname"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "g.tgname"},
	{"function", FIELD_TEXT, NULL, false, 0, 0, NAME("pn.nspname", "p.proname")},
	{"timing", FIELD_TEXT, NULL, true, 0, 0,
	 "CASE WHEN " HAS_BIT("64") " THEN 'instead of' WHEN " HAS_BIT("2") " THEN 'before' "
	 "ELSE 'after' END"},
	{"events", FIELD_TEXT, NULL, true, 0, 0,
	 "pg_catalog.concat_ws(', ', CASE WHEN " HAS_BIT("4") " THEN 'insert' END, "
	 "CASE WHEN " HAS_BIT("16") " THEN 'update' END, CASE WHEN " HAS_BIT("8") " THEN 'delete' END, "
	 "CASE WHEN " HAS_BIT("32") " THEN 'truncate' END)"},
	{"for_each", FIELD_TEXT, NULL, true, 0, 0,
	 "CASE WHEN " HAS_BIT("1") " THEN 'row' ELSE 'statement' END"},
	{"enabled", FIELD_TEXT, NULL, true, 0, 0,
	 "coalesce(" IN_WORDS("g.tgenabled", "WHEN 'O' THEN 'origin' WHEN 'D' THEN 'disabled' "
						  "WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always'") ", g.tgenabled::text)"},
	{"definition_hash", FIELD_TEXT, NULL, false, 0, 0,
	 HASH("pg_catalog.concat_ws('|', g.tgattr, g.tgargs, g.tgqual::text, g.tgoldtable, g.tgnewtable)")},
	FIELDS_END
};

static const Probe triggers_probe = {
	.key = "triggers",
	.columns = trigger_fields,
	.from = "pg_catalog.pg_trigger g " JOIN_TABLE("g.tgrelid")
	"LEFT JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid "
	"LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.pronamespace "
	WHERE_CHOSEN " AND NOT g.tgisinternal",
};

/* ---- functions ---- */

static const Field function_fields[] = {
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "n.nspname"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "p.proname"},
	{"funcid", FIELD_INT, NULL, true, 0, 0, "p.oid"},
	{"kind", FIELD_TEXT, NULL, true, 0, 0,
	 "coalesce(" IN_WORDS("p.prokind", "WHEN 'f' THEN 'function' WHEN 'p' THEN 'procedure' "
						  "WHEN 'a' THEN 'aggregate' WHEN 'w' THEN 'window'") ", p.prokind::text)"},
	{"arguments", FIELD_TEXT, NULL, true, 0, 0, "pg_catalog.oidvectortypes(p.proargtypes)"},
	{"returns", FIELD_TEXT, NULL, true, 0, 0,
	 "CASE WHEN p.proretset THEN 'SETOF ' ELSE '' END || pg_catalog.format_type(p.prorettype, NULL)"},
	{"language", FIELD_TEXT, NULL, false, 0, 0, "l.lanname"},
	{"volatility", FIELD_TEXT, NULL, true, 0, 0,
	 "CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END"},
	{"parallel", FIELD_TEXT, NULL, true, 0, 0,
	 "CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END"},
	{"is_strict", FIELD_BOOL, NULL, true, 0, 0, "p.proisstrict"},
	{"security_definer", FIELD_BOOL, NULL, true, 0, 0, "p.prosecdef"},
	{"has_settings", FIELD_BOOL, NULL, true, 0, 0, "p.proconfig IS NOT NULL"},
	{"owner", FIELD_SHARED_NAME, NULL, false, 0, 0, "pg_catalog.pg_get_userbyid(p.proowner)"},
	{"definition_hash", FIELD_TEXT, NULL, false, 0, 0,
	 HASH("pg_catalog.concat_ws('|', p.prosrc, p.probin, p.prosqlbody::text, p.proargdefaults::text, "
		  "p.proargnames::text, p.proargmodes::text, p.proconfig::text)")},
	FIELDS_END
};

/* Not those of extensions: their versions are in pg_extensions. */
static const Probe functions_probe = {
	.key = "functions",
	.columns = function_fields,
	.from = "pg_catalog.pg_proc p "
	"JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
	"LEFT JOIN pg_catalog.pg_language l ON l.oid = p.prolang "
	"WHERE " OF_USERS("n") " AND " NOT_OF_EXTENSION("pg_proc", "p.oid") " "
	"ORDER BY p.oid LIMIT " MOST_FUNCTIONS,
};

/* ---- sequences ---- */

#define HAS_VALUE "v.key > 0"
#define NEVER_USED "v.number = 1"

/*
 * What is used up of what the sequence, and the column that it is for, can hold;
 * null where the column holds none of its values.
 */
#define ROOM(from, to) "nullif(greatest(" to "::double precision - " from " + 1, 0), 0)"
#define USED_RATIO \
	"CASE WHEN " HAS_VALUE " THEN CASE WHEN q.seqincrement > 0 " \
	"THEN (v.number::double precision - q.seqmin + 1) / " \
	ROOM("q.seqmin", "least(q.seqmax, o.column_max)") " " \
	"ELSE (q.seqmax::double precision - v.number + 1) / " \
	ROOM("greatest(q.seqmin, o.column_min)", "q.seqmax") " END " \
	"WHEN " NEVER_USED " THEN 0 END"

static const Field sequence_fields[] = {
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "n.nspname"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "c.relname"},
	{"last_value", FIELD_INT, NULL, false, 0, 0, "CASE WHEN " HAS_VALUE " THEN v.number END"},
	{"max_value", FIELD_INT, NULL, true, 0, 0, "q.seqmax"},
	{"used_ratio", FIELD_FLOAT, "0 to 1", false, 0, 0, USED_RATIO},
	{"min_value", FIELD_INT, NULL, true, 0, 0, "q.seqmin"},
	{"increment", FIELD_INT, NULL, true, 0, 0, "q.seqincrement"},
	{"cycles", FIELD_BOOL, NULL, true, 0, 0, "q.seqcycle"},
	{"type", FIELD_TEXT, NULL, true, 0, 0, "pg_catalog.format_type(q.seqtypid, NULL)"},
	{"owned_by", FIELD_TEXT, NULL, false, 0, 0, "o.name"},
	{"owned_by_type", FIELD_TEXT, NULL, false, 0, 0, "o.type"},
	FIELDS_END
};

#define OWNING_COLUMN \
	"LATERAL (SELECT " NAME("tn.nspname", "t.relname") " || '.' || pg_catalog.quote_ident(a.attname) AS name, " \
	"pg_catalog.format_type(a.atttypid, NULL) AS type, " \
	"CASE a.atttypid WHEN 21 THEN 32767 WHEN 23 THEN 2147483647 END AS column_max, " \
	"CASE a.atttypid WHEN 21 THEN -32768 WHEN 23 THEN -2147483648 END AS column_min " \
	"FROM pg_catalog.pg_depend d " \
	"JOIN pg_catalog.pg_class t ON t.oid = d.refobjid " \
	"JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace " \
	"JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid " \
	"WHERE d.classid = " CATALOGUE("pg_class") " AND d.objid = q.seqrelid " \
	"AND d.refclassid = " CATALOGUE("pg_class") " AND d.deptype IN ('a', 'i') " \
	"AND d.refobjsubid > 0 LIMIT 1) o"

/*
 * The hash takes the used part in whole percents: else a snapshot would never be
 * unchanged, and so a change that matters is still sent.
 */
static const Probe sequences_probe = {
	.key = "sequences",
	.columns = sequence_fields,
	.from = "pg_catalog.pg_sequence q "
	"JOIN ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS v(key, number) "
	"ON pg_catalog.abs(v.key) = q.seqrelid::bigint "
	"JOIN pg_catalog.pg_class c ON c.oid = q.seqrelid "
	"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
	"LEFT JOIN " OWNING_COLUMN " ON true",
	.hashed = "ROW(q.schema, q.name, q.max_value, q.min_value, q.increment, q.cycles, q.type, "
	"q.owned_by, q.owned_by_type, pg_catalog.floor(q.used_ratio * 100))",
	.moves = true,
};

const Field PgSchemaFields[] = {
	{"hash", FIELD_TEXT, NULL, false, 0, 0, "of all that follows"},
	{"unchanged", FIELD_BOOL, NULL, false, 0, 0,
	 "the same as in the last metrics that had more than the hash"},
	{"skipped", FIELD_INT, NULL, false, 0, 0, "tables left out by pganalytics.max_relations"},
	{"tables", FIELD_OBJECTS, NULL, false, 0, 0, "pg_class", table_fields},
	{"columns", FIELD_OBJECTS, NULL, false, 0, 0, "pg_attribute", column_fields},
	{"constraints", FIELD_OBJECTS, NULL, false, 0, 0, "pg_constraint", constraint_fields},
	{"indexes", FIELD_OBJECTS, NULL, false, 0, 0, "pg_index", index_fields},
	{"triggers", FIELD_OBJECTS, NULL, false, 0, 0, "pg_trigger", trigger_fields},
	{"functions", FIELD_OBJECTS, NULL, false, 0, 0, "pg_proc; at most " MOST_FUNCTIONS,
	 function_fields},
	{"sequences", FIELD_OBJECTS, NULL, false, 0, 0,
	 "pg_sequence; no value where it was locked, or never used", sequence_fields},
	{"definitions", FIELD_OBJECTS, NULL, false, 0, 0,
	 "of views, functions, and what else the columns do not tell", PgSchemaDefinitionFields},
	{"definitions_skipped", FIELD_INT, NULL, false, 0, 0,
	 "left out of this metric, since somebody had locked a table"},
	FIELDS_END
};

const Probe *const PgSchemaProbes[] = {
	&tables_probe, &columns_probe, &constraints_probe, &indexes_probe, &triggers_probe,
	&functions_probe, &sequences_probe, NULL
};

#define FROM_TABLES \
	"FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace " \
	"WHERE " OF_USERS("n") " AND " IS_TABLE("c") " "

/* By oid, so that the same are chosen each time. */
const char PgSchemaCountSql[] =
	"SELECT (SELECT pg_catalog.count(*) " FROM_TABLES "), "
	"(SELECT pg_catalog.max(t.oid) FROM (SELECT c.oid " FROM_TABLES "ORDER BY c.oid LIMIT $1) t)";

const char PgSchemaSliceSql[] =
	"SELECT c.oid " FROM_TABLES "AND c.oid > $2 AND c.oid <= $3 ORDER BY c.oid LIMIT $1";

const char PgSchemaSequencesSql[] =
	"SELECT c.oid FROM pg_catalog.pg_class c "
	"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
	"WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND " OF_USERS("n") " ORDER BY c.oid LIMIT $1";

#define CHANGES_OF(catalogue) "(" CATALOGUE(catalogue) ")"

const char PgSchemaChangesSql[] =
	"SELECT CASE WHEN pg_catalog.pg_is_in_recovery() "
	"OR NOT pg_catalog.current_setting('track_counts')::boolean THEN -1 "
	"ELSE pg_catalog.sum(pg_catalog.pg_stat_get_tuples_inserted(c.oid) + "
	"pg_catalog.pg_stat_get_tuples_updated(c.oid) + "
	"pg_catalog.pg_stat_get_tuples_deleted(c.oid))::bigint END "
	"FROM (VALUES " CHANGES_OF("pg_class") ", " CHANGES_OF("pg_attribute") ", "
	CHANGES_OF("pg_attrdef") ", " CHANGES_OF("pg_constraint") ", " CHANGES_OF("pg_index") ", "
	CHANGES_OF("pg_inherits") ", " CHANGES_OF("pg_namespace") ", " CHANGES_OF("pg_proc") ", "
	CHANGES_OF("pg_rewrite") ", " CHANGES_OF("pg_sequence") ", " CHANGES_OF("pg_trigger") ") AS c(oid)";
