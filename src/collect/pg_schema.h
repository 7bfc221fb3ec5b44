/*
 * pg_schema.h
 *		What pg_schema needs beside its probes.
 */
#ifndef PG_SCHEMA_H
#define PG_SCHEMA_H

#include "postgres.h"

#include "collect/sql.h"

/* Chooses the tables, reads the sequences; false: nothing can be read. */
extern bool SchemaPrepare(SqlRun *run);

/*
 * In a worker: should the schema of the current database be looked at before
 * its time, since the catalogues have changed or something is left to be sent?
 */
extern bool SchemaIsOutdated(void);

#endif							/* PG_SCHEMA_H */
