/*
 * spool.c
 *		The queue on disk: see README.md in this folder.
 *
 * No function here raises an error for what the file system does: a server
 * must not suffer because its statistics cannot be kept.  Trouble is counted
 * and told through ProblemSet().
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "access/xlog.h"
#include "common/file_perm.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/identity.h"
#include "base/problem.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/unixtime.h"
#include "spool/counters.h"
#include "spool/spool.h"

#define PLAIN_SUFFIX ".plain"
#define SEALED_SUFFIX ".batch"
#define SEQUENCE_DIGITS 20
#define COPY_SIZE (64 * 1024)
#define MAX_REJECTED 100		/* files in rejected/ */
#define LIST_SIZE 64
#define NO_ROOM_CODE 10000		/* above any errno */

/* Values of Shared->recovered */
#define RECOVERY_DONE 1

typedef enum FileKind
{
	FILE_OTHER,
	FILE_PLAIN,
	FILE_SEALED,
	FILE_TEMPORARY
} FileKind;

/* ---- names ---- */

void
SpoolPath(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s%s%s", Setting.state_directory, name[0] ? "/" : "", name);
}

static void
SequencePath(char *path, const char *folder, uint64 sequence, const char *suffix)
{
	snprintf(path, MAXPGPATH, "%s/%s/%0*llu%s", Setting.state_directory, folder, SEQUENCE_DIGITS,
			 (unsigned long long) sequence, suffix);
}

static FileKind
ParseName(const char *name, uint64 *sequence)
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

static uint64
NowUs(void)
{
	return (uint64) UnixMicroseconds(GetCurrentTimestamp());
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
		next = Max(last + 1, NowUs());
	} while (!pg_atomic_compare_exchange_u64(&Shared->sequence, &last, next));
	return next;
}

/* ---- looking at the directory ---- */

static DIR *
OpenFolder(const char *folder, char *path)
{
	SpoolPath(path, MAXPGPATH, folder);
	return AllocateDir(path);
}

