/*
 * test_log_csvlog.c
 *		log_destination = csvlog.
 */
#include "log_entries.h"

#define TIME "2026-02-20 10:30:00.123 IST"

/* The columns around level, SQLSTATE and message. */
#define HEAD \
	TIME ",\"ann\",\"shop\",4711,\"[local]\",69983aa8.1267,3,\"SELECT\"," \
		 "2026-02-20 10:00:00 IST,3/17,0,"
#define TAIL_15 ",,,,,,\"select 1/0\",8,,\"psql\",\"client backend\",,-77\n"
#define BACKGROUND \
	TIME ",,,12,,69983aa8.c,1,,2026-02-20 10:00:00 IST,,0,LOG,00000," \
		 "\"checkpoint starting: time\",,,,,,,,,\"\",\"checkpointer\",,0\n"

static void
all_columns(void **state)
{
	read_text("csvlog", HEAD "ERROR,22012,\"division by zero\"" TAIL_15 BACKGROUND, LOG_END_OPEN);
	assert_int_equal(Found.count, 2);
	assert_int_equal(Found.left, 0);
	assert_level(0, WORD_ERROR);
	assert_time(0, 2026, 2, 20, 10, 30, 0, 123000);
	assert_text(0, LOG_SQLSTATE, "22012");
	assert_text(0, LOG_MESSAGE, "division by zero");
	assert_text(0, LOG_USER, "ann");
	assert_text(0, LOG_DATABASE, "shop");
	assert_text(0, LOG_CLIENT, "[local]");
	assert_text(0, LOG_SESSION_ID, "69983aa8.1267");
	assert_text(0, LOG_SESSION_LINE, "3");
	assert_text(0, LOG_STATEMENT, "select 1/0");
	assert_text(0, LOG_APPLICATION, "psql");
	assert_text(0, LOG_BACKEND_TYPE, "client backend");
	assert_text(0, LOG_QUERY_ID, "-77");
	assert_int_equal(Found.entry[0].pid, 4711);
	assert_level(1, WORD_LOG);
	assert_unknown(1, LOG_USER);
	assert_unknown(1, LOG_DATABASE);
	assert_text(1, LOG_BACKEND_TYPE, "checkpointer");
}

static void
fewer_columns_of_older_versions(void **state)
{
	/* 12: 23 columns, 13: 24 */
	read_text("csvlog",
			  HEAD "ERROR,22012,\"a\",,,,,,\"select 1/0\",8,,\"psql\"\n" HEAD
				   "ERROR,22012,\"b\",,,,,,\"select 1/0\",8,,\"psql\",\"client backend\"\n",
			  LOG_END_OPEN);
	assert_int_equal(Found.count, 2);
	assert_text(0, LOG_APPLICATION, "psql");
	assert_unknown(0, LOG_BACKEND_TYPE);
	assert_text(1, LOG_BACKEND_TYPE, "client backend");
}

static void
newlines_and_quotes_inside_fields(void **state)
{
	read_text("csvlog",
			  HEAD "ERROR,42601,\"say \"\"a\"\", then\n" TIME
				   ",\nb\n\n\"\"\"\"\"" TAIL_15 BACKGROUND,
			  LOG_END_OPEN);
	assert_int_equal(Found.count, 2);
	assert_text(0, LOG_MESSAGE, "say \"a\", then\n" TIME ",\nb\n\n\"\"");
	assert_text(0, LOG_STATEMENT, "select 1/0");
	assert_text(1, LOG_MESSAGE, "checkpoint starting: time");
}

static void
translated_severities(void **state)
{
	read_text("csvlog", HEAD "WARNUNG,01000,\"a\"" TAIL_15 HEAD "СООБЩЕНИЕ,00000,\"b\"" TAIL_15,
			  LOG_END_OPEN);
	assert_int_equal(Found.count, 2);
	assert_level(0, WORD_WARNING);
	assert_level(1, WORD_LOG);
}

static void
a_missing_quote_costs_one_entry_at_most(void **state)
{
	read_text("csvlog",
			  HEAD "ERROR,22012,\"division by zero,,,,,,,,,psql,,,\n" HEAD
				   "ERROR,22012,\"second\"" TAIL_15 BACKGROUND,
			  LOG_END_OPEN);
	assert_int_equal(Found.count, 3);
	assert_level(0, WORD_ERROR);
	assert_text(1, LOG_MESSAGE, "second");
	assert_text(1, LOG_USER, "ann");
	assert_text(2, LOG_MESSAGE, "checkpoint starting: time");

	/* one too many */
	read_text("csvlog", HEAD "ERROR,22012,\"a\"\"" TAIL_15 BACKGROUND BACKGROUND, LOG_END_OPEN);
	assert_int_equal(Found.count, 3);
	assert_text(2, LOG_MESSAGE, "checkpoint starting: time");
}

static void
a_line_cut_by_a_crash(void **state)
{
	/* the next entry follows in the same line */
	read_text("csvlog", HEAD "ERROR,22012,\"div" BACKGROUND BACKGROUND, LOG_END_OPEN);
	assert_true(Found.count >= 1);
	assert_text(Found.count - 1, LOG_MESSAGE, "checkpoint starting: time");

	/* cut before the severity: nothing to tell */
	read_text("csvlog", TIME ",\"ann\",\"shop\",47\n" BACKGROUND, LOG_END_OPEN);
	assert_int_equal(Found.count, 1);
	assert_int_equal(Found.unusable, 1);
}

