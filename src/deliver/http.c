/*
 * http.c
 *		One request at a time over one kept-alive connection; the only user of
 *		libcurl.
 *
 * curl never waits here.  It tells which sockets it wants watched (OnSocket)
 * and when it wants to be called anyway (OnTimer); the sockets hang in one
 * epoll descriptor, the "mux", and that is waited on together with the latch.
 * So a worker whose backend is silent still obeys SIGTERM, reloads and
 * barriers at once.  (curl_easy_perform would block all of them for as long as
 * the request lasts.)
 *
 * Three rules, each bought by somebody's bug:
 *
 * - Callbacks are called by curl, not by us: they neither ereport nor palloc,
 *   but return a code and write into buffers of fixed size.
 * - Signals are blocked while curl runs.  Its resolver thread inherits the
 *   mask; otherwise a handler of PostgreSQL could run in that thread.
 * - On shutdown nothing is cleaned up: a name look-up that hangs would be
 *   waited for.  CURLOPT_QUICK_EXIT does the same for a request that is given
 *   up; its thread is left behind and ends with the look-up.
 */
#include "postgres.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/fd.h"

#include "base/compat.h"
#include "base/settings.h"
#include "base/worker.h"
#include "deliver/auth.h"
#include "deliver/http.h"
#include "deliver/reply.h"
#include "deliver/tlserror.h"

/* mux, connection, and the pair of sockets that the resolver thread wakes us by */
#define DESCRIPTORS 4

/* A body gets so much longer than request_timeout as it takes on a line this slow. */
#define SLOWEST_LINE (128 * 1024)

/* curl sends in pieces of this size, also when it has to keep to a rate. */
#define UPLOAD_PIECE (16 * 1024)

/* A reload does not have to wait longer for a request. */
#define RELOAD_GRACE_MS 1000

static struct
{
	bool		initialized;	/* curl_global_init() */
	CURLM	   *multi;
	CURL	   *easy;
	int			mux;
	bool		mux_failed;		/* epoll_ctl() did */
	int64		timer_at;		/* when curl wants to be called, -1: not */

	/* of the request in hand */
	bool		running;		/* easy has been added to multi */
	struct curl_slist *headers;
	int64		timeout_ms;
	size_t		body_size;
	HttpReply  *reply;
	bool		tls_began;		/* connected, the handshake follows */
	bool		head_began;		/* of the reply */
	bool		head_complete;	/* the empty line has come */
	char		retry_after[64];
	char		error[CURL_ERROR_SIZE];
} http = {.mux = -1, .timer_at = -1};

static char reply_body[HTTP_BODY_LIMIT + 1];

