/*
 * test_log_jsonlog.c
 *		log_destination = jsonlog.
 */
#include "log_entries.h"

#define HEAD \
	"{\"timestamp\":\"2026-02-20 10:30:00.123 IST\",\"user\":\"ann\",\"dbname\":\"shop\"," \
	"\"pid\":4711,\"remote_host\":\"[local]\",\"session_id\":\"69983aa8.1267\",\"line_num\":3," \
	"\"ps\":\"SELECT\",\"session_start\":\"2026-02-20 10:00:00 IST\",\"vxid\":\"3/17\",\"txid\":0,"
#define TAIL \
	",\"application_name\":\"psql\",\"backend_type\":\"client backend\",\"query_id\":-77}\n"
#define ENTRY(message) \
	HEAD "\"error_severity\":\"ERROR\",\"state_code\":\"22012\"," \
		 "\"message\":\"" message "\"" TAIL

static void
all_keys(void **state)
{
	read_text("jsonlog",
			  HEAD "\"error_severity\":\"ERROR\",\"state_code\":\"22012\","
				   "\"message\":\"division by zero\",\"detail\":\"d\",\"hint\":\"h\","
				   "\"context\":\"c\",\"statement\":\"select 1/0\"" TAIL,
			  LOG_END_OPEN);
	assert_int_equal(Found.count, 1);
	assert_level(0, WORD_ERROR);
	assert_time(0, 2026, 2, 20, 10, 30, 0, 123000);
	assert_text(0, LOG_SQLSTATE, "22012");
	assert_text(0, LOG_MESSAGE, "division by zero");
	assert_text(0, LOG_USER, "ann");
	assert_text(0, LOG_DATABASE, "shop");
	assert_text(0, LOG_APPLICATION, "psql");
	assert_text(0, LOG_SESSION_LINE, "3");
	assert_text(0, LOG_DETAIL, "d");
	assert_text(0, LOG_HINT, "h");
	assert_text(0, LOG_CONTEXT, "c");
	assert_text(0, LOG_STATEMENT, "select 1/0");
	assert_text(0, LOG_QUERY_ID, "-77");
	assert_int_equal(Found.entry[0].pid, 4711);
}

static void
escapes(void **state)
{
	read_text("jsonlog", ENTRY("a\\nb\\tc \\\"d\\\" \\\\ \\/ \\b\\f\\r \\u0001\\u00e4\\u20AC"),
			  LOG_END_OPEN);
	assert_text(0, LOG_MESSAGE, "a\nb\tc \"d\" \\ / \b\f\r \001ä€");
	assert_text(0, LOG_APPLICATION, "psql");
}

static void
surrogates(void **state)
{
	read_text("jsonlog",
			  ENTRY("\\ud83d\\ude00") ENTRY("\\ud83d alone") ENTRY("\\ud83d\\u0041")
				  ENTRY("\\ude00") ENTRY("\\u0000"),
			  LOG_END_OPEN);
	assert_int_equal(Found.count, 5);
	assert_text(0, LOG_MESSAGE, "😀");
	assert_text(1, LOG_MESSAGE, "\xEF\xBF\xBD alone");
	assert_text(2, LOG_MESSAGE,
				"\xEF\xBF\xBD"
				"A");
	assert_text(3, LOG_MESSAGE, "\xEF\xBF\xBD");
	assert_text(4, LOG_MESSAGE, "\xEF\xBF\xBD");
}

static void
a_broken_line_gives_what_it_has(void **state)
{
	read_text("jsonlog",
			  HEAD
			  "\"error_severity\":\"ERROR\",\"message\":\"cut off in the mid\n" HEAD
			  "\"error_severity\":\"ERR\n" HEAD
			  "\"error_severity\":\"ERROR\",\"message\":\"bad \\x escape\"" TAIL   HEAD
			  "\"error_severity\":\"ERROR\",\"message\":\"bad \\u12 escape\"" TAIL ENTRY("good"),
			  LOG_END_OPEN);
	assert_int_equal(Found.count, 4);
	assert_int_equal(Found.unusable, 1);
	assert_text(0, LOG_MESSAGE, "cut off in the mid");
	assert_text(0, LOG_USER, "ann");
	assert_text(1, LOG_MESSAGE, "bad ");
	assert_text(2, LOG_MESSAGE, "bad ");
	assert_text(3, LOG_MESSAGE, "good");
}

