/*
 * test_secrets.c
 *		No secret passes, and what is none stays readable.
 */
#include "base/secrets.h"

#define MASK_FUNCTION SecretsMask
#include "masking.h"

#define MASK "********"

static void
passwords_of_roles(void **state)
{
	static const Case cases[] = {
		{"CREATE ROLE bob LOGIN PASSWORD 's3cr3t'", "CREATE ROLE bob LOGIN PASSWORD '" MASK "'"},
		{"create user bob password 's3cr3t' valid until '2030-01-01'",
		 "create user bob password '" MASK "' valid until '2030-01-01'"},
		{"ALTER USER bob WITH ENCRYPTED PASSWORD 'md5abc';",
		 "ALTER USER bob WITH ENCRYPTED PASSWORD '" MASK "';"},
		{"ALTER ROLE bob PASSWORD 'SCRAM-SHA-256$4096:salt$stored:server'",
		 "ALTER ROLE bob PASSWORD '" MASK "'"},
		{"ALTER ROLE bob PASSWORD'x'", "ALTER ROLE bob PASSWORD'" MASK "'"},
		{"ALTER ROLE bob PASSWORD\n\t-- don't look\n 'x'",
		 "ALTER ROLE bob PASSWORD\n\t-- don't look\n '" MASK "'"},
		{"ALTER ROLE bob PASSWORD /* it's /* nested */ */ 'x' ",
		 "ALTER ROLE bob PASSWORD /* it's /* nested */ */ '" MASK "' "},
		{"ALTER ROLE bob PASSWORD 'it''s' CONNECTION LIMIT 3",
		 "ALTER ROLE bob PASSWORD '" MASK "' CONNECTION LIMIT 3"},
		{"ALTER ROLE bob PASSWORD '''x'''", "ALTER ROLE bob PASSWORD '" MASK "'"},
		{"ALTER ROLE bob PASSWORD 'back\\' VALID UNTIL 'x'",
		 "ALTER ROLE bob PASSWORD '" MASK "' VALID UNTIL 'x'"},
		{"ALTER ROLE bob PASSWORD E'a\\'b\\\\' VALID UNTIL 'x'",
		 "ALTER ROLE bob PASSWORD E'" MASK "' VALID UNTIL 'x'"},
		{"ALTER ROLE bob PASSWORD e'a''b'", "ALTER ROLE bob PASSWORD e'" MASK "'"},
		{"ALTER ROLE bob PASSWORD U&'d\\0061t' UESCAPE '!'",
		 "ALTER ROLE bob PASSWORD U&'" MASK "' UESCAPE '!'"},
		{"ALTER ROLE bob PASSWORD $$it's$$ NOLOGIN",
		 "ALTER ROLE bob PASSWORD $$" MASK "$$ NOLOGIN"},
		{"ALTER ROLE bob PASSWORD $a$x$b$y$a$", "ALTER ROLE bob PASSWORD $a$" MASK "$a$"},
		{"ALTER ROLE bob PASSWORD 'one'\n  'two' NOLOGIN",
		 "ALTER ROLE bob PASSWORD '" MASK "'\n  '" MASK "' NOLOGIN"},
		{"ALTER ROLE \"o'b\" PASSWORD 'x'", "ALTER ROLE \"o'b\" PASSWORD '" MASK "'"},
		{"ALTER ROLE bob PASSWORD s3cr3t NOLOGIN", "ALTER ROLE bob PASSWORD " MASK " NOLOGIN"},
		{"CREATE USER bob PASSWORD \"s3cr3t\";SELECT a",
		 "CREATE USER bob PASSWORD " MASK ";SELECT a"},
		{"CREATE USER bob IDENTIFIED BY s3cr3t", "CREATE USER bob IDENTIFIED BY " MASK},
		{"SET app.\"password\" = 'x'", "SET app.\"password\" = '" MASK "'"},
		{"SET my.app_password TO 'x'", "SET my.app_password TO '" MASK "'"},
		{"ALTER DATABASE d SET my.secret = 'x'", "ALTER DATABASE d SET my.secret = '" MASK "'"},
	};

	CHECK(cases);
}

