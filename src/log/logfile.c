/*
 * logfile.c
 *		Which files hold the server log, and opening them.
 *
 * Which one is written now says current_logfiles in the data directory, as for
 * the server's own pg_current_logfile().  Those that were rotated away are
 * found beside it, by inode or by log_filename.  Only regular files are ever
 * opened.
 */
#include "postgres.h"

#include "log/logfile.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hashfn.h"
#include "datatype/timestamp.h"
#include "pgtime.h"
#include "postmaster/syslogger.h"
#include "storage/fd.h"

/* How long before a file is written over its backlog stops waiting. */
#define GOING_SECONDS 60

void
LogTroubleSet(LogTrouble *trouble, int code, const char *format, ...)
{
	va_list args;

	trouble->code = code;
	va_start(args, format);
	vsnprintf(trouble->text, sizeof(trouble->text), format, args);
	va_end(args);
}

/* Takes a line "jsonlog log/x.json" of current_logfiles if it is better than what file holds. */
static void
TakeMetainfoLine(LogFile *file, char *line)
{
	char			*path = strchr(line, ' ');
	const LogFormat *format;

	if (path == NULL)
		return;
	format = LogFormatByName(line, path - line);
	if (format == NULL)
		return;
	file->formats |= 1u << (format - LogFormats);
	if (file->format != NULL && file->format <= format)
		return;
	file->format = format;
	path++;
	path[strcspn(path, "\r\n")] = '\0';
	strlcpy(file->path, path, MAXPGPATH);
}

