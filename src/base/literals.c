/*
 * literals.c
 *		One pass over a statement that replaces its constants.
 *
 * The lexical rules are those of the server's scanner.  It errs on one side
 * only: what may be a constant is replaced.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include "base/literals.h"

#include "base/sqltext.h"
#include "base/textcopy.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct Lexer
{
	SqlText		  sql;
	size_t		  at; /* looked at up to here */
	TextCopy	  copy;
	int			  last_param; /* number of the last $n */
	RoleStatement role;
	enum
	{
		BACKSLASH_UNKNOWN,
		BACKSLASH_PLAIN,
		BACKSLASH_ESCAPES
	} backslash; /* what it means in plain strings */
} Lexer;

/* ---- output ---- */

/* Writes what lies before "from" and passes over what lies between it and "to". */
static void
Leave(Lexer *l, size_t from, size_t to)
{
	l->at = to < l->sql.len ? to : l->sql.len;
	TextCopyPassOver(&l->copy, from, l->at);
}

static void
Replace(Lexer *l, size_t from, size_t to)
{
	char param[16];

	Leave(l, from, to);
	TextCopyPut(&l->copy, param, snprintf(param, sizeof(param), "$%d", ++l->last_param));
	if (l->role == ROLE_STATEMENT_PASSWORD)
		l->role = ROLE_STATEMENT;
}

/* From here on nothing is certain. */
static void
ReplaceRest(Lexer *l, size_t from)
{
	Replace(l, from, l->sql.len);
}

/* ---- what constants look like ---- */

/* The highest $n, so that ours do not mean something else. */
static int
HighestParam(const SqlText *sql)
{
	const char *p = sql->text;
	const char *end = sql->text + sql->len;
	int			highest = 0;

	while (p < end && (p = memchr(p, '$', end - p)) != NULL)
	{
		int n = 0;

		for (p++; p < end && IsDigit(*p) && n < 100000; p++)
			n = n * 10 + (*p - '0');
		if (n > highest && n <= 65535)
			highest = n;
	}
	return highest;
}

/* Behind the string whose first character after the quote is at i; 0: it does not end. */
static size_t
EndOfString(const SqlText *sql, size_t i, bool escapes)
{
	while (i < sql->len)
	{
		char c = sql->text[i];

		if (c == '\\' && escapes)
			i += 2;
		else if (c != '\'')
			i++;
		else if (SqlCharAt(sql, i + 1) == '\'')
			i += 2;
		else
			return i + 1;
	}
	return 0;
}

/* Does the rest of the text end outside of strings, comments and so on? */
static bool
EndsInCode(const SqlText *sql, size_t i, bool escapes)
{
	while (i < sql->len)
	{
		char   c = sql->text[i];
		size_t tag;

		if (c == '\'')
		{
			bool has_escapes =
				escapes || (i > 0 && (sql->text[i - 1] == 'e' || sql->text[i - 1] == 'E'));

			if ((i = EndOfString(sql, i + 1, has_escapes)) == 0)
				return false;
		}
		else if (c == '"')
		{
			const char *end = memchr(sql->text + i + 1, '"', sql->len - i - 1);

			if (end == NULL)
				return false;
			i = end - sql->text + 1;
		}
		else if (c == '$' && (tag = SqlDollarTag(sql, i)) > 0)
		{
			const char *end = memmem(sql->text + i + tag, sql->len - i - tag, sql->text + i, tag);

			if (end == NULL)
				return false;
			i = end - sql->text + tag;
		}
		else if (c == '-' && SqlCharAt(sql, i + 1) == '-')
			i = SqlSkipLine(sql, i);
		else if (c == '/' && SqlCharAt(sql, i + 1) == '*')
			i = SqlSkipComment(sql, i);
		else if (c == '\\')
			return false;
		else
			i++;
	}
	return true;
}

/*
 * Behind a plain string; 0: nobody knows.  A backslash before a quote ends the
 * string or not, as standard_conforming_strings was for the session: it is
 * taken to be what makes a whole statement of the text.  That is decided once.
 */
