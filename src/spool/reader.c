/*
 * reader.c
 *		Batches on their way out: read, then delivered, rejected or split.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/fd.h"
#include "utils/memutils.h"

#include "base/problem.h"
#include "base/settings.h"
#include "base/shared.h"
#include "spool/checksum.h"
#include "spool/counters.h"
#include "spool/directory.h"
#include "spool/spool.h"

#define MAX_REJECTED 100 /* files in rejected/, and no more bytes than may wait */

/* Of PROBLEM_SPOOL when batches have arrived; a write that fails so is PROBLEM_STATE_DIRECTORY. */
#define ARRIVED_CODE EACCES

/* A batch was postponed since the last SpoolNoteRound; of the sender. */
static bool postponed_since_round = false;

static int
OpenBatch(uint64 sequence, bool *sealed)
{
	char path[MAXPGPATH];
	int	 fd;

	SpoolSequencePath(path, "spool", sequence, SEALED_SUFFIX);
	*sealed = true;
	fd = BasicOpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | PG_BINARY);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	SpoolSequencePath(path, "spool", sequence, PLAIN_SUFFIX);
	*sealed = false;
	return BasicOpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | PG_BINARY);
}

/* Of what is no file, and will not be: a symbolic link, a socket.  A right can be given back. */
static bool
IsUnusable(int open_error)
{
	return open_error == ELOOP || open_error == ENXIO;
}

/* Still there, under either name? */
static bool
IsPresent(uint64 sequence)
{
	char		path[MAXPGPATH];
	struct stat st;

	SpoolSequencePath(path, "spool", sequence, SEALED_SUFFIX);
	if (lstat(path, &st) == 0)
		return true;
	SpoolSequencePath(path, "spool", sequence, PLAIN_SUFFIX);
	return lstat(path, &st) == 0;
}

/* Returns how many bytes there are, "size" at most; -1: they cannot be read now. */
static ssize_t
ReadAt(int fd, void *buffer, size_t size, off_t offset)
{
	size_t done = 0;

	while (done < size)
	{
		ssize_t got = pread(fd, (char *) buffer + done, size - done, offset + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += got;
	}
	return (ssize_t) done;
}

/*
 * Reads and checks.  Returns what is wrong with the file, which will not change,
 * or NULL; *failed is the errno of what did not work now, 0: all did.
 */
static const char *
ReadBatch(int fd, uint64 sequence, bool sealed, SpoolBatch *batch, int *failed)
{
	uint8		bytes[BATCH_HEADER_SIZE];
	BatchHeader header;
	struct stat st;
	const char *wrong;
	pg_crc32c	crc;
	ssize_t		got;

	*failed = 0;
	if (fstat(fd, &st) < 0)
	{
		*failed = errno;
		return NULL;
	}
	if (!S_ISREG(st.st_mode))
		return "it is not a regular file";
	got = ReadAt(fd, bytes, sizeof(bytes), 0);
	if (got < 0)
	{
		*failed = errno;
		return NULL;
	}
	wrong = BatchHeaderDecode(bytes, got, st.st_size, &header);
	if (wrong)
		return wrong;
	if (header.sequence != sequence || header.sealed != sealed)
		return "its name does not belong to it";
	if (header.body_size > MaxAllocHugeSize)
		return "it is too large";

	batch->body = malloc(Max(header.body_size, 1));
	got = batch->body ? ReadAt(fd, batch->body, header.body_size, BATCH_HEADER_SIZE) : -1;
	if (got < 0)
	{
		*failed = batch->body ? errno : ENOMEM;
		return NULL;
	}
	if ((uint64) got < header.body_size)
		return "it ends too early";
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, batch->body, got);
	if (ChecksumWithHeader(crc, bytes) != header.crc)
		return "its checksum is wrong";
	batch->sequence = sequence;
	batch->sealed = sealed;
	batch->created_us = header.created_us;
	batch->raw_size = header.raw_size;
	batch->log = header.log;
	batch->body_size = got;
	return NULL;
}

void
SpoolPostpone(uint64 sequence, int code, const char *trouble)
{
	postponed_since_round = true;
	ProblemSet(PROBLEM_POSTPONED, code,
			   "batch " UINT64_FORMAT " in \"%s/spool\" %s: %s; it is kept and tried again: %s",
			   sequence, Setting.state_directory, trouble, strerror(code), SpoolRemedy(code));
}