static void
connections_and_options(void **state)
{
	static const Case cases[] = {
		{"CREATE SUBSCRIPTION s CONNECTION 'host=h password=s3cr3t dbname=d' PUBLICATION p",
		 "CREATE SUBSCRIPTION s CONNECTION 'host=h password=" MASK " dbname=d' PUBLICATION p"},
		{"CREATE SUBSCRIPTION s CONNECTION 'host=h password=s3cr3t' PUBLICATION p",
		 "CREATE SUBSCRIPTION s CONNECTION 'host=h password=" MASK "' PUBLICATION p"},
		{"CREATE SUBSCRIPTION s CONNECTION 'password = ''a b''''c\\''d'' dbname=d' PUBLICATION p",
		 "CREATE SUBSCRIPTION s CONNECTION 'password = ''" MASK "'' dbname=d' PUBLICATION p"},
		{"CREATE SUBSCRIPTION s CONNECTION 'password=a\\ b,c;d&e) sslpassword=f'",
		 "CREATE SUBSCRIPTION s CONNECTION 'password=" MASK " sslpassword=" MASK "'"},
		{"ALTER SUBSCRIPTION s CONNECTION $$host=h PASSWORD=x$$",
		 "ALTER SUBSCRIPTION s CONNECTION $$host=h PASSWORD=" MASK},
		{"ALTER SYSTEM SET primary_conninfo = 'postgresql://bob:s3c?r3t@h1:5432,h2/db?x=1'",
		 "ALTER SYSTEM SET primary_conninfo = 'postgresql://bob:" MASK "@h1:5432,h2/db?x=1'"},
		{"ALTER SYSTEM SET primary_conninfo = 'postgresql://h/db?user=b&password=x&y=z'",
		 "ALTER SYSTEM SET primary_conninfo = 'postgresql://h/db?user=b&password=" MASK "'"},
		{"CREATE USER MAPPING FOR bob SERVER s OPTIONS (user 'bob', password 'x')",
		 "CREATE USER MAPPING FOR bob SERVER s OPTIONS (user 'bob', password '" MASK "')"},
		{"ALTER USER MAPPING FOR bob SERVER s OPTIONS (SET \"password\" 'x', ADD sslkey '/k')",
		 "ALTER USER MAPPING FOR bob SERVER s OPTIONS (SET \"password\" '" MASK
		 "', ADD sslkey '/k')"},
		{"CREATE SERVER s OPTIONS (host 'h', aws_secret_access_key 'x')",
		 "CREATE SERVER s OPTIONS (host 'h', aws_secret_access_key '" MASK "')"},
		{"SELECT f('{\"user\":\"b\",\"password\": \"a\\\"b\",\"x\":1}')",
		 "SELECT f('{\"user\":\"b\",\"password\": \"" MASK "\",\"x\":1}')"},
		{"CREATE SERVER s OPTIONS (url 'https://host:8443/x', other 'https://host')", NULL},
	};

	CHECK(cases);
}

static void
statements_within_statements(void **state)
{
	static const Case cases[] = {
		{"SELECT f('ALTER ROLE b PASSWORD ''it''''s'' NOLOGIN')",
		 "SELECT f('ALTER ROLE b PASSWORD ''" MASK "'' NOLOGIN')"},
		{"SELECT f('g(''ALTER ROLE b PASSWORD ''''x'''' '')')",
		 "SELECT f('g(''ALTER ROLE b PASSWORD ''''" MASK "'''' '')')"},
		{"SELECT f(E'ALTER ROLE b PASSWORD \\'x\\'')",
		 "SELECT f(E'ALTER ROLE b PASSWORD \\'" MASK "\\'')"},
		{"SELECT f('ALTER ROLE b PASSWORD ' || quote_literal('x')); SELECT 'y'",
		 "SELECT f('ALTER ROLE b PASSWORD ' || quote_literal('" MASK "')); SELECT 'y'"},
		{"SELECT f('ALTER ROLE b PASSWORD ''' || 'x' || '''')",
		 "SELECT f('ALTER ROLE b PASSWORD ''' || '" MASK "' || '" MASK "')"},
		{"SELECT set_config('my.password', 'x', false)",
		 "SELECT set_config('my.password', '" MASK "', false)"},
		{"SELECT set_config('my.password'::text, 'x', false)",
		 "SELECT set_config('my.password'::text, '" MASK "', false)"},
		{"SELECT set_config(CAST('my.password' AS text), 'x', false)",
		 "SELECT set_config(CAST('my.password' AS text), '" MASK "', false)"},
		{"SELECT 1 FROM t WHERE j->>'password' = 'x'",
		 "SELECT 1 FROM t WHERE j->>'password' = '" MASK "'"},
		{"CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN\n"
		 " -- don't\n EXECUTE 'ALTER ROLE b PASSWORD ''x'''; PERFORM 'y'; END $f$ STRICT",
		 "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN\n"
		 " -- don't\n EXECUTE 'ALTER ROLE b PASSWORD ''" MASK "'''; PERFORM 'y'; END $f$ STRICT"},
		{"CREATE FUNCTION f() AS $$ BEGIN EXECUTE format('ALTER ROLE %I PASSWORD %L', 'b', 'x'); "
		 "$$",
		 "CREATE FUNCTION f() AS $$ BEGIN EXECUTE format('ALTER ROLE %I PASSWORD %L', '" MASK
		 "', '" MASK "'); $$"},
		{"DO $$ DECLARE p text := 'x'; BEGIN EXECUTE format('ALTER ROLE b PASSWORD %L', p); END $$",
		 "DO $$ DECLARE p text := '" MASK "'; BEGIN EXECUTE format('" MASK "', p); END $$"},
		{"DO $$ BEGIN PERFORM 'x'; END $$", NULL},
		{"COPY (SELECT 1 FROM u WHERE password = crypt('x', hash)) TO STDOUT",
		 "COPY (SELECT 1 FROM u WHERE password = crypt('" MASK "', hash)) TO STDOUT"},
		{"SELECT f('UPDATE u SET password = crypt(''x'', gen_salt(''bf''))')",
		 "SELECT f('UPDATE u SET password = " MASK "')"},
		{"/* password=x */ VACUUM -- ALTER ROLE b PASSWORD 'y'",
		 "/* password=" MASK " */ VACUUM -- ALTER ROLE b PASSWORD '" MASK "'"},
	};

	CHECK(cases);
}

