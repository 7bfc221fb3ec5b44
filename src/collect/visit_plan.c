/*
 * visit_plan.c
 *		Which database is to be visited next, and for what.
 */
#include "collect/visit_plan.h"

#include <string.h>

#define SECOND INT64_C(1000000)
#define RETRY_AFTER (60 * SECOND)
#define GOLDEN_RATIO 0.6180339887498949

#define Earlier(a, b) ((a) < (b) ? (a) : (b))
#define Later(a, b) ((a) > (b) ? (a) : (b))

#define HAS(mask, collector) (((mask) >> (collector)) & 1)

void
VisitPlanInterval(VisitPlan *plan, int collector, int64_t interval, int64_t now)
{
	int64_t before = plan->interval[collector];

	plan->interval[collector] = interval;
	if (interval == before || interval == 0)
		return;
	for (int i = 0; i < plan->count; i++)
	{
		int64_t *due = &plan->databases[i].due[collector];

		/* one that is switched off and on again and again does not run more often for it */
		if (before == 0)
			*due = *due > now + interval ? now + interval : *due;
		else if (*due > now) /* its place within the interval stays */
			*due = now + (int64_t) ((double) (*due - now) / before * interval);
	}
}

/* However many places there are, they are spread evenly. */
static double
NextPlace(VisitPlan *plan)
{
	double place = ++plan->places * GOLDEN_RATIO;

	return place - (int64_t) place;
}

PlannedDatabase *
VisitPlanReplace(VisitPlan *plan, PlannedDatabase *fresh, int count, int64_t now)
{
	PlannedDatabase *before = plan->databases;
	int				 j = 0;

	for (int i = 0; i < count; i++)
	{
		PlannedDatabase named = fresh[i];

		while (j < plan->count && before[j].oid < named.oid)
			j++;
		if (j < plan->count && before[j].oid == named.oid)
			fresh[i] = before[j];
		else
		{
			memset(&fresh[i], 0, sizeof(fresh[i]));
			fresh[i].oid = named.oid;
			fresh[i].place = NextPlace(plan);
			fresh[i].known_since = now;
		}
		memcpy(fresh[i].name, named.name, sizeof(named.name)); /* it may have a new one */
	}
	plan->databases = fresh;
	plan->count = count;
	return before;
}

/* ---- rounds ---- */

void
VisitPlanAsk(VisitPlan *plan, int i, int collector, bool forced)
{
	PlannedDatabase *database = &plan->databases[i];

	database->pending |= 1U << collector;
	database->visiting &= ~(1U << collector); /* that began before */
	if (forced)
		database->forced |= 1U << collector;
}

void
VisitPlanRound(VisitPlan *plan, int collector, bool forced)
{
	for (int i = 0; i < plan->count; i++)
		VisitPlanAsk(plan, i, collector, forced);
}

void
VisitPlanGiveUp(VisitPlan *plan)
{
	for (int i = 0; i < plan->count; i++)
		plan->databases[i].forced = plan->databases[i].pending = 0;
}

bool
VisitPlanRoundIsOver(const VisitPlan *plan, int collector)
{
	for (int i = 0; i < plan->count; i++)
	{
		if (HAS(plan->databases[i].pending | plan->databases[i].visiting, collector))
			return false;
	}
	return true;
}

/* ---- who is next ---- */

int64_t
VisitPlanShortestInterval(const VisitPlan *plan)
{
	int64_t shortest = 0;

	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (plan->interval[i] != 0 && (shortest == 0 || plan->interval[i] < shortest))
			shortest = plan->interval[i];
	}
	return shortest;
}

/* Between visits that nobody asked for: no burst when many are due at once. */
static int64_t
Pause(const VisitPlan *plan)
{
	return Earlier(SECOND, VisitPlanShortestInterval(plan) / (plan->count + 1) / 2);
}

/* Where the clock was set back, times are too far away; one visited early has more than an interval left. */
static bool
IsTooFar(int64_t due, int64_t interval, int64_t now)
{
	return due > now + 2 * interval;
}

static int64_t
DueFor(const VisitPlan *plan, const PlannedDatabase *database, int collector, int64_t now)
{
	int64_t due = database->due[collector];

	return IsTooFar(due, plan->interval[collector], now) ? now : due;
}

/* When it is due for anything; INT64_MAX: never. */
static int64_t
DueAt(const VisitPlan *plan, const PlannedDatabase *database, int64_t now)
{
	int64_t due = INT64_MAX;

	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (plan->interval[i] != 0)
			due = Earlier(due, DueFor(plan, database, i, now));
	}
	return due;
}

/* What is due, or will be before long: then it need not have a visit of its own. */
static uint32_t
DueCollectors(const VisitPlan *plan, const PlannedDatabase *database, int64_t now)
{
	uint32_t due = database->forced;

	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (plan->interval[i] != 0 &&
			DueFor(plan, database, i, now) - plan->interval[i] / 10 <= now)
			due |= 1U << i;
	}
	return due;
}

