/*
 * redact.h
 *		What of an entry's texts may leave the server.  Pure C.
 */
#ifndef LOG_REDACT_H
#define LOG_REDACT_H

#include "log/classify.h"
#include "log/entry.h"

/* pganalytics.log_redact */
typedef enum LogRedact
{
	LOG_REDACT_NONE,	   /* passwords only */
	LOG_REDACT_PARAMETERS, /* constants, bind values, values in messages */
	LOG_REDACT_STATEMENTS  /* and statements altogether */
} LogRedact;

/*
 * The texts of one entry, safe and not longer than room in total.  Lives as long
 * as the entry and the buffers.
 */
typedef struct Redacted
{
	LogText		part[NUM_LOG_FIELDS];  /* MESSAGE, DETAIL, HINT, CONTEXT, STATEMENT, QUERY */
	LogText		capture[MAX_CAPTURES]; /* parallel to the captures; NULL: not to be sent */
	LogText		query;				   /* of a plan */
	const char *plan_format;		   /* NULL: there is no plan */
	bool		cut;				   /* something is missing at the end of a text */
} Redacted;

typedef struct Redactor
{
	LogRedact mode;
	bool	  english; /* unknown messages quote as English ones do */
	size_t	  room;	   /* what is sent of an entry */
	char	 *buffer;  /* of REDACTOR_BUFFER_SIZE(room) */
	char	 *scratch; /* of the same size */

	/* the entry at hand */
	LogWord	  level;
	size_t	  used; /* of buffer */
	Redacted *result;
} Redactor;

#define REDACTED_MARK "…"						   /* behind what was cut */
#define REDACTED_MARKS (8 * sizeof(REDACTED_MARK)) /* one for each text */
#define REDACTOR_BUFFER_SIZE(room) ((room) + REDACTED_MARKS)
#define REDACTOR_ROOM(entry_size) ((entry_size) -REDACTED_MARKS)

extern void LogRedactEntry(Redactor *redactor, const LogEntry *entry, const Meaning *meaning,
						   Redacted *result);

#define REDACT_MASK "?"

/* For plan.c and prose.c: appended to the buffer. */
extern void RedactPut(Redactor *r, const char *data, size_t len);
extern void RedactVerbatim(Redactor *r, const char *data, size_t len);
extern void RedactSql(Redactor *r, const char *data, size_t len);
extern void RedactList(Redactor *r, const char *data, size_t len);
extern void RedactExpression(Redactor *r, const char *data, size_t len);

/* plan.c: a plan of auto_explain.  Sets query and format of the result, too. */
extern LogText RedactPlan(Redactor *r, const char *data, size_t len);

#endif /* LOG_REDACT_H */
