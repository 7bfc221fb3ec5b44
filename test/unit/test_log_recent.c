/*
 * test_log_recent.c
 *		Entries that two formats or two files have in common are taken once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "log/recent.h"

#define SECOND INT64_C(1000000)
#define NOW (INT64_C(1771583400) * SECOND)

static LogRecent *recent;

static bool
KnowsEntry(const char *message, int64_t ms, bool stray)
{
	static char copy[256];
	LogEntry	entry = {.level = WORD_ERROR, .stray = stray};

	strcpy(copy, message);
	entry.text[LOG_MESSAGE] = (LogText){copy, strlen(copy)};
	return LogRecentKnows(recent, &entry, NOW + ms * 1000);
}

/* Is an entry with this message, so many ms after NOW, known? */
static bool
Knows(const char *message, int64_t ms)
{
	return KnowsEntry(message, ms, false);
}

static int
setup(void **state)
{
	recent = calloc(1, sizeof(LogRecent));
	return 0;
}

static int
teardown(void **state)
{
	free(recent);
	return 0;
}

static void
in_one_file_everything_is_new(void **state)
{
	assert_false(Knows("a", 1));
	assert_false(Knows("a", 1));
	assert_false(Knows("b", 0));
}

static void
what_was_written_in_both_formats_is_taken_once(void **state)
{
	assert_false(Knows("a", 10001));
	assert_false(Knows("a", 10001));
	assert_false(Knows("b", 10005));
	LogRecentCompare(recent, NOW + 10005 * 1000);
	assert_true(Knows("before anything was read", 1));
	assert_true(Knows("a", 10001));
	assert_true(Knows("a", 10001));
	assert_false(Knows("a", 10001));	/* a third one was in the new file only */
	assert_false(Knows("late", 10003)); /* by a process that was faster than others */
	assert_true(Knows("b", 10005));
	assert_false(Knows("c", 10006));
}

static void
whole_seconds_are_enough(void **state)
{
	assert_false(Knows("a", 12000));
	LogRecentCompare(recent, NOW + 12000 * 1000);
	assert_true(Knows("a", 11873));
	assert_false(Knows("a", 15100));
}

static void
the_third_format_is_compared_with_both(void **state)
{
	assert_false(Knows("a", 1001));
	LogRecentCompare(recent, NOW + 1001 * 1000);
	assert_true(Knows("a", 1001));
	assert_false(Knows("b", 1002));
	LogRecentCompare(recent, NOW + 1002 * 1000);
	assert_true(Knows("a", 1001));
	assert_true(Knows("b", 1002));
	assert_false(Knows("c", 1003));
}

static void
a_stray_entry_may_come_again(void **state)
{
	assert_false(KnowsEntry("a", 1, true));
	assert_false(KnowsEntry("a", 1, true));
	assert_true(Knows("a", 1));
	assert_true(Knows("a", 1));
	assert_false(Knows("a", 1));
}

static void
comparing_ends(void **state)
{
	assert_false(Knows("a", 1));
	LogRecentCompare(recent, NOW + 1000);
	assert_false(Knows("b", 61002));
	assert_false(Knows("a", 1));
}

static void
a_file_of_last_week_is_read_from_today_on(void **state)
{
	const int64_t day = 24 * 60 * 60 * 1000;

	LogRecentEnterFile(recent, NOW);
	assert_true(Knows("a", -7 * day));
	assert_true(Knows("b", -6 * day));
	assert_false(Knows("c", -100));
	assert_false(Knows("d", -6 * day));
}

static void
a_clock_set_back_loses_nothing(void **state)
{
	LogRecentEnterFile(recent, NOW);
	assert_false(Knows("a", -60 * 60 * 1000));
	assert_false(Knows("b", -59 * 60 * 1000));
}

int
main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(in_one_file_everything_is_new),
		test(what_was_written_in_both_formats_is_taken_once),
		test(whole_seconds_are_enough),
		test(the_third_format_is_compared_with_both),
		test(a_stray_entry_may_come_again),
		test(comparing_ends),
		test(a_file_of_last_week_is_read_from_today_on),
		test(a_clock_set_back_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
