/*
 * control.c
 *		SQL functions that make something happen: pganalytics_sample(),
 *		pganalytics_collect(), pganalytics_flush().
 */
#include "postgres.h"

#include "catalog/pg_authid_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/settings.h"
#include "base/shared.h"
#include "collect/collect.h"
#include "collect/custom.h"
#include "collect/query.h"
#include "host/host.h"
#include "log/log.h"
#include "spool/spool.h"
#include "status.h"

#define LOOK_AGAIN_MS 1000L /* is the worker that we wait for still there? */
#define WORKER_GRACE_MS 10000

PG_FUNCTION_INFO_V1(pganalytics_sample);
PG_FUNCTION_INFO_V1(pganalytics_collect);
PG_FUNCTION_INFO_V1(pganalytics_flush);

static int
CollectorOfArgument(text *argument)
{
	char *name = text_to_cstring(argument);
	int	  type = CollectorByName(name);

	if (type < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no collector \"%s\"", name),
				 errhint("The view \"pganalytics_collectors\" lists them.")));
	return type;
}

/* ---- sample ---- */

static List *
Sample(int type)
{
	Batch		*batch = BatchCreateInMemory();
	SysstatState nothing_before = {0};

	switch (type)
	{
		case COLLECTOR_SYSSTAT:
			SysstatCollect(batch, &nothing_before);
			break;
		case COLLECTOR_DISK_USAGE:
			CollectDiskUsage(batch, true);
			break;
		case COLLECTOR_PG_LOG:
			if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
				ereport(ERROR,
						(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						 errmsg("permission denied to read the server log"),
						 errdetail("Only members of \"pg_read_server_files\" may.")));
			LogCollect(NULL, batch, true);
			break;
		case COLLECTOR_CUSTOM:
			CustomSample(batch);
			break;
		default:
			SqlCollect(type, batch, true, 0);
			break;
	}
	if (BatchErrors(batch) > 0)
		ereport(WARNING,
				(errmsg("%s could not be read in full: %s", Collectors[type].name,
						TextFromUtf8(pstrdup(BatchLastError(batch))))));
	return BatchSamples(batch);
}

/*
 * pganalytics_sample(type text) returns setof jsonb: the metric objects of a
 * collector, read now in this session and database, as they would be sent.
 */
Datum
pganalytics_sample(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	List			*samples;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;

		call = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		call->user_fctx = Sample(CollectorOfArgument(PG_GETARG_TEXT_PP(0)));
		MemoryContextSwitchTo(old);
	}
	call = SRF_PERCALL_SETUP();
	samples = call->user_fctx;
	if (call->call_cntr < list_length(samples))
	{
		char *json = list_nth(samples, (int) call->call_cntr);

		SRF_RETURN_NEXT(call, JsonbFromUtf8(json));
	}
	SRF_RETURN_DONE(call);
}

/* ---- collect ---- */

static void
RequirePreload(void)
{
	if (Shared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pganalytics is not in \"shared_preload_libraries\""),
				 errhint("Add it and restart the server.")));
}

static uint32
ProgressWaitEvent(void)
{
	static uint32 event = 0;

	if (event == 0)
		event = WaitEventNew("PganalyticsWait");
	return event;
}

static void
RequestRun(int type, uint64 *ticket)
{
	*ticket = LedgerRequest(type);
	WakeWorker(&Shared->collector);
}

/* It may be on its way: the server starts it, and starts it again, within seconds. */
static void
RequireCollector(TimestampTz asked_at)
{
	bool runs = Shared->collector.pid != 0;

	if ((runs && Shared->connect_failures == 0) ||
		!TimestampDifferenceExceeds(asked_at, GetCurrentTimestamp(), WORKER_GRACE_MS))
		return;
	ConditionVariableCancelSleep();
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 runs ? errmsg("the pganalytics collector is not connected to a database") :
					errmsg("the pganalytics collector is not running"),
			 errhint("SELECT pganalytics_status() -> 'problems' says why.")));
}

