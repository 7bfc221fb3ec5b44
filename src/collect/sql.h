/*
 * sql.h
 *		Collectors whose metrics come from probes.
 */
#ifndef SQL_H
#define SQL_H

#include "postgres.h"

#include "spool/batch.h"

/*
 * Writes the metrics of a collector: of the current database, or of the
 * cluster.  In a worker each probe is a transaction of its own, gets
 * min(statement_timeout, what is left until the deadline; 0: there is none),
 * and reports its error to the batch; in_session (the caller's transaction)
 * errors are raised and the deadline is not looked at.
 */
extern void SqlCollect(int collector, Batch *batch, bool in_session, TimestampTz deadline);

/*
 * In a worker: should pg_schema of the current database be looked at before its
 * time, since the catalogues have changed or something is left to be sent?
 */
extern bool SqlSchemaIsOutdated(void);

#endif							/* SQL_H */