SpoolReadResult
SpoolRead(uint64 sequence, SpoolBatch *batch)
{
	const char *wrong = NULL;
	int			failed = 0;
	bool		gone = true;
	bool		sealed;
	int			fd;

	memset(batch, 0, sizeof(*batch));
	pg_atomic_write_u64(&Shared->sending, sequence);
	pg_memory_barrier();
	if (pg_atomic_read_u64(&Shared->evicting) == sequence)
	{
		SpoolRelease(batch);
		return SPOOL_GONE;
	}
	fd = OpenBatch(sequence, &sealed);
	if (fd >= 0)
	{
		wrong = ReadBatch(fd, sequence, sealed, batch, &failed);
		close(fd);
		if (wrong == NULL && failed == 0)
			return SPOOL_READ;
	}
	else if (IsUnusable(errno))
		wrong = "it is not a regular file";
	else if (errno != ENOENT)
		failed = errno;
	if (failed)
		SpoolPostpone(sequence, failed, "cannot be read");
	else if (wrong)
		gone = SpoolReject(sequence, wrong) || !IsPresent(sequence);
	SpoolRelease(batch);
	return failed || !gone ? SPOOL_UNREADABLE : SPOOL_GONE;
}

void
SpoolNoteRound(void)
{
	if (!postponed_since_round)
		ProblemClear(PROBLEM_POSTPONED);
	postponed_since_round = false;
}

void
SpoolRelease(SpoolBatch *batch)
{
	free(batch->body);
	batch->body = NULL;
	pg_atomic_write_u64(&Shared->sending, 0);
}

/* ---- what becomes of a batch ---- */

bool
SpoolRemovePlain(uint64 sequence)
{
	char path[MAXPGPATH];

	SpoolSequencePath(path, "spool", sequence, PLAIN_SUFFIX);
	return unlink(path) == 0 || errno == ENOENT;
}

/* Remembers a batch that has arrived and cannot be removed. */
static void
RememberArrived(uint64 sequence)
{
	char path[MAXPGPATH];
	bool writable;

	for (int i = 0; i < ARRIVED_MOST; i++)
	{
		if (pg_atomic_read_u64(&Shared->arrived[i]) == 0)
		{
			pg_atomic_write_u64(&Shared->arrived[i], sequence);
			break;
		}
	}
	/* where SpoolOpen meets it as well, it is the same problem */
	SpoolPath(path, sizeof(path), "spool");
	writable = access(path, R_OK | W_OK | X_OK) == 0;
	ProblemSet(writable ? PROBLEM_SPOOL : PROBLEM_STATE_DIRECTORY, writable ? ARRIVED_CODE : errno,
			   "batch " UINT64_FORMAT " has arrived but cannot be removed from \"%s\": give the "
			   "server's user write access to it",
			   sequence, path);
}

bool
SpoolHasArrived(uint64 sequence)
{
	for (int i = 0; i < ARRIVED_MOST; i++)
	{
		if (pg_atomic_read_u64(&Shared->arrived[i]) == sequence)
			return true;
	}
	return false;
}

int
SpoolArrived(void)
{
	int count = 0;

	for (int i = 0; i < ARRIVED_MOST; i++)
	{
		if (pg_atomic_read_u64(&Shared->arrived[i]) != 0)
			count++;
	}
	return count;
}

void
SpoolRemoveArrived(void)
{
	int before = SpoolArrived();

	for (int i = 0; before > 0 && i < ARRIVED_MOST; i++)
	{
		uint64 sequence = pg_atomic_read_u64(&Shared->arrived[i]);

		if (sequence == 0)
			continue;
		SpoolRemove(sequence);
		if (!IsPresent(sequence))
			pg_atomic_write_u64(&Shared->arrived[i], 0);
	}
	/* only ours: the disk may be full, too */
	if (before > 0 && SpoolArrived() == 0 && Shared->problems[PROBLEM_SPOOL].code == ARRIVED_CODE)
		ProblemClear(PROBLEM_SPOOL);
}