static void
WaitForRun(int type, uint64 ticket)
{
	char		error[ERROR_TEXT_SIZE];
	TimestampTz asked_at = GetCurrentTimestamp();

	ConditionVariablePrepareToSleep(&Shared->progress);
	while (!LedgerServed(type, ticket, error, sizeof(error)))
	{
		RequireCollector(asked_at);
		ConditionVariableTimedSleep(&Shared->progress, LOOK_AGAIN_MS, ProgressWaitEvent());
	}
	ConditionVariableCancelSleep();
	if (error[0])
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("%s could not be collected in full: %s", Collectors[type].name,
						TextFromUtf8(error))));
}

/*
 * pganalytics_collect(type text): has the workers collect now and returns when
 * the batch is in the spool.  Raises what went wrong.
 */
Datum
pganalytics_collect(PG_FUNCTION_ARGS)
{
	char  *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool   all = strcmp(name, "all") == 0;
	int	   only = all ? -1 : CollectorOfArgument(PG_GETARG_TEXT_PP(0));
	uint64 tickets[NUM_COLLECTORS] = {0};

	RequirePreload();
	if (!all && !CollectorEnabled(only))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("collector \"%s\" is switched off", name),
				 errhint("Add it to \"pganalytics.enabled_collectors\".")));
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (i == only || (all && CollectorEnabled(i)))
			RequestRun(i, &tickets[i]);
	}
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (tickets[i] != 0)
			WaitForRun(i, tickets[i]);
	}
	PG_RETURN_VOID();
}

/* ---- flush ---- */

static TimestampTz
DeadlineOfArgument(Interval *timeout)
{
	double us = timeout->time + (timeout->day + timeout->month * 30.0) * USECS_PER_DAY;

	if (us < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("timeout must not be negative")));
	return GetCurrentTimestamp() + (int64) Min(us, 365.0 * USECS_PER_DAY);
}

/*
 * Has everything up to "last" (0: that is there now) left the spool?  The halves
 * of a batch that was split meanwhile are waited for, too; they are the newest of
 * the spool, so that nothing is waited for that would not be sent before them anyway.
 */
static bool
IsFlushed(uint64 *last, uint64 *half)
{
	uint64 oldest;
	uint64 newest_half;
	bool   readable;

	/* the server has just started, or its state directory is of no use: who knows what waits there */
	if (!SpoolIsOpen())
		return false;
	if (*last == 0)
		*last = pg_atomic_read_u64(&Shared->sequence);
	for (;;)
	{
		readable = SpoolPeek(&oldest);
		/* only now: it is set before the batch that it comes from is removed */
		newest_half = pg_atomic_read_u64(&Shared->newest_half);
		if (newest_half == *half)
			return readable && (oldest == 0 || oldest > *last);
		*half = newest_half;
		*last = Max(*last, newest_half);
	}
}

/*
 * pganalytics_flush(timeout interval) returns bool: sends now; true when every
 * batch that was there at the call has left the spool, false when the timeout
 * came first.
 */
Datum
pganalytics_flush(PG_FUNCTION_ARGS)
{
	TimestampTz deadline = DeadlineOfArgument(PG_GETARG_INTERVAL_P(0));
	uint64		last;
	uint64		half;
	bool		flushed;

	RequirePreload();
	half = pg_atomic_read_u64(&Shared->newest_half);
	last = SpoolIsOpen() ? pg_atomic_read_u64(&Shared->sequence) : 0;
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	Shared->delivery.flush_requested++;
	LWLockRelease(Shared->lock);
	WakeWorker(&Shared->sender);

	ConditionVariablePrepareToSleep(&Shared->progress);
	while (!(flushed = IsFlushed(&last, &half)))
	{
		long left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

		if (left_ms <= 0)
			break;
		ConditionVariableTimedSleep(&Shared->progress, Min(left_ms, LOOK_AGAIN_MS),
									ProgressWaitEvent());
	}
	ConditionVariableCancelSleep();
	PG_RETURN_BOOL(flushed);
}
