/*
 * run.h
 *		Running probes into a batch.
 */
#ifndef RUN_H
#define RUN_H

#include "postgres.h"

#include "access/tupdesc.h"

#include "collect/metric_stream.h"
#include "collect/probe.h"

/* A row of a probe, taken apart; from "aside" on what is not written. */
typedef struct ProbeRow
{
	TupleDesc	  desc;
	const Field **columns;
	Datum		 *values;
	bool		 *nulls;
	int			  aside;
} ProbeRow;

/*
 * Sees each row before it is written.  look() may fill in computed columns (the
 * values run parallel to the probe's columns, none is known); false: the row is
 * left out.
 */
typedef struct ProbeWatcher
{
	void *arg;
	bool (*look)(void *arg, const ProbeRow *row, Value *computed);
} ProbeWatcher;

/* What a probe may refer to. */
typedef struct ProbeInput
{
	const Oid				  *tables; /* NULL: all */
	int						   table_count;
	const struct ProbeWatcher *watcher; /* or NULL */
	const int64				  *keys;	/* $2 and $3 */
	const int64				  *numbers;
	int						   number_count;
} ProbeInput;

/*
 * Runs a probe within a query (query.h) and appends its rows; returns how
 * many.  The result is checked against the declared columns; a mismatch, like
 * anything else that goes wrong, is an error, after which the caller calls
 * MetricStreamTakeBack.
 */
extern int64 ProbeRun(const Probe *probe, MetricStream *stream, const ProbeInput *input);

/*
 * A hash of the rows that ProbeRun would write, in whatever order; to be called
 * within a query.
 */
extern uint64 ProbeHash(const Probe *probe, const ProbeInput *input);

/* ---- for collectors that read probes in ways of their own ---- */

/* Does a column of the result have the type that is declared? */
extern bool ProbeTypeFits(FieldType type, Oid oid);

/* Writes a value that is not null. */
extern void ProbeWriteValue(JsonWriter *w, const Field *column, Datum value, Oid type);

#endif /* RUN_H */