void
SpoolDelivered(uint64 sequence)
{
	SpoolRemove(sequence);
	if (IsPresent(sequence))
		RememberArrived(sequence);
	else if (pg_atomic_read_u64(&Shared->batches) == 0)
	{
		ProblemClear(PROBLEM_EVICTION);
		CountersSave(); /* an empty spool no longer tells the last sequence */
	}
}

bool
SpoolDrop(uint64 sequence)
{
	if (!IsPresent(sequence))
		return false; /* delivered meanwhile */
	(void) CountersBatchLeaves(&Shared->dropped, sequence, NULL);
	if (SpoolRemove(sequence))
	{
		CountersBatchLeft(&Shared->dropped);
		return true;
	}
	CountersBatchStays(&Shared->dropped);
	return false;
}

/* Removes the oldest of rejected/ so that it does not grow for ever. */
static void
BoundRejected(void)
{
	char path[MAXPGPATH];
	char oldest[MAXPGPATH * 2];
	int	 count;
	bool too_many;

	do
	{
		DIR			  *dir = SpoolOpenFolder("rejected", path);
		struct dirent *entry;
		uint64		   lowest = PG_UINT64_MAX;
		uint64		   sequence;
		uint64		   bytes = 0;

		if (dir == NULL)
			return;
		count = 0;
		while ((entry = ReadDirExtended(dir, path, DEBUG1)) != NULL)
		{
			char		file[MAXPGPATH * 2];
			struct stat st;

			if (SpoolParseName(entry->d_name, &sequence) == FILE_OTHER)
				continue;
			snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
			if (lstat(file, &st) < 0 || S_ISDIR(st.st_mode))
				continue; /* a directory of such a name is not removed by unlink() */
			count++;
			bytes += st.st_size;
			if (sequence < lowest)
			{
				lowest = sequence;
				strlcpy(oldest, file, sizeof(oldest));
			}
		}
		FreeDir(dir);
		too_many = count > MAX_REJECTED ||
			(count > 1 && bytes > (uint64) Setting.spool_max_size_mb * 1024 * 1024);
	} while (too_many && unlink(oldest) == 0);
}

/* Moves the file(s) of a batch to rejected/; false: there is none (errno 0), or they cannot be moved. */
static bool
PutAside(uint64 sequence, uint64 *size)
{
	static const char *const suffixes[] = {SEALED_SUFFIX, PLAIN_SUFFIX};
	bool					 moved = false;
	int						 failed = 0;

	for (int i = 0; i < lengthof(suffixes); i++)
	{
		char		from[MAXPGPATH];
		char		to[MAXPGPATH];
		struct stat st;

		SpoolSequencePath(from, "spool", sequence, suffixes[i]);
		SpoolSequencePath(to, "rejected", sequence, suffixes[i]);
		if (lstat(from, &st) < 0)
			continue;
		/* a full disk ends; where there is no "rejected" the batch must go all the same */
		if (rename(from, to) == 0 ||
			(errno != ENOSPC && errno != EDQUOT && errno != EIO && unlink(from) == 0))
		{
			moved = true;
			*size = st.st_size;
		}
		else if (errno != ENOENT) /* evicted meanwhile */
			failed = errno;
	}
	errno = failed;
	return moved;
}

bool
SpoolReject(uint64 sequence, const char *why)
{
	uint64 size = 0;

	(void) CountersBatchLeaves(&Shared->rejected, sequence, NULL);
	if (!PutAside(sequence, &size))
	{
		if (errno != 0)
			SpoolPostpone(sequence, errno, "was refused, but cannot be moved away");
		CountersBatchStays(&Shared->rejected);
		return false;
	}
	CountersBatchLeft(&Shared->rejected);
	SpoolAccountRemoved(sequence, size);
	BoundRejected();
	ProblemSet(PROBLEM_REJECTED, 1,
			   "batch " UINT64_FORMAT " was put aside: %s; " UINT64_FORMAT
			   " so far, the latest lie in \"%s/rejected\"",
			   sequence, why, pg_atomic_read_u64(&Shared->rejected), Setting.state_directory);
	return true;
}

void
SpoolFinishRejecting(uint64 sequence)
{
	uint64 size;

	(void) PutAside(sequence, &size);
}