static size_t
EndOfPlainString(Lexer *l, size_t i)
{
	const SqlText *sql = &l->sql;
	size_t		   end;
	size_t		   other;
	bool		   fits;
	bool		   other_fits;

	end = EndOfString(sql, i, l->backslash == BACKSLASH_ESCAPES);
	if (l->backslash != BACKSLASH_UNKNOWN || end == 0 ||
		memchr(sql->text + i, '\\', end - i) == NULL)
		return end;
	other = EndOfString(sql, i, true);
	if (other == end)
		return end;
	fits = !IsWordChar(SqlCharAt(sql, end)) && EndsInCode(sql, end, false);
	other_fits = other > 0 && !IsWordChar(SqlCharAt(sql, other)) && EndsInCode(sql, other, true);
	if (fits == other_fits)
		return 0;
	l->backslash = fits ? BACKSLASH_PLAIN : BACKSLASH_ESCAPES;
	return fits ? end : other;
}

/* Behind the number at i: digits, and whatever letters hang on them. */
static size_t
EndOfNumber(const SqlText *sql, size_t i)
{
	size_t start = i;

	while (i < sql->len)
	{
		char c = sql->text[i];

		if (c == '.' && SqlCharAt(sql, i + 1) == '.')
			break; /* FOR i IN 1..10 */
		if (IsWordChar(c) || c == '.')
			i++;
		else if ((c == '+' || c == '-') && i > start &&
				 (sql->text[i - 1] == 'e' || sql->text[i - 1] == 'E') &&
				 IsDigit(SqlCharAt(sql, i + 1)))
			i++;
		else
			break;
	}
	return i;
}

/* ---- roles ---- */

static bool
WordIs(const char *word, size_t len, const char *other)
{
	return strlen(other) == len && strncasecmp(word, other, len) == 0;
}

RoleStatement
RoleStatementNext(RoleStatement state, const char *word, size_t len)
{
	switch (state)
	{
		case ROLE_STATEMENT_BEGIN:
			if (WordIs(word, len, "create") || WordIs(word, len, "alter"))
				return ROLE_STATEMENT_VERB;
			return ROLE_STATEMENT_NONE;
		case ROLE_STATEMENT_VERB:
			if (WordIs(word, len, "role") || WordIs(word, len, "user") ||
				WordIs(word, len, "group"))
				return ROLE_STATEMENT;
			return ROLE_STATEMENT_NONE;
		case ROLE_STATEMENT:
		case ROLE_STATEMENT_PASSWORD:
			/* IDENTIFIED BY as other databases have it */
			if (WordIs(word, len, "password") || WordIs(word, len, "by"))
				return ROLE_STATEMENT_PASSWORD;
			return ROLE_STATEMENT;
		case ROLE_STATEMENT_NONE:
			break;
	}
	return ROLE_STATEMENT_NONE;
}

/* A word or quoted identifier; not NULL where a password is due. */
static void
TakeWord(Lexer *l, size_t start, size_t end)
{
	const char	 *word = l->sql.text + start;
	RoleStatement before = l->role;

	l->role = RoleStatementNext(before, word, end - start);
	l->at = end;
	if (before == ROLE_STATEMENT_PASSWORD && l->role == ROLE_STATEMENT &&
		!WordIs(word, end - start, "null"))
	{
		/* what is not quoted may hold anything up to the next blank */
		while (end < l->sql.len && !IsSpace(l->sql.text[end]) && l->sql.text[end] != ';')
			end++;
		Replace(l, start, end);
	}
}

/* ---- the pass ---- */

static void
TakeString(Lexer *l, size_t start, size_t quote, bool escapes)
{
	size_t end = escapes ? EndOfString(&l->sql, quote + 1, true) : EndOfPlainString(l, quote + 1);

	if (end == 0)
		ReplaceRest(l, start);
	else
		Replace(l, start, end);
}

static void
TakeIdentifier(Lexer *l, size_t start, size_t quote)
{
	size_t end = quote + 1;

	while (end < l->sql.len)
	{
		if (l->sql.text[end++] != '"')
			continue;
		if (SqlCharAt(&l->sql, end) != '"')
		{
			TakeWord(l, start, end);
			return;
		}
		end++;
	}
	ReplaceRest(l, start);
}

