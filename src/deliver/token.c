/*
 * token.c
 *		The bearer token of the next request.
 *
 * Two sources.  With "pganalytics.jwt_secret_file" the collector signs its
 * own: the secret is read for that and wiped at once; only the token is kept.
 * It is made for the collector id of the batch, which differs from today's
 * when the id has been changed while batches waited.
 *
 * Without it the token is the one that the backend gave at registration, see
 * registration.c; it is renewed ahead of time by errands.c, and by registering
 * again once it has expired.
 */
#include "postgres.h"

#include "base/identity.h"
#include "base/settings.h"
#include "deliver/auth.h"
#include "deliver/jwt.h"
#include "deliver/registration.h"
#include "deliver/reply.h"
#include "deliver/token.h"

/* Renewed when so much of its life is over. */
#define RENEW_PERCENT 80

/* An issued token is not sent so shortly before its end: it must still be good when it arrives. */
#define ON_THE_WAY_S 1

/* A date in a header has whole seconds. */
#define CLOCK_DIFFERS_S 2

#define REGISTER_AGAIN \
	"\"pganalytics.registration_secret_file\", so that this server can register again"

static char	  token[JWT_SIZE];
static char	  token_collector_id[COLLECTOR_ID_SIZE];
static time_t issued_at = 0; /* 0: there is no token */
static int	  lifetime_s = 0;

/* ---- tokens that we sign ---- */

static bool
SignsOwn(void)
{
	return Setting.jwt_secret_file[0] != '\0';
}

static bool
TokenIsFresh(const char *collector_id, time_t now)
{
	return issued_at != 0 && now >= issued_at && /* else the clock was set back */
		now - issued_at < (int64) lifetime_s * RENEW_PERCENT / 100 &&
		strcmp(token_collector_id, collector_id) == 0;
}

static bool
Sign(const char *collector_id, time_t now, char *error, size_t error_size)
{
	static Secret secret;
	char		  token_id[JWT_ID_SIZE];
	JwtClaims	  claims;
	bool		  made;

	if (!SecretRead("pganalytics.jwt_secret_file", Setting.jwt_secret_file, SECRET_MIN_SIZE,
					&secret, error, error_size))
		return false;

	claims.collector_id = collector_id;
	claims.hostname = Hostname();
	claims.issued_at = now;
	claims.lifetime_s = Setting.jwt_lifetime_s;
	claims.token_id = token_id;
	made = AuthRandomId(token_id) &&
		JwtMake(token, sizeof(token), &claims, AuthHmac, secret.data, secret.size);
	SecretWipe(&secret, sizeof(secret));
	if (!made)
		snprintf(error, error_size, "a token could not be signed");
	return made;
}

static TokenResult
GetOwn(const char *collector_id, const char **result, RequestFailure *failure)
{
	time_t now = time(NULL);

	if (!TokenIsFresh(collector_id, now))
	{
		TokenForget();
		if (!Sign(collector_id, now, failure->error, sizeof(failure->error)))
			return TOKEN_UNUSABLE;
		strlcpy(token_collector_id, collector_id, sizeof(token_collector_id));
		issued_at = now;
		lifetime_s = Setting.jwt_lifetime_s;
	}
	*result = token;
	return TOKEN_READY;
}

/* ---- tokens that the backend issues ---- */

static TokenResult
GetIssued(const char *collector_id, const char **result, RequestFailure *failure)
{
	const Registration *registration = RegistrationCurrent();
	TokenResult			registered;

	if (registration && time(NULL) + ON_THE_WAY_S < registration->expires_at &&
		(RegistrationCovers(collector_id) || !RegistrationIsPossible()))
		*result = registration->token;
	else if (RegistrationIsPossible())
	{
		registered = RegistrationRun(NULL, failure);
		if (registered != TOKEN_READY)
			return registered;
		*result = RegistrationCurrent()->token;
	}
	else if (registration)
	{
		strlcpy(failure->error, "the token from registration has expired: set " REGISTER_AGAIN,
				sizeof(failure->error));
		return TOKEN_REFUSED;
	}
	return TOKEN_READY; /* neither: the backend may do without */
}

/* ---- both ---- */

TokenResult
TokenGet(const char *collector_id, const char **result, RequestFailure *failure)
{
	memset(failure, 0, sizeof(*failure));
	*result = NULL;
	if (SignsOwn())
		return GetOwn(collector_id, result, failure);
	TokenForget();
	return GetIssued(collector_id, result, failure);
}

TokenResult
TokenRenew(RequestFailure *failure)
{
	TokenResult result = TOKEN_REFUSED;

	memset(failure, 0, sizeof(*failure));
	if (SignsOwn())
	{
		TokenForget();
		return TOKEN_READY;
	}
	if (RegistrationCurrent())
		result = RegistrationRefresh(failure);
	if (result == TOKEN_REFUSED && RegistrationIsPossible())
		result = RegistrationRun(NULL, failure);
	else if (result == TOKEN_REFUSED)
	{
		size_t used = strlen(failure->error);

		snprintf(failure->error + used, sizeof(failure->error) - used, "%sset " REGISTER_AGAIN,
				 used > 0 ? "; " : "");
	}
	return result;
}

bool
TokenIsRenewable(void)
{
	return SignsOwn() || RegistrationCurrent() != NULL || RegistrationIsPossible();
}

/* Is it refused for its times?  It begins or ends by our clock; one that was issued ends by theirs. */
static bool
ClockIsToBlame(int64 ahead_s)
{
	return (SignsOwn() && ahead_s <= -CLOCK_DIFFERS_S) ||
		(ahead_s >= CLOCK_DIFFERS_S && time(NULL) + ahead_s >= TokenExpiresAt());
}

const char *
TokenMeaningOfRefusal(int64 clock_ahead_s)
{
	static char meaning[256];

	if (!TokenIsRenewable())
		return "it wants a token, set \"pganalytics.jwt_secret_file\" or "
			   "\"pganalytics.registration_secret_file\"";
	if (ClockIsToBlame(clock_ahead_s))
	{
		snprintf(meaning, sizeof(meaning),
				 "it does not accept our token; its clock is " INT64_FORMAT
				 " s %s ours: set the one that is wrong%s",
				 clock_ahead_s > 0 ? clock_ahead_s : -clock_ahead_s,
				 clock_ahead_s > 0 ? "ahead of" : "behind",
				 SignsOwn() ? ", then compare \"pganalytics.jwt_secret_file\" with its secret" :
							  "");
		return meaning;
	}
	if (Setting.jwt_secret_file[0] == '\0')
		return "it does not accept the token that it gave us";
	return ReplyRuleFor(401)->meaning;
}

const char *
TokenCollectorId(void)
{
	const Registration *registration = SignsOwn() ? NULL : RegistrationCurrent();

	return registration ? registration->collector_id : CollectorId();
}

time_t
TokenRenewalTime(void)
{
	const Registration *registration = SignsOwn() ? NULL : RegistrationCurrent();
	time_t				now = time(NULL);
	time_t				life;

	if (registration == NULL)
		return 0;
	life = registration->expires_at - registration->issued_at;
	if (now < registration->issued_at)
		return now - 1; /* the clock was set back: at once */
	return registration->issued_at + life * RENEW_PERCENT / 100;
}

void
TokenForget(void)
{
	if (issued_at != 0)
		SecretWipe(token, sizeof(token));
	issued_at = 0;
}

time_t
TokenExpiresAt(void)
{
	const Registration *registration = SignsOwn() ? NULL : RegistrationCurrent();

	if (registration)
		return registration->expires_at;
	return issued_at == 0 ? 0 : issued_at + lifetime_s;
}
