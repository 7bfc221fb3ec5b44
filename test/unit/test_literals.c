/*
 * test_literals.c
 *		No constant of a statement passes, and the rest stays readable.
 */
#include "base/literals.h"

#define MASK_FUNCTION LiteralsMask
#include "masking.h"

static void
strings(void **state)
{
	static const Case cases[] = {
		{"SELECT 'x'", "SELECT $1"},
		{"SELECT 'it''s', ''", "SELECT $1, $2"},
		{"SELECT E'it\\'s \\\\', 'b'", "SELECT $1, $2"},
		{"SELECT e'\\'' || 'b'", "SELECT $1 || $2"},
		{"SELECT U&'d\\0061t' UESCAPE '!'", "SELECT $1 UESCAPE $2"},
		{"SELECT u&'x',N'y',b'01',X'ff'", "SELECT $1,$2,$3,$4"},
		{"SELECT 'a'\n 'b'", "SELECT $1\n $2"},
		{"SELECT $$it's$$, $q$a$b$ $$ $q$, 1", "SELECT $1, $2, $3"},
		{"DO $$ BEGIN PERFORM 'x'; END $$", "DO $1"},
		{"SELECT date '2020-01-01', interval'1 day'", "SELECT date $1, interval$2"},
		{"INSERT INTO t VALUES (1,'a@b.c',NULL,true)", "INSERT INTO t VALUES ($1,$2,NULL,true)"},
		{"SELECT name'x'", "SELECT name$1"},
		{"SELECT nam\xC3\xA9 FROM t WHERE a='\xC3\xA9'", "SELECT nam\xC3\xA9 FROM t WHERE a=$1"},
	};

	CHECK(cases);
}

static void
numbers(void **state)
{
	static const Case cases[] = {
		{"SELECT 1, -2.5, .5, 1e10, 1.5E-3, 0x1F, 1_000, 5.",
		 "SELECT $1, -$2, $3, $4, $5, $6, $7, $8"},
		{"SELECT a1, t2.c3, \"4\", x$5", NULL},
		{"SELECT 1::int, a[2], (3)", "SELECT $1::int, a[$2], ($3)"},
		{"SELECT 4111111111111111LIMIT 5", "SELECT $1 $2"},
		{"FOR i IN 1..10", "FOR i IN $1..$2"},
		{"SELECT 1-1", "SELECT $1-$2"},
	};

	CHECK(cases);
}

static void
parameters_keep_their_numbers(void **state)
{
	static const Case cases[] = {
		{"SELECT $1, 'x', $3", "SELECT $1, $4, $3"},
		{"SELECT * FROM t WHERE a = $2 AND b = 7", "SELECT * FROM t WHERE a = $2 AND b = $3"},
		{"SELECT 1 WHERE $99999999999999999999 = 2", "SELECT $1 WHERE $99999999999999999999 = $2"},
		{"SELECT $1x", "SELECT $1$2"},
	};

	CHECK(cases);
}

static void
identifiers_stay(void **state)
{
	static const Case cases[] = {
		{"SELECT \"it's\", \"a\"\"b\" FROM \"T 1\" WHERE c = 'x'",
		 "SELECT \"it's\", \"a\"\"b\" FROM \"T 1\" WHERE c = $1"},
		{"SELECT U&\"d\\0061t'a\", 'x'", "SELECT U&\"d\\0061t'a\", $1"},
	};

	CHECK(cases);
}

static void
comments_go(void **state)
{
	static const Case cases[] = {
		{"SELECT a -- it's 'secret'\n, 'x'", "SELECT a \n, $1"},
		{"SELECT/* 'a' /* nested ' */ ' */'x'", "SELECT $1"},
		{"SELECT 1 /* user 4711 */", "SELECT $1 "},
		{"/* 4711 */ SELECT 1", " SELECT $1"},
		{"SELECT 1 -- 4711", "SELECT $1 "},
		{"SELECT 5 - -3", "SELECT $1 - -$2"},
		{"SELECT 1 /* not closed 'x'", "SELECT $1 "},
	};

	CHECK(cases);
}

static void
what_is_broken_or_cut_off_is_masked_to_the_end(void **state)
{
	static const Case cases[] = {
		{"", NULL},
		{"SELECT 'secre", "SELECT $1"},
		{"SELECT E'secret\\", "SELECT $1"},
		{"SELECT '", "SELECT $1"},
		{"SELECT $x$secret$x", "SELECT $1"},
		{"SELECT $sec", "SELECT $1"},
		{"SELECT \"sec", "SELECT $1"},
		{"SELECT 'a' 'b', 'it's secret'", "SELECT $1 $2, $3s secret$4"},
		{"SELECT \\secret 'x'", "SELECT $1"},
		{"SELECT name FROM t WHERE name = \xE2\x80\x98John\xE2\x80\x99",
		 "SELECT name FROM t WHERE name = $1"},
	};

	CHECK(cases);
}

