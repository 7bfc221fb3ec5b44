/*
 * pass.c
 *		Sends what waits, oldest first: in which order, and when again.
 *
 * A pass goes over the whole spool.  README.md in this folder says what the
 * outcome of each batch means for it.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "storage/condition_variable.h"
#include "utils/timestamp.h"

#include "base/backoff.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/unixtime.h"
#include "base/worker.h"
#include "deliver/delivery.h"
#include "deliver/endpoint.h"
#include "deliver/http.h"
#include "deliver/pass.h"
#include "deliver/push.h"
#include "deliver/suspects.h"
#include "spool/spool.h"

/* Files that cannot be used are looked at again after 10 s, 20 s, … */
#define RECHECK_FIRST_MS 10000
#define RECHECK_LIMIT_MS 60000

/* After one that somebody was just evicting the spool is not gone through again at once. */
#define GONE_RETRY_MS 5000

/* Batches that cannot be read, split or (having arrived) moved away are tried again after this. */
#define POSTPONED_RETRY_MS 10000

/* … and after 20 s, 40 s, … where the backend has been sent them, and would be each time. */
#define POSTPONED_LIMIT_MS (5 * 60 * 1000)

/* Batches that are listed at a time. */
#define LIST_SIZE 1024

/* Passes in between leave out so many of those; with more of them all batches wait. */
#define VAIN_MOST 16

/* So much may be sent ahead of the rate that "drain_rate" allows. */
#define PACE_AHEAD_MS 1000

/* The backend asked for a pause: the next batch is tried anyway after so many failures. */
#define PATIENCE 5

/* Batches tried in one pass behind those that the backend fails on, besides the first. */
#define MOST_EXTRA_TRIES 4

/* All times are by MonotonicMs(). */
static struct
{
	uint64 flushes_served;
	uint64 flushed_to; /* batches up to this one do not wait for "push_interval" */

	/* of an endpoint that cannot be used */
	int64 recheck_at;
	int	  recheck_ms;

	/* when to send */
	int64 waiting_since; /* the first batch of those that wait, 0: none */
	int64 retry_at;		 /* after a failure, 0: none */
	int	  failures;		 /* in a row */
	bool  accepted;		 /* one was, since the last that went astray */
	int	  astray;		 /* passes that ended at who perhaps is not the backend, since then */
	int64 not_before;	 /* a batch could not be sent or moved: do not spin on it */
	int64 pace_until;	 /* by drain_rate */

	/* refused, and could not be split or moved away: left out until then */
	uint64 vain[VAIN_MOST];
	int	   vain_count;
	int64  vain_until;
	int	   vain_ms; /* the pause that ends then, 0: none */

	/* the pass that is under way */
	bool		active;
	bool		whole; /* leaves out none */
	uint64		after; /* the last one listed */
	uint64		list[LIST_SIZE];
	int			listed;
	int			next;
	Suspects	suspects;
	PushOutcome refusal; /* the last one that is pending */
} pass;

/* ---- settings and files ---- */

void
PassCheckEndpoint(int64 now)
{
	const Endpoint *endpoint = EndpointCheck();

	pass.active = false;
	if (endpoint->state == ENDPOINT_UNUSABLE)
	{
		pass.recheck_ms =
			pass.recheck_ms == 0 ? RECHECK_FIRST_MS : Min(pass.recheck_ms * 2, RECHECK_LIMIT_MS);
		pass.recheck_at = now + pass.recheck_ms;
	}
	else
		pass.recheck_ms = 0;
	DeliveryEndpoint(endpoint, pass.recheck_ms);
	if (endpoint->state == ENDPOINT_READY)
		DeliveryWarnOfExpiry(EndpointCertificateDays());
}

void
PassResetBackoff(int64 now)
{
	if (pass.retry_at != 0)
		pass.retry_at = now;
	pass.failures = 0;
	pass.not_before = 0;
	pass.vain_until = 0;
	pass.vain_ms = 0;
	DeliveryResetBackoff();
}

