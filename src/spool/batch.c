/*
 * batch.c
 *		The body of a batch, as collectors write it.
 *
 * Layout: see README.md.  Metrics pass through one buffer of 64 kB to wherever
 * they go; nothing of a batch but the errors it reports is held in memory.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/identity.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/unixtime.h"
#include "base/version.h"
#include "spool/batch.h"
#include "spool/counters.h"
#include "spool/spool.h"

#define BUFFER_SIZE (64 * 1024)
#define TAIL_RESERVE (4 * 1024) /* closes a metric and the batch, errors apart */
#define LONG_METRIC (256 * 1024)
#define MAX_ERRORS 64 /* reported in one batch; the status counts all of them */

typedef enum BatchTarget
{
	TO_SPOOL,
	TO_MEMORY,
	TO_NOWHERE /* no backend: counted and forgotten */
} BatchTarget;

typedef struct ErrorNote
{
	const char *type;
	const char *database;
	const char *sqlstate;
	const char *message;
} ErrorNote;

struct Batch
{
	BatchTarget			  target;
	MemoryContext		  context;
	MemoryContextCallback on_reset;
	uint64				  since; /* sequence number before it began */
	JsonWriter			  writer;
	SpoolFile			  file;
	int					  metrics; /* in the file that is open */
	bool				  lost;	   /* a part could not be kept */
	StringInfoData		  text;	   /* of the metric, TO_MEMORY */
	List				 *samples;
	JsonMark			  metric_start;
	bool				  metric_is_open;
	ErrorNote			  errors[MAX_ERRORS];
	int					  noted_errors; /* in errors[], not yet in a file */
	int					  error_count;
	const char			 *last_error;
	int64				  rows;
	LogPosition			  log; /* inode 0: none */
};

/* ---- sinks ---- */

static bool
WriteToFile(void *arg, const char *data, size_t len)
{
	return SpoolFileWrite(&((Batch *) arg)->file, data, len);
}

static bool
TruncateFile(void *arg, uint64_t size)
{
	return SpoolFileTruncate(&((Batch *) arg)->file, size);
}

static bool
WriteToMemory(void *arg, const char *data, size_t len)
{
	appendBinaryStringInfo(&((Batch *) arg)->text, data, len);
	return true;
}

static bool
TruncateMemory(void *arg, uint64_t size)
{
	StringInfo text = &((Batch *) arg)->text;

	text->len = (int) size;
	text->data[text->len] = '\0';
	return true;
}

static bool
WriteNowhere(void *arg, const char *data, size_t len)
{
	return true;
}

static bool
TruncateNowhere(void *arg, uint64_t size)
{
	return true;
}

static const JsonSink sinks[] = {
	[TO_SPOOL] = {WriteToFile, TruncateFile},
	[TO_MEMORY] = {WriteToMemory, TruncateMemory},
	[TO_NOWHERE] = {WriteNowhere, TruncateNowhere},
};

static void
ResetWriter(Batch *batch)
{
	JsonSink sink = sinks[batch->target];

	sink.arg = batch;
	JsonInit(&batch->writer, sink, batch->writer.buffer, BUFFER_SIZE);
}

/* ---- life ---- */

/* What is in the file is lost, perhaps by an error between two metrics. */
static void
AbandonFile(void *arg)
{
	SpoolFile *file = &((Batch *) arg)->file;

	if (file->fd < 0)
		return;
	SpoolFileAbort(file);
	CountersAdd(&Shared->dropped, 1);
}

static Batch *
Create(BatchTarget target)
{
	Batch *batch = palloc0(sizeof(Batch));

	batch->target = target;
	batch->context = CurrentMemoryContext;
	if (target != TO_MEMORY)
		batch->since = pg_atomic_read_u64(&Shared->sequence);
	batch->file.fd = -1;
	batch->writer.buffer = palloc(BUFFER_SIZE);
	batch->on_reset.func = AbandonFile;
	batch->on_reset.arg = batch;
	MemoryContextRegisterResetCallback(batch->context, &batch->on_reset);
	if (target == TO_MEMORY)
		initStringInfo(&batch->text);
	ResetWriter(batch);
	return batch;
}

