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

#include <string.h>
#include <strings.h>

#define MASK "********"
#define MAX_DOLLAR_DEPTH 8

typedef struct Tag
{
	const char *start;
	size_t		len;
} Tag;

typedef struct Masker
{
	const char *text;
	size_t		len;			/* in a comment: up to its end */
	size_t		at;				/* looked at up to here */
	size_t		copied;			/* copied up to here */
	char	   *out;
	size_t		size;
	size_t		used;
	bool		cut;

	bool		in_string;		/* between single quotes */
	bool		escapes;		/* in_string: backslash means something */
	bool		in_comment;
	Tag			tags[MAX_DOLLAR_DEPTH]; /* the dollar quotes that are open, "$tag$" */
	int			depth;
	bool		assembled;		/* a password is put together: mask every constant … */
	bool		for_good;		/* … not only up to the next semicolon */
} Masker;

/* Endings of words, in lower case. */
static const char *const secret_words[] = {
	"password", "passwd", "passphrase", "pwd", "secret", "secret_key", "access_key", "private_key",
	"api_key", "apikey", "client_key", "server_key", "token",
};

/* ---- output ---- */

static void
Put(Masker *m, const char *bytes, size_t len)
{
	size_t		room = m->size - m->used;

	if (len > room)
	{
		m->cut = true;
		len = room;
	}
	memcpy(m->out + m->used, bytes, len);
	m->used += len;
}

/* What lies between is a secret; an empty one is none. */
static void
MaskBetween(Masker *m, size_t from, size_t to)
{
	if (from < m->copied)
		from = m->copied;
	if (to <= from)
		return;
	Put(m, m->text + m->copied, from - m->copied);
	Put(m, MASK, strlen(MASK));
	m->copied = to;
}

