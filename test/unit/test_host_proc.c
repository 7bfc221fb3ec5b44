/*
 * test_host_proc.c
 *		The words and numbers of /proc, and reading its files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/proc.h"

static Span
span(const char *text)
{
	return SpanOf((char *) text, strlen(text));
}

static void
whole_numbers_are_digits_that_fit(void **state)
{
	int64_t value = -7;

	assert_true(SpanInt(span("0"), &value));
	assert_int_equal(value, 0);
	assert_true(SpanInt(span("9223372036854775807"), &value));
	assert_true(value == INT64_MAX);

	value = -7;
	assert_false(SpanInt(span("9223372036854775808"), &value));
	assert_false(SpanInt(span("18446744073709551615"), &value));
	assert_false(SpanInt(span("99999999999999999999999999"), &value));
	assert_false(SpanInt(span(""), &value));
	assert_false(SpanInt(span("-1"), &value));
	assert_false(SpanInt(span("+1"), &value));
	assert_false(SpanInt(span("12x"), &value));
	assert_false(SpanInt(span("0x10"), &value));
	assert_int_equal(value, -7);
}

static void
fractions_do_not_depend_on_the_locale(void **state)
{
	double value = -7;

	assert_true(SpanFloat(span("0.25"), &value));
	assert_true(value == 0.25);
	assert_true(SpanFloat(span("12"), &value));
	assert_true(value == 12);
	assert_true(SpanFloat(span("1.05"), &value));
	assert_true(value == 1.05);

	value = -7;
	assert_false(SpanFloat(span("1,05"), &value));
	assert_false(SpanFloat(span("-0.5"), &value));
	assert_false(SpanFloat(span(".5"), &value));
	assert_false(SpanFloat(span("1.2.3"), &value));
	assert_false(SpanFloat(span("nan"), &value));
	assert_false(SpanFloat(span("1e9"), &value));
	assert_false(SpanFloat(span(""), &value));
	assert_true(value == -7);
}

static void
lines_are_cut_without_their_ends(void **state)
{
	Span rest = span("one\n\ntwo words \t here\nhalf");
	Span line;
	Span word;

	assert_true(SpanCut(&rest, '\n', &line));
	assert_true(SpanIs(line, "one"));
	assert_true(SpanCut(&rest, '\n', &line));
	assert_true(SpanIs(line, ""));
	assert_false(SpanWord(&line, &word));

	assert_true(SpanCut(&rest, '\n', &line));
	assert_true(SpanWord(&line, &word));
	assert_true(SpanIs(word, "two"));
	assert_true(SpanBeginsWith(word, "t"));
	assert_false(SpanBeginsWith(word, "twos"));
	assert_true(SpanWord(&line, &word));
	assert_true(SpanWord(&line, &word));
	assert_true(SpanIs(word, "here"));
	assert_false(SpanWord(&line, &word));

	assert_true(SpanCut(&rest, '\n', &line));
	assert_true(SpanIs(line, "half"));
	assert_false(SpanCut(&rest, '\n', &line));
}

/* ---- files ---- */

static char directory[] = "/tmp/test_host_proc.XXXXXX";

static int
make_directory(void **state)
{
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	assert_non_null(mkdtemp(directory));
	ProcRoot = directory;
	return 0;
}

static int
remove_directory(void **state)
{
	char command[128];

	ProcRoot = "/proc";
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

static void
write_file(const char *name, const char *text)
{
	char  path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_non_null(file = fopen(path, "w"));
	assert_true(fputs(text, file) >= 0);
	fclose(file);
}

static void
a_file_is_read_whole(void **state)
{
	char   buffer[16];
	size_t length;
	bool   cut;

	write_file("file", "one\ntwo\n");
	assert_int_equal(ProcRead("file", buffer, sizeof(buffer), &length, &cut), 0);
	assert_int_equal(length, 8);
	assert_false(cut);
	assert_memory_equal(buffer, "one\ntwo\n", 8);

	write_file("empty", "");
	assert_int_equal(ProcRead("empty", buffer, sizeof(buffer), &length, &cut), 0);
	assert_int_equal(length, 0);
}

static void
a_long_file_is_cut_at_a_line(void **state)
{
	char   buffer[16];
	size_t length;
	bool   cut;

	write_file("file", "0123456\nabc\nthis is too long\n");
	assert_int_equal(ProcRead("file", buffer, sizeof(buffer), &length, &cut), 0);
	assert_int_equal(length, 12);
	assert_true(cut);

	write_file("line", "one line that does not fit at all");
	assert_int_equal(ProcRead("line", buffer, sizeof(buffer), &length, &cut), 0);
	assert_int_equal(length, 0);
	assert_true(cut);
}

static void
what_cannot_be_read_gives_its_errno(void **state)
{
	char   buffer[16];
	char   path[128];
	char   long_name[600];
	size_t length = 99;
	bool   cut;

	assert_int_equal(ProcRead("nothing", buffer, sizeof(buffer), &length, &cut), ENOENT);
	assert_int_equal(length, 0);
	assert_int_equal(ProcRead("", buffer, sizeof(buffer), &length, &cut), EISDIR);

	write_file("file", "x\n");
	snprintf(path, sizeof(path), "%s/link", directory);
	assert_int_equal(symlink("file", path), 0);
	assert_int_equal(ProcRead("link", buffer, sizeof(buffer), &length, &cut), ELOOP);

	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(ProcRead(long_name, buffer, sizeof(buffer), &length, &cut), ENAMETOOLONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers_are_digits_that_fit),
		cmocka_unit_test(fractions_do_not_depend_on_the_locale),
		cmocka_unit_test(lines_are_cut_without_their_ends),
		cmocka_unit_test_setup_teardown(a_file_is_read_whole, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(a_long_file_is_cut_at_a_line, make_directory,
										remove_directory),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_gives_its_errno, make_directory,
										remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
