/*
 * sender.c
 *		The worker that empties the spool.
 *
 * What it does: it compresses each batch as soon as it lies in the spool
 * ("seals" it), and sends what waits to the backend, oldest first, over one
 * kept-alive connection.  README.md in this folder has the states it goes
 * through.
 *
 * What wakes it: its latch, set by whoever has put a batch into the spool, by
 * pganalytics_flush() and by a reload; and the time of whatever is due next.
 * With nothing to do it looks around once a minute.
 *
 * Why it is built so: it is the only process that waits for the network, and
 * nobody may ever have to wait for it.  It runs without a database, a
 * transaction or a snapshot, so that a backend that hangs holds no xmin; it is
 * connected all the same (to no database), which makes it visible in
 * pg_stat_activity and lets it take part in barriers, or a DROP DATABASE would
 * wait for the backend.  Each turn of the loop does one thing, a batch sealed
 * or a batch sent, so that signals, reloads and barriers are looked after in
 * between; within a request http.c does it.
 *
 * On SIGTERM the request in hand is dropped.  The batch is still in the spool,
 * and is sent again, byte for byte the same, after the restart.
 */
#include "postgres.h"

#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"

#include "base/shared.h"
#include "base/worker.h"
#include "deliver/delivery.h"
#include "deliver/endpoint.h"
#include "deliver/errands.h"
#include "deliver/http.h"
#include "deliver/pass.h"
#include "deliver/push.h"
#include "deliver/registration.h"
#include "deliver/sealing.h"
#include "spool/spool.h"

PGDLLEXPORT void PganalyticsSenderMain(Datum main_arg);

static void
ObeySettings(int64 now)
{
	static uint64 reload_count = 0;

	if (reload_count == WorkerReloadCount())
	{
		PassRecheckEndpoint(now);
		return;
	}
	reload_count = WorkerReloadCount();
	SealingResume();
	PushReset();
	DeliverySettingsChanged();
	ErrandsReset(now);
	PassSettingsChanged(now);
}

/* Registration, tokens, configuration.  False: nothing of that is due now. */
static bool
RunErrand(int64 now)
{
	bool ordered;

	if (ErrandsDue(PassIsBackingOff()) > now)
		return false;
	ordered = ErrandsAreOrdered();
	if (ordered && ConfigReloadPending)
		return true; /* it was given after the reload: first the settings */
	if (EndpointCurrent()->state == ENDPOINT_UNUSABLE || !EndpointIsFresh())
		PassCheckEndpoint(now); /* what was wrong may have been mended */
	switch (EndpointCurrent()->state)
	{
		case ENDPOINT_NONE:
			ErrandsRefuse("\"pganalytics.backend_url\" is not set");
			return false;
		case ENDPOINT_UNUSABLE:
			ErrandsRefuse(EndpointCurrent()->error);
			return false;
		case ENDPOINT_READY:
			break;
	}
	WorkerReport(ordered ? "doing what was asked for" : "renewing");
	if (ErrandsRun())
		PassResetBackoff(MonotonicMs());
	DeliveryNoteToken();
	return true;
}

static long
SenderCycle(void *arg)
{
	static int64 room_at = 0;			 /* age limit of the spool, next look */
	static bool	 errand_was_run = false; /* in the turn before */
	int64		 now = MonotonicMs();
	long		 wait_ms;

	ObeySettings(now);
	if (!SpoolIsOpen())
	{
		/* the collector is about to open it, or cannot */
		if (Shared->problems[PROBLEM_STATE_DIRECTORY].code != 0)
			ErrandsRefuse("the state directory cannot be used");
		return PASS_IDLE_MS; /* the collector wakes us when it is */
	}
	RegistrationLoad();
	if (now >= room_at)
	{
		if (!SpoolMakeRoom())
			return 0;
		room_at = now + PASS_IDLE_MS;
	}
	if (SealNext(now))
		return 0;
	/* in turn: where reloads come faster than an errand takes, there always is one that is due */
	errand_was_run = !errand_was_run && RunErrand(now);
	if (errand_was_run)
		return 0;
	wait_ms = PassRun(now);
	wait_ms = Min(wait_ms, Max(ErrandsDue(PassIsBackingOff()) - now, 0));
	if (SealingPausesUntil() > now)
		wait_ms = Min(wait_ms, SealingPausesUntil() - now);
	return Min(wait_ms, PASS_IDLE_MS);
}

void
PganalyticsSenderMain(Datum main_arg)
{
	WorkerStart(&Shared->sender);
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	PassCheckEndpoint(MonotonicMs());
	DeliveryResetBackoff();
	WorkerLoop(SenderCycle, NULL);
}
