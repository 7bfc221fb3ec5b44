/*
 * counters.c
 *		The file of cumulative counts.
 *
 * Several processes may count at the same time; each writes what all of them
 * have counted.  Counts and the batches that they are about change together
 * under Shared->lock; the file is written without it.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"

#include "base/identity.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/statefile.h"
#include "spool/counters.h"
#include "spool/directory.h"
#include "spool/spool.h"

#define COUNTS "dropped %llu rejected %llu split %llu sequence %llu"
#define LEAVING "dropping %llu rejecting %llu splitting %llu into %llu %llu"
#define READ_FORMAT "%255s " COUNTS " " LEAVING
#define WRITE_FORMAT "%s " COUNTS " " LEAVING "\n"
#define VALUES 10
#define TEXT_SIZE (COLLECTOR_ID_SIZE + 512)

/* What the file says. */
typedef struct Counters
{
	char			   id[COLLECTOR_ID_SIZE];
	unsigned long long dropped;
	unsigned long long rejected;
	unsigned long long split;
	unsigned long long sequence;
	unsigned long long leaving[5];
} Counters;

static int
FormatCounters(char *text, size_t size)
{
	Leaving	   *leaving = &Shared->leaving;
	const char *id = CollectorId();
	int			len;

	LWLockAcquire(Shared->lock, LW_SHARED);
	len = snprintf(text, size, WRITE_FORMAT, id,
				   (unsigned long long) pg_atomic_read_u64(&Shared->dropped),
				   (unsigned long long) pg_atomic_read_u64(&Shared->rejected),
				   (unsigned long long) pg_atomic_read_u64(&Shared->split),
				   (unsigned long long) pg_atomic_read_u64(&Shared->sequence),
				   (unsigned long long) leaving->dropping, (unsigned long long) leaving->rejecting,
				   (unsigned long long) leaving->splitting, (unsigned long long) leaving->halves[0],
				   (unsigned long long) leaving->halves[1]);
	LWLockRelease(Shared->lock);
	return len;
}

/*
 * A full disk has no room for a second file, and what is dropped for it must be
 * known after a restart.  Less than a sector is not torn.
 */
static bool
OverwriteCounters(char *text, size_t len, bool sync)
{
	char		path[MAXPGPATH];
	struct stat st;
	bool		done = false;
	int			fd;

	SpoolPath(path, sizeof(path), "counters");
	fd = BasicOpenFile(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= TEXT_SIZE)
	{
		/* blanks over the rest of a longer text */
		size_t size = Max(len, (size_t) st.st_size);

		memset(text + len - 1, ' ', size - len);
		text[size - 1] = '\n';
		done = pwrite(fd, text, size, 0) == (ssize_t) size && (!sync || pg_fsync(fd) == 0);
	}
	close(fd);
	return done;
}

static bool
WriteCounters(bool sync)
{
	char text[TEXT_SIZE];
	int	 len = FormatCounters(text, sizeof(text));

	if (StateFileReplace("counters", text, len, sync))
		return true;
	return (errno == ENOSPC || errno == EDQUOT) && OverwriteCounters(text, len, sync);
}

/* One process at a time writes the file. */
static bool
WaitForTurn(void)
{
	uint32 idle = 0;
	int	   pauses = 0;

	while (!pg_atomic_compare_exchange_u32(&Shared->counters_busy, &idle, 1))
	{
		if (pauses++ == SPOOL_PAUSES)
		{
			errno = EBUSY;
			return false; /* the other one writes a few bytes */
		}
		SpoolPause();
		idle = 0;
	}
	return true;
}

/* False: errno says why. */
static bool
Save(bool sync)
{
	bool done = false;

	if (!SpoolIsOpen())
	{
		errno = EBUSY;
		return false; /* the directory may be another server's */
	}
	/* an interrupt must not end it halfway: nobody else would get a turn any more */
	HOLD_INTERRUPTS();
	if (WaitForTurn())
	{
		/* a full disk: shared memory still has them, and the next try */
		done = WriteCounters(sync);
		pg_atomic_write_u32(&Shared->counters_busy, 0);
	}
	RESUME_INTERRUPTS();
	return done;
}

