/*
 * ledger.c
 *		The runs of each collector.
 *
 * A request is a ticket.  A run serves the tickets drawn before it began, so
 * that whoever asks always gets what is read after the asking.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/shared.h"
#include "collect/ledger.h"

#define LOST "the batch could not be kept in the spool"

void
LedgerBegin(int collector)
{
	CollectorSlot *slot = &Shared->collectors[collector];

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	slot->run_started = GetCurrentTimestamp();
	slot->run_ticket = slot->requested;
	slot->run_rows = 0;
	slot->run_ms = 0;
	slot->run_error[0] = '\0';
	slot->run_lost = false;
	LWLockRelease(Shared->lock);
}

/* Under the lock. */
static void
NoteLastError(CollectorSlot *slot, const char *error, const char *database)
{
	SharedCopyText(slot->last_error, sizeof(slot->last_error), error);
	SharedCopyText(slot->last_error_database, sizeof(slot->last_error_database),
				   database ? database : "");
	slot->last_error_at = GetCurrentTimestamp();
}

void
LedgerAdd(int collector, int64 rows, int errors, const char *error, const char *database)
{
	CollectorSlot *slot = &Shared->collectors[collector];

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	slot->run_rows += rows;
	slot->errors += errors;
	if (error)
	{
		SharedCopyText(slot->run_error, sizeof(slot->run_error), error);
		NoteLastError(slot, error, database);
	}
	LWLockRelease(Shared->lock);
}

/*
 * Kept apart from what could not be read: it is one problem of the spool, not
 * one of each collector that lasts until its next run.
 */
void
LedgerLost(int collector, const char *database)
{
	CollectorSlot *slot = &Shared->collectors[collector];

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	slot->run_lost = true;
	slot->errors++;
	NoteLastError(slot, LOST, database);
	LWLockRelease(Shared->lock);
}

void
LedgerAddTime(int collector, double ms)
{
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	Shared->collectors[collector].run_ms += ms;
	LWLockRelease(Shared->lock);
}

void
LedgerEnd(int collector, bool kept)
{
	CollectorSlot *slot = &Shared->collectors[collector];
	TimestampTz	   now = GetCurrentTimestamp();

	if (!kept)
		LedgerLost(collector, NULL);

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	slot->runs++;
	slot->rows = slot->run_rows;
	slot->last_run = now;
	slot->last_duration_ms = slot->run_ms > 0 ? slot->run_ms : (now - slot->run_started) / 1000.0;
	slot->completed = slot->run_ticket;
	strlcpy(slot->completed_error, slot->run_error, sizeof(slot->completed_error));
	slot->completed_lost = slot->run_lost;
	LWLockRelease(Shared->lock);
	ConditionVariableBroadcast(&Shared->progress);
}

bool
LedgerIsRequested(int collector)
{
	CollectorSlot *slot = &Shared->collectors[collector];
	bool		   requested;

	LWLockAcquire(Shared->lock, LW_SHARED);
	requested = slot->requested > slot->completed;
	LWLockRelease(Shared->lock);
	return requested;
}

uint64
LedgerRequest(int collector)
{
	uint64 ticket;

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	ticket = ++Shared->collectors[collector].requested;
	LWLockRelease(Shared->lock);
	return ticket;
}

bool
LedgerServed(int collector, uint64 ticket, char *error, size_t size)
{
	CollectorSlot *slot = &Shared->collectors[collector];
	bool		   served;

	LWLockAcquire(Shared->lock, LW_SHARED);
	served = slot->completed >= ticket;
	if (served)
		strlcpy(error, slot->completed_lost ? LOST : slot->completed_error, size);
	LWLockRelease(Shared->lock);
	return served;
}