static bool
ComesBefore(const VisitPlan *plan, const PlannedDatabase *database, int a, int b, int64_t now)
{
	if (HAS(database->forced, a) != HAS(database->forced, b))
		return HAS(database->forced, a);
	return DueFor(plan, database, a, now) < DueFor(plan, database, b, now);
}

void
VisitPlanOrder(const VisitPlan *plan, int database, int64_t now, uint8_t order[NUM_COLLECTORS])
{
	const PlannedDatabase *visited = &plan->databases[database];

	for (int collector = 0; collector < NUM_COLLECTORS; collector++)
	{
		int place = collector;

		for (; place > 0 && ComesBefore(plan, visited, collector, order[place - 1], now); place--)
			order[place] = order[place - 1];
		order[place] = (uint8_t) collector;
	}
}

int
VisitPlanNext(const VisitPlan *plan, int64_t now, bool scheduled, uint32_t *collectors,
			  int64_t *wait)
{
	int64_t earliest = INT64_MAX;
	int		next = -1;

	*wait = -1;
	for (int i = 0; i < plan->count; i++)
	{
		const PlannedDatabase *database = &plan->databases[i];
		int64_t				   due;

		if (database->busy)
			continue;
		if (database->forced & ~plan->patient)
		{
			*collectors =
				scheduled ? DueCollectors(plan, database, now) : database->forced & ~plan->patient;
			return i;
		}
		due = database->forced ? 0 : DueAt(plan, database, now);
		if (due < earliest)
		{
			earliest = due;
			next = i;
		}
	}
	if (next < 0 || !scheduled)
		return -1;
	if (plan->begun_at <= now) /* the clock may have been set back */
		earliest = Later(earliest, plan->begun_at + Pause(plan));
	if (earliest > now)
	{
		*wait = earliest - now;
		return -1;
	}
	*collectors = DueCollectors(plan, &plan->databases[next], now);
	return next;
}

/* ---- visits ---- */

static int64_t
NextDue(const PlannedDatabase *database, int64_t due, int64_t interval, int64_t now)
{
	if (due == 0 || IsTooFar(due, interval, now)) /* the first time, or the clock was set back */
		return now + (int64_t) (interval * database->place);
	due += interval;
	return due > now ? due : now + interval; /* what is missed is missed */
}

void
VisitPlanBegun(VisitPlan *plan, int i, uint32_t collectors, int64_t now)
{
	PlannedDatabase *database = &plan->databases[i];

	memcpy(database->was_due, database->due, sizeof(database->was_due));
	for (int c = 0; c < NUM_COLLECTORS; c++)
	{
		int64_t interval = plan->interval[c];

		/* one that is visited long before its time keeps it */
		if (HAS(collectors, c) && interval != 0 &&
			DueFor(plan, database, c, now) - interval / 10 <= now)
			database->due[c] = NextDue(database, database->due[c], interval, now);
	}
	database->busy = true;
	database->visiting = database->pending & collectors;
	database->pending &= ~collectors;
	database->visit_forced = database->forced & collectors;
	database->forced &= ~collectors;
	if (database->visit_forced == 0)
		plan->begun_at = now;
	database->gap = now - (database->visited_at ? database->visited_at : database->known_since);
	database->visited_at = now;
}

PlannedDatabase *
VisitPlanFind(const VisitPlan *plan, uint32_t oid)
{
	for (int i = 0; i < plan->count; i++)
	{
		if (plan->databases[i].oid == oid)
			return &plan->databases[i];
	}
	return NULL;
}

void
VisitPlanForget(VisitPlan *plan, int i)
{
	plan->count--;
	memmove(&plan->databases[i], &plan->databases[i + 1],
			sizeof(PlannedDatabase) * (plan->count - i));
}

bool
VisitPlanHas(const VisitPlan *plan, uint32_t oid)
{
	return VisitPlanFind(plan, oid) != NULL;
}

void
VisitPlanEnded(VisitPlan *plan, uint32_t oid, uint32_t left, uint32_t failed, int64_t now)
{
	PlannedDatabase *database = VisitPlanFind(plan, oid);

	if (database == NULL)
		return; /* dropped meanwhile */
	database->busy = false;
	database->pending |= database->visiting & left;
	database->forced |= database->visit_forced & left;
	database->visiting = database->visit_forced = 0;
	for (int c = 0; c < NUM_COLLECTORS; c++)
	{
		if (HAS(left, c))
			/* a visitor may also have found something that was not yet due */
			database->due[c] = Earlier(database->was_due[c], Earlier(database->due[c], now));
		else if (HAS(failed, c))
			database->due[c] =
				Earlier(database->due[c], now + Earlier(plan->interval[c], RETRY_AFTER));
	}
}

int64_t
VisitPlanLongestGap(const VisitPlan *plan, int64_t now, int *longest)
{
	int64_t longest_gap = 0;

	*longest = -1;
	for (int i = 0; i < plan->count; i++)
	{
		const PlannedDatabase *database = &plan->databases[i];
		int64_t since = database->visited_at ? database->visited_at : database->known_since;
		int64_t gap = Later(database->gap, now - since);

		if (*longest < 0 || gap > longest_gap)
		{
			*longest = i;
			longest_gap = gap;
		}
	}
	return longest_gap;
}
