/*
 * prose.c
 *		Masks what stands in quotes in a text that nobody knows.
 *
 * In the quotes of any language, and to the end where they do not end.  Pure C.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memrchr */
#endif

#include "log/prose.h"

#include <string.h>

#include "base/sqltext.h"

static const struct
{
	const char *open;
	const char *close[2];
} Quotes[] = {
	{"\"", {"\""}},
	{"'", {"'"}},
	{"\xC2\xAB", {"\xC2\xBB"}},							/* « » */
	{"\xC2\xBB", {"\xC2\xAB"}},							/* » « */
	{"\xE2\x80\x9C", {"\xE2\x80\x9D", "\xE2\x80\x9C"}}, /* “ ” */
	{"\xE2\x80\x9D", {"\xE2\x80\x9D"}},					/* ” ” */
	{"\xE2\x80\x9E", {"\xE2\x80\x9C", "\xE2\x80\x9D"}}, /* „ “ */
	{"\xE2\x80\x98", {"\xE2\x80\x99"}},					/* ‘ ’ */
	{"\xE2\x80\x9A", {"\xE2\x80\x98", "\xE2\x80\x99"}}, /* ‚ ‘ */
	{"\xE2\x80\xB9", {"\xE2\x80\xBA"}},					/* ‹ › */
	{"\xE3\x80\x8C", {"\xE3\x80\x8D"}},					/* 「 」 */
	{"\xE3\x80\x8E", {"\xE3\x80\x8F"}},					/* 『 』 */
};

#define NUM_QUOTES (sizeof(Quotes) / sizeof(Quotes[0]))

static bool
IsAt(const char *data, size_t len, size_t i, const char *what)
{
	size_t n = strlen(what);

	return len - i >= n && memcmp(data + i, what, n) == 0;
}

/* Is the quote at i one within a word, and not that of E'…', B'…' or X'…'? */
static bool
IsApostrophe(const char *data, size_t len, size_t i)
{
	if (i == 0 || i + 1 >= len || !IsWordChar(data[i - 1]) || !IsWordStart(data[i + 1]))
		return false;
	return strchr("eEbBxX", data[i - 1]) == NULL || (i > 1 && IsWordChar(data[i - 2]));
}

/* Which quote opens at i?  -1: none. */
static int
OpeningQuote(const char *data, size_t len, size_t i)
{
	for (size_t q = 0; q < NUM_QUOTES; q++)
	{
		if (!IsAt(data, len, i, Quotes[q].open))
			continue;
		/* don't */
		if (data[i] == '\'' && IsApostrophe(data, len, i))
			return -1;
		return (int) q;
	}
	/* « or » in an encoding of one byte a character: in UTF-8 nothing like that follows ASCII */
	if (((unsigned char) data[i] == 0xAB || (unsigned char) data[i] == 0xBB) &&
		(i == 0 || (unsigned char) data[i - 1] < 0x80))
		return NUM_QUOTES;
	return -1;
}

/* Length of the quote that closes at i, 0: none. */
static size_t
ClosingQuote(const char *data, size_t len, size_t i, int quote)
{
	if (quote == NUM_QUOTES)
		return (unsigned char) data[i] == 0xAB || (unsigned char) data[i] == 0xBB ? 1 : 0;
	for (int k = 0; k < 2 && Quotes[quote].close[k] != NULL; k++)
	{
		size_t n = strlen(Quotes[quote].close[k]);

		if (!IsAt(data, len, i, Quotes[quote].close[k]))
			continue;
		/* perhaps an escaped one, in a statement that we do not know as one */
		if (data[i] == '\'' && data[i - 1] == '\\')
			return 0;
		/* one that something hangs on is in the value */
		if (n == 1 && i + 1 < len && (IsWordChar(data[i + 1]) || data[i + 1] == data[i]))
			return 0;
		return n;
	}
	return 0;
}

bool
ProseIsName(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (!IsWordChar(data[i]) && data[i] != '.' && data[i] != '$' && data[i] != '-')
			return false;
	}
	return len > 0 && !IsDigit(data[0]);
}

/* The last place of a character in the text; len: none. */
static size_t
LastOf(const char *data, size_t len, char c)
{
	const char *last = memrchr(data, c, len);

	return last != NULL ? (size_t) (last - data) : len;
}

static size_t
CountOf(const char *data, size_t len, char c)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += data[i] == c;
	return count;
}

void
RedactProse(Redactor *r, const char *data, size_t len, int flags)
{
	SqlText sql = {data, len};
	bool	odd_quotes = CountOf(data, len, '"') % 2 != 0;
	size_t	copied = 0;
	size_t	i = 0;

	while (i < len)
	{
		size_t from = i;
		size_t to = i;
		int	   quote =
			   IsWordChar(data[i]) && (unsigned char) data[i] < 0x80 ? -1 : OpeningQuote(data, len, i);

		if (quote >= 0)
		{
			size_t close = 0;

			from += quote == NUM_QUOTES ? 1 : strlen(Quotes[quote].open);
			for (to = from; to < len && (close = ClosingQuote(data, len, to, quote)) == 0;)
				to++;
			/* a value with quotes in it */
			if (data[i] == '"' && odd_quotes)
			{
				to = LastOf(data, len, '"');
				to = to > i ? to : len;
				close = to < len ? 1 : 0;
			}
			i = to + close;
			if ((flags & PROSE_KEEP_NAMES) && ProseIsName(data + from, to - from))
				continue;
		}
		else if ((flags & PROSE_MASK_PARENTHESES) && data[i] == '=' && i + 1 < len &&
				 data[i + 1] == '(')
		{
			from = i + 2;
			to = i = LastOf(data, len, ')');
			if (to < from)
				to = i = len;
		}
		else if ((flags & PROSE_MASK_NUMBERS) && IsDigit(data[i]) &&
				 (i == 0 || !IsWordChar(data[i - 1])))
		{
			while (to < len &&
				   (IsWordChar(data[to]) || (data[to] == '.' && IsDigit(SqlCharAt(&sql, to + 1)))))
				to++;
			i = to;
		}
		else if ((flags & PROSE_MASK_NUMBERS) && data[i] == '$' && SqlDollarTag(&sql, i) > 0)
			to = i = len;
		else
		{
			i++;
			continue;
		}
		RedactPut(r, data + copied, from - copied);
		if (to > from)
			RedactPut(r, REDACT_MASK, strlen(REDACT_MASK));
		copied = to;
	}
	RedactPut(r, data + copied, len - copied);
}
