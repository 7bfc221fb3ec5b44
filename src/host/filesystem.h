/*
 * filesystem.h
 *		The sizes of a filesystem, as df(1) understands them.  Pure C.
 */
#ifndef HOST_FILESYSTEM_H
#define HOST_FILESYSTEM_H

#include <sys/statvfs.h>

#include "host/fields.h"

/* Sets what is known: a filesystem may have no blocks (proc) or no number of inodes (btrfs). */
extern void FilesystemSizes(const struct statvfs *statistics, Value *filesystem);

#endif /* HOST_FILESYSTEM_H */
