/*
 * secrets.c
 *		One pass over a text that looks for words after which secrets follow.
 *
 * The text is no valid SQL in general: it may be cut off, or be a message that
 * quotes a statement.  So this is no parser.  It keeps just enough of the
 * lexical state to tell an opening quote from a closing one, and looks at the
 * words wherever they stand, for passwords are often set by statements within
 * strings (EXECUTE 'ALTER ROLE … PASSWORD ''…''') and within bodies.
 */
#include "base/secrets.h"

#include "base/literals.h"
#include "base/secret_words.h"
#include "base/sqltext.h"
#include "base/textcopy.h"

#include <string.h>

#define MASK "********"
#define MAX_DOLLAR_DEPTH 8

typedef struct Tag
{
	const char *start;
	size_t		len;
} Tag;

typedef struct Masker
{
	SqlText	 sql; /* in a comment: up to its end */
	size_t	 at;  /* looked at up to here */
	TextCopy copy;

	bool		  in_string;			  /* between single quotes */
	bool		  escapes;				  /* in_string: backslash means something */
	Tag			  tags[MAX_DOLLAR_DEPTH]; /* the dollar quotes that are open, "$tag$" */
	int			  depth;
	bool		  assembled; /* a password is put together: mask every constant … */
	bool		  for_good;	 /* … not only up to the next semicolon */
	RoleStatement role;
} Masker;

/* ---- output ---- */

/* What lies between is a secret; an empty one is none. */
static void
MaskBetween(Masker *m, size_t from, size_t to)
{
	if (from < m->copy.copied)
		from = m->copy.copied;
	if (to <= from)
		return;
	TextCopyPassOver(&m->copy, from, to);
	TextCopyPut(&m->copy, MASK, strlen(MASK));
}

/* ---- values ---- */

/*
 * The end of a constant whose quote is a run of "unit" single quotes: 1 as in
 * plain SQL, 2 within a constant, 4 within one in it, and so on.  Two such
 * quotes are a quote in the value.  Returns the end of the value; *after is
 * behind the closing quote.  A shorter run of quotes ends a constant around it:
 * the value goes on in another one.
 */
static size_t
FindQuote(Masker *m, size_t i, size_t unit, bool escapes, size_t *after)
{
	while (i < m->sql.len)
	{
		size_t run;

		if (m->sql.text[i] == '\\' && escapes)
		{
			i += SqlCountQuotes(&m->sql, i + 1) >= unit ? 1 + unit : 2;
			continue;
		}
		run = SqlCountQuotes(&m->sql, i);
		if (run == 0)
		{
			i++;
			continue;
		}
		if (run % (2 * unit) != 0)
		{
			i += run / (2 * unit) * (2 * unit);
			*after = i + unit;
			if (run % (2 * unit) < unit)
			{
				m->assembled = true;
				*after = i;
			}
			return i;
		}
		i += run;
	}
	*after = m->sql.len;
	return m->sql.len;
}

/* Masks the constant whose first character after the quote is at i; returns what is behind it. */
static size_t
MaskConstant(Masker *m, size_t i, size_t unit, bool escapes)
{
	size_t after;

	for (;;)
	{
		MaskBetween(m, i, FindQuote(m, i, unit, escapes, &after));
		if (unit > 1 || !SqlIsContinued(&m->sql, after, &i))
			return after;
	}
}

static size_t
MaskDollarConstant(Masker *m, size_t i, size_t tag_len)
{
	size_t end = SqlFindTag(&m->sql, i + tag_len, m->sql.text + i, tag_len);

	MaskBetween(m, i + tag_len, end);
	return end < m->sql.len ? end + tag_len : m->sql.len;
}

/* Ends a value without quotes; a backslash hides what follows it. */
static size_t
FindBlankOrQuote(const Masker *m, size_t i)
{
	while (i < m->sql.len && !IsSpace(m->sql.text[i]) && m->sql.text[i] != '\'' &&
		   m->sql.text[i] != '"')
		i += m->sql.text[i] == '\\' && (m->escapes || SqlCharAt(&m->sql, i + 1) != '\'') ? 2 : 1;
	return i < m->sql.len ? i : m->sql.len;
}

