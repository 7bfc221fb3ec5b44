/*
 * registration.h
 *		Registration with the backend, and what it gives: collector id, token,
 *		perhaps a client certificate.
 */
#ifndef REGISTRATION_H
#define REGISTRATION_H

#include "postgres.h"

#include "base/credentials.h"
#include "deliver/auth.h"
#include "deliver/token.h"

typedef struct Registration
{
	char			hostname[256]; /* that it was given to */
	char			name[CREDENTIALS_NAME_SIZE];
	char			collector_id[CREDENTIALS_ID_SIZE];
	char			registered_as[CREDENTIALS_ID_SIZE];
	char			token[CREDENTIALS_TOKEN_SIZE];
	time_t			issued_at; /* of the token, by our clock */
	time_t			expires_at;
	bool			has_certificate;
	CertificateLife certificate;
} Registration;

/* Takes up what is in the state directory, once; to be called when the spool is open. */
extern void RegistrationLoad(void);

/* The registration that is in use; NULL: none. */
extern const Registration *RegistrationCurrent(void);

/*
 * Is the registration good for a batch of that collector id?  Not where the host
 * has another name by now, or it is the first one of an id that was set since.
 */
extern bool RegistrationCovers(const char *collector_id);

/* Is there a "registration_secret_file"? */
extern bool RegistrationIsPossible(void);

/*
 * Registers, under that name (NULL: the one used before, else the host name).
 * What the backend gives is on disk before it is used.
 */
extern TokenResult RegistrationRun(const char *name, RequestFailure *failure);

/* Asks for another token with the one there is. */
extern TokenResult RegistrationRefresh(RequestFailure *failure);

/* The file with the client certificate and its key; "": none that can be used now. */
extern const char *RegistrationCertificateFile(void);

/* Counts the changes of that file that need new connections. */
extern int RegistrationCertificateNumber(void);

#endif /* REGISTRATION_H */
