/*
 * memory.c
 *		/proc/meminfo.
 */
#include "host/memory.h"

#include "host/keyed.h"

/* The lines that are used. */
enum
{
	KEY_MEM_TOTAL,
	KEY_MEM_FREE,
	KEY_MEM_AVAILABLE,
	KEY_BUFFERS,
	KEY_CACHED,
	KEY_RECLAIMABLE,
	KEY_DIRTY,
	KEY_SHMEM,
	KEY_SWAP_TOTAL,
	KEY_SWAP_FREE,
	KEY_HUGE_TOTAL,
	KEY_HUGE_FREE,
	KEY_HUGE_SIZE,
	KEY_ANON_HUGE,
	KEY_ANON,
	KEY_MAPPED,
	KEY_ACTIVE,
	KEY_INACTIVE,
	KEY_WRITEBACK,
	KEY_SLAB,
	KEY_PAGE_TABLES,
	KEY_COMMITTED,
	KEY_COMMIT_LIMIT,
	NUM_KEYS
};

static const KeyedField Keys[] = {
	{"MemTotal:", KEY_MEM_TOTAL, 1},
	{"MemFree:", KEY_MEM_FREE, 1},
	{"MemAvailable:", KEY_MEM_AVAILABLE, 1},
	{"Buffers:", KEY_BUFFERS, 1},
	{"Cached:", KEY_CACHED, 1},
	{"SReclaimable:", KEY_RECLAIMABLE, 1},
	{"Dirty:", KEY_DIRTY, 1},
	{"Shmem:", KEY_SHMEM, 1},
	{"SwapTotal:", KEY_SWAP_TOTAL, 1},
	{"SwapFree:", KEY_SWAP_FREE, 1},
	{"HugePages_Total:", KEY_HUGE_TOTAL, 1},
	{"HugePages_Free:", KEY_HUGE_FREE, 1},
	{"Hugepagesize:", KEY_HUGE_SIZE, 1},
	{"AnonHugePages:", KEY_ANON_HUGE, 1},
	{"AnonPages:", KEY_ANON, 1},
	{"Mapped:", KEY_MAPPED, 1},
	{"Active:", KEY_ACTIVE, 1},
	{"Inactive:", KEY_INACTIVE, 1},
	{"Writeback:", KEY_WRITEBACK, 1},
	{"Slab:", KEY_SLAB, 1},
	{"PageTables:", KEY_PAGE_TABLES, 1},
	{"Committed_AS:", KEY_COMMITTED, 1},
	{"CommitLimit:", KEY_COMMIT_LIMIT, 1},
};

#define NONE (-1)
#define KB_PER_MB 1024

/* Field = (key + plus - minus) / divisor. */
static const struct
{
	int field;
	int key;
	int plus;
	int minus;
	int divisor;
} Formulas[] = {
	{MEMORY_FIELD_TOTAL, KEY_MEM_TOTAL, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_USED, KEY_MEM_TOTAL, NONE, KEY_MEM_AVAILABLE, KB_PER_MB},
	{MEMORY_FIELD_CACHED, KEY_CACHED, KEY_RECLAIMABLE, NONE, KB_PER_MB},
	{MEMORY_FIELD_FREE, KEY_MEM_FREE, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_AVAILABLE, KEY_MEM_AVAILABLE, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_BUFFERS, KEY_BUFFERS, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_DIRTY, KEY_DIRTY, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_SHARED, KEY_SHMEM, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_SWAP_TOTAL, KEY_SWAP_TOTAL, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_SWAP_USED, KEY_SWAP_TOTAL, NONE, KEY_SWAP_FREE, KB_PER_MB},
	{MEMORY_FIELD_HUGE_PAGES_TOTAL, KEY_HUGE_TOTAL, NONE, NONE, 1},
	{MEMORY_FIELD_HUGE_PAGES_FREE, KEY_HUGE_FREE, NONE, NONE, 1},
	{MEMORY_FIELD_HUGE_PAGE_SIZE, KEY_HUGE_SIZE, NONE, NONE, 1},
	{MEMORY_FIELD_ANON_HUGE_PAGES, KEY_ANON_HUGE, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_ANON, KEY_ANON, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_MAPPED, KEY_MAPPED, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_ACTIVE, KEY_ACTIVE, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_INACTIVE, KEY_INACTIVE, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_WRITEBACK, KEY_WRITEBACK, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_SLAB, KEY_SLAB, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_PAGE_TABLES, KEY_PAGE_TABLES, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_COMMITTED, KEY_COMMITTED, NONE, NONE, KB_PER_MB},
	{MEMORY_FIELD_COMMIT_LIMIT, KEY_COMMIT_LIMIT, NONE, NONE, KB_PER_MB},
};

/* The result of one formula; false when a part of it is missing or makes no sense. */
static bool
Evaluate(const Value *keys, int key, int plus, int minus, int64_t *result)
{
	if (!keys[key].known || (plus != NONE && !keys[plus].known) ||
		(minus != NONE && !keys[minus].known))
		return false;
	*result = keys[key].i;
	if (plus != NONE && __builtin_add_overflow(*result, keys[plus].i, result))
		return false;
	if (minus != NONE)
		*result -= keys[minus].i;
	return *result >= 0;
}

void
MemoryParse(char *text, size_t length, Value *memory)
{
	Value	keys[NUM_KEYS] = {0};
	int64_t result;

	KeyedParse(text, length, Keys, LENGTH(Keys), keys);
	for (int i = 0; i < LENGTH(Formulas); i++)
	{
		if (Evaluate(keys, Formulas[i].key, Formulas[i].plus, Formulas[i].minus, &result))
			ValueSetInt(&memory[Formulas[i].field], result / Formulas[i].divisor);
	}
}
