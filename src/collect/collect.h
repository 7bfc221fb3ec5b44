/*
 * collect.h
 *		Collectors that need SQL, as pganalytics_sample() calls them.
 */
#ifndef COLLECT_H
#define COLLECT_H

#include "postgres.h"

#include "collect/ledger.h"
#include "collect/sql.h"
#include "spool/batch.h"

/* Filesystems and directories, with the tablespaces by their names. */
extern void CollectDiskUsage(Batch *batch, bool in_session);

#endif /* COLLECT_H */
