/*
 * status.c
 *		pganalytics_status() and pganalytics_version().
 *
 * Answers where the library is not preloaded, too: the workers are then
 * described as not running.  Whatever is in shared memory is copied out under
 * its lock before it is written.
 */
#include "postgres.h"

#include <math.h>

#include "access/xlog.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "base/identity.h"
#include "base/json.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/unixtime.h"
#include "base/version.h"
#include "collect/query.h"
#include "problems.h"
#include "remote_status.h"
#include "spool/spool.h"
#include "status.h"

#define BUFFER_SIZE 8192

PG_FUNCTION_INFO_V1(pganalytics_status);
PG_FUNCTION_INFO_V1(pganalytics_version);

static const char *const delivery_states[] = {
	[DELIVERY_OFF] = "off",
	[DELIVERY_STARTING] = "starting",
	[DELIVERY_OK] = "ok",
	[DELIVERY_BACKOFF] = "backoff",
	[DELIVERY_UNAUTHORIZED] = "unauthorized",
	[DELIVERY_MISCONFIGURED] = "misconfigured",
};

/* ---- pieces ---- */

static void
WriteTime(JsonWriter *w, const char *key, TimestampTz time)
{
	if (time == 0)
		JsonNull(w, key);
	else
		JsonTime(w, key, UnixMicroseconds(time));
}

static void
WriteTextOrNull(JsonWriter *w, const char *key, const char *text)
{
	JsonText(w, key, text[0] ? text : NULL);
}

static void
WriteWorkerFields(JsonWriter *w, const WorkerSlot *slot)
{
	bool runs = slot->pid != 0;

	if (runs)
		JsonInt(w, "pid", slot->pid);
	else
		JsonNull(w, "pid");
	JsonText(w, "state", runs ? slot->state : "not running");
	WriteTime(w, "started_at", slot->started_at);
	JsonInt(w, "restarts", slot->restarts);
	if (runs && slot->memory_bytes > 0)
		JsonInt(w, "memory_bytes", slot->memory_bytes);
	else
		JsonNull(w, "memory_bytes");
}

static void
WriteWorker(JsonWriter *w, const char *key, const WorkerSlot *shared)
{
	WorkerSlot slot = {0};

	if (Shared)
	{
		LWLockAcquire(Shared->lock, LW_SHARED);
		slot = *shared;
		LWLockRelease(Shared->lock);
	}
	JsonObjectBegin(w, key);
	WriteWorkerFields(w, &slot);
	JsonObjectEnd(w);
}

static void
WriteVisitors(JsonWriter *w)
{
	int number = 0;

	for (int i = 0; i < MAX_VISITORS; i++)
	{
		VisitorSlot slot;
		char		key[32] = "visitor";
		double		longest_ms;

		LWLockAcquire(Shared->lock, LW_SHARED);
		slot = Shared->visitors[i];
		longest_ms = Shared->longest_visit_ms;
		LWLockRelease(Shared->lock);
		if (slot.worker.pid == 0)
			continue;
		if (++number > 1)
			snprintf(key, sizeof(key), "visitor_%d", number);
		JsonObjectBegin(w, key);
		WriteWorkerFields(w, &slot.worker);
		JsonText(w, "database", slot.database_name);
		JsonFloat(w, "longest_visit_ms", longest_ms);
		JsonObjectEnd(w);
	}
}

static void
WriteVisits(JsonWriter *w)
{
	int	   databases = 0;
	double longest_gap = 0;
	double longest_ms = 0;
	char   database[NAMEDATALEN] = "";

	if (Shared)
	{
		LWLockAcquire(Shared->lock, LW_SHARED);
		databases = Shared->visits.databases;
		longest_gap = Shared->visits.longest_gap_ms / 1000.0;
		strlcpy(database, Shared->visits.longest_gap_database, sizeof(database));
		longest_ms = Shared->longest_visit_ms;
		LWLockRelease(Shared->lock);
	}
	JsonObjectBegin(w, "visits");
	JsonInt(w, "databases", databases);
	JsonFloat(w, "longest_gap_seconds", longest_gap);
	WriteTextOrNull(w, "longest_gap_database", database);
	JsonFloat(w, "longest_visit_ms", longest_ms);
	JsonObjectEnd(w);
}

static void
WriteCpu(JsonWriter *w)
{
	double percent = 0;
	int64  delayed_ms = 0;
	int64  total = 0;

	if (Shared)
	{
		LWLockAcquire(Shared->lock, LW_SHARED);
		total = Shared->cpu_total;
		percent = Shared->cpu_percent;
		delayed_ms = Shared->cpu_delayed_ms;
		LWLockRelease(Shared->lock);
	}
	JsonObjectBegin(w, "cpu");
	JsonFloat(w, "percent", rint(percent * 100) / 100);
	JsonInt(w, "max_percent", Setting.max_cpu_percent);
	JsonFloat(w, "total_seconds", total / 1000000.0);
	JsonFloat(w, "delayed_seconds", delayed_ms / 1000.0);
	JsonObjectEnd(w);
}

