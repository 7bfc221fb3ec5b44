/*
 * http_setup.c
 *		The HTTP client: its handles, its options, and what curl calls back.
 */
#include "postgres.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "common/hashfn.h"
#include "postmaster/bgworker.h"
#include "storage/fd.h"

#include "base/settings.h"
#include "deliver/auth.h"
#include "deliver/http_client.h"
#include "deliver/registration.h"

/* mux, connection, and the pair of sockets that the resolver thread wakes us by */
#define DESCRIPTORS 4

#define NO_DIRECTORY "/dev/null" /* exists, and holds no file */

HttpClient http = {.mux = -1, .timer_at = -1, .connection = -1};
char	   http_body[HTTP_BODY_LIMIT + 1];

/* ---- callbacks: called by curl ---- */

static int
OnSocket(CURL *easy, curl_socket_t socket, int what, void *arg, void *socket_arg)
{
	struct epoll_event event;
	int				   mux = http.mux;

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
NoteTls(void)
{
	struct curl_tlssessioninfo *tls = NULL;

	if (curl_easy_getinfo(http.easy, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls != NULL &&
		tls->backend == CURLSSLBACKEND_OPENSSL && tls->internals != NULL)
	{
		http.tls = tls->internals;
		strlcpy(http.reply->tls_version, AuthTlsVersion(http.tls), sizeof(http.reply->tls_version));
	}
}

static int
OnNewSocket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	http.connecting = true;
	return CURL_SOCKOPT_OK;
}

static CURLcode
OnTls(CURL *easy, void *ssl_context, void *arg)
{
	http.tls_began = true;
	AuthSetUpTls(ssl_context);
	return CURLE_OK;
}

/* A header that somebody wants to know, into a buffer; white space around it is not part of it. */
static bool
TakeHeader(const char *name, const char *line, size_t size, char *buffer, size_t buffer_size)
{
	size_t name_size = strlen(name);

	if (size < name_size || pg_strncasecmp(line, name, name_size) != 0)
		return false;
	line += name_size;
	size -= name_size;
	for (; size > 0 && (*line == ' ' || *line == '\t'); size--)
		line++;
	while (size > 0 && strchr(" \t\r\n", line[size - 1]) != NULL)
		size--;
	/* one that is too long is of no use */
	if (size >= buffer_size)
		size = 0;
	memcpy(buffer, line, size);
	buffer[size] = '\0';
	return true;
}

/*
 * False: the body comes in an encoding that curl would undo, asked for or not.
 * Of gzip within gzip a few kilobytes would keep it busy for hours, within one call.
 */
static bool
TakeHeaders(const char *line, size_t size)
{
	char transfer_encoding[16];

	if (TakeHeader("Transfer-Encoding:", line, size, transfer_encoding, sizeof(transfer_encoding)))
		return pg_strcasecmp(transfer_encoding, "chunked") == 0;
	if (!TakeHeader("Retry-After:", line, size, http.retry_after, sizeof(http.retry_after)) &&
		!TakeHeader("Date:", line, size, http.date, sizeof(http.date)) &&
		!TakeHeader("Content-Encoding:", line, size, http.encoding, sizeof(http.encoding)) &&
		!TakeHeader("ETag:", line, size, http.reply->etag, sizeof(http.reply->etag)))
		(void) TakeHeader("X-Config-Version:", line, size, http.reply->config_version,
						  sizeof(http.reply->config_version));
	return true;
}

static size_t
OnHeader(char *line, size_t unit, size_t count, void *arg)
{
	size_t size = unit * count;

	http.head_size += size;
	if (http.reply == NULL || http.head_size > HTTP_HEAD_LIMIT)
		return 0;
	if (size >= 5 && memcmp(line, "HTTP/", 5) == 0)
	{
		/* the connection is known only while the request runs */
		NoteTls();
		http.head_began = true;
		http.head_complete = false;
		http.retry_after[0] = http.encoding[0] = http.date[0] = '\0';
		http.reply->etag[0] = http.reply->config_version[0] = '\0';
	}
	else if (size > 0 && (line[0] == '\r' || line[0] == '\n'))
		http.head_complete = true;
	else if (!TakeHeaders(line, size))
	{
		http.odd_encoding = true;
		return 0;
	}
	return size;
}

static size_t
OnBody(char *data, size_t unit, size_t count, void *arg)
{
	size_t size = unit * count;
	size_t kept;

	if (http.reply == NULL)
		return 0;
	kept = Min(size, HTTP_BODY_LIMIT - http.reply->body_size);
	memcpy(http_body + http.reply->body_size, data, kept);
	http.reply->body_size += kept;
	http.discarded += size - kept;
	/* none has reason to be so long: the connection ends here */
	return http.discarded > HTTP_DISCARD_LIMIT ? 0 : size;
}

/* ---- set-up ---- */

uint64
HttpSettings(void)
{
	const char *const texts[] = {
		Setting.backend_url,   Setting.proxy,		 Setting.tls_ca_file,
		Setting.tls_cert_file, Setting.tls_key_file, Setting.jwt_secret_file,
		Setting.collector_id,  Setting.hostname,	 Setting.registration_secret_file};
	const int numbers[] = {Setting.tls_verify,		   Setting.allow_http,
						   Setting.connect_timeout_ms, Setting.request_timeout_ms,
						   Setting.drain_rate_kb,	   RegistrationCertificateNumber()};
	uint64	  hash = hash_bytes_extended((const void *) numbers, sizeof(numbers), 0);

	for (int i = 0; i < lengthof(texts); i++)
		hash = hash_bytes_extended((const void *) texts[i], (int) strlen(texts[i]), hash);
	return hash;
}

static CURLcode
SetTlsOptions(CURL *easy)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_SSL_CTX_FUNCTION, OnTls);
	SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_3);
	SET(CURLOPT_SSL_VERIFYPEER, Setting.tls_verify ? 1L : 0L);
	SET(CURLOPT_SSL_VERIFYHOST, Setting.tls_verify ? 2L : 0L);
	if (Setting.tls_ca_file[0])
	{
		SET(CURLOPT_CAINFO, Setting.tls_ca_file);

		/*
		 * Or the directory of the operating system would be believed as well.
		 * Where there is none: libcurl takes NULL for "not set" since 8.17, and
		 * then that directory.
		 */
		SET(CURLOPT_CAPATH, NO_DIRECTORY);
	}
	/* never ask at the terminal */
	SET(CURLOPT_KEYPASSWD, "");
	return code;
}