static void
what_is_no_secret_stays(void **state)
{
	static const Case cases[] = {
		{"", NULL},
		{"SELECT 'x' FROM t WHERE a = 'password'", NULL},
		{"SELECT password, 'x' FROM users WHERE password = $1 AND token IN ($2, $3)", NULL},
		{"SELECT u.password FROM users u JOIN p ON u.password = p.hash", NULL},
		{"SET password_encryption = 'scram-sha-256'", NULL},
		{"ALTER ROLE bob PASSWORD NULL", NULL},
		{"ALTER ROLE bob PASSWORD ''", NULL},
		{"ALTER ROLE bob PASSWORD $1", NULL},
		{"COMMENT ON COLUMN users.password IS 'of the user'", NULL},
		{"CREATE TABLE passwords (password text DEFAULT 'none', \"it's\" int)", NULL},
		{"SELECT $tag$ it's $tag$, 'x' -- isn't it", NULL},
		{"SELECT E'\\'' AS \"password\" FROM t", NULL},
		{"S\xC3\x84LECT \xFF\xFE '\x80'", NULL},
	};

	CHECK(cases);
}

static void
prose(void **state)
{
	static const Case cases[] = {
		{"password authentication failed for user \"bob\"", NULL},
		{"Connection matched pg_hba.conf line 4: \"host all all ::1/128 ldap ldapbindpasswd=s3c "
		 "ldapport=1\"",
		 "Connection matched pg_hba.conf line 4: \"host all all ::1/128 ldap ldapbindpasswd=" MASK
		 " ldapport=1\""},
		{"hostssl all all all radius radiussecrets=\"s3c\"",
		 "hostssl all all all radius radiussecrets=\"" MASK "\""},
		{"it's host=h password='s 3' user=u", "it's host=h password='" MASK "' user=u"},
		{"Output: set_config('my.password'::text, 'x'::text, false)",
		 "Output: set_config('my.password'::text, '" MASK "'::text, false)"},
		{"could not connect to postgres://bob:s3c@h/d: no",
		 "could not connect to postgres://bob:" MASK "@h/d: no"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char out[256];
		bool cut;

		out[SecretsMaskProse(cases[i].before, strlen(cases[i].before), out, sizeof(out) - 1,
							 &cut)] = '\0';
		assert_string_equal(out, cases[i].after ? cases[i].after : cases[i].before);
	}
}

static void
cut_off_texts(void **state)
{
	static const Case cases[] = {
		{"ALTER ROLE bob PASSWORD 's3c", "ALTER ROLE bob PASSWORD '" MASK},
		{"ALTER ROLE bob PASSWORD '", NULL},
		{"ALTER ROLE bob PASSWORD", NULL},
		{"ALTER ROLE bob PASSWORD E's3c\\", "ALTER ROLE bob PASSWORD E'" MASK},
		{"ALTER ROLE bob PASSWORD $x$s3c$x", "ALTER ROLE bob PASSWORD $x$" MASK},
		{"ALTER ROLE bob PASSWORD /* not", NULL},
		{"CREATE SUBSCRIPTION s CONNECTION 'host=h password=s3",
		 "CREATE SUBSCRIPTION s CONNECTION 'host=h password=" MASK},
		{"CREATE SUBSCRIPTION s CONNECTION 'password=''s3",
		 "CREATE SUBSCRIPTION s CONNECTION 'password=''" MASK},
		{"CREATE SUBSCRIPTION s CONNECTION 'postgresql://bob:s3",
		 "CREATE SUBSCRIPTION s CONNECTION 'postgresql://bob:" MASK},
		{"CREATE SUBSCRIPTION s CONNECTION 'postgresql://bob", NULL},
		{"SELECT f('g(''ALTER ROLE b PASSWORD ''''s3",
		 "SELECT f('g(''ALTER ROLE b PASSWORD ''''" MASK},
	};

	CHECK(cases);
}

static void
the_result_fits(void **state)
{
	bool  cut;
	char *out;

	out = masked("SELECT \xC3\xA4\xC3\xB6", 11, 11, &cut);
	assert_string_equal(out, "SELECT \xC3\xA4\xC3\xB6");
	assert_false(cut);
	free(out);

	out = masked("SELECT \xC3\xA4\xC3\xB6", 11, 10, &cut);
	assert_string_equal(out, "SELECT \xC3\xA4");
	assert_true(cut);
	free(out);

	out = masked("SELECT \xF0\x9F\x98\x80", 11, 10, &cut);
	assert_string_equal(out, "SELECT ");
	free(out);

	out = masked("SELECT \xE2\x82\xAC", 10, 10, &cut);
	assert_string_equal(out, "SELECT \xE2\x82\xAC");
	assert_false(cut);
	free(out);

	/* a mask may be longer than what it replaces */
	out = masked("PASSWORD 'x'", 12, 12, &cut);
	assert_string_equal(out, "PASSWORD '**");
	assert_true(cut);
	free(out);

	out = masked("x", 1, 0, &cut);
	assert_string_equal(out, "");
	assert_true(cut);
	free(out);
}

/*
 * Every text of a few pieces, cut at every place: nothing is read or written
 * out of bounds (run it with a sanitizer), and a secret that directly follows
 * PASSWORD in plain code never shows.
 */
static void
no_prefix_shows_a_secret(void **state)
{
	static const char *const texts[] = {
		"ALTER ROLE \"a'b\" PASSWORD 'qqqqqqqq' VALID UNTIL 'x'",
		"/* it's */ ALTER ROLE b -- don't\n PASSWORD E'qqqq\\'qqqq''qqqq'",
		"ALTER ROLE b PASSWORD $q$qqqqqqqq'qqqq$q$",
		"CREATE SUBSCRIPTION s CONNECTION 'host=h user=u password=qqqqqqqq x=y'",
		"CREATE SUBSCRIPTION s CONNECTION 'password=''qqqq qqqq'' x=y'",
		"CREATE SUBSCRIPTION s CONNECTION 'postgresql://u:qqqqqqqq@h/d'",
		"CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'u', \"password\" 'qqqqqqqq')",
		"DO $$ BEGIN EXECUTE 'ALTER ROLE b PASSWORD ''qqqqqqqq'''; END $$",
		"DO $x$ DECLARE p text := 'qqqqqqqq'; BEGIN EXECUTE 'ALTER ROLE b PASSWORD ' || p; END $x$",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		size_t len = strlen(texts[i]);

		for (size_t part = 0; part <= len; part++)
		{
			bool  cut;
			char *out = masked(texts[i], part, 4096, &cut);

			/* a block whose cut leaves the word out cannot be told from others */
			if (strncmp(texts[i], "DO $x$", 6) != 0 || part == len)
				assert_null(strstr(out, "qq"));
			free(out);
		}
	}
}

static void
any_text_is_survived_in_linear_time(void **state)
{
	static const char *const pieces[] = {
		"'",		  "''",		   "\\",		 "$$",
		"$a$",		  "\"",		   "password",	 "=",
		" ",		  "E'",		   "://",		 ":",
		"@",		  "--",		   "\n",		 "/*",
		"*/",		  ";",		   "x",			 "\xC3\xA4",
		"\xF0",		  "%L",		   "(",			 "||",
		"do",		  "secret ",   "to ",		 "password/*",
		"password '", "password$", "password='", "'password ''",
	};

	CHECK_SURVIVAL(pieces);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords_of_roles),
		cmocka_unit_test(connections_and_options),
		cmocka_unit_test(statements_within_statements),
		cmocka_unit_test(what_is_no_secret_stays),
		cmocka_unit_test(prose),
		cmocka_unit_test(cut_off_texts),
		cmocka_unit_test(the_result_fits),
		cmocka_unit_test(no_prefix_shows_a_secret),
		cmocka_unit_test(any_text_is_survived_in_linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
