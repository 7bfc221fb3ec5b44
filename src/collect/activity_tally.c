/*
 * activity_tally.c
 *		How often the backends were seen doing what.
 *
 * Open addressing with linear probing, never more than half full.  Nothing is
 * ever taken out but all of it.
 */
#include "collect/activity_tally.h"

#include <stdbool.h>
#include <string.h>

#define TEXT_SIZE (ACTIVITY_NAME_SIZE + ACTIVITY_WORKER_SIZE)

_Static_assert(sizeof(ActivityKey) == offsetof(ActivityKey, application) + TEXT_SIZE,
			   "a key has padding, which memcmp would compare");
_Static_assert(offsetof(ActivityKey, application) % sizeof(uint64_t) == 0 &&
				   ACTIVITY_NAME_SIZE % sizeof(uint64_t) == 0 &&
				   ACTIVITY_WORKER_SIZE % sizeof(uint64_t) == 0,
			   "a key is not hashed by words");
_Static_assert(ACTIVITY_SLOTS >= 2 * ACTIVITY_MAX_KEYS &&
				   (ACTIVITY_SLOTS & (ACTIVITY_SLOTS - 1)) == 0 && ACTIVITY_MAX_KEYS < UINT16_MAX,
			   "the slots do not fit the keys");

void
ActivityKeyClear(ActivityKey *key)
{
	memset(key, 0, sizeof(*key));
}

void
ActivityKeySetText(char *field, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	memcpy(field, text, len);
}

/* Mixes size bytes in by words; stop_at_zero: up to the end of a text. */
static uint64_t
Mix(uint64_t hash, const void *data, size_t size, bool stop_at_zero)
{
	const char *p = data;

	for (size_t i = 0; i < size; i += sizeof(uint64_t))
	{
		uint64_t word;

		memcpy(&word, p + i, sizeof(word));
		if (word == 0 && stop_at_zero)
			break;
		hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
		hash ^= hash >> 32;
	}
	return hash;
}

static uint64_t
Hash(const ActivityKey *key)
{
	uint64_t hash = Mix(1, key, offsetof(ActivityKey, application), false);

	hash = Mix(hash, key->application, sizeof(key->application), true);
	return Mix(hash, key->worker, sizeof(key->worker), true);
}

void
ActivityTallyAdd(ActivityTally *tally, const ActivityKey *key)
{
	uint64_t	   slot = Hash(key) % ACTIVITY_SLOTS;
	ActivityCount *count;

	for (; tally->slots[slot] != 0; slot = (slot + 1) % ACTIVITY_SLOTS)
	{
		count = &tally->counts[tally->slots[slot] - 1];
		if (memcmp(&count->key, key, sizeof(*key)) == 0)
		{
			count->count++;
			return;
		}
	}
	if (tally->used == ACTIVITY_MAX_KEYS)
	{
		tally->other++;
		return;
	}
	count = &tally->counts[tally->used++];
	count->key = *key;
	count->count = 1;
	tally->slots[slot] = (uint16_t) tally->used;
}

void
ActivityTallyReset(ActivityTally *tally)
{
	tally->samples = 0;
	tally->other = 0;
	tally->used = 0;
	memset(tally->slots, 0, sizeof(tally->slots));
}