int64
MonotonicMs(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- callbacks: called by curl ---- */

static int
OnSocket(CURL *easy, curl_socket_t socket, int what, void *arg, void *socket_arg)
{
	struct epoll_event event;
	int			mux = http.mux;

	memset(&event, 0, sizeof(event));
	event.data.fd = socket;
	if (what == CURL_POLL_REMOVE)
	{
		/* may have been closed, and with that removed, already */
		(void) epoll_ctl(mux, EPOLL_CTL_DEL, socket, &event);
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		event.events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		event.events |= EPOLLOUT;
	if (epoll_ctl(mux, EPOLL_CTL_MOD, socket, &event) != 0 &&
		epoll_ctl(mux, EPOLL_CTL_ADD, socket, &event) != 0)
	{
		http.mux_failed = true;
		return -1;
	}
	return 0;
}

static int
OnTimer(CURLM *multi, long timeout_ms, void *arg)
{
	http.timer_at = timeout_ms < 0 ? -1 : MonotonicMs() + timeout_ms;
	return 0;
}

static void
NoteTlsVersion(void)
{
	struct curl_tlssessioninfo *tls = NULL;

	if (curl_easy_getinfo(http.easy, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls != NULL &&
		tls->backend == CURLSSLBACKEND_OPENSSL && tls->internals != NULL)
		strlcpy(http.reply->tls_version, AuthTlsVersion(tls->internals),
				sizeof(http.reply->tls_version));
}

static CURLcode
OnTls(CURL *easy, void *ssl_context, void *arg)
{
	http.tls_began = true;
	return CURLE_OK;
}

static size_t
OnHeader(char *line, size_t unit, size_t count, void *arg)
{
	static const char name[] = "retry-after:";
	size_t		size = unit * count;
	size_t		value_size;

	if (http.reply == NULL)
		return 0;
	if (size >= 5 && memcmp(line, "HTTP/", 5) == 0)
	{
		/* the connection is known only while the request runs */
		NoteTlsVersion();
		http.head_began = true;
		http.head_complete = false;
		http.retry_after[0] = '\0';
	}
	else if (size > 0 && (line[0] == '\r' || line[0] == '\n'))
		http.head_complete = true;
	else if (size >= strlen(name) && pg_strncasecmp(line, name, strlen(name)) == 0)
	{
		value_size = Min(size - strlen(name), sizeof(http.retry_after) - 1);
		memcpy(http.retry_after, line + strlen(name), value_size);
		http.retry_after[value_size] = '\0';
	}
	return size;
}

static size_t
OnBody(char *data, size_t unit, size_t count, void *arg)
{
	size_t		size = unit * count;
	size_t		kept;

	if (http.reply == NULL)
		return 0;
	kept = Min(size, HTTP_BODY_LIMIT - http.reply->body_size);
	memcpy(reply_body + http.reply->body_size, data, kept);
	http.reply->body_size += kept;
	return size;
}

/* ---- set-up ---- */

static CURLcode
SetTlsOptions(CURL *easy)
{
	CURLcode	code = CURLE_OK;

#define SET(option, value) \
	do { if (code == CURLE_OK) code = curl_easy_setopt(easy, option, value); } while (0)

	SET(CURLOPT_SSL_CTX_FUNCTION, OnTls);
	SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_3);
	SET(CURLOPT_SSL_VERIFYPEER, Setting.tls_verify ? 1L : 0L);
	SET(CURLOPT_SSL_VERIFYHOST, Setting.tls_verify ? 2L : 0L);
	if (Setting.tls_ca_file[0])
	{
		SET(CURLOPT_CAINFO, Setting.tls_ca_file);
		/* or the directory of the operating system would be believed as well */
		SET(CURLOPT_CAPATH, NULL);
	}
	if (Setting.tls_cert_file[0])
	{
		SET(CURLOPT_SSLCERT, Setting.tls_cert_file);
		SET(CURLOPT_SSLKEY, Setting.tls_key_file);
		/* never ask at the terminal */
		SET(CURLOPT_KEYPASSWD, "");
	}
	return code;
}

static CURLcode
SetOptions(CURL *easy)
{
	CURLcode	code = CURLE_OK;

	SET(CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	SET(CURLOPT_QUICK_EXIT, 1L);
#endif
	SET(CURLOPT_ERRORBUFFER, http.error);
	SET(CURLOPT_HEADERFUNCTION, OnHeader);
	SET(CURLOPT_WRITEFUNCTION, OnBody);

	/* HTTP/2 of libcurl 7.88 spins while a peer does not read */
	SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, Setting.allow_http ? "http,https" : "https");
#else
	SET(CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTPS | (Setting.allow_http ? CURLPROTO_HTTP : 0)));
#endif
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_UPLOAD_BUFFERSIZE, (long) UPLOAD_PIECE);

	/* set even where there is none: else the environment would be asked */
	SET(CURLOPT_PROXY, Setting.proxy);
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_HEADEROPT, (long) CURLHEADER_SEPARATE);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);

	SET(CURLOPT_CONNECTTIMEOUT_MS, (long) Setting.connect_timeout_ms);
	SET(CURLOPT_MAX_SEND_SPEED_LARGE, (curl_off_t) Setting.drain_rate_kb * 1024);
	if (code == CURLE_OK)
		code = SetTlsOptions(easy);
	return code;
}

