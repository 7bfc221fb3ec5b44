/*
 * test_reply.c
 *		What a backend's reply means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "deliver/reply.h"
#include "deliver/tlserror.h"

/* Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 */
#define THEN 784111777

static void
action(int status, ReplyAction expected)
{
	const ReplyRule *rule = ReplyRuleFor(status);

	if (rule->action != expected)
		fail_msg("%d: %d instead of %d", status, rule->action, expected);
	assert_non_null(rule->meaning);
}

static void
every_status_has_its_action(void **state)
{
	action(200, REPLY_DELIVERED);
	action(204, REPLY_DELIVERED);
	action(299, REPLY_DELIVERED);
	action(301, REPLY_REDIRECTED);
	action(304, REPLY_REDIRECTED);
	action(307, REPLY_REDIRECTED);
	action(400, REPLY_REJECTED);
	action(401, REPLY_RENEW_TOKEN);
	action(403, REPLY_FORBIDDEN);
	action(404, REPLY_ASTRAY);
	action(405, REPLY_ASTRAY);
	action(406, REPLY_REJECTED);
	action(408, REPLY_SUSPECT);
	action(409, REPLY_REJECTED);
	action(413, REPLY_SPLIT);
	action(415, REPLY_SEND_PLAIN);
	action(421, REPLY_ASTRAY);
	action(422, REPLY_REJECTED);
	action(425, REPLY_RETRY);
	action(429, REPLY_RETRY);
	action(431, REPLY_ASTRAY);
	action(499, REPLY_REJECTED);
	action(500, REPLY_SUSPECT);
	action(503, REPLY_SUSPECT);
	action(599, REPLY_SUSPECT);
}

static void
no_status_is_lost(void **state)
{
	for (int status = -1; status < 1100; status++)
	{
		ReplyAction answer = ReplyRuleFor(status)->action;

		if (status < 200 || status > 599)
			assert_int_equal(answer, REPLY_RETRY);
		assert_true((answer == REPLY_DELIVERED) == (status >= 200 && status <= 299));
	}
}

static bool
ours(const char *body)
{
	return ReplyBodyIsOurs(body, strlen(body));
}

static void
an_empty_body_or_an_object_is_a_backends(void **state)
{
	assert_true(ours(""));
	assert_true(ours(" \r\n\t"));
	assert_true(ours("{}"));
	assert_true(ours("\n { \"status\":\"success\"}"));
	/* cut at 256 kB it is still the beginning of one */
	assert_true(ours("{\"status\":\"suc"));
}

static void
anything_else_is_not(void **state)
{
	assert_false(ours("<!DOCTYPE html>"));
	assert_false(ours("ok"));
	assert_false(ours("[]"));
	assert_false(ours("\"x\""));
	assert_false(ours("{"));
	assert_false(ours("{{ template }}"));
	assert_false(ours("{color:red}"));
	assert_false(ReplyBodyIsOurs("\0{}", 3));
}

static void
retry_after_in_seconds(void **state)
{
	assert_int_equal(RetryAfterSeconds("120", THEN), 120);
	assert_int_equal(RetryAfterSeconds(" 1 \r\n", THEN), 1);
	assert_int_equal(RetryAfterSeconds("0", THEN), 0);
	assert_int_equal(RetryAfterSeconds("3601", THEN), RETRY_AFTER_LIMIT_S);
	assert_int_equal(RetryAfterSeconds("99999999999999999999999", THEN), RETRY_AFTER_LIMIT_S);
}

static void
retry_after_as_a_date(void **state)
{
	assert_int_equal(RetryAfterSeconds("Sun, 06 Nov 1994 08:49:37 GMT", THEN - 60), 60);
	assert_int_equal(RetryAfterSeconds("Sunday, 06-Nov-94 08:49:37 GMT", THEN - 60), 60);
	assert_int_equal(RetryAfterSeconds("Sun Nov  6 08:49:37 1994", THEN - 60), 60);
	assert_int_equal(RetryAfterSeconds("Sun Nov 16 08:49:37 1994", THEN), RETRY_AFTER_LIMIT_S);
	assert_int_equal(RetryAfterSeconds("Sun, 06 Nov 1994 08:49:37 GMT\r\n", THEN - 5), 5);
}

static void
two_digit_years_are_near(void **state)
{
	/* 2026-02-20 10:30:00 */
	assert_int_equal(RetryAfterSeconds("Friday, 20-Feb-26 10:31:00 GMT", 1771583400), 60);
	assert_int_equal(RetryAfterSeconds("Sunday, 06-Nov-94 08:49:37 GMT", 1771583400), 0);
}

