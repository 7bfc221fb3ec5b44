/*
 * reply.h
 *		What a backend's reply means for the batch.  Pure C.
 */
#ifndef REPLY_H
#define REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

typedef enum ReplyAction
{
	REPLY_DELIVERED,
	REPLY_RENEW_TOKEN, /* 401 */
	REPLY_FORBIDDEN,   /* 403: keep, back off */
	REPLY_RETRY,	   /* keep, back off */
	REPLY_SUSPECT,	   /* the same, but it may be this batch's fault */
	REPLY_SPLIT,	   /* 413 */
	REPLY_SEND_PLAIN,  /* 415 */
	REPLY_REDIRECTED,  /* 3xx: keep, back off */
	REPLY_ASTRAY,	   /* it says nothing of the batch: perhaps it is not the backend's */
	REPLY_REJECTED
} ReplyAction;

/* The rules: the first row that matches counts. */
typedef struct ReplyRule
{
	int			first; /* status codes */
	int			last;
	ReplyAction action;
	const char *meaning; /* behind "the backend answered <status>" */
} ReplyRule;

extern const ReplyRule ReplyRules[];

/* The row for a status code; never NULL. */
extern const ReplyRule *ReplyRuleFor(int status);

/* Can the body of a 2xx be a backend's: only white space, or the beginning of a JSON object? */
extern bool ReplyBodyIsOurs(const char *body, size_t size);

/* A date of HTTP, in any of its three formats.  now is the time by our clock. */
extern bool ReplyDate(const char *value, time_t now, time_t *date);

/*
 * Seconds that a Retry-After header asks for, at most RETRY_AFTER_LIMIT_S; 0:
 * nothing that can be used.  now is the time by our clock.
 */
#define RETRY_AFTER_LIMIT_S 3600
extern int RetryAfterSeconds(const char *value, time_t now);

/*
 * A text of somebody else's, made fit for the log: at most most bytes of
 * printable ASCII, anything else a question mark.
 */
extern void ReplyExcerpt(char *buffer, size_t size, const char *text, size_t most);

#endif /* REPLY_H */
