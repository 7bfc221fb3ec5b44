/*
 * tail.h
 *		Follows the file that the server writes its log to.
 */
#ifndef LOG_TAIL_H
#define LOG_TAIL_H

#include "postgres.h"

#include "log/logfile.h"

/* A place in the log. */
typedef struct TailPlace
{
	LogFile		file;
	uint64		offset;			/* of the first byte that was not consumed */
	bool		in_line;		/* that byte is inside a line which was cut */
	int64		last_us;		/* time of the last entry, 0: unknown */
	int64		not_before_us;	/* earlier entries were read from another format's file */
} TailPlace;

/*
 * A buffer of fixed size over the file.  "here" moves while entries are consumed;
 * "kept" is where it returns to until TailCommit.  The file of "kept" stays
 * open between runs, so that its end can be read after it was rotated away
 * and even removed.
 */
typedef struct Tail
{
	bool		known;			/* kept is a place */
	TailPlace	kept;
	TailPlace	here;
	LogFile		current;		/* what the server writes to; never open */
	char		before[32];		/* the bytes before kept.offset */
	size_t		before_len;

	char	   *buffer;			/* and one byte behind it for a terminator */
	size_t		size;			/* of the buffer */
	size_t		start;			/* of what was not consumed */
	size_t		end;			/* of what was read */
} Tail;

extern void TailInit(Tail *tail);

/*
 * Goes to where the last run ended; at first to the end of the current file.
 * The buffer, in TopMemoryContext, is of buffer_size.
 */
extern bool TailBegin(Tail *tail, size_t buffer_size, LogTrouble *trouble);

/* Reads on behind what is in the buffer.  Returns the bytes read, 0 at the end, -1 with trouble. */
extern ssize_t TailRead(Tail *tail, LogTrouble *trouble);

/* Marks bytes of the buffer as done with. */
extern void TailConsume(Tail *tail, size_t len);

/* Is this the file that the server writes to? */
extern bool TailIsCurrent(const Tail *tail);

/* At the end of a file that is not: opens the one after it. */
extern bool TailNextFile(Tail *tail, LogTrouble *trouble);

/* Has the file stopped growing, for now? */
extern bool TailIsQuiet(const Tail *tail);

extern void TailCommit(Tail *tail);
extern void TailRollback(Tail *tail);

/* Closes everything and begins anew at the end of the current file. */
extern void TailForget(Tail *tail);

#endif							/* LOG_TAIL_H */