/* The part of HttpOpen that runs with signals blocked. */
static const char *
OpenHandles(void)
{
	if (!http.initialized)
	{
		/* would write the keys of our connections to a file */
		unsetenv("SSLKEYLOGFILE");
		if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
			return "libcurl cannot be initialized";
		http.initialized = true;
	}
	http.mux = epoll_create1(EPOLL_CLOEXEC);
	if (http.mux < 0)
		return strerror(errno);
	http.multi = curl_multi_init();
	http.easy = curl_easy_init();
	if (http.multi == NULL || http.easy == NULL)
		return "out of memory";
	if (curl_multi_setopt(http.multi, CURLMOPT_SOCKETFUNCTION, OnSocket) != CURLM_OK ||
		curl_multi_setopt(http.multi, CURLMOPT_TIMERFUNCTION, OnTimer) != CURLM_OK ||
#if LIBCURL_VERSION_NUM >= 0x081400
		curl_multi_setopt(http.multi, CURLMOPT_QUICK_EXIT, 1L) != CURLM_OK ||
#endif
		curl_multi_setopt(http.multi, CURLMOPT_MAXCONNECTS, 1L) != CURLM_OK)
		return "libcurl does not support what is needed";
	switch (SetOptions(http.easy))
	{
		case CURLE_OK:
			return NULL;
		case CURLE_OUT_OF_MEMORY:
			return "out of memory";
		default:
			return "libcurl does not support what is needed (TLS 1.3, HTTPS)";
	}
}

bool
HttpOpen(char *error, size_t error_size)
{
	const char *trouble;

	HttpClose();
	if (!AcquireExternalFD())
	{
		snprintf(error, error_size, "too many files are open: raise \"max_files_per_process\"");
		return false;
	}
	for (int i = 1; i < DESCRIPTORS; i++)
		ReserveExternalFD();

	BackgroundWorkerBlockSignals();
	trouble = OpenHandles();
	BackgroundWorkerUnblockSignals();
	if (trouble == NULL)
		return true;

	snprintf(error, error_size, "the HTTP client cannot be set up: %s", trouble);
	if (http.mux < 0)
	{
		for (int i = 0; i < DESCRIPTORS; i++)
			ReleaseExternalFD();
	}
	HttpClose();
	return false;
}

/* Lets go of the request in hand, finished or not.  Signals must be blocked. */
static void
EndRequest(void)
{
	http.reply = NULL;			/* may be gone, after an error */
	if (http.running)
		curl_multi_remove_handle(http.multi, http.easy);
	http.running = false;
	if (http.easy)
	{
		curl_easy_setopt(http.easy, CURLOPT_HTTPHEADER, NULL);
		curl_easy_setopt(http.easy, CURLOPT_POSTFIELDS, NULL);
	}
	curl_slist_free_all(http.headers);
	http.headers = NULL;
}

void
HttpClose(void)
{
	if (http.mux < 0)
		return;
	BackgroundWorkerBlockSignals();
	EndRequest();
	curl_easy_cleanup(http.easy);
	curl_multi_cleanup(http.multi);
	BackgroundWorkerUnblockSignals();
	close(http.mux);
	http.easy = NULL;
	http.multi = NULL;
	http.mux = -1;
	http.timer_at = -1;
	for (int i = 0; i < DESCRIPTORS; i++)
		ReleaseExternalFD();
}

/* ---- one request ---- */

/* bytes a second at which a body must be allowed to go out */
static int64
SlowestRate(void)
{
	int64		limit = (int64) Setting.drain_rate_kb * 1024;

	return limit > 0 ? Min(limit, SLOWEST_LINE) : SLOWEST_LINE;
}

