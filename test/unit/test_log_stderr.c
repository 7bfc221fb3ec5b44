/*
 * test_log_stderr.c
 *		log_destination = stderr with any log_line_prefix.
 */
#include "log_entries.h"

static void
prefix(const char *log_line_prefix)
{
	LogDialectInit(&Dialect, log_line_prefix);
}

static void
the_default_prefix(void **state)
{
	prefix("%m [%p] ");
	assert_true(Dialect.prefix_known);
	assert_false(Dialect.prefix_ambiguous);
	read_text("stderr",
			  "2026-02-20 10:30:00.123 UTC [4711] ERROR:  division by zero\n"
			  "2026-02-20 10:30:00.123 UTC [4711] STATEMENT:  select 1/0\n"
			  "2026-02-20 10:30:01.000 UTC [12] LOG:  checkpoint starting: time\n",
			  LOG_END_QUIET);
	assert_int_equal(Found.count, 2);
	assert_level(0, WORD_ERROR);
	assert_text(0, LOG_MESSAGE, "division by zero");
	assert_text(0, LOG_STATEMENT, "select 1/0");
	assert_int_equal(Found.entry[0].pid, 4711);
	assert_time(0, 2026, 2, 20, 10, 30, 0, 123000);
	assert_int_equal(Found.entry[0].time.zone.len, 3);
	assert_unknown(0, LOG_USER);
	assert_level(1, WORD_LOG);
	assert_text(1, LOG_MESSAGE, "checkpoint starting: time");
	assert_int_equal(Found.entry[1].pid, 12);
}

static void
a_prefix_with_names(void **state)
{
	prefix("%t [%p]: user=%u,db=%d,app=%a,client=%h ");
	read_text(
		"stderr",
		"2026-02-20 10:30:00 CET [7]: user=ann,db=shop,app=psql - a,b,client=[local] FATAL:  bye: x\n"
		"2026-02-20 10:30:00 CET [8]: user=,db=,app=,client= LOG:  background\n"
		"2026-02-20 10:30:00 CET [9]: user=[unknown],db=[unknown],app=[unknown],client=10.0.0.1 LOG:  x\n",
		LOG_END_QUIET);
	assert_int_equal(Found.count, 3);
	assert_level(0, WORD_FATAL);
	assert_text(0, LOG_MESSAGE, "bye: x");
	assert_text(0, LOG_USER, "ann");
	assert_text(0, LOG_DATABASE, "shop");
	assert_text(0, LOG_APPLICATION, "psql - a,b");
	assert_text(0, LOG_CLIENT, "[local]");
	assert_time(0, 2026, 2, 20, 10, 30, 0, 0);
	assert_unknown(1, LOG_USER);
	assert_unknown(1, LOG_APPLICATION);
	assert_text(1, LOG_MESSAGE, "background");
	assert_unknown(2, LOG_USER);
	assert_unknown(2, LOG_DATABASE);
	assert_text(2, LOG_CLIENT, "10.0.0.1");
}

/* It begins as an entry of csvlog does. */
static void
a_prefix_with_commas(void **state)
{
	prefix("%m,%p,%u,%d ");
	read_text("stderr",
			  "2026-02-20 10:30:00.123 UTC,7,ann,shop ERROR:  it's \"a\", b\n"
			  "2026-02-20 10:30:00.123 UTC,7,ann,shop STATEMENT:  select 1,\n"
			  "\t2\n"
			  "2026-02-20 10:30:00.124 UTC,8,, LOG:  c\n",
			  LOG_END_QUIET);
	assert_int_equal(Found.count, 2);
	assert_text(0, LOG_MESSAGE, "it's \"a\", b");
	assert_text(0, LOG_STATEMENT, "select 1,\n2");
	assert_text(0, LOG_USER, "ann");
	assert_false(Found.entry[0].stray);
	assert_int_equal(Found.entry[1].pid, 8);

	/* what does not fit it may still be one */
	read_text(
		"stderr",
		"2026-02-20 10:30:00.123 UTC,\"u\",\"d\",1,\"h\",1.1,1,\"\",2026-02-20 10:30:00 UTC,1/1,0,"
		"WARNING,01000,\"d\",,,,,,,,,\"app\",\"client backend\",,0\n",
		LOG_END_QUIET);
	assert_int_equal(Found.count, 1);
	assert_true(Found.entry[0].stray);
	assert_text(0, LOG_MESSAGE, "d");
}

