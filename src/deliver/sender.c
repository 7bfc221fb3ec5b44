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

#include "common/pg_prng.h"
#include "postmaster/bgworker.h"
#include "storage/condition_variable.h"

#include "base/backoff.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/unixtime.h"
#include "base/worker.h"
#include "deliver/delivery.h"
#include "deliver/endpoint.h"
#include "deliver/errands.h"
#include "deliver/http.h"
#include "deliver/push.h"
#include "deliver/registration.h"
#include "deliver/suspects.h"
#include "spool/spool.h"
#include "utils/timestamp.h"

#define IDLE_MS 60000

/* Files that cannot be used are looked at again after 10 s, 20 s, … */
#define RECHECK_FIRST_MS 10000
#define RECHECK_LIMIT_MS 60000

/* After one that cannot be sealed (disk full) sealing pauses so long. */
#define SEAL_RETRY_MS 10000

/* Now and then look for plain batches without being told. */
#define SEAL_ALL_MS (10 * 60 * 1000)

/* After one that somebody was just evicting the spool is not gone through again at once. */
#define GONE_RETRY_MS 5000

#define LIST_SIZE SPOOL_LIST_MOST
#define SEAL_LIST_SIZE 64

/* Batches that cannot be read, split or (having arrived) moved away are tried again after this. */
#define POSTPONED_RETRY_MS 10000

/* So much may be sent ahead of the rate that "drain_rate" allows. */
#define PACE_AHEAD_MS 1000

/* The backend asked for a pause: the next batch is tried anyway after so many failures. */
#define PATIENCE 5

/* Batches tried in one pass behind those that the backend fails on, besides the first. */
#define MOST_EXTRA_TRIES 4

PGDLLEXPORT void PganalyticsSenderMain(Datum main_arg);

/* All times are by MonotonicMs(). */
static struct
{
	uint64 reload_count;
	uint64 flushes_served;

	/* of an endpoint that cannot be used */
	int64 recheck_at;
	int	  recheck_ms;

	/* sealing */
	uint64 plain[SEAL_LIST_SIZE];
	int	   plain_count;
	int	   plain_next;
	uint64 written_seen; /* batches written when that list was made */
	int64  seal_not_before;
	int64  seal_all_at;

	/* when to send */
	int64 waiting_since;   /* the first batch of those that wait, 0: none */
	int64 retry_at;		   /* after a failure, 0: none */
	int	  failures;		   /* in a row */
	int64 pass_not_before; /* a batch could not be sent or moved: do not spin on it */
	int64 pace_until;	   /* by drain_rate */
	int64 room_at;		   /* age limit of the spool, next look */

	/* a pass over the spool */
	bool		in_pass;
	uint64		after; /* the last one listed */
	uint64		list[LIST_SIZE];
	int			listed;
	int			next;
	Suspects	suspects;
	PushOutcome refusal; /* the last one that is pending */
} sender;

/* ---- settings and files ---- */

static void
CheckEndpoint(int64 now)
{
	const Endpoint *endpoint = EndpointCheck();

	sender.in_pass = false;
	if (endpoint->state == ENDPOINT_UNUSABLE)
	{
		sender.recheck_ms = sender.recheck_ms == 0 ? RECHECK_FIRST_MS :
													 Min(sender.recheck_ms * 2, RECHECK_LIMIT_MS);
		sender.recheck_at = now + sender.recheck_ms;
	}
	else
		sender.recheck_ms = 0;
	DeliveryEndpoint(endpoint, sender.recheck_ms);
	if (endpoint->state == ENDPOINT_READY)
		DeliveryWarnOfExpiry(EndpointCertificateDays());
}

/* Retries are due at once, and count from the beginning. */
static void
ResetBackoff(int64 now)
{
	if (sender.retry_at != 0)
		sender.retry_at = now;
	sender.failures = 0;
	DeliveryResetBackoff();
}

