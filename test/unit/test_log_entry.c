/*
 * test_log_entry.c
 *		Names of log files, times, and where a text is cut.
 */
#include "log_entries.h"

static bool
matches(const char *log_filename, const char *source, const char *name)
{
	return LogFileNameMatches(log_filename, LogFormatByName(source, strlen(source)), name);
}

static void
names_of_log_files(void **state)
{
	const char *standard = "postgresql-%Y-%m-%d_%H%M%S.log";

	assert_true(matches(standard, "stderr", "postgresql-2026-02-20_103000.log"));
	assert_true(matches(standard, "csvlog", "postgresql-2026-02-20_103000.csv"));
	assert_true(matches(standard, "jsonlog", "postgresql-2026-02-20_103000.json"));
	assert_false(matches(standard, "stderr", "postgresql-2026-02-20_103000.csv"));
	assert_false(matches(standard, "csvlog", "postgresql-2026-02-20_103000.log"));
	assert_false(matches(standard, "stderr", "postgresql-2026-02-20_103000.log.1"));
	assert_false(matches(standard, "stderr", "postgresql-15-main.log"));
	assert_false(matches(standard, "stderr", "syslog"));
	assert_false(matches(standard, "stderr", ""));

	assert_true(matches("pg-%a.log", "stderr", "pg-Mon.log"));
	assert_true(matches("pg-%a.log", "jsonlog", "pg-Mon.json"));
	assert_true(matches("pg%%-%d", "stderr", "pg%-17"));
	assert_true(matches("pg%%-%d", "csvlog", "pg%-17.csv"));
	assert_false(matches("pg-%F", "stderr", "pg-2026-02-20.csv"));
	assert_true(matches("postgresql.log", "csvlog", "postgresql.csv"));
	assert_false(matches("%a%b%c%F%n%t%h.log", "stderr", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
}

static void
formats_of_files(void **state)
{
	assert_string_equal(LogFormatOfFile("log/a.json")->source, "jsonlog");
	assert_string_equal(LogFormatOfFile("a.csv")->source, "csvlog");
	assert_string_equal(LogFormatOfFile("a.log")->source, "stderr");
	assert_string_equal(LogFormatOfFile("a")->source, "stderr");
	assert_null(LogFormatByName("syslog", 6));
}

static bool
parses(const char *text, LogTime *time)
{
	LogText span = {(char *) text, strlen(text)};

	return LogTimeParse(&span, time);
}

static void
times(void **state)
{
	LogTime time;

	assert_true(parses("2026-02-20 10:30:00.12 America/Chicago", &time));
	assert_int_equal(time.microsecond, 120000);
	assert_int_equal(time.zone.len, strlen("America/Chicago"));
	assert_true(parses("2026-02-20 10:30:00", &time));
	assert_null(time.zone.data);
	assert_false(parses("2026-02-20 10:30", &time));
	assert_false(parses("2026-13-20 10:30:00 UTC", &time));
	assert_false(parses("0000-00-00 00:00:00 UTC", &time));
	assert_false(parses("2026-02-20T10:30:00 UTC", &time));
	assert_false(parses("", &time));
}

static void
cuts_do_not_divide_characters(void **state)
{
	assert_int_equal(LogTextCut("abc", 3, 5), 3);
	assert_int_equal(LogTextCut("abc", 3, 3), 3);
	assert_int_equal(LogTextCut("abc", 3, 2), 2);
	assert_int_equal(LogTextCut("aä", 3, 2), 1);
	assert_int_equal(LogTextCut("a€b", 5, 3), 1);
	assert_int_equal(LogTextCut("a€b", 5, 4), 4);
	assert_int_equal(LogTextCut("😀😀", 8, 7), 4);
	assert_int_equal(LogTextCut("😀", 4, 3), 0);
	/* not UTF-8 */
	assert_int_equal(LogTextCut("\x80\x80\x80\x80\x80\x80\x80\x80", 8, 6), 6);
}

static void
levels_by_name(void **state)
{
	LogDialectInit(&Dialect, "");
	assert_int_equal(LogLevelByName(&Dialect, "PANIC", 5), WORD_PANIC);
	assert_int_equal(LogLevelByName(&Dialect, "DEBUG", 5), WORD_DEBUG);
	assert_int_equal(LogLevelByName(&Dialect, "HINT", 4), WORD_NONE);
	assert_int_equal(LogLevelByName(&Dialect, "", 0), WORD_NONE);
	assert_int_equal(LogLevelByName(&Dialect, "PANI", 4), WORD_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_log_files),
		cmocka_unit_test(formats_of_files),
		cmocka_unit_test(times),
		cmocka_unit_test(cuts_do_not_divide_characters),
		cmocka_unit_test(levels_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
