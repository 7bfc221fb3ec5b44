/*
 * spool.h
 *		The queue on disk between those who collect and the sender.
 *
 * <state_directory>/spool holds one file per batch, named by its sequence
 * number; see README.md in this folder.  Everything here reports trouble by
 * its result and ProblemSet(), never by an error.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "spool/body.h"
#include "spool/format.h"

/* A file of the spool, opened and checked. */
typedef struct SpoolBatch
{
	uint64		sequence;
	bool		sealed;		/* compressed: the body is what goes on the wire */
	int64		created_us; /* since 1970-01-01 UTC */
	uint64		raw_size;	/* of the JSON */
	LogPosition log;		/* see position.h */
	char	   *body;		/* malloc'ed by SpoolRead, freed by SpoolRelease */
	size_t		body_size;
} SpoolBatch;

/*
 * Creates the directories (0700), removes what a crash left half-written,
 * counts what is there, loads the counters.  Only the collector calls it, at
 * its start and in each cycle; the others wait for SpoolIsOpen.  False: the
 * state directory cannot be used (PROBLEM_STATE_DIRECTORY says why).
 */
extern bool SpoolOpen(void);

/* Has SpoolOpen succeeded since the server started? */
extern bool SpoolIsOpen(void);

/* Is it on a file system in memory, while the server's data are not? */
extern bool SpoolIsVolatile(void);

/* The path of <state_directory>[/name] in a static buffer of the caller. */
extern void SpoolPath(char *path, size_t size, const char *name);

/* A new sequence number: larger than all before, µs of now if it can be. */
extern uint64 SpoolNextSequence(void);

/* Was a batch behind this sequence number dropped or rejected, since the server started? */
extern bool SpoolLostSince(uint64 sequence);

/* ---- the writer's side, used by batch.c ---- */

typedef struct SpoolFile
{
	int			fd; /* -1: not open */
	uint64		sequence;
	uint64		body_size;
	LogPosition log;			 /* behind the entries in it; inode 0: it does not move */
	char		path[MAXPGPATH]; /* temporary name */
} SpoolFile;

extern bool SpoolFileCreate(SpoolFile *file);
extern bool SpoolFileWrite(SpoolFile *file, const char *data, size_t len);
extern bool SpoolFileTruncate(SpoolFile *file, uint64 body_size);
extern bool SpoolFileCommit(SpoolFile *file); /* makes room, fsync, moves the log's position,
												 * rename, wakes the sender */
extern void SpoolFileAbort(SpoolFile *file);

/*
 * Recovery: gives a temporary file that is whole and carries a position of the
 * log the name that a crash kept it from getting.  False: it is to be removed.
 */
extern bool SpoolAdopt(uint64 sequence, const char *path);

/* ---- the sender's side ---- */

/* The oldest sequences above "after", at most "most" of them.  Returns how many. */
extern int SpoolList(uint64 after, int most, uint64 *sequences);

/* The largest sequence present, 0: the spool is empty, or cannot be read. */
extern uint64 SpoolNewest(void);

/* At most "most" of those that are not sealed, in no order.  Returns how many. */
extern int SpoolListPlain(int most, uint64 *sequences);

typedef enum SpoolReadResult
{
	SPOOL_READ,
	SPOOL_GONE,		 /* or damaged, and moved to rejected/ */
	SPOOL_UNREADABLE /* now: it is kept, and PROBLEM_POSTPONED says why */
} SpoolReadResult;

/* Opens a batch for sending; SPOOL_READ claims it against eviction until SpoolRelease. */
extern SpoolReadResult SpoolRead(uint64 sequence, SpoolBatch *batch);
extern void			   SpoolRelease(SpoolBatch *batch);

/* All that waits has had its turn: if none was postponed since the last call, no problem is left. */
extern void SpoolNoteRound(void);

/* Replaces a plain batch by its compressed form. */
extern bool SpoolSeal(const SpoolBatch *plain, const char *gz, size_t gz_size);

/*
 * Puts two batches, of the sequences given, in the place of one that is too
 * large, and counts it as split.  All or nothing, also in a crash; false: it
 * stays, and PROBLEM_POSTPONED says why.
 */
extern bool SpoolSplit(uint64 sequence, const uint64 sequences[2], const BodyHalf halves[2]);

/* Removes a batch that has arrived; one that cannot be removed is remembered. */
extern void SpoolDelivered(uint64 sequence);

/* Has it arrived, but cannot be removed?  Then it must not be sent again. */
extern bool SpoolHasArrived(uint64 sequence);

/* How many of those there are, ARRIVED_MOST at most; tries again to remove them. */
extern int	SpoolArrived(void);
extern void SpoolRemoveArrived(void);

/* Removes the plain file of a batch that is sealed. */
extern bool SpoolRemovePlain(uint64 sequence);

/* To rejected/, which is bounded.  False: it could not be moved, and stays (PROBLEM_POSTPONED). */
extern bool SpoolReject(uint64 sequence, const char *why);

/* Drops what is older than spool_max_age, or over spool_max_size.  False: there is more, call it again. */
extern bool SpoolMakeRoom(void);

/* The smallest sequence present, 0: the spool is empty.  False: the directory cannot be read. */
extern bool SpoolPeek(uint64 *oldest);

/* The same; 0 as well if it cannot be read. */
extern uint64 SpoolOldest(void);

#endif /* SPOOL_H */