Batch *
BatchCreate(void)
{
	return Create(BackendIsWanted() ? TO_SPOOL : TO_NOWHERE);
}

Batch *
BatchCreateInMemory(void)
{
	return Create(TO_MEMORY);
}

List *
BatchSamples(Batch *batch)
{
	return batch->samples;
}

static void
RawText(JsonWriter *w, const char *text)
{
	JsonRaw(w, text, strlen(text));
}

/* ---- the lines around the metrics ---- */

static void
WriteHead(Batch *batch)
{
	JsonWriter *w = &batch->writer;
	char		batch_id[COLLECTOR_ID_SIZE + 32];
	char		number[32];
	const char *collector_id = CollectorId(); /* once: registration may change it */

	snprintf(batch_id, sizeof(batch_id), "%s/" UINT64_FORMAT, collector_id, batch->file.sequence);
	snprintf(number, sizeof(number), UINT64_FORMAT, GetSystemIdentifier());

	JsonObjectBegin(w, NULL);
	JsonText(w, "batch_id", batch_id);
	RawText(w, ",\n");
	w->need_comma[w->depth] = false;
	JsonText(w, "collector_id", collector_id);
	JsonText(w, "hostname", Hostname());
	JsonText(w, "version", PGANALYTICS_VERSION);
	JsonText(w, "system_identifier", number);
	JsonText(w, "server_version", ServerVersion());
	JsonBool(w, "in_recovery", RecoveryInProgress());
	JsonArrayBegin(w, "metrics");
	RawText(w, "\n");
}

static void
WriteErrors(Batch *batch)
{
	JsonWriter *w = &batch->writer;

	JsonArrayBegin(w, "collection_errors");
	for (int i = 0; i < batch->noted_errors; i++)
	{
		ErrorNote *note = &batch->errors[i];

		JsonObjectBegin(w, NULL);
		JsonText(w, "type", note->type);
		if (note->database)
			JsonText(w, "database", note->database);
		JsonText(w, "error", note->message);
		if (note->sqlstate)
			JsonText(w, "sqlstate", note->sqlstate);
		JsonObjectEnd(w);
	}
	JsonArrayEnd(w);
	batch->noted_errors = 0;
}

static void
WriteTail(Batch *batch)
{
	JsonWriter *w = &batch->writer;

	RawText(w, "\n");
	JsonArrayEnd(w);
	WriteErrors(batch);
	RawText(w, ",\n");
	w->need_comma[w->depth] = false;
	JsonTime(w, "timestamp", UnixMicroseconds(GetCurrentTimestamp()));
	JsonInt(w, "dropped_batches", (int64) pg_atomic_read_u64(&Shared->dropped));
	JsonInt(w, "metrics_count", batch->metrics);
	JsonObjectEnd(w);
	RawText(w, "\n");
}

/*
 * One part is lost; the rest of this batch would only fail again.  What the
 * disk refused has been counted, what is no JSON is still open.
 */
static void
GiveUp(Batch *batch)
{
	AbandonFile(batch);
	batch->lost = true;
	batch->target = TO_NOWHERE;
	ResetWriter(batch);
}

static void
OpenFile(Batch *batch)
{
	ResetWriter(batch);
	batch->metrics = 0;
	if (SpoolFileCreate(&batch->file))
		WriteHead(batch);
	else
		GiveUp(batch);
}

/* Interrupts wait: one that ends it halfway would leave a file that has its tail, and get another. */
static void
CloseFile(Batch *batch)
{
	HOLD_INTERRUPTS();
	WriteTail(batch);
	batch->file.log = batch->log;
	if (!JsonFlush(&batch->writer) || !SpoolFileCommit(&batch->file))
		GiveUp(batch);
	RESUME_INTERRUPTS();
}

/* ---- metrics ---- */

static uint64
BatchLimit(void)
{
	return (uint64) Setting.batch_max_size_kb * 1024 - TAIL_RESERVE;
}

static uint64
MetricLimit(void)
{
	return Min((uint64) LONG_METRIC, BatchLimit() / 4);
}