/* A word, or the prefix of a string or of an identifier. */
static void
TakeWordOrPrefix(Lexer *l)
{
	const SqlText *sql = &l->sql;
	size_t		   start = l->at;
	char		   c = sql->text[start];
	char		   next = SqlCharAt(sql, start + 1);
	size_t		   end = start;

	if (next == '\'' && strchr("eEnNbBxX", c) != NULL)
	{
		TakeString(l, start, start + 1, c == 'e' || c == 'E');
		return;
	}
	if ((c == 'u' || c == 'U') && next == '&')
	{
		if (SqlCharAt(sql, start + 2) == '\'')
		{
			TakeString(l, start, start + 2, false);
			return;
		}
		if (SqlCharAt(sql, start + 2) == '"')
		{
			TakeIdentifier(l, start, start + 2);
			return;
		}
	}
	while (end < sql->len && (IsWordChar(sql->text[end]) || sql->text[end] == '$'))
	{
		/* ‘ ’ “ ” from a word processor: whoever typed them meant quotes */
		if ((unsigned char) sql->text[end] == 0xE2 &&
			(unsigned char) SqlCharAt(sql, end + 1) == 0x80 &&
			(unsigned char) SqlCharAt(sql, end + 2) >= 0x98 &&
			(unsigned char) SqlCharAt(sql, end + 2) <= 0x9F)
		{
			ReplaceRest(l, end);
			return;
		}
		end++;
	}
	TakeWord(l, start, end);
}

static void
TakeDollar(Lexer *l)
{
	size_t		start = l->at;
	size_t		tag = SqlDollarTag(&l->sql, start);
	size_t		end = start + 1;
	const char *close;

	if (tag > 0)
	{
		close =
			memmem(l->sql.text + start + tag, l->sql.len - start - tag, l->sql.text + start, tag);
		if (close == NULL)
			ReplaceRest(l, start);
		else
			Replace(l, start, close - l->sql.text + tag);
		return;
	}
	while (end < l->sql.len && IsDigit(l->sql.text[end]))
		end++;
	/* neither $n nor a tag, unless the end is missing */
	if (end == start + 1)
		ReplaceRest(l, start);
	else if (IsWordChar(SqlCharAt(&l->sql, end)))
		Replace(l, end, EndOfNumber(&l->sql, end));
	else
		l->at = end;
}

static void
TakeComment(Lexer *l, size_t end)
{
	/* what it parted stays parted */
	Leave(l, l->at, end);
	if (l->copy.used > 0 && !IsSpace(l->copy.out[l->copy.used - 1]))
		TextCopyPut(&l->copy, " ", 1);
}

size_t
LiteralsMask(const char *text, size_t len, char *out, size_t size, bool *cut)
{
	Lexer		   l = {.sql = {text, len}, .copy = {.text = text, .out = out, .size = size}};
	const SqlText *sql = &l.sql;

	l.last_param = HighestParam(sql);
	while (l.at < len && !l.copy.cut)
	{
		char c = text[l.at];

		if (IsWordStart(c))
			TakeWordOrPrefix(&l);
		else if (c == '\'')
			TakeString(&l, l.at, l.at, false);
		else if (c == '"')
			TakeIdentifier(&l, l.at, l.at);
		else if (IsDigit(c) ||
				 (c == '.' && IsDigit(SqlCharAt(sql, l.at + 1)) &&
				  (l.at == 0 || text[l.at - 1] != '.')))
			Replace(&l, l.at, EndOfNumber(sql, l.at));
		else if (c == '$')
			TakeDollar(&l);
		else if (c == '-' && SqlCharAt(sql, l.at + 1) == '-')
			TakeComment(&l, SqlSkipLine(sql, l.at));
		else if (c == '/' && SqlCharAt(sql, l.at + 1) == '*')
			TakeComment(&l, SqlSkipComment(sql, l.at));
		else if (c == '\\')
			ReplaceRest(&l, l.at);
		else
		{
			if (c == ';')
				l.role = ROLE_STATEMENT_BEGIN;
			l.at++;
		}
	}
	return TextCopyEnd(&l.copy, len, cut);
}
