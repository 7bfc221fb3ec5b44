/*
 * test_url.c
 *		Which addresses are accepted, and what becomes of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/url.h"

static void
accept(const char *text, bool https, const char *host, int port, const char *base)
{
	Url url;

	if (!UrlParse(text, &url))
		fail_msg("\"%s\" was refused: %s", text, url.error);
	assert_null(url.error);
	assert_int_equal(url.https, https);
	assert_string_equal(url.host, host);
	assert_int_equal(url.port, port);
	assert_string_equal(url.base, base);
}

static void
refuse(const char *text, const char *word)
{
	Url url;

	if (UrlParse(text, &url))
		fail_msg("\"%s\" was accepted", text);
	assert_non_null(url.error);
	if (strstr(url.error, word) == NULL)
		fail_msg("\"%s\": \"%s\" does not tell of \"%s\"", text, url.error, word);
}

static void
names_ports_and_prefixes_are_taken_apart(void **state)
{
	accept("https://metrics.example.net", true, "metrics.example.net", 443,
		   "https://metrics.example.net");
	accept("https://h:8443/", true, "h", 8443, "https://h:8443");
	accept("https://h/a/b//", true, "h", 443, "https://h/a/b");
	accept("HTTP://h:80/a%20b", false, "h", 80, "HTTP://h:80/a%20b");
	accept("https://my_host.svc.cluster.local.", true, "my_host.svc.cluster.local.", 443,
		   "https://my_host.svc.cluster.local.");
}

static void
addresses_are_hosts(void **state)
{
	accept("https://192.0.2.1:1", true, "192.0.2.1", 1, "https://192.0.2.1:1");
	accept("https://[::1]:65535/x", true, "::1", 65535, "https://[::1]:65535/x");
	accept("https://[2001:db8::1]", true, "2001:db8::1", 443, "https://[2001:db8::1]");
	refuse("https://192.0.2.256", "IPv4");
	refuse("https://1.2.3", "IPv4");
	refuse("https://[::1", "bracket");
	refuse("https://[::g]", "IPv6");
	refuse("https://[fe80::1%25eth0]", "IPv6");
	refuse("https://[::1]x", "host name");
}

static void
only_http_and_https_are_schemes(void **state)
{
	refuse("", "https://");
	refuse("h", "https://");
	refuse("ftp://h", "https://");
	refuse("https:/h", "https://");
	refuse("//h", "https://");
	refuse("file:///etc/passwd", "https://");
}

static void
bad_hosts_are_refused(void **state)
{
	char text[400];

	refuse("https://", "missing");
	refuse("https:///x", "missing");
	refuse("https://:443", "missing");
	refuse("https://a..b", "host name");
	refuse("https://.a", "host name");
	refuse("https://-a", "host name");
	refuse("https://a-.b", "host name");
	refuse("https://a-", "host name");
	refuse("https://a$b", "host name");
	snprintf(text, sizeof(text), "https://%064d.a", 0);
	refuse(text, "host name");
	snprintf(text, sizeof(text), "https://%0300d", 0);
	refuse(text, "too long");
}

static void
ports_are_1_to_65535(void **state)
{
	refuse("https://h:0", "65535");
	refuse("https://h:65536", "65535");
	refuse("https://h:", "65535");
	refuse("https://h:x", "65535");
	refuse("https://h:-1", "65535");
	refuse("https://h:99999999999999999999", "65535");
	refuse("https://a:b:1", "65535");
}

static void
credentials_are_refused_and_told_apart(void **state)
{
	Url url;

	refuse("https://user:secret@h", "password");
	refuse("https://user@h", "password");
	/* a slash in the password makes the rest look like a path */
	refuse("https://user:se/cret@h", "password");
	assert_false(UrlParse("https://user:secret@h", &url));
	assert_true(url.has_credentials);
	assert_null(strstr(url.error, "secret"));
	assert_false(UrlParse("https://h:0", &url));
	assert_false(url.has_credentials);
}

static void
queries_fragments_and_odd_characters_are_refused(void **state)
{
	refuse("https://h/?a=b", "query");
	refuse("https://h?a", "query");
	refuse("https://h/#x", "fragment");
	refuse("https://h/a b", "spaces");
	refuse(" https://h", "spaces");
	refuse("https://h/\r\nX: y", "control");
	refuse("https://h/\x7f", "control");
	refuse("https://h\xc3\xa4", "ASCII");
	refuse("https://h/%zz", "hexadecimal");
	refuse("https://h/%2", "hexadecimal");
	refuse("https://h/a\\b", "path");
	refuse("https://h/a/../b", "..");
	refuse("https://h/.", "..");
}

static void
a_long_url_is_refused(void **state)
{
	char   text[2 * URL_SIZE];
	size_t length = strlen("https://h/");

	memset(text, 'a', sizeof(text));
	memcpy(text, "https://h/", length);
	text[URL_SIZE - 1] = '\0';
	accept(text, true, "h", 443, text);
	text[URL_SIZE - 1] = 'a';
	text[URL_SIZE] = '\0';
	refuse(text, "too long");
}

static void
joining_makes_exactly_one_slash(void **state)
{
	Url	 url;
	char joined[64];

	assert_true(UrlParse("https://h/p//", &url));
	assert_true(url.has_prefix);
	assert_true(UrlJoin(&url, "/api/v1/push", joined, sizeof(joined)));
	assert_string_equal(joined, "https://h/p/api/v1/push");
	assert_true(UrlParse("https://h/", &url));
	assert_false(url.has_prefix);
	assert_true(UrlJoin(&url, "api", joined, sizeof(joined)));
	assert_string_equal(joined, "https://h/api");
	assert_false(UrlJoin(&url, "api", joined, strlen("https://h/api")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_ports_and_prefixes_are_taken_apart),
		cmocka_unit_test(addresses_are_hosts),
		cmocka_unit_test(only_http_and_https_are_schemes),
		cmocka_unit_test(bad_hosts_are_refused),
		cmocka_unit_test(ports_are_1_to_65535),
		cmocka_unit_test(credentials_are_refused_and_told_apart),
		cmocka_unit_test(queries_fragments_and_odd_characters_are_refused),
		cmocka_unit_test(a_long_url_is_refused),
		cmocka_unit_test(joining_makes_exactly_one_slash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
