/*
 * tail_end.c
 *		At the end of what a log file holds: has it ended, is there another one?
 */
#include "postgres.h"

#include <sys/stat.h>
#include <time.h>

#include "log/tail.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/wait_event.h"

/* How long a file must not grow for its last line to be taken for whole. */
#define QUIET_MS 20

/* A file that was rotated away is left when nobody has written to it for this long. */
#define OVER_SECONDS 2

/* How long a process may take to notice that it is to write to a better format as well. */
#define LATE_SECONDS 5

bool
TailIsCurrent(const Tail *tail)
{
	return LogFileSame(&tail->here.file, &tail->current) && tail->here.passed == tail->num_ahead;
}

bool
TailIsWritten(const Tail *tail)
{
	const LogFormat *format = tail->here.file.format;

	if (format == tail->current.format)
		return LogFileSame(&tail->here.file, &tail->current);
	return (tail->current.formats & (1u << (format - LogFormats))) != 0;
}

/*
 * A process that has not heard of the rotation, or a tool that renames first
 * and tells the server later, lets the old file grow for a moment.
 */
bool
TailIsOver(const Tail *tail)
{
	struct stat st;
	time_t		now = time(NULL);

	if (fstat(tail->here.file.fd, &st) != 0)
		return true;
	/* beside the current one it is never left alone: only who has not heard of that writes here alone */
	if (TailIsWritten(tail))
		return tail->here.file.format == tail->current.format || now < tail->format_since ||
			now >= tail->format_since + LATE_SECONDS;
	/* a file server's clock may be ahead of ours */
	if (st.st_mtime > now)
		return tail->here.file.fd == tail->kept.file.fd && tail->seen_size == (uint64) st.st_size;
	return st.st_mtime + OVER_SECONDS <= now;
}

bool
TailIsGoing(const Tail *tail)
{
	return LogFileIsGoing(&tail->here.file, TailIsCurrent(tail));
}

uint64
TailBacklog(const Tail *tail)
{
	uint64 size = LogFileSize(&tail->here.file);

	return size > tail->here.offset ? size - tail->here.offset : 0;
}

/*
 * The server writes an entry in one or two calls.  When nothing was added
 * for some milliseconds, the last complete line ends its entry.
 */
bool
TailIsQuiet(const Tail *tail)
{
	const uint64 end = tail->here.offset + (tail->end - tail->start);
	struct stat	 st;

	if (fstat(tail->here.file.fd, &st) != 0 || (uint64) st.st_size != end)
		return false;
	if (st.st_mtime + 1 < time(NULL))
		return true;
	(void) WaitLatch(NULL, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, QUIET_MS, PG_WAIT_EXTENSION);
	return fstat(tail->here.file.fd, &st) == 0 && (uint64) st.st_size == end;
}
