/*
 * http_error.c
 *		What went wrong with a request, in words for a person.
 */
#include "postgres.h"

#include "base/settings.h"
#include "deliver/auth.h"
#include "deliver/http_client.h"
#include "deliver/registration.h"
#include "deliver/reply.h"

static int64
PhaseTime(CURLINFO phase)
{
	curl_off_t time_us = 0;

	curl_easy_getinfo(http.easy, phase, &time_us);
	return time_us;
}

/*
 * Is there a connection that can carry the request?  By what we have seen of
 * it: libcurl 8.22 sets CURLINFO_PRETRANSFER_TIME_T of one that never was.
 */
static bool
IsConnected(void)
{
	long request_size = 0;

	if (http.tls_began)
		return PhaseTime(CURLINFO_APPCONNECT_TIME_T) > 0;
	if (http.connecting) /* then a proxy's, or without TLS */
		return !Setting.proxy[0] && PhaseTime(CURLINFO_CONNECT_TIME_T) > 0;
	curl_easy_getinfo(http.easy, CURLINFO_REQUEST_SIZE, &request_size);
	return request_size > 0; /* one that was open, or the name is being looked up */
}

static const char *
PhaseOfTimeout(void)
{
	if (IsConnected())
	{
		if (http.head_began)
			return "receiving the reply";
		if (PhaseTime(CURLINFO_SIZE_UPLOAD_T) < (int64) http.body_size)
			return "sending the batch";
		return "waiting for the reply";
	}
	if (http.tls_began)
		return "in the TLS handshake";
	if (PhaseTime(CURLINFO_NAMELOOKUP_TIME_T) == 0)
		return "looking up the host name";
	return "connecting";
}

static void
ExplainConnect(char *error, size_t size)
{
	long number = 0;

	curl_easy_getinfo(http.easy, CURLINFO_OS_ERRNO, &number);
	snprintf(error, size, "could not connect%s: %s",
			 Setting.proxy[0] ? " to \"pganalytics.proxy\"" : "",
			 number != 0 ? strerror((int) number) : "no address answered");
}

/* Where a certificate that the backend does not accept comes from. */
static const char *
CertificateRemedy(void)
{
	return !Setting.tls_cert_file[0] && RegistrationCertificateFile()[0] ?
		"pganalytics_register() gets another one" :
		"look at \"pganalytics.tls_cert_file\"";
}

void
HttpExplainTls(const TlsMeaning *meaning, char *error, size_t size)
{
	if (meaning->refuses_certificate)
		snprintf(error, size, "%s; %s", meaning->text, CertificateRemedy());
	else
		strlcpy(error, meaning->text, size);
}

static void
ExplainCut(char *error, size_t size)
{
	long new_connections = 0;
	long received = 0;

	curl_easy_getinfo(http.easy, CURLINFO_NUM_CONNECTS, &new_connections);
	curl_easy_getinfo(http.easy, CURLINFO_HEADER_SIZE, &received);
	if (new_connections > 0 && received == 0)
		/* TLS 1.3 tells only after the handshake, and the answer may be lost to the end of the connection */
		snprintf(
			error, size,
			"the connection was cut before the reply was complete; it was a new one, so perhaps the "
			"backend does not accept the client certificate: %s",
			CertificateRemedy());
	else
		snprintf(error, size, "the connection was cut before the reply was complete");
}

void
HttpExplain(CURLcode code, char *error, size_t size)
{
	const TlsMeaning *meaning;
	char			  excerpt[160];
	long			  verify = 0;
	long			  proxy_status = 0;

	if (http.mux_failed)
	{
		snprintf(error, size, "a socket could not be watched");
		return;
	}
	if (http.head_size > HTTP_HEAD_LIMIT)
	{
		snprintf(error, size, "the headers of the reply are too large");
		return;
	}
	if (http.odd_encoding)
	{
		snprintf(error, size, "the reply has an encoding that was not asked for");
		return;
	}
	/* under one code or another, as the version of libcurl has it */
	curl_easy_getinfo(http.easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
	if (proxy_status >= 300)
	{
		snprintf(error, size, "the proxy refused to connect, with status %ld", proxy_status);
		return;
	}
	meaning = TlsErrorMeaning(http.error);
	if (meaning != NULL)
	{
		HttpExplainTls(meaning, error, size);
		return;
	}
	/* in the handshake it has the code of any trouble with TLS */
	if (strstr(http.error, "Connection reset") != NULL)
	{
		ExplainCut(error, size);
		return;
	}

	switch (code)
	{
		case CURLE_COULDNT_RESOLVE_HOST:
			strlcpy(error, "the host name could not be resolved", size);
			break;
		case CURLE_COULDNT_RESOLVE_PROXY:
			strlcpy(error, "the name of \"pganalytics.proxy\" could not be resolved", size);
			break;
		case CURLE_COULDNT_CONNECT:
			ExplainConnect(error, size);
			break;
		case CURLE_OPERATION_TIMEDOUT:
			snprintf(error, size, "timed out %s", PhaseOfTimeout());
			break;
		case CURLE_PEER_FAILED_VERIFICATION:
			curl_easy_getinfo(http.easy, CURLINFO_SSL_VERIFYRESULT, &verify);
			snprintf(error, size, "the backend is not trusted: %s", AuthVerifyError(verify));
			break;
		case CURLE_SSL_CACERT_BADFILE:
			strlcpy(error,
					"the authorities of \"pganalytics.tls_ca_file\" (or of the operating "
					"system, where it is empty) cannot be read",
					size);
			break;
		case CURLE_SSL_CERTPROBLEM:
			strlcpy(error, "the client certificate or its key cannot be used", size);
			break;
		case CURLE_GOT_NOTHING:
		case CURLE_SEND_ERROR:
		case CURLE_RECV_ERROR:
		case CURLE_PARTIAL_FILE:
			ExplainCut(error, size);
			break;
#if LIBCURL_VERSION_NUM >= 0x080600
		case CURLE_TOO_LARGE:
			strlcpy(error, "the headers of the reply are too large", size);
			break;
#endif
		case CURLE_OUT_OF_MEMORY:
			strlcpy(error, "memory is short, or the headers of the reply are too large", size);
			break;
		case CURLE_UNSUPPORTED_PROTOCOL:
		case CURLE_WEIRD_SERVER_REPLY:
			strlcpy(error, "the reply is not HTTP", size);
			break;
		default:
			ReplyExcerpt(excerpt, sizeof(excerpt),
						 http.error[0] ? http.error : curl_easy_strerror(code), sizeof(excerpt));
			snprintf(error, size, "the request failed: %s", excerpt);
	}
}
