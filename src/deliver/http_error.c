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

#define HEAD_TOO_LARGE "the headers of the reply are too large"

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

/* What curl's code does not tell, or tells under one code or another, as its version has it. */
static bool
ExplainWhatWasSeen(char *error, size_t size)
{
	const TlsMeaning *meaning;
	long			  proxy_status = 0;

	curl_easy_getinfo(http.easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
	meaning = TlsErrorMeaning(http.error);
	if (http.mux_failed)
		strlcpy(error, "a socket could not be watched", size);
	else if (http.head_size > HTTP_HEAD_LIMIT)
		strlcpy(error, HEAD_TOO_LARGE, size);
	else if (http.odd_encoding)
		strlcpy(error, "the reply has an encoding that was not asked for", size);
	else if (proxy_status >= 300)
		snprintf(error, size, "the proxy refused to connect, with status %ld", proxy_status);
	else if (meaning != NULL)
		HttpExplainTls(meaning, error, size);
	/* in the handshake it has the code of any trouble with TLS */
	else if (strstr(http.error, "Connection reset") != NULL)
		ExplainCut(error, size);
	else
		return false;
	return true;
}

static const struct
{
	CURLcode	code;
	const char *text;
} explanations[] = {
	{CURLE_COULDNT_RESOLVE_HOST, "the host name could not be resolved"},
	{CURLE_COULDNT_RESOLVE_PROXY, "the name of \"pganalytics.proxy\" could not be resolved"},
	{CURLE_SSL_CACERT_BADFILE,
	 "the authorities of \"pganalytics.tls_ca_file\" (or of the operating system, where it is "
	 "empty) cannot be read"},
	{CURLE_SSL_CERTPROBLEM, "the client certificate or its key cannot be used"},
#if LIBCURL_VERSION_NUM >= 0x080600
	{CURLE_TOO_LARGE, HEAD_TOO_LARGE},
#endif
	{CURLE_OUT_OF_MEMORY, "memory is short, or the headers of the reply are too large"},
	{CURLE_UNSUPPORTED_PROTOCOL, "the reply is not HTTP"},
	{CURLE_WEIRD_SERVER_REPLY, "the reply is not HTTP"},
};

static void
ExplainOther(CURLcode code, char *error, size_t size)
{
	char excerpt[160];

	for (int i = 0; i < lengthof(explanations); i++)
	{
		if (explanations[i].code == code)
		{
			strlcpy(error, explanations[i].text, size);
			return;
		}
	}
	ReplyExcerpt(excerpt, sizeof(excerpt), http.error[0] ? http.error : curl_easy_strerror(code),
				 sizeof(excerpt));
	snprintf(error, size, "the request failed: %s", excerpt);
}

void
HttpExplain(CURLcode code, char *error, size_t size)
{
	long verify = 0;

	if (ExplainWhatWasSeen(error, size))
		return;
	switch (code)
	{
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
		case CURLE_GOT_NOTHING:
		case CURLE_SEND_ERROR:
		case CURLE_RECV_ERROR:
		case CURLE_PARTIAL_FILE:
			ExplainCut(error, size);
			break;
		default:
			ExplainOther(code, error, size);
	}
}
