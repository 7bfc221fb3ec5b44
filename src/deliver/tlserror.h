/*
 * tlserror.h
 *		What OpenSSL's words mean for a person.  Pure C.
 */
#ifndef TLSERROR_H
#define TLSERROR_H

#include <stdbool.h>

typedef struct TlsMeaning
{
	const char *word; /* that it is known by */
	const char *text; /* for a person */
	bool		refuses_certificate;
} TlsMeaning;

/*
 * The meaning of an error text of libcurl that quotes OpenSSL; NULL: not one of
 * TLS, or not known.
 */
extern const TlsMeaning *TlsErrorMeaning(const char *text);

/*
 * The meaning of the page with which a web server in front of the backend
 * answers 400 where it does not like the connection, whatever was sent over
 * it; NULL: it is another page, or the backend's own answer.
 */
extern const TlsMeaning *TlsPageMeaning(const char *body);

#endif /* TLSERROR_H */
