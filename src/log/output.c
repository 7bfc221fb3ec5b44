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
#include "base/settings.h"
#include "log/write.h"
#include "log/zone.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

static uint32
ReadLevels(const char *filters)
{
	static const char *const debug[] = {"DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5"};
	bool		all = ListContains(filters, "all");
	uint32		levels = 0;

	for (LogWord word = WORD_DEBUG; word <= WORD_PANIC; word++)
	{
		if (all || ListContains(filters, LogWordName(word)))
			levels |= 1u << word;
	}
	/* the log does not tell them apart */
	for (int i = 0; i < lengthof(debug); i++)
	{
		if (ListContains(filters, debug[i]))
			levels |= 1u << WORD_DEBUG;
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
	const LogText *message = &entry->text[LOG_MESSAGE];

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

void
LogOutputEnd(LogOutput *out)
{
	if (out->writer == NULL)
		return;
	JsonArrayEnd(out->writer);
	BatchMetricEnd(out->batch);
	out->writer = NULL;
}

static void
BeginMetric(LogOutput *out, const LogOrigin *origin)
{
	Value		values[3] = {0};

	out->writer = BatchMetricBegin(out->batch, Collectors[COLLECTOR_PG_LOG].name, "",
								   GetCurrentTimestamp());
	ValueSetText(&values[0], origin->source);
	if (origin->file != NULL)
		ValueSetText(&values[1], origin->file);
	JsonFields(out->writer, PgLogFields, values);
	JsonArrayBegin(out->writer, "entries");
}

static void
WriteEntry(LogOutput *out, const LogOrigin *origin, LogEntry *entry, bool has_time, int64 unix_us)
{
	if (out->writer != NULL && BatchMetricIsLong(out->batch))
		LogOutputEnd(out);
	if (out->writer == NULL)
		BeginMetric(out, origin);
	LogEntryWrite(out->writer, &out->redactor, entry, out->meaning, has_time, unix_us);
	BatchCountRows(out->batch, 1);
	out->written++;
}

void
LogOutputEntry(LogOutput *out, const LogOrigin *origin, LogEntry *entry)
{
	int64		unix_us = 0;
	bool		has_time = LogTimeToUnix(&entry->time, out->last_us, &unix_us);

	if (has_time)
		out->last_us = unix_us;
	if (IsOwnChatter(out, entry))
		return;
	LogClassify(entry, out->meaning);
	if (out->meaning->event == NULL && (out->levels & (1u << entry->level)) == 0)
		return;
	if (has_time && unix_us <= out->not_before_us)
		return;
	if (out->skip > 0)
		out->skip--;
	else
		WriteEntry(out, origin, entry, has_time, unix_us);
}

bool
LogIsEnglish(void)
{
	const char *language = GetConfigOption("lc_messages", true, false);

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
LogOutputBegin(LogOutput *out, Batch *batch, const LogDialect *dialect)
{
	memset(out, 0, sizeof(*out));
	out->batch = batch;
	out->dialect = dialect;
	out->levels = ReadLevels(Setting.log_filters);
	ReadOwnPids(out);
	out->meaning = palloc(sizeof(Meaning));
	BeginRedaction(&out->redactor);
}