void
PassSettingsChanged(int64 now)
{
	pass.recheck_ms = 0;
	PassResetBackoff(now);
	PassCheckEndpoint(now);
}

void
PassRecheckEndpoint(int64 now)
{
	if (EndpointCurrent()->state == ENDPOINT_UNUSABLE && now >= pass.recheck_at)
		PassCheckEndpoint(now);
}

bool
PassIsBackingOff(void)
{
	return pass.failures > 0;
}

/* ---- what is sent in vain ---- */

static bool
IsVain(uint64 sequence)
{
	for (int i = 0; i < pass.vain_count; i++)
	{
		if (pass.vain[i] == sequence)
			return true;
	}
	return false;
}

static void
NoteVain(uint64 sequence)
{
	if (pass.vain_count < VAIN_MOST)
		pass.vain[pass.vain_count++] = sequence;
}

/* At the end of a pass: when are they tried again? */
static void
PauseVain(int64 now)
{
	if (pass.whole)
	{
		if (pass.vain_count == 0)
			pass.vain_ms = 0;
		else if (pass.vain_ms == 0)
			pass.vain_ms = POSTPONED_RETRY_MS;
		else
			pass.vain_ms = Min(pass.vain_ms * 2, POSTPONED_LIMIT_MS);
		pass.vain_until = now + pass.vain_ms;
	}
	if (pass.vain_count > 0)
		pass.retry_at = pass.vain_until;
	/* nothing has been accepted since the last failure: whatever comes now waits for that */
	if (pass.vain_count > 0 && pass.failures > 0)
		pass.retry_at = Min(pass.retry_at, now + POSTPONED_RETRY_MS);
	if (pass.vain_count == VAIN_MOST)
		pass.not_before = Max(pass.not_before, pass.vain_until);
}

/* ---- a pass ---- */

/*
 * The batch that asks whether there is a backend again.  Any that is accepted
 * tells, but each may be refused even so, and must not hide it.  The newest and
 * the older ones take turns: perhaps no newer one comes, and both ends are bad.
 */
static uint64
FirstToTry(void)
{
	int count;

	if (pass.astray % 2 == 1)
		return SpoolNewest();
	count = SpoolList(0, LIST_SIZE, pass.list);
	return count > 0 ? pass.list[(pass.astray / 2 - 1) % count] : 0;
}

static void
BeginPass(uint64 oldest, int64 now)
{
	pass.active = true;
	pass.whole = pass.vain_count == 0 || now >= pass.vain_until;
	if (pass.whole)
		pass.vain_count = 0;
	pass.after = 0;
	pass.listed = 0;
	pass.next = 0;
	if (pass.astray > 0 && (pass.list[0] = FirstToTry()) != 0)
		pass.listed = 1;
	SuspectsBeginPass(&pass.suspects, oldest);
}

/* The next batch in the order of age, 0: that was the last one. */
static uint64
NextInPass(void)
{
	if (pass.next >= pass.listed)
	{
		pass.listed = SpoolList(pass.after, LIST_SIZE, pass.list);
		pass.next = 0;
		if (pass.listed == 0)
			return 0;
		pass.after = pass.list[pass.listed - 1];
	}
	return pass.list[pass.next++];
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
	int delay_ms = RetryDelay(++pass.failures, outcome);

	pass.active = false;
	pass.retry_at = now + delay_ms;
	DeliveryBackOff(outcome, pass.failures, delay_ms);
}

/* All batches have had their turn. */
static void
EndPass(int64 now)
{
	int worst;

	if (pass.whole)
		SpoolNoteRound();
	pass.active = false;
	pass.waiting_since = 0;
	pass.retry_at = 0;
	PauseVain(now);

	/* refused, and nobody knows whose fault it is */
	if (SuspectsAreNew(&pass.suspects))
	{
		BackOff(&pass.refusal, now);
		return;
	}
	/* refused, while others were accepted: they get another turn, but nothing else waits */
	worst = SuspectsWorst(&pass.suspects);
	if (worst > 0)
	{
		int delay_ms = RetryDelay(worst, &pass.refusal);

		pass.retry_at = pass.retry_at == 0 ? now + delay_ms : Min(pass.retry_at, now + delay_ms);
		DeliveryNextAttempt(delay_ms);
	}
}

