/*
 * test_document.c
 *		What a backend may decide, and that it can decide nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/remote.h"
#include "deliver/document.h"
#include "deliver/json_reply.h"

static DocumentLimits limits;
static RemoteConfig	  config;
static char			  error[DOCUMENT_ERROR_SIZE];

static bool
Parse(const char *body)
{
	return DocumentParse(body, strlen(body), "", &limits, &config, error);
}

static int
SetUp(void **state)
{
	for (int i = 0; i < NUM_COLLECTORS; i++)
		limits.floor_s[i] = 10;
	limits.floor_s[COLLECTOR_SYSSTAT] = 1;
	return 0;
}

static void
test_all_that_may_be_asked_for(void **state)
{
	assert_true(Parse("{\"version\":7,\"intervals\":{\"sysstat\":1,\"pg_logs\":86400},"
					  "\"enabled_collectors\":[\"sysstat\",\"pg_logs\"],"
					  "\"filters\":[\"ERROR\",\"debug3\"],\"retention_days\":\"x\","
					  "\"compression\":{},\"backup_interval\":null}"));
	assert_string_equal(error, "");
	assert_int_equal(config.version, 7);
	assert_int_equal(config.interval_s[COLLECTOR_SYSSTAT], 1);
	assert_int_equal(config.interval_s[COLLECTOR_PG_LOG], 86400);
	assert_int_equal(config.interval_s[COLLECTOR_PG_STATS], 0);
	assert_true(config.has_collectors);
	assert_int_equal(config.collectors, 1U << COLLECTOR_SYSSTAT | 1U << COLLECTOR_PG_LOG);
	assert_true(config.has_severities);
	assert_int_equal(config.severities,
					 1U << SeverityByName("ERROR") | 1U << SeverityByName("DEBUG"));
	assert_string_equal(config.ignored, "");
}

static void
test_nothing_is_asked_for(void **state)
{
	assert_true(Parse("{\"version\":0}"));
	assert_false(config.has_collectors);
	assert_false(config.has_severities);
	assert_true(Parse("{\"version\":1,\"intervals\":null,\"log_filters\":null}"));
	assert_true(
		Parse("{\"version\":1,\"intervals\":{\"sysstat\":null,\"pg_log\":null,\"pg_logs\":60}}"));
	assert_int_equal(config.interval_s[COLLECTOR_SYSSTAT], 0);
	assert_int_equal(config.interval_s[COLLECTOR_PG_LOG], 60);
	assert_false(config.has_severities);
	assert_true(Parse("{\"version\":1,\"enabled_collectors\":[]}"));
	assert_true(config.has_collectors);
	assert_int_equal(config.collectors, 0);
	assert_true(Parse("{\"version\":1,\"enabled_collectors\":[\"all\"]}"));
	assert_int_equal(config.collectors, (1U << NUM_COLLECTORS) - 1);
	assert_true(Parse("{\"version\":1,\"log_filters\":[\"all\"]}"));
	assert_int_equal(config.severities, (1U << NUM_SEVERITIES) - 1);
}

static void
test_a_version_may_be_in_a_header(void **state)
{
	const char *body = "{\"intervals\":{}}";

	assert_true(DocumentParse(body, strlen(body), "12", &limits, &config, error));
	assert_int_equal(config.version, 12);
	assert_false(DocumentParse(body, strlen(body), "12a", &limits, &config, error));
	assert_false(
		DocumentParse(body, strlen(body), "99999999999999999999", &limits, &config, error));
	assert_false(Parse(body));
	assert_non_null(strstr(error, "X-Config-Version"));
}

/* One mistake refuses all of it. */
static void
test_what_is_refused(void **state)
{
	static const char *const bodies[] = {
		"",
		"[]",
		"null",
		"{",
		"{\"version\":1}x",
		"{\"version\":\"1\"}",
		"{\"version\":-1}",
		"{\"version\":1.0}",
		"{\"version\":1,\"version\":2}",
		"{\"version\":99999999999999999999}",
		"{\"version\":1,\"intervals\":[]}",
		"{\"version\":1,\"intervals\":{\"sysstat\":0}}",
		"{\"version\":1,\"intervals\":{\"sysstat\":-1}}",
		"{\"version\":1,\"intervals\":{\"sysstat\":86401}}",
		"{\"version\":1,\"intervals\":{\"pg_stats\":9}}",
		"{\"version\":1,\"intervals\":{\"sysstat\":\"60\"}}",
		"{\"version\":1,\"intervals\":{\"sysstat\":60.5}}",
		"{\"version\":1,\"intervals\":{\"sysstat\":1e400}}",
		"{\"version\":1,\"intervals\":{\"sysstat\":true}}",
		"{\"version\":1,\"intervals\":{\"sysstat\":60,\"sysstat\":70}}",
		"{\"version\":1,\"intervals\":{\"pg_log\":60,\"pg_logs\":70}}",
		"{\"version\":1,\"enabled_collectors\":\"all\"}",
		"{\"version\":1,\"enabled_collectors\":[1]}",
		"{\"version\":1,\"enabled_collectors\":{\"sysstat\":true}}",
		"{\"version\":1,\"log_filters\":\"ERROR\"}",
		"{\"version\":1,\"log_filters\":[null]}",
		"{\"version\":1,\"log_filters\":[\"ERROR\"],\"filters\":[\"ERROR\"]}",
		"{\"version\":1,\"x\":\"\\u0000\"}",
		"{\"version\":1,\"x\":\"\xff\"}",
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
	{
		if (Parse(bodies[i]))
			fail_msg("accepted: %s", bodies[i]);
		assert_true(error[0] != '\0');
	}
}

/* Names that mean nothing here are told, in a text of bounded size that is fit for the log. */
static void
test_what_is_ignored(void **state)
{
	char   body[16384];
	size_t used;

	assert_true(Parse("{\"version\":1,\"backend_url\":\"https://evil\",\"statement_timeout\":1,"
					  "\"intervals\":{\"statement_timeout\":0,\"push\":\"x\"},"
					  "\"enabled_collectors\":[\"nothing\"],\"log_filters\":[\"LOUD\\n\"]}"));
	assert_string_equal(config.ignored,
						"backend_url, statement_timeout, intervals.statement_timeout, "
						"intervals.push, enabled_collectors.nothing, log_filters.LOUD ");

	used = (size_t) snprintf(body, sizeof(body), "{\"version\":1");
	for (int i = 0; i < 400; i++)
		used += (size_t) snprintf(body + used, sizeof(body) - used, ",\"some_key_%d\":1", i);
	snprintf(body + used, sizeof(body) - used, "}");
	assert_true(Parse(body));
	assert_true(strlen(config.ignored) < REMOTE_IGNORED_SIZE);
	assert_non_null(strstr(config.ignored, "..."));
}

/* Whatever it is, it costs no more than it may. */
static void
test_hostile_texts(void **state)
{
	static const char *const units[] = {"[", "{\"a\":", "{},", "[],", "\"\",", "1,"};
	static char				 body[JSON_REPLY_SIZE + 2];

	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++)
	{
		size_t unit = strlen(units[u]);
		size_t used = (size_t) snprintf(body, sizeof(body), "{\"version\":1,\"x\":[");

		for (; used + unit < JSON_REPLY_SIZE; used += unit)
			memcpy(body + used, units[u], unit);
		assert_false(DocumentParse(body, used, "", &limits, &config, error));
	}
	/* valid all through, but it would take megabytes */
	strcpy(body, "{\"version\":1,\"x\":[");
	for (size_t used = strlen(body); used < JSON_REPLY_SIZE - 8; used += 3)
		memcpy(body + used, "{},", 4);
	strcat(body, "{}]}");
	assert_false(Parse(body));
	assert_non_null(strstr(error, "memory"));

	memset(body, ' ', sizeof(body));
	memcpy(body, "{\"version\":1}", 13);
	assert_true(DocumentParse(body, JSON_REPLY_SIZE, "", &limits, &config, error));
	assert_false(DocumentParse(body, JSON_REPLY_SIZE + 1, "", &limits, &config, error));
	/* and what was refused left nothing behind that would count */
	assert_true(Parse("{\"version\":2}"));
}

