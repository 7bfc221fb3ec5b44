/*
 * growth.h
 *		What statements did since the last cycle, and the ones that did most.
 *
 * Counters of pg_stat_statements only tell what happened since some time in
 * the past.  To rank by what happened lately, the totals of the last cycle are
 * kept, 48 bytes a statement.  Pure C: memory comes from the caller.
 */
#ifndef GROWTH_H
#define GROWTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A statement is told from others by the first four. */
typedef struct StatementTotals
{
	int64_t	 queryid;
	uint32_t userid;
	uint32_t dbid;
	bool	 toplevel;
	bool	 used; /* of a slot of the table */
	double	 time; /* planning and execution, ms */
	int64_t	 calls;
	int64_t	 since; /* when counting began; 0: not known */
} StatementTotals;

/* A hash table without deletion: each cycle fills a new one. */
typedef struct StatementTable
{
	uint32_t		limit; /* most statements */
	uint32_t		count;
	uint32_t		mask; /* number of slots, a power of two, less 1 */
	StatementTotals slots[];
} StatementTable;

/* Bytes of a table for so many statements; Init gets them zeroed. */
extern size_t StatementTableSize(uint32_t limit);
extern void	  StatementTableInit(StatementTable *table, uint32_t limit);

/* False: it is full. */
extern bool StatementTablePut(StatementTable *table, const StatementTotals *totals);

/* NULL: not there; table may be NULL. */
extern const StatementTotals *StatementTableFind(const StatementTable  *table,
												 const StatementTotals *totals);

typedef struct Growth
{
	double	time;
	int64_t calls;
	double	total; /* time in all: where nothing happened the largest come first */
} Growth;

/*
 * before NULL: it is new.  A statement whose counters went back, or began
 * later, was evicted or reset in between: it is new, too.
 */
extern Growth StatementGrowth(const StatementTotals *before, const StatementTotals *now);

/* Above 0: a did more than b. */
extern int GrowthCompare(const Growth *a, const Growth *b);

/* The best so far: a heap whose root did least. */
typedef struct Ranked
{
	Growth growth;
	void  *row;
} Ranked;

/*
 * Puts it in if there is room, else in the place of the least, whose row is
 * returned; returns its own row when it did less than all of them.
 */
extern void *RankingOffer(Ranked *heap, int *count, int room, Ranked candidate);

/* From the most to the least; it is no heap afterwards. */
extern void RankingSort(Ranked *heap, int count);

#endif /* GROWTH_H */
