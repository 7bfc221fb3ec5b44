/*
 * batch.h
 *		What collectors write metrics into.
 *
 * A batch takes metrics one after the other and streams them into a file of
 * the spool; at pganalytics.batch_max_size it closes the file and begins the
 * next one.  The same interface serves pganalytics_sample(), which keeps the
 * metrics in memory, and a server without a backend, where they are counted
 * and forgotten.
 *
 * None of these functions raises an error for a file that cannot be written:
 * the batch is lost, counted and reported as a problem.
 */
#ifndef BATCH_H
#define BATCH_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "base/json.h"
#include "spool/format.h"

typedef struct Batch Batch;

/* Begins a batch in CurrentMemoryContext; nothing reaches the disk before the first metric. */
extern Batch *BatchCreate(void);

/* The same, but the metrics are kept as C strings of JSON (UTF-8) for BatchSamples. */
extern Batch *BatchCreateInMemory(void);
extern List	 *BatchSamples(Batch *batch);

/*
 * One metric object: Begin writes type, timestamp and (unless NULL) database
 * and returns the writer for the rest of it; End closes it.  Abort takes it
 * back as if it had never begun.
 */
extern JsonWriter *BatchMetricBegin(Batch *batch, const char *type, const char *database,
									TimestampTz read_at);
extern void		   BatchMetricEnd(Batch *batch);
extern void		   BatchMetricAbort(Batch *batch);

/* True when the open metric is long enough to be ended and continued in another one. */
extern bool BatchMetricIsLong(const Batch *batch);

/*
 * Notes that something could not be read: collection_errors of the envelope,
 * the log collector's line in the status.  database and sqlstate may be NULL.
 */
extern void BatchError(Batch *batch, const char *type, const char *database, const char *sqlstate,
					   const char *message);

/*
 * How far the server log has been read, behind what the ended metrics hold:
 * moves there as soon as the file that they are in is kept.
 */
extern void BatchSetLogPosition(Batch *batch, const LogPosition *position);

/* Adds to the number of rows that the status shows for the run. */
extern void		   BatchCountRows(Batch *batch, int64 rows);
extern int64	   BatchRows(const Batch *batch);
extern int		   BatchErrors(const Batch *batch);
extern const char *BatchLastError(const Batch *batch); /* NULL: none */

/* All parts of it have larger sequence numbers. */
extern uint64 BatchSince(const Batch *batch);

/*
 * Closes the batch: fsync, rename, wake the sender.  False when it (or an
 * earlier part of it) could not be kept.  An empty one leaves nothing behind.
 */
extern bool BatchClose(Batch *batch);

#endif /* BATCH_H */
