/*
 * directory.c
 *		The directory of the spool: names, listing, accounting, recovery.
 *
 * See README.md in this folder.  No function here raises an error for what the
 * file system does: a server must not suffer because its statistics cannot be
 * kept.  Trouble is counted and told through ProblemSet().
 */
#include "postgres.h"

#include <signal.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

#include "base/problem.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/unixtime.h"
#include "spool/counters.h"
#include "spool/directory.h"
#include "spool/spool.h"

#define SEQUENCE_DIGITS 20

/* Value of Shared->recovered */
#define RECOVERY_DONE 1

/* ---- names ---- */

void
SpoolPath(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s%s%s", Setting.state_directory, name[0] ? "/" : "", name);
}

void
SpoolSequencePath(char *path, const char *folder, uint64 sequence, const char *suffix)
{
	snprintf(path, MAXPGPATH, "%s/%s/%0*llu%s", Setting.state_directory, folder, SEQUENCE_DIGITS,
			 (unsigned long long) sequence, suffix);
}

FileKind
SpoolParseName(const char *name, uint64 *sequence)
{
	const char *suffix = name + SEQUENCE_DIGITS;

	if (strspn(name, "0123456789") != SEQUENCE_DIGITS)
		return FILE_OTHER;
	errno = 0;
	*sequence = strtoull(name, NULL, 10);
	if (errno != 0 || *sequence == 0)
		return FILE_OTHER;
	if (strcmp(suffix, PLAIN_SUFFIX) == 0)
		return FILE_PLAIN;
	if (strcmp(suffix, SEALED_SUFFIX) == 0)
		return FILE_SEALED;
	return strncmp(suffix, ".tmp.", 5) == 0 ? FILE_TEMPORARY : FILE_OTHER;
}

uint64
SpoolNow(void)
{
	return (uint64) UnixMicroseconds(GetCurrentTimestamp());
}

pid_t
SpoolWriterOf(const char *name)
{
	return (pid_t) strtol(name + SEQUENCE_DIGITS + strlen(".tmp."), NULL, 10);
}

/* ---- sequence ---- */

static void
RaiseSequence(uint64 at_least)
{
	uint64		last = pg_atomic_read_u64(&Shared->sequence);

	while (last < at_least &&
		   !pg_atomic_compare_exchange_u64(&Shared->sequence, &last, at_least))
		;
}

uint64
SpoolNextSequence(void)
{
	uint64		last = pg_atomic_read_u64(&Shared->sequence);
	uint64		next;

	do
	{
		next = Max(last + 1, SpoolNow());
	} while (!pg_atomic_compare_exchange_u64(&Shared->sequence, &last, next));
	return next;
}

/* ---- looking at the directory ---- */

DIR *
SpoolOpenFolder(const char *folder, char *path)
{
	SpoolPath(path, MAXPGPATH, folder);
	return AllocateDir(path);
}

/* The "most" oldest batches above "after", oldest first; -1: the directory cannot be read. */
static int
ListBatches(uint64 after, int most, uint64 *sequences, bool *sealed)
{
	char		path[MAXPGPATH];
	DIR		   *dir = SpoolOpenFolder("spool", path);
	struct dirent *entry;
	int			count = 0;

	if (dir == NULL)
		return -1;
	while ((entry = ReadDirExtended(dir, path, DEBUG1)) != NULL)
	{
		uint64		sequence;
		FileKind	kind = SpoolParseName(entry->d_name, &sequence);
		int			at;

		if ((kind != FILE_PLAIN && kind != FILE_SEALED) || sequence <= after)
			continue;
		for (at = count; at > 0 && sequences[at - 1] > sequence; at--)
			;
		if (at > 0 && sequences[at - 1] == sequence)
		{
			/* sealed, but the plain one was not removed before a crash: SpoolRead prefers the sealed */
			sealed[at - 1] = true;
			continue;
		}
		if (at == most)
			continue;
		if (count < most)
			count++;
		memmove(sequences + at + 1, sequences + at, sizeof(uint64) * (count - at - 1));
		memmove(sealed + at + 1, sealed + at, sizeof(bool) * (count - at - 1));
		sequences[at] = sequence;
		sealed[at] = kind == FILE_SEALED;
	}
	FreeDir(dir);
	return count;
}

int
SpoolList(uint64 after, int most, uint64 *sequences)
{
	static bool sealed[SPOOL_LIST_MOST];

	Assert(most <= SPOOL_LIST_MOST);
	return Max(ListBatches(after, most, sequences, sealed), 0);
}

