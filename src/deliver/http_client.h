/*
 * http_client.h
 *		What the files of the HTTP client share: the handles and the request in
 *		hand.  Included by http*.c only.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "postgres.h"

#include <curl/curl.h>

#include "deliver/http.h"

/* curl sends in pieces of this size, also when it has to keep to a rate. */
#define UPLOAD_PIECE (16 * 1024)

/* Sets an option of "easy" unless "code" tells of an earlier failure. */
#define SET(option, value) \
	do \
	{ \
		if (code == CURLE_OK) \
			code = curl_easy_setopt(easy, option, value); \
	} while (0)

typedef struct HttpClient
{
	bool   initialized; /* curl_global_init() */
	CURLM *multi;
	CURL  *easy;
	int	   mux;		   /* -1: not open */
	bool   mux_failed; /* epoll_ctl() did */
	int64  timer_at;   /* when curl wants to be called, -1: not */
	uint64 settings;   /* HttpSettings() when it was opened */
	int	   connection; /* the socket of the one that is kept open, -1: none */
	bool   unasked;	   /* more has come by it than the reply */

	/* of the request in hand */
	bool			   running; /* easy has been added to multi */
	struct curl_slist *headers;
	int64			   timeout_ms;
	size_t			   body_size;
	int64			   outdated_since; /* settings that concern it have changed, 0: no */
	HttpReply		  *reply;
	void			  *tls;			  /* SSL * of its connection, NULL: none */
	bool			   connecting;	  /* by a new connection, not one that is open */
	bool			   tls_began;	  /* connected, the handshake follows */
	bool			   head_began;	  /* of the reply */
	bool			   head_complete; /* the empty line has come */
	bool			   odd_encoding;  /* of the transfer: nothing of the body is read */
	size_t			   head_size;	  /* all headers: of interim replies, the reply, its trailers */
	size_t			   discarded;	  /* of the body */
	char			   retry_after[64];
	char			   encoding[16]; /* of the body */
	char			   date[40];
	time_t			   began_at;
	char			   error[CURL_ERROR_SIZE];
} HttpClient;

extern HttpClient http;
extern char		  http_body[HTTP_BODY_LIMIT + 1];

/*
 * A hash of all that a request may depend on, as it is now: settings, and the
 * certificate from registration.
 */
extern uint64 HttpSettings(void);

/* Lets go of the request in hand, finished or not.  Signals must be blocked. */
extern void HttpEndRequest(void);

/* Why there is no reply, as one clause for a person. */
extern void HttpExplain(CURLcode code, char *error, size_t size);

#endif /* HTTP_CLIENT_H */
