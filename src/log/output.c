/*
 * output.c
 *		Which entries of the log are sent, and how.
 *
 * Until there is redaction, nothing of an entry leaves the server but who,
 * when, severity, SQLSTATE and message.
 */
#include "postgres.h"

#include "log/output.h"

#include "base/collectors.h"
#include "base/settings.h"
#include "log/zone.h"
#include "utils/timestamp.h"

/* Positions in EntryFields of fields.c. */
typedef enum EntryField
{
	ENTRY_TIMESTAMP,
	ENTRY_LEVEL,
	ENTRY_MESSAGE,
	ENTRY_SQLSTATE,
	ENTRY_PID,
	ENTRY_USER,
	ENTRY_DATABASE,
	ENTRY_APPLICATION
} EntryField;

#define NUM_ENTRY_FIELDS (ENTRY_APPLICATION + 1)

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
	if (entry->level >= WORD_WARNING || entry->pid == 0)
		return false;
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

/*
 * A text as C string, into a buffer.  The byte after a text may be the first
 * of the next one, so they are not terminated where they lie.
 */
static void
SetText(Value *value, const LogText *text, char *buffer, size_t size)
{
	size_t		len;

	if (text->data == NULL)
		return;
	len = LogTextCut(text->data, text->len, size - 1);
	memcpy(buffer, text->data, len);
	buffer[len] = '\0';
	ValueSetText(value, buffer);
}

/*
 * The message, cut and terminated in place: behind it is a byte of the same
 * entry that nobody needs any more, or the spare one of the buffer.
 */
static void
SetMessage(Value *value, LogText *message)
{
	static const char mark[] = "…";
	size_t		limit = (size_t) Setting.log_entry_size_kb * 1024;
	char	   *nul;

	if (message->len > limit)
	{
		message->len = LogTextCut(message->data, message->len, limit - strlen(mark));
		memcpy(message->data + message->len, mark, strlen(mark));
		message->len += strlen(mark);
	}
	/* becomes U+FFFD, as any other byte that is no UTF-8 */
	while ((nul = memchr(message->data, '\0', message->len)) != NULL)
		*nul = (char) 0xFF;
	message->data[message->len] = '\0';
	ValueSetText(value, message->data);
}

static void
WriteEntry(LogOutput *out, const LogOrigin *origin, LogEntry *entry, bool has_time, int64 unix_us)
{
	Value		values[NUM_ENTRY_FIELDS] = {0};
	const Field *fields = PgLogFields[FieldIndex(PgLogFields, "entries")].fields;
	char		sqlstate[8];
	char		user[256];
	char		database[256];
	char		application[256];

	if (out->writer != NULL && BatchMetricIsLong(out->batch))
		LogOutputEnd(out);
	if (out->writer == NULL)
		BeginMetric(out, origin);

	if (has_time)
		ValueSetInt(&values[ENTRY_TIMESTAMP], unix_us);
	if (entry->pid != 0)
		ValueSetInt(&values[ENTRY_PID], entry->pid);
	ValueSetText(&values[ENTRY_LEVEL], LogWordName(entry->level));
	SetText(&values[ENTRY_SQLSTATE], &entry->text[LOG_SQLSTATE], sqlstate, sizeof(sqlstate));
	SetText(&values[ENTRY_USER], &entry->text[LOG_USER], user, sizeof(user));
	SetText(&values[ENTRY_DATABASE], &entry->text[LOG_DATABASE], database, sizeof(database));
	SetText(&values[ENTRY_APPLICATION], &entry->text[LOG_APPLICATION],
			application, sizeof(application));
	/* last: it may write over what lies behind it */
	SetMessage(&values[ENTRY_MESSAGE], &entry->text[LOG_MESSAGE]);

	JsonObjectBegin(out->writer, NULL);
	JsonFields(out->writer, fields, values);
	JsonObjectEnd(out->writer);
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
	if ((out->levels & (1u << entry->level)) == 0 || IsOwnChatter(out, entry))
		return;
	if (has_time && unix_us <= out->not_before_us)
		return;
	if (out->skip > 0)
		out->skip--;
	else
		WriteEntry(out, origin, entry, has_time, unix_us);
}

void
LogOutputBegin(LogOutput *out, Batch *batch, const LogDialect *dialect)
{
	memset(out, 0, sizeof(*out));
	out->batch = batch;
	out->dialect = dialect;
	out->levels = ReadLevels(Setting.log_filters);
	ReadOwnPids(out);
}
