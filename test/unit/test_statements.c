/*
 * test_statements.c
 *		Growth since the last cycle, the ranking by it, and which texts were sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "collect/growth.h"
#include "collect/seen.h"

static StatementTable *
table_for(uint32_t limit)
{
	StatementTable *table = calloc(1, StatementTableSize(limit));

	StatementTableInit(table, limit);
	return table;
}

static StatementTotals
totals(int64_t queryid, double time, int64_t calls)
{
	StatementTotals result = {.queryid = queryid, .userid = 10, .dbid = 5, .toplevel = true};

	result.time = time;
	result.calls = calls;
	return result;
}

static void
a_statement_is_user_database_id_and_level(void **state)
{
	StatementTable *table = table_for(100);
	StatementTotals one = totals(-7, 1, 1);
	StatementTotals other;

	assert_null(StatementTableFind(NULL, &one));
	assert_null(StatementTableFind(table, &one));
	assert_true(StatementTablePut(table, &one));

	other = one;
	other.time = 99;
	assert_non_null(StatementTableFind(table, &other));
	other = one;
	other.queryid = 7;
	assert_null(StatementTableFind(table, &other));
	other = one;
	other.userid++;
	assert_null(StatementTableFind(table, &other));
	other = one;
	other.dbid++;
	assert_null(StatementTableFind(table, &other));
	other = one;
	other.toplevel = false;
	assert_null(StatementTableFind(table, &other));
	assert_true(StatementTablePut(table, &other));
	assert_int_equal(table->count, 2);
	free(table);
}

static void
the_table_has_a_limit_and_loses_nothing_below_it(void **state)
{
	const uint32_t	limit = 50000;
	StatementTable *table = table_for(limit);

	assert_true(sizeof(StatementTotals) <= 48);
	assert_true(StatementTableSize(limit) <= 65536 * 48 + 64);
	for (uint32_t i = 0; i < limit; i++)
	{
		StatementTotals one = totals((int64_t) i << 20, i, i); /* ids that end alike */

		assert_true(StatementTablePut(table, &one));
		assert_true(StatementTablePut(table, &one));
	}
	assert_int_equal(table->count, limit);
	for (uint32_t i = 0; i < limit; i++)
	{
		StatementTotals		   one = totals((int64_t) i << 20, 0, 0);
		const StatementTotals *found = StatementTableFind(table, &one);

		assert_non_null(found);
		assert_int_equal(found->calls, i);
	}
	{
		StatementTotals more = totals(1, 0, 0);

		assert_false(StatementTablePut(table, &more));
		assert_null(StatementTableFind(table, &more));
	}
	free(table);
}

static void
growth_is_never_negative_nor_doubled(void **state)
{
	StatementTotals before = totals(1, 100, 10);
	StatementTotals now = totals(1, 130, 12);
	Growth			growth = StatementGrowth(&before, &now);

	assert_true(growth.time == 30 && growth.calls == 2 && growth.total == 130);

	growth = StatementGrowth(NULL, &now); /* new */
	assert_true(growth.time == 130 && growth.calls == 12);

	growth = StatementGrowth(&now, &now); /* idle */
	assert_true(growth.time == 0 && growth.calls == 0 && growth.total == 130);

	growth = StatementGrowth(&now, &before); /* reset */
	assert_true(growth.time == 100 && growth.calls == 10);

	now = totals(1, 130, 9); /* fewer calls that took longer */
	growth = StatementGrowth(&before, &now);
	assert_true(growth.time == 130 && growth.calls == 9);

	now = totals(1, 90, 11); /* more calls that took less */
	growth = StatementGrowth(&before, &now);
	assert_true(growth.time == 90 && growth.calls == 11);

	now = totals(1, 130, 12); /* evicted and back, with more than before */
	before.since = 1000;
	now.since = 2000;
	growth = StatementGrowth(&before, &now);
	assert_true(growth.time == 130 && growth.calls == 12);
}

static Growth
growth_of(double time, int64_t calls, double total)
{
	Growth growth = {time, calls, total};

	return growth;
}

