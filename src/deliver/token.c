/*
 * token.c
 *		The bearer token of the next request.
 *
 * With "pganalytics.jwt_secret_file" the collector signs its own: the secret
 * is read for that and wiped at once; only the token is kept.  It is made for
 * the collector id of the batch, which differs from today's when the id has
 * been changed while batches waited.
 *
 * (The other source of tokens, registration with the backend, will be asked
 * here when there is no secret file.)
 */
#include "postgres.h"

#include "base/identity.h"
#include "base/settings.h"
#include "deliver/auth.h"
#include "deliver/jwt.h"
#include "deliver/token.h"

/* Renewed when so much of its life is over. */
#define RENEW_PERCENT 80

static char token[JWT_SIZE];
static char token_collector_id[COLLECTOR_ID_SIZE];
static time_t issued_at = 0;	/* 0: there is no token */
static int	lifetime_s = 0;

static bool
TokenIsFresh(const char *collector_id, time_t now)
{
	return issued_at != 0 &&
		now >= issued_at &&		/* else the clock was set back */
		now - issued_at < (int64) lifetime_s * RENEW_PERCENT / 100 &&
		strcmp(token_collector_id, collector_id) == 0;
}

static bool
Sign(const char *collector_id, time_t now, char *error, size_t error_size)
{
	static Secret secret;
	char		token_id[JWT_ID_SIZE];
	JwtClaims	claims;
	bool		made;

	if (!SecretRead("pganalytics.jwt_secret_file", Setting.jwt_secret_file, &secret,
					error, error_size))
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

bool
TokenGet(const char *collector_id, const char **result, char *error, size_t error_size)
{
	time_t		now = time(NULL);

	*result = NULL;
	if (Setting.jwt_secret_file[0] == '\0')
	{
		TokenForget();
		return true;
	}
	if (!TokenIsFresh(collector_id, now))
	{
		TokenForget();
		if (!Sign(collector_id, now, error, error_size))
			return false;
		strlcpy(token_collector_id, collector_id, sizeof(token_collector_id));
		issued_at = now;
		lifetime_s = Setting.jwt_lifetime_s;
	}
	*result = token;
	return true;
}

bool
TokenIsRenewable(void)
{
	return Setting.jwt_secret_file[0] != '\0';
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
	return issued_at == 0 ? 0 : issued_at + lifetime_s;
}
