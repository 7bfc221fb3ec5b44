/*
 * tail.c
 *		Follows the file that the server writes its log to.
 *
 * When the server has taken to another file than the one that was read last,
 * the old one is read to its end first, then those that came and went in
 * between, then the new one.  The old one is found by the descriptor kept open
 * since the last run, or by its inode after a restart.
 *
 * Descriptors here live as long as the process: opened with plain open() and
 * closed here.  While one is open it is in Tail, so that the next run finds it
 * even if an error passes by.
 */
#include "postgres.h"

#include "log/tail.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/unixtime.h"
#include "spool/position.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Is the file still what was read, or was it truncated and written anew? */
static bool
IsRewritten(const Tail *tail, const TailPlace *place)
{
	char		before[sizeof(tail->before)];
	struct stat st;

	if (fstat(place->file.fd, &st) != 0)
		return false;
	if ((uint64) st.st_size < place->offset ||
		LogFileStartDiffers(&place->file, place->start_len, place->start_hash))
		return true;
	return tail->before_len > 0 && place->offset >= tail->before_len &&
		pread(place->file.fd, before, tail->before_len, place->offset - tail->before_len) ==
		(ssize_t) tail->before_len &&
		memcmp(before, tail->before, tail->before_len) != 0;
}

static void
RememberBytesBefore(Tail *tail)
{
	size_t len = Min(sizeof(tail->before), tail->kept.offset);

	tail->before_len = 0;
	if (tail->kept.file.fd >= 0 && len > 0 &&
		pread(tail->kept.file.fd, tail->before, len, tail->kept.offset - len) == (ssize_t) len)
		tail->before_len = len;
}

LogPosition
TailPosition(Tail *tail)
{
	TailPlaceHashStart(&tail->here);
	return TailPlacePosition(&tail->here);
}

/* Closes the descriptor of "here" unless it is that of "kept". */
static void
LeaveFile(Tail *tail)
{
	if (tail->here.file.fd != tail->kept.file.fd)
		LogFileClose(&tail->here.file);
	tail->here.file.fd = -1;
	tail->start = tail->end = 0;
}

/* Sets the kept place to the start of a file that is open and owned by it from now on. */
static void
KeepFile(Tail *tail, const LogFile *file)
{
	LeaveFile(tail);
	LogFileClose(&tail->kept.file);
	memset(&tail->kept, 0, sizeof(tail->kept));
	tail->kept.file = *file;
	tail->known = true;
	tail->before_len = 0;
	tail->seen_size = 0;
}

static void
KeepOpened(Tail *tail)
{
	KeepFile(tail, &tail->opened);
	tail->opened.fd = -1;
}

static void
SavePosition(Tail *tail)
{
	LogPosition position;
	LogPosition saved;

	TailPlaceHashStart(&tail->kept);
	position = TailPlacePosition(&tail->kept);
	if (!LogPositionLoad(&saved) || !TailPlaceIsAt(&tail->kept, &saved))
		tail->unsaved = !LogPositionSave(&position, 0);
	else
		tail->unsaved = false;
}

static void
ReportLoss(Tail *tail, uint64 bytes, const char *what)
{
	if (bytes == 0)
		return;
	tail->lost_bytes += bytes;
	snprintf(tail->lost, sizeof(tail->lost),
			 "log file \"%s\" %s; of what had been seen of it, " UINT64_FORMAT
			 " bytes were not read and are lost",
			 tail->kept.file.path, what, bytes);
}

static void
ReportGone(Tail *tail, const char *path)
{
	snprintf(tail->lost, sizeof(tail->lost),
			 "log file \"%s\" is gone; what of it had not been read is lost", path);
}

void
TailInit(Tail *tail)
{
	memset(tail, 0, sizeof(*tail));
	tail->kept.file.fd = tail->here.file.fd = tail->current.fd = tail->opened.fd = -1;
}

static void
SizeBuffer(Tail *tail, size_t size)
{
	if (tail->size == size)
		return;
	tail->size = 0;
	if (tail->buffer != NULL)
		pfree(tail->buffer);
	tail->buffer = NULL;
	tail->buffer = MemoryContextAlloc(TopMemoryContext, size + 1);
	tail->size = size;
}

