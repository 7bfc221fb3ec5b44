/*
 * test_backoff.c
 *		Delays grow, stay inside their limits, and differ.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/backoff.h"

static void
the_ceiling_doubles_from_one_second(void **state)
{
	assert_int_equal(BackoffDelay(1, 0.5), 500);
	assert_int_equal(BackoffDelay(2, 0.5), 1000);
	assert_int_equal(BackoffDelay(3, 0.5), 2000);
	assert_int_equal(BackoffDelay(9, 0.5), 128000);
}

static void
the_ceiling_ends_at_five_minutes(void **state)
{
	assert_int_equal(BackoffDelay(10, 0.5), 150000);
	assert_int_equal(BackoffDelay(1000000, 0.5), 150000);
	assert_int_equal(BackoffDelay(INT32_MAX, 0.999999), 299999);
}

static void
jitter_is_full(void **state)
{
	assert_int_equal(BackoffDelay(5, 0), BACKOFF_LEAST_MS);
	assert_int_equal(BackoffDelay(5, 0.25), 4000);
	assert_in_range(BackoffDelay(5, 0.9999999), 15990, 16000);
}

static void
nonsense_gives_a_usable_delay(void **state)
{
	assert_int_equal(BackoffDelay(0, 0.5), 500);
	assert_int_equal(BackoffDelay(-7, 0.5), 500);
	assert_int_equal(BackoffDelay(1, -1), 500);
	assert_int_equal(BackoffDelay(1, 1.0), 500);
	assert_int_equal(BackoffDelay(1, 0.0 / 0.0), 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ceiling_doubles_from_one_second),
		cmocka_unit_test(the_ceiling_ends_at_five_minutes),
		cmocka_unit_test(jitter_is_full),
		cmocka_unit_test(nonsense_gives_a_usable_delay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
