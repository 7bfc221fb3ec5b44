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
#include "base/shared.h"
#include "base/worker.h"
#include "log/dialects.h"
#include "log/entry.h"
#include "log/hook.h"
#include "log/output.h"
#include "log/tail.h"
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

/* Read before the position, to know again what another format repeats. */
#define LEARN_BYTES (64 * 1024)

/* The last run left some of a file that is about to go. */
static bool GoingFileWaits = false;

struct LogReader
{
	Tail		tail;
	LogDialects dialects;
	LogRecent	recent;
	LogRecent	kept_recent;   /* as of tail.kept */
	bool		reloaded;	   /* the settings have changed since the last run that could read */
	int64		entries;	   /* read by this run */
	int64		skipped_bytes; /* that are part of no entry */
	int64		dropped;
	TimestampTz hook_read_at; /* when the ring was read last */
};

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

/* A piece of a log file, in memory. */
typedef struct Piece
{
	LogOutput		 *out;
	const LogFile	 *file;
	const LogDialect *dialect;
	LogReader		 *reader;  /* NULL: a sample */
	uint64			  offset;  /* of the piece in its file */
	bool			  in_line; /* it begins with the rest of a line that was cut */
} Piece;

static LogOrigin
OriginOf(const LogFile *file)
{
	const char *slash = last_dir_separator(file->path);

	return (LogOrigin){file->format->source, slash != NULL ? slash + 1 : file->path};
}

/* At "done" bytes into the piece: what is behind us, and how the next entry is written. */
static void
SetPlace(Piece *piece, size_t done)
{
	LogReader *reader = piece->reader;
	TailPlace *here;

	if (reader == NULL)
		return;
	here = &reader->tail.here;
	piece->out->position.offset = piece->offset + done;
	piece->out->position.in_line = piece->in_line;
	piece->out->position.last_us = piece->out->last_us;
	if (here->former && LogDialectsIsNow(&reader->dialects, &here->file, piece->offset + done))
		here->former = false;
	piece->dialect =
		&reader->dialects.dialect[here->former ? reader->dialects.former : reader->dialects.now];
}

/* Parses an entry, in place, and hands it on.  cut: its end was passed over. */
static void
TakeEntry(Piece *piece, char *data, size_t len, bool cut)
{
	LogOrigin origin = OriginOf(piece->file);
	LogEntry  entry;

	if (!piece->file->format->parse(piece->dialect, data, len, &entry))
	{
		if (piece->reader != NULL)
			piece->reader->skipped_bytes += len;
		return;
	}
	if (piece->reader != NULL)
		piece->reader->entries++;
	entry.cut = cut;
	LogOutputEntry(piece->out, &origin, &entry);
}

static bool
IsLimitReached(const LogOutput *out)
{
	return out->written >= out->limit && !out->drop;
}

/*
 * Takes the entries at the start of a piece as far as they are whole and the
 * limit allows.  full: no more would fit the buffer.  Returns the bytes that
 * are done with.
 */
static size_t
TakeEntries(Piece *piece, char *data, size_t len, LogEnd end, bool full)
{
	size_t done = 0;

	if (piece->in_line)
	{
		char *newline = memchr(data, '\n', len);

		if (newline == NULL)
			return len;
		piece->in_line = false;
		done = newline - data + 1;
	}
	while (done < len && !IsLimitReached(piece->out))
	{
		LogFrame frame;
		bool	 cut = false;

		SetPlace(piece, done);
		frame = piece->file->format->frame(piece->dialect, data + done, len - done, end);
		if (frame.kind == FRAME_MORE)
		{
			if (done > 0 || !full)
				break;
			/* longer than the buffer: take what there is, pass over the rest */
			frame = (LogFrame){FRAME_ENTRY, len};
			cut = true;
			piece->in_line = data[len - 1] != '\n';
		}
		if (frame.kind == FRAME_ENTRY)
			TakeEntry(piece, data + done, frame.length, cut);
		else if (piece->reader != NULL)
			piece->reader->skipped_bytes += frame.length;
		done += frame.length;
	}
	return done;
}

/* The collector */

/* The entries in the buffer of the tail. */
static void
TakeBuffer(LogReader *reader, LogOutput *out, LogEnd end)
{
	Tail  *tail = &reader->tail;
	size_t len = tail->end - tail->start;
	Piece  piece = {.out = out,
					.file = &tail->here.file,
					.reader = reader,
					.offset = tail->here.offset,
					.in_line = tail->here.in_line};
	size_t done;

	out->position = TailPosition(tail);
	done = TakeEntries(&piece, tail->buffer + tail->start, len, end,
					   end == LOG_END_OPEN && len == tail->size);
	TailConsume(tail, done);
	tail->here.in_line = piece.in_line;
	tail->here.last_us = out->last_us;
	out->position = TailPosition(tail);
}

