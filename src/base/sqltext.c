/*
 * sqltext.c
 *		The smallest pieces of SQL: blanks, comments, quotes.
 */
#include "base/sqltext.h"

#include <string.h>
#include <strings.h>

char
SqlCharAt(const SqlText *sql, size_t i)
{
	return i < sql->len ? sql->text[i] : '\0';
}

bool
SqlStartsWith(const SqlText *sql, size_t i, const char *word)
{
	size_t len = strlen(word);

	return i <= sql->len && sql->len - i >= len && strncasecmp(sql->text + i, word, len) == 0;
}

size_t
SqlCountQuotes(const SqlText *sql, size_t i)
{
	size_t start = i;

	while (SqlCharAt(sql, i) == '\'')
		i++;
	return i - start;
}

size_t
SqlSkipLine(const SqlText *sql, size_t i)
{
	const char *end = i < sql->len ? memchr(sql->text + i, '\n', sql->len - i) : NULL;

	return end ? (size_t) (end - sql->text) : sql->len;
}

size_t
SqlSkipComment(const SqlText *sql, size_t i)
{
	int depth = 0;

	do
	{
		if (SqlStartsWith(sql, i, "/*"))
		{
			depth++;
			i += 2;
		}
		else if (SqlStartsWith(sql, i, "*/"))
		{
			depth--;
			i += 2;
		}
		else
			i++;
	} while (depth > 0 && i < sql->len);
	return i < sql->len ? i : sql->len;
}

size_t
SqlSkipBlanks(const SqlText *sql, size_t i)
{
	for (;;)
	{
		if (i < sql->len && IsSpace(sql->text[i]))
			i++;
		else if (!sql->in_comment && SqlStartsWith(sql, i, "--"))
			i = SqlSkipLine(sql, i);
		else if (!sql->in_comment && SqlStartsWith(sql, i, "/*"))
			i = SqlSkipComment(sql, i);
		else
			return i;
	}
}

size_t
SqlDollarTag(const SqlText *sql, size_t i)
{
	size_t end = i + 1;

	if (SqlCharAt(sql, i) != '$' || IsDigit(SqlCharAt(sql, end)))
		return 0;
	while (end < sql->len && IsWordChar(sql->text[end]))
		end++;
	return SqlCharAt(sql, end) == '$' ? end + 1 - i : 0;
}

size_t
SqlWholeCharacters(const char *text, size_t len)
{
	size_t		  lead = len;
	unsigned char c;

	while (lead > 0 && len - lead < 3 && ((unsigned char) text[lead - 1] & 0xC0) == 0x80)
		lead--;
	if (lead == 0)
		return len;
	c = (unsigned char) text[--lead];
	if ((c >= 0xC0 && len - lead < 2) || (c >= 0xE0 && len - lead < 3) ||
		(c >= 0xF0 && len - lead < 4))
		return lead;
	return len;
}

size_t
SqlFindTag(const SqlText *sql, size_t i, const char *tag, size_t len)
{
	for (; i + len <= sql->len; i++)
	{
		if (memcmp(sql->text + i, tag, len) == 0)
			return i;
	}
	return sql->len;
}

size_t
SqlFindDoubleQuote(const SqlText *sql, size_t i)
{
	while (i < sql->len && sql->text[i] != '"')
		i += sql->text[i] == '\\' ? 2 : 1;
	return i < sql->len ? i : sql->len;
}

size_t
SqlSkipPrefix(const SqlText *sql, size_t i, bool *escapes)
{
	char c = SqlCharAt(sql, i);

	*escapes = c == 'e' || c == 'E';
	if (c != '\0' && strchr("eEnNbBxX", c) != NULL && SqlCharAt(sql, i + 1) == '\'')
		return i + 1;
	if (SqlStartsWith(sql, i, "u&'"))
		return i + 2;
	*escapes = false;
	return i;
}

bool
SqlIsContinued(const SqlText *sql, size_t i, size_t *next)
{
	size_t end = SqlSkipBlanks(sql, i);

	*next = end + 1;
	return SqlCharAt(sql, end) == '\'' && memchr(sql->text + i, '\n', end - i) != NULL;
}

bool
SqlIsCall(const SqlText *sql, size_t i)
{
	size_t start = i;

	while (i < sql->len && (IsWordChar(sql->text[i]) || sql->text[i] == '.'))
		i++;
	return i > start && SqlCharAt(sql, i) == '(';
}