static void
useless_retry_after_is_ignored(void **state)
{
	static const char *const useless[] = {
		"",
		" ",
		"-5",
		"+5",
		"1.5",
		"5s",
		"soon",
		"0x10",
		"Thu, 01 Jan 1970 00:00:00 GMT",
		"Sun, 06 Nov 1994 08:49:37 GMT", /* now */
		"Sun, 06 Nov 2094 08:49:37",
		"Sun, 06 Nov 2094 08:49:37 GM",
		"Sun, 06 Nov 2094 08:49:37 GMTX",
		"Sun, 06 Foo 2094 08:49:37 GMT",
		"Sun, 66 Nov 2094 08:49:37 GMT",
		"Sun, 00 Nov 2094 08:49:37 GMT",
		"Sun, 06 Nov 2094 25:49:37 GMT",
		"Sun, 06 Nov 2094 08:61:37 GMT",
		"06 Nov 2094 08:49:37 GMT",
		",",
		"Sunday,",
		"Sun Nov",
		"2094-11-06T08:49:37Z",
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	};

	for (size_t i = 0; i < sizeof(useless) / sizeof(useless[0]); i++)
	{
		if (RetryAfterSeconds(useless[i], THEN) != 0)
			fail_msg("\"%s\" was used", useless[i]);
	}
}

static void
an_excerpt_is_short_and_printable(void **state)
{
	char excerpt[32];

	ReplyExcerpt(excerpt, sizeof(excerpt), "a\nb\x1b[0m\x7f\xc3\xa4\xe2\x82\xac.", 200);
	assert_string_equal(excerpt, "a b?[0m???.");
	ReplyExcerpt(excerpt, sizeof(excerpt), "abcdef", 3);
	assert_string_equal(excerpt, "abc");
	ReplyExcerpt(excerpt, 4, "abcdef", 200);
	assert_string_equal(excerpt, "abc");
	ReplyExcerpt(excerpt, 1, "abcdef", 200);
	assert_string_equal(excerpt, "");
}

static void
words_of_openssl_are_explained(void **state)
{
	const TlsMeaning *required = TlsErrorMeaning("OpenSSL SSL_read: error:0A00045C:SSL routines::"
												 "tlsv13 alert certificate required, errno 0");

	assert_non_null(required);
	assert_non_null(strstr(required->text, "tls_cert_file"));
	assert_string_equal(
		TlsErrorMeaning("error:0A00042E:SSL routines::tlsv1 alert protocol version")->text,
		"the backend does not offer TLS 1.3");
	assert_string_equal(TlsErrorMeaning("error:0A00010B:SSL routines::wrong version number")->text,
						"the backend does not speak TLS on this port");
	assert_null(TlsErrorMeaning("Failed to connect to localhost port 1: Connection refused"));
	assert_null(TlsErrorMeaning(""));
	assert_false(required->refuses_certificate);
	assert_true(TlsErrorMeaning("SSL routines::tlsv1 alert unknown ca")->refuses_certificate);
}

static void
pages_about_tls_are_explained(void **state)
{
	const char *page =
		"<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>";

	assert_non_null(strstr(TlsPageMeaning(page)->text, "tls_cert_file"));
	assert_true(
		TlsPageMeaning("<title>400 The SSL certificate error</title>")->refuses_certificate);
	assert_non_null(TlsPageMeaning("Client sent an HTTP request to an HTTPS server.\n"));
	assert_null(TlsPageMeaning("{\"message\":\"No required SSL certificate was sent\"}"));
	assert_null(TlsPageMeaning("<html><head><title>400 Bad Request</title></head></html>"));
	assert_null(TlsPageMeaning(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_status_has_its_action),
		cmocka_unit_test(no_status_is_lost),
		cmocka_unit_test(an_empty_body_or_an_object_is_a_backends),
		cmocka_unit_test(anything_else_is_not),
		cmocka_unit_test(retry_after_in_seconds),
		cmocka_unit_test(retry_after_as_a_date),
		cmocka_unit_test(two_digit_years_are_near),
		cmocka_unit_test(useless_retry_after_is_ignored),
		cmocka_unit_test(an_excerpt_is_short_and_printable),
		cmocka_unit_test(words_of_openssl_are_explained),
		cmocka_unit_test(pages_about_tls_are_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
