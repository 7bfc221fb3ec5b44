/*
 * session.h
 *		What a process of ours that runs SQL does not leave to chance.
 */
#ifndef SESSION_H
#define SESSION_H

/*
 * Forces the session settings that the collectors rely on, over whatever
 * ALTER DATABASE or ALTER ROLE set.  After connecting, before any query.
 */
extern void SessionPrepare(const char *application_name);

/*
 * In somebody's session, until the nesting level of the settings ends: our
 * queries mean what they say there, too, and leave no trace.
 */
extern void SessionBorrow(void);

/* Applies pganalytics.lock_timeout to this session. */
extern void SessionSetLockTimeout(int timeout_ms);

/*
 * What must hold already while the process connects: the lock timeout, since
 * connecting reads the catalogues, and no warnings, which would come with
 * every visit (of a collation that has another version, for example).
 */
extern void SessionBeforeConnecting(int lock_timeout_ms);

#endif /* SESSION_H */
