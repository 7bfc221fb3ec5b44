/*
 * test_log_redact.c
 *		What leaves the server of an entry, by setting; and how much of it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/redact.h"

#define MAX_ROOM 65536

static char		buffer[REDACTOR_BUFFER_SIZE(MAX_ROOM)];
static char		scratch[REDACTOR_BUFFER_SIZE(MAX_ROOM)];
static Meaning	meaning;
static Redacted redacted;

typedef struct Options
{
	LogRedact mode;
	bool	  foreign; /* messages are in another language */
	LogWord	  level;   /* WORD_NONE: ERROR */
	size_t	  room;	   /* 0: plenty */
} Options;

static void
redact(Options options, const char *sqlstate, LogField field, const char *text,
	   const char *statement)
{
	Redactor redactor = {.mode = options.mode,
						 .english = !options.foreign,
						 .room = options.room ? options.room : MAX_ROOM,
						 .buffer = buffer,
						 .scratch = scratch};
	LogEntry entry = {.level = options.level ? options.level : WORD_ERROR};

	entry.text[LOG_MESSAGE] = (LogText){"x", 1};
	entry.text[field] = (LogText){(char *) text, strlen(text)};
	if (sqlstate)
		entry.text[LOG_SQLSTATE] = (LogText){(char *) sqlstate, 5};
	if (statement)
		entry.text[LOG_STATEMENT] = (LogText){(char *) statement, strlen(statement)};
	LogClassify(&entry, &meaning);
	LogRedactEntry(&redactor, &entry, &meaning, &redacted);
	assert_true(redactor.used <= sizeof(buffer));
}

/* As a C string; NULL: it is not sent. */
static const char *
result(LogField field)
{
	static char	   copy[MAX_ROOM + 64];
	const LogText *text = &redacted.part[field];

	if (text->data == NULL)
		return NULL;
	memcpy(copy, text->data, text->len);
	copy[text->len] = '\0';
	return copy;
}

static const char *
redacted_text(Options options, LogField field, const char *text)
{
	redact(options, NULL, field, text, NULL);
	return result(field);
}

static void
statements(void **state)
{
	const char *sql = "SELECT 'x', 1";

	assert_string_equal(redacted_text((Options){LOG_REDACT_NONE}, LOG_STATEMENT, sql), sql);
	assert_string_equal(redacted_text((Options){LOG_REDACT_PARAMETERS}, LOG_STATEMENT, sql),
						"SELECT $1, $2");
	assert_null(redacted_text((Options){LOG_REDACT_STATEMENTS}, LOG_STATEMENT, sql));
	assert_string_equal(redacted_text((Options){LOG_REDACT_STATEMENTS}, LOG_MESSAGE,
									  "duration: 1.000 ms  statement: SELECT 'x'"),
						"duration: 1.000 ms  statement: ?");
	assert_null(redacted.capture[2].data);
	assert_string_equal(
		redacted_text((Options){LOG_REDACT_STATEMENTS}, LOG_CONTEXT,
					  "SQL statement \"SELECT 'x'\"\nPL/pgSQL function f() line 3 at EXECUTE"),
		"SQL statement \"?\"\nPL/pgSQL function f() line 3 at EXECUTE");
}