JsonWriter *
BatchMetricBegin(Batch *batch, const char *type, const char *database, TimestampTz read_at)
{
	JsonWriter *w = &batch->writer;

	if (batch->target == TO_SPOOL && w->failed)
		GiveUp(batch);
	if (batch->target == TO_SPOOL && batch->file.fd >= 0 &&
		JsonPosition(w) + MetricLimit() > BatchLimit())
		CloseFile(batch);
	if (batch->target == TO_SPOOL && batch->file.fd < 0)
		OpenFile(batch);
	if (batch->target != TO_SPOOL)
		ResetWriter(batch);

	batch->metric_start = JsonMarkHere(w);
	batch->metric_is_open = true;
	if (batch->target == TO_SPOOL && batch->metrics > 0)
		RawText(w, ",\n");
	w->need_comma[w->depth] = false;
	JsonObjectBegin(w, NULL);
	JsonText(w, "type", type);
	JsonTime(w, "timestamp", UnixMicroseconds(read_at));
	if (database)
		JsonText(w, "database", database);
	return w;
}

bool
BatchMetricIsLong(const Batch *batch)
{
	const JsonWriter *w = &batch->writer;

	return JsonPosition(w) - batch->metric_start.position >= MetricLimit() ||
		(batch->target == TO_SPOOL && JsonPosition(w) >= BatchLimit());
}

void
BatchMetricEnd(Batch *batch)
{
	JsonObjectEnd(&batch->writer);
	batch->metric_is_open = false;
	batch->metrics++;
	if (batch->target == TO_MEMORY)
	{
		MemoryContext old = MemoryContextSwitchTo(batch->context);

		JsonFlush(&batch->writer);
		batch->samples = lappend(batch->samples, pnstrdup(batch->text.data, batch->text.len));
		resetStringInfo(&batch->text);
		MemoryContextSwitchTo(old);
	}
}

void
BatchMetricAbort(Batch *batch)
{
	if (!batch->metric_is_open)
		return; /* what failed had not begun one; the last one is somebody else's */
	batch->metric_is_open = false;
	if (batch->target == TO_MEMORY)
		resetStringInfo(&batch->text);
	else
		JsonRewind(&batch->writer, &batch->metric_start);
}

/* ---- what could not be read ---- */

static const char *
CopyClipped(const char *text)
{
	return text ?
		pnstrdup(text, pg_encoding_mbcliplen(PG_UTF8, text, strlen(text), ERROR_TEXT_SIZE - 1)) :
		NULL;
}

void
BatchError(Batch *batch, const char *type, const char *database, const char *sqlstate,
		   const char *message)
{
	MemoryContext old = MemoryContextSwitchTo(batch->context);

	batch->error_count++;
	batch->last_error = CopyClipped(message);
	if (batch->noted_errors < MAX_ERRORS)
	{
		ErrorNote *note = &batch->errors[batch->noted_errors++];

		note->type = type;
		note->database = CopyClipped(database);
		note->sqlstate = CopyClipped(sqlstate);
		note->message = batch->last_error;
	}
	MemoryContextSwitchTo(old);
}

void
BatchCountRows(Batch *batch, int64 rows)
{
	batch->rows += rows;
}

int64
BatchRows(const Batch *batch)
{
	return batch->rows;
}

int
BatchErrors(const Batch *batch)
{
	return batch->error_count;
}

uint64
BatchSince(const Batch *batch)
{
	return batch->since;
}

const char *
BatchLastError(const Batch *batch)
{
	return batch->last_error;
}

/* ---- the position of the log ---- */

void
BatchSetLogPosition(Batch *batch, const LogPosition *position)
{
	batch->log = *position;
}

/* ---- end ---- */

bool
BatchClose(Batch *batch)
{
	if (batch->target == TO_SPOOL)
	{
		if (batch->writer.failed)
			GiveUp(batch);
		else if (batch->file.fd < 0 && batch->noted_errors > 0)
			OpenFile(batch); /* nothing could be read: that must be told too */
		if (batch->file.fd >= 0)
		{
			if (batch->metrics > 0 || batch->noted_errors > 0)
				CloseFile(batch);
			else
				SpoolFileAbort(&batch->file);
		}
	}
	return !batch->lost;
}