static void
what_follows_q_is_for_sessions(void **state)
{
	prefix("%m [%p] %q%u@%d ");
	read_text("stderr",
			  "2026-02-20 10:30:00.123 UTC [1] ann@shop WARNING:  a\n"
			  "2026-02-20 10:30:00.123 UTC [2] LOG:  mail to x@y ERROR:  b\n",
			  LOG_END_QUIET);
	assert_int_equal(Found.count, 2);
	assert_text(0, LOG_USER, "ann");
	assert_text(0, LOG_DATABASE, "shop");
	assert_level(1, WORD_LOG);
	assert_text(1, LOG_MESSAGE, "mail to x@y ERROR:  b");
	assert_unknown(1, LOG_USER);

	prefix("%q%u@%d ");
	read_text("stderr", "ann@shop ERROR:  a\nLOG:  b\n", LOG_END_QUIET);
	assert_int_equal(Found.count, 2);
	assert_text(0, LOG_DATABASE, "shop");
	assert_text(1, LOG_MESSAGE, "b");
}

static void
padding_is_on_either_side(void **state)
{
	prefix("%10p|%-10u|%12d|%-5a|%6e ");
	read_text("stderr",
			  "      4711|ann       |        shop|psql | 42P01 ERROR:  a\n"
			  "      4712|a_long_user_name|a_long_database|a long app| 42P01 ERROR:  b\n"
			  "      4713|          |            |     | 00000 LOG:  c\n",
			  LOG_END_QUIET);
	assert_int_equal(Found.count, 3);
	assert_text(0, LOG_USER, "ann");
	assert_text(0, LOG_DATABASE, "shop");
	assert_text(0, LOG_APPLICATION, "psql");
	assert_text(0, LOG_SQLSTATE, "42P01");
	assert_int_equal(Found.entry[0].pid, 4711);
	assert_text(1, LOG_USER, "a_long_user_name");
	assert_text(1, LOG_DATABASE, "a_long_database");
	assert_text(1, LOG_APPLICATION, "a long app");
	assert_int_equal(Found.entry[1].pid, 4712);
	assert_unknown(2, LOG_USER);
	assert_unknown(2, LOG_DATABASE);
	assert_int_equal(Found.entry[2].pid, 4713);

	/* padding separates what nothing else separates */
	prefix("%-10u%-8d ");
	assert_false(Dialect.prefix_ambiguous);
	read_text("stderr", "ann       shop     ERROR:  a\n", LOG_END_QUIET);
	assert_text(0, LOG_USER, "ann");
	assert_text(0, LOG_DATABASE, "shop");
}

static void
percent_signs_and_other_literals(void **state)
{
	prefix("100%% <%p> %");
	assert_true(Dialect.prefix_known);
	read_text("stderr", "100% <5> LOG:  a\n", LOG_END_QUIET);
	assert_int_equal(Found.count, 1);
	assert_int_equal(Found.entry[0].pid, 5);

	prefix("äö→%p→");
	read_text("stderr", "äö→6→LOG:  a\n", LOG_END_QUIET);
	assert_int_equal(Found.entry[0].pid, 6);
}

static void
every_escape(void **state)
{
	prefix("%a|%u|%d|%r|%h|%L|%b|%p|%P|%t|%m|%n|%Q|%i|%e|%c|%l|%s|%v|%x|%q%% ");
	assert_true(Dialect.prefix_known);
	read_text("stderr",
			  "app|ann|shop|::1(5432)|::1|::1|client backend|77|76|2026-02-20 10:30:00 +0530|"
			  "2026-02-20 10:30:00.999 +0530|1771583400.456|-5|SELECT waiting|42601|69983aa8.4d|9|"
			  "2026-02-20 10:00:00 +0530|3/17|0|% ERROR:  a\n",
			  LOG_END_QUIET);
	assert_int_equal(Found.count, 1);
	assert_text(0, LOG_APPLICATION, "app");
	assert_text(0, LOG_USER, "ann");
	assert_text(0, LOG_DATABASE, "shop");
	assert_text(0, LOG_CLIENT, "::1");
	assert_text(0, LOG_BACKEND_TYPE, "client backend");
	assert_text(0, LOG_SQLSTATE, "42601");
	assert_text(0, LOG_SESSION_ID, "69983aa8.4d");
	assert_text(0, LOG_SESSION_LINE, "9");
	assert_text(0, LOG_QUERY_ID, "-5");
	assert_int_equal(Found.entry[0].pid, 77);
	assert_int_equal(Found.entry[0].time.kind, LOG_TIME_UNIX);
	assert_true(Found.entry[0].time.unix_us == INT64_C(1771583400456000));
}

