/*
 * table_sums.h
 *		What the indexes of each table add up to.
 *
 * Indexes are read in one pass, in whatever order they come, and each adds to
 * its table.  To do that in SQL takes a sort or a hash of all indexes, twice.
 * 56 bytes a table.  Pure C: memory comes from the caller.
 */
#ifndef TABLE_SUMS_H
#define TABLE_SUMS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct TableSum
{
	uint32_t oid;
	uint32_t indexes; /* how many were added */
	int64_t	 scans;
	int64_t	 fetched;
	int64_t	 read; /* blocks */
	int64_t	 hit;
	int64_t	 last_scan; /* 0: never */
	int64_t	 bytes;		/* below 0: not known */
} TableSum;

#define BYTES_UNKNOWN (-1)

/* To be called once all tables are there, with oids only. */
extern void TableSumsSort(TableSum *sums, int count);

/* NULL: there is no such table. */
extern TableSum *TableSumsFind(TableSum *sums, int count, uint32_t oid);

/* Adds a size; one that is not known makes the sum unknown. */
extern void TableSumAddBytes(TableSum *sum, int64_t bytes);

#endif /* TABLE_SUMS_H */