static void
an_entry_after_a_torn_one_in_the_same_line(void **state)
{
	read_text("jsonlog", "{\"timestamp\":\"2026-02-20 10:3" ENTRY("after the crash"), LOG_END_OPEN);
	assert_int_equal(Found.count, 1);
	assert_text(0, LOG_MESSAGE, "after the crash");
	assert_text(0, LOG_USER, "ann");

	/* an entry quoted in a message is none */
	read_text("jsonlog", ENTRY("{\\\"timestamp\\\":\\\"2026\\\",\\\"message\\\":\\\"x\\\"}"),
			  LOG_END_OPEN);
	assert_int_equal(Found.count, 1);
	assert_text(0, LOG_MESSAGE, "{\"timestamp\":\"2026\",\"message\":\"x\"}");
}

static void
what_is_no_entry_is_passed_over(void **state)
{
	read_text("jsonlog", "\n{}\n[1]\nhello\n{\"a\":\n{\"message\":\"no severity\"}\n" ENTRY("x"),
			  LOG_END_OPEN);
	assert_int_equal(Found.count, 1);
	assert_text(0, LOG_MESSAGE, "x");
	assert_int_equal(Found.unusable, 3);
}

static void
values_of_later_versions_are_ignored(void **state)
{
	read_text("jsonlog",
			  HEAD "\"new\":{\"a\":[1,\"}\",{\"b\":null}]},\"other\":null,\"yes\":true, "
				   "\"error_severity\" : \"LOG\" , \"user\":null,\"message\":\"x\"}\n",
			  LOG_END_OPEN);
	assert_int_equal(Found.count, 1);
	assert_level(0, WORD_LOG);
	assert_text(0, LOG_MESSAGE, "x");
}

static void
a_torn_line_is_waited_for(void **state)
{
	static const char whole[] = ENTRY("torn \\u00e4");

	for (size_t len = 0; len < sizeof(whole) - 1; len++)
	{
		read_bytes("jsonlog", whole, len, LOG_END_QUIET);
		assert_int_equal(Found.count, 0);
		assert_int_equal(Found.left, len);
		/* and never read beyond its end, if it comes to that */
		read_bytes("jsonlog", whole, len, LOG_END_FINAL);
		assert_int_equal(Found.left, 0);
	}
	read_bytes("jsonlog", whole, sizeof(whole) - 1, LOG_END_OPEN);
	assert_text(0, LOG_MESSAGE, "torn ä");
}

static void
any_bytes_are_survived(void **state)
{
	static const char data[] =
		"\0\0\n{\0}\n" HEAD "\"error_severity\":\"ERROR\",\"message\":\"a\0b\xff\"" TAIL;

	read_bytes("jsonlog", data, sizeof(data) - 1, LOG_END_OPEN);
	assert_int_equal(Found.count, 1);
	assert_int_equal(Found.entry[0].text[LOG_MESSAGE].len, 4);
}

static void
no_text_reaches_the_end_of_the_entry(void **state)
{
	char	 line[] = HEAD "\"error_severity\":\"ERROR\",\"message\":\"unterminated\n";
	LogEntry entry;

	assert_true(JsonlogParse(&Dialect, line, sizeof(line) - 1, &entry));
	assert_true(entry.text[LOG_MESSAGE].data + entry.text[LOG_MESSAGE].len <
				line + sizeof(line) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_keys),
		cmocka_unit_test(escapes),
		cmocka_unit_test(surrogates),
		cmocka_unit_test(a_broken_line_gives_what_it_has),
		cmocka_unit_test(an_entry_after_a_torn_one_in_the_same_line),
		cmocka_unit_test(what_is_no_entry_is_passed_over),
		cmocka_unit_test(values_of_later_versions_are_ignored),
		cmocka_unit_test(a_torn_line_is_waited_for),
		cmocka_unit_test(any_bytes_are_survived),
		cmocka_unit_test(no_text_reaches_the_end_of_the_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