/* Makes kept the place that the disk knows. */
static bool
Resume(Tail *tail, const LogPosition *position)
{
	LogFile	   old = {.fd = -1, .device = position->device, .inode = position->inode};
	LogTrouble ignored;

	if (tail->known && LogFileSame(&tail->kept.file, &old))
	{
		TailPlaceSet(&tail->kept, position);
		tail->before_len = 0;
		return true;
	}
	if (tail->opened.fd >= 0 && LogFileSame(&old, &tail->opened))
	{
		/* if it was written anew in place, IsRewritten() says so */
		KeepOpened(tail);
		TailPlaceSet(&tail->kept, position);
		return true;
	}
	if (TailPlaceOpen(position, &tail->opened, &old))
	{
		KeepFile(tail, &old);
		TailPlaceSet(&tail->kept, position);
		return true;
	}
	if (tail->opened.fd < 0)
		return false;
	/* what is gone cannot be read: on with the beginning of the one after it */
	if (position->last_us != 0 && LogFindAfter(position->last_us, &tail->opened, &old) &&
		LogFileOpen(&old, false, &ignored))
		KeepFile(tail, &old);
	else
		KeepOpened(tail);
	tail->kept.last_us = position->last_us;
	ReportGone(tail, position->path);
	return true;
}

/* Sets kept to where reading goes on. */
static bool
FindPlace(Tail *tail)
{
	LogPosition position;

	if (!tail->unsaved && LogPositionLoad(&position) &&
		!(tail->known && TailPlaceIsAt(&tail->kept, &position)))
		return Resume(tail, &position);
	if (tail->known)
		return true;
	if (tail->opened.fd < 0)
		return false;
	KeepOpened(tail);
	tail->kept.offset = tail->kept.file.size;
	tail->kept.last_us = UnixMicroseconds(GetCurrentTimestamp());
	RememberBytesBefore(tail);
	SavePosition(tail);
	return true;
}

/* The server has taken to another file again, before the one between was reached. */
static void
RememberAhead(Tail *tail, const LogFile *previous)
{
	if (previous->inode == 0 || LogFileSame(previous, &tail->current) ||
		LogFileSame(previous, &tail->kept.file))
		return;
	if (tail->num_ahead < TAIL_AHEAD_FILES)
		tail->ahead[tail->num_ahead++] = *previous;
	else if (!LogFileIsOnTheWay(previous, &tail->current))
		snprintf(tail->lost, sizeof(tail->lost),
				 "log file \"%s\" is not read: the server has taken to too many others since",
				 previous->path);
}

bool
TailBegin(Tail *tail, size_t buffer_size, LogTrouble *trouble)
{
	const LogFile previous = tail->current;
	bool		  found;

	TailRollback(tail);
	SizeBuffer(tail, buffer_size);
	if (tail->loss_told)
	{
		tail->lost[0] = '\0';
		tail->lost_bytes = 0;
		tail->loss_told = false;
	}
	LogFileClose(&tail->opened); /* an error has left it */
	if (!LogFindCurrent(&tail->opened, trouble))
		return false;
	/* one that was moved away and not yet rotated is still written to */
	if (!LogFileOpen(&tail->opened, false, trouble) && trouble->code != ENOENT)
		return false;
	tail->current = tail->opened;
	tail->current.fd = -1;
	if (tail->current.format != previous.format)
		tail->format_since = time(NULL);
	found = FindPlace(tail);
	LogFileClose(&tail->opened);
	if (!found)
		return false;
	if (trouble->code != 0)
	{
		tail->current = tail->kept.file;
		tail->current.fd = -1;
		tail->current.since = tail->opened.since;
		tail->current.formats = tail->opened.formats;
	}
	else if (LogFileSame(&tail->kept.file, &tail->current))
		strlcpy(tail->kept.file.path, tail->current.path, MAXPGPATH); /* it may have been renamed */

	RememberAhead(tail, &previous);
	if (IsRewritten(tail, &tail->kept))
	{
		ReportLoss(tail, Max(tail->seen_size, tail->kept.offset) - tail->kept.offset,
				   "was truncated or written anew");
		tail->kept.offset = 0;
		tail->kept.start_len = 0;
		tail->kept.inside = INSIDE_NONE;
		tail->before_len = 0;
	}
	TailRollback(tail);
	return true;
}

void
TailRollback(Tail *tail)
{
	LeaveFile(tail);
	tail->here = tail->kept;
	tail->left = tail->kept_left;
}