/* At the end of a file that is not written to any more: on to the next one. */
static bool
GoToNextFile(LogReader *reader, LogOutput *out, LogTrouble *trouble)
{
	Tail			*tail = &reader->tail;
	const LogFormat *format = tail->here.file.format;
	LogOrigin		 origin = OriginOf(&tail->here.file);
	bool			 is_last_former = LogFileSame(&tail->here.file, &reader->dialects.until);

	LogOutputEnd(out, &origin);
	if (!TailNextFile(tail, trouble))
		return false;
	if (is_last_former)
		tail->here.former = false;
	if (tail->here.file.format != format)
		LogRecentCompare(&reader->recent, out->last_us);
	else
		LogRecentEnterFile(&reader->recent, out->last_us);
	out->drop = TailIsGoing(tail);
	return true;
}

/*
 * The buffer ends where the file does for now.  Returns true when there is
 * another file to go on with.
 */
static bool
FinishFile(LogReader *reader, LogOutput *out, LogTrouble *trouble)
{
	Tail *tail = &reader->tail;
	bool  is_over = !TailIsCurrent(tail) && TailIsOver(tail);

	if (!is_over && (tail->end == tail->start || !TailIsQuiet(tail)))
		return false;
	/* a torn line is waited for only where it can be completed */
	TakeBuffer(reader, out, is_over && !TailIsWritten(tail) ? LOG_END_FINAL : LOG_END_QUIET);
	return is_over && !IsLimitReached(out) && GoToNextFile(reader, out, trouble);
}

/*
 * What was written to a file after it had been left, by a process that learnt
 * late of the change.  It moves no position: after a crash it is forgotten,
 * not read twice.
 */
static void
ReadLateEntries(LogReader *reader, LogOutput *out)
{
	Tail   *tail = &reader->tail;
	LogFile file;
	ssize_t n;

	for (int i = 0; (n = TailReadLate(tail, &i, &file)) > 0; i++)
	{
		LogOrigin origin = OriginOf(&file);
		Piece	  piece = {.out = out, .file = &file, .dialect = LogDialectsNow(&reader->dialects)};
		bool	  is_other = file.format != tail->here.file.format;

		if (is_other)
			LogRecentCompare(&reader->recent, out->last_us);
		TailConsumeLate(
			tail, i,
			TakeEntries(&piece, tail->buffer, n, LOG_END_QUIET, n == (ssize_t) tail->size));
		LogOutputEnd(out, &origin);
		if (is_other)
			LogRecentCompare(&reader->recent, out->last_us);
	}
}

static void
ReadTail(LogReader *reader, LogOutput *out, LogTrouble *trouble)
{
	Tail	 *tail = &reader->tail;
	int64	  bytes = 0;
	LogOrigin origin;

	out->last_us = tail->here.last_us;
	out->recent = &reader->recent;
	out->zones = reader->dialects.zones;
	ReadLateEntries(reader, out);
	out->last_us = tail->here.last_us;
	out->drop = TailIsGoing(tail);
	while (!IsLimitReached(out) && bytes < MAX_RUN_BYTES)
	{
		ssize_t n = TailRead(tail, trouble);

		CHECK_FOR_INTERRUPTS();
		if (n < 0 || ShutdownIsRequested())
			break;
		if (n > 0)
			TakeBuffer(reader, out, LOG_END_OPEN);
		else if (!FinishFile(reader, out, trouble))
			break;
		bytes += n;
	}
	GoingFileWaits = out->drop && bytes >= MAX_RUN_BYTES;
	reader->dropped = out->all_dropped;
	out->position = TailPosition(tail);
	origin = OriginOf(&tail->here.file);
	LogOutputEnd(out, &origin);
}

/* What was read last before this process began, if another format is to be read from now on. */
static void
LearnRecent(LogReader *reader, Batch *batch)
{
	const TailPlace *here = &reader->tail.here;
	size_t			 len = Min(here->offset, LEARN_BYTES);
	char			*data = palloc(len + 1);
	LogOutput		 nowhere;
	Piece			 piece = {
				   .out = &nowhere, .file = &here->file, .dialect = LogDialectsNow(&reader->dialects)};

	LogOutputBegin(&nowhere, batch);
	nowhere.skip = nowhere.limit = PG_INT64_MAX;
	nowhere.recent = &reader->recent;
	nowhere.zones = reader->dialects.zones;
	piece.in_line = here->offset > len;
	if (pread(here->file.fd, data, len, here->offset - len) == (ssize_t) len)
		(void) TakeEntries(&piece, data, len, LOG_END_FINAL, false);
	pfree(data);
}

