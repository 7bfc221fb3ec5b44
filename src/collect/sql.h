/*
 * sql.h
 *		Collectors whose metrics come from probes.
 */
#ifndef SQL_H
#define SQL_H

#include "postgres.h"

#include "collect/run.h"
#include "spool/batch.h"

typedef enum SqlOutcome
{
	SQL_DONE,	   /* what could not be read is known to the batch */
	SQL_TIMED_OUT, /* something took too long, the batch knows */
	SQL_CUT_SHORT  /* others had taken most of the visit: it has its turn at another one */
} SqlOutcome;

/*
 * Writes the metrics of a collector: of the current database, or of the
 * cluster.  In a worker each probe is a transaction of its own, gets
 * min(statement_timeout, what is left until the deadline; 0: there is none),
 * and reports its error to the batch; in_session (the caller's transaction)
 * errors are raised and the deadline is not looked at.
 */
extern SqlOutcome SqlCollect(int collector, Batch *batch, bool in_session, TimestampTz deadline);

#define MAX_METRIC_FIELDS 32

typedef struct SqlRun
{
	int					collector;
	MetricStream		stream;
	ProbeInput			input;
	MemoryContext		context;				   /* outlives the single transactions */
	const Probe *const *probes;					   /* ends with NULL */
	const Probe		   *probe;					   /* the one that runs */
	char				database[NAMEDATALEN * 4]; /* in UTF-8 a byte of LATIN1 becomes two */
	bool				in_session;
	bool				timed_out; /* a step did */
	bool				cut_short; /* a step was, of a collector that began late */
	TimestampTz			deadline;
	bool				began_late;				   /* others had taken most of the visit */
	Value				values[MAX_METRIC_FIELDS]; /* of the metric itself */
	void			   *own;					   /* of collectors that run themselves */
} SqlRun;

/*
 * Runs step(run) as a query in the way that suits the caller; false: it
 * failed, the batch knows.
 */
extern bool SqlRunStep(SqlRun *run, void (*step)(void *arg));

/* The step that runs run->probe. */
extern void SqlRunProbe(void *run);

/* ms until the visit has to end, LONG_MAX where it has not. */
extern long SqlTimeLeft(const SqlRun *run);

#endif /* SQL_H */
