/*
 * snapshot_writer.h
 *		Collectors that send what they know only when it has changed.
 */
#ifndef SNAPSHOT_WRITER_H
#define SNAPSHOT_WRITER_H

#include "collect/sql.h"

/*
 * Writes what the probes of the collector return, or, where the backend has it,
 * its hash alone.  The metric has the fields "hash" and "unchanged".
 */
extern void SnapshotWrite(SqlRun *run);

#endif							/* SNAPSHOT_WRITER_H */