static void
ObeySettings(int64 now)
{
	if (sender.reload_count != WorkerReloadCount())
	{
		sender.reload_count = WorkerReloadCount();
		sender.recheck_ms = 0;
		sender.seal_not_before = 0;
		PushReset();
		DeliverySettingsChanged();
		ErrandsReset(now);
		ResetBackoff(now);
		CheckEndpoint(now);
	}
	else if (EndpointCurrent()->state == ENDPOINT_UNUSABLE && now >= sender.recheck_at)
		CheckEndpoint(now);
}

/* ---- sealing ---- */

/* Makes a new list of plain batches when there may be some; false: there are none. */
static bool
ListPlain(int64 now)
{
	uint64 written = pg_atomic_read_u64(&Shared->written);

	if (written == sender.written_seen && now < sender.seal_all_at)
		return false; /* spare the directory, which may be long */
	sender.seal_all_at = now + SEAL_ALL_MS;
	sender.plain_next = 0;
	sender.plain_count = SpoolListPlain(SEAL_LIST_SIZE, sender.plain);
	sender.written_seen = sender.plain_count < SEAL_LIST_SIZE ? written : PG_UINT64_MAX;
	return sender.plain_count > 0;
}

/* Seals one batch, if it is still there.  False: there was none, or it did not work. */
static bool
SealNext(int64 now)
{
	if (now < sender.seal_not_before)
		return false;
	if (sender.plain_next >= sender.plain_count && !ListPlain(now))
		return false;

	WorkerReport("compressing");
	if (PushSeal(sender.plain[sender.plain_next++]))
		return true;
	/* after a pause the others on the list get their turn, and then this one again */
	sender.written_seen = PG_UINT64_MAX;
	sender.seal_not_before = now + SEAL_RETRY_MS;
	return false;
}

/* ---- a pass over the spool ---- */

static void
BeginPass(uint64 oldest)
{
	sender.in_pass = true;
	sender.after = 0;
	sender.listed = 0;
	sender.next = 0;
	SuspectsBeginPass(&sender.suspects, oldest);
}

/* The next batch in the order of age, 0: that was the last one. */
static uint64
NextInPass(void)
{
	if (sender.next >= sender.listed)
	{
		sender.listed = SpoolList(sender.after, LIST_SIZE, sender.list);
		sender.next = 0;
		if (sender.listed == 0)
			return 0;
		sender.after = sender.list[sender.listed - 1];
	}
	return sender.list[sender.next++];
}

static int
RetryDelay(int failures, const PushOutcome *outcome)
{
	if (outcome->retry_after_s > 0)
		return outcome->retry_after_s * 1000;
	return BackoffDelay(failures, pg_prng_double(&pg_global_prng_state));
}

/* Stops the pass; all batches wait. */
static void
BackOff(const PushOutcome *outcome, int64 now)
{
	int delay_ms = RetryDelay(++sender.failures, outcome);

	sender.in_pass = false;
	sender.retry_at = now + delay_ms;
	DeliveryBackOff(outcome, sender.failures, delay_ms);
}

/* All batches have had their turn. */
static void
EndPass(int64 now)
{
	int worst;

	SpoolNoteRound();
	sender.in_pass = false;
	sender.waiting_since = 0;
	sender.retry_at = 0;

	/* refused, and nobody knows whose fault it is */
	if (SuspectsAreNew(&sender.suspects))
	{
		BackOff(&sender.refusal, now);
		return;
	}
	/* refused, while others were accepted: they get another turn, but nothing else waits */
	worst = SuspectsWorst(&sender.suspects);
	if (worst > 0)
	{
		int delay_ms = RetryDelay(worst, &sender.refusal);

		sender.retry_at = now + delay_ms;
		DeliveryNextAttempt(delay_ms);
	}
}

static void
Delivered(void)
{
	char   why[ERROR_TEXT_SIZE];
	uint64 sequence;

	sender.failures = 0;
	while ((sequence = SuspectsAccepted(&sender.suspects)) != 0)
	{
		snprintf(why, sizeof(why), "refused %d times, while others were accepted; the last time %s",
				 SUSPECT_REFUSALS, sender.refusal.error);
		(void) SpoolReject(sequence, why);
	}
}