static void
Delivered(void)
{
	char   why[ERROR_TEXT_SIZE];
	uint64 sequence;

	pass.failures = 0;
	pass.accepted = true;
	pass.astray = 0;
	while ((sequence = SuspectsAccepted(&pass.suspects)) != 0)
	{
		snprintf(why, sizeof(why), "refused %d times, while others were accepted; the last time %s",
				 SUSPECT_REFUSALS, pass.refusal.error);
		(void) SpoolReject(sequence, why);
	}
}

/*
 * Refused for the address, or by a page of somebody else's: that may be this
 * batch's fault, or a proxy that has lost the backend.  Where none has been
 * accepted since the last one that was rejected so, it is kept.
 */
static void
RefusedAstray(uint64 sequence, const PushOutcome *outcome, int64 now)
{
	if (!pass.accepted)
	{
		pass.astray++;
		BackOff(outcome, now);
		return;
	}
	pass.accepted = false;
	SuspectsForget(&pass.suspects, sequence);
	if (!SpoolReject(sequence, outcome->error))
		NoteVain(sequence);
}

/* A 5xx: may the next batch be tried, or is this an outage? */
static bool
MayTryAnother(const PushOutcome *outcome)
{
	int most = 1 + Min(pass.failures / 2, MOST_EXTRA_TRIES);

	/* neighbours may be bad, too: what lasts is worth more tries */
	if (outcome->retry_after_s > 0)
		most = pass.failures >= PATIENCE ? 1 : 0;
	return pass.suspects.pending <= most;
}

/* "drain_rate" over many batches; within one that takes longer than a second curl keeps it. */
static void
Pace(int64 bytes, int64 now)
{
	int64 rate = (int64) Setting.drain_rate_kb * 1024;

	if (rate > 0)
		pass.pace_until = Max(pass.pace_until, now - PACE_AHEAD_MS) + bytes * 1000 / rate;
}

/* It cannot be read, split or moved away now. */
static void
Postponed(uint64 sequence, const PushOutcome *outcome, int64 now)
{
	SuspectsForget(&pass.suspects, sequence);
	if (outcome->status != 0)
		NoteVain(sequence);
	else
		pass.not_before = now + POSTPONED_RETRY_MS;
}

static void
Suspected(uint64 sequence, const PushOutcome *outcome, int64 now)
{
	SuspectsRefused(&pass.suspects, sequence);
	pass.refusal = *outcome;
	if (!MayTryAnother(outcome))
		BackOff(outcome, now);
}

