/*
 * hook.h
 *		The server log where there is no file to read: entries are taken in
 *		emit_log_hook, in the process that writes them.
 */
#ifndef LOG_HOOK_H
#define LOG_HOOK_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "log/output.h"

/* Decides by "pganalytics.log_source" and installs the hook; in the postmaster, once. */
extern void LogHookInit(void);

/* Is the log read by the hook?  If not, it is by files. */
extern bool LogHookIsUsed(void);

/* How the source is called on the wire. */
extern const LogOrigin LogHookOrigin;

/* Is there so much that it may soon not fit? */
extern bool LogHookIsFilling(void);

/* Bytes of shared memory that wait. */
extern uint64 LogHookBacklog(void);

/*
 * Hands on what is in the ring, and how many entries were dropped, by whoever,
 * since the last run that was committed.  What was handed on stays there until
 * LogHookCommitted; LogHookFailed goes back to it.
 */
extern void LogHookCollect(LogOutput *out);
extern void LogHookCommitted(void);
extern void LogHookFailed(void);

/*
 * When a crash of the server threw away what waited, if no run has been committed
 * since; 0: none did.
 */
extern TimestampTz LogHookEmptiedAt(void);

/* The last entries in the ring; changes nothing. */
extern void LogHookSample(LogOutput *out, int64 most);

/* Nobody wants entries any more: the hook does nothing until LogHookCollect is called again. */
extern void LogHookRest(void);

#endif /* LOG_HOOK_H */
