/*
 * jwt.c
 *		Header, claims and signature of a token.
 *
 * The MAC is passed in, so that this needs no OpenSSL and can be tested with
 * the vectors of RFC 7515.
 */
#include "deliver/jwt.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

#define JWT_HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define JWT_CLAIMS_SIZE (JWT_SIZE * 3 / 4)

typedef struct ClaimsBuffer
{
	char  *data;
	size_t used;
	size_t size;
} ClaimsBuffer;

size_t
Base64Url(char *buffer, size_t size, const unsigned char *data, size_t length)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t			  used = 0;

	if (size < (length * 4 + 2) / 3 + 1)
		return 0;
	for (size_t i = 0; i < length; i += 3)
	{
		size_t	 left = length - i;
		uint32_t group = (uint32_t) data[i] << 16;

		if (left > 1)
			group |= (uint32_t) data[i + 1] << 8;
		if (left > 2)
			group |= data[i + 2];
		buffer[used++] = digits[group >> 18];
		buffer[used++] = digits[group >> 12 & 63];
		if (left > 1)
			buffer[used++] = digits[group >> 6 & 63];
		if (left > 2)
			buffer[used++] = digits[group & 63];
	}
	buffer[used] = '\0';
	return used;
}

static bool
WriteClaims(void *arg, const char *data, size_t len)
{
	ClaimsBuffer *claims = arg;

	if (len > claims->size - claims->used)
		return false;
	memcpy(claims->data + claims->used, data, len);
	claims->used += len;
	return true;
}

/* Returns the length, 0: no room. */
static size_t
FormatClaims(char *buffer, size_t size, const JwtClaims *claims)
{
	ClaimsBuffer text = {buffer, 0, size};
	JsonSink	 sink = {.write = WriteClaims, .arg = &text};
	JsonWriter	 json;
	char		 chunk[512];
	char		 subject[512];

	snprintf(subject, sizeof(subject), "collector:%s", claims->collector_id);

	JsonInit(&json, sink, chunk, sizeof(chunk));
	JsonObjectBegin(&json, NULL);
	JsonText(&json, "iss", "pganalytics-collector");
	JsonText(&json, "sub", subject);
	JsonText(&json, "collector_id", claims->collector_id);
	JsonText(&json, "hostname", claims->hostname);
	JsonText(&json, "type", "access");
	JsonInt(&json, "iat", claims->issued_at);
	JsonInt(&json, "nbf", claims->issued_at - JWT_NOT_BEFORE_S);
	JsonInt(&json, "exp", claims->issued_at + claims->lifetime_s);
	JsonText(&json, "jti", claims->token_id);
	JsonObjectEnd(&json);
	return JsonFlush(&json) ? text.used : 0;
}

bool
JwtMake(char *token, size_t size, const JwtClaims *claims, JwtMac mac, const void *key,
		size_t key_size)
{
	char		  text[JWT_CLAIMS_SIZE];
	unsigned char signature[JWT_MAC_SIZE];
	size_t		  length;
	size_t		  used;
	size_t		  part;

	length = FormatClaims(text, sizeof(text), claims);
	if (length == 0)
		return false;

	used = Base64Url(token, size, (const unsigned char *) JWT_HEADER, strlen(JWT_HEADER));
	if (used == 0 || used + 1 >= size)
		return false;
	token[used++] = '.';
	part = Base64Url(token + used, size - used, (const unsigned char *) text, length);
	if (part == 0)
		return false;
	used += part;

	if (used + 1 >= size || !mac(key, key_size, token, used, signature))
		return false;
	token[used++] = '.';
	return Base64Url(token + used, size - used, signature, sizeof(signature)) > 0;
}
