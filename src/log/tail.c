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
 * closed here, whatever errors pass by in between.
 */
#include "postgres.h"

#include "log/position.h"
#include "log/tail.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/shared.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

/* How long a file must not grow for its last line to be taken for whole. */
#define QUIET_MS 20

/* Where the last run ended, as the processes before this one left it. */
static LogPosition
KeptPosition(const Tail *tail)
{
	LogPosition position;

	if (Shared != NULL)
	{
		LWLockAcquire(Shared->lock, LW_SHARED);
		position = Shared->log_position;
		LWLockRelease(Shared->lock);
	}
	else
		position = (LogPosition) {
			.known = tail->known,
			.device = tail->kept.file.device,
			.inode = tail->kept.file.inode,
			.offset = tail->kept.offset
		};
	return position;
}

/* Is the file still what was read, or was it truncated and written anew? */
static bool
IsRewritten(const Tail *tail, const TailPlace *place)
{
	char		before[sizeof(tail->before)];
	struct stat st;

	if (fstat(place->file.fd, &st) != 0)
		return false;
	if ((uint64) st.st_size < place->offset)
		return true;
	return tail->before_len > 0 && place->offset == tail->kept.offset &&
		place->offset >= tail->before_len &&
		pread(place->file.fd, before, tail->before_len,
			  place->offset - tail->before_len) == (ssize_t) tail->before_len &&
		memcmp(before, tail->before, tail->before_len) != 0;
}

