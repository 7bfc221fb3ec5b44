/*
 * metric_stream.h
 *		The metrics that rows go into, one after the other.
 */
#ifndef METRIC_STREAM_H
#define METRIC_STREAM_H

#include "postgres.h"

#include "base/fields.h"
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
	bool		 is_array;	 /* what rows_are_open is about */
	JsonMark	 rows_start; /* in the open metric, while rows_are_open */
} MetricStream;

/*
 * An array: Begin opens it, in a metric that it begins where none is open; Next
 * gives the writer for one more element, in another metric when this one has
 * grown long; End closes the array.  Without a key there is no array: what is
 * written goes into the metric itself.
 */
extern void		   MetricStreamArrayBegin(MetricStream *stream, const char *key);
extern JsonWriter *MetricStreamArrayNext(MetricStream *stream, const char *key);
extern void		   MetricStreamArrayEnd(MetricStream *stream);

/* What the open array has stays in it, whatever fails later. */
extern void MetricStreamKeepRows(MetricStream *stream);

/* Ends the open metric, if there is one. */
extern void MetricStreamEnd(MetricStream *stream);

/* A metric without rows: its own fields alone. */
extern void MetricStreamEmpty(MetricStream *stream);

/* Takes back what a failed probe wrote into the open metric. */
extern void MetricStreamTakeBack(MetricStream *stream);

#endif /* METRIC_STREAM_H */