static void
SendBatch(uint64 sequence)
{
	static PushOutcome outcome;
	int64			   now;

	if (SpoolHasArrived(sequence) || IsVain(sequence))
		return;
	WorkerReport("sending");
	PushBatch(sequence, &outcome);
	now = MonotonicMs();
	Pace(outcome.bytes_sent, now);

	switch (outcome.result)
	{
		case PUSH_DELIVERED:
			SuspectsForget(&pass.suspects, sequence);
			Delivered();
			break;
		case PUSH_SPLIT:
			SuspectsForget(&pass.suspects, sequence);
			break;
		case PUSH_GONE:
			SuspectsForget(&pass.suspects, sequence);
			pass.not_before = now + GONE_RETRY_MS;
			break;
		case PUSH_REJECTED:
			DeliveryNoteFailure(&outcome);
			SuspectsForget(&pass.suspects, sequence);
			break;
		case PUSH_ASTRAY:
			DeliveryNoteFailure(&outcome);
			RefusedAstray(sequence, &outcome, now);
			break;
		case PUSH_POSTPONED:
			DeliveryNoteFailure(&outcome);
			Postponed(sequence, &outcome, now);
			break;
		case PUSH_SUSPECT:
			DeliveryNoteFailure(&outcome);
			Suspected(sequence, &outcome, now);
			break;
		case PUSH_UNUSABLE:
			PassCheckEndpoint(now);
			if (EndpointCurrent()->state != ENDPOINT_READY)
				break;
			/* FALLTHROUGH */
		case PUSH_FAILED:
		case PUSH_UNAUTHORIZED:
			DeliveryNoteFailure(&outcome);
			BackOff(&outcome, now);
			break;
		case PUSH_INTERRUPTED:
			/* by a reload, or a new certificate: a pass begins anew after it, and with this batch */
			pass.active = false;
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

	if (flushes == pass.flushes_served)
		return false;
	pass.flushes_served = flushes;
	/* also one that somebody is just writing */
	pass.flushed_to = pg_atomic_read_u64(&Shared->sequence);
	return true;
}

/* The oldest batch that the backend has not failed on before, and that is not in vain; 0: none. */
static uint64
OldestUnsuspected(void)
{
	uint64 sequences[SUSPECTS_MAX + VAIN_MOST + 1];
	int	   count = SpoolList(0, lengthof(sequences), sequences);

	for (int i = 0; i < count; i++)
	{
		if (!SuspectsContain(&pass.suspects, sequences[i]) && !IsVain(sequences[i]))
			return sequences[i];
	}
	return 0;
}

/* ms until the next pass is due, for a spool that is not empty */
static long
TimeToPass(int64 now)
{
	uint64 oldest = OldestUnsuspected();
	int64  due = pass.retry_at;

	/* batches that come while the backend is away do not shorten the wait */
	if (pass.failures == 0 && oldest != 0)
	{
		if (pass.waiting_since == 0)
			pass.waiting_since = Max(now - AgeMs(oldest), 1);
		due = oldest <= pass.flushed_to ?
			now :
			pass.waiting_since + (int64) Setting.push_interval_s * 1000;
		if (pass.retry_at != 0)
			due = Min(due, pass.retry_at);
	}
	due = Max(due, pass.not_before);
	return (long) Max(due - now, 0);
}

long
PassRun(int64 now)
{
	bool   flush = FlushIsRequested();
	uint64 sequence;
	long   wait_ms;

	if (EndpointCurrent()->state == ENDPOINT_NONE)
		return PASS_IDLE_MS;
	if (flush)
	{
		PassResetBackoff(now);
		pass.active = false;
		if (EndpointCurrent()->state == ENDPOINT_UNUSABLE)
			PassCheckEndpoint(now);
	}
	if (EndpointCurrent()->state == ENDPOINT_UNUSABLE)
		return Max(pass.recheck_at - now, 0);

	if (!pass.active)
	{
		uint64 oldest = SpoolOldest();

		if (oldest == 0)
		{
			SpoolNoteRound();
			pass.waiting_since = 0;
			pass.retry_at = 0;
			return PASS_IDLE_MS;
		}
		wait_ms = TimeToPass(now);
		if (wait_ms > 0 && !flush)
			return wait_ms;
		if (!EndpointIsFresh())
		{
			PassCheckEndpoint(now);
			if (EndpointCurrent()->state != ENDPOINT_READY)
				return 0;
		}
		DeliveryWarnOfExpiry(EndpointCertificateDays());
		SpoolRemoveArrived();
		BeginPass(oldest, now);
	}
	if (SpoolArrived() > 0)
		pass.not_before = now + POSTPONED_RETRY_MS;
	if (SpoolArrived() == ARRIVED_MOST)
	{
		pass.active = false; /* what is sent now would be sent again */
		return POSTPONED_RETRY_MS;
	}
	if (now < pass.pace_until)
		return pass.pace_until - now;

	sequence = NextInPass();
	if (sequence == 0)
		EndPass(now);
	else
		SendBatch(sequence);
	return 0;
}