/* A reload was noticed: what is in the files up to here is written as before. */
static void
FollowReload(LogReader *reader)
{
	Tail *tail = &reader->tail;

	reader->dialects.until = tail->current;
	reader->dialects.until_offset = tail->current.size;
	tail->here.former = tail->kept.former =
		!LogDialectsIsNow(&reader->dialects, &tail->here.file, tail->here.offset);
	reader->reloaded = false;
}

static void
Report(const LogReader *reader, Batch *batch, const LogTrouble *trouble)
{
	if (reader->tail.lost[0] != '\0')
		BatchError(batch, Collectors[COLLECTOR_PG_LOG].name, NULL, NULL, reader->tail.lost);
	if (trouble->code != 0)
		ProblemSet(PROBLEM_LOG, trouble->code, "%s", trouble->text);
	else
		ProblemClear(PROBLEM_LOG);
}

static void
CollectTail(LogReader *reader, Batch *batch)
{
	LogTrouble trouble = {0};
	size_t	   buffer_size = Max(MIN_BUFFER_SIZE, (size_t) Setting.log_entry_size_kb * 2048);
	Tail	  *tail = &reader->tail;
	LogOutput  out;

	reader->entries = reader->skipped_bytes = reader->dropped = 0;
	reader->recent = reader->kept_recent;
	if (LogDialectsRead(&reader->dialects))
		reader->reloaded = true;
	LogOutputBegin(&out, batch);
	out.limit = (int64) Setting.log_max_rate * CollectorInterval(COLLECTOR_PG_LOG);
	if (TailBegin(tail, buffer_size, &trouble))
	{
		if (reader->reloaded)
			FollowReload(reader);
		if (reader->recent.count == 0 && tail->here.file.format != tail->current.format)
			LearnRecent(reader, batch);
		ReportFormat(LogDialectsNow(&reader->dialects), tail->current.format);
		ReadTail(reader, &out, &trouble);
	}
	Report(reader, batch, &trouble);
}

/* The hook */

#define PROBLEM_LOG_HOOK 10000 /* beside those of files, which are errno's and the like */

/* At any time no more than so many as the rate allows since the last run. */
static int64
HookLimit(LogReader *reader)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		seconds = (now - reader->hook_read_at) / USECS_PER_SEC;

	reader->hook_read_at = now;
	return Setting.log_max_rate * Max(1, Min(seconds, CollectorInterval(COLLECTOR_PG_LOG)));
}

static void
CollectHook(LogReader *reader, Batch *batch)
{
	TimestampTz emptied_at = LogHookEmptiedAt();
	LogOutput	out;

	LogOutputBegin(&out, batch);
	out.limit = HookLimit(reader);
	LogHookCollect(&out);
	reader->dropped = out.all_dropped;
	reader->entries = out.written;
	reader->skipped_bytes = 0;
	if (emptied_at != 0)
		BatchError(batch, Collectors[COLLECTOR_PG_LOG].name, NULL, NULL,
				   psprintf("the server started again after a crash at %s: entries of its log that "
							"waited in shared memory are lost, and how many they were is not known",
							timestamptz_to_str(emptied_at)));
	ProblemSet(
		PROBLEM_LOG, PROBLEM_LOG_HOOK,
		"the server log is taken by a hook: all lines of the postmaster are missing, such as "
		"the crash of a backend, and those of sessions before and after they belong to the "
		"server, such as connections received, refused for their number and closed; set "
		"\"logging_collector\" to on and \"pganalytics.log_source\" to auto, and restart the "
		"server, to have all of it");
	ProblemClear(PROBLEM_LOG_FORMAT);
}

static void
SampleHook(Batch *batch)
{
	LogOutput out;

	LogOutputBegin(&out, batch);
	LogHookSample(&out, SAMPLE_ENTRIES);
}

/* The sample */

