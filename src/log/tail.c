/*
 * tail.c
 *		Follows the file that the server writes its log to.
 *
 * Which file that is says current_logfiles in the data directory, as for the
 * server's own pg_current_logfile().  When it names another file than the one
 * that was read last, the old one is read to its end first, then those that
 * came and went in between (the server's own by log_filename, in order of
 * their modification), then the new one.  The old one is found by the
 * descriptor kept open since the last run, or by its inode after a restart.
 *
 * Descriptors here live as long as the process: opened with plain open() and
 * closed here, whatever errors pass by in between.
 */
#include "postgres.h"

#include "log/tail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/shared.h"
#include "miscadmin.h"
#include "port.h"
#include "postmaster/syslogger.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

/* How long a file must not grow for its last line to be taken for whole. */
#define QUIET_MS 20

static void pg_attribute_printf(3, 4)
SetTrouble(LogTrouble *trouble, int code, const char *format,...)
{
	va_list		args;

	trouble->code = code;
	va_start(args, format);
	vsnprintf(trouble->text, sizeof(trouble->text), format, args);
	va_end(args);
}

/* The current file */

/* Takes a line "jsonlog log/x.json" of current_logfiles if it is better than what file holds. */
static void
TakeMetainfoLine(LogFile *file, char *line)
{
	char	   *path = strchr(line, ' ');
	const LogFormat *format;

	if (path == NULL)
		return;
	format = LogFormatByName(line, path - line);
	if (format == NULL || (file->format != NULL && file->format <= format))
		return;
	file->format = format;
	path++;
	path[strcspn(path, "\r\n")] = '\0';
	strlcpy(file->path, path, MAXPGPATH);
}