/* ---- the kept form ---- */

static void
test_kept_form(void **state)
{
	static RemoteConfig again;
	char				text[REMOTE_TEXT_SIZE];
	size_t				size;

	assert_true(Parse("{\"version\":7,\"intervals\":{\"sysstat\":60},\"enabled_collectors\":[],"
					  "\"log_filters\":[\"ERROR\",\"PANIC\"],\"surprise\":1}"));
	strcpy(config.etag, "W/\"7\"");
	strcpy(config.source, "an-id https://backend.example.net");
	config.pulled_us = 1771583400000000;
	size = RemoteFormat(&config, text, sizeof(text));
	assert_true(size > 0);
	assert_true(RemoteParse(text, size, &again));
	assert_memory_equal(&again, &config, sizeof(config));

	/* cut anywhere within a line it is no such text */
	for (size_t cut = 0; cut < size; cut++)
	{
		if (cut == 0 || text[cut - 1] != '\n')
			assert_false(RemoteParse(text, cut, &again));
	}
	assert_int_equal(RemoteFormat(&config, text, 40), 0);
}

static void
test_kept_form_of_another_version(void **state)
{
	static const char text[] =
		"pganalytics remote configuration 1\nversion 3\nnew_thing 5\n"
		"interval pg_new 60\ninterval sysstat 60\ncollectors pg_new sysstat\n";
	static const char *const bad[] = {
		"",
		"nonsense\n",
		"pganalytics remote configuration 2\n",
		"pganalytics remote configuration 1\ninterval sysstat 0\n",
		"pganalytics remote configuration 1\ninterval sysstat 86401\n",
		"pganalytics remote configuration 1\ninterval sysstat\n",
		"pganalytics remote configuration 1\nversion x\n",
	};

	assert_true(RemoteParse(text, strlen(text), &config));
	assert_int_equal(config.interval_s[COLLECTOR_SYSSTAT], 60);
	assert_int_equal(config.collectors, 1U << COLLECTOR_SYSSTAT);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(RemoteParse(bad[i], strlen(bad[i]), &config));
}

static void
test_severities(void **state)
{
	assert_int_equal(SeverityByName("DEBUG"), 0);
	assert_int_equal(SeverityByName("debug5"), 0);
	assert_int_equal(SeverityByName("DEBUG6"), -1);
	assert_int_equal(SeverityByName("Panic"), NUM_SEVERITIES - 1);
	assert_int_equal(SeverityByName("PANICS"), -1);
	assert_int_equal(SeverityByName(""), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_that_may_be_asked_for),
		cmocka_unit_test(test_nothing_is_asked_for),
		cmocka_unit_test(test_a_version_may_be_in_a_header),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_what_is_ignored),
		cmocka_unit_test(test_hostile_texts),
		cmocka_unit_test(test_kept_form),
		cmocka_unit_test(test_kept_form_of_another_version),
		cmocka_unit_test(test_severities),
	};

	return cmocka_run_group_tests(tests, SetUp, NULL);
}
