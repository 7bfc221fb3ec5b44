/*
 * counters.c
 *		The file of cumulative counts.
 *
 * Several processes may count at the same time; one of them writes, and writes
 * again when another has counted meanwhile.
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"

#include "base/identity.h"
#include "base/shared.h"
#include "spool/counters.h"
#include "spool/spool.h"

#define READ_FORMAT "%255s dropped %llu rejected %llu split %llu sequence %llu"
#define WRITE_FORMAT "%s dropped %llu rejected %llu split %llu sequence %llu\n"

static bool
WriteCounters(void)
{
	char		path[MAXPGPATH];
	char		temporary[MAXPGPATH];
	char		text[COLLECTOR_ID_SIZE + 128];
	int			fd;
	int			len;
	bool		done;

	if (!SpoolIsOpen())
		return false;			/* it may be another server's */
	SpoolPath(path, sizeof(path), "counters");
	SpoolPath(temporary, sizeof(temporary), "counters.tmp");
	len = snprintf(text, sizeof(text), WRITE_FORMAT, CollectorId(),
				   (unsigned long long) pg_atomic_read_u64(&Shared->dropped),
				   (unsigned long long) pg_atomic_read_u64(&Shared->rejected),
				   (unsigned long long) pg_atomic_read_u64(&Shared->split),
				   (unsigned long long) pg_atomic_read_u64(&Shared->sequence));
	fd = BasicOpenFilePerm(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
						   S_IRUSR | S_IWUSR);
	if (fd < 0)
		return false;
	done = write(fd, text, len) == len;
	close(fd);
	return done && rename(temporary, path) == 0;
}

void
CountersSave(void)
{
	pg_atomic_write_u32(&Shared->counters_dirty, 1);
	while (pg_atomic_read_u32(&Shared->counters_dirty) != 0)
	{
		uint32		idle = 0;

		if (!pg_atomic_compare_exchange_u32(&Shared->counters_busy, &idle, 1))
			return;				/* the other one sees that it must write again */
		pg_atomic_write_u32(&Shared->counters_dirty, 0);
		(void) WriteCounters(); /* a full disk: shared memory still has them, and the next try */
		pg_atomic_write_u32(&Shared->counters_busy, 0);
		pg_memory_barrier();
	}
}

void
CountersAdd(pg_atomic_uint64 *counter, uint64 n)
{
	pg_atomic_fetch_add_u64(counter, n);
	CountersSave();
}

void
CountersLoad(void)
{
	char		path[MAXPGPATH];
	char		text[COLLECTOR_ID_SIZE + 128];
	char		id[COLLECTOR_ID_SIZE];
	unsigned long long dropped;
	unsigned long long rejected;
	unsigned long long split;
	unsigned long long sequence;
	ssize_t		len;
	int			fd;

	SpoolPath(path, sizeof(path), "counters");
	fd = BasicOpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return;
	text[len] = '\0';
	if (sscanf(text, READ_FORMAT, id, &dropped, &rejected, &split, &sequence) != 5)
		return;

	if (pg_atomic_read_u64(&Shared->sequence) < sequence)
		pg_atomic_write_u64(&Shared->sequence, sequence);
	if (strcmp(id, CollectorId()) == 0)
	{
		pg_atomic_write_u64(&Shared->dropped, dropped);
		pg_atomic_write_u64(&Shared->rejected, rejected);
		pg_atomic_write_u64(&Shared->split, split);
	}
}
