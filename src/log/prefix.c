/*
 * prefix.c
 *		log_line_prefix, compiled into items and matched against lines.
 *
 * The items follow the server's own walk over the setting (log_line_prefix()
 * in elog.c).  User, database and application names may hold anything, also
 * what follows them in the prefix, so matching backtracks: the values are the
 * shortest ones with which the whole prefix, and a severity after it, fit.
 * Dead ends are remembered, so that no line takes more than items x length
 * steps.  Pure C.
 */
#include "log/dialect.h"

#include <string.h>

#include "log/entry.h"

/* How the value of an escape looks. */
typedef enum Shape
{
	SHAPE_TEXT, /* anything */
	SHAPE_HOST, /* no spaces */
	SHAPE_NUMBER,
	SHAPE_TIME,
	SHAPE_EPOCH,
	SHAPE_SQLSTATE,
	SHAPE_SESSION, /* hex.hex */
	SHAPE_VXID,	   /* number/number */
	SHAPE_STOP	   /* %q, prints nothing */
} Shape;

typedef struct Escape
{
	char  letter;
	Shape shape;
	bool  optional; /* empty in some processes */
} Escape;

static const Escape Escapes[] = {
	{'a', SHAPE_TEXT, true},   {'b', SHAPE_TEXT, false},	 {'c', SHAPE_SESSION, false},
	{'d', SHAPE_TEXT, true},   {'e', SHAPE_SQLSTATE, false}, {'h', SHAPE_HOST, true},
	{'i', SHAPE_TEXT, true},   {'l', SHAPE_NUMBER, false},	 {'L', SHAPE_HOST, true}, /* 18 */
	{'m', SHAPE_TIME, false},  {'n', SHAPE_EPOCH, false},	 {'p', SHAPE_NUMBER, false},
	{'P', SHAPE_NUMBER, true}, {'q', SHAPE_STOP, true},		 {'Q', SHAPE_NUMBER, false},
	{'r', SHAPE_HOST, true},   {'s', SHAPE_TIME, false},	 {'t', SHAPE_TIME, false},
	{'u', SHAPE_TEXT, true},   {'v', SHAPE_VXID, true},		 {'x', SHAPE_NUMBER, false},
};

/* Names are at most 63 bytes, host names 255, a process title somewhat more than its command. */
#define MAX_VALUE 256

static const Escape *
FindEscape(char letter)
{
	for (size_t i = 0; i < sizeof(Escapes) / sizeof(Escapes[0]); i++)
	{
		if (Escapes[i].letter == letter)
			return &Escapes[i];
	}
	return NULL;
}

/* Compiling */

static bool
AddLiteral(LogDialect *dialect, size_t *used, char c)
{
	PrefixItem *last = dialect->num_items > 0 ? &dialect->items[dialect->num_items - 1] : NULL;

	if (*used >= PREFIX_MAX_LITERALS || c == '\n')
		return false;
	dialect->literals[(*used)++] = c;
	if (last != NULL && last->escape == 0)
	{
		last->length++;
		return true;
	}
	if (dialect->num_items >= PREFIX_MAX_ITEMS)
		return false;
	dialect->items[dialect->num_items++] = (PrefixItem){.literal = *used - 1, .length = 1};
	return true;
}

static bool
Compile(LogDialect *dialect, const char *prefix)
{
	size_t used = 0;

	for (const char *p = prefix; *p != '\0'; p++)
	{
		const Escape *escape;
		bool		  left = false;
		int			  padding = 0;

		if (*p != '%')
		{
			if (!AddLiteral(dialect, &used, *p))
				return false;
			continue;
		}
		p++;
		if (*p == '%')
		{
			if (!AddLiteral(dialect, &used, '%'))
				return false;
			continue;
		}
		if (*p == '-')
		{
			left = true;
			p++;
		}
		for (; *p >= '0' && *p <= '9'; p++)
		{
			if (padding < PREFIX_MAX_LENGTH)
				padding = padding * 10 + (*p - '0');
		}
		if (*p == '\0')
			break; /* the server ignores it, too */
		escape = FindEscape(*p);
		if (escape == NULL)
		{
			/* nothing is printed for a character that is no letter */
			if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
				return false;
			continue;
		}
		if (dialect->num_items >= PREFIX_MAX_ITEMS || padding >= PREFIX_MAX_LENGTH)
			return false;
		dialect->items[dialect->num_items++] =
			(PrefixItem){.escape = *p, .padding = left ? -padding : padding};
	}
	return true;
}