static void
passwords_go_whatever_the_setting(void **state)
{
	static const struct
	{
		LogField	field;
		const char *text;
	} cases[] = {
		{LOG_STATEMENT, "ALTER ROLE b PASSWORD 'qqqq'"},
		{LOG_STATEMENT, "ALTER ROLE b PASSWORD qqqq"},
		{LOG_STATEMENT, "CREATE USER b IDENTIFIED BY \"qqqq\""},
		{LOG_STATEMENT, "CREATE USER MAPPING FOR b SERVER s OPTIONS (password 'qqqq')"},
		{LOG_MESSAGE, "statement: ALTER ROLE b PASSWORD 'qqqq'"},
		{LOG_MESSAGE,
		 "duration: 1.000 ms  statement: CREATE SUBSCRIPTION s CONNECTION "
		 "'password=qqqq' PUBLICATION p"},
		{LOG_MESSAGE, "could not connect to the primary server: postgres://u:qqqq@h: no"},
		{LOG_MESSAGE, "parameter \"primary_conninfo\" changed to \"host=h password=qqqq\""},
		{LOG_MESSAGE, "somebody wrote password=qqqq and secret: qqqq"},
		{LOG_MESSAGE,
		 "duration: 1.000 ms  plan:\nQuery Text: SELECT dblink('password=qqqq')\nResult  "
		 "(cost=0.00..0.01 rows=1 width=4)\n  Output: dblink('password=qqqq'::text)"},
		{LOG_DETAIL,
		 "Connection matched pg_hba.conf line 4: \"host all all all ldap ldapbindpasswd=qqqq\""},
		{LOG_DETAIL, "prepare: PREPARE p AS SELECT dblink('password=qqqq')"},
		{LOG_DETAIL, "The failed archive command was: put --secret-key=qqqq x"},
		{LOG_DETAIL, "Failed process was running: ALTER ROLE b PASSWORD 'qqqq'"},
		{LOG_CONTEXT, "SQL statement \"ALTER ROLE b PASSWORD 'qqqq'\""},
		{LOG_HINT, "Use password=qqqq."},
		{LOG_QUERY, "ALTER ROLE b PASSWORD 'qqqq'"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		for (int mode = LOG_REDACT_NONE; mode <= LOG_REDACT_STATEMENTS; mode++)
		{
			redact((Options){mode}, NULL, cases[i].field, cases[i].text, NULL);
			for (size_t k = 0; k + 4 <= sizeof(buffer); k++)
				assert_memory_not_equal(buffer + k, "qqqq", 4);
			memset(buffer, 0, sizeof(buffer));
		}
	}
	redact((Options){LOG_REDACT_NONE}, "42601", LOG_MESSAGE, "syntax error at or near \"qqqq\"",
		   "ALTER ROLE b PASSWORD qqqq");
	assert_string_equal(result(LOG_MESSAGE), "syntax error at or near \"?\"");
	redact((Options){LOG_REDACT_NONE}, "42601", LOG_MESSAGE, "syntax error at or near \"x\"",
		   "SELECT x x x");
	assert_string_equal(result(LOG_MESSAGE), "syntax error at or near \"x\"");
}

static void
values(void **state)
{
	static const struct
	{
		LogField	field;
		const char *text;
		const char *expected;
	} cases[] = {
		{LOG_DETAIL, "Key (email)=(a)=(b)) already exists.", "Key (email)=(?) already exists."},
		{LOG_DETAIL, "Key (lower(email), id)=(x, 1) already exists.",
		 "Key (lower(email), id)=(?) already exists."},
		{LOG_DETAIL, "Key (a)=(line\nbreak) is not present in table \"t\".",
		 "Key (a)=(?) is not present in table \"t\"."},
		{LOG_DETAIL, "Failing row contains (1, two\nthree).", "Failing row contains ?."},
		{LOG_DETAIL, "parameters: $1 = 'it''s', $2 = NULL, $3 = 'x\ny'",
		 "parameters: $1 = ?, $2 = NULL, $3 = ?"},
		{LOG_DETAIL, "Parameters: $1 = 'a...', $2 = 'b", "Parameters: $1 = ?, $2 = ?"},
		{LOG_DETAIL, "Parameters: $1 = broken secret", "Parameters: $1 = ?"},
		{LOG_DETAIL, "Something \"quoted\" and 42 and (x)=(y z",
		 "Something \"?\" and ? and (x)=(?"},
		{LOG_DETAIL, "line 1: Start tag expected\nsecret\n^", "line 1: ?"},
		{LOG_CONTEXT, "COPY t, line 3, column a: \"x\"y\"", "COPY t, line 3, column a: \"?\""},
		{LOG_CONTEXT, "JSON data, line 1: {\"a\":secret...", "JSON data, line 1: ?"},
		{LOG_CONTEXT, "unnamed portal with parameters: $1 = 'x'",
		 "unnamed portal with parameters: $1 = ?"},
		{LOG_CONTEXT, "unnamed portal parameter $1 = 'x'", "unnamed portal parameter $1 = ?"},
		{LOG_CONTEXT, "something of an extension: 'x' 42", "something of an extension: '?' ?"},
		{LOG_CONTEXT, "SQL statement \"SELECT 'a\nCOPY t, line 1: x'\"",
		 "SQL statement \"SELECT $1\""},
		{LOG_HINT, "Perhaps you meant \"users.email\", not \"bob smith\".",
		 "Perhaps you meant \"users.email\", not \"?\"."},
		{LOG_MESSAGE, "column \"email\" does not exist", "column \"email\" does not exist"},
		{LOG_MESSAGE, "column \"bob@example.net\" does not exist", "column \"?\" does not exist"},
		{LOG_MESSAGE, "nobody knows \"a\" or 'b' or it's", "nobody knows \"?\" or '?' or it's"},
		{LOG_MESSAGE, "nobody knows 'b", "nobody knows '?"},
		{LOG_MESSAGE, "Anweisung: select a from b where c = 4711",
		 "Anweisung: select a from b where c = ?"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		assert_string_equal(
			redacted_text((Options){LOG_REDACT_PARAMETERS}, cases[i].field, cases[i].text),
			cases[i].expected);
		assert_string_equal(
			redacted_text((Options){LOG_REDACT_NONE}, cases[i].field, cases[i].text),
			cases[i].text);
	}
}

/* In other languages a message may be a statement behind words that nobody knows. */
static void
other_languages(void **state)
{
	Options foreign = {LOG_REDACT_PARAMETERS, .foreign = true};

	assert_string_equal(
		redacted_text(foreign, LOG_MESSAGE, "Dauer: 1.5 ms  Anweisung: SELECT 'x', 42, a1 FROM t"),
		"Dauer: ? ms  Anweisung: SELECT '?', ?, a1 FROM t");
	assert_string_equal(
		redacted_text(foreign, LOG_MESSAGE, "Anweisung: SELECT E'it\\'s secret', 5"),
		"Anweisung: SELECT E'?', ?");
	assert_string_equal(redacted_text(foreign, LOG_MESSAGE, "Anweisung: SELECT $$secret$$"),
						"Anweisung: SELECT ?");
	assert_string_equal(
		redacted_text(foreign, LOG_MESSAGE,
					  "la valeur d'une clé dupliquée rompt la contrainte « t_pkey »"),
		"la valeur d'une clé dupliquée rompt la contrainte «?»");
	assert_string_equal(
		redacted_text(foreign, LOG_DETAIL, "Schlüssel »(email)=(bob)« existiert bereits."),
		"Schlüssel »?« existiert bereits.");
	assert_string_equal(redacted_text(foreign, LOG_DETAIL, "Ya existe la llave (email)=(bob)."),
						"Ya existe la llave (email)=(?).");
	/* LATIN1 */
	assert_string_equal(redacted_text(foreign, LOG_MESSAGE, "la contrainte \xAB secret \xBB"),
						"la contrainte \xAB?\xBB");
}

static void
statements_of_other_languages(void **state)
{
	Options foreign = {LOG_REDACT_STATEMENTS, .foreign = true, .level = WORD_LOG};

	assert_string_equal(redacted_text(foreign, LOG_MESSAGE, "Dauer: 1.5 ms  Anweisung: CALL f(x)"),
						"Dauer: ?");
	assert_string_equal(redacted_text(foreign, LOG_MESSAGE, "语句：CALL f(x)"), "语句：?");
	assert_string_equal(redacted_text(foreign, LOG_DETAIL,
									  "Prozess 1 wartet auf Prozess 2.\nProzess 1: TABLE a\nb"),
						"Prozess ? wartet auf Prozess ?.\nProzess ?: ?");
	assert_string_equal(redacted_text(foreign, LOG_CONTEXT, "entfernter SQL-Befehl: TABLE a"),
						"entfernter SQL-Befehl: ?");
	assert_string_equal(redacted_text(foreign, LOG_MESSAGE, "Verbindung verloren"),
						"Verbindung verloren");
	foreign.level = WORD_ERROR;
	assert_string_equal(redacted_text(foreign, LOG_MESSAGE, "fehlgeschlagen: Platte voll"),
						"fehlgeschlagen: Platte voll");
	/* a session of a server that speaks English */
	assert_string_equal(redacted_text((Options){LOG_REDACT_STATEMENTS, .level = WORD_LOG},
									  LOG_MESSAGE, "Anweisung: SELECT a FROM t"),
						"Anweisung: ?");
	assert_string_equal(redacted_text((Options){LOG_REDACT_STATEMENTS, .level = WORD_LOG},
									  LOG_MESSAGE, "autoprewarm: all done"),
						"autoprewarm: all done");
}

/* A literal may look like a node of the plan, and the name of a table hold an apostrophe. */
static void
what_looks_like_a_node(void **state)
{
	static const char *const plans[] = {
		"Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n"
		"  Filter: (note = 'x  (cost=0) qqqq'::text)",
		"Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n"
		"  Filter: (note = 'x\n  (cost=0)\nqqqq'::text)",
		"Seq Scan on \"it's\"  (cost=0.00..1.00 rows=1 width=4)\n"
		"  Filter: (note = 'qqqq'::text)",
	};

	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
	{
		char text[512];

		snprintf(text, sizeof(text), "duration: 1.000 ms  plan:\nQuery Text: SELECT 1\n%s",
				 plans[i]);
		redact((Options){LOG_REDACT_PARAMETERS}, NULL, LOG_MESSAGE, text, NULL);
		assert_non_null(redacted.capture[2].data);
		assert_null(memmem(buffer, sizeof(buffer), "qqqq", 4));
		memset(buffer, 0, sizeof(buffer));
	}
}

static bool
ends_with(const char *text, const char *end)
{
	return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

static void
an_entry_is_cut(void **state)
{
	static char text[40000];
	size_t		total = 0;
	Options		small = {LOG_REDACT_NONE, .room = 1000};

	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "ä", 2);
	assert_true(ends_with(redacted_text(small, LOG_MESSAGE, text), "ä…"));
	assert_true(redacted.cut);
	assert_int_equal(redacted.part[LOG_MESSAGE].len, 1000 + strlen("…"));

	/* what is left goes to the other texts */
	redact(small, NULL, LOG_DETAIL, text, text);
	assert_string_equal(result(LOG_MESSAGE), "x");
	assert_true(ends_with(result(LOG_DETAIL), "…"));
	assert_string_equal(result(LOG_STATEMENT), "…");
	for (int i = 0; i < NUM_LOG_FIELDS; i++)
		total += redacted.part[i].len;
	assert_true(total <= 1000 + REDACTED_MARKS);

	redact((Options){LOG_REDACT_NONE}, NULL, LOG_MESSAGE, "short", NULL);
	assert_false(redacted.cut);
}

static void
a_long_plan_is_cut(void **state)
{
	static char				 text[40000];
	static const char *const starts[] = {
		"duration: 1.000 ms  plan:\nQuery Text: SELECT 'x'\nSeq Scan on t  (cost=0.00..1.00 rows=1 "
		"width=4)\n  Filter: ",
		"duration: 1.000 ms  plan:\n{\"Query Text\": \"SELECT 'x'\", \"Plan\": {\"Filter\": \"",
		"duration: 1.000 ms  plan:\n<explain><Query-Text>SELECT 'x'</Query-Text><Plan><Filter>",
		"duration: 1.000 ms  plan:\nQuery Text: \"SELECT 'x'\"\nPlan: \n  Filter: \"",
	};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
	{
		snprintf(text, sizeof(text), "%s", starts[i]);
		memset(text + strlen(starts[i]), 'a', sizeof(text) - strlen(starts[i]) - 1);
		text[sizeof(text) - 1] = '\0';
		redact((Options){LOG_REDACT_PARAMETERS, .room = 1000}, NULL, LOG_MESSAGE, text, NULL);
		assert_true(redacted.cut);
		assert_int_equal(redacted.query.len, strlen("SELECT $1"));
		assert_memory_equal(redacted.query.data, "SELECT $1", redacted.query.len);
		assert_string_equal(result(LOG_MESSAGE), "duration: 1.000 ms  plan:");
	}
}

static void
any_text_takes_linear_time(void **state)
{
	static const char *const pieces[] = {
		"'",
		"\"",
		"=(",
		"«",
		"1 ",
		"\n",
		"Process 1: ",
		"Process 1: '\n",
		"SQL statement \"\n",
		"COPY t, line 1: \"\n",
		"duration: 1 ms  plan:\n",
		"  Filter: '\n",
		"  x: (a = '\n",
		"{\"a\":\"",
		"<a>",
		"password=",
		"$$",
		"\\'",
	};
	size_t size = 256 * 1024;
	char  *text = malloc(size + 1);

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
	{
		size_t len = strlen(pieces[i]);
		size_t at = 0;

		for (; at + len <= size; at += len)
			memcpy(text + at, pieces[i], len);
		text[at] = '\0';
		redact((Options){LOG_REDACT_PARAMETERS}, "40P01", LOG_DETAIL, text, NULL);
		redact((Options){LOG_REDACT_PARAMETERS}, NULL, LOG_CONTEXT, text, NULL);
		redact((Options){LOG_REDACT_PARAMETERS, .foreign = true}, NULL, LOG_MESSAGE, text, NULL);
		if (at > 100)
			memcpy(text, "duration: 1.000 ms  plan:\n", 26);
		redact((Options){LOG_REDACT_PARAMETERS}, NULL, LOG_MESSAGE, text, NULL);
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statements),
		cmocka_unit_test(passwords_go_whatever_the_setting),
		cmocka_unit_test(values),
		cmocka_unit_test(other_languages),
		cmocka_unit_test(an_entry_is_cut),
		cmocka_unit_test(statements_of_other_languages),
		cmocka_unit_test(what_looks_like_a_node),
		cmocka_unit_test(a_long_plan_is_cut),
		cmocka_unit_test(any_text_takes_linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