bool
LogFindCurrent(LogFile *file, LogTrouble *trouble)
{
	char		text[3 * MAXPGPATH + 64];
	char	   *line = text;
	ssize_t		n;
	int			fd;

	memset(file, 0, sizeof(*file));
	file->fd = -1;
	if (!Logging_collector)
	{
		SetTrouble(trouble, TROUBLE_COLLECTOR_OFF,
				   "the server log is not collected: \"logging_collector\" is off; set "
				   "logging_collector = on in postgresql.conf and restart the server, or take "
				   "pg_log out of \"pganalytics.enabled_collectors\"");
		return false;
	}
	fd = open(LOG_METAINFO_DATAFILE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
	{
		if (errno == ENOENT)
			SetTrouble(trouble, TROUBLE_NO_DESTINATION,
					   "the server writes no log file: add stderr, csvlog or jsonlog to "
					   "\"log_destination\"");
		else
			SetTrouble(trouble, errno, "could not open file \"%s\": %s",
					   LOG_METAINFO_DATAFILE, strerror(errno));
		return false;
	}
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
	{
		SetTrouble(trouble, errno, "could not read file \"%s\": %s",
				   LOG_METAINFO_DATAFILE, strerror(errno));
		close(fd);
		return false;
	}
	close(fd);
	text[n] = '\0';
	while (*line != '\0')
	{
		char	   *next = line + strcspn(line, "\n");

		if (*next == '\n')
			*next++ = '\0';
		TakeMetainfoLine(file, line);
		line = next;
	}
	if (file->format == NULL)
		SetTrouble(trouble, TROUBLE_NO_DESTINATION,
				   "the server writes no log file: add stderr, csvlog or jsonlog to "
				   "\"log_destination\"");
	return file->format != NULL;
}

/* Opening */

static const char *
KindOfFile(mode_t mode)
{
	if (S_ISFIFO(mode))
		return "a named pipe";
	if (S_ISLNK(mode))
		return "a symbolic link";
	if (S_ISDIR(mode))
		return "a directory";
	if (S_ISSOCK(mode))
		return "a socket";
	return "a device";
}

static bool
IsRegular(const LogFile *file, const struct stat *st, LogTrouble *trouble)
{
	if (S_ISREG(st->st_mode))
		return true;
	SetTrouble(trouble, TROUBLE_NOT_A_FILE,
			   "log file \"%s\" is %s, only regular files are read: let the server log to a file, "
			   "or take pg_log out of \"pganalytics.enabled_collectors\"",
			   file->path, KindOfFile(st->st_mode));
	return false;
}

static const char *
WayOut(int code)
{
	switch (code)
	{
		case ENOENT:
			return "; it was moved away: let the server begin a new one with "
				"SELECT pg_rotate_logfile()";
		case EACCES:
		case EPERM:
			return "; the server's own user must be able to read it";
		default:
			return "";
	}
}

bool
LogFileOpen(LogFile *file, bool transient, LogTrouble *trouble)
{
	const int	flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	struct stat st;

	/* to open somebody else's named pipe, even for a moment, would upset its writer */
	if (lstat(file->path, &st) == 0 && !IsRegular(file, &st, trouble))
		return false;
	file->fd = transient ? OpenTransientFile(file->path, flags) : open(file->path, flags);
	if (file->fd < 0)
	{
		int			code = errno;

		SetTrouble(trouble, code, "could not open log file \"%s\": %s%s",
				   file->path, strerror(code), WayOut(code));
		return false;
	}
	if (fstat(file->fd, &st) < 0)
		SetTrouble(trouble, errno, "could not stat log file \"%s\": %s",
				   file->path, strerror(errno));
	else if (IsRegular(file, &st, trouble))
	{
		file->device = st.st_dev;
		file->inode = st.st_ino;
		file->size = st.st_size;
		return true;
	}
	if (transient)
		CloseTransientFile(file->fd);
	else
		close(file->fd);
	file->fd = -1;
	return false;
}

static void
CloseFile(LogFile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

static bool
SameFile(const LogFile *a, const LogFile *b)
{
	return a->device == b->device && a->inode == b->inode;
}

/* The files of the directory */

/* Path of the directory entry beside a file. */
static void
PathBeside(char *path, const char *file, const char *name)
{
	const char *slash = last_dir_separator(file);
	int			len = slash != NULL ? (int) (slash - file) + 1 : 0;

	snprintf(path, MAXPGPATH, "%.*s%s", len, file, name);
}

static DIR *
OpenDirectoryOf(const char *file, char *directory)
{
	PathBeside(directory, file, ".");
	return AllocateDir(directory);
}

/* The regular file with this inode, whatever its name.  False: it is gone. */
static bool
FindByInode(LogFile *file, const char *beside, uint64 device, uint64 inode)
{
	char		directory[MAXPGPATH];
	DIR		   *dir = OpenDirectoryOf(beside, directory);
	struct dirent *entry;
	bool		found = false;

	while (!found && (entry = ReadDirExtended(dir, directory, DEBUG1)) != NULL)
	{
		struct stat st;

		PathBeside(file->path, beside, entry->d_name);
		found = lstat(file->path, &st) == 0 && S_ISREG(st.st_mode) &&
			st.st_dev == device && st.st_ino == inode;
	}
	if (dir != NULL)
		FreeDir(dir);
	file->fd = -1;
	file->format = LogFormatOfFile(file->path);
	return found;
}

/* Order of two files: by modification, then by name. */
static int
CompareAge(const struct timespec *a, const char *a_name, const struct timespec *b,
		   const char *b_name)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec < b->tv_sec ? -1 : 1;
	if (a->tv_nsec != b->tv_nsec)
		return a->tv_nsec < b->tv_nsec ? -1 : 1;
	return strcmp(a_name, b_name);
}

static const char *
BaseName(const char *path)
{
	const char *slash = last_dir_separator(path);

	return slash != NULL ? slash + 1 : path;
}

/* The oldest log file after this one which is not the current one.  False: there is none. */
static bool
FindNextOld(const Tail *tail, const LogFile *file, LogFile *next)
{
	const LogFile *current = &tail->current;
	char		directory[MAXPGPATH];
	struct stat last;
	struct timespec next_time = {0};
	struct dirent *entry;
	DIR		   *dir;
	bool		found = false;

	if (fstat(file->fd, &last) != 0)
		return false;
	dir = OpenDirectoryOf(current->path, directory);
	while ((entry = ReadDirExtended(dir, directory, DEBUG1)) != NULL)
	{
		char		path[MAXPGPATH];
		struct stat st;

		if (!LogFileNameMatches(Log_filename, current->format, entry->d_name))
			continue;
		PathBeside(path, current->path, entry->d_name);
		if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
			(st.st_dev == current->device && st.st_ino == current->inode) ||
			(st.st_dev == last.st_dev && st.st_ino == last.st_ino) ||
			CompareAge(&st.st_mtim, entry->d_name, &last.st_mtim, BaseName(file->path)) <= 0)
			continue;
		if (found &&
			CompareAge(&st.st_mtim, entry->d_name, &next_time, BaseName(next->path)) >= 0)
			continue;
		found = true;
		next_time = st.st_mtim;
		strlcpy(next->path, path, MAXPGPATH);
	}
	if (dir != NULL)
		FreeDir(dir);
	next->fd = -1;
	next->format = current->format;
	return found;
}