/*
 * Values that follow each other directly: where the one ends is a guess, so
 * neither is reported.  Values of fixed form and padding separate well enough;
 * of a time only the zone is in doubt, which is not needed.
 */
static void
FindAmbiguities(LogDialect *dialect)
{
	PrefixItem *before = NULL;

	for (int i = 0; i < dialect->num_items; i++)
	{
		PrefixItem *item = &dialect->items[i];
		Shape		shape;

		if (item->escape == 0)
		{
			before = NULL;
			continue;
		}
		shape = FindEscape(item->escape)->shape;
		if (shape == SHAPE_STOP)
			continue;
		if (before != NULL && before->padding == 0 && shape != SHAPE_TIME)
		{
			Shape shape_before = FindEscape(before->escape)->shape;

			if (shape_before != SHAPE_SQLSTATE)
				item->ambiguous = dialect->prefix_ambiguous = true;
			if (shape_before != SHAPE_SQLSTATE && shape_before != SHAPE_TIME)
				before->ambiguous = true;
		}
		before = item;
	}
}

void
LogDialectInit(LogDialect *dialect, const char *log_line_prefix)
{
	memset(dialect, 0, sizeof(*dialect));
	LogDialectInitWords(dialect);
	dialect->prefix_known = Compile(dialect, log_line_prefix);
	if (dialect->prefix_known)
		FindAmbiguities(dialect);
	else
		dialect->num_items = 0;
}

/* Matching */

static size_t
CountDigits(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] >= '0' && s[n] <= '9')
		n++;
	return n;
}

static size_t
CountHex(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && ((s[n] >= '0' && s[n] <= '9') || (s[n] >= 'a' && s[n] <= 'f')))
		n++;
	return n;
}

/* Characters of time zone abbreviations, "CEST" or "+0530". */
static bool
IsZoneCharacter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
		c == '-' || c == ':' || c == '_' || c == '/' || c == '<' || c == '>';
}

/* Length of the longest value of this shape at s, 0: none. */
static size_t
LongestValue(Shape shape, const char *s, size_t len)
{
	size_t n = 0;
	size_t more;

	switch (shape)
	{
		case SHAPE_TEXT:
			return len < MAX_VALUE ? len : MAX_VALUE;
		case SHAPE_HOST:
			while (n < len && n < MAX_VALUE && s[n] != ' ')
				n++;
			return n;
		case SHAPE_NUMBER:
			n = (len > 0 && s[0] == '-') ? 1 : 0;
			more = CountDigits(s + n, len - n);
			return more > 0 ? n + more : 0;
		case SHAPE_TIME:
			n = LogTimeLength(s, len);
			if (n == 0 || n >= len || s[n] != ' ')
				return 0;
			for (n++; n < len && IsZoneCharacter(s[n]);)
				n++;
			return n;
		case SHAPE_EPOCH:
			n = CountDigits(s, len);
			if (n == 0 || n >= len || s[n] != '.')
				return 0;
			more = CountDigits(s + n + 1, len - n - 1);
			return more >= 3 ? n + 4 : 0;
		case SHAPE_SQLSTATE:
			while (n < len && n < 5 &&
				   ((s[n] >= '0' && s[n] <= '9') || (s[n] >= 'A' && s[n] <= 'Z')))
				n++;
			return n == 5 ? 5 : 0;
		case SHAPE_SESSION:
			n = CountHex(s, len);
			if (n == 0 || n >= len || s[n] != '.')
				return 0;
			more = CountHex(s + n + 1, len - n - 1);
			return more > 0 ? n + 1 + more : 0;
		case SHAPE_VXID:
			n = CountDigits(s, len);
			if (n == 0 || n >= len || s[n] != '/')
				return 0;
			more = CountDigits(s + n + 1, len - n - 1);
			return more > 0 ? n + 1 + more : 0;
		case SHAPE_STOP:
			return 0;
	}
	return 0;
}

/* Is it a whole value of this shape? */
static bool
IsValue(Shape shape, const char *s, size_t len)
{
	return len > 0 && LongestValue(shape, s, len) == len;
}

typedef struct Matcher
{
	const LogDialect *dialect;
	const char		 *line;
	size_t			  len; /* of the part that is looked at */
	PrefixMatch		 *match;
	/* bit set: from this item at this offset nothing fits */
	unsigned char dead[PREFIX_MAX_ITEMS][PREFIX_MAX_LENGTH / 8 + 1];
} Matcher;

