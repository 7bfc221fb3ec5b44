/*
 * delivery.c
 *		The state of delivery, as status and server log tell it.
 *
 * The code of a problem is the state, not the cause: a backend that is
 * refused, times out and is refused again is one line in the server log when
 * it goes, and one when it is back.  The status has the latest cause.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/problem.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/unixtime.h"
#include "deliver/delivery.h"
#include "deliver/registration.h"
#include "deliver/token.h"

/* Codes of PROBLEM_CREDENTIALS */
#define CREDENTIALS_UNUSABLE 1
#define CREDENTIALS_EXPIRE 2
#define CREDENTIALS_RENEW 3

#define EXPIRY_WARNING_DAYS 14

static DeliverySlot *
LockSlot(void)
{
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	return &Shared->delivery;
}

static void
UnlockSlot(void)
{
	LWLockRelease(Shared->lock);
}

static TimestampTz
AfterMs(int ms)
{
	return ms > 0 ? TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms) : 0;
}

static TimestampTz
TokenExpiry(void)
{
	time_t expires_at = TokenExpiresAt();

	return expires_at == 0 ? 0 : TimestampFromUnix((int64) expires_at * USECS_PER_SEC);
}

static void
EndpointNone(void)
{
	DeliverySlot *slot = LockSlot();

	slot->state = DELIVERY_OFF;
	slot->last_error[0] = '\0';
	slot->consecutive_failures = 0;
	slot->next_attempt = 0;
	slot->token_expires_at = 0;
	UnlockSlot();
	ProblemClear(PROBLEM_DELIVERY);
	ProblemClear(PROBLEM_CREDENTIALS);
}

static void
EndpointReady(void)
{
	DeliverySlot *slot = LockSlot();
	bool		  mended = slot->state == DELIVERY_MISCONFIGURED;

	if (mended)
		slot->last_error[0] = '\0';
	if (mended || slot->state == DELIVERY_OFF)
	{
		slot->state = DELIVERY_STARTING;
		slot->next_attempt = 0;
	}
	UnlockSlot();

	/* one about to expire is told of by DeliveryWarnOfExpiry */
	if (Shared->problems[PROBLEM_CREDENTIALS].code == CREDENTIALS_UNUSABLE)
		ProblemClear(PROBLEM_CREDENTIALS);
	if (Shared->problems[PROBLEM_DELIVERY].code == DELIVERY_MISCONFIGURED)
		ProblemClear(PROBLEM_DELIVERY);
}

static void
EndpointUnusable(const Endpoint *endpoint, int retry_ms)
{
	DeliverySlot *slot = LockSlot();

	slot->state = DELIVERY_MISCONFIGURED;
	SharedCopyText(slot->last_error, sizeof(slot->last_error), endpoint->error);
	slot->next_attempt = AfterMs(retry_ms);
	slot->token_expires_at = 0;
	UnlockSlot();

	/* each mistake has a text of its own, and stays until a person mends it */
	ProblemExpectNews(endpoint->problem);
	if (endpoint->problem == PROBLEM_CREDENTIALS)
	{
		if (Shared->problems[PROBLEM_DELIVERY].code == DELIVERY_MISCONFIGURED)
			ProblemClear(PROBLEM_DELIVERY);
		else
			ProblemForget(PROBLEM_DELIVERY); /* the backend is not even asked */
		ProblemSet(PROBLEM_CREDENTIALS, CREDENTIALS_UNUSABLE, "nothing is sent: %s",
				   endpoint->error);
	}
	else
	{
		/* files are not looked at before the URL is right: nothing is known of them any more */
		if (Shared->problems[PROBLEM_CREDENTIALS].code == CREDENTIALS_UNUSABLE)
			ProblemForget(PROBLEM_CREDENTIALS);
		ProblemSet(PROBLEM_DELIVERY, DELIVERY_MISCONFIGURED, "nothing is sent: %s",
				   endpoint->error);
	}
}

void
DeliveryEndpoint(const Endpoint *endpoint, int retry_ms)
{
	switch (endpoint->state)
	{
		case ENDPOINT_NONE:
			EndpointNone();
			break;
		case ENDPOINT_READY:
			EndpointReady();
			break;
		case ENDPOINT_UNUSABLE:
			EndpointUnusable(endpoint, retry_ms);
			break;
	}
}

