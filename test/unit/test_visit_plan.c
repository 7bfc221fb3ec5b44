/*
 * test_visit_plan.c
 *		Visits are spread, fair, shared and never forgotten.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/visit_plan.h"

#define SECOND INT64_C(1000000)
#define START (INT64_C(1000) * SECOND)

#define STATS COLLECTOR_PG_STATS
#define CACHE COLLECTOR_PG_CACHE
#define BLOAT COLLECTOR_PG_BLOAT
#define BIT(collector) (1U << (collector))

static VisitPlan
PlanOf(int databases)
{
	VisitPlan		 plan = {0};
	PlannedDatabase *list = calloc(databases, sizeof(PlannedDatabase));

	for (int i = 0; i < databases; i++)
	{
		list[i].oid = 100 + i;
		snprintf(list[i].name, sizeof(list[i].name), "db%d", i);
	}
	VisitPlanReplace(&plan, list, databases, START);
	return plan;
}

/* The visits of a while, each taking so long, one at a time; calls the sub for each. */
static void
Pass(VisitPlan *plan, int64_t from, int64_t to, int64_t takes,
	 void (*visit)(void *arg, int database, uint32_t collectors, int64_t now), void *arg)
{
	int64_t now = from;

	while (now < to)
	{
		uint32_t collectors;
		int64_t	 wait;
		int		 next = VisitPlanNext(plan, now, true, &collectors, &wait);

		if (next < 0)
		{
			assert_true(wait > 0);
			now += wait;
			continue;
		}
		VisitPlanBegun(plan, next, collectors, now);
		visit(arg, next, collectors, now);
		now += takes;
		VisitPlanEnded(plan, plan->databases[next].oid, 0, 0, now);
	}
}

typedef struct Log
{
	int		visits[200];
	int		by_second[60];
	int		shared;
	int		alone;
	int64_t from;
} Log;

static void
Note(void *arg, int database, uint32_t collectors, int64_t now)
{
	Log *log = arg;

	log->visits[database]++;
	if (now >= log->from)
		log->by_second[(now - log->from) / SECOND % 60]++;
	if (collectors == (BIT(STATS) | BIT(CACHE)))
		log->shared++;
	else
		log->alone++;
}

static void
visits_are_spread_over_the_interval(void **state)
{
	VisitPlan plan = PlanOf(200);
	Log		  log = {.from = START + 120 * SECOND};

	VisitPlanInterval(&plan, STATS, 60 * SECOND, START);
	Pass(&plan, START, START + 120 * SECOND, SECOND / 100, Note, &log);
	memset(log.visits, 0, sizeof(log.visits));
	Pass(&plan, START + 120 * SECOND, START + 720 * SECOND, SECOND / 100, Note, &log);
	for (int i = 0; i < 200; i++)
		assert_in_range(log.visits[i], 9, 11);
	for (int i = 0; i < 60; i++)
		assert_in_range(log.by_second[i], 10, 60); /* 33 on average */
	free(plan.databases);
}

static void
where_time_is_short_all_are_visited_in_turn(void **state)
{
	VisitPlan plan = PlanOf(200);
	Log		  log = {.from = START};
	int64_t	  gap;
	int		  longest;

	/* 200 visits a second would be wanted, one takes 50 ms */
	VisitPlanInterval(&plan, STATS, SECOND, START);
	Pass(&plan, START, START + 100 * SECOND, SECOND / 20, Note, &log);
	for (int i = 0; i < 200; i++)
		assert_in_range(log.visits[i], 8, 12);
	gap = VisitPlanLongestGap(&plan, START + 100 * SECOND, &longest);
	assert_in_range(gap / SECOND, 9, 12);
	assert_in_range(longest, 0, 199);
	free(plan.databases);
}

