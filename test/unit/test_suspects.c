/*
 * test_suspects.c
 *		When a refused batch is the backend's fault, and when its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deliver/suspects.h"

static void
an_outage_counts_nothing(void **state)
{
	Suspects suspects = {0};

	for (int pass = 0; pass < 100; pass++)
	{
		SuspectsBeginPass(&suspects, 1);
		SuspectsRefused(&suspects, 1);
		SuspectsRefused(&suspects, 2);
		assert_int_equal(suspects.pending, 2);
		assert_true(SuspectsAreNew(&suspects));
	}
	assert_int_equal(SuspectsWorst(&suspects), 0);
}

static void
five_counted_refusals_reject(void **state)
{
	Suspects suspects = {0};

	for (int pass = 1; pass <= SUSPECT_REFUSALS; pass++)
	{
		SuspectsBeginPass(&suspects, 7);
		SuspectsRefused(&suspects, 7);
		assert_int_equal(SuspectsAccepted(&suspects), pass == SUSPECT_REFUSALS ? 7 : 0);
		/* once in a pass, however many are accepted */
		assert_int_equal(SuspectsAccepted(&suspects), 0);
		assert_false(SuspectsAreNew(&suspects));
	}
	assert_false(SuspectsContain(&suspects, 7));
	assert_int_equal(suspects.count, 0);
	assert_int_equal(suspects.pending, 0);
}

static void
neighbours_count_together(void **state)
{
	Suspects suspects = {0};

	for (int pass = 1; pass < SUSPECT_REFUSALS; pass++)
	{
		SuspectsBeginPass(&suspects, 1);
		SuspectsRefused(&suspects, 1);
		SuspectsRefused(&suspects, 2);
		assert_int_equal(SuspectsAccepted(&suspects), 0);
	}
	assert_int_equal(SuspectsWorst(&suspects), SUSPECT_REFUSALS - 1);
	SuspectsBeginPass(&suspects, 1);
	SuspectsRefused(&suspects, 1);
	SuspectsRefused(&suspects, 2);
	assert_int_equal(SuspectsAccepted(&suspects), 1);
	assert_int_equal(SuspectsAccepted(&suspects), 2);
	assert_int_equal(SuspectsAccepted(&suspects), 0);
}

static void
what_has_left_the_spool_is_forgotten(void **state)
{
	Suspects suspects = {0};

	SuspectsRefused(&suspects, 1);
	SuspectsRefused(&suspects, 2);
	SuspectsForget(&suspects, 1);
	assert_false(SuspectsContain(&suspects, 1));
	assert_int_equal(suspects.pending, 1);
	SuspectsForget(&suspects, 1);
	SuspectsBeginPass(&suspects, 3);
	assert_int_equal(suspects.count, 0);
}

static void
too_many_push_out_the_least_suspicious(void **state)
{
	Suspects suspects = {0};

	SuspectsRefused(&suspects, 1);
	assert_int_equal(SuspectsAccepted(&suspects), 0);
	for (uint64_t sequence = 2; sequence < 100; sequence++)
		SuspectsRefused(&suspects, sequence);
	assert_int_equal(suspects.count, SUSPECTS_MAX);
	assert_true(SuspectsContain(&suspects, 1));
	assert_true(SuspectsContain(&suspects, 99));
	assert_int_equal(suspects.pending, SUSPECTS_MAX - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outage_counts_nothing),
		cmocka_unit_test(five_counted_refusals_reject),
		cmocka_unit_test(neighbours_count_together),
		cmocka_unit_test(what_has_left_the_spool_is_forgotten),
		cmocka_unit_test(too_many_push_out_the_least_suspicious),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
