/*
 * problem.h
 *		What is wrong, told once to the log and for as long as it lasts to the
 *		status.
 *
 * A problem has a code: whoever meets it again with the same code only
 * refreshes the text in the status; a new code, and the end of the problem, is
 * one line in the server log.  Texts say what is wrong and what to do.
 */
#ifndef PROBLEM_H
#define PROBLEM_H

#include "base/shared.h"

/*
 * code is any positive number that tells kinds of the same problem apart (an
 * errno, an HTTP status).  Callable from workers and backends; does nothing
 * where there is no shared memory.  Never raises an error above LOG/WARNING.
 */
extern void ProblemSet(ProblemId id, int code, const char *format, ...) pg_attribute_printf(3, 4);
extern void ProblemClear(ProblemId id);

/* The same without a line in the log: it may be there still, but something else comes first. */
extern void ProblemForget(ProblemId id);

/*
 * Somebody has changed what the problem may come from: the next text is news,
 * even under the same code, unless it is the same text as well.
 */
extern void ProblemExpectNews(ProblemId id);

#endif /* PROBLEM_H */
