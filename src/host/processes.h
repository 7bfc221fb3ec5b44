/*
 * processes.h
 *		The server's own processes, from /proc/PID.  Pure C.
 *
 * Nothing here waits for a lock of the process looked at: no cmdline, no maps;
 * smaps_rollup only where it was asked for.
 */
#ifndef HOST_PROCESSES_H
#define HOST_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>

#include "host/fields.h"

typedef struct Process
{
	int		pid;
	bool	gone;		 /* it ended before it was read */
	bool	shown;		 /* in the list of those with most */
	char	state[2];	 /* "S" */
	int64_t started;	 /* clock ticks since the machine started */
	int64_t ticks;		 /* CPU time of its own */
	int64_t child_ticks; /* of its children that have ended */
	int64_t growth;		 /* of ticks since the previous reading */
	int64_t major_faults;
	int64_t resident; /* pages, -1: not known */
	int64_t shared;	  /* part of resident */
} Process;

/* What the CPU time of the next reading is compared with. */
#define MAX_REMEMBERED_PROCESSES 1024

typedef struct ProcessMemory
{
	int	   count;
	bool   full;		/* there were more */
	double cpu_seconds; /* of the whole server, never decreasing */
	struct
	{
		int		pid;
		int64_t started;
		int64_t ticks;
	} processes[MAX_REMEMBERED_PROCESSES];
} ProcessMemory;

/*
 * Reads process ids from the text of /proc/PID/task/PID/children.  Returns how
 * many there are, of which the first "capacity" are set.
 */
extern int ChildrenParse(char *text, size_t length, Process *processes, int capacity);

/* Sets what /proc/PID/stat tells; false: it makes no sense. */
extern bool ProcessStatParse(char *text, size_t length, Process *process);

/* Does our own shared memory lie in huge pages?  Then smaps_rollup is cheap. */
extern bool SharedMemoryIsInHugePages(void);

/*
 * Reads the processes, of which the first is the postmaster and the others its
 * children, and sets the fields of "postgres" and rows for "top".  "memory" is
 * what was read the last time and becomes what was read now.
 */
extern void ProcessesRead(Process *processes, int count, bool with_pss, ProcessMemory *memory,
						  Value *postgres, Rows *top);

#endif /* HOST_PROCESSES_H */
