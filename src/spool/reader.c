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

#define MAX_REJECTED 100 /* files in rejected/ */

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

/* Of a file that will not be opened the next time either: a symbolic link, a socket, not ours. */
static bool
IsUnusable(int open_error)
{
	return open_error == ELOOP || open_error == ENXIO || open_error == EACCES ||
		open_error == EPERM;
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
	wrong =
		BatchHeaderDecode(bytes, Max(pread(fd, bytes, sizeof(bytes), 0), 0), st.st_size, &header);
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
		ssize_t got =
			pread(fd, batch->body + done, header.body_size - done, BATCH_HEADER_SIZE + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return "it could not be read to its end";
		done += got;
	}
	INIT_CRC32C(crc);
	COMP_CRC32C(crc, batch->body, done);
	if (ChecksumWithHeader(crc, bytes) != header.crc)
		return "its checksum is wrong";
	batch->sequence = sequence;
	batch->sealed = sealed;
	batch->created_us = header.created_us;
	batch->raw_size = header.raw_size;
	batch->log = header.log;
	batch->body_size = done;
	return NULL;
}

bool
SpoolRead(uint64 sequence, SpoolBatch *batch)
{
	const char *wrong = NULL;
	bool		sealed;
	int			fd;

	memset(batch, 0, sizeof(*batch));
	pg_atomic_write_u64(&Shared->sending, sequence);
	pg_memory_barrier();
	if (pg_atomic_read_u64(&Shared->evicting) == sequence)
	{
		SpoolRelease(batch);
		return false;
	}
	fd = OpenBatch(sequence, &sealed);
	if (fd >= 0)
	{
		wrong = ReadBatch(fd, sequence, sealed, batch);
		close(fd);
	}
	else if (IsUnusable(errno))
		wrong = "it cannot be opened as a file of ours";
	if (wrong)
		(void) SpoolReject(sequence, wrong);
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

bool
SpoolRemovePlain(uint64 sequence)
{
	char path[MAXPGPATH];

	SpoolSequencePath(path, "spool", sequence, PLAIN_SUFFIX);
	return unlink(path) == 0 || errno == ENOENT;
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
	ProblemSet(writable ? PROBLEM_SPOOL : PROBLEM_STATE_DIRECTORY, writable ? EACCES : errno,
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
	if (before > 0 && SpoolArrived() == 0)
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

	do
	{
		DIR			  *dir = SpoolOpenFolder("rejected", path);
		struct dirent *entry;
		uint64		   lowest = PG_UINT64_MAX;
		uint64		   sequence;

		if (dir == NULL)
			return;
		count = 0;
		while ((entry = ReadDirExtended(dir, path, DEBUG1)) != NULL)
		{
			if (SpoolParseName(entry->d_name, &sequence) == FILE_OTHER)
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

/* Moves the file(s) of a batch to rejected/; false: there is none, or it cannot be moved. */
static bool
PutAside(uint64 sequence, uint64 *size)
{
	static const char *const suffixes[] = {SEALED_SUFFIX, PLAIN_SUFFIX};
	bool					 moved = false;

	for (int i = 0; i < lengthof(suffixes); i++)
	{
		char		from[MAXPGPATH];
		char		to[MAXPGPATH];
		struct stat st;

		SpoolSequencePath(from, "spool", sequence, suffixes[i]);
		SpoolSequencePath(to, "rejected", sequence, suffixes[i]);
		if (lstat(from, &st) < 0)
			continue;
		if (rename(from, to) == 0 || unlink(from) == 0)
		{
			moved = true;
			*size = st.st_size;
		}
	}
	return moved;
}

bool
SpoolReject(uint64 sequence, const char *why)
{
	uint64 size = 0;

	(void) CountersBatchLeaves(&Shared->rejected, sequence, NULL);
	if (!PutAside(sequence, &size))
	{
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
