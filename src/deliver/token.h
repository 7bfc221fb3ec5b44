/*
 * token.h
 *		The bearer token of the next request.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include "postgres.h"

#include <time.h>

/*
 * *token is the token to send for a collector id, valid until the next call,
 * or NULL where none is configured.  False: there should be one and there is
 * none, error says why.
 */
extern bool TokenGet(const char *collector_id, const char **token,
					 char *error, size_t error_size);

/* Can another token than the last one be had? */
extern bool TokenIsRenewable(void);

/* Makes the next TokenGet renew it. */
extern void TokenForget(void);

/* When the last token ends, 0: there is none. */
extern time_t TokenExpiresAt(void);

#endif							/* TOKEN_H */