/* The last bytes of the file; NULL: they cannot be read. */
static char *
ReadSample(LogFile *file, size_t *len, bool *in_line, LogTrouble *trouble)
{
	char   *buffer = palloc(SAMPLE_BYTES + 1);
	uint64	offset;
	ssize_t n;

	if (!LogFindCurrent(file, trouble) || !LogFileOpen(file, true, trouble))
		return NULL;
	offset = file->size > SAMPLE_BYTES ? file->size - SAMPLE_BYTES : 0;
	n = pread(file->fd, buffer, SAMPLE_BYTES, offset);
	if (n < 0)
	{
		LogTroubleSet(trouble, errno, "could not read log file \"%s\": %s", file->path,
					  strerror(errno));
	}
	CloseTransientFile(file->fd);
	*len = n < 0 ? 0 : n;
	*in_line = offset > 0;
	return n < 0 ? NULL : buffer;
}

static void
CollectSample(Batch *batch)
{
	const char	*type = Collectors[COLLECTOR_PG_LOG].name;
	LogTrouble	 trouble = {0};
	LogDialects *dialects = palloc0(sizeof(LogDialects));
	LogOutput	 count;
	LogOutput	 out;
	LogOrigin	 origin;
	LogFile		 file;
	Piece		 first;
	Piece		 second;
	bool		 full;
	size_t		 len;
	bool		 in_line;
	char		*buffer = ReadSample(&file, &len, &in_line, &trouble);
	char		*copy;

	if (buffer == NULL)
	{
		BatchError(batch, type, NULL, NULL, trouble.text);
		return;
	}
	LogDialectsRead(dialects);
	LogOutputBegin(&out, batch);
	count = out;
	first = (Piece){
		.out = &count, .file = &file, .dialect = LogDialectsNow(dialects), .in_line = in_line};
	second = first;
	second.out = &out;
	full = len == SAMPLE_BYTES;

	/* parsing spoils the buffer, and how many entries there are shows only then */
	copy = palloc(len + 1);
	memcpy(copy, buffer, len);
	count.skip = count.limit = PG_INT64_MAX;
	TakeEntries(&first, copy, len, LOG_END_QUIET, full);
	pfree(copy);

	out.limit = SAMPLE_ENTRIES;
	out.skip = (PG_INT64_MAX - count.skip) - SAMPLE_ENTRIES;
	TakeEntries(&second, buffer, len, LOG_END_QUIET, full);
	origin = OriginOf(&file);
	LogOutputEnd(&out, &origin);
	pfree(buffer);
}

/* Interface */

LogReader *
LogReaderCreate(void)
{
	LogReader *reader = MemoryContextAllocZero(TopMemoryContext, sizeof(LogReader));

	TailInit(&reader->tail);
	return reader;
}

void
LogCollect(LogReader *reader, Batch *batch, bool from_sample)
{
	if (from_sample)
		LogHookIsUsed() ? SampleHook(batch) : CollectSample(batch);
	else if (LogHookIsUsed())
		CollectHook(reader, batch);
	else
		CollectTail(reader, batch);
}

bool
LogIsUrgent(void)
{
	return GoingFileWaits || LogHookIsFilling();
}

static void
PublishState(const LogReader *reader)
{
	const Tail *tail = &reader->tail;
	bool		by_hook = LogHookIsUsed();
	LogOrigin	origin = by_hook ? LogHookOrigin : OriginOf(&tail->kept.file);
	uint64		backlog = by_hook ? LogHookBacklog() : TailBacklog(tail);
	LogSlot	   *slot = &Shared->log;

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	strlcpy(slot->source, origin.source, sizeof(slot->source));
	SharedCopyText(slot->file, sizeof(slot->file), origin.file != NULL ? origin.file : "");
	slot->offset = tail->kept.offset;
	slot->backlog_bytes = backlog;
	slot->entries += reader->entries;
	slot->dropped += reader->dropped;
	slot->lost_bytes += tail->lost_bytes;
	slot->skipped_bytes += reader->skipped_bytes;
	LWLockRelease(Shared->lock);
}

void
LogCollectCommitted(LogReader *reader)
{
	if (LogHookIsUsed())
	{
		LogHookCommitted();
		PublishState(reader);
		return;
	}
	if (!reader->tail.known)
		return;
	TailCommit(&reader->tail);
	reader->kept_recent = reader->recent;
	PublishState(reader);
}

void
LogCollectFailed(LogReader *reader)
{
	if (LogHookIsUsed())
		LogHookFailed();
	else
		TailRollback(&reader->tail);
}

void
LogReaderRest(LogReader *reader)
{
	if (LogHookIsUsed())
		LogHookRest();
	TailForget(&reader->tail);
	GoingFileWaits = false;
	memset(&reader->kept_recent, 0, sizeof(reader->kept_recent));
	ProblemClear(PROBLEM_LOG);
	ProblemClear(PROBLEM_LOG_FORMAT);
}
