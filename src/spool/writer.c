/*
 * writer.c
 *		Batches on their way into the spool.
 *
 * A file is written under a temporary name and gets its own when it is on
 * disk.  Whatever goes wrong costs this batch, is counted and told; it is never
 * an error.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "common/file_perm.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

#include "base/problem.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/statefile.h"
#include "spool/checksum.h"
#include "spool/counters.h"
#include "spool/directory.h"
#include "spool/limits.h"
#include "spool/position.h"
#include "spool/spool.h"

#define COPY_SIZE (64 * 1024)
#define NO_ROOM_CODE 10000 /* above any errno */

/* After so long a small batch that is kept proves that large ones will be. */
#define TROUBLE_ENDS_MS (10 * 60 * 1000)

static void
NoteLoss(SpoolFile *file)
{
	Shared->spool_failed_size = file->body_size;
	Shared->spool_failed_at = GetCurrentTimestamp();
	SpoolFileAbort(file);
	CountersAdd(&Shared->dropped, 1);
}

/*
 * A nearly full disk takes small batches and refuses large ones: what has
 * been kept must be about as large as what was lost, or the log would be told
 * every minute that all is well and that it is not.
 */
static void
NoteKept(uint64 size)
{
	if (Shared->problems[PROBLEM_SPOOL].code != 0 && SpoolArrived() == 0 &&
		(size >= Shared->spool_failed_size / 2 ||
		 TimestampDifferenceExceeds(Shared->spool_failed_at, GetCurrentTimestamp(),
									TROUBLE_ENDS_MS)))
		ProblemClear(PROBLEM_SPOOL);
}

static void
WriteFailed(SpoolFile *file)
{
	int		  code = errno ? errno : ENOSPC;
	ProblemId id = PROBLEM_SPOOL;

	NoteLoss(file);
	if (SpoolDirectoryIsTrouble(code))
	{
		/* SpoolOpen meets it as well, perhaps by another name: the same problem, once */
		if (Shared->problems[PROBLEM_STATE_DIRECTORY].code != 0)
			return;
		id = PROBLEM_STATE_DIRECTORY;
	}
	ProblemSet(id, code, "could not keep a batch in \"%s/spool\": %s; what is read is lost: %s",
			   Setting.state_directory, strerror(code), SpoolRemedy(code));
}

/* All that could go has gone, and a limit would still not be kept. */
static void
NoRoom(SpoolFile *file, Limit limit)
{
	NoteLoss(file);
	/* "spool_min_free" is met a little before the disk is full: the same problem */
	ProblemSet(PROBLEM_SPOOL, limit == LIMIT_FREE ? ENOSPC : NO_ROOM_CODE + limit,
			   "could not keep a batch in \"%s/spool\" and \"%s\" as well; what is read is lost: "
			   "%s the setting",
			   Setting.state_directory, LimitSettings[limit],
			   limit == LIMIT_FREE ? "free disk space there, or lower" : "raise");
}

