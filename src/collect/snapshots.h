/*
 * snapshots.h
 *		What of a snapshot the backend has, so that it need not be sent again.
 */
#ifndef SNAPSHOTS_H
#define SNAPSHOTS_H

#include "postgres.h"

#include "base/shared.h"

/* Whom things are sent to at present, and under which id: another one has nothing of what was sent. */
extern uint64 SnapshotRecipient(void);

/*
 * What is remembered of the snapshot of a collector in a database (InvalidOid:
 * the cluster's), if it still holds.  False: everything has to be sent.
 */
extern bool SnapshotRecall(int collector, Oid database, SentSnapshot *snapshot);

/*
 * Notes what goes into the batch that is being written.  It counts once
 * SnapshotsKept(true) says that the batch is in the spool.
 */
extern void SnapshotWritten(int collector, Oid database, const SentSnapshot *snapshot);
extern void SnapshotsKept(bool kept);

/*
 * Should there be a look at a known snapshot before its time, since "changes"
 * is not what it was, or because something of it is left to be sent?  To be asked
 * once a visit: looks that lead to nothing come at growing intervals.
 */
extern bool SnapshotIsOutdated(int collector, Oid database, int64 changes);

#endif /* SNAPSHOTS_H */