int
SpoolListPlain(int most, uint64 *sequences)
{
	char		path[MAXPGPATH];
	DIR		   *dir = SpoolOpenFolder("spool", path);
	struct dirent *entry;
	int			count = 0;

	while (dir && count < most && (entry = ReadDirExtended(dir, path, DEBUG1)) != NULL)
	{
		if (SpoolParseName(entry->d_name, &sequences[count]) == FILE_PLAIN)
			count++;
	}
	if (dir)
		FreeDir(dir);
	return count;
}

bool
SpoolPeek(uint64 *oldest)
{
	bool		sealed;
	int			count = ListBatches(0, 1, oldest, &sealed);

	if (count == 0)
		*oldest = 0;
	return count >= 0;
}

uint64
SpoolOldest(void)
{
	uint64		oldest;

	return SpoolPeek(&oldest) ? oldest : 0;
}

/* ---- accounting ---- */

void
SpoolAccountBytes(uint64 size)
{
	uint64		bytes = pg_atomic_read_u64(&Shared->bytes);

	/* never below zero, whatever somebody did to the directory meanwhile */
	while (!pg_atomic_compare_exchange_u64(&Shared->bytes, &bytes, bytes > size ? bytes - size : 0))
		;
}

void
SpoolAccountRemoved(uint64 sequence, uint64 size)
{
	uint64		batches = pg_atomic_read_u64(&Shared->batches);
	uint64		oldest = sequence;

	SpoolAccountBytes(size);
	while (batches > 0 &&
		   !pg_atomic_compare_exchange_u64(&Shared->batches, &batches, batches - 1))
		;
	pg_atomic_compare_exchange_u64(&Shared->oldest, &oldest, 0);
	ConditionVariableBroadcast(&Shared->progress);
}

void
SpoolAccountAdded(uint64 sequence, uint64 size)
{
	uint64		none = 0;

	pg_atomic_fetch_add_u64(&Shared->bytes, size);
	if (pg_atomic_fetch_add_u64(&Shared->batches, 1) == 0)
		pg_atomic_compare_exchange_u64(&Shared->oldest, &none, sequence);
}

bool
SpoolRemove(uint64 sequence)
{
	static const char *const suffixes[] = {SEALED_SUFFIX, PLAIN_SUFFIX};
	uint64		size = 0;
	bool		removed = false;

	for (int i = 0; i < lengthof(suffixes); i++)
	{
		char		path[MAXPGPATH];
		struct stat st;

		SpoolSequencePath(path, "spool", sequence, suffixes[i]);
		if (lstat(path, &st) == 0 && unlink(path) == 0)
		{
			removed = true;
			size = st.st_size;
		}
	}
	if (removed)
		SpoolAccountRemoved(sequence, size);
	return removed;
}

/* ---- directories and recovery ---- */

static bool
MakeDirectory(const char *name)
{
	char		path[MAXPGPATH];
	struct stat st;

	SpoolPath(path, sizeof(path), name);
	if (mkdir(path, S_IRWXU) < 0 && errno != EEXIST)
	{
		ProblemSet(PROBLEM_STATE_DIRECTORY, errno,
				   "could not create directory \"%s\": %m; nothing can be kept until the server's "
				   "user may create it (see pganalytics.state_directory)", path);
		return false;
	}
	if (lstat(path, &st) < 0)
	{
		ProblemSet(PROBLEM_STATE_DIRECTORY, errno, "could not access \"%s\": %m", path);
		return false;
	}
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
	{
		ProblemSet(PROBLEM_STATE_DIRECTORY, ENOTDIR,
				   "\"%s\" is not a directory of the server's user (symbolic links are not "
				   "followed); set pganalytics.state_directory to one", path);
		return false;
	}
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0 && chmod(path, S_IRWXU) < 0)
	{
		ProblemSet(PROBLEM_STATE_DIRECTORY, errno,
				   "could not take the access of others from \"%s\": %m", path);
		return false;
	}
	if (access(path, R_OK | W_OK | X_OK) < 0)
	{
		ProblemSet(PROBLEM_STATE_DIRECTORY, errno,
				   "directory \"%s\" cannot be used: %m; nothing can be kept until it is", path);
		return false;
	}
	return true;
}

static bool
IsSealed(uint64 sequence)
{
	char		path[MAXPGPATH];

	SpoolSequencePath(path, "spool", sequence, SEALED_SUFFIX);
	return access(path, F_OK) == 0;
}