/* The "most" oldest batches above "after", oldest first. */
int
SpoolList(uint64 after, int most, uint64 *sequences, bool *sealed)
{
	char		path[MAXPGPATH];
	DIR		   *dir = OpenFolder("spool", path);
	struct dirent *entry;
	int			count = 0;

	if (dir == NULL)
		return 0;
	while ((entry = ReadDirExtended(dir, path, DEBUG1)) != NULL)
	{
		uint64		sequence;
		FileKind	kind = ParseName(entry->d_name, &sequence);
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

uint64
SpoolOldest(void)
{
	uint64		sequence;
	bool		sealed;

	return SpoolList(0, 1, &sequence, &sealed) > 0 ? sequence : 0;
}

/* ---- accounting ---- */

static void
SubtractBytes(uint64 size)
{
	uint64		bytes = pg_atomic_read_u64(&Shared->bytes);

	/* never below zero, whatever somebody did to the directory meanwhile */
	while (!pg_atomic_compare_exchange_u64(&Shared->bytes, &bytes, bytes > size ? bytes - size : 0))
		;
}

static void
AccountRemoved(uint64 sequence, uint64 size)
{
	uint64		batches = pg_atomic_read_u64(&Shared->batches);
	uint64		oldest = sequence;

	SubtractBytes(size);
	while (batches > 0 &&
		   !pg_atomic_compare_exchange_u64(&Shared->batches, &batches, batches - 1))
		;
	pg_atomic_compare_exchange_u64(&Shared->oldest, &oldest, 0);
	ConditionVariableBroadcast(&Shared->progress);
}

static void
AccountAdded(uint64 sequence, uint64 size)
{
	uint64		none = 0;

	pg_atomic_fetch_add_u64(&Shared->bytes, size);
	if (pg_atomic_fetch_add_u64(&Shared->batches, 1) == 0)
		pg_atomic_compare_exchange_u64(&Shared->oldest, &none, sequence);
}

/* Removes the file(s) of a batch; true if this process is the one who did. */
static bool
RemoveBatch(uint64 sequence)
{
	static const char *const suffixes[] = {SEALED_SUFFIX, PLAIN_SUFFIX};
	uint64		size = 0;
	bool		removed = false;

	for (int i = 0; i < lengthof(suffixes); i++)
	{
		char		path[MAXPGPATH];
		struct stat st;

		SequencePath(path, "spool", sequence, suffixes[i]);
		if (lstat(path, &st) == 0 && unlink(path) == 0)
		{
			removed = true;
			size = st.st_size;
		}
	}
	if (removed)
		AccountRemoved(sequence, size);
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
	if (access(path, W_OK | X_OK) < 0)
	{
		ProblemSet(PROBLEM_STATE_DIRECTORY, errno,
				   "directory \"%s\" is not writable: %m; nothing can be kept until it is", path);
		return false;
	}
	return true;
}

/*
 * Counts what is there and removes the temporary files: all of them when the
 * server has just started, else those of processes that are no more.
 */
static void
ScanSpool(bool server_start)
{
	char		path[MAXPGPATH];
	DIR		   *dir = OpenFolder("spool", path);
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
		FileKind	kind = ParseName(entry->d_name, &sequence);

		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (kind == FILE_TEMPORARY)
		{
			pid_t		pid = (pid_t) strtol(entry->d_name + SEQUENCE_DIGITS + 5, NULL, 10);

			if (server_start || (kill(pid, 0) < 0 && errno == ESRCH))
				unlink(file);
		}
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

bool
SpoolOpen(void)
{
	static bool scanned = false;
	bool		recovered = SpoolIsOpen();
	char		path[MAXPGPATH];
	struct stat st;

	SpoolPath(path, sizeof(path), "spool");
	if (recovered && scanned && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
		access(path, W_OK | X_OK) == 0)
	{
		ProblemClear(PROBLEM_STATE_DIRECTORY);
		return true;
	}
	if (!MakeDirectory("") || !MakeDirectory("spool") || !MakeDirectory("rejected"))
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

/* ---- limits ---- */

typedef enum Limit
{
	LIMIT_NONE,
	LIMIT_SIZE,
	LIMIT_AGE,
	LIMIT_FREE
} Limit;

static const char *const limit_settings[] = {
	[LIMIT_SIZE] = "pganalytics.spool_max_size",
	[LIMIT_AGE] = "pganalytics.spool_max_age",
	[LIMIT_FREE] = "pganalytics.spool_min_free",
};

/* Which limit is not kept, now that "needed" bytes more are wanted? */
static Limit
ExceededLimit(uint64 needed)
{
	uint64		max_size = (uint64) Setting.spool_max_size_mb * 1024 * 1024;
	uint64		min_free = (uint64) Setting.spool_min_free_mb * 1024 * 1024;
	uint64		oldest = pg_atomic_read_u64(&Shared->oldest);
	char		path[MAXPGPATH];
	struct statvfs fs;

	if (pg_atomic_read_u64(&Shared->bytes) + needed > max_size)
		return LIMIT_SIZE;
	if (oldest == 0 && pg_atomic_read_u64(&Shared->batches) > 0)
	{
		oldest = SpoolOldest();
		pg_atomic_write_u64(&Shared->oldest, oldest);
	}
	if (oldest != 0 && oldest + (uint64) Setting.spool_max_age_s * USECS_PER_SEC < NowUs())
		return LIMIT_AGE;
	SpoolPath(path, sizeof(path), "spool");
	if (needed > 0 && min_free > 0 && statvfs(path, &fs) == 0 &&
		(uint64) fs.f_bavail * fs.f_frsize < min_free + needed)
		return LIMIT_FREE;
	return LIMIT_NONE;
}

/*
 * Drops one batch, unless the sender has it in hand.  The sender announces
 * its batch in "sending" and then looks at "evicting"; here it is the other
 * way round, so at least one of the two sees the other and steps back: no
 * batch is both delivered and counted as dropped.
 */
static bool
EvictBatch(uint64 sequence, Limit limit)
{
	uint64		none = 0;
	bool		evicted = false;

	if (!pg_atomic_compare_exchange_u64(&Shared->evicting, &none, sequence))
		return false;			/* another writer makes room */
	pg_memory_barrier();
	if (pg_atomic_read_u64(&Shared->sending) != sequence && RemoveBatch(sequence))
	{
		evicted = true;
		CountersAdd(&Shared->dropped, 1);
	}
	pg_atomic_write_u64(&Shared->evicting, 0);
	if (evicted)
		ProblemSet(PROBLEM_EVICTION, limit,
				   "batches that could not be sent are dropped, oldest first, to keep \"%s\"; "
				   "make the backend reachable or raise the limit", limit_settings[limit]);
	return evicted;
}

/* Evicts until all limits are kept; returns the one that cannot be. */
static Limit
MakeRoom(uint64 needed)
{
	uint64		sequences[LIST_SIZE];
	bool		sealed[LIST_SIZE];
	Limit		limit;
	bool		evicted = true;

	/* one that is too large by itself must not cost those already kept */
	if (needed > (uint64) Setting.spool_max_size_mb * 1024 * 1024)
		return LIMIT_SIZE;
	while ((limit = ExceededLimit(needed)) != LIMIT_NONE && evicted)
	{
		int			count = SpoolList(0, LIST_SIZE, sequences, sealed);

		evicted = false;
		for (int i = 0; i < count && limit != LIMIT_NONE; i++)
		{
			if (EvictBatch(sequences[i], limit))
				evicted = true;
			limit = ExceededLimit(needed);
		}
	}
	/* one that is too old, but just being sent, is in nobody's way */
	return limit == LIMIT_AGE ? LIMIT_NONE : limit;
}

void
SpoolMakeRoom(void)
{
	(void) MakeRoom(0);
}

/* ---- writing ---- */

static void
WriteFailed(SpoolFile *file)
{
	int			code = errno ? errno : ENOSPC;

	SpoolFileAbort(file);
	CountersAdd(&Shared->dropped, 1);
	errno = code;
	ProblemSet(PROBLEM_SPOOL, code,
			   "could not keep a batch in \"%s\": %m; what is read is lost until this is mended",
			   Setting.state_directory);
}

/* All that could go has gone, and a limit would still not be kept. */
static void
NoRoom(SpoolFile *file, Limit limit)
{
	SpoolFileAbort(file);
	CountersAdd(&Shared->dropped, 1);
	ProblemSet(PROBLEM_SPOOL, NO_ROOM_CODE + limit,
			   "could not keep a batch in \"%s\" and \"%s\" as well; what is read is lost until "
			   "there is more room or the setting is changed",
			   Setting.state_directory, limit_settings[limit]);
}

/* A new file under a temporary name; not a transient file, since a batch outlives transactions. */
static bool
OpenTemporary(SpoolFile *file, uint64 sequence)
{
	file->fd = -1;
	file->sequence = sequence;
	file->body_size = 0;
	snprintf(file->path, sizeof(file->path), "%s/spool/%0*llu.tmp.%d", Setting.state_directory,
			 SEQUENCE_DIGITS, (unsigned long long) sequence, MyProcPid);
	if (!AcquireExternalFD())
	{
		errno = EMFILE;
		return false;
	}
	file->fd = BasicOpenFilePerm(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | PG_BINARY,
								 S_IRUSR | S_IWUSR);
	if (file->fd < 0)
		ReleaseExternalFD();
	return file->fd >= 0;
}

bool
SpoolFileCreate(SpoolFile *file)
{
	if (OpenTemporary(file, SpoolNextSequence()))
		return true;
	WriteFailed(file);
	return false;
}

static bool
WriteAt(int fd, const char *data, size_t len, off_t offset)
{
	while (len > 0)
	{
		ssize_t		written;

		errno = 0;
		written = pwrite(fd, data, len, offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
		{
			if (errno == 0)
				errno = ENOSPC;
			return false;
		}
		data += written;
		offset += written;
		len -= written;
	}
	return true;
}

bool
SpoolFileWrite(SpoolFile *file, const char *data, size_t len)
{
	if (file->fd < 0)
		return false;
	if (!WriteAt(file->fd, data, len, BATCH_HEADER_SIZE + file->body_size))
	{
		WriteFailed(file);
		return false;
	}
	file->body_size += len;
	return true;
}

bool
SpoolFileTruncate(SpoolFile *file, uint64 body_size)
{
	if (file->fd < 0)
		return false;
	if (ftruncate(file->fd, BATCH_HEADER_SIZE + body_size) < 0)
	{
		WriteFailed(file);
		return false;
	}
	file->body_size = body_size;
	return true;
}

static void
CloseFile(SpoolFile *file)
{
	if (file->fd >= 0)
	{
		close(file->fd);
		ReleaseExternalFD();
		file->fd = -1;
	}
}

void
SpoolFileAbort(SpoolFile *file)
{
	if (file->fd >= 0)
		unlink(file->path);
	CloseFile(file);
}

static uint32
HeaderCrc(pg_crc32c crc, const uint8 *header)
{
	COMP_CRC32C(crc, header + BATCH_CRC_FROM, BATCH_HEADER_SIZE - BATCH_CRC_FROM);
	FIN_CRC32C(crc);
	return crc;
}

/* The checksum of what has been written; the file is still in the page cache. */
static bool
ChecksumFile(SpoolFile *file, pg_crc32c *crc)
{
	char	   *copy = palloc(COPY_SIZE);
	uint64		done = 0;

	INIT_CRC32C(*crc);
	while (done < file->body_size)
	{
		size_t		want = Min((uint64) COPY_SIZE, file->body_size - done);
		ssize_t		got = pread(file->fd, copy, want, BATCH_HEADER_SIZE + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
		{
			if (got == 0)
				errno = EIO;
			pfree(copy);
			return false;
		}
		COMP_CRC32C(*crc, copy, got);
		done += got;
	}
	pfree(copy);
	return true;
}

/* Writes the header, forces the file to disk and gives it its final name. */
static bool
FinishFile(SpoolFile *file, BatchHeader *header, const char *suffix)
{
	char		final[MAXPGPATH];
	uint8		bytes[BATCH_HEADER_SIZE];
	pg_crc32c	crc;

	header->crc = 0;
	header->body_size = file->body_size;
	header->sequence = file->sequence;
	header->system_identifier = GetSystemIdentifier();
	if (!ChecksumFile(file, &crc))
		return false;
	BatchHeaderEncode(header, bytes);
	header->crc = HeaderCrc(crc, bytes);
	BatchHeaderEncode(header, bytes);
	if (!WriteAt(file->fd, (const char *) bytes, sizeof(bytes), 0))
		return false;

	SequencePath(final, "spool", file->sequence, suffix);
	CloseFile(file);
	if ((Setting.spool_sync ? durable_rename(file->path, final, DEBUG1)
		 : rename(file->path, final)) < 0)
	{
		int			save_errno = errno;

		unlink(file->path);
		errno = save_errno;
		return false;
	}
	return true;
}

bool
SpoolFileCommit(SpoolFile *file)
{
	BatchHeader header = {0};
	Limit		limit;

	if (file->fd < 0)
		return false;
	header.raw_size = file->body_size;
	header.created_us = NowUs();
	limit = MakeRoom(BATCH_HEADER_SIZE + file->body_size);
	if (limit != LIMIT_NONE)
	{
		NoRoom(file, limit);
		return false;
	}
	if (!FinishFile(file, &header, PLAIN_SUFFIX))
	{
		WriteFailed(file);
		return false;
	}
	AccountAdded(file->sequence, BATCH_HEADER_SIZE + file->body_size);
	pg_atomic_fetch_add_u64(&Shared->written, 1);
	ProblemClear(PROBLEM_SPOOL);
	WakeWorker(&Shared->sender);
	return true;
}

/* ---- reading ---- */

static int
OpenBatch(uint64 sequence, bool *sealed)
{
	char		path[MAXPGPATH];
	int			fd;

	SequencePath(path, "spool", sequence, SEALED_SUFFIX);
	*sealed = true;
	fd = BasicOpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | PG_BINARY);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	SequencePath(path, "spool", sequence, PLAIN_SUFFIX);
	*sealed = false;
	return BasicOpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | PG_BINARY);
}

/* Reads and checks; NULL or what is wrong with the file. */
static const char *
ReadBatch(int fd, uint64 sequence, bool sealed, SpoolBatch *batch)
{
	uint8		bytes[BATCH_HEADER_SIZE];
	BatchHeader header;
	struct stat st;
	const char *wrong;
	pg_crc32c	crc;
	size_t		done = 0;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return "it is not a regular file";
	wrong = BatchHeaderDecode(bytes, Max(pread(fd, bytes, sizeof(bytes), 0), 0), st.st_size,
							  &header);
	if (wrong)
		return wrong;
	if (header.sequence != sequence || header.sealed != sealed)
		return "its name does not belong to it";
	if (header.body_size > MaxAllocHugeSize)
		return "it is too large";

	batch->body = malloc(Max(header.body_size, 1));
	if (batch->body == NULL)
		return NULL;
	while (done < header.body_size)
	{
		ssize_t		got = pread(fd, batch->body + done, header.body_size - done,
								BATCH_HEADER_SIZE + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return "it could not be read to its end";
		done += got;
	}
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, batch->body, done);
	if (HeaderCrc(crc, bytes) != header.crc)
		return "its checksum is wrong";
	batch->sequence = sequence;
	batch->sealed = sealed;
	batch->created_us = header.created_us;
	batch->raw_size = header.raw_size;
	batch->body_size = done;
	return NULL;
}

bool
SpoolRead(uint64 sequence, SpoolBatch *batch)
{
	const char *wrong;
	bool		sealed;
	int			fd;

	memset(batch, 0, sizeof(*batch));
	pg_atomic_write_u64(&Shared->sending, sequence);
	pg_memory_barrier();
	if (pg_atomic_read_u64(&Shared->evicting) == sequence ||
		(fd = OpenBatch(sequence, &sealed)) < 0)
	{
		SpoolRelease(batch);
		return false;
	}
	wrong = ReadBatch(fd, sequence, sealed, batch);
	close(fd);
	if (wrong)
		SpoolReject(sequence, wrong);
	if (wrong || batch->body == NULL)
	{
		SpoolRelease(batch);
		return false;
	}
	return true;
}

void
SpoolRelease(SpoolBatch *batch)
{
	free(batch->body);
	batch->body = NULL;
	pg_atomic_write_u64(&Shared->sending, 0);
}

/* ---- what becomes of a batch ---- */

/* Makes a file of a sequence that is given, as a whole. */
static bool
WriteWhole(uint64 sequence, BatchHeader *header, const char *suffix, const char *body, size_t size)
{
	SpoolFile	file;
	int			save_errno;

	if (!OpenTemporary(&file, sequence))
		return false;
	file.body_size = size;
	if (WriteAt(file.fd, body, size, BATCH_HEADER_SIZE) && FinishFile(&file, header, suffix))
		return true;
	save_errno = errno;
	SpoolFileAbort(&file);
	errno = save_errno;
	return false;
}

bool
SpoolSeal(const SpoolBatch *plain, const char *gz, size_t gz_size)
{
	BatchHeader header = {0};
	char		path[MAXPGPATH];

	header.sealed = true;
	header.raw_size = plain->raw_size;
	header.created_us = plain->created_us;
	if (!WriteWhole(plain->sequence, &header, SEALED_SUFFIX, gz, gz_size))
		return false;

	/* from here on the sealed one counts, even if the plain one outlives a crash */
	SequencePath(path, "spool", plain->sequence, PLAIN_SUFFIX);
	unlink(path);
	pg_atomic_fetch_add_u64(&Shared->bytes, BATCH_HEADER_SIZE + gz_size);
	SubtractBytes(BATCH_HEADER_SIZE + plain->body_size);
	return true;
}

bool
SpoolAdd(uint64 sequence, const char *body, size_t size)
{
	BatchHeader header = {0};

	header.raw_size = size;
	header.created_us = NowUs();
	if (!WriteWhole(sequence, &header, PLAIN_SUFFIX, body, size))
		return false;
	AccountAdded(sequence, BATCH_HEADER_SIZE + size);
	return true;
}

void
SpoolDelivered(uint64 sequence)
{
	RemoveBatch(sequence);
	if (pg_atomic_read_u64(&Shared->batches) == 0)
	{
		ProblemClear(PROBLEM_EVICTION);
		CountersSave();			/* an empty spool no longer tells the last sequence */
	}
}

void
SpoolWasSplit(uint64 sequence)
{
	CountersAdd(&Shared->split, 1);
	RemoveBatch(sequence);
}

/* Removes the oldest of rejected/ so that it does not grow for ever. */
static void
BoundRejected(void)
{
	char		path[MAXPGPATH];
	char		oldest[MAXPGPATH * 2];
	int			count;

	do
	{
		DIR		   *dir = OpenFolder("rejected", path);
		struct dirent *entry;
		uint64		lowest = PG_UINT64_MAX;
		uint64		sequence;

		if (dir == NULL)
			return;
		count = 0;
		while ((entry = ReadDirExtended(dir, path, DEBUG1)) != NULL)
		{
			if (ParseName(entry->d_name, &sequence) == FILE_OTHER)
				continue;
			count++;
			if (sequence < lowest)
			{
				lowest = sequence;
				snprintf(oldest, sizeof(oldest), "%s/%s", path, entry->d_name);
			}
		}
		FreeDir(dir);
	} while (count > MAX_REJECTED && unlink(oldest) == 0);
}

void
SpoolReject(uint64 sequence, const char *why)
{
	static const char *const suffixes[] = {SEALED_SUFFIX, PLAIN_SUFFIX};
	bool		moved = false;
	uint64		size = 0;

	for (int i = 0; i < lengthof(suffixes); i++)
	{
		char		from[MAXPGPATH];
		char		to[MAXPGPATH];
		struct stat st;

		SequencePath(from, "spool", sequence, suffixes[i]);
		SequencePath(to, "rejected", sequence, suffixes[i]);
		if (lstat(from, &st) < 0)
			continue;
		if (rename(from, to) == 0 || unlink(from) == 0)
		{
			moved = true;
			size = st.st_size;
		}
	}
	if (!moved)
		return;
	AccountRemoved(sequence, size);
	CountersAdd(&Shared->rejected, 1);
	BoundRejected();
	ProblemSet(PROBLEM_REJECTED, 1,
			   "batch " UINT64_FORMAT " was put aside: %s; " UINT64_FORMAT
			   " so far, the latest lie in \"%s/rejected\"", sequence, why,
			   pg_atomic_read_u64(&Shared->rejected), Setting.state_directory);
}
