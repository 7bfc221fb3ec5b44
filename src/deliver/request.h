/*
 * request.h
 *		What all requests to a backend have in common, and what its replies say
 *		for themselves.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "postgres.h"

#include "base/identity.h"
#include "base/url.h"
#include "deliver/http.h"
#include "deliver/jwt.h"

#define REQUEST_PATH_SIZE (COLLECTOR_ID_SIZE * 3 + 64)

/* Large: to be static, not on the stack.  What it points to stays the caller's. */
typedef struct Request
{
	HttpRequest http;
	int			headers;
	char		url[URL_SIZE + REQUEST_PATH_SIZE];
	char		user_agent[128];
	char		authorization[JWT_SIZE + 32];
} Request;

/* Why a request came to nothing. */
typedef struct RequestFailure
{
	int	 status;		/* of the reply, 0: there was none */
	int	 retry_after_s; /* 0: not asked for */
	char error[ERROR_TEXT_SIZE];
} RequestFailure;

/* A request for a path of the backend, by GET and without a body until the caller gives it one. */
extern void RequestBegin(Request *request, const char *path);
extern void RequestHeader(Request *request, const char *line);

/* The bearer token; NULL: none. */
extern void RequestAuthorize(Request *request, const char *token);

/* HttpPerform, after which no secret is left in the request. */
extern void RequestPerform(Request *request, HttpReply *reply);

/* A backend that says what it did not like may say a secret: is the beginning of it in the text? */
extern bool RepeatsSecret(const char *text, const char *secret);

/* The page of a web server in front of the backend, about TLS; NULL: it is no such page. */
extern const TlsMeaning *ReplyTlsPage(const HttpReply *reply);

/*
 * "the backend answered 403: <meaning> ("<its message>")".  The message is made
 * fit for the log; one that seems to repeat a token is left out.  Where the
 * reply itself tells of trouble on the way, that instead.
 */
extern void ReplyDescribe(const HttpReply *reply, const char *meaning, char *error,
						  size_t error_size);

#endif /* REQUEST_H */
