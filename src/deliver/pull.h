/*
 * pull.h
 *		The remote configuration: when to look for it, and what comes of it.
 */
#ifndef PULL_H
#define PULL_H

#include "postgres.h"

#include "base/shared.h"
#include "deliver/http.h"

/* Settings have changed: another backend, or another interval, or none.  Looks at once. */
extern void PullReset(int64 now);

/* A batch was accepted; the reply may announce a newer configuration. */
extern void PullNoteReply(const HttpReply *reply);

/* When the next look is due, by MonotonicMs(); PG_INT64_MAX: it is not. */
extern int64 PullDue(void);

/*
 * Asks the backend.  What it gives is checked, kept and put in force; what is
 * wrong goes to status and log, and into "error" ("": nothing).  False: given
 * up for a reload, to be done again.
 */
extern bool PullRun(char *error, size_t error_size);

#endif /* PULL_H */
