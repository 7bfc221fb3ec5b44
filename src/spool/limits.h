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
 * Where much has to go, some of it is left to the next call: then there is no
 * more in the spool, "needed" included, than before.
 */
extern Limit LimitMakeRoom(uint64 needed);

#endif /* LIMITS_H */