static bool MatchFrom(Matcher *m, int i, size_t at);

static bool
MatchEnd(Matcher *m, int i, size_t at)
{
	size_t	length;
	LogWord word = LogWordAt(m->dialect, m->line + at, m->len - at, &length);

	if (word == WORD_NONE)
		return false;
	m->match->word = word;
	m->match->text = at + length;
	m->match->num_values = i;
	return true;
}

static bool
MatchValue(Matcher *m, int i, size_t at, size_t offset, size_t length, size_t total)
{
	m->match->value[i].offset = offset;
	m->match->value[i].length = length;
	return MatchFrom(m, i + 1, at + total);
}

static bool
MatchPadded(Matcher *m, int i, size_t at, const Escape *escape)
{
	int	   padding = m->dialect->items[i].padding;
	size_t width = padding < 0 ? -padding : padding;
	size_t limit = m->len - at;

	if (limit > width + MAX_VALUE)
		limit = width + MAX_VALUE;
	for (size_t total = width; total <= limit; total++)
	{
		size_t offset = at;
		size_t length = total;

		if (padding > 0)
		{
			while (length > 0 && m->line[offset] == ' ')
				offset++, length--;
		}
		else
		{
			while (length > 0 && m->line[offset + length - 1] == ' ')
				length--;
		}
		/* only what is too long for its width exceeds it */
		if (total > width && length != total)
			continue;
		if ((length == 0 && escape->optional) || IsValue(escape->shape, m->line + offset, length))
		{
			if (MatchValue(m, i, at, offset, length, total))
				return true;
		}
	}
	return false;
}

/* A text of any length from shortest to longest, as the item after it decides. */
static bool
MatchText(Matcher *m, int i, size_t at, size_t shortest, size_t longest)
{
	const PrefixItem *next = i + 1 < m->dialect->num_items ? &m->dialect->items[i + 1] : NULL;

	for (size_t n = shortest; n <= longest; n++)
	{
		/* up to where a literal can begin, there is nothing to be tried */
		if (next != NULL && next->escape == 0)
		{
			const char *literal =
				memchr(m->line + at + n, m->dialect->literals[next->literal], m->len - at - n);

			if (literal == NULL || (n = literal - m->line - at) > longest)
				return false;
		}
		if (MatchValue(m, i, at, at, n, n))
			return true;
	}
	return false;
}

static bool
MatchItem(Matcher *m, int i, size_t at)
{
	const PrefixItem *item = &m->dialect->items[i];
	const Escape	 *escape;
	size_t			  longest;

	if (item->escape == 0)
	{
		if (item->length > m->len - at ||
			memcmp(m->line + at, m->dialect->literals + item->literal, item->length) != 0)
			return false;
		return MatchValue(m, i, at, at, 0, item->length);
	}
	escape = FindEscape(item->escape);
	if (escape->shape == SHAPE_STOP)
		return MatchEnd(m, i, at) || MatchValue(m, i, at, at, 0, 0);
	if (item->padding != 0)
		return MatchPadded(m, i, at, escape);

	longest = LongestValue(escape->shape, m->line + at, m->len - at);
	if (escape->shape == SHAPE_TEXT || escape->shape == SHAPE_HOST)
		return MatchText(m, i, at, escape->optional ? 0 : 1, longest);
	for (size_t n = longest; n > 0; n--)
	{
		if ((n == longest || IsValue(escape->shape, m->line + at, n)) &&
			MatchValue(m, i, at, at, n, n))
			return true;
	}
	return escape->optional && MatchValue(m, i, at, at, 0, 0);
}

static bool
MatchFrom(Matcher *m, int i, size_t at)
{
	if (i == m->dialect->num_items)
		return MatchEnd(m, i, at);
	if (m->dead[i][at / 8] & (1 << (at % 8)))
		return false;
	if (MatchItem(m, i, at))
		return true;
	m->dead[i][at / 8] |= 1 << (at % 8);
	return false;
}

bool
LogPrefixMatch(const LogDialect *dialect, const char *line, size_t len, PrefixMatch *match)
{
	Matcher m;

	if (!dialect->prefix_known)
		return false;
	m.dialect = dialect;
	m.line = line;
	m.len = len < PREFIX_MAX_LENGTH ? len : PREFIX_MAX_LENGTH;
	m.match = match;
	match->dialect = dialect;
	memset(m.dead, 0, sizeof(m.dead[0]) * dialect->num_items);
	return MatchFrom(&m, 0, 0);
}