static void
backslashes(void **state)
{
	static const Case cases[] = {
		{"SELECT 'a\\b', 'c'", "SELECT $1, $2"},
		{"SELECT a LIKE 'x' ESCAPE '\\' AND b = 'secret'", "SELECT a LIKE $1 ESCAPE $2 AND b = $3"},
		{"SELECT 'it\\'s secret'", "SELECT $1"},
		{"SELECT 'it\\'s', 'secret'", "SELECT $1, $2"},
		{"SELECT 'it\\', secret, \\'s'", "SELECT $1"},
		{"SELECT 'it\\'s sec", "SELECT $1"},
	};

	CHECK(cases);
}

static void
passwords_without_quotes(void **state)
{
	static const Case cases[] = {
		{"ALTER ROLE bob PASSWORD s3cr3t", "ALTER ROLE bob PASSWORD $1"},
		{"ALTER ROLE bob PASSWORD \"s3cr3t\" NOLOGIN", "ALTER ROLE bob PASSWORD $1 NOLOGIN"},
		{"create user bob with password s3cr3t!x;SELECT a",
		 "create user bob with password $1;SELECT a"},
		{"CREATE USER bob IDENTIFIED BY s3cr3t", "CREATE USER bob IDENTIFIED BY $1"},
		{"SELECT 1; /* x */ ALTER ROLE bob PASSWORD = s3cr3t",
		 "SELECT $1;  ALTER ROLE bob PASSWORD = $2"},
		{"ALTER ROLE bob PASSWORD NULL", NULL},
		{"ALTER ROLE bob PASSWORD 'x' NOLOGIN", "ALTER ROLE bob PASSWORD $1 NOLOGIN"},
		{"ALTER ROLE bob PASSWORD $$x$$ NOLOGIN", "ALTER ROLE bob PASSWORD $1 NOLOGIN"},
		{"SELECT password FROM users", NULL},
		{"CREATE TABLE t (password text)", NULL},
	};

	CHECK(cases);
}

static void
the_result_fits(void **state)
{
	bool  cut;
	char *out = masked("SELECT \xC3\xA4\xC3\xB6", 11, 10, &cut);

	assert_string_equal(out, "SELECT \xC3\xA4");
	assert_true(cut);
	free(out);
	out = masked("1,1,1", 5, 8, &cut);
	assert_string_equal(out, "$1,$2,$3");
	assert_false(cut);
	free(out);
	out = masked("1,1,1", 5, 7, &cut);
	assert_true(cut);
	free(out);
	out = masked("x", 1, 0, &cut);
	assert_string_equal(out, "");
	assert_true(cut);
	free(out);
}

/* Cut anywhere, a statement never shows its constants. */
static void
no_prefix_shows_a_constant(void **state)
{
	static const char *const texts[] = {
		"SELECT 'qqqq', E'qq\\'qq', U&'qq', $$qq$$, $a$qq$b$qq$a$, \"x\", 'qq''qq'",
		"SELECT 'qq\\', 'qq' || 'qq\\'",
		"SELECT 'x' /* 'qq */, 'qq' -- qq 'qq\n, 'qq'",
		"ALTER ROLE b PASSWORD qqqq",
		"ALTER ROLE b PASSWORD \"qq qq\" x",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		for (size_t part = 0; part <= strlen(texts[i]); part++)
		{
			bool  cut;
			char *out = masked(texts[i], part, 4096, &cut);

			assert_null(strstr(out, "qq"));
			free(out);
		}
	}
}

static void
any_text_is_survived_in_linear_time(void **state)
{
	static const char *const pieces[] = {
		"'",	 "''",		 "\\",
		"\\'",	 "$$",		 "$a$",
		"$1",	 "\"",		 "e'",
		"u&'",	 "--",		 "\n",
		"/*",	 "*/",		 ";",
		"x",	 "1",		 "1.",
		"1e+",	 "\xC3\xA4", "\xE2\x80\x98",
		"\xF0",	 "'\\' ",	 "alter role x password ",
		"x'\\'",
	};

	CHECK_SURVIVAL(pieces);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings),
		cmocka_unit_test(numbers),
		cmocka_unit_test(parameters_keep_their_numbers),
		cmocka_unit_test(identifiers_stay),
		cmocka_unit_test(comments_go),
		cmocka_unit_test(what_is_broken_or_cut_off_is_masked_to_the_end),
		cmocka_unit_test(backslashes),
		cmocka_unit_test(passwords_without_quotes),
		cmocka_unit_test(the_result_fits),
		cmocka_unit_test(no_prefix_shows_a_constant),
		cmocka_unit_test(any_text_is_survived_in_linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
