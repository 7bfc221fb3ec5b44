/*
 * tlserror.h
 *		What OpenSSL's words mean for a person.  Pure C.
 */
#ifndef TLSERROR_H
#define TLSERROR_H

/* What the meanings that speak of it begin with. */
#define CERTIFICATE_REFUSED "the backend refused our client certificate"

/*
 * The meaning of an error text of libcurl that quotes OpenSSL, a constant;
 * NULL: not one of TLS, or not known.
 */
extern const char *TlsErrorMeaning(const char *text);

/*
 * The meaning of the page with which a web server in front of the backend
 * answers 400 where it does not like the connection, whatever was sent over
 * it; NULL: it is another page, or the backend's own answer.
 */
extern const char *TlsPageMeaning(const char *body);

#endif /* TLSERROR_H */
