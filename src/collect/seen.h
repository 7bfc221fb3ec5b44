/*
 * seen.h
 *		Which statements' texts have been sent, and when.
 *
 * Two generations of 5,000 each: when the young one is full it becomes the old
 * one, and what was old is forgotten (and sent once more when it comes up
 * again).  262 kB, however many statements there are.  Pure C.
 */
#ifndef SEEN_H
#define SEEN_H

#include <stdbool.h>
#include <stdint.h>

#define SEEN_PER_GENERATION 5000
#define SEEN_SLOTS 8192 /* a power of two */

/* A text belongs to a query id in a database: ids of different databases may be the same. */
typedef struct SeenText
{
	int64_t	 queryid;
	uint32_t dbid;
	uint32_t at; /* seconds since some time in the past, 0: free */
} SeenText;

typedef struct SeenTexts
{
	int		 count; /* of the young */
	SeenText young[SEEN_SLOTS];
	SeenText old[SEEN_SLOTS];
} SeenTexts;

/* Begins as zeroes. */

/* When it was sent last; 0: never, or that is forgotten. */
extern uint32_t SeenAt(const SeenTexts *seen, uint32_t dbid, int64_t queryid);

extern void SeenPut(SeenTexts *seen, uint32_t dbid, int64_t queryid, uint32_t at);

#endif /* SEEN_H */