/* One from registration is renewed when two thirds of its life are over; it should never get so far. */
static bool
RenewalIsLate(void)
{
	CertificateLife life = RegistrationCurrent()->certificate;

	return life.ends - time(NULL) < (life.ends - life.begins) / 6;
}

void
DeliveryWarnOfExpiry(int days)
{
	bool registered = Setting.tls_cert_file[0] == '\0' && RegistrationCertificateFile()[0];

	if (days < 0 ||
		(registered && RegistrationIsPossible() ? !RenewalIsLate() : days >= EXPIRY_WARNING_DAYS))
		ProblemClear(PROBLEM_CREDENTIALS);
	else if (!registered)
		ProblemSet(PROBLEM_CREDENTIALS, CREDENTIALS_EXPIRE,
				   "the certificate of \"pganalytics.tls_cert_file\" expires in %d days: renew it",
				   days);
	else if (RegistrationIsPossible())
		ProblemSet(PROBLEM_CREDENTIALS, CREDENTIALS_RENEW,
				   "the certificate from registration expires in %d days and could not be renewed: "
				   "call pganalytics_register() to see why; where it succeeds, the backend issues "
				   "no other one",
				   days);
	else
		ProblemSet(PROBLEM_CREDENTIALS, CREDENTIALS_RENEW,
				   "the certificate from registration expires in %d days: set "
				   "\"pganalytics.registration_secret_file\", so that it can be renewed",
				   days);
}

void
DeliveryNoteToken(void)
{
	LockSlot()->token_expires_at = TokenExpiry();
	UnlockSlot();
}

void
DeliverySucceeded(const PushOutcome *outcome)
{
	DeliverySlot *slot = LockSlot();

	slot->state = DELIVERY_OK;
	slot->sent++;
	slot->bytes_raw += outcome->bytes_raw;
	slot->bytes_sent += outcome->bytes_sent;
	strlcpy(slot->tls_version, outcome->tls_version, sizeof(slot->tls_version));
	slot->last_status = outcome->status;
	slot->last_success = GetCurrentTimestamp();
	slot->last_error[0] = '\0';
	slot->consecutive_failures = 0;
	slot->next_attempt = 0;
	slot->token_expires_at = TokenExpiry();
	UnlockSlot();
	ProblemClear(PROBLEM_DELIVERY);
}

static void
NoteFailure(DeliverySlot *slot, const PushOutcome *outcome)
{
	slot->failed++;
	/* as documented: of the last reply, so one that never came leaves it alone */
	if (outcome->status != 0)
		slot->last_status = outcome->status;
	if (outcome->tls_version[0])
		strlcpy(slot->tls_version, outcome->tls_version, sizeof(slot->tls_version));
	SharedCopyText(slot->last_error, sizeof(slot->last_error), outcome->error);
	slot->token_expires_at = TokenExpiry();
}

void
DeliveryNoteFailure(const PushOutcome *outcome)
{
	NoteFailure(LockSlot(), outcome);
	UnlockSlot();
}

void
DeliveryBackOff(const PushOutcome *outcome, int failures, int retry_ms)
{
	DeliverySlot *slot = LockSlot();
	DeliveryState state;

	state = outcome->result == PUSH_UNAUTHORIZED ? DELIVERY_UNAUTHORIZED : DELIVERY_BACKOFF;
	slot->state = state;
	slot->consecutive_failures = failures;
	slot->next_attempt = AfterMs(retry_ms);
	UnlockSlot();
	ProblemSet(PROBLEM_DELIVERY, state,
			   "nothing can be sent to \"%s\": %s; batches are kept and sent later",
			   EndpointCurrent()->url.base, outcome->error);
}

void
DeliveryNextAttempt(int retry_ms)
{
	LockSlot()->next_attempt = AfterMs(retry_ms);
	UnlockSlot();
}

void
DeliverySettingsChanged(void)
{
	ProblemExpectNews(PROBLEM_DELIVERY);
}

void
DeliveryResetBackoff(void)
{
	DeliverySlot *slot = LockSlot();

	slot->next_attempt = 0;
	slot->consecutive_failures = 0;
	UnlockSlot();
}

uint64
DeliveryFlushesRequested(void)
{
	uint64 flushes;

	LWLockAcquire(Shared->lock, LW_SHARED);
	flushes = Shared->delivery.flush_requested;
	LWLockRelease(Shared->lock);
	return flushes;
}