static void
the_middle_of_an_entry_is_passed_over(void **state)
{
	read_text("csvlog", "from foo\nwhere bar = \"\"x\"\"\"" TAIL_15 BACKGROUND, LOG_END_OPEN);
	assert_int_equal(Found.count, 1);
	assert_text(0, LOG_MESSAGE, "checkpoint starting: time");
	assert_true(Found.junk > 0);
}

static void
a_torn_entry_is_waited_for(void **state)
{
	static const char whole[] = HEAD "ERROR,42601,\"say \"\"a\"\"\nb\",,,,,,,,,\"psql\",,,0\n";

	for (size_t len = 0; len < sizeof(whole) - 1; len++)
	{
		read_bytes("csvlog", whole, len, LOG_END_OPEN);
		assert_int_equal(Found.count, 0);
		assert_int_equal(Found.left, len);
		read_bytes("csvlog", whole, len, LOG_END_QUIET);
		assert_int_equal(Found.left, len);
	}
	read_bytes("csvlog", whole, sizeof(whole) - 1, LOG_END_OPEN);
	assert_int_equal(Found.count, 1);

	/* the file was rotated away: what there is, is all */
	read_bytes("csvlog", whole, sizeof(whole) - 20, LOG_END_FINAL);
	assert_int_equal(Found.count, 1);
	assert_text(0, LOG_MESSAGE, "say \"a\"\nb");
	assert_int_equal(Found.left, 0);
}

static void
any_bytes_are_survived(void **state)
{
	static const char data[] = "\0\0\"\xff\n\"\n" HEAD "ERROR,22012,\"a\0b\"" TAIL_15;

	read_bytes("csvlog", data, sizeof(data) - 1, LOG_END_OPEN);
	assert_int_equal(Found.count, 1);
	assert_int_equal(Found.entry[0].text[LOG_MESSAGE].len, 3);
}

static void
no_text_reaches_the_end_of_the_entry(void **state)
{
	char	 whole[] = HEAD "ERROR,42601,\"unterminated\n" BACKGROUND;
	LogFrame frame = CsvlogFrame(&Dialect, whole, sizeof(whole) - 1, LOG_END_OPEN);
	LogEntry entry;

	assert_int_equal(frame.kind, FRAME_ENTRY);
	assert_int_equal(frame.length, strlen(HEAD "ERROR,42601,\"unterminated\n"));
	assert_true(CsvlogParse(&Dialect, whole, frame.length, &entry));
	assert_true(entry.text[LOG_MESSAGE].data + entry.text[LOG_MESSAGE].len < whole + frame.length);
}

/* An entry that is longer than the buffer, in two pieces at every byte of it. */
static void
the_rest_of_a_cut_entry_is_passed_over(void **state)
{
	static const char whole[] = HEAD
		"ERROR,42601,\"a \"\"b\"\"\n2026-02-20 10:30:00.123 UTC,,,1,,,,,,,,PANIC,,c\n\"" TAIL_15;
	const size_t size = sizeof(whole) - 1;

	for (size_t cut = 64; cut < size; cut++)
	{
		LogInside inside = INSIDE_NONE;

		assert_int_equal(CsvlogPassOver(whole, cut, &inside), cut);
		assert_int_not_equal(inside, INSIDE_NONE);
		assert_int_equal(CsvlogPassOver(whole + cut, size - cut, &inside), size - cut);
		assert_int_equal(inside, INSIDE_NONE);
	}
}

static void
broken_quotes_end_with_their_line(void **state)
{
	static const char *const broken[] = {
		"no entry, \"\n",
		HEAD "ERROR,42601,x\"y\n",
		HEAD "ERROR,42601,\"x\"y\n",
	};

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
	{
		LogInside inside = INSIDE_NONE;

		assert_int_equal(CsvlogPassOver(broken[i], strlen(broken[i]), &inside), strlen(broken[i]));
		assert_int_equal(inside, INSIDE_NONE);
		inside = INSIDE_NONE;
		assert_int_equal(CsvlogPassOver(broken[i], strlen(broken[i]) - 1, &inside),
						 strlen(broken[i]) - 1);
		assert_int_equal(inside, INSIDE_LINE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_columns),
		cmocka_unit_test(fewer_columns_of_older_versions),
		cmocka_unit_test(newlines_and_quotes_inside_fields),
		cmocka_unit_test(translated_severities),
		cmocka_unit_test(a_missing_quote_costs_one_entry_at_most),
		cmocka_unit_test(a_line_cut_by_a_crash),
		cmocka_unit_test(the_middle_of_an_entry_is_passed_over),
		cmocka_unit_test(a_torn_entry_is_waited_for),
		cmocka_unit_test(any_bytes_are_survived),
		cmocka_unit_test(no_text_reaches_the_end_of_the_entry),
		cmocka_unit_test(the_rest_of_a_cut_entry_is_passed_over),
		cmocka_unit_test(broken_quotes_end_with_their_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
