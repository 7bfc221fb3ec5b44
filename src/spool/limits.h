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
 * Evicts, oldest first, until "needed" bytes can be written and all limits
 * kept; returns the one that cannot be.
 */
extern Limit LimitMakeRoom(uint64 needed);

#endif /* LIMITS_H */
