/*
 * recovery.c
 *		Opens the state directory, and brings the spool in order after a crash.
 *
 * See README.md in this folder for what a crash can leave behind.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

#include "miscadmin.h"
#include "storage/fd.h"

#include "base/identity.h"
#include "base/inforce.h"
#include "base/problem.h"
#include "base/settings.h"
#include "base/shared.h"
#include "spool/counters.h"
#include "spool/directory.h"
#include "spool/position.h"
#include "spool/spool.h"

/* ---- directories ---- */

/* Puts errno, what it kept us from and the way out into the status. */
static bool
DirectoryFailed(const char *could_not, const char *path)
{
	int code = errno;

	ProblemSet(PROBLEM_STATE_DIRECTORY, code,
			   "could not %s \"%s\": %s; nothing that is read can be kept: %s", could_not, path,
			   strerror(code), SpoolRemedy(code));
	return false;
}

static bool
MakeDirectory(const char *name)
{
	char		path[MAXPGPATH];
	struct stat st;

	SpoolPath(path, sizeof(path), name);
	if (mkdir(path, S_IRWXU) < 0 && errno != EEXIST)
		return DirectoryFailed("create directory", path);
	if (lstat(path, &st) < 0)
		return DirectoryFailed("access directory", path);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
	{
		/* another's directory is what a write may meet as EACCES: the same problem */
		ProblemSet(PROBLEM_STATE_DIRECTORY, S_ISDIR(st.st_mode) ? EACCES : ENOTDIR,
				   "\"%s\" is not a directory of the server's user (symbolic links are not "
				   "followed); nothing that is read can be kept: %s",
				   path, SpoolRemedy(ENOTDIR));
		return false;
	}
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0 && chmod(path, S_IRWXU) < 0)
		return DirectoryFailed("take the access of others from", path);
	if (access(path, R_OK | W_OK | X_OK) < 0)
		return DirectoryFailed("write to directory", path);
	return true;
}

static bool
IsSealed(uint64 sequence)
{
	char path[MAXPGPATH];

	SpoolSequencePath(path, "spool", sequence, SEALED_SUFFIX);
	return access(path, F_OK) == 0;
}

/* What a crash interrupted after it had been counted. */
static void
FinishLeaving(void)
{
	Leaving *leaving = &Shared->leaving;

	if (leaving->dropping)
		(void) SpoolRemove(leaving->dropping);
	if (leaving->rejecting)
		SpoolFinishRejecting(leaving->rejecting);
	/* not without its halves: they could not be named, and the file could not take that back */
	if (leaving->splitting && SpoolNameHalves(leaving->halves))
		(void) SpoolRemove(leaving->splitting);
	memset(leaving, 0, sizeof(*leaving));
}

/*
 * Temporary files that nobody writes any more: all of them when the server has
 * just started, else those of processes that are no more.  (A batch that one of
 * those left whole has been counted, since PublishFile does that first.)
 */
static void
ClearTemporaryFiles(bool server_start)
{
	char		   path[MAXPGPATH];
	DIR			  *dir = SpoolOpenFolder("spool", path);
	struct dirent *entry;

	while (dir && (entry = ReadDirExtended(dir, path, DEBUG1)) != NULL)
	{
		char   file[MAXPGPATH * 2];
		uint64 sequence;
		pid_t  pid;

		if (SpoolParseName(entry->d_name, &sequence) != FILE_TEMPORARY)
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		pid = SpoolWriterOf(entry->d_name);
		if ((server_start || (pid > 0 && kill(pid, 0) < 0 && errno == ESRCH)) &&
			!SpoolAdopt(sequence, file))
			unlink(file);
	}
	if (dir)
		FreeDir(dir);
}

/*
 * Counts what is there.  Not to be repeated while the server runs, unless the
 * directory is another one: writers and the sender count meanwhile.
 */
static void
ScanSpool(void)
{
	char		   path[MAXPGPATH];
	DIR			  *dir = SpoolOpenFolder("spool", path);
	struct dirent *entry;
	uint64		   batches = 0;
	uint64		   bytes = 0;
	uint64		   oldest = 0;

	if (dir == NULL)
		return;
	while ((entry = ReadDirExtended(dir, path, DEBUG1)) != NULL)
	{
		char		file[MAXPGPATH * 2];
		struct stat st;
		uint64		sequence;
		FileKind	kind = SpoolParseName(entry->d_name, &sequence);

		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (kind == FILE_PLAIN && IsSealed(sequence))
			unlink(file); /* a crash came between sealing and this */
		else if ((kind == FILE_PLAIN || kind == FILE_SEALED) && lstat(file, &st) == 0)
		{
			batches++;
			bytes += st.st_size;
			if (oldest == 0 || sequence < oldest)
				oldest = sequence;
			SpoolRaiseSequence(sequence);
		}
	}
	FreeDir(dir);
	pg_atomic_write_u64(&Shared->batches, batches);
	pg_atomic_write_u64(&Shared->bytes, bytes);
	pg_atomic_write_u64(&Shared->oldest, oldest);
}

static bool
IsSameFile(int fd, const char *path)
{
	struct stat opened;
	struct stat named;

	return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 && opened.st_dev == named.st_dev &&
		opened.st_ino == named.st_ino;
}

/*
 * One server, one directory: two would remove each other's files.  The lock
 * goes with the process that holds it, the collector.
 */
