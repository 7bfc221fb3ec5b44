/*
 * pg_log.c
 *		The collector pg_log: what the server writes to its log.
 *
 * Reads what the log file has grown by (tail.c) through a buffer of fixed size
 * and streams the entries into the batch, so that neither a backlog nor a line
 * of 100 MB takes more memory than an idle log.  An entry that does not fit
 * the buffer is cut and the rest of its line passed over.  What a run leaves
 * unread is read by the next one; the position moves when the batch was kept.
 *
 * Until there is redaction, nothing of an entry leaves the server but who,
 * when, severity, SQLSTATE and message.
 */
#include "postgres.h"

#include "log/log.h"

#include <unistd.h>

#include "base/collectors.h"
#include "base/problem.h"
#include "base/settings.h"
#include "base/shared.h"
#include "log/entry.h"
#include "log/tail.h"
#include "log/zone.h"
#include "miscadmin.h"
#include "postmaster/syslogger.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* What one run reads at most; about a second's work. */
#define MAX_RUN_BYTES (INT64CONST(64) * 1024 * 1024)

/* What pganalytics_sample() shows. */
#define SAMPLE_ENTRIES 100
#define SAMPLE_BYTES (256 * 1024)

/* Of the buffer: twice what is sent of an entry, since quoting makes it longer. */
#define MIN_BUFFER_SIZE (256 * 1024)

#define MAX_OWN_PIDS (2 + MAX_VISITORS)

struct LogReader
{
	Tail		tail;
	LogDialect	dialect;
};

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

/* Where the entries of one run go. */
typedef struct LogOutput
{
	Batch	   *batch;
	const LogDialect *dialect;
	JsonWriter *writer;			/* of the open metric; NULL: none is open */
	int64		written;		/* entries */
	int64		limit;			/* of them */
	int64		skip;			/* entries to leave out first (sample) */
	int64		last_us;		/* time of the last entry */
	int64		not_before_us;
	uint32		levels;			/* bit per LogWord: is sent */
	int			num_own;
	pid_t		own[MAX_OWN_PIDS];
} LogOutput;

/* How the server writes */

/* What the server itself says for the words, whatever the table in severity.c holds. */
static void
LearnTranslations(LogDialect *dialect)
{
#ifdef ENABLE_NLS
	static const struct
	{
		LogWord		word;
		const char *msgid;
	}			words[] = {
		{WORD_DETAIL, "DETAIL:  "},
		{WORD_HINT, "HINT:  "},
		{WORD_QUERY, "QUERY:  "},
		{WORD_CONTEXT, "CONTEXT:  "},
		{WORD_LOCATION, "LOCATION:  %s:%d\n"},
		{WORD_BACKTRACE, "BACKTRACE:  "},
		{WORD_STATEMENT, "STATEMENT:  "},
	};

	for (LogWord word = WORD_DEBUG; word <= WORD_PANIC; word++)
		LogDialectLearn(dialect, word, gettext(LogWordName(word)));
	for (int i = 0; i < lengthof(words); i++)
		LogDialectLearn(dialect, words[i].word, gettext(words[i].msgid));
#endif
}

static void
ReadDialect(LogDialect *dialect)
{
	LogDialectInit(dialect, Log_line_prefix != NULL ? Log_line_prefix : "");
	dialect->verbose = Log_error_verbosity >= PGERROR_VERBOSE;
	LearnTranslations(dialect);
}

static void
ReportFormat(const LogDialect *dialect, const LogFormat *format)
{
	if (format->frame != StderrFrame || (dialect->prefix_known && !dialect->prefix_ambiguous))
		ProblemClear(PROBLEM_LOG_FORMAT);
	else if (!dialect->prefix_known)
		ProblemSet(PROBLEM_LOG_FORMAT, 1,
				   "\"log_line_prefix\" is not understood, only level and message of log entries "
				   "are sent: use its documented escapes, or add jsonlog to \"log_destination\"");
	else
		ProblemSet(PROBLEM_LOG_FORMAT, 2,
				   "values in \"log_line_prefix\" that follow each other directly cannot be told "
				   "apart and are not sent: put a character between them, or add jsonlog to "
				   "\"log_destination\"");
}

/* Which entries are sent */

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

/* Output */

static void
EndMetric(LogOutput *out)
{
	if (out->writer == NULL)
		return;
	JsonArrayEnd(out->writer);
	BatchMetricEnd(out->batch);
	out->writer = NULL;
}