/* Of the probes of a collector in all databases, the one that is left alone longest. */
static void
WriteBreaker(JsonWriter *w, int type)
{
	int			timeouts = 0;
	TimestampTz until = 0;

	if (Shared)
	{
		LWLockAcquire(Shared->lock, LW_SHARED);
		for (int i = 0; i < MAX_BREAKERS; i++)
		{
			const BreakerSlot *slot = &Shared->breakers[i];

			if (slot->timeouts == 0 || slot->collector != type)
				continue;
			timeouts = Max(timeouts, slot->timeouts);
			until = Max(until, slot->until);
		}
		LWLockRelease(Shared->lock);
	}
	JsonText(w, "circuit_breaker",
			 timeouts < BREAKER_OPENS_AT	   ? "closed" :
				 until > GetCurrentTimestamp() ? "open" :
												 "half-open");
	WriteTime(w, "circuit_breaker_until", timeouts < BREAKER_OPENS_AT ? 0 : until);
}

static void
WriteCollector(JsonWriter *w, int type)
{
	CollectorSlot slot = {0};

	if (Shared)
	{
		LWLockAcquire(Shared->lock, LW_SHARED);
		slot = Shared->collectors[type];
		LWLockRelease(Shared->lock);
	}
	JsonObjectBegin(w, Collectors[type].name);
	JsonBool(w, "enabled", CollectorEnabled(type));
	JsonInt(w, "interval_seconds", CollectorInterval(type));
	JsonInt(w, "runs", slot.runs);
	JsonInt(w, "errors", slot.errors);
	JsonInt(w, "rows", slot.rows);
	WriteTime(w, "last_run", slot.last_run);
	if (slot.last_run != 0)
		JsonFloat(w, "last_duration_ms", slot.last_duration_ms);
	else
		JsonNull(w, "last_duration_ms");
	WriteTextOrNull(w, "last_error", slot.last_error);
	WriteTextOrNull(w, "last_error_database", slot.last_error_database);
	WriteTime(w, "last_error_at", slot.last_error_at);
	WriteBreaker(w, type);
	JsonObjectEnd(w);
}

/* a counter of shared memory; nothing has been counted where there is none */
#define COUNT(counter) (Shared ? (int64) pg_atomic_read_u64(&Shared->counter) : 0)

static void
WriteSpool(JsonWriter *w)
{
	uint64 oldest = Shared && COUNT(batches) > 0 ? SpoolOldest() : 0;

	JsonObjectBegin(w, "spool");
	JsonInt(w, "batches", COUNT(batches));
	JsonInt(w, "bytes", COUNT(bytes));
	if (oldest)
		JsonTime(w, "oldest", (int64) oldest); /* a sequence number is a time in µs */
	else
		JsonNull(w, "oldest");
	JsonInt(w, "written", COUNT(written));
	JsonInt(w, "dropped", COUNT(dropped));
	JsonInt(w, "rejected", COUNT(rejected));
	JsonInt(w, "split", COUNT(split));
	JsonObjectEnd(w);
}

/*
 * Nothing can be kept: whatever the backend says, this server needs a person.
 * Under the lock.
 */
static void
NoteKeeping(DeliverySlot *slot)
{
	static const ProblemId keeping[] = {PROBLEM_STATE_DIRECTORY, PROBLEM_SPOOL};

	for (int i = 0; i < lengthof(keeping); i++)
	{
		const ProblemSlot *problem = &Shared->problems[keeping[i]];

		if (problem->code == 0)
			continue;
		slot->state = DELIVERY_MISCONFIGURED;
		strlcpy(slot->last_error, problem->text, sizeof(slot->last_error));
		return;
	}
}

static void
WriteLog(JsonWriter *w)
{
	LogSlot slot = {0};

	if (Shared)
	{
		LWLockAcquire(Shared->lock, LW_SHARED);
		slot = Shared->log;
		LWLockRelease(Shared->lock);
	}
	JsonObjectBegin(w, "log");
	WriteTextOrNull(w, "source", slot.source);
	WriteTextOrNull(w, "file", slot.file);
	JsonInt(w, "offset", slot.offset);
	JsonInt(w, "backlog_bytes", slot.backlog_bytes);
	JsonInt(w, "entries", slot.entries);
	JsonInt(w, "dropped", slot.dropped);
	JsonInt(w, "lost_bytes", slot.lost_bytes);
	JsonInt(w, "skipped_bytes", slot.skipped_bytes);
	JsonObjectEnd(w);
}

