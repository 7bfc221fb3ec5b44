/*
 * memory.c
 *		/proc/meminfo.
 */
#include "host/memory.h"

#include "host/proc.h"

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
	NUM_KEYS
};

static const char *const Keys[NUM_KEYS] = {
	[KEY_MEM_TOTAL] = "MemTotal:",
	[KEY_MEM_FREE] = "MemFree:",
	[KEY_MEM_AVAILABLE] = "MemAvailable:",
	[KEY_BUFFERS] = "Buffers:",
	[KEY_CACHED] = "Cached:",
	[KEY_RECLAIMABLE] = "SReclaimable:",
	[KEY_DIRTY] = "Dirty:",
	[KEY_SHMEM] = "Shmem:",
	[KEY_SWAP_TOTAL] = "SwapTotal:",
	[KEY_SWAP_FREE] = "SwapFree:",
	[KEY_HUGE_TOTAL] = "HugePages_Total:",
	[KEY_HUGE_FREE] = "HugePages_Free:",
};

#define NONE (-1)
#define KB_PER_MB 1024

/* Field = (key + plus - minus) / divisor. */
static const struct
{
	int			field;
	int			key;
	int			plus;
	int			minus;
	int			divisor;
}			Formulas[] = {
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
};

#define NUM_FORMULAS ((int) (sizeof(Formulas) / sizeof(Formulas[0])))

static void
ParseLine(Span line, Value *keys)
{
	Span		name;
	Span		word;
	int64_t		value;

	if (!SpanWord(&line, &name) || !SpanWord(&line, &word) || !SpanInt(word, &value))
		return;
	for (int i = 0; i < NUM_KEYS; i++)
	{
		if (SpanIs(name, Keys[i]))
			ValueSetInt(&keys[i], value);
	}
}

/* The result of one formula; false when a part of it is missing or makes no sense. */
static bool
Evaluate(const Value *keys, int key, int plus, int minus, int64_t *result)
{
	if (!keys[key].known ||
		(plus != NONE && !keys[plus].known) ||
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
	Value		keys[NUM_KEYS] = {0};
	Span		rest = SpanOf(text, length);
	Span		line;
	int64_t		result;

	while (SpanCut(&rest, '\n', &line))
		ParseLine(line, keys);

	for (int i = 0; i < NUM_FORMULAS; i++)
	{
		if (Evaluate(keys, Formulas[i].key, Formulas[i].plus, Formulas[i].minus, &result))
			ValueSetInt(&memory[Formulas[i].field], result / Formulas[i].divisor);
	}
}
