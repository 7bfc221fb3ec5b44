/*
 * grant.c
 *		What a backend gives when this server registers, or asks for a new token.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* timegm */
#endif
#include "deliver/grant.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "deliver/json_reply.h"

/* ---- time ---- */

/* So many digits at *text as a number, and moves behind them; -1: they are not digits. */
static int
Digits(const char **text, int count)
{
	int number = 0;

	while (count-- > 0)
	{
		char c = *(*text)++;

		if (c < '0' || c > '9')
			return -1;
		number = number * 10 + (c - '0');
	}
	return number;
}

static bool
Skip(const char **text, const char *any)
{
	if (**text == '\0' || strchr(any, **text) == NULL)
		return false;
	(*text)++;
	return true;
}

/* "Z", "+01:00": seconds east of Greenwich; false: neither. */
static bool
ParseZone(const char *text, int *east_s)
{
	bool west = *text == '-';
	int	 hours;
	int	 minutes;

	*east_s = 0;
	if (Skip(&text, "Zz"))
		return *text == '\0';
	if (!Skip(&text, "+-") || (hours = Digits(&text, 2)) < 0 || hours > 23 || !Skip(&text, ":") ||
		(minutes = Digits(&text, 2)) < 0 || minutes > 59 || *text != '\0')
		return false;
	*east_s = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
	return true;
}

int64_t
ParseTime(const char *text)
{
	struct tm tm;
	int		  east_s;

	memset(&tm, 0, sizeof(tm));
	if ((tm.tm_year = Digits(&text, 4)) < 1970 || !Skip(&text, "-") ||
		(tm.tm_mon = Digits(&text, 2)) < 1 || tm.tm_mon > 12 || !Skip(&text, "-") ||
		(tm.tm_mday = Digits(&text, 2)) < 1 || tm.tm_mday > 31 || !Skip(&text, "Tt ") ||
		(tm.tm_hour = Digits(&text, 2)) < 0 || tm.tm_hour > 23 || !Skip(&text, ":") ||
		(tm.tm_min = Digits(&text, 2)) < 0 || tm.tm_min > 59 || !Skip(&text, ":") ||
		(tm.tm_sec = Digits(&text, 2)) < 0 || tm.tm_sec > 60)
		return -1;
	if (Skip(&text, "."))
		text += strspn(text, "0123456789");
	if (!ParseZone(text, &east_s))
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (int64_t) timegm(&tm) - east_s;
}

/* ---- the grant ---- */

static const char *const id_names[] = {"collector_id", "id", NULL};
static const char *const token_names[] = {"token", NULL};
static const char *const expiry_names[] = {"expires_at", NULL};
static const char *const certificate_names[] = {"certificate", "cert", NULL};
static const char *const key_names[] = {"private_key", "key", NULL};

static bool
Refuse(char error[GRANT_ERROR_SIZE], const char *why)
{
	snprintf(error, GRANT_ERROR_SIZE, "%s", why);
	return false;
}

static bool
TakeToken(const json_t *root, Credentials *credentials, char error[GRANT_ERROR_SIZE])
{
	const char *token = JsonReplyText(root, token_names);
	const char *expires_at = JsonReplyText(root, expiry_names);

	if (token == NULL || !TokenIsValid(token))
		return Refuse(error, "it holds no token that can be used");
	if (expires_at == NULL || (credentials->expires_at = ParseTime(expires_at)) < 0)
		return Refuse(error, "it does not say when the token expires");
	strcpy(credentials->token, token);
	return true;
}

/*
 * PEM that ends in a newline.  What the file of credentials tells the key from
 * the certificates by must stand where it does: in the first line of the key.
 */
static bool
TakePem(const char *pem, bool is_key, char *buffer)
{
	static const char mark[] = "PRIVATE KEY";
	size_t			  length = pem ? strlen(pem) : 0;
	const char		 *found = length > 0 ? strstr(pem, mark) : NULL;
	bool			  in_first_line;

	buffer[0] = '\0';
	if (length == 0)
		return true;
	if (length + 2 > CREDENTIALS_PEM_SIZE || strncmp(pem, "-----BEGIN ", 11) != 0)
		return false;
	in_first_line = found != NULL && (size_t) (found - pem) < strcspn(pem, "\n");
	if (is_key ? !in_first_line : found != NULL)
		return false;
	memcpy(buffer, pem, length + 1);
	if (buffer[length - 1] != '\n')
		strcpy(buffer + length, "\n");
	return true;
}

static bool
TakeRegistration(const json_t *root, Credentials *credentials, char error[GRANT_ERROR_SIZE])
{
	const char *id = JsonReplyText(root, id_names);

	if (id == NULL || !CollectorIdIsValid(id))
		return Refuse(error, "it holds no collector id that can be used");
	strcpy(credentials->collector_id, id);
	if (!TakePem(JsonReplyText(root, certificate_names), false, credentials->certificate) ||
		!TakePem(JsonReplyText(root, key_names), true, credentials->private_key) ||
		(credentials->certificate[0] == '\0') != (credentials->private_key[0] == '\0'))
		return Refuse(error, "certificate and private key are not both there in PEM form");
	return TakeToken(root, credentials, error);
}

static bool
Parse(const char *body, size_t size, Credentials *credentials, char error[GRANT_ERROR_SIZE],
	  bool (*take)(const json_t *root, Credentials *credentials, char error[GRANT_ERROR_SIZE]))
{
	const char *trouble;
	json_t	   *root = JsonReplyParse(body, size, &trouble);
	bool		good;

	error[0] = '\0';
	if (root == NULL)
		return Refuse(error, trouble);
	good = take(root, credentials, error);
	json_decref(root);
	return good;
}

bool
GrantParse(const char *body, size_t size, Credentials *credentials, char error[GRANT_ERROR_SIZE])
{
	return Parse(body, size, credentials, error, TakeRegistration);
}

bool
GrantParseToken(const char *body, size_t size, Credentials *credentials,
				char error[GRANT_ERROR_SIZE])
{
	return Parse(body, size, credentials, error, TakeToken);
}