void
CountersSave(void)
{
	(void) Save(false);
}

void
CountersAdd(pg_atomic_uint64 *counter, uint64 n)
{
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	pg_atomic_fetch_add_u64(counter, n);
	LWLockRelease(Shared->lock);
	CountersSave();
}

/* ---- batches that are about to leave ---- */

static uint64 *
LeavingBy(const pg_atomic_uint64 *counter)
{
	if (counter == &Shared->dropped)
		return &Shared->leaving.dropping;
	return counter == &Shared->rejected ? &Shared->leaving.rejecting : &Shared->leaving.splitting;
}

bool
CountersBatchLeaves(pg_atomic_uint64 *counter, uint64 sequence, const uint64 *halves)
{
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	pg_atomic_fetch_add_u64(counter, 1);
	*LeavingBy(counter) = sequence;
	if (counter != &Shared->split)
		Shared->newest_lost = Max(Shared->newest_lost, sequence);
	if (halves)
		memcpy(Shared->leaving.halves, halves, sizeof(Shared->leaving.halves));
	LWLockRelease(Shared->lock);
	return Save(Setting.spool_sync);
}

bool
SpoolLostSince(uint64 sequence)
{
	bool lost;

	LWLockAcquire(Shared->lock, LW_SHARED);
	lost = Shared->newest_lost > sequence;
	LWLockRelease(Shared->lock);
	return lost;
}

/* The file may name it until it is written the next time: sequences are not used twice. */
void
CountersBatchLeft(pg_atomic_uint64 *counter)
{
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	*LeavingBy(counter) = 0;
	LWLockRelease(Shared->lock);
}

void
CountersBatchStays(pg_atomic_uint64 *counter)
{
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	pg_atomic_fetch_sub_u64(counter, 1);
	*LeavingBy(counter) = 0;
	LWLockRelease(Shared->lock);
	CountersSave();
}

/* ---- at the server's start ---- */

/* False: there are none, and "why" says so where there should be; "" before anything was counted. */
static bool
ReadCounters(Counters *c, char *why, size_t size)
{
	char	path[MAXPGPATH];
	char	text[TEXT_SIZE];
	ssize_t len;
	int		fd;

	why[0] = '\0';
	SpoolPath(path, sizeof(path), "counters");
	fd = BasicOpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
	{
		if (errno != ENOENT)
			strlcpy(why, strerror(errno), size);
		return false;
	}
	len = read(fd, text, sizeof(text) - 1);
	if (len < 0)
		strlcpy(why, strerror(errno), size);
	close(fd);
	if (len < 0)
		return false;
	text[len] = '\0';
	if (sscanf(text, READ_FORMAT, c->id, &c->dropped, &c->rejected, &c->split, &c->sequence,
			   &c->leaving[0], &c->leaving[1], &c->leaving[2], &c->leaving[3],
			   &c->leaving[4]) == VALUES)
		return true;
	strlcpy(why, "it is damaged", size);
	return false;
}

void
CountersLoad(void)
{
	Counters c;
	char	 why[ERROR_TEXT_SIZE];

	if (!ReadCounters(&c, why, sizeof(why)))
	{
		if (why[0])
			ereport(LOG,
					(errmsg("pganalytics: \"%s/counters\" cannot be read: %s; what was dropped, "
							"rejected and split until now is not known, and counted from zero",
							Setting.state_directory, why),
					 errhidecontext(true)));
		return;
	}
	SpoolRaiseSequence(c.sequence);
	if (strcmp(c.id, CollectorId()) == 0)
	{
		pg_atomic_write_u64(&Shared->dropped, c.dropped);
		pg_atomic_write_u64(&Shared->rejected, c.rejected);
		pg_atomic_write_u64(&Shared->split, c.split);
	}
	Shared->leaving = (Leaving){.dropping = c.leaving[0],
								.rejecting = c.leaving[1],
								.splitting = c.leaving[2],
								.halves = {c.leaving[3], c.leaving[4]}};
}
