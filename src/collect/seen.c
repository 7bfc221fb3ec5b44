/*
 * seen.c
 *		Which statements' texts have been sent: two generations of a hash table.
 */
#include "collect/seen.h"

#include <string.h>

static uint32_t
SlotOf(const SeenText *slots, uint32_t dbid, int64_t queryid)
{
	uint64_t hash = ((uint64_t) queryid ^ dbid) * UINT64_C(0x9E3779B97F4A7C15);
	uint32_t slot = (uint32_t) (hash >> 32) & (SEEN_SLOTS - 1);

	while (slots[slot].at != 0 && (slots[slot].queryid != queryid || slots[slot].dbid != dbid))
		slot = (slot + 1) & (SEEN_SLOTS - 1);
	return slot;
}

uint32_t
SeenAt(const SeenTexts *seen, uint32_t dbid, int64_t queryid)
{
	uint32_t at = seen->young[SlotOf(seen->young, dbid, queryid)].at;

	return at ? at : seen->old[SlotOf(seen->old, dbid, queryid)].at;
}

void
SeenPut(SeenTexts *seen, uint32_t dbid, int64_t queryid, uint32_t at)
{
	SeenText *slot = &seen->young[SlotOf(seen->young, dbid, queryid)];

	if (slot->at == 0 && seen->count >= SEEN_PER_GENERATION)
	{
		memcpy(seen->old, seen->young, sizeof(seen->old));
		memset(seen->young, 0, sizeof(seen->young));
		seen->count = 0;
		slot = &seen->young[SlotOf(seen->young, dbid, queryid)];
	}
	if (slot->at == 0)
		seen->count++;
	slot->queryid = queryid;
	slot->dbid = dbid;
	slot->at = at;
}
