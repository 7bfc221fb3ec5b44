/*
 * tail.h
 *		Follows the file that the server writes its log to.
 */
#ifndef LOG_TAIL_H
#define LOG_TAIL_H

#include "postgres.h"

#include "log/left.h"
#include "log/logfile.h"
#include "log/tail_place.h"

/* How many changes of destination are remembered while an older file is read. */
#define TAIL_AHEAD_FILES 8

/*
 * A buffer of fixed size over the file.  "here" moves while entries are consumed;
 * "kept" is where it returns to until TailCommit.  The file of "kept" stays
 * open between runs, so that its end can be read after it was rotated away
 * and even removed.
 */
typedef struct Tail
{
	bool	  known;   /* kept is a place */
	bool	  unsaved; /* kept could not be written to disk */
	TailPlace kept;
	TailPlace here;
	LogFile	  current;		/* what the server writes to; never open */
	time_t	  format_since; /* its format is what it is */
	LogFile	  opened;		/* the same, open while TailBegin looks for the place */
	char	  before[32];	/* the bytes before kept.offset */
	size_t	  before_len;
	uint64	  seen_size;  /* of kept's file, by the last run */
	uint64	  lost_bytes; /* that were seen and are gone, found since the last commit */
	char	  lost[512];  /* what happened to them, "": nothing */
	bool	  loss_told;  /* by the batch that was committed last */

	LogFile	  ahead[TAIL_AHEAD_FILES]; /* were current before "current" was */
	int		  num_ahead;
	LeftFiles left;		 /* of this run */
	LeftFiles kept_left; /* as of the last commit */

	char  *buffer; /* and one byte behind it for a terminator */
	size_t size;   /* of the buffer */
	size_t start;  /* of what was not consumed */
	size_t end;	   /* of what was read */
} Tail;

extern void TailInit(Tail *tail);

/*
 * Goes to where the last run ended; at first to the end of the current file.
 * The buffer, in TopMemoryContext, is of buffer_size.  True can come with
 * trouble: the file was moved away and is still written to.
 */
extern bool TailBegin(Tail *tail, size_t buffer_size, LogTrouble *trouble);

/* Reads on behind what is in the buffer.  Returns the bytes read, 0 at the end, -1 with trouble. */
extern ssize_t TailRead(Tail *tail, LogTrouble *trouble);

/* Marks bytes of the buffer as done with. */
extern void TailConsume(Tail *tail, size_t len);

/* The place as it is kept on disk. */
extern LogPosition TailPosition(Tail *tail);

/* Is this the file that the server writes to? */
extern bool TailIsCurrent(const Tail *tail);

/* At the end of a file that is not: is it time for the next one? */
extern bool TailIsOver(const Tail *tail);

/* Is it written to nevertheless, beside the current one? */
extern bool TailIsWritten(const Tail *tail);

/* Then: opens the one after it. */
extern bool TailNextFile(Tail *tail, LogTrouble *trouble);

/* Has the file stopped growing, for now? */
extern bool TailIsQuiet(const Tail *tail);

/* Is the file about to be removed or written over, so that its entries cannot wait? */
extern bool TailIsGoing(const Tail *tail);

/* Bytes of this file that were not consumed. */
extern uint64 TailBacklog(const Tail *tail);

extern void TailCommit(Tail *tail);
extern void TailRollback(Tail *tail);

/* Closes everything and begins anew at the end of the current file. */
extern void TailForget(Tail *tail);

#endif /* LOG_TAIL_H */
