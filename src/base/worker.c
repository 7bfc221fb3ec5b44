/*
 * worker.c
 *		The life of a background worker.
 *
 * SIGTERM sets a flag, and cancels the query that runs, if one does: the
 * worker then finishes the batch in hand with what it has and exits with 1.
 * (While it connects, there is no batch, and SIGTERM ends it at once.)
 * Code 1 makes the postmaster start it again after bgw_restart_time; 0 would
 * be for ever and anything else restarts the whole server.
 *
 * SIGUSR1 is procsignal_sigusr1_handler and every wait is on MyLatch and
 * followed by CHECK_FOR_INTERRUPTS(): a worker that does not absorb barriers
 * hangs every DROP DATABASE of the cluster.  SIGINT cancels the query that runs
 * (statement and lock timeouts arrive by it); where none does, there is nothing
 * to cancel.
 */
#include "postgres.h"

#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <time.h>
#include <unistd.h>

#include "access/xact.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/logicallauncher.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/settings.h"
#include "base/worker.h"

#define RESTART_SECONDS 5
#define ERROR_PAUSE_MS 5000L
#define MEMORY_REFRESH_MS 60000

static WorkerSlot			*my_slot = NULL;
static uint64				 reload_count = 0;
static volatile sig_atomic_t query_is_running = false;
static bool					 was_woken = true;

static void
WorkerHandleSigterm(SIGNAL_ARGS)
{
	int save_errno = errno;

	ShutdownRequestPending = true;
	if (query_is_running)
	{
		InterruptPending = true;
		QueryCancelPending = true;
	}
	SetLatch(MyLatch);
	errno = save_errno;
}

static void
WorkerHandleSigint(SIGNAL_ARGS)
{
	if (query_is_running)
		StatementCancelHandler(postgres_signal_arg);
}

static void
RegisterWorker(const char *name, const char *function)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	snprintf(worker.bgw_name, BGW_MAXLEN, "%s", name);
	snprintf(worker.bgw_type, BGW_MAXLEN, "%s", name);
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "pganalytics");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "%s", function);
	/* not BGWORKER_INTERRUPTIBLE (19): who renames the database would end the collector for good */
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = RESTART_SECONDS;
	RegisterBackgroundWorker(&worker);
}

void
WorkersInit(void)
{
	RegisterWorker("pganalytics collector", "PganalyticsCollectorMain");
	RegisterWorker("pganalytics sender", "PganalyticsSenderMain");
}

int
WorkerProcessesNeeded(void)
{
	return 2 + Setting.visitors + (max_logical_replication_workers > 0 ? 1 : 0);
}

/* Private resident memory: what statm calls resident less what it calls shared. */
int64
WorkerMemory(void)
{
	char	  text[128];
	long long resident;
	long long shared;
	int		  fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t	  len;

	if (fd < 0)
		return 0;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return 0;
	text[len] = '\0';
	if (sscanf(text, "%*s %lld %lld", &resident, &shared) != 2)
		return 0;
	return (int64) (resident - shared) * sysconf(_SC_PAGESIZE);
}

void
WorkerReport(const char *state)
{
	static TimestampTz measured_at = 0;
	TimestampTz		   now = GetCurrentTimestamp();
	int64			   memory_bytes = my_slot->memory_bytes;

	if (measured_at == 0 || TimestampDifferenceExceeds(measured_at, now, MEMORY_REFRESH_MS))
	{
		memory_bytes = WorkerMemory();
		measured_at = now;
	}
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	my_slot->memory_bytes = memory_bytes;
	strlcpy(my_slot->state, state, sizeof(my_slot->state));
	LWLockRelease(Shared->lock);
}

/* Which worker an error in the server log comes from. */
static void
DescribeWorker(void *arg)
{
	errcontext("background worker \"%s\"", MyBgworkerEntry->bgw_name);
}

static ErrorContextCallback worker_context = {NULL, DescribeWorker, NULL};

static void
ReleaseSlot(int code, Datum arg)
{
	struct timespec used = {0};

	LWLockReleaseAll();									   /* an error while it was held */
	(void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used); /* the clock of cpu_lid.c */
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	Shared->cpu_of_ended += used.tv_sec * USECS_PER_SEC + used.tv_nsec / 1000;
	my_slot->pid = 0;
	my_slot->latch = NULL;
	LWLockRelease(Shared->lock);

	/* whoever waits for this worker looks again */
	ConditionVariableBroadcast(&Shared->progress);
}

/*
 * What is freed goes back to the system: glibc would raise the size from which on
 * it does that (M_MMAP_THRESHOLD) to the largest block that was ever freed, and
 * keep the memory of the largest query for ever.
 */
static void
GiveMemoryBack(void)
{
#ifdef __GLIBC__
	(void) mallopt(M_MMAP_THRESHOLD, 128 * 1024);
#endif
}