/* The position */

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
		CloseFile(&tail->here.file);
	tail->here.file.fd = -1;
	tail->start = tail->end = 0;
}

/* Sets the kept place to a file that is open and owned by it from now on. */
static void
KeepPlace(Tail *tail, const LogFile *file, uint64 offset)
{
	LeaveFile(tail);
	CloseFile(&tail->kept.file);
	memset(&tail->kept, 0, sizeof(tail->kept));
	tail->kept.file = *file;
	tail->kept.offset = offset;
	tail->known = true;
	tail->before_len = 0;
}

static void
PublishPosition(const Tail *tail)
{
	if (Shared == NULL)
		return;
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	Shared->log_position = (LogPosition) {
		.known = true,
		.device = tail->kept.file.device,
		.inode = tail->kept.file.inode,
		.offset = tail->kept.offset
	};
	LWLockRelease(Shared->lock);
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

	if (!position.known)
	{
		KeepPlace(tail, &current, current.size);
		RememberBytesBefore(tail);
		PublishPosition(tail);
	}
	else if (tail->known && tail->kept.file.fd >= 0 &&
			 tail->kept.file.device == position.device &&
			 tail->kept.file.inode == position.inode && tail->kept.offset == position.offset)
	{
		CloseFile(&current);
		/* it may have been renamed since */
		if (SameFile(&tail->kept.file, &tail->current))
			strlcpy(tail->kept.file.path, tail->current.path, MAXPGPATH);
	}
	else
	{
		LogFile		old = {.fd = -1,.device = position.device,.inode = position.inode};

		if (!SameFile(&old, &current) &&
			FindByInode(&old, current.path, position.device, position.inode) &&
			LogFileOpen(&old, false, trouble))
		{
			CloseFile(&current);
			KeepPlace(tail, &old, position.offset);
		}
		else
			/* what is gone cannot be read: on with the beginning of this one */
			KeepPlace(tail, &current, SameFile(&old, &current) ? position.offset : 0);
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
		CloseFile(&tail->kept.file);
	tail->kept = tail->here;
	tail->start = tail->end = 0;
	RememberBytesBefore(tail);
	PublishPosition(tail);
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
		SetTrouble(trouble, errno, "could not read log file \"%s\": %s",
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
	return SameFile(&tail->here.file, &tail->current);
}

bool
TailNextFile(Tail *tail, LogTrouble *trouble)
{
	LogFile		next;
	const LogFormat *format = tail->here.file.format;

	/* one that vanishes or cannot be opened is passed over */
	if (!FindNextOld(tail, &tail->here.file, &next) || !LogFileOpen(&next, false, trouble))
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
