/*
 * errands.h
 *		What the sender does at the backend besides sending batches.
 */
#ifndef ERRANDS_H
#define ERRANDS_H

#include "postgres.h"

/*
 * When the next one is due, by MonotonicMs(): 0: at once, PG_INT64_MAX: none
 * is.  While the backend is away only those that a session waits for are.
 */
extern int64 ErrandsDue(bool backend_is_away);

/* Does a session wait for one? */
extern bool ErrandsAreOrdered(void);

/* Does one that is due.  True: there are new credentials. */
extern bool ErrandsRun(void);

/* Tells the sessions that wait why nothing can be done for them now. */
extern void ErrandsRefuse(const char *why);

/* After a reload. */
extern void ErrandsReset(int64 now);

#endif /* ERRANDS_H */
