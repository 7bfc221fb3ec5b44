/*
 * suspects.c
 *		Batches that the backend fails on.
 */
#include "deliver/suspects.h"

#include <string.h>

static void
Remove(Suspects *suspects, int at)
{
	if (suspects->list[at].pending)
		suspects->pending--;
	suspects->count--;
	memmove(&suspects->list[at], &suspects->list[at + 1], (suspects->count - at) * sizeof(Suspect));
}

static Suspect *
Find(Suspects *suspects, uint64_t sequence)
{
	for (int i = 0; i < suspects->count; i++)
	{
		if (suspects->list[i].sequence == sequence)
			return &suspects->list[i];
	}
	return NULL;
}

void
SuspectsBeginPass(Suspects *suspects, uint64_t oldest)
{
	for (int i = suspects->count - 1; i >= 0; i--)
	{
		suspects->list[i].pending = false;
		if (suspects->list[i].sequence < oldest)
			Remove(suspects, i);
	}
	suspects->pending = 0;
}

/* The one that gives way when there are too many: the least suspicious. */
static int
LeastSuspicious(const Suspects *suspects)
{
	int least = 0;

	for (int i = 1; i < suspects->count; i++)
	{
		if (suspects->list[i].refusals < suspects->list[least].refusals)
			least = i;
	}
	return least;
}

void
SuspectsRefused(Suspects *suspects, uint64_t sequence)
{
	Suspect *suspect = Find(suspects, sequence);

	if (suspect == NULL)
	{
		if (suspects->count == SUSPECTS_MAX)
			Remove(suspects, LeastSuspicious(suspects));
		suspect = &suspects->list[suspects->count++];
		*suspect = (Suspect){.sequence = sequence};
	}
	if (!suspect->pending)
		suspects->pending++;
	suspect->pending = true;
}

uint64_t
SuspectsAccepted(Suspects *suspects)
{
	for (int i = 0; i < suspects->count; i++)
	{
		Suspect *suspect = &suspects->list[i];

		if (!suspect->pending)
			continue;
		suspect->pending = false;
		suspects->pending--;
		if (++suspect->refusals >= SUSPECT_REFUSALS)
		{
			uint64_t sequence = suspect->sequence;

			Remove(suspects, i);
			return sequence;
		}
	}
	return 0;
}

void
SuspectsForget(Suspects *suspects, uint64_t sequence)
{
	Suspect *suspect = Find(suspects, sequence);

	if (suspect)
		Remove(suspects, (int) (suspect - suspects->list));
}

bool
SuspectsContain(const Suspects *suspects, uint64_t sequence)
{
	return Find((Suspects *) suspects, sequence) != NULL;
}

bool
SuspectsAreNew(const Suspects *suspects)
{
	for (int i = 0; i < suspects->count; i++)
	{
		if (suspects->list[i].pending && suspects->list[i].refusals == 0)
			return true;
	}
	return false;
}

int
SuspectsWorst(const Suspects *suspects)
{
	int worst = 0;

	for (int i = 0; i < suspects->count; i++)
	{
		if (suspects->list[i].refusals > worst)
			worst = suspects->list[i].refusals;
	}
	return worst;
}
