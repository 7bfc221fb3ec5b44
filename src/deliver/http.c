/*
 * http.c
 *		One request at a time over one kept-alive connection.
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

#include <poll.h>
#include <sys/epoll.h>
#include <time.h>

#include "miscadmin.h"
#include "postmaster/bgworker.h"

#include "base/compat.h"
#include "base/settings.h"
#include "base/worker.h"
#include "deliver/auth.h"
#include "deliver/gzip.h"
#include "deliver/http_client.h"
#include "deliver/registration.h"
#include "deliver/reply.h"

/* A body gets so much longer than request_timeout as it takes on a line this slow. */
#define SLOWEST_LINE (128 * 1024)

/* Changed settings do not have to wait longer for a request that was made with those before. */
#define RELOAD_GRACE_MS 1000

int64
MonotonicMs(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
HttpWipe(void)
{
	explicit_bzero(http_body, sizeof(http_body));
}

void
HttpForget(void)
{
	BackgroundWorkerBlockSignals();
	HttpEndRequest();
	BackgroundWorkerUnblockSignals();
}

/* ---- one request ---- */

/* bytes a second at which a body must be allowed to go out */
static int64
SlowestRate(void)
{
	int64 limit = (int64) Setting.drain_rate_kb * 1024;

	return limit > 0 ? Min(limit, SLOWEST_LINE) : SLOWEST_LINE;
}

/*
 * Has the peer said something on the open connection since the last reply?
 * curl (7.88, for one) would take it for the reply to what is sent next, and
 * a batch would be gone by what is said of another one.  Most often it is the
 * end of the connection, which then needs no second try.
 */
static bool
SpeaksUnasked(void)
{
	struct pollfd connection = {.fd = http.connection, .events = POLLIN};

	return http.connection >= 0 && (http.unasked || poll(&connection, 1, 0) != 0);
}

/* A connection that was made with another certificate is not used. */
static CURLcode
SetCertificate(CURL *easy, bool as_stranger)
{
	const char *registered = as_stranger ? "" : RegistrationCertificateFile();
	const char *certificate = Setting.tls_cert_file[0] ? Setting.tls_cert_file : registered;
	const char *key = Setting.tls_cert_file[0] ? Setting.tls_key_file : registered;
	CURLcode	code = CURLE_OK;

	SET(CURLOPT_SSLCERT, certificate[0] ? certificate : NULL);
	SET(CURLOPT_SSLKEY, key[0] ? key : NULL);
	return code;
}

static CURLcode
SetRequest(CURL *easy, const HttpRequest *request)
{
	CURLcode code = SetCertificate(easy, request->as_stranger);
	int64	 piece_s = 2 * UPLOAD_PIECE / SlowestRate();
	int64	 rate = (int64) Setting.drain_rate_kb * 1024;

	for (int i = 0; i < HTTP_MAX_HEADERS && request->headers[i] != NULL; i++)
	{
		struct curl_slist *longer = curl_slist_append(http.headers, request->headers[i]);

		if (longer == NULL)
			return CURLE_OUT_OF_MEMORY;
		http.headers = longer;
	}

	SET(CURLOPT_URL, request->url);
	SET(CURLOPT_HTTPHEADER, http.headers);
	SET(CURLOPT_FRESH_CONNECT, SpeaksUnasked() ? 1L : 0L);
	if (request->body)
	{
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_size);
		SET(CURLOPT_POSTFIELDS, request->body);
	}
	else
		SET(CURLOPT_HTTPGET, 1L);

	http.body_size = request->body ? request->body_size : 0;
	/* what goes out within a second is paced by the sender, between requests */
	SET(CURLOPT_MAX_SEND_SPEED_LARGE, (curl_off_t) (http.body_size > rate ? rate : 0));
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
	HttpEndRequest(); /* one that an error interrupted */
	http.error[0] = '\0';
	http.connecting = http.tls_began = http.head_began = http.head_complete = false;
	http.odd_encoding = false;
	http.head_size = 0;
	http.discarded = 0;
	http.retry_after[0] = http.encoding[0] = http.date[0] = '\0';
	http.began_at = time(NULL);
	http.mux_failed = false;
	http.timer_at = -1;
	http.outdated_since = 0;
	http.reply = reply;
	http.tls = NULL;
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
	CURLMsg			  *message;
	int				   running;
	int				   left;
	int				   ready;

	if (http.timer_at >= 0 && MonotonicMs() >= http.timer_at)
	{
		http.timer_at = -1;
		curl_multi_socket_action(http.multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	ready = epoll_wait(http.mux, events, lengthof(events), 0);
	for (int i = 0; i < ready; i++)
	{
		int mask = 0;

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

/*
 * Servers are reloaded often, for reasons that are not ours: only a change of
 * what the request depends on ends it.
 */
static void
ObeyReload(void)
{
	if (!WorkerObeyReload())
		return;
	if (HttpSettings() == http.settings)
		http.outdated_since = 0;
	else if (http.outdated_since == 0)
		http.outdated_since = MonotonicMs();
}

/* Waits for the mux, curl's timer or the latch.  False: the request is to be given up. */
static bool
WaitForRequest(int64 give_up_at)
{
	static uint32 wait_event = 0;
	int64		  now = MonotonicMs();
	int64		  until = give_up_at;
	int			  happened;

	if (http.outdated_since != 0)
		until = Min(until, http.outdated_since + RELOAD_GRACE_MS);
	if (now >= until)
		return false;
	if (http.timer_at >= 0)
		until = Min(until, http.timer_at);

	if (wait_event == 0)
		wait_event = WaitEventNew("PganalyticsSend");
	happened = WaitLatchOrSocket(
		MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, http.mux,
		Max(until - now, 0), wait_event);
	if (happened & WL_LATCH_SET)
		ResetLatch(MyLatch);
	WorkerCheckInterrupts();
	ObeyReload();
	return true;
}

/*
 * Compressed replies are not asked for, but understood: some servers in between
 * do not ask.  Not by curl, which would undo as many layers as a peer likes; what
 * cannot be uncompressed stays as it is, and is no reply of a backend.
 */
static void
UncompressBody(HttpReply *reply)
{
	size_t	compressed_size = reply->body_size;
	char   *compressed;
	ssize_t size;

	if (pg_strcasecmp(http.encoding, "gzip") != 0 || (compressed = malloc(compressed_size)) == NULL)
		return;
	memcpy(compressed, http_body, compressed_size);
	size = GzipPeek(compressed, compressed_size, http_body, HTTP_BODY_LIMIT);
	if (size > 0)
		reply->body_size = (size_t) size;
	else
		memcpy(http_body, compressed, compressed_size);
	explicit_bzero(compressed, compressed_size); /* it may hold a token */
	free(compressed);
}

/* The reply was dated between the beginning of the request and now, by a clock that may differ. */
static int64
ClockAhead(time_t now)
{
	time_t date;

	if (!ReplyDate(http.date, now, &date))
		return 0;
	return date > now ? date - now : Min(date - http.began_at, 0);
}

/* Fills the reply.  Signals must be blocked. */
static void
FinishRequest(CURLcode code, HttpReply *reply)
{
	curl_socket_t connection = CURL_SOCKET_BAD;
	long		  status = 0;
	time_t		  now = time(NULL);

	curl_easy_getinfo(http.easy, CURLINFO_RESPONSE_CODE, &status);
	/* it is known only while the request is curl's */
	curl_easy_getinfo(http.easy, CURLINFO_ACTIVESOCKET, &connection);
	http.connection = connection;
	/* it is still open, and so is its TLS; newer versions of curl have OpenSSL read ahead */
	http.unasked = connection != CURL_SOCKET_BAD && http.tls != NULL && AuthHasPending(http.tls);

	if (http.discarded > HTTP_DISCARD_LIMIT)
		code = CURLE_OK;

	/* curl takes a reply that ends within its headers for a whole one */
	if (code == CURLE_OK && !http.head_complete)
		code = CURLE_PARTIAL_FILE;

	/*
	 * A refusal counts as soon as its status is known: a peer that does not
	 * want the body often closes the connection before it has read all of it.
	 */
	if (code == CURLE_OK || (status >= 300 && http.head_complete))
		reply->status = (int) status;
	reply->shut_out = reply->status == 0 && http.tls_began && !http.head_began &&
		code != CURLE_OPERATION_TIMEDOUT;
	if (reply->status == 0)
		HttpExplain(code, reply->error, sizeof(reply->error));
	UncompressBody(reply);
	reply->body = http_body;
	http_body[reply->body_size] = '\0';
	reply->retry_after_s = RetryAfterSeconds(http.retry_after, now);
	reply->clock_ahead_s = ClockAhead(now);
}

void
HttpPerform(const HttpRequest *request, HttpReply *reply)
{
	CURLcode code = CURLE_FAILED_INIT;
	bool	 finished;
	int64	 give_up_at;

	memset(reply, 0, sizeof(*reply));
	reply->body = "";
	if (http.mux < 0)
	{
		strlcpy(reply->error, "the HTTP client is not set up", sizeof(reply->error));
		return;
	}

	if (HttpSettings() != http.settings)
	{
		/* after one during which they have changed: what comes of it is for the new ones to say */
		reply->interrupted = true;
		return;
	}

	BackgroundWorkerBlockSignals();
	finished = !BeginRequest(request, reply) || DriveRequest(&code);
	BackgroundWorkerUnblockSignals();

	/* curl keeps the time itself; this is for the case that it does not */
	give_up_at = MonotonicMs() + http.timeout_ms + 2000;
	while (!finished)
	{
		if (!WaitForRequest(give_up_at))
		{
			reply->interrupted = http.outdated_since != 0;
			code = CURLE_OPERATION_TIMEDOUT;
			break;
		}
		BackgroundWorkerBlockSignals();
		finished = DriveRequest(&code);
		BackgroundWorkerUnblockSignals();
	}

	BackgroundWorkerBlockSignals();
	FinishRequest(code, reply);
	HttpEndRequest();
	BackgroundWorkerUnblockSignals();
}
