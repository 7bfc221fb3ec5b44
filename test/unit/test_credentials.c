/*
 * test_credentials.c
 *		What a registration gives, as it arrives and as it is kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/credentials.h"
#include "deliver/grant.h"

#define CERTIFICATE "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
#define KEY "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\n"
#define JSON_CERTIFICATE "-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----"
#define JSON_KEY "-----BEGIN EC PRIVATE KEY-----\\nMHcC\\n-----END EC PRIVATE KEY-----"
#define TOKEN "\"token\":\"a.b.c\",\"expires_at\":\"2026-02-20T10:30:00Z\""

static Credentials given;
static Credentials kept;
static char		   text[CREDENTIALS_SIZE];
static char		   error[GRANT_ERROR_SIZE];

static bool
Grant(const char *body)
{
	memset(&given, 0, sizeof(given));
	return GrantParse(body, strlen(body), &given, error);
}

static void
test_times(void **state)
{
	assert_int_equal(ParseTime("1970-01-01T00:00:00Z"), 0);
	assert_int_equal(ParseTime("2026-02-20T10:30:00.000000Z"), 1771583400);
	assert_int_equal(ParseTime("2026-02-20t10:30:00z"), 1771583400);
	assert_int_equal(ParseTime("2026-02-20T12:30:00+02:00"), 1771583400);
	assert_int_equal(ParseTime("2026-02-20 05:00:00.5-05:30"), 1771583400);
	for (const char *const *p =
			 (const char *const[]){"", "2026", "2026-02-20", "2026-13-20T10:30:00Z",
								   "2026-02-20T10:30:00", "2026-02-20T10:30:00Zx",
								   "2026-02-20T10:30Z", "1771583400", "2026-02-20T25:30:00Z",
								   "2026-02-20T10:30:00+2:00", "0000-00-00T00:00:00Z", NULL};
		 *p; p++)
		assert_int_equal(ParseTime(*p), -1);
}

static void
test_grants(void **state)
{
	assert_true(Grant("{\"collector_id\":\"6f1c\",\"token\":\"a.b.c\","
					  "\"expires_at\":\"2026-02-20T10:30:00Z\"}"));
	assert_string_equal(given.collector_id, "6f1c");
	assert_string_equal(given.token, "a.b.c");
	assert_int_equal(given.expires_at, 1771583400);
	assert_string_equal(given.certificate, "");

	assert_true(
		Grant("{\"id\":\"6f1c\",\"token\":\"a.b.c\",\"expires_at\":\"2026-02-20T10:30:00Z\","
			  "\"cert\":\"" JSON_CERTIFICATE "\",\"key\":\"" JSON_KEY "\"}"));
	assert_string_equal(given.certificate, CERTIFICATE);
	assert_string_equal(given.private_key, KEY);

	/* null is as good as absent */
	assert_true(Grant("{\"collector_id\":null,\"id\":\"6f1c\",\"token\":\"a.b.c\","
					  "\"expires_at\":\"2026-02-20T10:30:00Z\",\"certificate\":null,"
					  "\"private_key\":null}"));
	assert_string_equal(given.collector_id, "6f1c");
	assert_string_equal(given.certificate, "");
}

/* What openssl writes around certificates and keys is left out. */
static void
test_pem_with_more_in_it(void **state)
{
	assert_true(Grant("{\"collector_id\":\"a\"," TOKEN
					  ",\"certificate\":\"\\nCertificate:\\n    Data:\\n"
					  "" JSON_CERTIFICATE "\\nsubject=CN = ca\\n" JSON_CERTIFICATE "\","
					  "\"private_key\":\"-----BEGIN EC PARAMETERS-----\\nBggq\\n-----END EC "
					  "PARAMETERS-----\\n" JSON_KEY "\"}"));
	assert_string_equal(given.certificate, CERTIFICATE CERTIFICATE);
	assert_string_equal(given.private_key, KEY);

	assert_true(Grant("{\"collector_id\":\"a\"," TOKEN ",\"certificate\":\"" JSON_CERTIFICATE
					  "\",\"private_key\":\"-----BEGIN PRIVATE KEY-----\\r\\nMHcC\\r\\n"
					  "-----END PRIVATE KEY-----\\r\\n\"}"));
	assert_string_equal(given.private_key,
						"-----BEGIN PRIVATE KEY-----\r\nMHcC\r\n-----END PRIVATE KEY-----\n");

	for (
		const char *const *p =
			(const char *const[]){
				/* no end, no certificate, a key where there must be none, or two of them */
				"\"certificate\":\"-----BEGIN CERTIFICATE-----\\nx\",\"private_key\":\"" JSON_KEY
				"\"",
				"\"certificate\":\"" JSON_KEY "\",\"private_key\":\"" JSON_KEY "\"",
				"\"certificate\":\"" JSON_CERTIFICATE "\\n" JSON_KEY
				"\",\"private_key\":\"" JSON_KEY "\"",
				"\"certificate\":\"" JSON_CERTIFICATE "\",\"private_key\":\"" JSON_CERTIFICATE "\"",
				"\"certificate\":\"" JSON_CERTIFICATE "\",\"private_key\":\"" JSON_KEY
				"\\n" JSON_KEY "\"",
				"\"certificate\":\"-----BEGIN CERTIFICATE-----\\n" JSON_KEY
				"\\n-----END CERTIFICATE-----\",\"private_key\":\"" JSON_KEY "\"",
				/* blocks that are not made of lines, or of others than their labels say */
				"\"certificate\":\"" JSON_CERTIFICATE
				"\",\"private_key\":\"-----BEGIN PRIVATE KEY-----MHcC-----END PRIVATE KEY-----\"",
				"\"certificate\":\"" JSON_CERTIFICATE
				"\",\"private_key\":\"-----BEGIN PRIVATE KEY-----\\rMHcC\\n-----END PRIVATE KEY-----\"",
				"\"certificate\":\"" JSON_CERTIFICATE
				"\",\"private_key\":\"-----BEGIN PRIVATE KEY-----\\nMHcC\\n-----END CERTIFICATE-----\"",
				/* one that would come back from the file as the key */
				"\"certificate\":\"-----BEGIN PRIVATE KEY CERTIFICATE-----\\nMA==\\n-----END "
				"CERTIFICATE-----\",\"private_key\":\"" JSON_KEY "\"",
				NULL};
		*p; p++)
	{
		char body[2048];

		snprintf(body, sizeof(body), "{\"collector_id\":\"a\"," TOKEN ",%s}", *p);
		if (Grant(body))
			fail_msg("accepted: %s", body);
	}
}

