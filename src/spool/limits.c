/*
 * limits.c
 *		How much the spool may hold, and for how long.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/problem.h"
#include "base/settings.h"
#include "base/shared.h"
#include "spool/counters.h"
#include "spool/directory.h"
#include "spool/limits.h"
#include "spool/spool.h"

#define LIST_SIZE 256

/*
 * Of thousands (a server that was off for days, a limit that was lowered) only
 * so many go at once: each costs two fsyncs, and barriers, a shutdown and who
 * wants to drop the database wait for us meanwhile.
 */
#define EVICT_MOST 20

const char *const LimitSettings[] = {
	[LIMIT_SIZE] = "pganalytics.spool_max_size",
	[LIMIT_AGE] = "pganalytics.spool_max_age",
	[LIMIT_FREE] = "pganalytics.spool_min_free",
};

/* What "spool_min_free" is about, when the making of room begins. */
typedef struct Disk
{
	uint64 free;  /* PG_UINT64_MAX: not known, or of no interest */
	uint64 spool; /* bytes in the spool */
} Disk;

static uint64
MinFree(void)
{
	return (uint64) Setting.spool_min_free_mb * 1024 * 1024;
}

static Disk
LookAtDisk(void)
{
	Disk		   disk = {PG_UINT64_MAX, pg_atomic_read_u64(&Shared->bytes)};
	char		   path[MAXPGPATH];
	struct statvfs fs;

	SpoolPath(path, sizeof(path), "spool");
	if (MinFree() > 0 && statvfs(path, &fs) == 0)
		disk.free = (uint64) fs.f_bavail * fs.f_frsize;
	return disk;
}

/* What has been removed since counts as free: some file systems give it back later. */
static uint64
FreeByNow(const Disk *disk)
{
	uint64 spool = pg_atomic_read_u64(&Shared->bytes);

	return disk->free + (disk->spool > spool ? disk->spool - spool : 0);
}

/* The time of a batch's file, one in the future being set to now. */
static uint64
FileTime(uint64 sequence, uint64 now)
{
	static const char *const suffixes[] = {SEALED_SUFFIX, PLAIN_SUFFIX};

	for (int i = 0; i < lengthof(suffixes); i++)
	{
		char		path[MAXPGPATH];
		struct stat st;
		uint64		modified;

		SpoolSequencePath(path, "spool", sequence, suffixes[i]);
		if (lstat(path, &st) < 0)
			continue;
		modified = (uint64) st.st_mtime * USECS_PER_SEC;
		if (modified <= now)
			return modified;
		(void) utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
		break;
	}
	return now;
}

/*
 * When a batch was written, as far as is known.  Where the clock was ahead for a
 * while, its number and those of all that follow lie in the future: then the
 * file knows.  Where its time lies there, too, the batch gets older from now on.
 */
static uint64
WrittenAt(uint64 sequence, uint64 now)
{
	return sequence <= now ? sequence : FileTime(sequence, now);
}

static bool
IsTooOld(uint64 sequence)
{
	uint64 now = SpoolNow();

	return now - WrittenAt(sequence, now) > (uint64) Setting.spool_max_age_s * USECS_PER_SEC;
}

/* Which limit is not kept with "needed" bytes more?  On the disk they are no longer free. */
static Limit
ExceededLimit(uint64 needed, const Disk *disk)
{
	uint64 max_size = (uint64) Setting.spool_max_size_mb * 1024 * 1024;
	uint64 oldest = pg_atomic_read_u64(&Shared->oldest);

	if (pg_atomic_read_u64(&Shared->bytes) + needed > max_size)
		return LIMIT_SIZE;
	if (disk->free != PG_UINT64_MAX && FreeByNow(disk) < MinFree())
		return LIMIT_FREE;
	if (oldest == 0 && pg_atomic_read_u64(&Shared->batches) > 0)
	{
		oldest = SpoolOldest();
		pg_atomic_write_u64(&Shared->oldest, oldest);
	}
	return oldest != 0 && IsTooOld(oldest) ? LIMIT_AGE : LIMIT_NONE;
}

/*
 * Drops one batch, unless the sender has it in hand.  The sender announces
 * its batch in "sending" and then looks at "evicting"; here it is the other
 * way round, so at least one of the two sees the other and steps back: no
 * batch is both delivered and counted as dropped.  No interrupt may end it
 * while it is announced, or nobody could evict any more.
 */