/* Is this quote the end of the constant that we are in? */
static bool
ClosesString(const Masker *m, size_t i)
{
	size_t next = SqlSkipBlanks(&m->sql, i + 1);
	char   c = SqlCharAt(&m->sql, next);

	return m->in_string &&
		(c == '\0' || strchr(",;)=", c) != NULL || SqlStartsWith(&m->sql, next, "||") ||
		 SqlStartsWith(&m->sql, next, "::") || SqlStartsWith(&m->sql, next, "as "));
}

/* Is this dollar quote the end of the body that we are in? */
static bool
ClosesBody(const Masker *m, size_t i, size_t tag_len)
{
	const Tag *open = &m->tags[m->depth > 0 ? m->depth - 1 : 0];

	return m->depth > 0 && tag_len == open->len &&
		memcmp(m->sql.text + i, open->start, tag_len) == 0;
}

/* How many single quotes make a quote, where a run of them opens a constant. */
static size_t
QuoteUnit(const Masker *m, size_t run)
{
	if (!m->in_string || run < 2)
		return 1;
	return run < 4 ? 2 : run < 8 ? 4 : 8;
}

static size_t
SkipOperator(const Masker *m, size_t i, bool *found)
{
	static const char *const operators[] = {":=", "=>", "==", "=", ":"};

	*found = true;
	for (size_t k = 0; k < sizeof(operators) / sizeof(operators[0]); k++)
	{
		if (SqlStartsWith(&m->sql, i, operators[k]))
			return i + strlen(operators[k]);
	}
	*found = false;
	if (SqlStartsWith(&m->sql, i, "to") && !IsWordChar(SqlCharAt(&m->sql, i + 2)))
		return i + 2;
	return i;
}

/* A value without single quotes, as in connection strings and JSON. */
static void
MaskBareValue(Masker *m, size_t i)
{
	size_t after;

	if (SqlCharAt(&m->sql, i) == '"' || SqlStartsWith(&m->sql, i, "\\\""))
	{
		i += SqlCharAt(&m->sql, i) == '"' ? 1 : 2;
		m->at = SqlFindDoubleQuote(&m->sql, i);
	}
	else if (!SqlIsCall(&m->sql, i))
		m->at = FindBlankOrQuote(m, i);
	else if (m->in_string) /* its arguments are constants in ours */
		m->at = FindQuote(m, i, 1, m->escapes, &after);
	else
	{
		m->assembled = true;
		return;
	}
	MaskBetween(m, i, m->at);
}

/*
 * A role's password without quotes, or with the wrong ones: the server refuses
 * it, and quotes the statement in its log.
 */
static void
MaskUnquotedPassword(Masker *m, size_t i)
{
	size_t end = i;

	if (m->role != ROLE_STATEMENT_PASSWORD || SqlCharAt(&m->sql, i) == '$')
		return;
	if (SqlCharAt(&m->sql, i) == '"')
		end = SqlFindDoubleQuote(&m->sql, i + 1);
	while (end < m->sql.len && !IsSpace(m->sql.text[end]) && m->sql.text[end] != ';')
		end++;
	if (end - i == strlen("null") && SqlStartsWith(&m->sql, i, "null"))
		return;
	MaskBetween(m, i, end);
	m->at = end;
}

