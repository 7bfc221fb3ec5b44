/*
 * published.h
 *		A value in shared memory that is seldom changed and often read, by whoever
 *		holds whatever lock: readers take none.
 *
 * The generation is odd while the value is being written, and a copy counts
 * only if the generation was the same, and even, before and after.  Writers
 * hold Shared->lock exclusively, so that there is one at a time.
 */
#ifndef PUBLISHED_H
#define PUBLISHED_H

#include "postgres.h"

#include "port/atomics.h"

static inline void
PublishBegin(pg_atomic_uint32 *generation)
{
	pg_atomic_fetch_add_u32(generation, 1);
	pg_write_barrier();
}

static inline void
PublishEnd(pg_atomic_uint32 *generation)
{
	pg_write_barrier();
	pg_atomic_fetch_add_u32(generation, 1);
}

/*
 * Brings a copy up to date; *seen is its generation.  While somebody writes,
 * the copy stays as it is and is brought up to date the next time.
 */
static inline void
PublishedCopy(pg_atomic_uint32 *generation, uint32 *seen, void *copy, void *scratch,
			  const void *value, size_t size)
{
	uint32 before = pg_atomic_read_u32(generation);

	if (before == *seen || (before & 1) != 0)
		return;
	pg_read_barrier();
	memcpy(scratch, value, size);
	pg_read_barrier();
	if (pg_atomic_read_u32(generation) != before)
		return;
	memcpy(copy, scratch, size);
	*seen = before;
}

#endif /* PUBLISHED_H */
