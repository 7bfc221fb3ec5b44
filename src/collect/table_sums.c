/*
 * table_sums.c
 *		What the indexes of each table add up to.
 */
#include "collect/table_sums.h"

#include <stdlib.h>

static int
CompareOids(const void *a, const void *b)
{
	uint32_t left = ((const TableSum *) a)->oid;
	uint32_t right = ((const TableSum *) b)->oid;

	return left < right ? -1 : left > right;
}

void
TableSumsSort(TableSum *sums, int count)
{
	qsort(sums, count, sizeof(TableSum), CompareOids);
}

TableSum *
TableSumsFind(TableSum *sums, int count, uint32_t oid)
{
	TableSum wanted = {.oid = oid};

	return bsearch(&wanted, sums, count, sizeof(TableSum), CompareOids);
}

void
TableSumAddBytes(TableSum *sum, int64_t bytes)
{
	if (bytes < 0 || sum->bytes < 0)
		sum->bytes = BYTES_UNKNOWN;
	else
		sum->bytes += bytes;
}
