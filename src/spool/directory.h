/*
 * directory.h
 *		What the files of this folder share: names, listing, accounting.
 */
#ifndef DIRECTORY_H
#define DIRECTORY_H

#include "postgres.h"

#include "storage/fd.h"

#define PLAIN_SUFFIX ".plain"
#define SEALED_SUFFIX ".batch"

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

/* The process that writes a FILE_TEMPORARY. */
extern pid_t SpoolWriterOf(const char *name);

/* µs since 1970 */
extern uint64 SpoolNow(void);

/* Opens <state_directory>/folder; its path goes into a buffer of MAXPGPATH. */
extern DIR *SpoolOpenFolder(const char *folder, char *path);

extern void SpoolAccountAdded(uint64 sequence, uint64 size);
extern void SpoolAccountRemoved(uint64 sequence, uint64 size);
extern void SpoolAccountBytes(uint64 size);

/* Removes the file(s) of a batch; true if this process is the one who did. */
extern bool SpoolRemove(uint64 sequence);

#endif							/* DIRECTORY_H */