static void
WriteDelivery(JsonWriter *w)
{
	DeliverySlot slot = {0};

	if (Shared)
	{
		LWLockAcquire(Shared->lock, LW_SHARED);
		slot = Shared->delivery;
		if (Shared->sender.started_at == 0 && BackendIsWanted())
			slot.state = DELIVERY_STARTING;
		if (BackendIsWanted())
			NoteKeeping(&slot);
		LWLockRelease(Shared->lock);
	}
	JsonObjectBegin(w, "delivery");
	WriteTextOrNull(w, "backend_url", Setting.backend_url);
	JsonText(w, "state", delivery_states[slot.state]);
	JsonInt(w, "sent", slot.sent);
	JsonInt(w, "failed", slot.failed);
	JsonInt(w, "bytes_raw", slot.bytes_raw);
	JsonInt(w, "bytes_sent", slot.bytes_sent);
	if (slot.bytes_raw > 0)
		JsonFloat(w, "compression_ratio", rint(1000.0 * slot.bytes_sent / slot.bytes_raw) / 1000.0);
	else
		JsonNull(w, "compression_ratio");
	WriteTextOrNull(w, "tls_version", slot.tls_version);
	if (slot.last_status)
		JsonInt(w, "last_status", slot.last_status);
	else
		JsonNull(w, "last_status");
	WriteTime(w, "last_success", slot.last_success);
	WriteTextOrNull(w, "last_error", slot.last_error);
	JsonInt(w, "consecutive_failures", slot.consecutive_failures);
	WriteTime(w, "next_attempt", slot.next_attempt);
	WriteTime(w, "token_expires_at", slot.token_expires_at);
	JsonObjectEnd(w);
}

static void
WriteCustom(JsonWriter *w)
{
	CustomSlot *slot = palloc(sizeof(CustomSlot));

	for (int i = 0; i < MAX_CUSTOM; i++)
	{
		LWLockAcquire(Shared->lock, LW_SHARED);
		*slot = Shared->custom[i];
		LWLockRelease(Shared->lock);
		if (slot->name[0] == '\0')
			continue;
		JsonObjectBegin(w, slot->name);
		JsonInt(w, "runs", slot->runs);
		JsonInt(w, "errors", slot->errors);
		WriteTime(w, "last_run", slot->last_run);
		WriteTextOrNull(w, "last_database", slot->last_database);
		if (slot->last_run != 0)
		{
			JsonFloat(w, "last_duration_ms", slot->last_duration_ms);
			JsonInt(w, "rows", slot->last_rows);
		}
		WriteTextOrNull(w, "last_error", slot->last_error);
		WriteTextOrNull(w, "last_error_database", slot->last_error_database);
		WriteTime(w, "last_error_at", slot->last_error_at);
		JsonObjectEnd(w);
	}
	pfree(slot);
}

static bool
AppendToStringInfo(void *arg, const char *data, size_t len)
{
	appendBinaryStringInfo((StringInfo) arg, data, len);
	return true;
}

Datum
JsonbFromUtf8(char *json)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(TextFromUtf8(json)));
}

/*
 * pganalytics_status() returns jsonb: the state of workers, collectors, spool
 * and delivery, and the problems.  Fields: docs/api.md.
 */
Datum
pganalytics_status(PG_FUNCTION_ARGS)
{
	StringInfoData text;
	JsonSink	   sink = {AppendToStringInfo, NULL, &text};
	JsonWriter	   w;

	initStringInfo(&text);
	JsonInit(&w, sink, palloc(BUFFER_SIZE), BUFFER_SIZE);

	JsonObjectBegin(&w, NULL);
	JsonText(&w, "version", PGANALYTICS_VERSION);
	JsonText(&w, "collector_id", CollectorId());
	JsonText(&w, "hostname", Hostname());
	JsonBool(&w, "in_recovery", RecoveryInProgress());

	JsonObjectBegin(&w, "workers");
	WriteWorker(&w, "collector", Shared ? &Shared->collector : NULL);
	WriteWorker(&w, "sender", Shared ? &Shared->sender : NULL);
	if (Shared)
		WriteVisitors(&w);
	JsonObjectEnd(&w);

	JsonObjectBegin(&w, "collectors");
	for (int i = 0; i < NUM_COLLECTORS; i++)
		WriteCollector(&w, i);
	JsonObjectEnd(&w);

	JsonObjectBegin(&w, "custom");
	if (Shared)
		WriteCustom(&w);
	JsonObjectEnd(&w);

	WriteVisits(&w);
	WriteCpu(&w);
	WriteSpool(&w);
	WriteLog(&w);
	WriteDelivery(&w);
	WriteConfig(&w);

	JsonArrayBegin(&w, "problems");
	WriteProblems(&w);
	JsonArrayEnd(&w);
	JsonObjectEnd(&w);
	JsonFlush(&w);

	PG_RETURN_DATUM(JsonbFromUtf8(text.data));
}

/* pganalytics_version() returns text: version of the SQL objects and of the library. */
Datum
pganalytics_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(PGANALYTICS_SQL_VERSION " (library " PGANALYTICS_VERSION ")"));
}
