/*
 * grant.h
 *		What a backend gives when this server registers, or asks for a new token.
 *		Pure C.
 */
#ifndef GRANT_H
#define GRANT_H

#include "base/credentials.h"

#define GRANT_ERROR_SIZE 128

/*
 * Reads the reply to a registration: collector_id, token, expires_at,
 * certificate and private_key of the credentials; what else is in them is left
 * alone.  False: it cannot be used, error says why (as the end of a sentence).
 */
extern bool GrantParse(const char *body, size_t size, Credentials *credentials,
					   char error[GRANT_ERROR_SIZE]);

/* The same of the reply to refresh-token: token and expires_at. */
extern bool GrantParseToken(const char *body, size_t size, Credentials *credentials,
							char error[GRANT_ERROR_SIZE]);

/* A time as RFC 3339 writes it, in seconds since 1970; -1: it is none. */
extern int64_t ParseTime(const char *text);

#endif /* GRANT_H */
