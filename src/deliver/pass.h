/*
 * pass.h
 *		Sends what waits, oldest first.  Times are by MonotonicMs().
 */
#ifndef PASS_H
#define PASS_H

#include "postgres.h"

/* With nothing to do the sender looks around after this. */
#define PASS_IDLE_MS 60000

/* Sends one batch if that is due; returns ms until something may be. */
extern long PassRun(int64 now);

/* Looks at settings and files anew, and begins a pass anew. */
extern void PassCheckEndpoint(int64 now);

/* The same where they could not be used, and it is time to look again. */
extern void PassRecheckEndpoint(int64 now);

/* After a reload. */
extern void PassSettingsChanged(int64 now);

/* Retries are due at once, and count from the beginning. */
extern void PassResetBackoff(int64 now);

/* Has the backend not been had since the last failure? */
extern bool PassIsBackingOff(void);

#endif /* PASS_H */
