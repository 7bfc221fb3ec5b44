/*
 * test_table_sums.c
 *		Indexes add up by table.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "collect/table_sums.h"

static void
tables_are_found_whatever_their_order(void **state)
{
	TableSum sums[] = {{.oid = 4000000000}, {.oid = 7}, {.oid = 500}};

	TableSumsSort(sums, 3);
	assert_int_equal(TableSumsFind(sums, 3, 7)->oid, 7);
	assert_int_equal(TableSumsFind(sums, 3, 500)->oid, 500);
	assert_true(TableSumsFind(sums, 3, 4000000000)->oid == 4000000000);
	assert_null(TableSumsFind(sums, 3, 8));
	assert_null(TableSumsFind(sums, 0, 7));
}

static void
an_unknown_size_makes_the_sum_unknown(void **state)
{
	TableSum sum = {.oid = 1};

	TableSumAddBytes(&sum, 8192);
	TableSumAddBytes(&sum, 0);
	assert_int_equal(sum.bytes, 8192);
	TableSumAddBytes(&sum, BYTES_UNKNOWN);
	assert_int_equal(sum.bytes, BYTES_UNKNOWN);
	TableSumAddBytes(&sum, 8192);
	assert_int_equal(sum.bytes, BYTES_UNKNOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_found_whatever_their_order),
		cmocka_unit_test(an_unknown_size_makes_the_sum_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