static void
collectors_share_a_visit(void **state)
{
	VisitPlan plan = PlanOf(20);
	Log		  log = {.from = START};

	VisitPlanInterval(&plan, STATS, 60 * SECOND, START);
	VisitPlanInterval(&plan, CACHE, 60 * SECOND, START);
	Pass(&plan, START, START + 600 * SECOND, SECOND / 100, Note, &log);
	assert_int_equal(log.alone, 0);
	assert_in_range(log.shared, 190, 230);
	free(plan.databases);
}

static void
what_is_switched_off_and_on_runs_no_more_often(void **state)
{
	VisitPlan plan = PlanOf(1);
	uint32_t  collectors;
	int64_t	  wait;
	int		  runs = 0;

	for (int64_t now = START; now < START + 3600 * SECOND; now += SECOND)
	{
		VisitPlanInterval(&plan, BLOAT, (now / SECOND) % 2 ? 600 * SECOND : 0, now);
		if (VisitPlanNext(&plan, now, true, &collectors, &wait) < 0)
			continue;
		runs++;
		VisitPlanBegun(&plan, 0, collectors, now);
		VisitPlanEnded(&plan, 100, 0, 0, now);
	}
	assert_in_range(runs, 6, 7);

	/* nor does it wait longer than a new interval lasts */
	VisitPlanInterval(&plan, BLOAT, 0, START + 3600 * SECOND);
	VisitPlanInterval(&plan, BLOAT, 10 * SECOND, START + 3600 * SECOND);
	assert_int_equal(VisitPlanNext(&plan, START + 3610 * SECOND, true, &collectors, &wait), 0);
	free(plan.databases);
}

static void
what_was_asked_for_comes_first(void **state)
{
	VisitPlan plan = PlanOf(3);
	uint32_t  collectors;
	int64_t	  wait;

	VisitPlanInterval(&plan, STATS, 60 * SECOND, START);
	VisitPlanRound(&plan, BLOAT, true);
	for (int i = 0; i < 3; i++)
	{
		assert_false(VisitPlanRoundIsOver(&plan, BLOAT));
		assert_int_equal(VisitPlanNext(&plan, START, false, &collectors, &wait), i);
		assert_int_equal(collectors, BIT(BLOAT));
		VisitPlanBegun(&plan, i, collectors, START);
		assert_false(VisitPlanRoundIsOver(&plan, BLOAT));
		VisitPlanEnded(&plan, 100 + i, 0, 0, START);
	}
	assert_true(VisitPlanRoundIsOver(&plan, BLOAT));
	assert_int_equal(VisitPlanNext(&plan, START, false, &collectors, &wait), -1);
	assert_int_equal(wait, -1);
	free(plan.databases);
}

static void
a_visit_that_began_before_does_not_count(void **state)
{
	VisitPlan plan = PlanOf(1);
	uint32_t  collectors;
	int64_t	  wait;

	VisitPlanRound(&plan, STATS, true);
	VisitPlanBegun(&plan, 0, BIT(STATS), START);
	VisitPlanRound(&plan, STATS, true);
	VisitPlanEnded(&plan, 100, 0, 0, START);
	assert_false(VisitPlanRoundIsOver(&plan, STATS));
	assert_int_equal(VisitPlanNext(&plan, START, false, &collectors, &wait), 0);
	free(plan.databases);
}

static void
what_a_visit_left_is_due_as_before(void **state)
{
	VisitPlan plan = PlanOf(1);
	uint32_t  collectors;
	int64_t	  wait;

	VisitPlanRound(&plan, STATS, true);
	VisitPlanRound(&plan, CACHE, true);
	assert_int_equal(VisitPlanNext(&plan, START, true, &collectors, &wait), 0);
	VisitPlanBegun(&plan, 0, collectors, START);
	VisitPlanEnded(&plan, 100, BIT(CACHE), 0, START);
	assert_true(VisitPlanRoundIsOver(&plan, STATS));
	assert_false(VisitPlanRoundIsOver(&plan, CACHE));
	assert_int_equal(VisitPlanNext(&plan, START, false, &collectors, &wait), 0);
	assert_int_equal(collectors, BIT(CACHE));
	free(plan.databases);
}

