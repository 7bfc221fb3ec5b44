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

/* The longest of OpenSSL's is half as long. */
#define PEM_MAX_LABEL 64

typedef struct PemBlock
{
	char		label[PEM_MAX_LABEL + 1];
	const char *end; /* what is behind it */
} PemBlock;

/* The first line holds the label and nothing else, the last one the same; no other block begins between them. */
static bool
ReadBlock(const char *begin, PemBlock *block)
{
	const char *label = begin + strlen(PEM_BEGIN);
	const char *next = strstr(label, PEM_BEGIN);
	size_t		length = strspn(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ");
	const char *behind = label + length + strlen(PEM_DASHES);
	char		last[sizeof("\n" PEM_END PEM_DASHES) + PEM_MAX_LABEL];

	if (length > PEM_MAX_LABEL || strncmp(label + length, PEM_DASHES, strlen(PEM_DASHES)) != 0 ||
		(*behind != '\n' && strncmp(behind, "\r\n", 2) != 0))
		return false;
	memcpy(block->label, label, length);
	block->label[length] = '\0';
	snprintf(last, sizeof(last), "\n" PEM_END "%s" PEM_DASHES, block->label);
	block->end = strstr(behind, last);
	if (block->end == NULL || (next != NULL && next < block->end))
		return false;
	block->end += strlen(last);
	return true;
}

/* "PRIVATE KEY", "EC PRIVATE KEY" */
static bool
IsKeyLabel(const char *label)
{
	static const char key[] = "PRIVATE KEY";
	size_t			  length = strlen(label);

	return length >= strlen(key) && strcmp(label + length - strlen(key), key) == 0;
}

static bool
IsCertificateLabel(const char *label)
{
	return strcmp(label, "CERTIFICATE") == 0 || strcmp(label, "X509 CERTIFICATE") == 0 ||
		strcmp(label, "TRUSTED CERTIFICATE") == 0;
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
		PemBlock block;

		if (!ReadBlock(begin, &block) || (!is_key && IsKeyLabel(block.label)))
			return false;
		if (is_key ? IsKeyLabel(block.label) : IsCertificateLabel(block.label))
		{
			size_t length = (size_t) (block.end - begin);

			if ((is_key && used > 0) || used + length + 2 > CREDENTIALS_PEM_SIZE)
				return false;
			memcpy(buffer + used, begin, length);
			used += length;
			buffer[used++] = '\n';
		}
		begin = block.end;
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
