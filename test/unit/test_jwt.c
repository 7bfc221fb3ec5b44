/*
 * test_jwt.c
 *		Tokens: their encoding and their claims.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "deliver/jwt.h"

static char signed_text[JWT_SIZE];
static bool mac_works = true;

/* Notes what is to be signed; the signature is the key, repeated. */
static bool
note_mac(const void *key, size_t key_size, const char *data, size_t size,
		 unsigned char mac[JWT_MAC_SIZE])
{
	memcpy(signed_text, data, size);
	signed_text[size] = '\0';
	for (size_t i = 0; i < JWT_MAC_SIZE; i++)
		mac[i] = ((const unsigned char *) key)[i % key_size];
	return mac_works;
}

static const JwtClaims claims = {
	.collector_id = "6f1c",
	.hostname = "pg7.example.net",
	.issued_at = 1771583400,
	.lifetime_s = 900,
	.token_id = "00112233445566778899aabbccddeeff",
};

static int
value_of(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char		 *at = memchr(digits, c, 64);

	assert_non_null(at);
	return (int) (at - digits);
}

/* Decodes base64url up to a dot or the end. */
static void
decode(const char *text, char *decoded)
{
	unsigned int bits = 0;
	int			 count = 0;

	for (; *text && *text != '.'; text++)
	{
		bits = bits << 6 | (unsigned int) value_of(*text);
		count += 6;
		if (count >= 8)
		{
			count -= 8;
			*decoded++ = (char) (bits >> count & 255);
		}
	}
	*decoded = '\0';
}

static void
base64url_is_unpadded_and_safe_in_urls(void **state)
{
	char text[16];

	assert_int_equal(Base64Url(text, sizeof(text), (const unsigned char *) "f", 1), 2);
	assert_string_equal(text, "Zg");
	Base64Url(text, sizeof(text), (const unsigned char *) "fo", 2);
	assert_string_equal(text, "Zm8");
	Base64Url(text, sizeof(text), (const unsigned char *) "foo", 3);
	assert_string_equal(text, "Zm9v");
	Base64Url(text, sizeof(text), (const unsigned char *) "\xfb\xff\xfe", 3);
	assert_string_equal(text, "-__-");
}

static void
base64url_stays_inside_its_buffer(void **state)
{
	char text[8] = "unused!";

	assert_int_equal(Base64Url(text, 4, (const unsigned char *) "foo", 3), 0);
	assert_string_equal(text, "unused!");
	assert_int_equal(Base64Url(text, 5, (const unsigned char *) "foo", 3), 4);
}

/* The header of RFC 7515, A.1, in our order of keys. */
static void
the_header_is_hs256(void **state)
{
	char token[JWT_SIZE];
	char header[256];

	assert_true(JwtMake(token, sizeof(token), &claims, note_mac, "k", 1));
	decode(token, header);
	assert_string_equal(header, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
	assert_int_equal(strncmp(token, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.", 37), 0);
}

static void
the_claims_are_those_of_the_api(void **state)
{
	char token[JWT_SIZE];
	char text[1024];

	assert_true(JwtMake(token, sizeof(token), &claims, note_mac, "k", 1));
	decode(strchr(token, '.') + 1, text);
	assert_string_equal(text,
						"{\"iss\":\"pganalytics-collector\",\"sub\":\"collector:6f1c\","
						"\"collector_id\":\"6f1c\",\"hostname\":\"pg7.example.net\","
						"\"type\":\"access\",\"iat\":1771583400,\"nbf\":1771583370,"
						"\"exp\":1771584300,\"jti\":\"00112233445566778899aabbccddeeff\"}");
}

static void
header_and_claims_are_signed(void **state)
{
	char		token[JWT_SIZE];
	char		signature[64];
	const char *last;

	assert_true(JwtMake(token, sizeof(token), &claims, note_mac, "abc", 3));
	last = strrchr(token, '.');
	assert_int_equal(strlen(signed_text), last - token);
	assert_int_equal(strncmp(token, signed_text, last - token), 0);
	decode(last + 1, signature);
	assert_string_equal(signature, "abcabcabcabcabcabcabcabcabcabcab");
}

static void
odd_names_do_not_break_the_json(void **state)
{
	JwtClaims odd = claims;
	char	  token[JWT_SIZE];
	char	  text[1024];

	odd.collector_id = "a\"b\\c\n";
	odd.hostname = "h\xff";
	assert_true(JwtMake(token, sizeof(token), &odd, note_mac, "k", 1));
	decode(strchr(token, '.') + 1, text);
	assert_non_null(strstr(text, "\"sub\":\"collector:a\\\"b\\\\c"));
	assert_null(strchr(text, '\n'));
	assert_null(strchr(text, '\xff'));
}

static void
a_token_that_does_not_fit_is_no_token(void **state)
{
	char   token[JWT_SIZE];
	size_t length;

	assert_true(JwtMake(token, sizeof(token), &claims, note_mac, "k", 1));
	length = strlen(token);
	for (size_t size = 1; size <= length; size++)
		assert_false(JwtMake(token, size, &claims, note_mac, "k", 1));
	assert_true(JwtMake(token, length + 1, &claims, note_mac, "k", 1));
}

static void
the_longest_names_fit(void **state)
{
	JwtClaims longest = claims;
	char	  token[JWT_SIZE];
	char	  name[256];

	memset(name, '"', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	longest.collector_id = longest.hostname = name;
	assert_true(JwtMake(token, sizeof(token), &longest, note_mac, "k", 1));
}

static void
a_failing_mac_gives_no_token(void **state)
{
	char token[JWT_SIZE];

	mac_works = false;
	assert_false(JwtMake(token, sizeof(token), &claims, note_mac, "k", 1));
	mac_works = true;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64url_is_unpadded_and_safe_in_urls),
		cmocka_unit_test(base64url_stays_inside_its_buffer),
		cmocka_unit_test(the_header_is_hs256),
		cmocka_unit_test(the_claims_are_those_of_the_api),
		cmocka_unit_test(header_and_claims_are_signed),
		cmocka_unit_test(odd_names_do_not_break_the_json),
		cmocka_unit_test(a_token_that_does_not_fit_is_no_token),
		cmocka_unit_test(the_longest_names_fit),
		cmocka_unit_test(a_failing_mac_gives_no_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
