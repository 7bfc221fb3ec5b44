/*
 * directory.h
 *		What the files of a directory add up to.
 */
#ifndef HOST_DIRECTORY_H
#define HOST_DIRECTORY_H

#include "postgres.h"

typedef struct DirectorySize
{
	int64 bytes;
	int64 files;
} DirectorySize;

/*
 * Adds up the regular files in path and "depth" levels of folders below it.
 * Returns NULL, or what went wrong (palloc'd), and then the size is not to be
 * used: there is none of a part.  A directory that does not exist has nothing
 * in it if "may_be_missing".  Raises only what CHECK_FOR_INTERRUPTS() does.
 */
extern char *DirectoryMeasure(const char *path, int depth, bool may_be_missing,
							  DirectorySize *size);

#endif /* HOST_DIRECTORY_H */