/* The text of current_logfiles; empty where there is none: the server logs to syslog alone. */
static bool
ReadMetainfo(char *text, size_t size, struct timespec *since, LogTrouble *trouble)
{
	int			fd = open(LOG_METAINFO_DATAFILE, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t		n = -1;

	text[0] = '\0';
	if (fd < 0 && errno == ENOENT)
		return true;
	if (fd >= 0 && fstat(fd, &st) == 0)
	{
		*since = st.st_mtim;
		n = read(fd, text, size - 1);
	}
	if (n < 0)
		LogTroubleSet(trouble, errno, "could not read file \"%s\": %s", LOG_METAINFO_DATAFILE,
					  strerror(errno));
	else
		text[n] = '\0';
	if (fd >= 0)
		close(fd);
	return n >= 0;
}

bool
LogFindCurrent(LogFile *file, LogTrouble *trouble)
{
	char  text[NUM_LOG_FORMATS * (MAXPGPATH + 16)];
	char *line = text;

	memset(file, 0, sizeof(*file));
	file->fd = -1;
	if (!Logging_collector)
	{
		LogTroubleSet(trouble, TROUBLE_COLLECTOR_OFF,
					  "the server log cannot be read: \"logging_collector\" is off; set "
					  "logging_collector = on in postgresql.conf and restart the server, or take "
					  "pg_log out of \"pganalytics.enabled_collectors\"");
		return false;
	}
	if (!ReadMetainfo(text, sizeof(text), &file->since, trouble))
		return false;
	while (*line != '\0')
	{
		char *next = line + strcspn(line, "\n");

		if (*next == '\n')
			*next++ = '\0';
		TakeMetainfoLine(file, line);
		line = next;
	}
	if (file->format == NULL)
		LogTroubleSet(trouble, TROUBLE_NO_DESTINATION,
					  "the server writes no log file: add stderr, csvlog or jsonlog to "
					  "\"log_destination\"");
	return file->format != NULL;
}

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
	LogTroubleSet(trouble, TROUBLE_NOT_A_FILE,
				  "log file \"%s\" is %s, only regular files are read: let the server log to a "
				  "file, or take pg_log out of \"pganalytics.enabled_collectors\"",
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
		int code = errno;

		LogTroubleSet(trouble, code, "could not open log file \"%s\": %s%s", file->path,
					  strerror(code), WayOut(code));
		return false;
	}
	if (fstat(file->fd, &st) < 0)
		LogTroubleSet(trouble, errno, "could not stat log file \"%s\": %s", file->path,
					  strerror(errno));
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

void
LogFileClose(LogFile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

static const char *
BaseName(const char *path)
{
	const char *slash = last_dir_separator(path);

	return slash != NULL ? slash + 1 : path;
}

bool
LogFileHashStart(const LogFile *file, size_t len, uint64 *hash)
{
	unsigned char start[1024];

	Assert(len <= sizeof(start));
	if (pread(file->fd, start, len, 0) != (ssize_t) len)
		return false;
	*hash = hash_bytes_extended(start, (int) len, 0);
	return true;
}

bool
LogFileStartDiffers(const LogFile *file, size_t len, uint64 expected)
{
	uint64 hash;

	return len > 0 && (!LogFileHashStart(file, len, &hash) || hash != expected);
}

/* The name that log_filename gives the file after the next rotation by time, as syslogger.c reckons. */
static void
NextFileName(char *name, size_t size, long *seconds)
{
	pg_time_t	  now = (pg_time_t) time(NULL);
	pg_time_t	  next;
	struct pg_tm *tm = pg_localtime(&now, log_timezone);
	int			  interval = Log_RotationAge * SECS_PER_MINUTE;

	next = now + tm->tm_gmtoff;
	next += interval - next % interval;
	next -= tm->tm_gmtoff;
	*seconds = (long) (next - now);
	pg_strftime(name, size, Log_filename, pg_localtime(&next, log_timezone));
}

bool
LogFileIsGoing(const LogFile *file, bool is_current)
{
	char		name[MAXPGPATH];
	long		seconds;
	struct stat st;

	if (fstat(file->fd, &st) != 0)
		return false;
	if (st.st_nlink == 0)
		return true;
	/* a file that keeps its name is not truncated by the server */
	if (is_current || !Log_truncate_on_rotation || Log_RotationAge <= 0)
		return false;
	NextFileName(name, sizeof(name), &seconds);
	return seconds <= GOING_SECONDS && LogFileNameMatches(name, file->format, BaseName(file->path));
}

bool
LogFileSame(const LogFile *a, const LogFile *b)
{
	return a->device == b->device && a->inode == b->inode;
}

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

bool
LogFindByInode(LogFile *file, const char *beside, uint64 device, uint64 inode)
{
	char		   directory[MAXPGPATH];
	DIR			  *dir = OpenDirectoryOf(beside, directory);
	struct dirent *entry;
	bool		   found = false;

	while (!found && (entry = ReadDirExtended(dir, directory, DEBUG1)) != NULL)
	{
		struct stat st;

		PathBeside(file->path, beside, entry->d_name);
		found = lstat(file->path, &st) == 0 && S_ISREG(st.st_mode) && st.st_dev == device &&
			st.st_ino == inode;
	}
	if (dir != NULL)
		FreeDir(dir);
	file->fd = -1;
	file->format = LogFormatOfFile(file->path);
	return found;
}

static bool
IsLater(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/* Order of two files: by modification, then by name. */
static int
CompareAge(const struct timespec *a, const char *a_name, const struct timespec *b,
		   const char *b_name)
{
	if (IsLater(a, b))
		return 1;
	if (IsLater(b, a))
		return -1;
	return strcmp(a_name, b_name);
}

/* Where a search begins: after the last write to a file, or after a moment. */
typedef struct Since
{
	struct timespec time;
	const char	   *name; /* "": of no file */
	uint64			device;
	uint64			inode;
} Since;

static bool
FindSince(const Since *last, const LogFile *current, LogFile *next)
{
	char			directory[MAXPGPATH];
	struct timespec next_time = {0};
	struct dirent  *entry;
	DIR			   *dir = OpenDirectoryOf(current->path, directory);
	bool			found = false;

	while ((entry = ReadDirExtended(dir, directory, DEBUG1)) != NULL)
	{
		char		path[MAXPGPATH];
		struct stat st;

		if (!LogFileNameMatches(Log_filename, current->format, entry->d_name))
			continue;
		PathBeside(path, current->path, entry->d_name);
		if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
			(st.st_dev == current->device && st.st_ino == current->inode) ||
			(st.st_dev == last->device && st.st_ino == last->inode) ||
			IsLater(&st.st_mtim, &current->since) ||
			CompareAge(&st.st_mtim, entry->d_name, &last->time, last->name) <= 0)
			continue;
		if (found && CompareAge(&st.st_mtim, entry->d_name, &next_time, BaseName(next->path)) >= 0)
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

bool
LogFindNext(const LogFile *file, const LogFile *current, LogFile *next)
{
	struct stat st;
	Since		last;

	if (fstat(file->fd, &st) != 0)
		return false;
	last = (Since){st.st_mtim, BaseName(file->path), st.st_dev, st.st_ino};
	return FindSince(&last, current, next);
}

bool
LogFileIsOnTheWay(const LogFile *file, const LogFile *current)
{
	char beside[MAXPGPATH];

	PathBeside(beside, current->path, BaseName(file->path));
	return strcmp(beside, file->path) == 0 &&
		LogFileNameMatches(Log_filename, current->format, BaseName(file->path));
}

bool
LogFindAfter(int64 us, const LogFile *current, LogFile *next)
{
	Since last = {{us / USECS_PER_SEC, (us % USECS_PER_SEC) * 1000}, ""};

	return FindSince(&last, current, next);
}

uint64
LogFileSize(const LogFile *file)
{
	struct stat st;

	return file->fd >= 0 && fstat(file->fd, &st) == 0 ? st.st_size : 0;
}
