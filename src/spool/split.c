/*
 * split.c
 *		Two batches in the place of one that is too large for the backend.
 */
#include "postgres.h"

#include <unistd.h>

#include "base/shared.h"
#include "spool/body.h"
#include "spool/counters.h"
#include "spool/directory.h"
#include "spool/format.h"
#include "spool/spool.h"

static void
HalfPaths(uint64 sequence, char *written, char *final)
{
	SpoolSequencePath(written, "spool", sequence, HALF_SUFFIX);
	SpoolSequencePath(final, "spool", sequence, PLAIN_SUFFIX);
}

static bool
WriteHalf(uint64 sequence, const BodyHalf *half)
{
	BatchHeader header = {0};

	header.raw_size = half->size;
	header.created_us = SpoolNow();
	return SpoolWriteWhole(sequence, &header, HALF_SUFFIX, half->body, half->size);
}

static void
RemoveHalves(const uint64 sequences[2])
{
	char written[MAXPGPATH];
	char final[MAXPGPATH];

	for (int i = 0; i < 2; i++)
	{
		HalfPaths(sequences[i], written, final);
		unlink(written);
		unlink(final);
	}
}

bool
SpoolNameHalves(const uint64 sequences[2])
{
	char written[MAXPGPATH];
	char final[MAXPGPATH];
	int	 failed = 0;

	for (int i = 0; i < 2; i++)
	{
		int code;

		HalfPaths(sequences[i], written, final);
		if (rename(written, final) == 0)
			continue;
		code = errno;
		if (access(final, F_OK) < 0)
			failed = code;
	}
	errno = failed;
	return failed == 0;
}

/* As if it had not been tried; errno says why it failed. */
static bool
SplitFailed(uint64 sequence, const uint64 sequences[2])
{
	int code = errno != 0 ? errno : ENOSPC;

	RemoveHalves(sequences);
	SpoolPostpone(sequence, code, "is too large for the backend, but cannot be split");
	return false;
}

/*
 * Until the file of the counters tells of it, the halves have names that
 * nobody reads; a crash leaves the whole and removes them.  From then on they
 * count, and whoever finds the whole removes it.
 */
bool
SpoolSplit(uint64 sequence, const uint64 sequences[2], const BodyHalf halves[2])
{
	if (!WriteHalf(sequences[0], &halves[0]) || !WriteHalf(sequences[1], &halves[1]))
		return SplitFailed(sequence, sequences);
	/* before the whole is gone: pganalytics_flush() looks at it afterwards */
	pg_atomic_write_u64(&Shared->newest_half, sequences[1]);
	if (!CountersBatchLeaves(&Shared->split, sequence, sequences) || !SpoolNameHalves(sequences))
	{
		(void) SplitFailed(sequence, sequences);
		CountersBatchStays(&Shared->split);
		return false;
	}
	for (int i = 0; i < 2; i++)
		SpoolAccountAdded(sequences[i], BATCH_HEADER_SIZE + halves[i].size);
	SpoolDelivered(sequence);
	CountersBatchLeft(&Shared->split);
	return true;
}