static void
what_a_visit_found_and_left_is_due_at_once(void **state)
{
	VisitPlan plan = PlanOf(1);
	uint32_t  collectors;
	int64_t	  wait;

	VisitPlanInterval(&plan, STATS, SECOND, START);
	VisitPlanInterval(&plan, BLOAT, 3600 * SECOND, START);
	plan.databases[0].due[STATS] = START;
	plan.databases[0].due[BLOAT] = START + 3000 * SECOND;
	assert_int_equal(VisitPlanNext(&plan, START, true, &collectors, &wait), 0);
	assert_int_equal(collectors, BIT(STATS));
	VisitPlanBegun(&plan, 0, collectors, START);
	VisitPlanEnded(&plan, 100, BIT(BLOAT), 0, START + 100);
	assert_int_equal(VisitPlanNext(&plan, START + SECOND / 2, true, &collectors, &wait), 0);
	assert_int_equal(collectors, BIT(BLOAT));
	free(plan.databases);
}

static void
visits_that_never_come_to_all_are_fair(void **state)
{
	VisitPlan plan = PlanOf(1);
	int		  runs[NUM_COLLECTORS] = {0};
	int64_t	  now = START;

	VisitPlanInterval(&plan, STATS, SECOND, START);
	VisitPlanInterval(&plan, CACHE, SECOND, START);
	VisitPlanInterval(&plan, BLOAT, 3600 * SECOND, START);
	for (int visits = 0; visits < 100; visits++)
	{
		uint32_t collectors;
		uint8_t	 order[NUM_COLLECTORS];
		int64_t	 wait;
		int		 first = 0;

		while (VisitPlanNext(&plan, now, true, &collectors, &wait) < 0)
			now += wait;
		VisitPlanOrder(&plan, 0, now, order);
		while ((collectors & BIT(order[first])) == 0)
			first++;
		runs[order[first]]++;
		VisitPlanBegun(&plan, 0, collectors, now);
		now += 5 * SECOND;
		VisitPlanEnded(&plan, 100, collectors & ~BIT(order[first]), 0, now);
	}
	assert_int_equal(runs[STATS] + runs[CACHE] + runs[BLOAT], 100);
	assert_in_range(runs[STATS], 49, 50);
	assert_in_range(runs[CACHE], 49, 50);
	assert_in_range(runs[BLOAT], 1, 2);
	free(plan.databases);
}

static void
what_somebody_asked_for_comes_first_in_a_visit(void **state)
{
	VisitPlan plan = PlanOf(1);
	uint8_t	  order[NUM_COLLECTORS];

	VisitPlanInterval(&plan, STATS, SECOND, START);
	VisitPlanInterval(&plan, CACHE, SECOND, START);
	VisitPlanAsk(&plan, 0, BLOAT, true);
	VisitPlanOrder(&plan, 0, START, order);
	assert_int_equal(order[0], BLOAT);
	free(plan.databases);
}

static void
what_ran_out_of_time_is_tried_again_within_a_minute(void **state)
{
	VisitPlan plan = PlanOf(1);
	uint32_t  collectors;
	int64_t	  wait;

	VisitPlanInterval(&plan, BLOAT, 3600 * SECOND, START);
	plan.databases[0].due[BLOAT] = START;
	VisitPlanBegun(&plan, 0, BIT(BLOAT), START);
	VisitPlanEnded(&plan, 100, 0, BIT(BLOAT), START);
	assert_int_equal(VisitPlanNext(&plan, START, true, &collectors, &wait), -1);
	assert_in_range(wait, 1, 60 * SECOND);
	assert_int_equal(VisitPlanNext(&plan, START + 61 * SECOND, true, &collectors, &wait), 0);
	free(plan.databases);
}

