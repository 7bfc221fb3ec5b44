/*
 * disk_filesystems.h
 *		The filesystems of a machine, those that the server writes to first.
 */
#ifndef HOST_DISK_FILESYSTEMS_H
#define HOST_DISK_FILESYSTEMS_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "base/json.h"
#include "host/mounts.h"
#include "spool/batch.h"

typedef struct Filesystems
{
	Batch	  *batch; /* for what cannot be read */
	MountTable mounts;
	List	  *list;	 /* of Filesystem */
	List	  *unlisted; /* of Mount: that the table does not have */
} Filesystems;

/* Reads the mount table. */
extern void FilesystemsRead(Filesystems *all, Batch *batch);

/* Finds the filesystem on which path lies and notes what it is for; "needed" as in mounts.h. */
extern void FilesystemsAddPlace(Filesystems *all, char *purpose, const char *path, bool needed,
								MountedPath *place);

/* Other disks of the machine; one row a device, however often it is mounted. */
extern void FilesystemsAddOthers(Filesystems *all);

extern void FilesystemsWrite(const Filesystems *all, JsonWriter *writer);

/* Is the text in a list of C strings? */
extern bool ListHasText(List *texts, const char *text);

#endif /* HOST_DISK_FILESYSTEMS_H */