static bool
LockDirectory(void)
{
	static int lock_fd = -1;
	char	   path[MAXPGPATH];

	SpoolPath(path, sizeof(path), "lock");
	if (lock_fd >= 0)
	{
		if (IsSameFile(lock_fd, path))
			return true;
		close(lock_fd); /* somebody has removed it, or the directory */
		lock_fd = -1;
		ReleaseExternalFD();
	}
	if (!AcquireExternalFD())
		return DirectoryFailed("lock", path);
	lock_fd = BasicOpenFilePerm(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (lock_fd >= 0 && flock(lock_fd, LOCK_EX | LOCK_NB) == 0)
		return true;

	if (errno == EWOULDBLOCK)
		ProblemSet(PROBLEM_STATE_DIRECTORY, EBUSY,
				   "\"%s\" is in use by another server; give each its own "
				   "\"pganalytics.state_directory\"",
				   path);
	else
		(void) DirectoryFailed("lock", path);
	if (lock_fd >= 0)
		close(lock_fd);
	lock_fd = -1;
	ReleaseExternalFD();
	return false;
}

/* ---- what was put aside ---- */

static int
CountRejected(void)
{
	char		   path[MAXPGPATH];
	DIR			  *dir = SpoolOpenFolder("rejected", path);
	struct dirent *entry;
	int			   count = 0;
	uint64		   sequence;

	while (dir && (entry = ReadDirExtended(dir, path, DEBUG1)) != NULL)
	{
		if (SpoolParseName(entry->d_name, &sequence) != FILE_OTHER)
			count++;
	}
	if (dir)
		FreeDir(dir);
	return count;
}

/* Once somebody has looked at it and removed it, it is no problem any more. */
static void
ForgetRejected(void)
{
	if (Shared->problems[PROBLEM_REJECTED].code != 0 && CountRejected() == 0)
		ProblemClear(PROBLEM_REJECTED);
}

/* Until then it is one, also after a restart. */
static void
RememberRejected(void)
{
	int count = CountRejected();

	if (count > 0)
		ProblemSet(PROBLEM_REJECTED, 2,
				   "\"%s/rejected\" holds %d of the batches that were put aside before the server "
				   "started; the log of that time says why, remove them when they are of no use",
				   Setting.state_directory, count);
}

/* ---- opening ---- */

/* The directory is another one than before: what waited in the old one is lost. */
static void
CountLost(uint64 waiting)
{
	uint64 found = pg_atomic_read_u64(&Shared->batches);

	if (waiting <= found)
		return;
	CountersAdd(&Shared->dropped, waiting - found);
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	Shared->newest_lost = pg_atomic_read_u64(&Shared->sequence); /* which ones is not known */
	LWLockRelease(Shared->lock);
	ereport(
		LOG,
		(errmsg("pganalytics: the directory of the spool was removed, and with it " UINT64_FORMAT
				" batches that waited; they are counted as dropped",
				waiting - found),
		 errhidecontext(true)));
}

/* Is it the directory that was counted last, by this collector or by the one before? */
static bool
IsCounted(const struct stat *st)
{
	return S_ISDIR(st->st_mode) && st->st_ino == Shared->spool_inode &&
		st->st_dev == Shared->spool_device;
}

bool
SpoolOpen(void)
{
	static bool opened = false; /* by this process, so it has the lock */
	bool		recovered = SpoolIsOpen();
	char		path[MAXPGPATH];
	struct stat st;

	SpoolPath(path, sizeof(path), "spool");
	if (lstat(path, &st) < 0)
	{
		/* the next directory may well get the number of one that was removed */
		if (errno == ENOENT)
			Shared->spool_inode = 0;
	}
	else if (recovered && opened && IsCounted(&st) && access(path, R_OK | W_OK | X_OK) == 0 &&
			 LockDirectory())
	{
		ForgetRejected();
		ProblemClear(PROBLEM_STATE_DIRECTORY);
		return true;
	}
	if (!MakeDirectory("") || !LockDirectory() || !MakeDirectory("spool") ||
		!MakeDirectory("rejected") || lstat(path, &st) < 0)
		return false;

	if (!recovered)
	{
		/* before anything is counted, collected or sent: who we are, and what is in force */
		IdentityLoad();
		RemoteLoad();
		CountersLoad();
		FinishLeaving();
	}
	ClearTemporaryFiles(!recovered);
	if (!recovered || !IsCounted(&st))
	{
		uint64 waiting = pg_atomic_read_u64(&Shared->batches);

		ScanSpool();
		if (recovered)
			CountLost(waiting);
		Shared->spool_device = st.st_dev;
		Shared->spool_inode = st.st_ino;
	}
	if (!recovered)
	{
		RememberRejected();
		LogPositionRecover();
	}
	opened = true;
	ProblemClear(PROBLEM_STATE_DIRECTORY);
	pg_atomic_write_u32(&Shared->recovered, 1);
	WakeWorker(&Shared->sender);
	return true;
}

/* Linux; elsewhere the kind of a file system is not known. */
static bool
IsInMemory(const char *path)
{
#ifdef __linux__
	struct statfs fs;

	return statfs(path, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
#else
	return false;
#endif
}

bool
SpoolIsVolatile(void)
{
	char		path[MAXPGPATH];
	struct stat spool;
	struct stat data;

	SpoolPath(path, sizeof(path), "spool");
	/* a server that is in memory as a whole loses everything anyway */
	return stat(path, &spool) == 0 && stat(DataDir, &data) == 0 && spool.st_dev != data.st_dev &&
		IsInMemory(path);
}