void
TailCommit(Tail *tail)
{
	if (!tail->known || tail->here.file.fd < 0)
		return;
	if (tail->kept.file.fd != tail->here.file.fd)
		LogFileClose(&tail->kept.file);
	tail->kept_left = tail->left;
	tail->num_ahead -= tail->here.passed;
	memmove(tail->ahead, tail->ahead + tail->here.passed, tail->num_ahead * sizeof(LogFile));
	tail->here.passed = 0;
	tail->kept = tail->here;
	tail->start = tail->end = 0;
	tail->seen_size = LogFileSize(&tail->kept.file);
	tail->loss_told = true;
	RememberBytesBefore(tail);
	SavePosition(tail);
}

void
TailForget(Tail *tail)
{
	if (!tail->known && tail->buffer == NULL)
		return;
	LeaveFile(tail);
	LogFileClose(&tail->kept.file);
	LogFileClose(&tail->opened);
	if (tail->buffer != NULL)
		pfree(tail->buffer);
	TailInit(tail);
	LogPositionForget();
}

ssize_t
TailRead(Tail *tail, LogTrouble *trouble)
{
	size_t	held = tail->end - tail->start;
	ssize_t n;

	if (held == tail->size)
		return 0;
	if (tail->start > 0)
		memmove(tail->buffer, tail->buffer + tail->start, held);
	tail->start = 0;
	tail->end = held;
	n = pread(tail->here.file.fd, tail->buffer + held, tail->size - held, tail->here.offset + held);
	if (n < 0)
	{
		if (errno == EINTR)
			return TailRead(tail, trouble);
		LogTroubleSet(trouble, errno, "could not read log file \"%s\": %s", tail->here.file.path,
					  strerror(errno));
		return -1;
	}
	tail->end += n;
	return n;
}

void
TailConsume(Tail *tail, size_t len)
{
	Assert(len <= tail->end - tail->start);
	tail->start += len;
	tail->here.offset += len;
}

/* ---- on to the next file ---- */

/* Opens the oldest file between here and "target", or that one itself. */
static bool
OpenTowards(const Tail *tail, const LogFile *target, LogFile *next, LogTrouble *trouble)
{
	/* one that vanishes or cannot be opened is passed over */
	if (LogFindNext(&tail->here.file, target, next) && LogFileOpen(next, false, trouble))
		return true;
	trouble->code = 0;
	*next = *target;
	return LogFileOpen(next, false, trouble);
}

/* The same towards one that was current between: wherever it is now. */
static bool
OpenTowardsAhead(Tail *tail, const LogFile *target, LogFile *next, LogTrouble *trouble)
{
	if (LogFindNext(&tail->here.file, target, next) && LogFileOpen(next, false, trouble))
		return true;
	*next = *target;
	if (LogFindByInode(next, target->path, target->device, target->inode))
	{
		next->format = target->format;
		if (LogFileOpen(next, false, trouble))
			return true;
	}
	ReportGone(tail, target->path);
	return false;
}

/* Goes to where the file was left, if the server has come back to it. */
static void
ReturnToEnd(Tail *tail)
{
	const LogPosition *end = LeftFind(&tail->left, &tail->here.file);

	if (end == NULL)
		return;
	tail->here.offset = end->offset;
	tail->here.inside = end->inside;
	TailPlaceHashStart(&tail->here);
}

bool
TailNextFile(Tail *tail, LogTrouble *trouble)
{
	TailPlace	left = tail->here;
	LogPosition end;
	LogFile		next;
	bool		found = false;

	while (left.passed < tail->num_ahead && !found)
	{
		const LogFile *target = &tail->ahead[left.passed];

		found = OpenTowardsAhead(tail, target, &next, trouble);
		if (!found || LogFileSame(&next, target))
			left.passed++;
	}
	if (!found)
	{
		if (!OpenTowards(tail, &tail->current, &next, trouble))
			return false;
		if (strcmp(next.path, tail->current.path) == 0)
		{
			/* if it was rotated again meanwhile, this is the file by that name now */
			tail->current = next;
			tail->current.fd = -1;
		}
	}
	trouble->code = 0;
	end = TailPosition(tail);
	LeftRemember(&tail->left, &end);
	LeaveFile(tail);
	memset(&tail->here, 0, sizeof(tail->here));
	tail->here.file = next;
	tail->here.last_us = left.last_us;
	tail->here.former = left.former;
	tail->here.passed = left.passed;
	ReturnToEnd(tail);
	return true;
}
