/*
 * pg_schema_sql.h
 *		Pieces of SQL that the probes and the definitions of pg_schema share.
 */
#ifndef PG_SCHEMA_SQL_H
#define PG_SCHEMA_SQL_H

/* Of the schema n: what users made. */
#define OF_USERS(n) n ".nspname <> 'information_schema' AND " n ".nspname !~ '^pg_'"

#define CATALOGUE(name) "'pg_catalog." name "'::pg_catalog.regclass"

/* What belongs to an extension is told by its version. */
#define NOT_OF_EXTENSION(catalogue, oid) \
	"NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = " CATALOGUE( \
		catalogue) " " \
				   "AND d.objid = " oid " AND d.deptype = 'e')"

#endif /* PG_SCHEMA_SQL_H */
