/*
 * secret_words.c
 *		The words after which secrets follow.
 */
#include "base/secret_words.h"

#include <string.h>

/* Endings of words, in lower case. */
static const char *const secret_words[] = {
	"password",	  "passwd",		"passphrase",  "pwd",	  "secret",
	"secret_key", "access_key", "private_key", "api_key", "apikey",
	"client_key", "server_key", "token",	   "secrets", "passwords",
};

/* What they end with. */
static const char secret_endings[] = "deyntsDEYNTS";

/* Whatever the case, and with "-" for "_" as options of programs have it. */
static bool
EndsWith(const char *word, size_t len, const char *ending)
{
	size_t n = strlen(ending);

	if (len < n)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		char c = word[len - n + i];

		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		if ((c == '-' ? '_' : c) != ending[i])
			return false;
	}
	return true;
}

bool
IsSecretWord(const char *word, size_t len)
{
	if (len < strlen("pwd") ||
		memchr(secret_endings, word[len - 1], sizeof(secret_endings) - 1) == NULL)
		return false;
	for (size_t i = 0; i < sizeof(secret_words) / sizeof(secret_words[0]); i++)
	{
		if (EndsWith(word, len, secret_words[i]))
			return true;
	}
	return false;
}
