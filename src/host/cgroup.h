/*
 * cgroup.h
 *		The control group that the server runs in, and its limits.  Pure C.
 */
#ifndef HOST_CGROUP_H
#define HOST_CGROUP_H

#include <stddef.h>

#include "host/fields.h"
#include "host/mounts.h"

typedef enum CgroupController
{
	CGROUP_MEMORY,
	CGROUP_CPU,
	CGROUP_CPUACCT,
	CGROUP_CPUSET,
	CGROUP_PIDS,
	NUM_CGROUP_CONTROLLERS
} CgroupController;

#define CGROUP_PATH_SIZE 1024

/* Where the files of one controller are. */
typedef struct CgroupPlace
{
	int	   version;				   /* 1 or 2; 0: they are not in sight */
	size_t top;					   /* length of the part of path that leads to the topmost group */
	char   path[CGROUP_PATH_SIZE]; /* of the directory */
} CgroupPlace;

typedef struct Cgroup
{
	int			version; /* 0: there are no control groups */
	CgroupPlace places[NUM_CGROUP_CONTROLLERS];
} Cgroup;

/* Finds the directories by the text of /proc/self/cgroup and the mount table. */
extern void CgroupFind(char *text, size_t length, const MountTable *mounts, Cgroup *cgroup);

/*
 * Reads the files; "pressure" has NUM_PRESSURE_FIELDS rows of its own.  What is
 * not there, or is no number, stays unknown.
 */
extern void CgroupRead(const Cgroup *cgroup, Value *values, Value *const *pressure);

#endif /* HOST_CGROUP_H */
