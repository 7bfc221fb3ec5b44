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

#define PEM_DASHES "-----"
#define PEM_BEGIN PEM_DASHES "BEGIN "
#define PEM_END PEM_DASHES "END "

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

/* What is behind the PEM block that begins there; NULL: it has no end. */
static const char *
EndOfBlock(const char *begin)
{
	const char *end = strstr(begin, PEM_END);
	const char *next = strstr(begin + strlen(PEM_BEGIN), PEM_BEGIN);

	if (end == NULL || (next != NULL && next < end))
		return NULL;
	end = strstr(end + strlen(PEM_END), PEM_DASHES);
	return end ? end + strlen(PEM_DASHES) : NULL;
}

/* Is the text in the block's first line? */
static bool
LabelHas(const char *begin, const char *text)
{
	const char *found = strstr(begin, text);

	return found != NULL && (size_t) (found - begin) < strcspn(begin, "\n");
}

/*
 * The certificates, or the key, of a PEM text.  What else openssl writes there
 * (the certificate in words, the parameters of an elliptic curve) is left out:
 * nothing but these blocks may stand in the file of credentials.  True as well
 * for no text at all.
 */
static bool
TakePem(const char *pem, bool is_key, char *buffer)
{
	const char *begin = pem;
	size_t		used = 0;

	buffer[0] = '\0';
	if (pem == NULL || pem[0] == '\0')
		return true;
	while ((begin = strstr(begin, PEM_BEGIN)) != NULL)
	{
		const char *end = EndOfBlock(begin);
		bool		wanted = LabelHas(begin, is_key ? "PRIVATE KEY-" : "CERTIFICATE-");

		/* what looks like a key to CredentialsParse() would come back as one */
		if (end == NULL || (is_key && wanted && used > 0) ||
			(!is_key && LabelHas(begin, "PRIVATE KEY")))
			return false;
		if (wanted)
		{
			size_t length = (size_t) (end - begin);

			if (used + length + 2 > CREDENTIALS_PEM_SIZE)
				return false;
			memcpy(buffer + used, begin, length);
			used += length;
			buffer[used++] = '\n';
		}
		begin = end;
	}
	buffer[used] = '\0';
	return used > 0;
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
