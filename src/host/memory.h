/*
 * memory.h
 *		/proc/meminfo.  Pure C.
 */
#ifndef HOST_MEMORY_H
#define HOST_MEMORY_H

#include <stddef.h>

#include "host/fields.h"

extern void MemoryParse(char *text, size_t length, Value *memory);

#endif /* HOST_MEMORY_H */