static void
RememberBytesBefore(Tail *tail)
{
	size_t		len = Min(sizeof(tail->before), tail->kept.offset);

	tail->before_len = 0;
	if (tail->kept.file.fd >= 0 && len > 0 &&
		pread(tail->kept.file.fd, tail->before, len, tail->kept.offset - len) == (ssize_t) len)
		tail->before_len = len;
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

/* Sets the kept place to a file that is open and owned by it from now on. */
static void
KeepPlace(Tail *tail, const LogFile *file, uint64 offset)
{
	LeaveFile(tail);
	LogFileClose(&tail->kept.file);
	memset(&tail->kept, 0, sizeof(tail->kept));
	tail->kept.file = *file;
	tail->kept.offset = offset;
	tail->known = true;
	tail->before_len = 0;
}

static void
PublishPosition(const Tail *tail)
{
	LogPosition position;
	bool		moved;

	if (Shared == NULL)
		return;
	position = (LogPosition) {
		.known = true,
		.device = tail->kept.file.device,
		.inode = tail->kept.file.inode,
		.offset = tail->kept.offset
	};
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	moved = memcmp(&Shared->log_position, &position, sizeof(position)) != 0;
	Shared->log_position = position;
	LWLockRelease(Shared->lock);
	if (moved)
		LogPositionSave(&position);
}

void
TailInit(Tail *tail)
{
	memset(tail, 0, sizeof(*tail));
	tail->kept.file.fd = tail->here.file.fd = tail->current.fd = -1;
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

bool
TailBegin(Tail *tail, size_t buffer_size, LogTrouble *trouble)
{
	LogPosition position = KeptPosition(tail);
	LogFile		current;

	TailRollback(tail);
	SizeBuffer(tail, buffer_size);
	if (!LogFindCurrent(&current, trouble) || !LogFileOpen(&current, false, trouble))
		return false;
	tail->current = current;
	tail->current.fd = -1;

	if (!position.known && !LogPositionLoad(&position))
	{
		KeepPlace(tail, &current, current.size);
		RememberBytesBefore(tail);
		PublishPosition(tail);
	}
	else if (tail->known && tail->kept.file.fd >= 0 &&
			 tail->kept.file.device == position.device &&
			 tail->kept.file.inode == position.inode && tail->kept.offset == position.offset)
	{
		LogFileClose(&current);
		/* it may have been renamed since */
		if (LogFileSame(&tail->kept.file, &tail->current))
			strlcpy(tail->kept.file.path, tail->current.path, MAXPGPATH);
	}
	else
	{
		LogFile		old = {.fd = -1,.device = position.device,.inode = position.inode};

		if (!LogFileSame(&old, &current) &&
			LogFindByInode(&old, current.path, position.device, position.inode) &&
			LogFileOpen(&old, false, trouble))
		{
			LogFileClose(&current);
			KeepPlace(tail, &old, position.offset);
		}
		else
			/* what is gone cannot be read: on with the beginning of this one */
			KeepPlace(tail, &current, LogFileSame(&old, &current) ? position.offset : 0);
		trouble->code = 0;
	}
	if (IsRewritten(tail, &tail->kept))
	{
		tail->kept.offset = 0;
		tail->kept.in_line = false;
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
}

void
TailCommit(Tail *tail)
{
	if (!tail->known || tail->here.file.fd < 0)
		return;
	if (tail->kept.file.fd != tail->here.file.fd)
		LogFileClose(&tail->kept.file);
	tail->kept = tail->here;
	tail->start = tail->end = 0;
	RememberBytesBefore(tail);
	PublishPosition(tail);
}

void
TailForget(Tail *tail)
{
	if (!tail->known && tail->buffer == NULL)
		return;
	LeaveFile(tail);
	LogFileClose(&tail->kept.file);
	if (tail->buffer != NULL)
		pfree(tail->buffer);
	TailInit(tail);
	if (Shared == NULL)
		return;
	LogPositionForget();
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	Shared->log_position.known = false;
	LWLockRelease(Shared->lock);
}

ssize_t
TailRead(Tail *tail, LogTrouble *trouble)
{
	size_t		held = tail->end - tail->start;
	ssize_t		n;

	if (held == tail->size)
		return 0;
	if (tail->start > 0)
		memmove(tail->buffer, tail->buffer + tail->start, held);
	tail->start = 0;
	tail->end = held;
	n = pread(tail->here.file.fd, tail->buffer + held, tail->size - held,
			  tail->here.offset + held);
	if (n < 0)
	{
		if (errno == EINTR)
			return TailRead(tail, trouble);
		LogTroubleSet(trouble, errno, "could not read log file \"%s\": %s",
					  tail->here.file.path, strerror(errno));
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

bool
TailIsCurrent(const Tail *tail)
{
	return LogFileSame(&tail->here.file, &tail->current);
}

bool
TailNextFile(Tail *tail, LogTrouble *trouble)
{
	LogFile		next;
	const LogFormat *format = tail->here.file.format;

	/* one that vanishes or cannot be opened is passed over */
	if (!LogFindNext(&tail->here.file, &tail->current, &next) || !LogFileOpen(&next, false, trouble))
	{
		trouble->code = 0;
		next = tail->current;
		if (!LogFileOpen(&next, false, trouble))
			return false;
		/* rotated again meanwhile: this is the file by that name now */
		tail->current = next;
		tail->current.fd = -1;
	}
	LeaveFile(tail);
	tail->here.file = next;
	tail->here.offset = 0;
	tail->here.in_line = false;
	tail->here.not_before_us = next.format != format ? tail->here.last_us : 0;
	return true;
}

/*
 * The server writes an entry in one or two calls.  When nothing was added
 * for some milliseconds, the last complete line ends its entry.
 */
bool
TailIsQuiet(const Tail *tail)
{
	const uint64 end = tail->here.offset + (tail->end - tail->start);
	struct stat st;

	if (fstat(tail->here.file.fd, &st) != 0 || (uint64) st.st_size != end)
		return false;
	if (st.st_mtime + 1 < time(NULL))
		return true;
	(void) WaitLatch(NULL, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, QUIET_MS, PG_WAIT_EXTENSION);
	return fstat(tail->here.file.fd, &st) == 0 && (uint64) st.st_size == end;
}
