/*
 * snapshot_writer.h
 *		Collectors that send what they know only when it has changed.
 */
#ifndef SNAPSHOT_WRITER_H
#define SNAPSHOT_WRITER_H

#include "base/shared.h"
#include "collect/sql.h"

/*
 * What a snapshot is made of.  Its parts are the probes, those that move at the
 * end; a probe that refers to $1 is run over the tables slice by slice.  What
 * comes after them is not in the hash, since the hash has what it is made of.
 */
typedef struct SnapshotSource
{
	const Probe *const *probes;		/* ends with NULL */
	int64				changes;	/* see PgSchemaChangesSql; -1: not known */
	Oid					last_table; /* that is looked at; InvalidOid: there are none */
	int64				skipped;	/* tables after it */

	/*
	 * Writes as much of the rest as there is time for and moves the place on;
	 * true: that was all of it.  NULL: there is no rest.
	 */
	bool (*write_rest)(SqlRun *run, int first_part, SnapshotPlace *place, int32 *skipped);
} SnapshotSource;

/*
 * Writes the snapshot or, where the backend has it, its hash alone.  The metric
 * has the fields "hash" and "unchanged".
 */
extern void SnapshotWrite(SqlRun *run, const SnapshotSource *source);

/* Is there time for another step?  False before it would be cut off. */
extern bool SnapshotHasTime(const SqlRun *run);

#endif /* SNAPSHOT_WRITER_H */
