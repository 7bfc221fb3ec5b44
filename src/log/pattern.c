/*
 * pattern.c
 *		Fits texts to patterns, from left to right and without going back.
 *
 * Only patterns whose beginning fits are tried (trie.c), so they are
 * interpreted as they stand in the table.  Pure C.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem, memrchr */
#endif

#include "log/pattern.h"

#include <string.h>

typedef struct Matcher
{
	const char *at;
	const char *end;
	int			part;
	int			number;
	Captures   *captures;
} Matcher;

static const struct
{
	const char *name;
	CaptureKind kind;
} Kinds[] = {
	{"name", CAPTURE_NAME},		  {"int", CAPTURE_INT},		{"number", CAPTURE_NUMBER},
	{"seconds", CAPTURE_SECONDS}, {"kB", CAPTURE_KB},		{"clock", CAPTURE_CLOCK},
	{"data", CAPTURE_DATA},		  {"value", CAPTURE_VALUE}, {"sql", CAPTURE_SQL},
	{"plan", CAPTURE_PLAN},		  {"list", CAPTURE_LIST},
};

/* {name:kind} at p; returns what is behind it. */
static const char *
ReadPlace(const char *p, Capture *place)
{
	const char *colon;
	const char *close = strchr(p, '}');

	place->kind = CAPTURE_TEXT;
	place->name = p + 1;
	place->name_len = close - place->name;
	colon = memchr(place->name, ':', place->name_len);
	if (colon != NULL)
	{
		size_t len = close - colon - 1;

		place->name_len = colon - place->name;
		for (size_t i = 0; i < sizeof(Kinds) / sizeof(Kinds[0]); i++)
		{
			if (strlen(Kinds[i].name) == len && memcmp(Kinds[i].name, colon + 1, len) == 0)
				place->kind = Kinds[i].kind;
		}
	}
	return close + 1;
}

static bool
IsDigit(const char *p, const char *end)
{
	return p < end && *p >= '0' && *p <= '9';
}

/* Where the number at p ends; p: there is none. */
static const char *
EndOfNumber(const char *p, const char *end, bool decimal)
{
	const char *q = p;

	if (q < end && *q == '-')
		q++;
	if (!IsDigit(q, end))
		return p;
	while (IsDigit(q, end))
		q++;
	if (decimal && q < end && *q == '.' && IsDigit(q + 1, end))
	{
		for (q++; IsDigit(q, end);)
			q++;
	}
	return q;
}

/* The plain text at p of a pattern, up to the next place or bracket. */
static size_t
Literal(const char *p, char *out)
{
	size_t len = 0;

	while (*p != '\0' && *p != '{' && *p != '[' && *p != ']' && len < PATTERN_PREFIX_SIZE)
	{
		if (*p == '\\')
			p++;
		out[len++] = *p++;
	}
	return len;
}

size_t
PatternPrefix(const char *pattern, char *out)
{
	return Literal(pattern, out);
}

/* Where "what" is: the first or the last time; the end of the text for an empty one. */
static const char *
Find(const Matcher *m, const char *what, size_t len, bool last)
{
	if (len == 0)
		return m->end;
	if (!last)
		return memmem(m->at, m->end - m->at, what, len);
	for (size_t i = m->end - m->at; i-- > 0;)
	{
		if (m->at + i + len <= m->end && memcmp(m->at + i, what, len) == 0)
			return m->at + i;
	}
	return NULL;
}

static const char *
BehindGroup(const char *p)
{
	while (*p != '\0' && *p != ']')
		p += (*p == '\\') ? 2 : 1;
	return *p == ']' ? p + 1 : p;
}

static bool
EndsWithLiteral(const char *p)
{
	return p[strcspn(p, "{[]")] == '\0';
}

/* Where a place without a form of its own ends: before what follows in the pattern. */
static const char *
EndOfText(const Matcher *m, const char *p, bool last)
{
	char		literal[PATTERN_PREFIX_SIZE];
	const char *nearest = NULL;

	while (*p == ']')
		p++;
	/* a group may be missing: then it is what is behind it */
	while (*p == '[')
	{
		const char *found = Find(m, literal, Literal(p + 1, literal), last);

		if (found != NULL && (nearest == NULL || found < nearest))
			nearest = found;
		p = BehindGroup(p + 1);
	}
	if (*p == '{')
		return nearest; /* two places without anything between: not in the tables */
	{
		size_t len = Literal(p, literal);
		/* what is last in the pattern is last in the text, too */
		const char *found = Find(m, literal, len, last || EndsWithLiteral(p));

		if (found != NULL && (nearest == NULL || found < nearest))
			nearest = found;
	}
	return nearest;
}

/* "12:34:56.789" */
static const char *
EndOfClock(const char *p, const char *end)
{
	const char *q = p;

	while (q < end && ((*q >= '0' && *q <= '9') || *q == ':' || *q == '.'))
		q++;
	return q;
}

static bool
TakePlace(Matcher *m, const char **p)
{
	Capture		place = {0};
	const char *end;

	*p = ReadPlace(*p, &place);
	switch (place.kind)
	{
		case CAPTURE_INT:
			end = EndOfNumber(m->at, m->end, false);
			break;
		case CAPTURE_NUMBER:
		case CAPTURE_SECONDS:
		case CAPTURE_KB:
			end = EndOfNumber(m->at, m->end, true);
			break;
		case CAPTURE_CLOCK:
			end = EndOfClock(m->at, m->end);
			break;
		default:
			end = EndOfText(m, *p, place.kind >= CAPTURE_VALUE);
			if (end == NULL)
				return false;
	}
	if (end == m->at && place.kind > CAPTURE_NAME && place.kind < CAPTURE_DATA)
		return false;
	if ((place.name_len > 0 || place.kind >= CAPTURE_DATA || place.kind == CAPTURE_NAME) &&
		m->captures->count < MAX_CAPTURES)
	{
		place.part = m->part;
		place.number = m->number;
		place.data = m->at;
		place.len = end - m->at;
		m->captures->capture[m->captures->count++] = place;
	}
	else if (place.kind >= CAPTURE_DATA)
		return false; /* would not be masked */
	m->at = end;
	return true;
}

/* Up to the end of the pattern or of the group. */
static bool
MatchRun(Matcher *m, const char *p)
{
	while (*p != '\0' && *p != ']')
	{
		if (*p == '{')
		{
			if (!TakePlace(m, &p))
				return false;
		}
		else if (*p == '[')
		{
			const char *at = m->at;
			int			count = m->captures->count;

			if (!MatchRun(m, p + 1))
			{
				m->at = at;
				m->captures->count = count;
			}
			p = BehindGroup(p + 1);
		}
		else
		{
			if (*p == '\\')
				p++;
			if (m->at >= m->end || *m->at != *p)
				return false;
			m->at++;
			p++;
		}
	}
	return true;
}

bool
PatternMatch(const char *pattern, const char *text, size_t len, int part, int number,
			 Captures *captures)
{
	Matcher	 m = {text, text + len, part, number, captures};
	int		 first = captures->count;
	Capture *known;

	if (first >= MAX_CAPTURES)
		return false;
	known = &captures->capture[captures->count++];
	*known = (Capture){.kind = CAPTURE_KNOWN, .part = part, .data = text};
	if (!MatchRun(&m, pattern) || (m.at < m.end && *m.at != ',' && *m.at != ';'))
	{
		captures->count = first;
		return false;
	}
	known->len = m.at - text;
	return true;
}
