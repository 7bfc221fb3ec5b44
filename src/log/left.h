/*
 * left.h
 *		Log files that were read to their end and left.
 *
 * The server may come back to one of them, and a process that learns late of a
 * rotation or another destination may still write there.
 */
#ifndef LOG_LEFT_H
#define LOG_LEFT_H

#include "postgres.h"

#include "log/logfile.h"
#include "spool/format.h"

#define LEFT_FILES 16

typedef struct LeftFiles
{
	LogPosition end[LEFT_FILES]; /* how far they were read */
	int			next;			 /* where the next one goes */
} LeftFiles;

extern void LeftRemember(LeftFiles *left, const LogPosition *end);

/* Where a file was left that the server has come back to; NULL: it is another one. */
extern const LogPosition *LeftFind(const LeftFiles *left, const LogFile *file);

/*
 * What has been written to them since: reads it into the buffer.  "current" is what
 * the server writes to, "here" what is being read.  i counts the files, and goes to
 * -1 at their end.  Returns the bytes read of "file", which is closed again.
 */
extern ssize_t LeftRead(LeftFiles *left, int *i, const LogFile *here, const LogFile *current,
						char *buffer, size_t size, LogFile *file);

/* So many of these bytes are done with; inside: what the next one is in. */
extern void LeftConsume(LeftFiles *left, int i, size_t len, LogInside inside);

#endif /* LOG_LEFT_H */
