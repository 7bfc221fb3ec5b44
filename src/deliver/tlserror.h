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

#endif /* TLSERROR_H */
