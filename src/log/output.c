/*
 * output.c
 *		Which entries of the log are sent, and how.
 *
 * What the classifier knows is sent, whatever its severity; of the others
 * log_filters decides.  Nothing of an entry leaves the server but through the
 * redactor.
 */
#include "postgres.h"

#include "log/output.h"

#include <locale.h>

#include "base/collectors.h"
#include "base/inforce.h"
#include "base/settings.h"
#include "log/write.h"
#include "log/zone.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

/* Positions in PgLogFields of fields.c. */
typedef enum MetricField
{
	METRIC_SOURCE,
	METRIC_FILE,
	METRIC_DROPPED,
	METRIC_ENTRIES
} MetricField;

#define NUM_METRIC_FIELDS (METRIC_ENTRIES + 1)

static uint32
ReadLevels(void)
{
	uint32 levels = 0;

	for (LogWord word = WORD_DEBUG; word <= WORD_PANIC; word++)
	{
		if (SeverityIsSent(LogWordName(word)))
			levels |= 1u << word;
	}
	return levels;
}

static void
ReadOwnPids(LogOutput *out)
{
	out->num_own = 0;
	if (Shared == NULL)
		return;
	LWLockAcquire(Shared->lock, LW_SHARED);
	out->own[out->num_own++] = Shared->collector.pid;
	out->own[out->num_own++] = Shared->sender.pid;
	for (int i = 0; i < MAX_VISITORS; i++)
		out->own[out->num_own++] = Shared->visitors[i].worker.pid;
	LWLockRelease(Shared->lock);
}

/* What we say of ourselves, short of a warning, would be said again about sending it. */
static bool
IsOwnChatter(const LogOutput *out, const LogEntry *entry)
{
	static const char own[] = "pganalytics: ";
	const LogText	 *message = &entry->text[LOG_MESSAGE];

	if (entry->level >= WORD_WARNING)
		return false;
	if (entry->pid == 0)
		return message->len > strlen(own) && memcmp(message->data, own, strlen(own)) == 0;
	for (int i = 0; i < out->num_own; i++)
	{
		if (entry->pid == out->own[i])
			return true;
	}
	return false;
}

static void
BeginMetric(LogOutput *out, const LogOrigin *origin)
{
	Value values[NUM_METRIC_FIELDS] = {0};

	out->writer =
		BatchMetricBegin(out->batch, Collectors[COLLECTOR_PG_LOG].name, "", GetCurrentTimestamp());
	ValueSetText(&values[METRIC_SOURCE], origin->source);
	if (origin->file != NULL)
		ValueSetText(&values[METRIC_FILE], origin->file);
	JsonFields(out->writer, PgLogFields, values);
	JsonArrayBegin(out->writer, "entries");
}

/* How many entries of each severity the limit left out since the last metric. */
static void
WriteDropped(LogOutput *out)
{
	bool any = false;

	for (LogWord word = WORD_DEBUG; word <= WORD_PANIC; word++)
	{
		if (out->dropped[word] == 0)
			continue;
		if (!any)
			JsonObjectBegin(out->writer, "dropped");
		any = true;
		JsonInt(out->writer, LogWordName(word), out->dropped[word]);
		out->dropped[word] = 0;
	}
	if (any)
		JsonObjectEnd(out->writer);
}

static bool
AnyDropped(const LogOutput *out)
{
	for (LogWord word = WORD_DEBUG; word <= WORD_PANIC; word++)
	{
		if (out->dropped[word] != 0)
			return true;
	}
	return false;
}

void
LogOutputEnd(LogOutput *out, const LogOrigin *origin)
{
	if (out->writer == NULL && AnyDropped(out))
		BeginMetric(out, origin);
	if (out->writer != NULL)
	{
		JsonArrayEnd(out->writer);
		WriteDropped(out);
		BatchMetricEnd(out->batch);
		out->writer = NULL;
	}
	if (out->position.inode != 0)
		BatchSetLogPosition(out->batch, &out->position);
}

static void
WriteEntry(LogOutput *out, const LogOrigin *origin, LogEntry *entry, bool has_time, int64 unix_us)
{
	if (out->writer != NULL && BatchMetricIsLong(out->batch))
		LogOutputEnd(out, origin);
	if (out->writer == NULL)
		BeginMetric(out, origin);
	LogEntryWrite(out->writer, &out->redactor, entry, out->meaning, has_time, unix_us);
	BatchCountRows(out->batch, 1);
	out->written++;
}

/* The message as it stands in the source is English, whatever the server speaks. */
static void
Classify(LogOutput *out, const LogEntry *entry)
{
	const LogEventRow *event;

	LogClassify(entry, out->meaning);
	if (entry->message_id.data == NULL || (out->meaning->event != NULL && out->redactor.english))
		return;
	event = LogEventOfFormat(entry->message_id.data, entry->text[LOG_SQLSTATE].data);
	if (event != NULL)
		out->meaning->event = event;
}

void
LogOutputEntry(LogOutput *out, const LogOrigin *origin, LogEntry *entry)
{
	int64 unix_us = 0;
	bool  has_time = LogTimeToUnix(&entry->time, &out->zones, out->last_us, &unix_us);

	if (has_time)
		out->last_us = unix_us;
	if (out->recent != NULL && LogRecentKnows(out->recent, entry, unix_us))
		return;
	if (IsOwnChatter(out, entry))
		return;
	Classify(out, entry);
	if (out->meaning->event == NULL && (out->levels & (1u << entry->level)) == 0)
		return;
	if (out->skip > 0)
		out->skip--;
	else if (out->drop && out->written >= out->limit)
	{
		out->dropped[entry->level]++;
		out->all_dropped++;
	}
	else
		WriteEntry(out, origin, entry, has_time, unix_us);
}

/* Of the server: our workers speak English whatever it speaks (session.c). */
const char *
LogLanguage(void)
{
	return GetConfigOptionResetString("lc_messages");
}

bool
LogIsEnglish(void)
{
	const char *language = LogLanguage();

	if (language == NULL || language[0] == '\0')
		language = setlocale(LC_MESSAGES, NULL);
	return language == NULL || pg_strncasecmp(language, "en", 2) == 0 || language[0] == 'C' ||
		pg_strcasecmp(language, "POSIX") == 0;
}

static void
BeginRedaction(Redactor *redactor)
{
	memset(redactor, 0, sizeof(*redactor));
	redactor->mode = Setting.log_redact;
	redactor->english = LogIsEnglish();
	redactor->room = REDACTOR_ROOM((size_t) Setting.log_entry_size_kb * 1024);
	redactor->buffer = palloc(REDACTOR_BUFFER_SIZE(redactor->room));
	redactor->scratch = palloc(REDACTOR_BUFFER_SIZE(redactor->room));
}

void
LogOutputBegin(LogOutput *out, Batch *batch)
{
	memset(out, 0, sizeof(*out));
	out->batch = batch;
	out->zones.now = log_timezone;
	out->levels = ReadLevels();
	ReadOwnPids(out);
	out->meaning = palloc(sizeof(Meaning));
	BeginRedaction(&out->redactor);
}