/* A new file under a temporary name; not a transient file, since a batch outlives transactions. */
static bool
OpenTemporary(SpoolFile *file, uint64 sequence)
{
	char suffix[32];

	file->fd = -1;
	file->sequence = sequence;
	file->body_size = 0;
	memset(&file->log, 0, sizeof(file->log));
	snprintf(suffix, sizeof(suffix), ".tmp.%d", MyProcPid);
	SpoolSequencePath(file->path, "spool", sequence, suffix);
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
	file->fd = -1;
	if (!SpoolIsOpen())
	{
		CountersAdd(&Shared->dropped, 1); /* why is PROBLEM_STATE_DIRECTORY */
		return false;
	}
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
		ssize_t written;

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
		file->body_size += len; /* so large was it to be, at least */
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

/* The checksum of what has been written; the file is still in the page cache. */
static bool
ChecksumFile(SpoolFile *file, pg_crc32c *crc)
{
	static char copy[COPY_SIZE]; /* no palloc: an error here would leave the file open */
	uint64		done = 0;

	INIT_CRC32C(*crc);
	while (done < file->body_size)
	{
		size_t	want = Min((uint64) COPY_SIZE, file->body_size - done);
		ssize_t got = pread(file->fd, copy, want, BATCH_HEADER_SIZE + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
		{
			if (got == 0)
				errno = EIO;
			return false;
		}
		COMP_CRC32C(*crc, copy, got);
		done += got;
	}
	return true;
}

/*
 * The last step.  On failure nothing is left of the file.
 *
 * Not durable_rename(): it opens the file once more, and the sender may have
 * sealed or even delivered it by then.
 */
static bool
NameFile(SpoolFile *file, const char *suffix)
{
	char final[MAXPGPATH];
	int	 save_errno;

	SpoolSequencePath(final, "spool", file->sequence, suffix);
	CloseFile(file);
	if (rename(file->path, final) == 0)
	{
		/* the file is there in any case */
		if (Setting.spool_sync)
			(void) StateFolderSync("spool");
		return true;
	}
	save_errno = errno;
	unlink(file->path);
	errno = save_errno;
	return false;
}

/*
 * The position of the log moves when the batch is on disk and before the
 * sender can see it.  After a crash in between, SpoolAdopt finishes the batch.
 */
static bool
NameFileAndMovePosition(SpoolFile *file, const LogPosition *position, const char *suffix)
{
	LogPosition before = {0};
	int			save_errno;

	(void) LogPositionLoad(&before);
	if (!LogPositionSave(position, file->sequence))
		return false;
	if (NameFile(file, suffix))
		return true;
	save_errno = errno;
	(void) LogPositionSave(&before, 0);
	errno = save_errno;
	return false;
}

/* Writes the header and forces the file to disk. */
static bool
ForceFile(SpoolFile *file, BatchHeader *header)
{
	uint8	  bytes[BATCH_HEADER_SIZE];
	pg_crc32c crc;

	header->crc = 0;
	header->body_size = file->body_size;
	header->sequence = file->sequence;
	header->system_identifier = GetSystemIdentifier();
	if (!ChecksumFile(file, &crc))
		return false;
	BatchHeaderEncode(header, bytes);
	header->crc = ChecksumWithHeader(crc, bytes);
	BatchHeaderEncode(header, bytes);
	if (!WriteAt(file->fd, (const char *) bytes, sizeof(bytes), 0))
		return false;
	return !Setting.spool_sync || pg_fsync(file->fd) >= 0;
}

/*
 * Gives a new batch its name, and moves the log's position to the one in its
 * header.  It is counted first: the sender may deliver it, and count it as
 * gone, before the folder is on disk.
 */
static bool
PublishFile(SpoolFile *file, const BatchHeader *header)
{
	uint64 size = BATCH_HEADER_SIZE + file->body_size;
	int	   save_errno;

	SpoolAccountAdded(file->sequence, size);
	if (header->log.inode != 0 ? NameFileAndMovePosition(file, &header->log, PLAIN_SUFFIX) :
								 NameFile(file, PLAIN_SUFFIX))
		return true;
	save_errno = errno;
	SpoolAccountRemoved(file->sequence, size);
	errno = save_errno;
	return false;
}

bool
SpoolFileCommit(SpoolFile *file)
{
	BatchHeader header = {0};
	Limit		limit;

	if (file->fd < 0)
		return false;
	header.raw_size = file->body_size;
	header.created_us = SpoolNow();
	limit = LimitMakeRoom(BATCH_HEADER_SIZE + file->body_size);
	if (limit != LIMIT_NONE)
	{
		NoRoom(file, limit);
		return false;
	}
	header.log = file->log;
	if (!ForceFile(file, &header) || !PublishFile(file, &header))
	{
		WriteFailed(file);
		return false;
	}
	pg_atomic_fetch_add_u64(&Shared->written, 1);
	NoteKept(file->body_size);
	WakeWorker(&Shared->sender);
	return true;
}

/* ---- whole batches ---- */

bool
SpoolWriteWhole(uint64 sequence, BatchHeader *header, const char *suffix, const char *body,
				size_t size)
{
	SpoolFile file;
	int		  save_errno;

	if (!OpenTemporary(&file, sequence))
		return false;
	file.body_size = size;
	if (WriteAt(file.fd, body, size, BATCH_HEADER_SIZE) && ForceFile(&file, header) &&
		NameFile(&file, suffix))
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
	header.log = plain->log;
	if (!SpoolWriteWhole(plain->sequence, &header, SEALED_SUFFIX, gz, gz_size))
		return false;

	/* from here on the sealed one counts, even if the plain one outlives a crash */
	SpoolSequencePath(path, "spool", plain->sequence, PLAIN_SUFFIX);
	unlink(path);
	pg_atomic_fetch_add_u64(&Shared->bytes, BATCH_HEADER_SIZE + gz_size);
	SpoolAccountBytes(BATCH_HEADER_SIZE + plain->body_size);
	return true;
}

/* ---- recovery ---- */

/* Is it all there?  Its header is written last. */
static bool
IsWhole(SpoolFile *file, BatchHeader *header)
{
	uint8		bytes[BATCH_HEADER_SIZE];
	struct stat st;
	pg_crc32c	crc;

	if (fstat(file->fd, &st) < 0 || pread(file->fd, bytes, sizeof(bytes), 0) != sizeof(bytes) ||
		BatchHeaderDecode(bytes, sizeof(bytes), st.st_size, header) != NULL || header->sealed ||
		header->sequence != file->sequence || header->log.inode == 0)
		return false;
	file->body_size = header->body_size;
	return ChecksumFile(file, &crc) && ChecksumWithHeader(crc, bytes) == header->crc;
}

bool
SpoolAdopt(uint64 sequence, const char *path)
{
	SpoolFile	file = {.sequence = sequence};
	BatchHeader header;

	strlcpy(file.path, path, sizeof(file.path));
	if (!AcquireExternalFD())
		return false;
	file.fd = BasicOpenFile(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | PG_BINARY);
	if (file.fd < 0)
	{
		ReleaseExternalFD();
		return false;
	}
	if (IsWhole(&file, &header) && LogPositionRaise(&header.log, sequence))
		return NameFile(&file, PLAIN_SUFFIX);
	CloseFile(&file);
	return false;
}
