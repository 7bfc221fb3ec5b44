/*
 * pg_schema_definitions.c
 *		Which definitions are sent as texts, and how each is read.
 *
 * Those that the columns of the catalogues do not tell: of a plain index or a
 * foreign key nothing is left to say.  Pure C.
 */
#include <stddef.h>

#include "collect/pg_schema_sql.h"
#include "collect/probe.h"

/* Relations that an object depends on, which are opened where it has expressions. */
#define DEPENDS_ON(catalogue, oid) \
	"ARRAY(SELECT DISTINCT d.refobjid FROM pg_catalog.pg_depend d " \
	"WHERE d.classid = " CATALOGUE(catalogue) " AND d.objid = " oid " " \
											  "AND d.refclassid = " CATALOGUE("pg_class") ")"

#define LIST(oid, table, name, relations, from) \
	"SELECT " oid ", n.nspname, " table ", " name ", " relations " FROM pg_catalog." from " " \
	"AND " OF_USERS("n") " AND " oid " > $1 ORDER BY " oid " LIMIT $2"
#define TABLE_OF(relid) \
	"JOIN pg_catalog.pg_class c ON c.oid = " relid " AND c.relpersistence <> 't' " \
	"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "

const DefinitionSource PgSchemaDefinitions[] = {
	{"view",
	 LIST("c.oid", "NULL::name", "c.relname", DEPENDS_ON("pg_rewrite", "r.oid"),
		  "pg_rewrite r " TABLE_OF(
			  "r.ev_class") "WHERE r.rulename = '_RETURN' AND " NOT_OF_EXTENSION("pg_class",
																				 "c.oid")),
	 "SELECT pg_catalog.pg_get_viewdef($1)"},
	{"default",
	 LIST(
		 "d.oid", "c.relname", "a.attname", "ARRAY[d.adrelid]",
		 "pg_attrdef d " TABLE_OF(
			 "d.adrelid") "JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum "
						  "WHERE c.relkind IN ('r', 'p', 'f', 'v')"),
	 "SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d WHERE d.oid = $1"},
	{"constraint",
	 LIST("k.oid", "c.relname", "k.conname", "ARRAY[k.conrelid]",
		  "pg_constraint k " TABLE_OF("k.conrelid") "WHERE k.contype IN ('c', 'x')"),
	 "SELECT pg_catalog.pg_get_constraintdef($1)"},
	{"index",
	 LIST("x.indexrelid", "c.relname", "i.relname", "ARRAY[x.indrelid]",
		  "pg_index x " TABLE_OF(
			  "x.indrelid") "JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid "
							"WHERE (x.indexprs IS NOT NULL OR x.indpred IS NOT NULL)"),
	 "SELECT pg_catalog.pg_get_indexdef($1)"},
	{"trigger",
	 LIST("g.oid", "c.relname", "g.tgname", "ARRAY[g.tgrelid]",
		  "pg_trigger g " TABLE_OF("g.tgrelid") "WHERE NOT g.tgisinternal"),
	 "SELECT pg_catalog.pg_get_triggerdef($1)"},
	{"function",
	 LIST("p.oid", "NULL::name", "p.proname", DEPENDS_ON("pg_proc", "p.oid"),
		  "pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
		  "WHERE p.prokind <> 'a' AND " NOT_OF_EXTENSION("pg_proc", "p.oid")),
	 "SELECT pg_catalog.pg_get_functiondef($1)"},
	{NULL}};

const Field PgSchemaDefinitionFields[] = {
	{"kind", FIELD_TEXT, NULL, true, 0, 0, "view, default, constraint, index, trigger or function"},
	{"oid", FIELD_INT, NULL, true, 0, 0, "of the object; of a default that of pg_attrdef"},
	{"schema", FIELD_TEXT, NULL, true, 0, 0, "n.nspname"},
	{"table", FIELD_TEXT, NULL, false, 0, 0, "of what belongs to one"},
	{"name", FIELD_TEXT, NULL, true, 0, 0, "of a default that of its column"},
	{"definition", FIELD_TEXT, NULL, true, 0, 0,
	 "cut to pganalytics.query_text_size, secrets masked"},
	{"definition_truncated", FIELD_BOOL, NULL, false, 0, 0, "true where it was cut"},
	FIELDS_END};
