/*
 * pg_log.c
 *		The collector pg_log: what the server writes to its log.
 *
 * Reads what the log file has grown by (tail.c) through a buffer of fixed size
 * and streams the entries into the batch, so that neither a backlog nor a line
 * of 100 MB takes more memory than an idle log.  What a run leaves unread is
 * read by the next one; the position moves when the batch was kept.
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
#include "log/piece.h"
#include "log/sample.h"
#include "log/tail.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "postmaster/syslogger.h"
#include "utils/elog.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* What one run reads at most; about a second's work. */
#define MAX_RUN_BYTES (INT64CONST(64) * 1024 * 1024)

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
	TimestampTz read_at; /* when it was read last */
	uint64		target;	 /* hash of the settings that say where the log goes */
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

/* At "done" bytes into the piece: what is behind us, and how the next entry is written. */
static void
SetPlace(Piece *piece, size_t done)
{
	LogReader *reader = piece->reader;
	TailPlace *here = &reader->tail.here;

	piece->out->position.offset = piece->offset + done;
	piece->out->position.inside = piece->inside;
	piece->out->position.last_us = piece->out->last_us;
	if (here->former && LogDialectsIsNow(&reader->dialects, &here->file, piece->offset + done))
		here->former = false;
	piece->dialect =
		&reader->dialects.dialect[here->former ? reader->dialects.former : reader->dialects.now];
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
					.at_entry = SetPlace,
					.reader = reader,
					.offset = tail->here.offset,
					.inside = tail->here.inside};
	size_t done;

	out->position = TailPosition(tail);
	done = PieceTakeEntries(&piece, tail->buffer + tail->start, len, end,
							end == LOG_END_OPEN && len == tail->size);
	TailConsume(tail, done);
	reader->entries += piece.entries;
	reader->skipped_bytes += piece.skipped_bytes;
	tail->here.inside = piece.inside;
	tail->here.last_us = out->last_us;
	out->position = TailPosition(tail);
}

/* At the end of a file that is not written to any more: on to the next one. */
static bool
GoToNextFile(LogReader *reader, LogOutput *out, LogTrouble *trouble)
{
	Tail			*tail = &reader->tail;
	const LogFormat *format = tail->here.file.format;
	LogOrigin		 origin = PieceOrigin(&tail->here.file);
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
	return is_over && !PieceLimitReached(out) && GoToNextFile(reader, out, trouble);
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

	for (int i = 0; (n = LeftRead(&tail->left, &i, &tail->here.file, &tail->current, tail->buffer,
								  tail->size, &file)) > 0;
		 i++)
	{
		LogOrigin origin = PieceOrigin(&file);
		Piece	  piece = {.out = out,
						   .file = &file,
						   .dialect = LogDialectsNow(&reader->dialects),
						   .inside = tail->left.end[i].inside};
		bool	  is_other = file.format != tail->here.file.format;
		size_t	  done;

		if (is_other)
			LogRecentCompare(&reader->recent, out->last_us);
		done = PieceTakeEntries(&piece, tail->buffer, n, LOG_END_QUIET, n == (ssize_t) tail->size);
		LeftConsume(&tail->left, i, done, piece.inside);
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
	while (!PieceLimitReached(out) && bytes < MAX_RUN_BYTES)
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
	origin = PieceOrigin(&tail->here.file);
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
	piece.inside = here->offset > len ? INSIDE_LINE : INSIDE_NONE;
	if (pread(here->file.fd, data, len, here->offset - len) == (ssize_t) len)
		(void) PieceTakeEntries(&piece, data, len, LOG_END_FINAL, false);
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

/* What this run may send: at any time no more than the rate allows since the last one. */
static int64
RunLimit(LogReader *reader)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		seconds = (now - reader->read_at) / USECS_PER_SEC;

	reader->read_at = now;
	return Setting.log_max_rate * Max(1, Min(seconds, CollectorInterval(COLLECTOR_PG_LOG)));
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
	out.limit = RunLimit(reader);
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

static void
CollectHook(LogReader *reader, Batch *batch)
{
	TimestampTz emptied_at = LogHookEmptiedAt();
	LogOutput	out;

	LogOutputBegin(&out, batch);
	out.limit = RunLimit(reader);
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

/* Interface */

LogReader *
LogReaderCreate(void)
{
	LogReader *reader = MemoryContextAllocZero(TopMemoryContext, sizeof(LogReader));

	TailInit(&reader->tail);
	(void) LogTargetHasChanged(reader);
	return reader;
}

void
LogCollect(LogReader *reader, Batch *batch, bool from_sample)
{
	if (from_sample)
		LogSample(batch);
	else if (LogHookIsUsed())
		CollectHook(reader, batch);
	else
		CollectTail(reader, batch);
}

bool
LogTargetHasChanged(LogReader *reader)
{
	uint64 before = reader->target;
	uint64 target = (uint64) Log_destination;

	target =
		hash_bytes_extended((const unsigned char *) Log_directory, strlen(Log_directory), target);
	target =
		hash_bytes_extended((const unsigned char *) Log_filename, strlen(Log_filename), target);
	reader->target = target;
	return target != before;
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
	LogOrigin	origin = by_hook ? LogHookOrigin : PieceOrigin(&tail->kept.file);
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