/* What follows a word that announces a secret; i is behind the word. */
static void
MaskAfterWord(Masker *m, size_t i)
{
	bool   within = m->in_string || m->sql.in_comment || m->depth > 0;
	bool   has_operator;
	bool   escapes;
	size_t run;
	size_t tag_len;

	if (SqlCharAt(&m->sql, i) == '\\' && SqlCharAt(&m->sql, i + 1) == '"')
		i++;
	if (SqlCharAt(&m->sql, i) == '"')
		i++;
	i = SkipOperator(m, SqlSkipBlanks(&m->sql, i), &has_operator);
	i = SqlSkipPrefix(&m->sql, SqlSkipBlanks(&m->sql, i), &escapes);
	run = SqlCountQuotes(&m->sql, i);
	tag_len = SqlDollarTag(&m->sql, i);

	if (run == 1 && ClosesString(m, i))
		m->assembled = true;
	else if (run > 0)
	{
		size_t unit = QuoteUnit(m, run);

		/* in a connection string a backslash hides a quote, too */
		m->at = MaskConstant(m, i + unit, unit, escapes || (unit > 1 && has_operator));
		if (unit == 1)
			m->in_string = false;
	}
	else if (ClosesBody(m, i, tag_len))
		return;
	else if (tag_len > 0)
		m->at = MaskDollarConstant(m, i, tag_len);
	else if (m->in_string && m->escapes && SqlStartsWith(&m->sql, i, "\\'"))
	{
		size_t end = i + 2;

		while (end < m->sql.len && m->sql.text[end] != '\'' && !SqlStartsWith(&m->sql, end, "\\'"))
			end++;
		MaskBetween(m, i + 2, end);
		m->at = end;
	}
	else
	{
		if (within && SqlCharAt(&m->sql, i) == '%')
			m->assembled = true; /* a format */
		if (within && has_operator)
			MaskBareValue(m, i);
		else if (has_operator && SqlIsCall(&m->sql, i))
			m->assembled = true;
		else
			MaskUnquotedPassword(m, i);
	}
	if (m->at > m->sql.len)
		m->at = m->sql.len;
}

/* "://" is at m->at: scheme://user:password@host. */
static void
MaskInUri(Masker *m)
{
	size_t start = m->at + 3;
	size_t end = start;
	size_t colon = 0;
	size_t sign = 0;

	while (end < m->sql.len && !IsSpace(m->sql.text[end]) &&
		   strchr("/'\"", m->sql.text[end]) == NULL)
	{
		if (m->sql.text[end] == ':' && colon == 0)
			colon = end;
		if (m->sql.text[end] == '@')
			sign = end;
		end++;
	}
	m->at = start;
	if (colon == 0)
		return;
	if (sign == 0 && end == m->sql.len)
		sign = end; /* cut off: a port, or a password */
	if (sign > colon)
	{
		MaskBetween(m, colon + 1, sign);
		m->at = sign;
	}
}

/* ---- the pass ---- */

static void
TakeWord(Masker *m)
{
	size_t start = m->at;

	while (m->at < m->sql.len &&
		   (IsWordChar(m->sql.text[m->at]) || (m->sql.in_comment && m->sql.text[m->at] == '-')))
		m->at++;
	if (!m->in_string && !m->sql.in_comment && m->depth == 0)
		m->role = RoleStatementNext(m->role, m->sql.text + start, m->at - start);
	if (IsSecretWord(m->sql.text + start, m->at - start))
		MaskAfterWord(m, m->at);
	else if (m->role == ROLE_STATEMENT_PASSWORD)
		MaskUnquotedPassword(m, SqlSkipBlanks(&m->sql, m->at));
}

/* "Quoted identifiers" may hold an apostrophe. */
static void
TakeIdentifier(Masker *m)
{
	size_t		start = m->at + 1;
	const char *end =
		start < m->sql.len ? memchr(m->sql.text + start, '"', m->sql.len - start) : NULL;

	m->at = end ? (size_t) (end - m->sql.text) + 1 : m->sql.len;
	if (end && IsSecretWord(m->sql.text + start, m->at - 1 - start))
		MaskAfterWord(m, m->at);
}

static bool
OpensWithEscapes(const Masker *m)
{
	return m->at > 0 && (m->sql.text[m->at - 1] == 'e' || m->sql.text[m->at - 1] == 'E') &&
		(m->at == 1 || !IsWordChar(m->sql.text[m->at - 2]));
}

