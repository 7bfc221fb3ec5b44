/*
 * tlserror.c
 *		What OpenSSL's words mean for a person.
 *
 * libcurl has one code for all that can go wrong in a handshake; what it was
 * stands only in the text.  With TLS 1.3 a refused client certificate even
 * shows after the handshake, as a failure to read.
 */
#include "deliver/tlserror.h"

#include <stddef.h>
#include <string.h>

#include "deliver/reply.h"

#define CERTIFICATE_REFUSED "the backend refused our client certificate"
#define CERTIFICATE_WANTED \
	"the backend wants a client certificate: set " \
	"\"pganalytics.tls_cert_file\" and \"pganalytics.tls_key_file\""
#define TLS_WANTED \
	"the backend speaks TLS on this port: begin \"pganalytics.backend_url\" with https://"

static const TlsMeaning tls_errors[] = {
	{"alert certificate required", CERTIFICATE_WANTED},
	{"alert unknown ca", CERTIFICATE_REFUSED ": it does not know the authority that issued it",
	 true},
	{"alert certificate expired", CERTIFICATE_REFUSED ": it has expired", true},
	{"alert certificate revoked", CERTIFICATE_REFUSED ": it is revoked", true},
	{"alert bad certificate", CERTIFICATE_REFUSED, true},
	{"alert unsupported certificate", CERTIFICATE_REFUSED, true},
	{"alert certificate unknown", CERTIFICATE_REFUSED, true},
	{"alert decrypt error", CERTIFICATE_REFUSED, true},
	{"alert access denied", CERTIFICATE_REFUSED, true},
	{"alert protocol version", "the backend does not offer TLS 1.3"},
	{"unsupported protocol", "the backend does not offer TLS 1.3"},
	{"alert handshake failure", "the backend refused the TLS handshake"},
	{"alert unrecognized name", "the backend does not serve this host name"},
	{"wrong version number", "the backend does not speak TLS on this port"},
	{"packet length too long", "the backend does not speak TLS on this port"},
	{"http request", "the backend does not speak TLS on this port"},
	{"unexpected eof", "the backend cut the connection"},
	{"SSL_ERROR_SYSCALL", "the backend cut the connection"},
	{"SSL_ERROR_ZERO_RETURN", "the backend cut the connection"},
	{NULL}, /* the last one */
};

/* nginx, Apache and Go's own server */
static const TlsMeaning tls_pages[] = {
	{"No required SSL certificate was sent", CERTIFICATE_WANTED},
	{"The SSL certificate error", CERTIFICATE_REFUSED, true},
	{"plain HTTP request was sent to HTTPS port", TLS_WANTED},
	{"speaking plain HTTP to an SSL-enabled server port", TLS_WANTED},
	{"sent an HTTP request to an HTTPS server", TLS_WANTED},
	{NULL}, /* the last one */
};

static const TlsMeaning *
Find(const TlsMeaning *meaning, const char *text)
{
	for (; meaning->word != NULL; meaning++)
	{
		if (strstr(text, meaning->word) != NULL)
			return meaning;
	}
	return NULL;
}

const TlsMeaning *
TlsErrorMeaning(const char *text)
{
	return strstr(text, "SSL") != NULL ? Find(tls_errors, text) : NULL;
}

const TlsMeaning *
TlsPageMeaning(const char *body)
{
	return ReplyBodyIsOurs(body, strlen(body)) ? NULL : Find(tls_pages, body);
}
