/*
 * directory.c
 *		The directory of the spool: names, listing, accounting.
 *
 * See README.md in this folder.  No function here raises an error for what the
 * file system does: a server must not suffer because its statistics cannot be
 * kept.  Trouble is counted and told through ProblemSet().
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/unixtime.h"
#include "spool/directory.h"
#include "spool/spool.h"

#define SEQUENCE_DIGITS 20

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

void
SpoolRaiseSequence(uint64 at_least)
{
	uint64 last = pg_atomic_read_u64(&Shared->sequence);

	while (last < at_least && !pg_atomic_compare_exchange_u64(&Shared->sequence, &last, at_least))
		;
}

uint64
SpoolNextSequence(void)
{
	uint64 last = pg_atomic_read_u64(&Shared->sequence);
	uint64 next;

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
ListBatches(uint64 after, int most, uint64 *sequences)
{
	char		   path[MAXPGPATH];
	DIR			  *dir = SpoolOpenFolder("spool", path);
	struct dirent *entry;
	int			   count = 0;

	if (dir == NULL)
		return -1;
	while ((entry = ReadDirExtended(dir, path, DEBUG1)) != NULL)
	{
		uint64	 sequence;
		FileKind kind = SpoolParseName(entry->d_name, &sequence);
		int		 at;

		if ((kind != FILE_PLAIN && kind != FILE_SEALED) || sequence <= after)
			continue;
		for (at = count; at > 0 && sequences[at - 1] > sequence; at--)
			;
		/* sealed, but the plain one has not been removed: one batch */
		if (at == most || (at > 0 && sequences[at - 1] == sequence))
			continue;
		if (count < most)
			count++;
		memmove(sequences + at + 1, sequences + at, sizeof(uint64) * (count - at - 1));
		sequences[at] = sequence;
	}
	FreeDir(dir);
	return count;
}

int
SpoolList(uint64 after, int most, uint64 *sequences)
{
	return Max(ListBatches(after, most, sequences), 0);
}

uint64
SpoolNewest(void)
{
	char		   path[MAXPGPATH];
	DIR			  *dir = SpoolOpenFolder("spool", path);
	struct dirent *entry;
	uint64		   newest = 0;

	while (dir && (entry = ReadDirExtended(dir, path, DEBUG1)) != NULL)
	{
		uint64	 sequence;
		FileKind kind = SpoolParseName(entry->d_name, &sequence);

		if (kind == FILE_PLAIN || kind == FILE_SEALED)
			newest = Max(newest, sequence);
	}
	if (dir)
		FreeDir(dir);
	return newest;
}

int
SpoolListPlain(int most, uint64 *sequences)
{
	char		   path[MAXPGPATH];
	DIR			  *dir = SpoolOpenFolder("spool", path);
	struct dirent *entry;
	int			   count = 0;

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
	int count = ListBatches(0, 1, oldest);

	if (count == 0)
		*oldest = 0;
	return count >= 0;
}

uint64
SpoolOldest(void)
{
	uint64 oldest;

	return SpoolPeek(&oldest) ? oldest : 0;
}

/* ---- accounting ---- */

void
SpoolAccountBytes(uint64 size)
{
	uint64 bytes = pg_atomic_read_u64(&Shared->bytes);

	/* never below zero, whatever somebody did to the directory meanwhile */
	while (!pg_atomic_compare_exchange_u64(&Shared->bytes, &bytes, bytes > size ? bytes - size : 0))
		;
}

void
SpoolAccountRemoved(uint64 sequence, uint64 size)
{
	uint64 batches = pg_atomic_read_u64(&Shared->batches);
	uint64 oldest = sequence;

	SpoolAccountBytes(size);
	while (batches > 0 && !pg_atomic_compare_exchange_u64(&Shared->batches, &batches, batches - 1))
		;
	pg_atomic_compare_exchange_u64(&Shared->oldest, &oldest, 0);
	ConditionVariableBroadcast(&Shared->progress);
}

void
SpoolAccountAdded(uint64 sequence, uint64 size)
{
	uint64 none = 0;

	pg_atomic_fetch_add_u64(&Shared->bytes, size);
	if (pg_atomic_fetch_add_u64(&Shared->batches, 1) == 0)
		pg_atomic_compare_exchange_u64(&Shared->oldest, &none, sequence);
}

bool
SpoolRemove(uint64 sequence)
{
	static const char *const suffixes[] = {SEALED_SUFFIX, PLAIN_SUFFIX};
	uint64					 size = 0;
	bool					 removed = false;

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

/* ---- others ---- */

void
SpoolPause(void)
{
	static uint32 wait_event = 0;

	if (wait_event == 0)
		wait_event = WaitEventNew("PganalyticsMain");
	(void) WaitLatch(NULL, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 1, wait_event);
}

/* ---- what may be wrong with it ---- */

static const struct
{
	int			code;
	bool		of_directory;
	const char *remedy;
} troubles[] = {
	{EACCES, true, "give the server's user read and write access to it"},
	{EPERM, true, "give the server's user read and write access to it"},
	{EROFS, true,
	 "mount it writable, or set \"pganalytics.state_directory\" to another place and "
	 "restart the server"},
	{ENOENT, true,
	 "create what is missing above it, or set \"pganalytics.state_directory\" to "
	 "another place and restart the server"},
	{ENOTDIR, true,
	 "set \"pganalytics.state_directory\" to a directory of the server's user and "
	 "restart the server"},
	{ELOOP, false, "remove the symbolic links from it, none is followed"},
	{ENOSPC, false,
	 "free disk space there, or set \"pganalytics.state_directory\" to another file "
	 "system and restart the server"},
	{EDQUOT, false, "raise the disk quota of the server's user, or free space there"},
	{EBUSY, false, "wait, another process is using it just now"},
	{ENOMEM, false, "look what takes the memory of the machine"},
	{EMFILE, false, "raise \"max_files_per_process\" or the limit of open files"},
	{ENFILE, false, "raise the kernel's limit of open files"},
};

const char *
SpoolRemedy(int code)
{
	for (int i = 0; i < lengthof(troubles); i++)
	{
		if (troubles[i].code == code)
			return troubles[i].remedy;
	}
	return "check the disk and the kernel's log";
}

bool
SpoolDirectoryIsTrouble(int code)
{
	for (int i = 0; i < lengthof(troubles); i++)
	{
		if (troubles[i].code == code)
			return troubles[i].of_directory;
	}
	return false;
}

bool
SpoolIsOpen(void)
{
	return pg_atomic_read_u32(&Shared->recovered) != 0;
}