static void
time_decides_then_calls_then_totals(void **state)
{
	Growth a = growth_of(2, 1, 5);
	Growth b = growth_of(1, 9, 9);

	assert_true(GrowthCompare(&a, &b) > 0 && GrowthCompare(&b, &a) < 0);
	b = growth_of(2, 2, 1);
	assert_true(GrowthCompare(&a, &b) < 0);
	b = growth_of(2, 1, 4);
	assert_true(GrowthCompare(&a, &b) > 0);
	assert_int_equal(GrowthCompare(&a, &a), 0);
}

static void
the_best_are_kept(void **state)
{
	enum
	{
		ROOM = 50,
		OFFERED = 2000
	};
	Ranked heap[ROOM];
	char   rows[OFFERED];
	bool   returned[OFFERED] = {false};
	int	   count = 0;

	for (int i = 0; i < OFFERED; i++)
	{
		int	   number = i * 997 % OFFERED; /* each once, in no order */
		Ranked candidate = {growth_of(number, 0, 0), &rows[number]};
		char  *left = RankingOffer(heap, &count, ROOM, candidate);

		assert_true((left == NULL) == (i < ROOM));
		if (left)
		{
			assert_false(returned[left - rows]);
			returned[left - rows] = true;
		}
	}
	assert_int_equal(count, ROOM);
	RankingSort(heap, count);
	for (int i = 0; i < ROOM; i++)
	{
		assert_true(heap[i].growth.time == OFFERED - 1 - i);
		assert_ptr_equal(heap[i].row, &rows[OFFERED - 1 - i]);
		assert_false(returned[OFFERED - 1 - i]);
	}
}

static void
without_room_nothing_is_kept(void **state)
{
	int	   count = 0;
	char   row;
	Ranked candidate = {growth_of(1, 1, 1), &row};

	assert_ptr_equal(RankingOffer(NULL, &count, 0, candidate), &row);
	assert_int_equal(count, 0);
}

static void
texts_are_remembered_by_database_and_id(void **state)
{
	SeenTexts *seen = calloc(1, sizeof(SeenTexts));

	assert_int_equal(SeenAt(seen, 5, 42), 0);
	SeenPut(seen, 5, 42, 1000);
	assert_int_equal(SeenAt(seen, 5, 42), 1000);
	assert_int_equal(SeenAt(seen, 6, 42), 0);
	assert_int_equal(SeenAt(seen, 5, -42), 0);
	SeenPut(seen, 5, 42, 4600);
	assert_int_equal(SeenAt(seen, 5, 42), 4600);
	assert_int_equal(seen->count, 1);
	free(seen);
}

static void
ten_thousand_texts_at_most(void **state)
{
	SeenTexts *seen = calloc(1, sizeof(SeenTexts));
	int		   known = 0;

	for (int i = 1; i <= 100000; i++)
	{
		SeenPut(seen, 5, i, i);
		SeenPut(seen, 5, 0, i); /* one that is sent again and again stays */
		assert_int_equal(SeenAt(seen, 5, i), i);
		assert_int_equal(SeenAt(seen, 5, 0), i);
	}
	for (int i = 1; i <= 100000; i++)
		known += SeenAt(seen, 5, i) != 0;
	assert_in_range(known, SEEN_PER_GENERATION - 1, 2 * SEEN_PER_GENERATION);
	for (int i = 100000 - SEEN_PER_GENERATION + 2; i <= 100000; i++)
		assert_int_equal(SeenAt(seen, 5, i), i);
	free(seen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_statement_is_user_database_id_and_level),
		cmocka_unit_test(the_table_has_a_limit_and_loses_nothing_below_it),
		cmocka_unit_test(growth_is_never_negative_nor_doubled),
		cmocka_unit_test(time_decides_then_calls_then_totals),
		cmocka_unit_test(the_best_are_kept),
		cmocka_unit_test(without_room_nothing_is_kept),
		cmocka_unit_test(texts_are_remembered_by_database_and_id),
		cmocka_unit_test(ten_thousand_texts_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