static void
TakeQuote(Masker *m)
{
	if (m->in_string && SqlCharAt(&m->sql, m->at + 1) == '\'')
		m->at += 2;
	else if (m->in_string)
	{
		m->in_string = false;
		m->at++;
	}
	else if (m->assembled)
		m->at = MaskConstant(m, m->at + 1, 1, OpensWithEscapes(m));
	else
	{
		m->escapes = OpensWithEscapes(m);
		m->in_string = true;
		m->at++;
	}
}

/* The text between dollar quotes is looked at like any other. */
static void
TakeDollar(Masker *m)
{
	size_t len = SqlDollarTag(&m->sql, m->at);

	if (len == 0)
	{
		m->at++;
		return;
	}
	if (ClosesBody(m, m->at, len))
	{
		m->depth--;
		m->in_string = false; /* an apostrophe in the body was none of ours */
	}
	else if (!m->in_string && m->assembled && !m->for_good)
	{
		m->at = MaskDollarConstant(m, m->at, len);
		return;
	}
	else if (!m->in_string && m->depth < MAX_DOLLAR_DEPTH)
	{
		m->tags[m->depth].start = m->sql.text + m->at;
		m->tags[m->depth++].len = len;
	}
	m->at += len;
}

/* A block may keep a password in a variable first: nothing in it is trusted. */
static bool
IsBlockWithSecret(const Masker *m)
{
	size_t i = SqlSkipBlanks(&m->sql, 0);

	if (!SqlStartsWith(&m->sql, i, "do") || IsWordChar(SqlCharAt(&m->sql, i + 2)))
		return false;
	while (i < m->sql.len)
	{
		size_t start = i;

		while (i < m->sql.len && IsWordChar(m->sql.text[i]))
			i++;
		if (IsSecretWord(m->sql.text + start, i - start))
			return true;
		i += i == start;
	}
	return false;
}

static void TakeComment(Masker *m, size_t end);

static void
Scan(Masker *m)
{
	while (m->at < m->sql.len && !m->copy.cut)
	{
		char c = m->sql.text[m->at];
		bool in_code = !m->in_string && !m->sql.in_comment;

		if (IsWordStart(c))
			TakeWord(m);
		else if (c == '\'')
			TakeQuote(m);
		else if (c == '$' && !m->sql.in_comment)
			TakeDollar(m);
		else if (c == '"' && in_code)
			TakeIdentifier(m);
		else if (c == '\\' && m->in_string && m->escapes)
			m->at += 2;
		else if (in_code && SqlStartsWith(&m->sql, m->at, "--"))
			TakeComment(m, SqlSkipLine(&m->sql, m->at));
		else if (in_code && SqlStartsWith(&m->sql, m->at, "/*"))
			TakeComment(m, SqlSkipComment(&m->sql, m->at));
		else if (c == ':' && SqlStartsWith(&m->sql, m->at, "://"))
			MaskInUri(m);
		else
		{
			if (c == ';' && in_code)
			{
				m->assembled = m->for_good;
				m->role = ROLE_STATEMENT_BEGIN;
			}
			m->at++;
		}
	}
}

/* Looked at like the rest, but what it leaves open ends with it. */
static void
TakeComment(Masker *m, size_t end)
{
	Masker outside = *m;

	m->sql.len = end;
	m->sql.in_comment = true;
	m->depth = 0;
	m->at += 2;
	Scan(m);

	m->sql = outside.sql;
	m->in_string = false;
	m->assembled = outside.assembled;
	m->depth = outside.depth;
	m->at = end;
}

static size_t
Finish(Masker *m, bool *cut)
{
	Scan(m);
	return TextCopyEnd(&m->copy, m->sql.len, cut);
}

size_t
SecretsMask(const char *text, size_t len, char *out, size_t size, bool *cut)
{
	Masker m = {.sql = {text, len}, .copy = {.text = text, .out = out, .size = size}};

	m.assembled = m.for_good = IsBlockWithSecret(&m);
	return Finish(&m, cut);
}

size_t
SecretsMaskProse(const char *text, size_t len, char *out, size_t size, bool *cut)
{
	Masker m = {.sql = {text, len, .in_comment = true},
				.copy = {.text = text, .out = out, .size = size}};

	return Finish(&m, cut);
}