/* A 5xx: may the next batch be tried, or is this an outage? */
static bool
MayTryAnother(const PushOutcome *outcome)
{
	int most = 1 + Min(sender.failures / 2, MOST_EXTRA_TRIES);

	/* neighbours may be bad, too: what lasts is worth more tries */
	if (outcome->retry_after_s > 0)
		most = sender.failures >= PATIENCE ? 1 : 0;
	return sender.suspects.pending <= most;
}

/* "drain_rate" over many batches; within one that takes longer than a second curl keeps it. */
static void
Pace(int64 bytes, int64 now)
{
	int64 rate = (int64) Setting.drain_rate_kb * 1024;

	if (rate > 0)
		sender.pace_until = Max(sender.pace_until, now - PACE_AHEAD_MS) + bytes * 1000 / rate;
}

static void
SendBatch(uint64 sequence)
{
	static PushOutcome outcome;
	int64			   now;

	if (SpoolHasArrived(sequence))
		return;
	WorkerReport("sending");
	PushBatch(sequence, &outcome);
	now = MonotonicMs();
	Pace(outcome.bytes_sent, now);

	switch (outcome.result)
	{
		case PUSH_DELIVERED:
			SuspectsForget(&sender.suspects, sequence);
			Delivered();
			break;
		case PUSH_POSTPONED:
			DeliveryNoteFailure(&outcome);
			SuspectsForget(&sender.suspects, sequence);
			sender.pass_not_before = now + POSTPONED_RETRY_MS;
			break;
		case PUSH_REJECTED:
			DeliveryNoteFailure(&outcome);
			SuspectsForget(&sender.suspects, sequence);
			break;
		case PUSH_SPLIT:
			SuspectsForget(&sender.suspects, sequence);
			break;
		case PUSH_GONE:
			SuspectsForget(&sender.suspects, sequence);
			sender.pass_not_before = now + GONE_RETRY_MS;
			break;
		case PUSH_SUSPECT:
			DeliveryNoteFailure(&outcome);
			SuspectsRefused(&sender.suspects, sequence);
			sender.refusal = outcome;
			if (!MayTryAnother(&outcome))
				BackOff(&outcome, now);
			break;
		case PUSH_FAILED:
		case PUSH_UNAUTHORIZED:
			DeliveryNoteFailure(&outcome);
			BackOff(&outcome, now);
			break;
		case PUSH_UNUSABLE:
			CheckEndpoint(now);
			if (EndpointCurrent()->state == ENDPOINT_READY)
				BackOff(&outcome, now);
			break;
		case PUSH_INTERRUPTED:
			/* a pass begins anew after the reload, and with this batch */
			break;
	}

	/* whoever waits in pganalytics_flush() or for the status looks again */
	ConditionVariableBroadcast(&Shared->progress);
}

/* ---- when ---- */

/* How long the oldest batch has been waiting, by its sequence number. */
static int64
AgeMs(uint64 oldest)
{
	int64 age_us = UnixMicroseconds(GetCurrentTimestamp()) - (int64) oldest;

	return Max(age_us / 1000, 0);
}

static bool
FlushIsRequested(void)
{
	uint64 flushes = DeliveryFlushesRequested();

	if (flushes == sender.flushes_served)
		return false;
	sender.flushes_served = flushes;
	return true;
}

/* The oldest batch that the backend has not failed on before, 0: none. */
static uint64
OldestUnsuspected(void)
{
	uint64 sequences[SUSPECTS_MAX + 1];
	int	   count = SpoolList(0, lengthof(sequences), sequences);

	for (int i = 0; i < count; i++)
	{
		if (!SuspectsContain(&sender.suspects, sequences[i]))
			return sequences[i];
	}
	return 0;
}

