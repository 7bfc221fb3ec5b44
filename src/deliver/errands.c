/*
 * errands.c
 *		What the sender does at the backend besides sending batches.
 *
 * Some are ordered by a session, which waits for the result: registering,
 * looking for the remote configuration.  The others are due by the clock: the
 * token from registration at 80 % of its life, the certificate from
 * registration at two thirds, the remote configuration every so often.  Each
 * is one or two requests and retried by itself; none keeps batches waiting for
 * longer than its request lasts.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "storage/condition_variable.h"

#include "base/backoff.h"
#include "base/settings.h"
#include "base/shared.h"
#include "deliver/endpoint.h"
#include "deliver/errands.h"
#include "deliver/pull.h"
#include "deliver/registration.h"
#include "deliver/token.h"

/* A certificate is asked for again after a twentieth of its life, but not before this. */
#define CERTIFICATE_RETRY_S 60

/* Between two tries to renew the token, successful or not. */
#define TOKEN_PAUSE_MS 1000

/* By MonotonicMs(). */
static struct
{
	int64 token_not_before;
	int	  token_failures;
	int64 certificate_not_before;
} errands;

/* ---- orders ---- */

static bool
IsOrdered(ErrandId id, uint64 *ticket, char *argument)
{
	ErrandSlot *slot = &Shared->errands[id];
	bool		ordered;

	LWLockAcquire(Shared->lock, LW_SHARED);
	ordered = slot->requested > slot->completed;
	*ticket = slot->requested;
	strlcpy(argument, slot->argument, ERRAND_ARGUMENT_SIZE);
	LWLockRelease(Shared->lock);
	return ordered;
}

static void
Complete(ErrandId id, uint64 ticket, const char *error)
{
	ErrandSlot *slot = &Shared->errands[id];

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	slot->completed = ticket;
	SharedCopyText(slot->error, sizeof(slot->error), error);
	LWLockRelease(Shared->lock);
	ConditionVariableBroadcast(&Shared->progress);
}

bool
ErrandsAreOrdered(void)
{
	char   argument[ERRAND_ARGUMENT_SIZE];
	uint64 ticket;

	for (int i = 0; i < NUM_ERRANDS; i++)
	{
		if (IsOrdered(i, &ticket, argument))
			return true;
	}
	return false;
}

void
ErrandsRefuse(const char *why)
{
	char   argument[ERRAND_ARGUMENT_SIZE];
	uint64 ticket;

	for (int i = 0; i < NUM_ERRANDS; i++)
	{
		if (IsOrdered(i, &ticket, argument))
			Complete(i, ticket, why);
	}
}

/* ---- when ---- */

/* A time of the calendar by MonotonicMs(). */
static int64
At(time_t when)
{
	return MonotonicMs() + (int64) (when - time(NULL)) * 1000;
}

static int64
TokenDue(void)
{
	time_t when = TokenRenewalTime();

	if (when == 0 || (time(NULL) >= TokenExpiresAt() && !RegistrationIsPossible()))
		return PG_INT64_MAX;
	return Max(At(when), errands.token_not_before);
}

static int64
CertificateDue(void)
{
	const Registration *registration = RegistrationCurrent();
	time_t				life;

	if (registration == NULL || !registration->has_certificate || Setting.tls_cert_file[0] ||
		!RegistrationIsPossible())
		return PG_INT64_MAX;
	life = registration->certificate.ends - registration->certificate.begins;
	return Max(At(registration->certificate.begins + life / 3 * 2), errands.certificate_not_before);
}

int64
ErrandsDue(bool backend_is_away)
{
	if (ErrandsAreOrdered())
		return 0;
	if (EndpointCurrent()->state != ENDPOINT_READY || backend_is_away)
		return PG_INT64_MAX;
	return Min(PullDue(), Min(TokenDue(), CertificateDue()));
}

void
ErrandsReset(int64 now)
{
	memset(&errands, 0, sizeof(errands));
	PullReset(now);
}

/* ---- what ---- */

static bool
RegisterAsOrdered(uint64 ticket, const char *name)
{
	RequestFailure failure;
	TokenResult	   result = RegistrationRun(name, &failure);

	if (result != TOKEN_INTERRUPTED)
		Complete(ERRAND_REGISTER, ticket, result == TOKEN_READY ? "" : failure.error);
	return result == TOKEN_READY;
}

static void
PullAsOrdered(uint64 ticket)
{
	char error[ERROR_TEXT_SIZE];

	if (!Setting.remote_config)
		Complete(ERRAND_PULL_CONFIG, ticket, "\"pganalytics.remote_config\" is off");
	else if (PullRun(error, sizeof(error)))
		Complete(ERRAND_PULL_CONFIG, ticket, error);
}

/* While the token is good a failure is nobody's business; once it is not, pushing tells of it. */
static bool
RenewToken(int64 now)
{
	RequestFailure failure;
	TokenResult	   result = TokenRenew(&failure);

	if (result == TOKEN_READY)
	{
		/* one of a second's life must not keep us from everything else */
		errands.token_failures = 0;
		errands.token_not_before = now + TOKEN_PAUSE_MS;
	}
	else if (result != TOKEN_INTERRUPTED)
	{
		int delay_ms = failure.retry_after_s > 0 ?
			failure.retry_after_s * 1000 :
			BackoffDelay(++errands.token_failures, pg_prng_double(&pg_global_prng_state));

		errands.token_not_before = now + Max(delay_ms, TOKEN_PAUSE_MS);
	}
	return result == TOKEN_READY;
}

static bool
RenewCertificate(int64 now)
{
	CertificateLife life = RegistrationCurrent()->certificate;
	int64			retry_s = Max(CERTIFICATE_RETRY_S, (int64) (life.ends - life.begins) / 20);
	RequestFailure	failure;
	TokenResult		result = RegistrationRun(NULL, &failure);

	/* also after success: the backend may have given the same one again */
	if (result != TOKEN_INTERRUPTED)
		errands.certificate_not_before = now + Max(retry_s, failure.retry_after_s) * 1000;
	return result == TOKEN_READY;
}

bool
ErrandsRun(void)
{
	char   argument[ERRAND_ARGUMENT_SIZE];
	char   error[ERROR_TEXT_SIZE];
	int64  now = MonotonicMs();
	uint64 ticket;

	if (IsOrdered(ERRAND_REGISTER, &ticket, argument))
		return RegisterAsOrdered(ticket, argument);
	if (IsOrdered(ERRAND_PULL_CONFIG, &ticket, argument))
		PullAsOrdered(ticket);
	else if (CertificateDue() <= now)
		return RenewCertificate(now);
	else if (TokenDue() <= now)
		return RenewToken(now);
	else if (PullDue() <= now)
		(void) PullRun(error, sizeof(error));
	return false;
}
