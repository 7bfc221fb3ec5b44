/*
 * limits.h
 *		How much the spool may hold, and for how long.
 */
#ifndef LIMITS_H
#define LIMITS_H

#include "postgres.h"

typedef enum Limit
{
	LIMIT_NONE,
	LIMIT_SIZE,
	LIMIT_AGE,
	LIMIT_FREE
} Limit;

/* The setting behind each of them. */
extern const char *const LimitSettings[];

/*
 * Evicts, oldest first, until all limits are kept with "needed" bytes more,
 * which are on the disk under a temporary name; returns the one that cannot be.
 */
extern Limit LimitMakeRoom(uint64 needed);

#endif /* LIMITS_H */