static void
an_empty_prefix(void **state)
{
	prefix("");
	assert_true(Dialect.prefix_known);
	read_text("stderr", "ERROR:  a\nDETAIL:  b\n\tc\nHINT:  d\nLOG:  e\n", LOG_END_QUIET);
	assert_int_equal(Found.count, 2);
	assert_text(0, LOG_MESSAGE, "a");
	assert_text(0, LOG_DETAIL, "b\nc");
	assert_text(0, LOG_HINT, "d");
	assert_text(1, LOG_MESSAGE, "e");
}

static void
an_unknown_prefix_leaves_level_and_message(void **state)
{
	prefix("%m %z [%p] ");
	assert_false(Dialect.prefix_known);
	read_text("stderr",
			  "2026-02-20 10:30:00.123 UTC  [1] ERROR:  a: b\n"
			  "2026-02-20 10:30:00.123 UTC  [1] DETAIL:  ERROR:  c\n"
			  "2026-02-20 10:30:00.123 UTC  [1] MYERROR:  d\n",
			  LOG_END_QUIET);
	assert_int_equal(Found.count, 1);
	assert_level(0, WORD_ERROR);
	assert_text(0, LOG_MESSAGE, "a: b");
	assert_text(0, LOG_DETAIL, "ERROR:  c");
	assert_int_equal(Found.entry[0].pid, 0);
	assert_int_equal(Found.entry[0].time.kind, LOG_TIME_UNKNOWN);
	assert_true(Found.junk > 0);
}

static void
values_that_touch_are_not_guessed(void **state)
{
	prefix("%m %u%d [%p] ");
	assert_true(Dialect.prefix_known);
	assert_true(Dialect.prefix_ambiguous);
	read_text("stderr", "2026-02-20 10:30:00.123 UTC annshop [1] ERROR:  a\n", LOG_END_QUIET);
	assert_int_equal(Found.count, 1);
	assert_unknown(0, LOG_USER);
	assert_unknown(0, LOG_DATABASE);
	assert_int_equal(Found.entry[0].pid, 1);
	assert_time(0, 2026, 2, 20, 10, 30, 0, 123000);

	prefix("%u%p ");
	assert_true(Dialect.prefix_ambiguous);
	read_text("stderr", "ann17 ERROR:  a\n", LOG_END_QUIET);
	assert_int_equal(Found.entry[0].pid, 0);

	/* of the zone it does not matter where it ends */
	prefix("%m%p ");
	read_text("stderr", "2026-02-20 10:30:00.123 UTC17 ERROR:  a\n", LOG_END_QUIET);
	assert_int_equal(Found.entry[0].pid, 0);
	assert_time(0, 2026, 2, 20, 10, 30, 0, 123000);
}

static void
lines_of_an_older_prefix(void **state)
{
	prefix("%m [%p] ");
	read_text("stderr",
			  "<4711> ERROR:  before the reload\n"
			  "2026-02-20 10:30:00.123 UTC [1] ERROR:  after it\n",
			  LOG_END_QUIET);
	assert_int_equal(Found.count, 2);
	assert_text(0, LOG_MESSAGE, "before the reload");
	assert_int_equal(Found.entry[0].pid, 0);
	assert_int_equal(Found.entry[1].pid, 1);
}

static void
messages_of_several_lines(void **state)
{
	prefix("%p ");
	read_text("stderr",
			  "1 ERROR:  a\n\tb\n\t\n\t\tc\n1 CONTEXT:  d\n\te\n1 STATEMENT:  f\n\tg\n2 LOG:  h\n",
			  LOG_END_OPEN);
	assert_int_equal(Found.count, 1);
	assert_text(0, LOG_MESSAGE, "a\nb\n\n\tc");
	assert_text(0, LOG_CONTEXT, "d\ne");
	assert_text(0, LOG_STATEMENT, "f\ng");
	assert_int_equal(Found.left, strlen("2 LOG:  h\n"));
}

