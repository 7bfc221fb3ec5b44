/*
 * run.h
 *		Running probes into a batch.
 */
#ifndef RUN_H
#define RUN_H

#include "postgres.h"

#include "access/tupdesc.h"

#include "collect/probe.h"
#include "spool/batch.h"

/*
 * The metrics of one type and database that several probes write into: one
 * object, or more of them when it grows long.
 */
typedef struct MetricStream
{
	Batch		*batch;
	const char	*type;
	const char	*database; /* NULL: of the cluster */
	const Field *fields;   /* of the metric itself */
	const Value *values;
	TimestampTz	 read_at;
	JsonWriter	*writer; /* NULL: no metric is open */
	bool		 has_content;
	bool		 rows_are_open;
	JsonMark	 rows_start; /* in the open metric, while rows_are_open */
} MetricStream;

/*
 * An array that no probe fills: Begin opens it, in a metric that it begins
 * where none is open; Next gives the writer for one more element, in another
 * metric when this one has grown long; End closes the array.
 */
extern void		   MetricStreamArrayBegin(MetricStream *stream, const char *key);
extern JsonWriter *MetricStreamArrayNext(MetricStream *stream, const char *key);
extern void		   MetricStreamArrayEnd(MetricStream *stream);

/* What the open array has stays in it, whatever fails later. */
extern void MetricStreamKeepRows(MetricStream *stream);

/* Ends the open metric, if there is one. */
extern void MetricStreamEnd(MetricStream *stream);

/*
 * Can the probe run here, now?  To be asked within a query.  *missing: the
 * extension that it wants is not installed, or too old.
 */
extern bool ProbeApplies(const Probe *probe, bool *missing);

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
 * ProbeTakeBack.
 */
extern int64 ProbeRun(const Probe *probe, MetricStream *stream, const ProbeInput *input);

/*
 * A hash of the rows that ProbeRun would write, in whatever order; to be called
 * within a query.
 */
extern uint64 ProbeHash(const Probe *probe, const ProbeInput *input);

/* A metric without rows: its own fields alone. */
extern void MetricStreamEmpty(MetricStream *stream);

/* Takes back what a failed probe wrote into the open metric. */
extern void ProbeTakeBack(MetricStream *stream);

/* ---- for collectors that read probes in ways of their own ---- */

/* Is the setting (NULL: none) on without which the server would count 0? */
extern bool ProbeIsTracked(const char *tracker);

/* Does a column of the result have the type that is declared? */
extern bool ProbeTypeFits(FieldType type, Oid oid);

/* Writes a value that is not null. */
extern void ProbeWriteValue(JsonWriter *w, const Field *column, Datum value, Oid type);

/*
 * Version of an extension that is installed in this database, and its schema;
 * NULL: it is not installed.  To be asked within a query.
 */
extern char *ExtensionFind(const char *name, char **schema);

/* sql with the schema in the place of @extschema@. */
extern char *ExtensionNameSchema(const char *sql, const char *schema);

/* Below, at or above 0, as "1.9" is below "1.10". */
extern int ExtensionVersionCompare(const char *a, const char *b);

#endif /* RUN_H */
