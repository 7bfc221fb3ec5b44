/*
 * http.h
 *		One request at a time over one kept-alive connection.
 */
#ifndef HTTP_H
#define HTTP_H

#include "postgres.h"

#include "base/shared.h"
#include "deliver/tlserror.h"

#define HTTP_BODY_LIMIT (256 * 1024)		  /* of a reply; what follows is discarded */
#define HTTP_DISCARD_LIMIT (16 * 1024 * 1024) /* up to here; then it counts as complete */
#define HTTP_HEAD_LIMIT (256 * 1024)		  /* of all headers of a reply: curl keeps them */
#define HTTP_MAX_HEADERS 16

typedef struct HttpRequest
{
	const char *url;
	const char *headers[HTTP_MAX_HEADERS]; /* "Name: value", NULL behind the last one */
	const char *body;					   /* POSTed; NULL: GET */
	size_t		body_size;
	bool		as_stranger; /* without the certificate from registration */
} HttpRequest;

typedef struct HttpReply
{
	int	  status;		 /* 0: none, see error */
	bool  interrupted;	 /* given up for other settings: no failure, just not done */
	bool  shut_out;		 /* the peer ended a new TLS connection: it may not like our certificate */
	int	  retry_after_s; /* 0: not asked for */
	int64 clock_ahead_s; /* of its clock before ours, as far as that is certain; negative: behind */
	const char *body;	 /* with a NUL behind it; valid until the next request */
	size_t		body_size;
	char		etag[160]; /* headers, "": not there */
	char		config_version[32];
	char		tls_version[16]; /* "": no TLS */
	char		error[ERROR_TEXT_SIZE];
} HttpReply;

/*
 * Gets ready for requests with the settings of now; what an earlier HttpOpen
 * has set up is closed first, connections included.  False: error says why.
 */
extern bool HttpOpen(char *error, size_t error_size);
extern void HttpClose(void);

/*
 * Sends the request and waits for the reply, serving the latch meanwhile: may
 * exit the process, or raise an error.
 */
extern void HttpPerform(const HttpRequest *request, HttpReply *reply);

/* The meaning of an error or a page about TLS, and the way out, as one clause for a person. */
extern void HttpExplainTls(const TlsMeaning *meaning, char *error, size_t size);

/* Lets go of a request that an error has interrupted, and wipes the secrets in it. */
extern void HttpForget(void);

/* Wipes the body of the last reply. */
extern void HttpWipe(void);

/* ms of a clock that nobody sets. */
extern int64 MonotonicMs(void);

#endif /* HTTP_H */