static void
verbose_puts_the_sqlstate_before_the_message(void **state)
{
	prefix("%p ");
	read_text("stderr",
			  "1 ERROR:  42P01: relation \"x\" does not exist\n"
			  "1 LOCATION:  parserOpenTable, parse_relation.c:1384\n"
			  "1 ERROR:  42P01: told by a function\n",
			  LOG_END_QUIET);
	assert_int_equal(Found.count, 2);
	assert_text(0, LOG_SQLSTATE, "42P01");
	assert_text(0, LOG_MESSAGE, "relation \"x\" does not exist");
	assert_text(0, LOG_LOCATION, "parserOpenTable, parse_relation.c:1384");
	assert_unknown(1, LOG_SQLSTATE);
	assert_text(1, LOG_MESSAGE, "42P01: told by a function");

	Dialect.verbose = true;
	read_text("stderr", "1 LOG:  00000: ready\n1 LOG:  0000: ready\n", LOG_END_QUIET);
	assert_text(0, LOG_SQLSTATE, "00000");
	assert_text(0, LOG_MESSAGE, "ready");
	assert_text(1, LOG_MESSAGE, "0000: ready");
}

static void
other_languages(void **state)
{
	prefix("%p ");
	read_text("stderr",
			  "1 FEHLER:  Division durch Null\n1 ANWEISUNG:  select 1/0\n"
			  "2 ERREUR:  division par zéro\n2 ASTUCE :  non\n"
			  "3 ПРЕДУПРЕЖДЕНИЕ:  нет\n"
			  "4 致命错误:  a\n"
			  "5 로그:  b\n5 쿼리:c\n",
			  LOG_END_QUIET);
	assert_int_equal(Found.count, 5);
	assert_int_equal(Found.junk, 0);
	assert_level(0, WORD_ERROR);
	assert_text(0, LOG_STATEMENT, "select 1/0");
	assert_level(1, WORD_ERROR);
	assert_text(1, LOG_HINT, "non");
	assert_level(2, WORD_WARNING);
	assert_level(3, WORD_FATAL);
	assert_level(4, WORD_LOG);
	assert_text(4, LOG_QUERY, "c");

	/* in a search, the word has to stand alone */
	prefix("%z");
	read_text("stderr", "x 致命错误:  a\n", LOG_END_QUIET);
	assert_level(0, WORD_FATAL);
}

static void
what_the_server_says_is_learned(void **state)
{
	prefix("%p ");
	LogDialectLearn(&Dialect, WORD_ERROR, "BŁĄD");
	LogDialectLearn(&Dialect, WORD_DETAIL, "SZCZEGÓŁY:  ");
	read_text("stderr", "1 BŁĄD:  a\n1 SZCZEGÓŁY:  b\n", LOG_END_QUIET);
	assert_int_equal(Found.count, 1);
	assert_level(0, WORD_ERROR);
	assert_text(0, LOG_DETAIL, "b");
}

static void
foreign_lines_are_passed_over(void **state)
{
	prefix("%m [%p] ");
	read_text("stderr",
			  "\ttail of an entry that began before\n"
			  "sh: 1: gzip: not found\n"
			  "\n"
			  "2026-02-20 10:30:00.123 UTC [1] LOG:  a\n"
			  "cp: ERROR: b\n"
			  "2026-02-20 10:30:00.123 UTC [1] HINT:  an orphan\n"
			  "2026-02-20 10:30:00.123 UTC [2] LOG:  c\n",
			  LOG_END_QUIET);
	assert_int_equal(Found.count, 2);
	assert_text(0, LOG_MESSAGE, "a");
	assert_unknown(0, LOG_HINT);
	assert_text(1, LOG_MESSAGE, "c");
}

