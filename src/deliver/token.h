/*
 * token.h
 *		The bearer token of the next request.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include "postgres.h"

#include <time.h>

#include "deliver/request.h"

typedef enum TokenResult
{
	TOKEN_READY,
	TOKEN_UNUSABLE,	  /* a file is not as it should be */
	TOKEN_REFUSED,	  /* the backend gives us none */
	TOKEN_FAILED,	  /* the backend could not be asked */
	TOKEN_INTERRUPTED /* the settings have changed: again, with the new ones */
} TokenResult;

/*
 * *token is the token to send for a collector id, valid until the next call,
 * or NULL where none is configured.  May ask the backend for one; if the
 * result is not TOKEN_READY, failure says why.
 */
extern TokenResult TokenGet(const char *collector_id, const char **token, RequestFailure *failure);

/* The backend has refused the last one: gets another one, once. */
extern TokenResult TokenRenew(RequestFailure *failure);

/* Is there a way to get tokens at all? */
extern bool TokenIsRenewable(void);

/* Behind "the backend answered 401", whose clock is so far ahead of ours.  Valid until the next call. */
extern const char *TokenMeaningOfRefusal(int64 clock_ahead_s);

/* The collector id that the backend knows us by, as far as tokens go. */
extern const char *TokenCollectorId(void);

/* When the token should be renewed ahead of time; 0: it need not be. */
extern time_t TokenRenewalTime(void);

/* Makes the next TokenGet sign a new one. */
extern void TokenForget(void);

/* When the last token ends, 0: there is none. */
extern time_t TokenExpiresAt(void);

#endif /* TOKEN_H */