void
WorkerStart(WorkerSlot *slot)
{
	GiveMemoryBack();

	/* until the loop begins there is nothing to finish; connecting may wait for a lock */
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGUSR1, procsignal_sigusr1_handler);
	BackgroundWorkerUnblockSignals();

	if (Shared == NULL)
		proc_exit(1); /* the library is no longer preloaded */

	my_slot = slot;
	error_context_stack = &worker_context;
	before_shmem_exit(ReleaseSlot, (Datum) 0);
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	if (slot->started_at != 0)
		slot->restarts++;
	slot->pid = MyProcPid;
	slot->latch = MyLatch;
	slot->started_at = GetCurrentTimestamp();
	LWLockRelease(Shared->lock);
	WorkerReport("starting");
}

void
WorkerIsConnected(void)
{
	pqsignal(SIGTERM, WorkerHandleSigterm);
	pqsignal(SIGINT, WorkerHandleSigint);
	CHECK_FOR_INTERRUPTS(); /* one that came before */
}

void
WorkerCheckInterrupts(void)
{
	CHECK_FOR_INTERRUPTS();
	if (ShutdownRequestPending)
		proc_exit(1);
}

bool
ShutdownIsRequested(void)
{
	return ShutdownRequestPending;
}

uint64
WorkerReloadCount(void)
{
	return reload_count;
}

bool
WorkerQueryBegin(void)
{
	query_is_running = true;
	return !ShutdownRequestPending;
}

void
WorkerQueryEnd(void)
{
	query_is_running = false;
	if (ShutdownRequestPending)
		QueryCancelPending = false; /* came too late for this query, is not meant for the next */
}

bool
WorkerObeyReload(void)
{
	if (!ConfigReloadPending)
		return false;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	reload_count++;
	return true;
}

void
WorkerWait(long timeout_ms)
{
	static uint32 wait_event = 0;
	int			  events;

	if (wait_event == 0)
		wait_event = WaitEventNew("PganalyticsMain");
	events =
		WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (timeout_ms >= 0 ? WL_TIMEOUT : 0),
				  timeout_ms, wait_event);
	/* one that is set from now on ends the next wait */
	was_woken = (events & WL_LATCH_SET) != 0;
	if (was_woken)
		ResetLatch(MyLatch);
	WorkerCheckInterrupts();
	(void) WorkerObeyReload();
}

bool
WorkerWasWoken(void)
{
	return was_woken;
}

/* What checkpointer.c and walsummarizer.c do after an error, in the same order. */
static void
RecoverFromError(MemoryContext context)
{
	error_context_stack = &worker_context;
	HOLD_INTERRUPTS();
	disable_all_timeouts(false);
	QueryCancelPending = false;
	query_is_running = false;
	EmitErrorReport();
	AbortCurrentTransaction();
	LWLockReleaseAll();
	ConditionVariableCancelSleep();
	pgstat_report_wait_end();
	AtEOXact_Files(false);
	AtEOXact_HashTables(false);
	MemoryContextSwitchTo(context);
	FlushErrorState();
	MemoryContextReset(context);
	RESUME_INTERRUPTS();
}

void
WorkerLoop(WorkerCycle cycle, void *arg)
{
	sigjmp_buf	  local_sigjmp_buf;
	MemoryContext context;

	WorkerIsConnected();
	context = AllocSetContextCreate(TopMemoryContext, "pganalytics cycle", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);

	/*
	 * Not a loop around PG_TRY: there, no handler would be in force during
	 * the CATCH part.
	 */
	if (sigsetjmp(local_sigjmp_buf, 1) != 0)
	{
		TimestampTz until;

		RecoverFromError(context);
		WorkerReport("waiting after an error");
		until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ERROR_PAUSE_MS);
		for (;;)
		{
			TimestampTz now = GetCurrentTimestamp();

			/* the latter: the clock was set back */
			if (now >= until || until - now > ERROR_PAUSE_MS * 1000)
				break;
			WorkerWait(TimestampDifferenceMilliseconds(now, until));
		}
	}
	PG_exception_stack = &local_sigjmp_buf;

	for (;;)
	{
		long wait_ms;

		WorkerCheckInterrupts();
		wait_ms = cycle(arg);
		MemoryContextSwitchTo(context);
		MemoryContextReset(context);
		WorkerReport("idle");
		WorkerWait(wait_ms);
	}
}

bool
PeriodicIsDue(Periodic *job, int64 interval_ms, TimestampTz now)
{
	int64 interval_us = interval_ms * 1000;

	if (interval_ms != job->interval_ms)
	{
		/* first time: at once; a changed interval: counted from now on, never later than before */
		TimestampTz due = job->interval_ms == 0 ? now : now + interval_us;

		if (job->interval_ms == 0 || due < job->due)
			job->due = due;
		job->interval_ms = interval_ms;
	}
	if (job->due > now + interval_us)
		job->due = now + interval_us; /* the clock was set back */
	if (now < job->due)
		return false;

	job->due += interval_us;
	if (job->due <= now)
		job->due = now + interval_us; /* missed: what is past is past */
	return true;
}

long
PeriodicWait(const Periodic *job, TimestampTz now, long at_most)
{
	long wait_ms = 0;

	if (job->due > now)
		wait_ms = TimestampDifferenceMilliseconds(now, job->due);
	return at_most >= 0 && at_most < wait_ms ? at_most : wait_ms;
}
