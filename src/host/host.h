/*
 * host.h
 *		The collectors of the machine: "sysstat" and "disk_usage".
 *
 * No SQL, no locks.  What cannot be read is absent and reported with
 * BatchError(); nothing is raised but what CHECK_FOR_INTERRUPTS() raises, and
 * that while no metric is open.  Memory is taken from CurrentMemoryContext,
 * well under 1 MB of it used, and left to its reset.
 */
#ifndef HOST_H
#define HOST_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "host/cgroup.h"
#include "host/cpu.h"
#include "host/processes.h"
#include "host/system.h"
#include "spool/batch.h"

#define CGROUP_TEXT_SIZE 2048

/*
 * What sysstat compares with and need not find out each time; all zero before
 * the first reading.
 */
typedef struct SysstatState
{
	CpuCounters cpu;
	TimestampTz slow_due;					   /* when what hardly changes is found out again */
	char		cgroup_text[CGROUP_TEXT_SIZE]; /* /proc/self/cgroup, by which the group was found */
	Cgroup		cgroup;
	SystemInfo	system;
	bool		huge_pages;
	TimestampTz processes_due; /* when the server's processes may be read again */
	ProcessMemory processes;
} SysstatState;

/* Reads /proc; "state" becomes this reading. */
extern void SysstatCollect(Batch *batch, SysstatState *state);

/* A row of pg_tablespace. */
typedef struct TablespaceName
{
	Oid			oid;
	const char *name;
} TablespaceName;

/* Tablespaces that are not in "names" go by their OID; names may be NULL. */
extern void DiskUsageCollect(Batch *batch, const TablespaceName *names, int count);

#endif /* HOST_H */