static void
BeginMetric(LogOutput *out, const LogFile *file)
{
	const char *slash = last_dir_separator(file->path);
	Value		values[3] = {0};

	out->writer = BatchMetricBegin(out->batch, Collectors[COLLECTOR_PG_LOG].name, "",
								   GetCurrentTimestamp());
	ValueSetText(&values[0], file->format->source);
	ValueSetText(&values[1], slash != NULL ? slash + 1 : file->path);
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
WriteEntry(LogOutput *out, const LogFile *file, LogEntry *entry, bool has_time, int64 unix_us)
{
	Value		values[NUM_ENTRY_FIELDS] = {0};
	const Field *fields = PgLogFields[FieldIndex(PgLogFields, "entries")].fields;
	char		sqlstate[8];
	char		user[256];
	char		database[256];
	char		application[256];

	if (out->writer != NULL && BatchMetricIsLong(out->batch))
		EndMetric(out);
	if (out->writer == NULL)
		BeginMetric(out, file);

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

/* One entry of the buffer: parsed, filtered, written. */
static void
TakeEntry(LogOutput *out, const LogFile *file, char *data, size_t len)
{
	LogEntry	entry;
	int64		unix_us = 0;
	bool		has_time;

	if (!file->format->parse(out->dialect, data, len, &entry))
		return;
	has_time = LogTimeToUnix(&entry.time, out->last_us, &unix_us);
	if (has_time)
		out->last_us = unix_us;
	if ((out->levels & (1u << entry.level)) == 0 || IsOwnChatter(out, &entry))
		return;
	if (has_time && unix_us <= out->not_before_us)
		return;
	if (out->skip > 0)
		out->skip--;
	else
		WriteEntry(out, file, &entry, has_time, unix_us);
}

/*
 * Takes the entries at the start of a buffer as far as they are whole and the
 * limit allows.  full: no more would fit the buffer.  in_line: the first line
 * is the rest of one that was cut, and is passed over.  Returns the bytes that are done with.
 */
static size_t
TakeEntries(LogOutput *out, const LogFile *file, char *data, size_t len, LogEnd end, bool full,
			bool *in_line)
{
	size_t		done = 0;

	if (*in_line)
	{
		char	   *newline = memchr(data, '\n', len);

		if (newline == NULL)
			return len;
		*in_line = false;
		done = newline - data + 1;
	}
	while (done < len && out->written < out->limit)
	{
		LogFrame	frame = file->format->frame(out->dialect, data + done, len - done, end);

		if (frame.kind == FRAME_MORE)
		{
			if (done > 0 || !full)
				break;
			/* longer than the buffer: take what there is, pass over the rest */
			frame = (LogFrame) {FRAME_ENTRY, len};
			*in_line = data[len - 1] != '\n';
		}
		if (frame.kind == FRAME_ENTRY)
			TakeEntry(out, file, data + done, frame.length);
		done += frame.length;
	}
	return done;
}

/* The collector */

/*
 * The buffer ends where the file does for now.  Returns true when there is
 * another file to go on with.
 */
static bool
FinishFile(Tail *tail, LogOutput *out, LogTrouble *trouble)
{
	size_t		held = tail->end - tail->start;
	LogEnd		end = LOG_END_FINAL;

	if (TailIsCurrent(tail))
	{
		if (held == 0 || !TailIsQuiet(tail))
			return false;
		end = LOG_END_QUIET;
	}
	TailConsume(tail, TakeEntries(out, &tail->here.file, tail->buffer + tail->start, held,
								  end, false, &tail->here.in_line));
	tail->here.last_us = out->last_us;
	if (end == LOG_END_QUIET || out->written >= out->limit)
		return false;
	EndMetric(out);
	if (!TailNextFile(tail, trouble))
		return false;
	out->not_before_us = tail->here.not_before_us;
	return true;
}

static void
ReadTail(Tail *tail, LogOutput *out, LogTrouble *trouble)
{
	int64		bytes = 0;

	out->last_us = tail->here.last_us;
	out->not_before_us = tail->here.not_before_us;
	while (out->written < out->limit && bytes < MAX_RUN_BYTES)
	{
		ssize_t		n = TailRead(tail, trouble);

		CHECK_FOR_INTERRUPTS();
		if (n < 0)
			break;
		if (n == 0)
		{
			if (!FinishFile(tail, out, trouble))
				break;
			continue;
		}
		bytes += n;
		TailConsume(tail, TakeEntries(out, &tail->here.file, tail->buffer + tail->start,
									  tail->end - tail->start, LOG_END_OPEN,
									  tail->end - tail->start == tail->size,
									  &tail->here.in_line));
		tail->here.last_us = out->last_us;
	}
	EndMetric(out);
}

static void
CollectTail(LogReader *reader, LogOutput *out)
{
	LogTrouble	trouble = {0};
	size_t		buffer_size = Max(MIN_BUFFER_SIZE, (size_t) Setting.log_entry_size_kb * 2048);

	out->limit = (int64) Setting.log_max_rate * CollectorInterval(COLLECTOR_PG_LOG);
	ReadOwnPids(out);
	if (TailBegin(&reader->tail, buffer_size, &trouble))
	{
		ReportFormat(&reader->dialect, reader->tail.current.format);
		ReadTail(&reader->tail, out, &trouble);
	}
	if (trouble.code != 0)
		ProblemSet(PROBLEM_LOG, trouble.code, "%s", trouble.text);
	else
		ProblemClear(PROBLEM_LOG);
}

/* The sample */

/* The last bytes of the file; NULL: they cannot be read. */
static char *
ReadSample(LogFile *file, size_t *len, bool *in_line, LogTrouble *trouble)
{
	char	   *buffer = palloc(SAMPLE_BYTES + 1);
	uint64		offset;
	ssize_t		n;

	if (!LogFindCurrent(file, trouble) || !LogFileOpen(file, true, trouble))
		return NULL;
	offset = file->size > SAMPLE_BYTES ? file->size - SAMPLE_BYTES : 0;
	n = pread(file->fd, buffer, SAMPLE_BYTES, offset);
	if (n < 0)
	{
		trouble->code = errno;
		snprintf(trouble->text, sizeof(trouble->text), "could not read log file \"%s\": %s",
				 file->path, strerror(errno));
	}
	CloseTransientFile(file->fd);
	*len = n < 0 ? 0 : n;
	*in_line = offset > 0;
	return n < 0 ? NULL : buffer;
}

static void
CollectSample(LogOutput *out)
{
	const char *type = Collectors[COLLECTOR_PG_LOG].name;
	LogTrouble	trouble = {0};
	LogOutput	count = *out;
	LogFile		file;
	bool		in_line;
	bool		in_line_again;
	bool		full;
	size_t		len;
	char	   *buffer = ReadSample(&file, &len, &in_line, &trouble);
	char	   *copy;

	if (buffer == NULL)
	{
		BatchError(out->batch, type, NULL, NULL, trouble.text);
		return;
	}
	/* parsing spoils the buffer, and how many entries there are shows only then */
	copy = palloc(len + 1);
	memcpy(copy, buffer, len);
	in_line_again = in_line;
	full = len == SAMPLE_BYTES;
	count.skip = count.limit = PG_INT64_MAX;
	TakeEntries(&count, &file, copy, len, LOG_END_QUIET, full, &in_line);
	pfree(copy);

	out->limit = SAMPLE_ENTRIES;
	out->skip = (PG_INT64_MAX - count.skip) - SAMPLE_ENTRIES;
	TakeEntries(out, &file, buffer, len, LOG_END_QUIET, full, &in_line_again);
	EndMetric(out);
	pfree(buffer);
}

/* Interface */

LogReader *
LogReaderCreate(void)
{
	LogReader  *reader = MemoryContextAllocZero(TopMemoryContext, sizeof(LogReader));

	TailInit(&reader->tail);
	return reader;
}

void
LogCollect(LogReader *reader, Batch *batch, bool from_sample)
{
	LogDialect *dialect = reader != NULL ? &reader->dialect : palloc(sizeof(LogDialect));
	LogOutput	out = {.batch = batch,.dialect = dialect};

	ReadDialect(dialect);
	out.levels = ReadLevels(Setting.log_filters);
	if (from_sample)
		CollectSample(&out);
	else
		CollectTail(reader, &out);
}

void
LogCollectCommitted(LogReader *reader)
{
	TailCommit(&reader->tail);
}

void
LogCollectFailed(LogReader *reader)
{
	TailRollback(&reader->tail);
}