static CURLcode
SetRequest(CURL *easy, const HttpRequest *request)
{
	CURLcode	code = CURLE_OK;
	int64		piece_s = 2 * UPLOAD_PIECE / SlowestRate();

	for (int i = 0; i < HTTP_MAX_HEADERS && request->headers[i] != NULL; i++)
	{
		struct curl_slist *longer = curl_slist_append(http.headers, request->headers[i]);

		if (longer == NULL)
			return CURLE_OUT_OF_MEMORY;
		http.headers = longer;
	}

	SET(CURLOPT_URL, request->url);
	SET(CURLOPT_HTTPHEADER, http.headers);
	if (request->body)
	{
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_size);
		SET(CURLOPT_POSTFIELDS, request->body);
	}
	else
		SET(CURLOPT_HTTPGET, 1L);

	http.body_size = request->body ? request->body_size : 0;
	http.timeout_ms = Setting.request_timeout_ms + (int64) http.body_size * 1000 / SlowestRate();
	SET(CURLOPT_TIMEOUT_MS, (long) Min(http.timeout_ms, PG_INT32_MAX));

	/* nothing moves at all, although a large body would have time left */
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME, (long) Max(Setting.request_timeout_ms / 1000 + 1, piece_s + 1));
	return code;
}

/* Starts it.  Signals must be blocked. */
static bool
BeginRequest(const HttpRequest *request, HttpReply *reply)
{
	EndRequest();				/* one that an error interrupted */
	http.error[0] = '\0';
	http.tls_began = http.head_began = http.head_complete = false;
	http.retry_after[0] = '\0';
	http.mux_failed = false;
	http.timer_at = -1;
	http.reply = reply;
	if (SetRequest(http.easy, request) != CURLE_OK ||
		curl_multi_add_handle(http.multi, http.easy) != CURLM_OK)
		return false;
	http.running = true;
	return true;
}

