/*
 * statefile.h
 *		Small files in the state directory that are replaced as a whole.
 */
#ifndef STATEFILE_H
#define STATEFILE_H

#include "postgres.h"

/* The path of <state_directory>/name into a buffer of MAXPGPATH. */
extern void StateFilePath(char *path, const char *name);

/* Forces <state_directory>[/name] to disk, which holds the names of files. */
extern bool StateFolderSync(const char *name);

/*
 * Replaces the file, mode 0600: whoever looks sees the old one or the new one,
 * also after a crash of the machine if it is to be forced to disk (sync).
 * False: errno says why.
 */
extern bool StateFileReplace(const char *name, const void *data, size_t size, bool sync);

/* The same, forced to disk; false: error says why. */
extern bool StateFileWrite(const char *name, const char *data, size_t size, char *error,
						   size_t error_size);

/*
 * Reads a file of at most "most" bytes; a NUL follows what was read, so the
 * buffer has room for one more.  Symbolic links are not followed, and a file
 * that belongs to somebody else, or that others can read, is not taken.
 * Returns its length, -1: there is none (error is ""), or it cannot be used.
 */
extern ssize_t StateFileRead(const char *name, char *buffer, size_t most, char *error,
							 size_t error_size);

/* Removes it; one that is not there is fine. */
extern bool StateFileRemove(const char *name);

/*
 * Opens a new file, mode 0600, for writing; whatever has that name (left by a
 * crash, a link, a FIFO) is removed first.  Less than 0: errno says why.
 */
extern int StateFileCreate(const char *path);

/* write(2) until all is written; false: errno says why. */
extern bool WriteAll(int fd, const void *data, size_t size);

#endif /* STATEFILE_H */
