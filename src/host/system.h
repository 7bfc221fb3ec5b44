/*
 * system.h
 *		What the machine is and how its kernel is set up.  Pure C.
 */
#ifndef HOST_SYSTEM_H
#define HOST_SYSTEM_H

#include <stddef.h>

#include "host/fields.h"

#define SYSTEM_TEXT_SIZE 128

/* Values point into the texts. */
typedef struct SystemInfo
{
	char  os[SYSTEM_TEXT_SIZE];
	char  kernel[SYSTEM_TEXT_SIZE];
	char  machine[SYSTEM_TEXT_SIZE];
	char  cpu_model[SYSTEM_TEXT_SIZE];
	Value values[NUM_SYSTEM_FIELDS];
} SystemInfo;

/* The name in the text of /etc/os-release; empty: there is none. */
extern void OsReleaseParse(char *text, size_t length, char *os);

/* The model of the first CPU in /proc/cpuinfo; empty: there is none. */
extern void CpuModelParse(char *text, size_t length, char *cpu_model);

/* Costs some 50 µs and hardly ever changes: not for every reading. */
extern void SystemRead(SystemInfo *system);

#endif /* HOST_SYSTEM_H */
