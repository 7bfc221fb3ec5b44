/*
 * snapshots.c
 *		What of a snapshot the backend has, so that it need not be sent again.
 *
 * The schema of a database and the settings rarely change, so their hash is sent
 * in their place.  What a backend has is remembered in shared memory, for a
 * fixed number of databases: visitors are gone between their visits, and losing
 * it means a full snapshot, no more.
 *
 * A backend may have missed something: after a day, and when a batch as new as
 * the snapshot was dropped or rejected, everything is sent again.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/timestamp.h"

#include "base/identity.h"
#include "base/settings.h"
#include "collect/snapshots.h"

#define VALID_FOR (24 * INT64CONST(3600) * USECS_PER_SEC)
#define MIN_LOOK_S 10
#define MAX_LOOK_S 3600

typedef struct WrittenSnapshot
{
	int			 collector;
	Oid			 database;
	SentSnapshot snapshot;
} WrittenSnapshot;

/* Into the batch that is being written. */
static WrittenSnapshot written[NUM_COLLECTORS];
static int			   written_count = 0;

uint64
SnapshotRecipient(void)
{
	const char *id = CollectorId();
	const char *url = Setting.backend_url;

	return hash_combine64(hash_bytes_extended((const unsigned char *) id, strlen(id), 0),
						  hash_bytes_extended((const unsigned char *) url, strlen(url), 0));
}

/* Has the recipient still got it, as far as is known?  Under the lock. */
static bool
HasArrived(const SnapshotSlot *slot, uint64 recipient, TimestampTz now)
{
	const SentSnapshot *snapshot = &slot->snapshot;

	return slot->recipient == recipient && Shared->newest_lost <= snapshot->since &&
		snapshot->begun_at <= now && now - snapshot->begun_at < VALID_FOR;
}

/* NULL: there is none; with "make" it is made, in place of the one looked at least recently. */
static SnapshotSlot *
FindSlot(int collector, Oid database, bool make)
{
	SnapshotSlot *oldest = &Shared->snapshots[0];

	for (int i = 0; i < MAX_SNAPSHOTS; i++)
	{
		SnapshotSlot *slot = &Shared->snapshots[i];

		if (slot->looked_at != 0 && slot->collector == collector && slot->database == database)
			return slot;
		if (slot->looked_at < oldest->looked_at)
			oldest = slot;
	}
	if (!make)
		return NULL;
	memset(oldest, 0, sizeof(*oldest));
	oldest->collector = collector;
	oldest->database = database;
	return oldest;
}

bool
SnapshotRecall(int collector, Oid database, SentSnapshot *snapshot)
{
	TimestampTz	  now = GetCurrentTimestamp();
	uint64		  recipient = SnapshotRecipient();
	SnapshotSlot *slot;
	bool		  valid;

	LWLockAcquire(Shared->lock, LW_SHARED);
	slot = FindSlot(collector, database, false);
	valid = slot && HasArrived(slot, recipient, now);
	if (valid)
		*snapshot = slot->snapshot;
	LWLockRelease(Shared->lock);
	return valid;
}

void
SnapshotWritten(int collector, Oid database, const SentSnapshot *snapshot)
{
	WrittenSnapshot *w = &written[written_count++];

	Assert(written_count <= NUM_COLLECTORS);
	w->collector = collector;
	w->database = database;
	w->snapshot = *snapshot;
}

/* Did the last look lead to anything? */
static bool
HasMovedOn(const SentSnapshot *before, const SentSnapshot *now)
{
	if (now->is_complete)
		return before->hash != now->hash;
	return memcmp(&before->hashed, &now->hashed, sizeof(SnapshotPlace)) != 0 ||
		memcmp(&before->sent, &now->sent, sizeof(SnapshotPlace)) != 0;
}

void
SnapshotsKept(bool kept)
{
	uint64 recipient = written_count > 0 ? SnapshotRecipient() : 0;

	/* without a backend nothing is sent, whatever becomes of the batch */
	for (int i = 0; kept && Setting.backend_url[0] && i < written_count; i++)
	{
		SnapshotSlot *slot;

		LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
		slot = FindSlot(written[i].collector, written[i].database, true);
		if (HasMovedOn(&slot->snapshot, &written[i].snapshot))
			slot->look_wait_s = 0;
		slot->recipient = recipient;
		slot->looked_at = GetCurrentTimestamp();
		slot->snapshot = written[i].snapshot;
		LWLockRelease(Shared->lock);
	}
	written_count = 0;
}

bool
SnapshotIsOutdated(int collector, Oid database, int64 changes)
{
	TimestampTz	  now = GetCurrentTimestamp();
	SnapshotSlot *slot;
	bool		  outdated;

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	slot = FindSlot(collector, database, false);
	outdated = slot && (slot->snapshot.changes != changes || !slot->snapshot.is_complete) &&
		now - slot->looked_at >= slot->look_wait_s * USECS_PER_SEC;
	if (outdated)
	{
		/* temporary tables change the catalogues all the time, to no effect */
		slot->looked_at = now;
		slot->look_wait_s = Min(Max(slot->look_wait_s * 2, MIN_LOOK_S), MAX_LOOK_S);
	}
	LWLockRelease(Shared->lock);
	return outdated;
}
