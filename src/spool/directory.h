/*
 * directory.h
 *		What the files of this folder share: names, listing, accounting.
 */
#ifndef DIRECTORY_H
#define DIRECTORY_H

#include "postgres.h"

#include "storage/fd.h"

#include "spool/format.h"

#define PLAIN_SUFFIX ".plain"
#define SEALED_SUFFIX ".batch"
#define HALF_SUFFIX ".tmp.half" /* of a batch that is being split */

typedef enum FileKind
{
	FILE_OTHER,
	FILE_PLAIN,
	FILE_SEALED,
	FILE_TEMPORARY
} FileKind;

/* The path of a batch's file into a buffer of MAXPGPATH; folder is "spool" or "rejected". */
extern void SpoolSequencePath(char *path, const char *folder, uint64 sequence, const char *suffix);
extern FileKind SpoolParseName(const char *name, uint64 *sequence);

/* The process that writes a FILE_TEMPORARY, 0: it is a half. */
extern pid_t SpoolWriterOf(const char *name);

/* µs since 1970 */
extern uint64 SpoolNow(void);

/* Opens <state_directory>/folder; its path goes into a buffer of MAXPGPATH. */
extern DIR *SpoolOpenFolder(const char *folder, char *path);

extern void SpoolAccountAdded(uint64 sequence, uint64 size);
extern void SpoolAccountRemoved(uint64 sequence, uint64 size);
extern void SpoolAccountBytes(uint64 size);

/* No sequence number up to this one is given out any more. */
extern void SpoolRaiseSequence(uint64 at_least);

/* Tells of a batch that is kept though it cannot be sent, or moved away, now. */
extern void SpoolPostpone(uint64 sequence, int code, const char *trouble);

/* What a person can do about an errno met in the state directory. */
extern const char *SpoolRemedy(int code);

/* Is the directory itself the trouble, so that SpoolOpen meets it as well? */
extern bool SpoolDirectoryIsTrouble(int code);

/* 1 ms, for another process that is about to finish; not more often than SPOOL_PAUSES in a row. */
#define SPOOL_PAUSES 1000
extern void SpoolPause(void);

/* Removes the file(s) of a batch; true if this process is the one who did. */
extern bool SpoolRemove(uint64 sequence);

/* The same, to keep a limit, and counts it as dropped. */
extern bool SpoolDrop(uint64 sequence);

/* Makes a file of a sequence that is given, as a whole; false, with errno: nothing is left of it. */
extern bool SpoolWriteWhole(uint64 sequence, BatchHeader *header, const char *suffix,
							const char *body, size_t size);

/* After a crash: what a server was about to do with a batch that it had counted. */
extern void SpoolFinishRejecting(uint64 sequence);
/* True: both have their names, now or already; false: errno says why not. */
extern bool SpoolNameHalves(const uint64 sequences[2]);

#endif /* DIRECTORY_H */