static void
test_what_is_no_grant(void **state)
{
	static const char *const bodies[] = {
		"",
		"{}",
		"[]",
		"<html>",
		"{" TOKEN "}",
		"{\"collector_id\":5," TOKEN "}",
		"{\"collector_id\":\"\"," TOKEN "}",
		"{\"collector_id\":\"a b\"," TOKEN "}",
		"{\"collector_id\":\"a\\r\\nX-Header: b\"," TOKEN "}",
		"{\"collector_id\":\"\\u00e9\"," TOKEN "}",
		"{\"collector_id\":\"a\",\"token\":\"\",\"expires_at\":\"2026-02-20T10:30:00Z\"}",
		"{\"collector_id\":\"a\",\"token\":\"a\\r\\nb\",\"expires_at\":\"2026-02-20T10:30:00Z\"}",
		"{\"collector_id\":\"a\",\"token\":\"a.b.c\"}",
		"{\"collector_id\":\"a\",\"token\":\"a.b.c\",\"expires_at\":\"soon\"}",
		"{\"collector_id\":\"a\",\"token\":\"a.b.c\",\"expires_at\":1771583400}",
		"{\"collector_id\":\"a\"," TOKEN ",\"certificate\":\"-----BEGIN CERTIFICATE-----\"}",
		"{\"collector_id\":\"a\"," TOKEN ",\"private_key\":\"-----BEGIN PRIVATE KEY-----\"}",
		"{\"collector_id\":\"a\"," TOKEN ",\"certificate\":\"x\",\"private_key\":\"y\"}",
	};
	char long_id[256];

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
	{
		if (Grant(bodies[i]))
			fail_msg("accepted: %s", bodies[i]);
		assert_true(error[0] != '\0');
	}
	snprintf(long_id, sizeof(long_id), "{\"collector_id\":\"%0129d\"," TOKEN "}", 0);
	assert_false(Grant(long_id));
	snprintf(long_id, sizeof(long_id), "{\"collector_id\":\"%0128d\"," TOKEN "}", 0);
	assert_true(Grant(long_id));
}

static void
test_a_new_token_leaves_the_rest(void **state)
{
	const char *body = "{\"token\":\"d.e.f\",\"expires_at\":\"2026-02-20T10:30:01Z\"}";

	assert_true(Grant("{\"collector_id\":\"6f1c\"," TOKEN "}"));
	assert_true(GrantParseToken(body, strlen(body), &given, error));
	assert_string_equal(given.collector_id, "6f1c");
	assert_string_equal(given.token, "d.e.f");
	assert_int_equal(given.expires_at, 1771583401);
}

static size_t
Format(const char *certificate, const char *key)
{
	memset(&given, 0, sizeof(given));
	strcpy(given.system_identifier, "7331");
	strcpy(given.hostname, "pg7.example.net");
	strcpy(given.name, "The server, no. 7");
	strcpy(given.collector_id, "6f1c");
	strcpy(given.registered_as, "pg7");
	strcpy(given.token, "a.b.c");
	strcpy(given.certificate, certificate);
	strcpy(given.private_key, key);
	given.issued_at = 1771583400;
	given.expires_at = 1771584300;
	return CredentialsFormat(&given, text, sizeof(text));
}

static void
test_kept_form(void **state)
{
	size_t size = Format("", "");

	assert_true(size > 0);
	assert_true(CredentialsParse(text, size, &kept));
	assert_memory_equal(&kept, &given, sizeof(given));

	size = Format(CERTIFICATE CERTIFICATE, KEY);
	assert_true(CredentialsParse(text, size, &kept));
	assert_memory_equal(&kept, &given, sizeof(given));
	assert_int_equal(CredentialsFormat(&given, text, 50), 0);
}

static void
test_damaged_form(void **state)
{
	size_t size = Format("", "");
	char   copy[1024];

	assert_true(size < sizeof(copy));
	for (size_t cut = 0; cut < size; cut++)
		assert_false(CredentialsParse(text, cut, &kept));

	/* no byte of it makes the parser stumble */
	for (size_t i = 0; i < size; i++)
	{
		memcpy(copy, text, size);
		copy[i] ^= 0x55;
		(void) CredentialsParse(copy, size, &kept);
		copy[i] = '\0';
		(void) CredentialsParse(copy, size, &kept);
	}
	size = Format(CERTIFICATE, "");
	assert_false(CredentialsParse(text, size, &kept));
	size = Format("", KEY);
	assert_false(CredentialsParse(text, size, &kept));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_grants),
		cmocka_unit_test(test_pem_with_more_in_it),
		cmocka_unit_test(test_what_is_no_grant),
		cmocka_unit_test(test_a_new_token_leaves_the_rest),
		cmocka_unit_test(test_kept_form),
		cmocka_unit_test(test_damaged_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