static CURLcode
SetOptions(CURL *easy)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	SET(CURLOPT_QUICK_EXIT, 1L);
#endif
	SET(CURLOPT_ERRORBUFFER, http.error);
	SET(CURLOPT_SOCKOPTFUNCTION, OnNewSocket);
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
	SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	/* a name that moves is looked up for each new connection, of which there are few */
	SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	SET(CURLOPT_UPLOAD_BUFFERSIZE, (long) UPLOAD_PIECE);

	/* set even where there is none: else the environment would be asked */
	SET(CURLOPT_PROXY, Setting.proxy);
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_HEADEROPT, (long) CURLHEADER_SEPARATE);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);

	SET(CURLOPT_CONNECTTIMEOUT_MS, (long) Setting.connect_timeout_ms);
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
	http.settings = HttpSettings();

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

void
HttpEndRequest(void)
{
	http.reply = NULL; /* may be gone, after an error */
	if (http.running)
		curl_multi_remove_handle(http.multi, http.easy);
	http.running = false;
	if (http.easy)
	{
		curl_easy_setopt(http.easy, CURLOPT_HTTPHEADER, NULL);
		curl_easy_setopt(http.easy, CURLOPT_POSTFIELDS, NULL);
	}
	for (struct curl_slist *header = http.headers; header; header = header->next)
		explicit_bzero(header->data, strlen(header->data)); /* tokens and secrets */
	curl_slist_free_all(http.headers);
	http.headers = NULL;
}

void
HttpClose(void)
{
	if (http.mux < 0)
		return;
	BackgroundWorkerBlockSignals();
	HttpEndRequest();
	curl_easy_cleanup(http.easy);
	curl_multi_cleanup(http.multi);
	BackgroundWorkerUnblockSignals();
	close(http.mux);
	http.easy = NULL;
	http.multi = NULL;
	http.mux = -1;
	http.timer_at = -1;
	http.connection = -1;
	for (int i = 0; i < DESCRIPTORS; i++)
		ReleaseExternalFD();
}