/*
 * Counts what is there and removes the temporary files: all of them when the
 * server has just started, else those of processes that are no more.
 */
static void
ScanSpool(bool server_start)
{
	char		path[MAXPGPATH];
	DIR		   *dir = SpoolOpenFolder("spool", path);
	struct dirent *entry;
	uint64		batches = 0;
	uint64		bytes = 0;
	uint64		oldest = 0;

	if (dir == NULL)
		return;
	while ((entry = ReadDirExtended(dir, path, DEBUG1)) != NULL)
	{
		char		file[MAXPGPATH * 2];
		struct stat st;
		uint64		sequence;
		FileKind	kind = SpoolParseName(entry->d_name, &sequence);

		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (kind == FILE_TEMPORARY)
		{
			pid_t		pid = SpoolWriterOf(entry->d_name);

			if (server_start || (kill(pid, 0) < 0 && errno == ESRCH))
				unlink(file);
		}
		else if (kind == FILE_PLAIN && IsSealed(sequence))
			unlink(file);		/* a crash came between sealing and this */
		else if (kind != FILE_OTHER && lstat(file, &st) == 0)
		{
			batches++;
			bytes += st.st_size;
			if (oldest == 0 || sequence < oldest)
				oldest = sequence;
			RaiseSequence(sequence);
		}
	}
	FreeDir(dir);
	pg_atomic_write_u64(&Shared->batches, batches);
	pg_atomic_write_u64(&Shared->bytes, bytes);
	pg_atomic_write_u64(&Shared->oldest, oldest);
}

/*
 * One server, one directory: two would remove each other's files.  The lock
 * goes with the process that holds it, the collector.
 */
static bool
LockDirectory(void)
{
	static int	lock_fd = -1;
	char		path[MAXPGPATH];

	if (lock_fd >= 0)
		return true;
	SpoolPath(path, sizeof(path), "lock");
	if (!AcquireExternalFD())
		return false;
	lock_fd = BasicOpenFilePerm(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
								S_IRUSR | S_IWUSR);
	if (lock_fd >= 0 && flock(lock_fd, LOCK_EX | LOCK_NB) == 0)
		return true;

	ProblemSet(PROBLEM_STATE_DIRECTORY, errno == EWOULDBLOCK ? EBUSY : errno,
			   errno == EWOULDBLOCK
			   ? "\"%s\" is in use by another server; give each its own pganalytics.state_directory "
			   "(%m)" : "could not lock \"%s\": %m", path);
	if (lock_fd >= 0)
		close(lock_fd);
	lock_fd = -1;
	ReleaseExternalFD();
	return false;
}

/* Once somebody has looked at what was put aside and removed it, it is no problem any more. */
static void
ForgetRejected(void)
{
	char		path[MAXPGPATH];
	DIR		   *dir;
	struct dirent *entry;
	bool		empty = true;
	uint64		sequence;

	if (Shared->problems[PROBLEM_REJECTED].code == 0)
		return;
	dir = SpoolOpenFolder("rejected", path);
	while (dir && empty && (entry = ReadDirExtended(dir, path, DEBUG1)) != NULL)
		empty = SpoolParseName(entry->d_name, &sequence) == FILE_OTHER;
	if (dir)
		FreeDir(dir);
	if (empty)
		ProblemClear(PROBLEM_REJECTED);
}

bool
SpoolOpen(void)
{
	static bool scanned = false;
	bool		recovered = SpoolIsOpen();
	char		path[MAXPGPATH];
	struct stat st;

	SpoolPath(path, sizeof(path), "spool");
	if (recovered && scanned && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
		access(path, R_OK | W_OK | X_OK) == 0)
	{
		ForgetRejected();
		ProblemClear(PROBLEM_STATE_DIRECTORY);
		return true;
	}
	if (!MakeDirectory("") || !LockDirectory() || !MakeDirectory("spool") ||
		!MakeDirectory("rejected"))
		return false;

	if (!recovered)
		CountersLoad();
	ScanSpool(!recovered);
	scanned = true;
	ProblemClear(PROBLEM_STATE_DIRECTORY);
	pg_atomic_write_u32(&Shared->recovered, RECOVERY_DONE);
	WakeWorker(&Shared->sender);
	return true;
}

bool
SpoolIsOpen(void)
{
	return pg_atomic_read_u32(&Shared->recovered) == RECOVERY_DONE;
}
