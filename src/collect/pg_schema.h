/*
 * pg_schema.h
 *		The collector of the schema.
 */
#ifndef PG_SCHEMA_H
#define PG_SCHEMA_H

#include "postgres.h"

#include "collect/sql.h"

/* Writes the schema of the current database, or its hash where the backend has it. */
extern void SchemaRun(SqlRun *run);

/*
 * In a worker: should the schema of the current database be looked at before
 * its time, since the catalogues have changed or something is left to be sent?
 */
extern bool SchemaIsOutdated(void);

#endif /* PG_SCHEMA_H */