static void
databases_come_and_go(void **state)
{
	VisitPlan		 plan = PlanOf(2);
	PlannedDatabase *fresh = calloc(2, sizeof(PlannedDatabase));
	uint32_t		 collectors;
	int64_t			 wait;

	VisitPlanInterval(&plan, STATS, 60 * SECOND, START);
	plan.databases[1].due[STATS] = START + 30 * SECOND;
	fresh[0].oid = 101;
	strcpy(fresh[0].name, "renamed");
	fresh[1].oid = 500;
	strcpy(fresh[1].name, "new");
	free(VisitPlanReplace(&plan, fresh, 2, START));
	assert_false(VisitPlanHas(&plan, 100));
	assert_string_equal(plan.databases[0].name, "renamed");
	assert_true(plan.databases[0].due[STATS] == START + 30 * SECOND);
	assert_int_equal(VisitPlanNext(&plan, START + SECOND, true, &collectors, &wait), 1);
	free(plan.databases);
}

static void
a_changed_interval_keeps_the_places(void **state)
{
	VisitPlan plan = PlanOf(1);

	VisitPlanInterval(&plan, STATS, 60 * SECOND, START);
	plan.databases[0].due[STATS] = START + 30 * SECOND;
	VisitPlanInterval(&plan, STATS, 10 * SECOND, START);
	assert_true(plan.databases[0].due[STATS] == START + 5 * SECOND);
	VisitPlanInterval(&plan, STATS, 0, START);
	assert_int_equal(VisitPlanShortestInterval(&plan), 0);
	free(plan.databases);
}

static void
a_clock_that_is_set_back_stops_nothing(void **state)
{
	VisitPlan plan = PlanOf(5);
	Log		  log = {.from = START};

	VisitPlanInterval(&plan, STATS, 60 * SECOND, START);
	Pass(&plan, START, START + 120 * SECOND, SECOND / 100, Note, &log);
	memset(log.visits, 0, sizeof(log.visits));
	log.from = START - 3600 * SECOND;
	Pass(&plan, START - 3600 * SECOND, START - 3540 * SECOND, SECOND / 100, Note, &log);
	for (int i = 0; i < 5; i++)
		assert_true(log.visits[i] > 0);
	free(plan.databases);
}

/* Of an hourly collector, which comes a little early where others are due. */
static void
who_shares_a_visit_is_not_due_again_at_once(void **state)
{
	VisitPlan plan = PlanOf(20);
	Log		  log = {.from = START};

	VisitPlanInterval(&plan, STATS, 60 * SECOND, START);
	VisitPlanInterval(&plan, BLOAT, 3600 * SECOND, START);
	Pass(&plan, START, START + 3600 * SECOND, SECOND / 100, Note, &log);
	for (int i = 0; i < 20; i++)
		assert_in_range(log.visits[i], 58, 64);
	free(plan.databases);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(visits_are_spread_over_the_interval),
		cmocka_unit_test(where_time_is_short_all_are_visited_in_turn),
		cmocka_unit_test(collectors_share_a_visit),
		cmocka_unit_test(what_is_switched_off_and_on_runs_no_more_often),
		cmocka_unit_test(what_was_asked_for_comes_first),
		cmocka_unit_test(a_visit_that_began_before_does_not_count),
		cmocka_unit_test(what_a_visit_left_is_due_as_before),
		cmocka_unit_test(what_a_visit_found_and_left_is_due_at_once),
		cmocka_unit_test(visits_that_never_come_to_all_are_fair),
		cmocka_unit_test(what_somebody_asked_for_comes_first_in_a_visit),
		cmocka_unit_test(what_ran_out_of_time_is_tried_again_within_a_minute),
		cmocka_unit_test(databases_come_and_go),
		cmocka_unit_test(a_changed_interval_keeps_the_places),
		cmocka_unit_test(a_clock_that_is_set_back_stops_nothing),
		cmocka_unit_test(who_shares_a_visit_is_not_due_again_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
