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

static const struct
{
	const char *word;
	const char *meaning;
} tls_errors[] = {
	{"alert certificate required",
	 "the backend wants a client certificate: set "
	 "\"pganalytics.tls_cert_file\" and \"pganalytics.tls_key_file\""},
	{"alert unknown ca", CERTIFICATE_REFUSED ": it does not know the authority that issued it"},
	{"alert certificate expired", CERTIFICATE_REFUSED ": it has expired"},
	{"alert certificate revoked", CERTIFICATE_REFUSED ": it is revoked"},
	{"alert bad certificate", CERTIFICATE_REFUSED},
	{"alert unsupported certificate", CERTIFICATE_REFUSED},
	{"alert certificate unknown", CERTIFICATE_REFUSED},
	{"alert decrypt error", CERTIFICATE_REFUSED},
	{"alert access denied", CERTIFICATE_REFUSED},
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
};

const char *
TlsErrorMeaning(const char *text)
{
	if (strstr(text, "SSL") == NULL)
		return NULL;
	for (size_t i = 0; i < sizeof(tls_errors) / sizeof(tls_errors[0]); i++)
	{
		if (strstr(text, tls_errors[i].word) != NULL)
			return tls_errors[i].meaning;
	}
	return NULL;
}