static bool
EvictBatch(uint64 sequence, Limit limit, bool *busy)
{
	uint64 none = 0;
	bool   evicted = false;

	HOLD_INTERRUPTS();
	if (!pg_atomic_compare_exchange_u64(&Shared->evicting, &none, sequence))
	{
		RESUME_INTERRUPTS();
		*busy = true; /* another writer makes room */
		return false;
	}
	pg_memory_barrier();
	if (pg_atomic_read_u64(&Shared->sending) != sequence && !SpoolHasArrived(sequence))
		evicted = SpoolDrop(sequence);
	pg_atomic_write_u64(&Shared->evicting, 0);
	RESUME_INTERRUPTS();
	if (evicted)
		ProblemSet(PROBLEM_EVICTION, limit,
				   "batches that could not be sent are dropped, oldest first, to keep \"%s\"; "
				   "make the backend reachable or raise the limit",
				   LimitSettings[limit]);
	return evicted;
}

/*
 * Is it time for a writer to leave the rest to whoever is evicting just now, or
 * for anybody to leave it to the next call?  Not before what is needed has been
 * made up for, where that is what the limit is about.
 */
static bool
IsEnoughForNow(int evictions, bool busy, Limit limit, uint64 needed, uint64 bytes_before)
{
	return (evictions >= EVICT_MOST || (busy && needed > 0)) &&
		(limit == LIMIT_AGE || pg_atomic_read_u64(&Shared->bytes) + needed <= bytes_before);
}

/* *unfinished: stopped though there is more to evict. */
static Limit
MakeRoom(uint64 needed, const Disk *disk, bool *unfinished)
{
	uint64 sequences[LIST_SIZE];
	uint64 bytes_before = pg_atomic_read_u64(&Shared->bytes);
	Limit  limit;
	bool   evicted = true;
	int	   evictions = 0;
	int	   pauses = 0;

	*unfinished = false;
	while ((limit = ExceededLimit(needed, disk)) != LIMIT_NONE && evicted)
	{
		int	 count = SpoolList(0, LIST_SIZE, sequences);
		bool busy = false;

		evicted = false;
		for (int i = 0; i < count && limit != LIMIT_NONE && !busy; i++)
		{
			/* the one that is too old is just being sent, and in nobody's way */
			if (limit == LIMIT_AGE && !IsTooOld(sequences[i]))
			{
				/* or it left while it was noted as the oldest */
				if (i == 0)
					pg_atomic_write_u64(&Shared->oldest, sequences[0]);
				return LIMIT_NONE;
			}
			if (EvictBatch(sequences[i], limit, &busy))
			{
				uint64 unknown = 0;

				/* known from the list: spare a look at the directory */
				evicted = true;
				evictions++;
				if (i + 1 < count)
					pg_atomic_compare_exchange_u64(&Shared->oldest, &unknown, sequences[i + 1]);
			}
			limit = ExceededLimit(needed, disk);
			*unfinished =
				limit != LIMIT_NONE && IsEnoughForNow(evictions, busy, limit, needed, bytes_before);
			if (*unfinished)
				return limit;
		}
		/* what the other one drops may be enough for both, and else it is our turn */
		if (busy && pauses++ < SPOOL_PAUSES)
		{
			SpoolPause();
			evicted = true;
		}
	}
	return limit == LIMIT_AGE ? LIMIT_NONE : limit;
}

Limit
LimitMakeRoom(uint64 needed)
{
	Disk  disk = LookAtDisk();
	Limit limit;
	bool  unfinished;

	/* one that is too large by itself must not cost those already kept */
	if (needed > (uint64) Setting.spool_max_size_mb * 1024 * 1024)
		return LIMIT_SIZE;
	/* nor must it where others fill the disk, and all that is kept would not be enough */
	if (disk.free != PG_UINT64_MAX && disk.free + disk.spool < MinFree())
		return LIMIT_FREE;
	limit = MakeRoom(needed, &disk, &unfinished);
	return unfinished ? LIMIT_NONE : limit;
}

bool
SpoolMakeRoom(void)
{
	const Disk of_no_interest = {PG_UINT64_MAX, 0};
	bool	   unfinished;

	(void) MakeRoom(0, &of_no_interest, &unfinished);
	return !unfinished;
}
