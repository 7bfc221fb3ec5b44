/*
 * growth.c
 *		The totals of the last cycle, and a heap of the statements that grew most.
 */
#include "collect/growth.h"

#include <stdlib.h>
#include <string.h>

/* ---- totals ---- */

/* At most four fifths full. */
static uint32_t
SlotsFor(uint32_t limit)
{
	uint32_t slots = 16;

	while (slots / 5 * 4 < limit && slots < UINT32_C(1) << 31)
		slots *= 2;
	return slots;
}

size_t
StatementTableSize(uint32_t limit)
{
	return offsetof(StatementTable, slots) + sizeof(StatementTotals) * (size_t) SlotsFor(limit);
}

void
StatementTableInit(StatementTable *table, uint32_t limit)
{
	table->limit = limit;
	table->count = 0;
	table->mask = SlotsFor(limit) - 1;
}

static uint32_t
Hash(const StatementTotals *key)
{
	uint64_t hash = (uint64_t) key->queryid;

	hash ^= ((uint64_t) key->dbid << 32 | key->userid) * UINT64_C(0x9E3779B97F4A7C15);
	hash += key->toplevel;
	hash = (hash ^ (hash >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	hash = (hash ^ (hash >> 27)) * UINT64_C(0x94D049BB133111EB);
	return (uint32_t) (hash ^ (hash >> 31));
}

static bool
IsSameStatement(const StatementTotals *a, const StatementTotals *b)
{
	return a->queryid == b->queryid && a->userid == b->userid && a->dbid == b->dbid &&
		a->toplevel == b->toplevel;
}

/* Its slot, or the free one where it belongs. */
static uint32_t
SlotOf(const StatementTable *table, const StatementTotals *key)
{
	uint32_t slot = Hash(key) & table->mask;

	while (table->slots[slot].used && !IsSameStatement(&table->slots[slot], key))
		slot = (slot + 1) & table->mask;
	return slot;
}

bool
StatementTablePut(StatementTable *table, const StatementTotals *totals)
{
	StatementTotals *slot = &table->slots[SlotOf(table, totals)];

	if (!slot->used)
	{
		if (table->count >= table->limit)
			return false;
		table->count++;
	}
	*slot = *totals;
	slot->used = true;
	return true;
}

const StatementTotals *
StatementTableFind(const StatementTable *table, const StatementTotals *totals)
{
	const StatementTotals *slot;

	if (table == NULL)
		return NULL;
	slot = &table->slots[SlotOf(table, totals)];
	return slot->used ? slot : NULL;
}

/* ---- growth ---- */

Growth
StatementGrowth(const StatementTotals *before, const StatementTotals *now)
{
	Growth growth = {now->time, now->calls, now->time};

	if (before && before->since == now->since && before->calls <= now->calls &&
		before->time <= now->time)
	{
		growth.time -= before->time;
		growth.calls -= before->calls;
	}
	return growth;
}

int
GrowthCompare(const Growth *a, const Growth *b)
{
	if (a->time != b->time)
		return a->time > b->time ? 1 : -1;
	if (a->calls != b->calls)
		return a->calls > b->calls ? 1 : -1;
	if (a->total != b->total)
		return a->total > b->total ? 1 : -1;
	return 0;
}

/* ---- ranking ---- */

static void
SiftUp(Ranked *heap, int at)
{
	Ranked moving = heap[at];

	while (at > 0 && GrowthCompare(&moving.growth, &heap[(at - 1) / 2].growth) < 0)
	{
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = moving;
}

static void
SiftDown(Ranked *heap, int count, int at)
{
	Ranked moving = heap[at];

	for (;;)
	{
		int child = 2 * at + 1;

		if (child + 1 < count && GrowthCompare(&heap[child + 1].growth, &heap[child].growth) < 0)
			child++;
		if (child >= count || GrowthCompare(&moving.growth, &heap[child].growth) <= 0)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moving;
}

void *
RankingOffer(Ranked *heap, int *count, int room, Ranked candidate)
{
	void *least;

	if (*count < room)
	{
		heap[*count] = candidate;
		SiftUp(heap, (*count)++);
		return NULL;
	}
	if (room == 0 || GrowthCompare(&candidate.growth, &heap[0].growth) <= 0)
		return candidate.row;
	least = heap[0].row;
	heap[0] = candidate;
	SiftDown(heap, *count, 0);
	return least;
}

static int
CompareRanked(const void *a, const void *b)
{
	return -GrowthCompare(&((const Ranked *) a)->growth, &((const Ranked *) b)->growth);
}

void
RankingSort(Ranked *heap, int count)
{
	qsort(heap, count, sizeof(Ranked), CompareRanked);
}
