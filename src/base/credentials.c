/*
 * credentials.c
 *		The file of what a registration has given.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "base/credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "pganalytics credentials 1"
#define PEM_BEGIN "-----BEGIN "

bool
CollectorIdIsValid(const char *id)
{
	size_t length = strspn(id,
						   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
						   "-._:@%");

	return length > 0 && length < CREDENTIALS_ID_SIZE && id[length] == '\0';
}

bool
TokenIsValid(const char *token)
{
	size_t length = 0;

	for (; token[length]; length++)
	{
		if (token[length] <= ' ' || token[length] > '~')
			return false;
	}
	return length > 0 && length < CREDENTIALS_TOKEN_SIZE;
}

size_t
CredentialsFormat(const Credentials *credentials, char *text, size_t size)
{
	int length;

	length = snprintf(text, size,
					  "%s\nsystem_identifier %s\nhostname %s\nname %s\ncollector_id %s\n"
					  "registered_as %s\n"
					  "issued_at %lld\nexpires_at %lld\ntoken %s\n%s%s",
					  FIRST_LINE, credentials->system_identifier, credentials->hostname,
					  credentials->name, credentials->collector_id, credentials->registered_as,
					  (long long) credentials->issued_at, (long long) credentials->expires_at,
					  credentials->token, credentials->certificate, credentials->private_key);
	return length < 0 || (size_t) length >= size ? 0 : (size_t) length;
}

/* Copies what does not end in a NUL; false: no room. */
static bool
Copy(char *to, size_t size, const char *from, size_t length)
{
	if (length >= size || memchr(from, '\0', length) != NULL)
		return false;
	memcpy(to, from, length);
	to[length] = '\0';
	return true;
}

static bool
CopyNumber(int64_t *to, const char *from, size_t length)
{
	char  digits[24];
	char *end;

	if (!Copy(digits, sizeof(digits), from, length))
		return false;
	*to = strtoll(digits, &end, 10);
	return end != digits && *end == '\0' && *to >= 0;
}

static bool
ParseValue(Credentials *c, const char *name, size_t name_length, const char *value, size_t length)
{
#define IS(text) (name_length == strlen(text) && memcmp(name, text, name_length) == 0)
	if (IS("system_identifier"))
		return Copy(c->system_identifier, sizeof(c->system_identifier), value, length);
	if (IS("hostname"))
		return Copy(c->hostname, sizeof(c->hostname), value, length);
	if (IS("name"))
		return Copy(c->name, sizeof(c->name), value, length);
	if (IS("collector_id"))
		return Copy(c->collector_id, sizeof(c->collector_id), value, length);
	if (IS("registered_as"))
		return Copy(c->registered_as, sizeof(c->registered_as), value, length);
	if (IS("issued_at"))
		return CopyNumber(&c->issued_at, value, length);
	if (IS("expires_at"))
		return CopyNumber(&c->expires_at, value, length);
	if (IS("token"))
		return Copy(c->token, sizeof(c->token), value, length);
#undef IS
	return true;
}

/* The certificates come first, then the key. */
static bool
ParsePem(Credentials *c, const char *text, const char *end)
{
	const char *key = text;
	const char *begin;

	/* the first block that is a key: "BEGIN PRIVATE KEY", "BEGIN EC PRIVATE KEY" */
	for (;;)
	{
		const char *newline;

		begin = memmem(key, (size_t) (end - key), PEM_BEGIN, strlen(PEM_BEGIN));
		if (begin == NULL)
			return false;
		newline = memchr(begin, '\n', (size_t) (end - begin));
		if (newline == NULL)
			return false;
		if (memmem(begin, (size_t) (newline - begin), "PRIVATE KEY", 11) != NULL)
			break;
		key = newline;
	}
	return begin > text &&
		Copy(c->certificate, sizeof(c->certificate), text, (size_t) (begin - text)) &&
		Copy(c->private_key, sizeof(c->private_key), begin, (size_t) (end - begin));
}

bool
CredentialsParse(const char *text, size_t size, Credentials *c)
{
	const char *end = text + size;
	bool		first = true;

	memset(c, 0, sizeof(*c));
	while (text < end)
	{
		const char *newline = memchr(text, '\n', (size_t) (end - text));
		const char *space;

		if (newline == NULL)
			return false; /* cut off */
		if (first)
		{
			if ((size_t) (newline - text) != strlen(FIRST_LINE) ||
				memcmp(text, FIRST_LINE, strlen(FIRST_LINE)) != 0)
				return false;
			first = false;
		}
		else if ((size_t) (end - text) > strlen(PEM_BEGIN) &&
				 memcmp(text, PEM_BEGIN, strlen(PEM_BEGIN)) == 0)
		{
			if (!ParsePem(c, text, end))
				return false;
			break;
		}
		else
		{
			space = memchr(text, ' ', (size_t) (newline - text));
			if (space != NULL &&
				!ParseValue(c, text, (size_t) (space - text), space + 1,
							(size_t) (newline - space - 1)))
				return false;
		}
		text = newline + 1;
	}
	return !first && CollectorIdIsValid(c->collector_id) && TokenIsValid(c->token);
}
