/*
 * pg_log.c
 *		The collector pg_log: what the server writes to its log.
 *
 * Reads what the log file has grown by (tail.c) through a buffer of fixed size
 * and streams the entries into the batch, so that neither a backlog nor a line
 * of 100 MB takes more memory than an idle log.  An entry that does not fit
 * the buffer is cut and the rest of its line passed over.  What a run leaves
 * unread is read by the next one; the position moves when the batch was kept.
 */
#include "postgres.h"

#include "log/log.h"

#include <unistd.h>

#include "base/collectors.h"
#include "base/problem.h"
#include "base/settings.h"
#include "base/worker.h"
#include "log/entry.h"
#include "log/output.h"
#include "log/tail.h"
#include "miscadmin.h"
#include "postmaster/syslogger.h"
#include "storage/fd.h"
#include "utils/memutils.h"

/* What one run reads at most; about a second's work. */
#define MAX_RUN_BYTES (INT64CONST(64) * 1024 * 1024)

/* What pganalytics_sample() shows. */
#define SAMPLE_ENTRIES 100
#define SAMPLE_BYTES (256 * 1024)

/* Of the buffer: twice what is sent of an entry, since quoting makes it longer. */
#define MIN_BUFFER_SIZE (256 * 1024)

struct LogReader
{
	Tail		tail;
	LogDialect	dialect;
};

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

/* Entries */

/* Parses an entry, in place, and hands it on.  cut: its end was passed over. */
static void
TakeEntry(LogOutput *out, const LogFile *file, char *data, size_t len, bool cut)
{
	const char *slash = last_dir_separator(file->path);
	LogOrigin	origin = {file->format->source, slash != NULL ? slash + 1 : file->path};
	LogEntry	entry;

	if (!file->format->parse(out->dialect, data, len, &entry))
		return;
	entry.cut = cut;
	LogOutputEntry(out, &origin, &entry);
}

/*
 * Takes the entries at the start of a buffer as far as they are whole and the
 * limit allows.  full: no more would fit the buffer.  in_line: the first line
 * is the rest of one that was cut, and is passed over.  Returns the bytes that
 * are done with.
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
		bool		cut = false;

		if (frame.kind == FRAME_MORE)
		{
			if (done > 0 || !full)
				break;
			/* longer than the buffer: take what there is, pass over the rest */
			frame = (LogFrame) {FRAME_ENTRY, len};
			cut = true;
			*in_line = data[len - 1] != '\n';
		}
		if (frame.kind == FRAME_ENTRY)
			TakeEntry(out, file, data + done, frame.length, cut);
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
	LogOutputEnd(out);
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
		if (n < 0 || ShutdownIsRequested())
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
	LogOutputEnd(out);
}

static void
CollectTail(LogReader *reader, LogOutput *out)
{
	LogTrouble	trouble = {0};
	size_t		buffer_size = Max(MIN_BUFFER_SIZE, (size_t) Setting.log_entry_size_kb * 2048);

	out->limit = (int64) Setting.log_max_rate * CollectorInterval(COLLECTOR_PG_LOG);
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
		LogTroubleSet(trouble, errno, "could not read log file \"%s\": %s",
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
	LogOutputEnd(out);
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
	LogOutput	out;

	ReadDialect(dialect);
	LogOutputBegin(&out, batch, dialect);
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

void
LogReaderRest(LogReader *reader)
{
	TailForget(&reader->tail);
	ProblemClear(PROBLEM_LOG);
	ProblemClear(PROBLEM_LOG_FORMAT);
}