static void
a_torn_line_is_waited_for(void **state)
{
	const char *text = "1 LOG:  a\n1 LOG:  b is not who";

	prefix("%p ");
	read_text("stderr", text, LOG_END_OPEN);
	assert_int_equal(Found.count, 0);
	assert_int_equal(Found.left, strlen(text));
	read_text("stderr", text, LOG_END_QUIET);
	assert_int_equal(Found.count, 0);
	read_text("stderr", text, LOG_END_FINAL);
	assert_int_equal(Found.count, 2);
	assert_text(1, LOG_MESSAGE, "b is not who");
	read_text("stderr", "1 LOG:  a\n", LOG_END_OPEN);
	assert_int_equal(Found.count, 0);
	read_text("stderr", "1 LOG:  a\n", LOG_END_QUIET);
	assert_int_equal(Found.count, 1);
}

static void
an_entry_does_not_wait_for_the_end_of_the_line_after_it(void **state)
{
	char   text[4096];
	size_t start;

	prefix("%p ");
	memset(text, 'x', sizeof(text));
	start = strlen(strcpy(text, "1 LOG:  a\n2 ERROR:  b"));
	text[start] = ' ';
	read_bytes("stderr", text, sizeof(text), LOG_END_OPEN);
	assert_int_equal(Found.count, 1);
	assert_text(0, LOG_MESSAGE, "a");

	/* as long as it does not belong to it */
	text[strlen("1 LOG:  a\n")] = '\t';
	read_bytes("stderr", text, sizeof(text), LOG_END_OPEN);
	assert_int_equal(Found.count, 0);
	assert_int_equal(Found.left, sizeof(text));
}

/* whatever follows a line later: as a file grows, the line is taken once, and not again */
static void
a_stray_line_is_told_by_itself(void **state)
{
	prefix("");
	for (int followed = 0; followed < 2; followed++)
	{
		read_text("stderr", followed ? "{\"timestamp\":\"\nx\n" : "{\"timestamp\":\"\n",
				  LOG_END_OPEN);
		assert_int_equal(Found.unusable, 1);
		assert_int_equal(Found.junk, followed ? strlen("x\n") : 0);
	}
}

static void
any_bytes_are_survived(void **state)
{
	static const char data[] = "1 LOG:  a\0b\n\0\0\0\n\xff\xfe\n1 ERROR:  \xe4\xf6\n";

	prefix("%p ");
	read_bytes("stderr", data, sizeof(data) - 1, LOG_END_QUIET);
	assert_int_equal(Found.count, 2);
	assert_int_equal(Found.entry[0].text[LOG_MESSAGE].len, 3);
	assert_text(1, LOG_MESSAGE, "\xe4\xf6");
}

/* Each name could end at any of its bytes: without memory of dead ends this takes for ever. */
static void
no_line_takes_long(void **state)
{
	char line[8192];

	memset(line, ':', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	prefix("%u:%d:%a:%i:%b:%u:%d:%a:%i:%b:%u:%d:%a:%i:%b ");
	for (int i = 0; i < 10; i++)
	{
		read_bytes("stderr", line, sizeof(line), LOG_END_QUIET);
		assert_int_equal(Found.count, 0);
	}
	read_bytes("stderr", line, sizeof(line) - 1, LOG_END_FINAL);
	assert_int_equal(Found.junk, sizeof(line) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_prefix),
		cmocka_unit_test(a_prefix_with_names),
		cmocka_unit_test(a_prefix_with_commas),
		cmocka_unit_test(what_follows_q_is_for_sessions),
		cmocka_unit_test(padding_is_on_either_side),
		cmocka_unit_test(percent_signs_and_other_literals),
		cmocka_unit_test(every_escape),
		cmocka_unit_test(an_empty_prefix),
		cmocka_unit_test(an_unknown_prefix_leaves_level_and_message),
		cmocka_unit_test(values_that_touch_are_not_guessed),
		cmocka_unit_test(lines_of_an_older_prefix),
		cmocka_unit_test(messages_of_several_lines),
		cmocka_unit_test(verbose_puts_the_sqlstate_before_the_message),
		cmocka_unit_test(other_languages),
		cmocka_unit_test(what_the_server_says_is_learned),
		cmocka_unit_test(foreign_lines_are_passed_over),
		cmocka_unit_test(a_torn_line_is_waited_for),
		cmocka_unit_test(an_entry_does_not_wait_for_the_end_of_the_line_after_it),
		cmocka_unit_test(a_stray_line_is_told_by_itself),
		cmocka_unit_test(any_bytes_are_survived),
		cmocka_unit_test(no_line_takes_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
