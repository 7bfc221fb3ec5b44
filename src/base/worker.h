/*
 * worker.h
 *		The life of a background worker: start, wait, recover, end.
 */
#ifndef WORKER_H
#define WORKER_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "base/compat.h"
#include "base/shared.h"

/* Registers the static workers; called by _PG_init. */
extern void WorkersInit(void);

/*
 * The least that "max_worker_processes" must be, by what is certain: our own
 * and the launcher of logical replication.
 */
extern int WorkerProcessesNeeded(void);

/*
 * To be called first in a worker's main: signal handlers, unblocked signals,
 * the slot in shared memory and its release at exit.
 */
extern void WorkerStart(WorkerSlot *slot);

/*
 * From here on SIGTERM lets the worker finish what it has in hand; before, it
 * ends it at the next interrupt check.  WorkerLoop does it by itself.
 */
extern void WorkerIsConnected(void);

/* What the worker does now, for the status; also refreshes its memory figure. */
extern void WorkerReport(const char *state);

/* Private memory of this process, in bytes; 0: not known. */
extern int64 WorkerMemory(void);

/*
 * Runs cycle(arg) for ever.  cycle does what is due and returns how many ms
 * to wait at most (-1: until the latch is set).  Reload, shutdown (exit code
 * 1, so that the postmaster starts it again) and interrupts are looked after
 * between cycles; an error that escapes a cycle is logged, cleaned up after,
 * and followed by a pause.  Each cycle runs in a memory context of its own
 * that is reset afterwards.
 */
typedef long (*WorkerCycle)(void *arg);
pg_noreturn extern void WorkerLoop(WorkerCycle cycle, void *arg);

/*
 * Waits on the latch, at most timeout_ms (-1: no limit), then does what any
 * wait must be followed by: interrupts, shutdown, reload of the settings.
 */
extern void WorkerWait(long timeout_ms);

/*
 * Reads the settings again if that has been asked for, which it returns.  For
 * waits of another kind; WorkerWait does it by itself.
 */
extern bool WorkerObeyReload(void);

/* Did somebody set the latch?  False: the last wait ended because its time was over. */
extern bool WorkerWasWoken(void);

/*
 * Around a query, so that SIGTERM cancels it.  Begin returns false when the
 * worker has been asked to end: the query must not be started.
 */
extern bool WorkerQueryBegin(void);
extern void WorkerQueryEnd(void);

/* Between the items of a long cycle: exits when asked to, absorbs barriers. */
extern void WorkerCheckInterrupts(void);

/* Has the worker been asked to end? */
extern bool ShutdownIsRequested(void);

/* Number of reloads seen, for whoever keeps something derived from settings. */
extern uint64 WorkerReloadCount(void);

/* A job that is due every so often. */
typedef struct Periodic
{
	TimestampTz due; /* 0: at once */
	int64		interval_ms;
} Periodic;

/*
 * Is it due?  Then the next time is set, counted from the ideal time so that
 * delays do not add up; missed times are not made up for.  A changed interval
 * counts from now on.
 */
extern bool PeriodicIsDue(Periodic *job, int64 interval_ms, TimestampTz now);

/* ms until it is due, 0 if it is; limited by "at_most" (-1: no limit). */
extern long PeriodicWait(const Periodic *job, TimestampTz now, long at_most);

#endif /* WORKER_H */
