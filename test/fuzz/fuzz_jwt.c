/*
 * fuzz_jwt.c
 *		Collector id and host name, a line each, that get into a token.
 */
#include <jansson.h>

#include "deliver/jwt.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* No secret is needed to see whether the token is well-formed. */
static bool
Sign(const void *key, size_t key_size, const char *data, size_t size,
	 unsigned char mac[JWT_MAC_SIZE])
{
	for (int i = 0; i < JWT_MAC_SIZE; i++)
		mac[i] = (unsigned char) (size >> i);
	return true;
}

/* The middle part of a token, which must be JSON. */
static void
CheckClaims(const char *part, size_t length)
{
	char	*text = malloc(length + 1);
	size_t	 used = 0;
	uint32_t bits = 0;
	int		 count = 0;
	json_t	*root;

	for (size_t i = 0; i < length; i++)
	{
		const char *digit = strchr(digits, part[i]);

		Require(part[i] != '\0' && digit != NULL);
		bits = bits << 6 | (uint32_t) (digit - digits);
		count += 6;
		if (count >= 8)
		{
			count -= 8;
			text[used++] = (char) (bits >> count);
		}
	}
	root = json_loadb(text, used, JSON_REJECT_DUPLICATES, NULL);
	Require(json_is_object(root) && json_object_size(root) == 9);
	Require(json_is_string(json_object_get(root, "collector_id")));
	Require(json_integer_value(json_object_get(root, "exp")) == 1700000900);
	json_decref(root);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	char		collector_id[512];
	char		hostname[512];
	char	   *token;
	JwtClaims	claims = {collector_id, hostname, 1700000000, 900, "0123456789abcdef"};
	size_t		room;

	FirstLine(&text, &size, collector_id, sizeof(collector_id));
	FirstLine(&text, &size, hostname, sizeof(hostname));
	room = size > 0 ? (size_t) (unsigned char) text[0] * 32 : JWT_SIZE;
	token = malloc(room > 0 ? room : 1);
	if (JwtMake(token, room, &claims, Sign, "", 0))
	{
		const char *first = strchr(token, '.');
		const char *second = first ? strchr(first + 1, '.') : NULL;

		Require(strlen(token) < room && second != NULL && strchr(second + 1, '.') == NULL);
		CheckClaims(first + 1, (size_t) (second - first - 1));
	}
	free(token);
	return 0;
}
