/*
 * shared.c
 *		Allocation of the shared state.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "base/shared.h"
#include "base/sqltext.h"

#define SEGMENT_NAME "pganalytics"
#define STUCK_AFTER_MS 60000 /* a visit has three seconds */

SharedState *Shared = NULL;

static shmem_request_hook_type prev_shmem_request = NULL;
static shmem_startup_hook_type prev_shmem_startup = NULL;

static void
SharedRequest(void)
{
	if (prev_shmem_request)
		prev_shmem_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(SharedState)));
	RequestNamedLWLockTranche(SEGMENT_NAME, 1);
}

static void
SharedStartup(void)
{
	bool found;

	if (prev_shmem_startup)
		prev_shmem_startup();

	Shared = NULL; /* in case this is a restart within the postmaster */
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	Shared = ShmemInitStruct(SEGMENT_NAME, sizeof(SharedState), &found);
	if (!found)
	{
		memset(Shared, 0, sizeof(SharedState));
		Shared->lock = &GetNamedLWLockTranche(SEGMENT_NAME)->lock;
		Shared->initialized_at = GetCurrentTimestamp();
		ConditionVariableInit(&Shared->progress);
		pg_atomic_init_u64(&Shared->custom_changes, 0);
		pg_atomic_init_u32(&Shared->registered.generation, 0);
		pg_atomic_init_u32(&Shared->remote.generation, 0);
		pg_atomic_init_u64(&Shared->sequence, 0);
		pg_atomic_init_u64(&Shared->batches, 0);
		pg_atomic_init_u64(&Shared->bytes, 0);
		pg_atomic_init_u64(&Shared->oldest, 0);
		pg_atomic_init_u64(&Shared->written, 0);
		pg_atomic_init_u64(&Shared->dropped, 0);
		pg_atomic_init_u64(&Shared->rejected, 0);
		pg_atomic_init_u64(&Shared->split, 0);
		pg_atomic_init_u64(&Shared->sending, 0);
		pg_atomic_init_u64(&Shared->evicting, 0);
		pg_atomic_init_u64(&Shared->newest_half, 0);
		for (int i = 0; i < ARRIVED_MOST; i++)
			pg_atomic_init_u64(&Shared->arrived[i], 0);
		pg_atomic_init_u32(&Shared->counters_busy, 0);
		pg_atomic_init_u32(&Shared->recovered, 0);
	}
	LWLockRelease(AddinShmemInitLock);
}

void
SharedInit(void)
{
	prev_shmem_request = shmem_request_hook;
	shmem_request_hook = SharedRequest;
	prev_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = SharedStartup;
}

void
SharedCopyText(char *slot, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	/* what fills the slot was cut, if not here */
	if (len == size - 1)
		len = SqlWholeCharacters(text, len);
	memcpy(slot, text, len);
	slot[len] = '\0';
}

bool
VisitIsStuck(const VisitorSlot *slot, TimestampTz now)
{
	return slot->worker.pid != 0 && slot->custom_running != 0 &&
		TimestampDifferenceExceeds(slot->worker.started_at, now, STUCK_AFTER_MS);
}

void
WakeWorker(const WorkerSlot *slot)
{
	Latch *latch = slot->latch;

	if (latch)
		SetLatch(latch);
}