/* ms until the next pass is due, for a spool that is not empty */
static long
TimeToPass(int64 now)
{
	uint64 oldest = OldestUnsuspected();
	int64  due = sender.retry_at;

	/* batches that come while the backend is away do not shorten the wait */
	if (sender.failures == 0 && oldest != 0)
	{
		if (sender.waiting_since == 0)
			sender.waiting_since = Max(now - AgeMs(oldest), 1);
		due = sender.waiting_since + (int64) Setting.push_interval_s * 1000;
		if (sender.retry_at != 0)
			due = Min(due, sender.retry_at);
	}
	due = Max(due, sender.pass_not_before);
	return (long) Max(due - now, 0);
}

/* Sends what is due; returns ms until something may be. */
static long
Deliver(int64 now)
{
	bool   flush = FlushIsRequested();
	uint64 sequence;
	long   wait_ms;

	if (EndpointCurrent()->state == ENDPOINT_NONE)
		return IDLE_MS;
	if (flush)
	{
		ResetBackoff(now);
		sender.in_pass = false;
		if (EndpointCurrent()->state == ENDPOINT_UNUSABLE)
			CheckEndpoint(now);
	}
	if (EndpointCurrent()->state == ENDPOINT_UNUSABLE)
		return Max(sender.recheck_at - now, 0);

	if (!sender.in_pass)
	{
		uint64 oldest = SpoolOldest();

		if (oldest == 0)
		{
			SpoolNoteRound();
			sender.waiting_since = 0;
			sender.retry_at = 0;
			return IDLE_MS;
		}
		wait_ms = TimeToPass(now);
		if (wait_ms > 0 && !flush)
			return wait_ms;
		if (!EndpointIsFresh())
		{
			CheckEndpoint(now);
			if (EndpointCurrent()->state != ENDPOINT_READY)
				return 0;
		}
		DeliveryWarnOfExpiry(EndpointCertificateDays());
		SpoolRemoveArrived();
		BeginPass(oldest);
	}
	if (SpoolArrived() > 0)
		sender.pass_not_before = now + POSTPONED_RETRY_MS;
	if (SpoolArrived() == ARRIVED_MOST)
	{
		sender.in_pass = false; /* what is sent now would be sent again */
		return POSTPONED_RETRY_MS;
	}
	if (now < sender.pace_until)
		return sender.pace_until - now;

	sequence = NextInPass();
	if (sequence == 0)
		EndPass(now);
	else
		SendBatch(sequence);
	return 0;
}

/* Registration, tokens, configuration.  False: nothing of that is due now. */
static bool
RunErrand(int64 now)
{
	bool ordered;

	if (ErrandsDue(sender.failures > 0) > now)
		return false;
	ordered = ErrandsAreOrdered();
	if (EndpointCurrent()->state == ENDPOINT_UNUSABLE || !EndpointIsFresh())
		CheckEndpoint(now); /* what was wrong may have been mended */
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
		ResetBackoff(MonotonicMs());
	DeliveryNoteToken();
	return true;
}

static long
SenderCycle(void *arg)
{
	int64 now = MonotonicMs();
	long  wait_ms;

	ObeySettings(now);
	if (!SpoolIsOpen())
	{
		/* the collector is about to open it, or cannot */
		if (Shared->problems[PROBLEM_STATE_DIRECTORY].code != 0)
			ErrandsRefuse("the state directory cannot be used");
		return IDLE_MS; /* the collector wakes us when it is */
	}
	RegistrationLoad();
	if (now >= sender.room_at)
	{
		sender.room_at = now + IDLE_MS;
		SpoolMakeRoom();
	}
	if (SealNext(now) || RunErrand(now))
		return 0;
	wait_ms = Deliver(now);
	wait_ms = Min(wait_ms, Max(ErrandsDue(sender.failures > 0) - now, 0));
	if (sender.seal_not_before > now)
		wait_ms = Min(wait_ms, sender.seal_not_before - now);
	return Min(wait_ms, IDLE_MS);
}

void
PganalyticsSenderMain(Datum main_arg)
{
	WorkerStart(&Shared->sender);
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	CheckEndpoint(MonotonicMs());
	DeliveryResetBackoff();
	WorkerLoop(SenderCycle, NULL);
}
