/*
 * backends.c
 *		What the server's processes are for.
 *
 * Read without a lock from the PGPROCs and the array of backends' states, as
 * pg_activity does.  A process without a PGPROC, or on its way in or out, has
 * no name.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/proc.h"
#include "utils/backend_status.h"

#include "base/compat.h"
#include "host/backends.h"

static Value *
RowOf(Rows *processes, int pid)
{
	for (int i = 0; i < processes->count; i++)
	{
		Value *row = RowsGet(processes, i);

		if (row[PROCESS_FIELD_PID].i == pid)
			return row;
	}
	return NULL;
}

static const char *
TypeOf(volatile PgBackendStatus *status, int pid)
{
	BackendType type = status->st_backendType;
	const char *worker;

	if (status->st_procpid != pid)
		return NULL;
	if (type != B_BG_WORKER)
		return GetBackendTypeDesc(type);
	worker = GetBackgroundWorkerTypeByPid(pid);
	return worker != NULL ? pstrdup(worker) : NULL;
}

void
BackendsName(Rows *processes)
{
	Value *row = RowOf(processes, PostmasterPid);

	if (row != NULL)
		ValueSetText(&row[PROCESS_FIELD_BACKEND_TYPE], "postmaster");
	for (int i = 0; i < ProcGlobal->allProcCount; i++)
	{
		int				 pid = *(volatile int *) &ProcGlobal->allProcs[i].procLatch.owner_pid;
		PgBackendStatus *status;

		if (pid == 0 || (row = RowOf(processes, pid)) == NULL)
			continue;
		status = BackendStatusOfProc(i, pid);
		if (status != NULL)
			ValueSetText(&row[PROCESS_FIELD_BACKEND_TYPE], TypeOf(status, pid));
	}
}
