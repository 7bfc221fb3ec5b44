/*
 * query.h
 *		A short read-only transaction of a worker that cannot get out of hand.
 */
#ifndef QUERY_H
#define QUERY_H

#include "postgres.h"

/* What went wrong; the texts live in the caller's memory context. */
typedef struct QueryError
{
	char *message; /* UTF-8 */
	char  sqlstate[6];
	bool  cancelled; /* the worker has been asked to end */
} QueryError;

/*
 * Runs body(arg) in a transaction of its own, connected to SPI, with a
 * snapshot, the lock timeout and at most timeout_ms.  An error is caught, not
 * logged, and described in *error; the transaction is then rolled back.
 * Memory that body allocates with palloc goes with the transaction, unless it
 * switches to another context.
 */
extern bool QueryRun(void (*body)(void *arg), void *arg, int timeout_ms, QueryError *error);

/* Was it the statement timeout? */
extern bool QueryWasCancelled(const QueryError *error);

/* Was it that, or the one of a lock? */
extern bool QueryTimedOut(const QueryError *error);

/*
 * For pganalytics_sample(): the same within the caller's transaction.  Errors
 * are raised.
 */
extern void QueryRunInSession(void (*body)(void *arg), void *arg);

/*
 * A text of the database's encoding in UTF-8, the same pointer where it is
 * that already; what cannot be converted becomes U+FFFD.
 */
extern char *TextToUtf8(char *text);

/* The other way round; what the database's encoding has not becomes "?". */
extern char *TextFromUtf8(char *text);

/*
 * The same for a name in a shared catalogue, of a database or a role: nobody
 * knows its encoding, so what is UTF-8 is taken as it is.
 */
extern char *SharedNameToUtf8(char *name);

#endif /* QUERY_H */
