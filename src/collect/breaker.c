/*
 * breaker.c
 *		The circuit breaker of probes.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/settings.h"
#include "base/shared.h"
#include "collect/breaker.h"

#define LONGEST_S 3600
#define LONGEST_SHIFT 12 /* of a second: more than that */

/* Under the lock; NULL: there is none. */
static BreakerSlot *
Find(const BreakerKey *key)
{
	for (int i = 0; i < MAX_BREAKERS; i++)
	{
		BreakerSlot *slot = &Shared->breakers[i];

		if (slot->timeouts > 0 && slot->what == key->what && slot->number == key->number &&
			slot->database == key->database && slot->collector == key->collector)
			return slot;
	}
	return NULL;
}

/* Under the lock: a free one, else that of the probe that failed least. */
static BreakerSlot *
Take(const BreakerKey *key)
{
	BreakerSlot *slot = &Shared->breakers[0];

	for (int i = 1; i < MAX_BREAKERS; i++)
	{
		if (Shared->breakers[i].timeouts < slot->timeouts)
			slot = &Shared->breakers[i];
	}
	slot->collector = key->collector;
	slot->database = key->database;
	slot->what = key->what;
	slot->number = key->number;
	slot->timeouts = 0;
	slot->until = 0;
	return slot;
}

bool
BreakerIsOpen(const BreakerKey *key, TimestampTz *until, int *timeouts)
{
	TimestampTz	 now = GetCurrentTimestamp();
	BreakerSlot *slot;
	bool		 open;

	LWLockAcquire(Shared->lock, LW_SHARED);
	slot = Find(key);
	*until = slot ? slot->until : 0;
	*timeouts = slot ? slot->timeouts : 0;
	/* the clock may have been set back */
	open = now < *until && *until <= now + LONGEST_S * USECS_PER_SEC;
	LWLockRelease(Shared->lock);
	return open;
}

static void
Add(const BreakerKey *key, int timeouts)
{
	int64		 interval = Max(CollectorInterval(key->collector), key->interval_s);
	BreakerSlot *slot;

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	slot = Find(key);
	if (slot == NULL)
		slot = Take(key);
	slot->timeouts += timeouts;
	if (slot->timeouts >= BREAKER_OPENS_AT)
	{
		int64 pause = interval << Min(slot->timeouts - BREAKER_OPENS_AT + 1, LONGEST_SHIFT);

		slot->until = GetCurrentTimestamp() + Min(pause, LONGEST_S) * USECS_PER_SEC;
	}
	LWLockRelease(Shared->lock);
}

void
BreakerTimedOut(const BreakerKey *key)
{
	Add(key, 1);
}

void
BreakerOpen(const BreakerKey *key, bool longest)
{
	Add(key, longest ? BREAKER_OPENS_AT + LONGEST_SHIFT : BREAKER_OPENS_AT);
}

void
BreakerSucceeded(const BreakerKey *key)
{
	BreakerSlot *slot;

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	slot = Find(key);
	if (slot)
		slot->timeouts = 0;
	LWLockRelease(Shared->lock);
}

void
BreakersForget(uint64 number)
{
	for (int i = 0; i < MAX_BREAKERS; i++)
	{
		if (Shared->breakers[i].number == number)
			Shared->breakers[i].timeouts = 0;
	}
}

void
BreakersReset(void)
{
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	memset(Shared->breakers, 0, sizeof(Shared->breakers));
	LWLockRelease(Shared->lock);
}
