/*
 * mounts.h
 *		/proc/self/mountinfo, and on which mount a path lies.
 *
 * Asking a filesystem whose server is gone puts the process to sleep until it
 * comes back, and no signal helps.  So it is found out from the text of the
 * mount table which mounts a path passes through, before any call touches one.
 * Pure C.
 */
#ifndef HOST_MOUNTS_H
#define HOST_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

/* No path is longer than this, links followed. */
#define MOUNT_PATH_SIZE 4096

typedef struct Mount
{
	int			 id;
	int			 parent;
	unsigned int major;
	unsigned int minor;
	const char	*root;	/* what of the filesystem is mounted, "/" unless a part of it */
	const char	*point; /* where */
	size_t		 point_length;
	const char	*device;
	const char	*fstype;
	const char	*options; /* of the filesystem, comma-separated; not NUL-terminated */
	size_t		 options_length;
	bool		 remote; /* asking may hang: network filesystems, FUSE, autofs */
	bool		 needed; /* the server depends on it: asking is no new risk */
} Mount;

typedef struct MountTable
{
	Mount *mounts;
	int	   capacity;
	int	   count;
	int	   left_out; /* did not fit */
} MountTable;

/* Fills the table; its texts point into "text", where escapes are decoded in place. */
extern void MountsParse(char *text, size_t length, MountTable *table);

/* Where a path leads. */
typedef struct MountedPath
{
	Mount *mount;	/* NULL: not known */
	bool   may_ask; /* no call on it can hang where the server does not hang as well */
	char   path[MOUNT_PATH_SIZE]; /* links followed as far as may be */
} MountedPath;

/*
 * Follows an absolute path, its symbolic links included.  needed: the server
 * cannot work without the path, so it and all mounts on the way may be asked,
 * from now on.  Else no link is read that lies on or behind a remote mount.
 */
extern void MountFollow(MountTable *table, const char *path, bool needed, MountedPath *result);

/* The mount that is visible at a mount point; may_ask as above. */
extern Mount *MountAt(const MountTable *table, const char *path, bool *may_ask);

/* The innermost mount above path with this device number; NULL: none. */
extern Mount *MountOfDevice(const MountTable *table, const char *path, unsigned int major,
							unsigned int minor);

/* Does it make sense to show a filesystem that holds nothing of the server? */
extern bool MountIsLocalDisk(const Mount *mount);

#endif /* HOST_MOUNTS_H */