/* Lets curl do what can be done without waiting.  Signals must be blocked.  True: finished. */
static bool
DriveRequest(CURLcode *code)
{
	struct epoll_event events[8];
	CURLMsg    *message;
	int			running;
	int			left;
	int			ready;

	if (http.timer_at >= 0 && MonotonicMs() >= http.timer_at)
	{
		http.timer_at = -1;
		curl_multi_socket_action(http.multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	ready = epoll_wait(http.mux, events, lengthof(events), 0);
	for (int i = 0; i < ready; i++)
	{
		int			mask = 0;

		if (events[i].events & EPOLLIN)
			mask |= CURL_CSELECT_IN;
		if (events[i].events & EPOLLOUT)
			mask |= CURL_CSELECT_OUT;
		if (events[i].events & (EPOLLERR | EPOLLHUP))
			mask |= CURL_CSELECT_ERR;
		curl_multi_socket_action(http.multi, events[i].data.fd, mask, &running);
	}
	while ((message = curl_multi_info_read(http.multi, &left)) != NULL)
	{
		if (message->msg == CURLMSG_DONE)
		{
			*code = message->data.result;
			return true;
		}
	}
	if (http.mux_failed)
		*code = CURLE_FAILED_INIT;
	return http.mux_failed;
}

/* Waits for the mux, curl's timer or the latch.  False: the request is to be given up. */
static bool
WaitForRequest(int64 give_up_at, bool *for_reload)
{
	static int64 reload_since = 0;
	static uint32 wait_event = 0;
	int64		now = MonotonicMs();
	int64		until = give_up_at;
	int			happened;

	if (!ConfigReloadPending)
		reload_since = 0;
	else if (reload_since == 0)
		reload_since = now;
	if (reload_since != 0)
		until = Min(until, reload_since + RELOAD_GRACE_MS);
	if (now >= until)
	{
		*for_reload = reload_since != 0;
		reload_since = 0;
		return false;
	}
	if (http.timer_at >= 0)
		until = Min(until, http.timer_at);

	if (wait_event == 0)
		wait_event = WaitEventNew("PganalyticsSend");
	happened = WaitLatchOrSocket(MyLatch,
								 WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT |
								 WL_EXIT_ON_PM_DEATH,
								 http.mux, Max(until - now, 0), wait_event);
	if (happened & WL_LATCH_SET)
		ResetLatch(MyLatch);
	WorkerCheckInterrupts();
	return true;
}

/* ---- what went wrong ---- */

static int64
PhaseTime(CURLINFO phase)
{
	curl_off_t	time_us = 0;

	curl_easy_getinfo(http.easy, phase, &time_us);
	return time_us;
}

static const char *
PhaseOfTimeout(void)
{
	if (PhaseTime(CURLINFO_PRETRANSFER_TIME_T) > 0)
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
	long		number = 0;

	curl_easy_getinfo(http.easy, CURLINFO_OS_ERRNO, &number);
	snprintf(error, size, "could not connect%s: %s",
			 Setting.proxy[0] ? " to \"pganalytics.proxy\"" : "",
			 number != 0 ? strerror((int) number) : "no address answered");
}

static void
ExplainCut(char *error, size_t size)
{
	long		proxy_status = 0;

	curl_easy_getinfo(http.easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
	if (proxy_status >= 300)
		snprintf(error, size, "the proxy refused to connect, with status %ld", proxy_status);
	else
		snprintf(error, size, "the connection was cut before the reply was complete");
}

/* Why there is no reply, as one clause for a person. */
static void
Explain(CURLcode code, char *error, size_t size)
{
	const char *meaning;
	char		excerpt[160];
	long		verify = 0;

	if (http.mux_failed)
	{
		snprintf(error, size, "a socket could not be watched");
		return;
	}
	meaning = TlsErrorMeaning(http.error);
	if (meaning != NULL)
	{
		strlcpy(error, meaning, size);
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
			strlcpy(error, "the authorities of \"pganalytics.tls_ca_file\" (or of the operating "
					"system, where it is empty) cannot be read", size);
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

/* Fills the reply.  Signals must be blocked. */
static void
FinishRequest(CURLcode code, HttpReply *reply)
{
	long		status = 0;

	curl_easy_getinfo(http.easy, CURLINFO_RESPONSE_CODE, &status);

	/* curl takes a reply that ends within its headers for a whole one */
	if (code == CURLE_OK && !http.head_complete)
		code = CURLE_PARTIAL_FILE;

	/*
	 * A refusal counts as soon as its status is known: a peer that does not
	 * want the body often closes the connection before it has read all of it.
	 */
	if (code == CURLE_OK || (status >= 300 && http.head_complete))
		reply->status = (int) status;
	if (reply->status == 0)
		Explain(code, reply->error, sizeof(reply->error));
	reply->body = reply_body;
	reply_body[reply->body_size] = '\0';
	reply->retry_after_s = RetryAfterSeconds(http.retry_after, time(NULL));
}

void
HttpPerform(const HttpRequest *request, HttpReply *reply)
{
	CURLcode	code = CURLE_FAILED_INIT;
	bool		finished;
	int64		give_up_at;

	memset(reply, 0, sizeof(*reply));
	reply->body = "";
	if (http.mux < 0)
	{
		strlcpy(reply->error, "the HTTP client is not set up", sizeof(reply->error));
		return;
	}

	BackgroundWorkerBlockSignals();
	finished = !BeginRequest(request, reply) || DriveRequest(&code);
	BackgroundWorkerUnblockSignals();

	/* curl keeps the time itself; this is for the case that it does not */
	give_up_at = MonotonicMs() + http.timeout_ms + 2000;
	while (!finished)
	{
		if (!WaitForRequest(give_up_at, &reply->interrupted))
		{
			code = CURLE_OPERATION_TIMEDOUT;
			break;
		}
		BackgroundWorkerBlockSignals();
		finished = DriveRequest(&code);
		BackgroundWorkerUnblockSignals();
	}

	BackgroundWorkerBlockSignals();
	FinishRequest(code, reply);
	EndRequest();
	BackgroundWorkerUnblockSignals();
}
