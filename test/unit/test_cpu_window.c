/*
 * test_cpu_window.c
 *		CPU within the last minute.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "collect/cpu_window.h"

#define SECOND INT64_C(1000000)
#define START (1000 * SECOND)

static void
a_steady_use_is_its_minute(void **state)
{
	CpuWindow window = {0};
	int64_t	  used = 0;

	for (int i = 0; i < 1000; i++)
		used = CpuWindowUsed(&window, START + i * SECOND / 4, i * 1000);
	assert_in_range(used, 240000, 250000);
}

static void
what_is_older_is_forgotten(void **state)
{
	CpuWindow window = {0};

	CpuWindowUsed(&window, START, 0);
	assert_int_equal(CpuWindowUsed(&window, START + SECOND, 5000), 5000);
	for (int i = 2; i < 62; i++)
		CpuWindowUsed(&window, START + i * SECOND, 5000);
	assert_int_equal(CpuWindowUsed(&window, START + 62 * SECOND, 5000), 0);
}

static void
a_long_pause_is_no_use(void **state)
{
	CpuWindow window = {0};

	CpuWindowUsed(&window, START, 0);
	CpuWindowUsed(&window, START + SECOND, 9000);
	assert_int_equal(CpuWindowUsed(&window, START + 3600 * SECOND, 9000), 0);
}

static void
a_clock_that_is_set_back_begins_anew(void **state)
{
	CpuWindow window = {0};

	CpuWindowUsed(&window, START, 1000);
	CpuWindowUsed(&window, START + SECOND, 9000);
	assert_int_equal(CpuWindowUsed(&window, START - 3600 * SECOND, 9500), 0);
	assert_int_equal(CpuWindowUsed(&window, START - 3599 * SECOND, 9700), 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steady_use_is_its_minute),
		cmocka_unit_test(what_is_older_is_forgotten),
		cmocka_unit_test(a_long_pause_is_no_use),
		cmocka_unit_test(a_clock_that_is_set_back_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