/* A character that was cut in two goes whole. */
static size_t
WholeCharacters(const char *text, size_t len)
{
	size_t		lead = len;
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

/* ---- looking ---- */

static char
CharAt(const Masker *m, size_t i)
{
	return i < m->len ? m->text[i] : '\0';
}

static bool
IsSpace(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
IsDigit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
IsWordStart(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		   (unsigned char) c >= 0x80;
}

static bool
IsWordChar(char c)
{
	return IsWordStart(c) || IsDigit(c);
}

static bool
StartsWith(const Masker *m, size_t i, const char *word)
{
	size_t		len = strlen(word);

	return i <= m->len && m->len - i >= len && strncasecmp(m->text + i, word, len) == 0;
}

static size_t
CountQuotes(const Masker *m, size_t i)
{
	size_t		start = i;

	while (CharAt(m, i) == '\'')
		i++;
	return i - start;
}

static size_t
SkipLine(const Masker *m, size_t i)
{
	const char *end = i < m->len ? memchr(m->text + i, '\n', m->len - i) : NULL;

	return end ? (size_t) (end - m->text) : m->len;
}

static size_t
SkipBlockComment(const Masker *m, size_t i)
{
	int			depth = 0;

	do
	{
		if (StartsWith(m, i, "/*"))
		{
			depth++;
			i += 2;
		}
		else if (StartsWith(m, i, "*/"))
		{
			depth--;
			i += 2;
		}
		else
			i++;
	} while (depth > 0 && i < m->len);
	return i < m->len ? i : m->len;
}

/* Comments, too; they are looked at again later, so in a comment there are none. */
static size_t
SkipBlanks(const Masker *m, size_t i)
{
	for (;;)
	{
		if (i < m->len && IsSpace(m->text[i]))
			i++;
		else if (!m->in_comment && StartsWith(m, i, "--"))
			i = SkipLine(m, i);
		else if (!m->in_comment && StartsWith(m, i, "/*"))
			i = SkipBlockComment(m, i);
		else
			return i;
	}
}

/* Length of the "$tag$" at i, 0 if there is none. */
static size_t
DollarTag(const Masker *m, size_t i)
{
	size_t		end = i + 1;

	if (CharAt(m, i) != '$' || IsDigit(CharAt(m, end)))
		return 0;
	while (end < m->len && IsWordChar(m->text[end]))
		end++;
	return CharAt(m, end) == '$' ? end + 1 - i : 0;
}

/* Where the dollar quote ends that "tag" began; the end of the text if nowhere. */
static size_t
FindTag(const Masker *m, size_t i, Tag tag)
{
	for (; i + tag.len <= m->len; i++)
	{
		if (memcmp(m->text + i, tag.start, tag.len) == 0)
			return i;
	}
	return m->len;
}

static bool
IsSecretWord(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(secret_words) / sizeof(secret_words[0]); i++)
	{
		size_t		ending = strlen(secret_words[i]);

		if (len >= ending && strncasecmp(word + len - ending, secret_words[i], ending) == 0)
			return true;
	}
	return false;
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
	while (i < m->len)
	{
		size_t		run;

		if (m->text[i] == '\\' && escapes)
		{
			i += CountQuotes(m, i + 1) >= unit ? 1 + unit : 2;
			continue;
		}
		run = CountQuotes(m, i);
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
	*after = m->len;
	return m->len;
}

/* A constant goes on in the next line: 'abc' newline 'def'. */
static bool
IsContinued(const Masker *m, size_t i, size_t *next)
{
	size_t		end = SkipBlanks(m, i);

	*next = end + 1;
	return CharAt(m, end) == '\'' && memchr(m->text + i, '\n', end - i) != NULL;
}

/* Masks the constant whose first character after the quote is at i; returns what is behind it. */
static size_t
MaskConstant(Masker *m, size_t i, size_t unit, bool escapes)
{
	size_t		after;

	for (;;)
	{
		MaskBetween(m, i, FindQuote(m, i, unit, escapes, &after));
		if (unit > 1 || !IsContinued(m, after, &i))
			return after;
	}
}

static size_t
MaskDollarConstant(Masker *m, size_t i, size_t tag_len)
{
	Tag			tag = {m->text + i, tag_len};
	size_t		end = FindTag(m, i + tag_len, tag);

	MaskBetween(m, i + tag_len, end);
	return end < m->len ? end + tag_len : m->len;
}

/* Ends a value without quotes; a backslash hides what follows it. */
static size_t
FindBlankOrQuote(const Masker *m, size_t i)
{
	while (i < m->len && !IsSpace(m->text[i]) && m->text[i] != '\'' && m->text[i] != '"')
		i += m->text[i] == '\\' && (m->escapes || CharAt(m, i + 1) != '\'') ? 2 : 1;
	return i < m->len ? i : m->len;
}

static size_t
FindDoubleQuote(const Masker *m, size_t i)
{
	while (i < m->len && m->text[i] != '"')
		i += m->text[i] == '\\' ? 2 : 1;
	return i < m->len ? i : m->len;
}

/* Is this quote the end of the constant that we are in? */
static bool
ClosesString(const Masker *m, size_t i)
{
	size_t		next = SkipBlanks(m, i + 1);
	char		c = CharAt(m, next);

	return m->in_string && (c == '\0' || strchr(",;)", c) != NULL || StartsWith(m, next, "||"));
}

/* Is this dollar quote the end of the body that we are in? */
static bool
ClosesBody(const Masker *m, size_t i, size_t tag_len)
{
	const Tag  *open = &m->tags[m->depth > 0 ? m->depth - 1 : 0];

	return m->depth > 0 && tag_len == open->len && memcmp(m->text + i, open->start, tag_len) == 0;
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
SkipPrefix(const Masker *m, size_t i, bool *escapes)
{
	char		c = CharAt(m, i);

	*escapes = c == 'e' || c == 'E';
	if (c != '\0' && strchr("eEnNbBxX", c) != NULL && CharAt(m, i + 1) == '\'')
		return i + 1;
	if (StartsWith(m, i, "u&'"))
		return i + 2;
	*escapes = false;
	return i;
}

static size_t
SkipOperator(const Masker *m, size_t i, bool *found)
{
	static const char *const operators[] = {":=", "=>", "==", "=", ":"};

	*found = true;
	for (size_t k = 0; k < sizeof(operators) / sizeof(operators[0]); k++)
	{
		if (StartsWith(m, i, operators[k]))
			return i + strlen(operators[k]);
	}
	*found = false;
	if (StartsWith(m, i, "to") && !IsWordChar(CharAt(m, i + 2)))
		return i + 2;
	return i;
}

static bool
IsCall(const Masker *m, size_t i)
{
	size_t		start = i;

	while (i < m->len && (IsWordChar(m->text[i]) || m->text[i] == '.'))
		i++;
	return i > start && CharAt(m, i) == '(';
}

/* A value without single quotes, as in connection strings and JSON. */
static void
MaskBareValue(Masker *m, size_t i)
{
	size_t		after;

	if (CharAt(m, i) == '"' || StartsWith(m, i, "\\\""))
	{
		i += CharAt(m, i) == '"' ? 1 : 2;
		m->at = FindDoubleQuote(m, i);
	}
	else if (!IsCall(m, i))
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

/* What follows a word that announces a secret; i is behind the word. */
static void
MaskAfterWord(Masker *m, size_t i)
{
	bool		within = m->in_string || m->in_comment || m->depth > 0;
	bool		has_operator;
	bool		escapes;
	size_t		run;
	size_t		tag_len;

	if (CharAt(m, i) == '\\' && CharAt(m, i + 1) == '"')
		i++;
	if (CharAt(m, i) == '"')
		i++;
	i = SkipOperator(m, SkipBlanks(m, i), &has_operator);
	i = SkipPrefix(m, SkipBlanks(m, i), &escapes);
	run = CountQuotes(m, i);
	tag_len = DollarTag(m, i);

	if (run == 1 && ClosesString(m, i))
		m->assembled = true;
	else if (run > 0)
	{
		size_t		unit = QuoteUnit(m, run);

		/* in a connection string a backslash hides a quote, too */
		m->at = MaskConstant(m, i + unit, unit, escapes || (unit > 1 && has_operator));
		if (unit == 1)
			m->in_string = false;
	}
	else if (ClosesBody(m, i, tag_len))
		return;
	else if (tag_len > 0)
		m->at = MaskDollarConstant(m, i, tag_len);
	else if (m->in_string && m->escapes && StartsWith(m, i, "\\'"))
	{
		size_t		end = i + 2;

		while (end < m->len && m->text[end] != '\'' && !StartsWith(m, end, "\\'"))
			end++;
		MaskBetween(m, i + 2, end);
		m->at = end;
	}
	else
	{
		if (within && CharAt(m, i) == '%')
			m->assembled = true; /* a format */
		if (within && has_operator)
			MaskBareValue(m, i);
		else if (has_operator && IsCall(m, i))
			m->assembled = true;
	}
	if (m->at > m->len)
		m->at = m->len;
}

/* "://" is at m->at: scheme://user:password@host. */
static void
MaskInUri(Masker *m)
{
	size_t		start = m->at + 3;
	size_t		end = start;
	size_t		colon = 0;
	size_t		sign = 0;

	while (end < m->len && !IsSpace(m->text[end]) && strchr("/'\"", m->text[end]) == NULL)
	{
		if (m->text[end] == ':' && colon == 0)
			colon = end;
		if (m->text[end] == '@')
			sign = end;
		end++;
	}
	m->at = start;
	if (colon == 0)
		return;
	if (sign == 0 && end == m->len)
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
	size_t		start = m->at;

	while (m->at < m->len && IsWordChar(m->text[m->at]))
		m->at++;
	if (IsSecretWord(m->text + start, m->at - start))
		MaskAfterWord(m, m->at);
}

/* "Quoted identifiers" may hold an apostrophe. */
static void
TakeIdentifier(Masker *m)
{
	size_t		start = m->at + 1;
	const char *end = start < m->len ? memchr(m->text + start, '"', m->len - start) : NULL;

	m->at = end ? (size_t) (end - m->text) + 1 : m->len;
	if (end && IsSecretWord(m->text + start, m->at - 1 - start))
		MaskAfterWord(m, m->at);
}

static bool
OpensWithEscapes(const Masker *m)
{
	return m->at > 0 && (m->text[m->at - 1] == 'e' || m->text[m->at - 1] == 'E') &&
		   (m->at == 1 || !IsWordChar(m->text[m->at - 2]));
}

static void
TakeQuote(Masker *m)
{
	if (m->in_string && CharAt(m, m->at + 1) == '\'')
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
	size_t		len = DollarTag(m, m->at);

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
		m->tags[m->depth].start = m->text + m->at;
		m->tags[m->depth++].len = len;
	}
	m->at += len;
}

/* A block may keep a password in a variable first: nothing in it is trusted. */
static bool
IsBlockWithSecret(const Masker *m)
{
	size_t		i = SkipBlanks(m, 0);

	if (!StartsWith(m, i, "do") || IsWordChar(CharAt(m, i + 2)))
		return false;
	while (i < m->len)
	{
		size_t		start = i;

		while (i < m->len && IsWordChar(m->text[i]))
			i++;
		if (IsSecretWord(m->text + start, i - start))
			return true;
		i += i == start;
	}
	return false;
}

static void TakeComment(Masker *m, size_t end);

static void
Scan(Masker *m)
{
	while (m->at < m->len && !m->cut)
	{
		char		c = m->text[m->at];
		bool		in_code = !m->in_string && !m->in_comment;

		if (IsWordStart(c))
			TakeWord(m);
		else if (c == '\'')
			TakeQuote(m);
		else if (c == '$' && !m->in_comment)
			TakeDollar(m);
		else if (c == '"' && in_code)
			TakeIdentifier(m);
		else if (c == '\\' && m->in_string && m->escapes)
			m->at += 2;
		else if (in_code && StartsWith(m, m->at, "--"))
			TakeComment(m, SkipLine(m, m->at));
		else if (in_code && StartsWith(m, m->at, "/*"))
			TakeComment(m, SkipBlockComment(m, m->at));
		else if (c == ':' && StartsWith(m, m->at, "://"))
			MaskInUri(m);
		else
		{
			if (c == ';' && in_code)
				m->assembled = m->for_good;
			m->at++;
		}
	}
}

/* Looked at like the rest, but what it leaves open ends with it. */
static void
TakeComment(Masker *m, size_t end)
{
	Masker		outside = *m;

	m->in_comment = true;
	m->depth = 0;
	m->len = end;
	m->at += 2;
	Scan(m);

	m->in_comment = false;
	m->in_string = false;
	m->assembled = outside.assembled;
	m->depth = outside.depth;
	m->len = outside.len;
	m->at = end;
}

size_t
SecretsMask(const char *text, size_t len, char *out, size_t size, bool *cut)
{
	Masker		m = {.text = text, .len = len, .out = out, .size = size};

	m.assembled = m.for_good = IsBlockWithSecret(&m);
	Scan(&m);
	if (m.copied < len)
		Put(&m, text + m.copied, len - m.copied);
	*cut = m.cut;
	return m.cut ? WholeCharacters(out, m.used) : m.used;
}
