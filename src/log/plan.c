/*
 * plan.c
 *		The plans that auto_explain writes, without the constants in them.
 *
 * A plan quotes its query, perhaps the values of parameters, and in conditions
 * whatever constants the query had.  Names and numbers of the executor stay; of
 * what is not known to be one of those, constants are replaced.  In all four
 * formats a property is a key and a value.  Pure C.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include "log/redact.h"

#include <string.h>

#include "base/sqltext.h"

/* Properties whose value holds no data of users. */
static const char *const PlainKeys[] = {
	"Node Type",
	"Relation Name",
	"Schema",
	"Alias",
	"Index Name",
	"Join Type",
	"Strategy",
	"Partial Mode",
	"Parent Relationship",
	"Subplan Name",
	"CTE Name",
	"Scan Direction",
	"Command",
	"Operation",
	"Sort Method",
	"Sort Space Type",
	"Sort Space Used",
	"Function Name",
	"Table Function Name",
	"Tuplestore Name",
	"Custom Plan Provider",
	"Trigger Name",
	"Constraint Name",
	"Relation",
	"Storage",
	"Cache Mode",
	"Buckets",
	"Planning Time",
	"Execution Time",
	"Planning",
	"Workers Planned",
	"Workers Launched",
	"Heap Fetches",
	"Heap Blocks",
	"Batches",
	"Hits",
	"I/O Timings",
	"Buffers",
	"WAL",
	"Full-sort Groups",
	"Pre-sorted Groups",
	"Index Searches",
	"Rows Removed by Filter",
	"Rows Removed by Index Recheck",
	"Rows Removed by Join Filter",
	"Rows Removed by Conflict Filter",
	"Query Identifier",
	"Functions",
	"Options",
	"Timing",
	"Memory",
	"Disk",
	"Worker",
	"Presorted Key",
	"JIT",
	"Sort Methods Used",
	"Conflict Resolution",
	"Conflict Arbiter Indexes",
	"Tuples Inserted",
	"Conflicting Tuples",
	"Triggers",
	"Maximum Storage",
	"Estimates",
};

static bool
KeyIs(const char *key, size_t len, const char *other)
{
	return strlen(other) == len && memcmp(key, other, len) == 0;
}

static bool
IsPlainKey(const char *key, size_t len)
{
	for (size_t i = 0; i < sizeof(PlainKeys) / sizeof(PlainKeys[0]); i++)
	{
		if (KeyIs(key, len, PlainKeys[i]))
			return true;
	}
	return false;
}

/* The value of a property, without quotes and escapes. */
static void
PutValue(Redactor *r, const char *key, size_t key_len, const char *value, size_t len)
{
	if (KeyIs(key, key_len, "Query Text"))
		RedactPut(r, r->result->query.data, r->result->query.len);
	else if (KeyIs(key, key_len, "Query Parameters"))
		RedactList(r, value, len);
	else if (IsPlainKey(key, key_len))
		RedactVerbatim(r, value, len);
	else
		RedactExpression(r, value, len);
}

/* The query of the plan goes out on its own, too; to be called before the plan is written. */
static void
PutQuery(Redactor *r, const char *query, size_t len)
{
	size_t start = r->used;
	size_t room = r->room;

	if (r->mode == LOG_REDACT_STATEMENTS)
	{
		r->result->query = (LogText){"?", 1};
		return;
	}
	/* not more than half of what is left */
	r->room -= (r->room - r->used) / 2;
	RedactSql(r, query, len);
	r->room = room;
	r->result->query = (LogText){r->buffer + start, r->used - start};
}

/* ---- text ---- */

static size_t
LineEnd(const char *data, size_t len, size_t i)
{
	const char *newline = memchr(data + i, '\n', len - i);

	return newline != NULL ? (size_t) (newline - data) : len;
}

static bool
Contains(const char *data, size_t len, const char *what)
{
	return memmem(data, len, what, strlen(what)) != NULL;
}

/* Does a line of the plan begin here, rather than go on with the query? */
static bool
BeginsPlan(const char *line, size_t len)
{
	static const char *const starts[] = {"Query Parameters: ", "Query Identifier: "};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
	{
		if (len >= strlen(starts[i]) && memcmp(line, starts[i], strlen(starts[i])) == 0)
			return true;
	}
	return Contains(line, len, "  (cost=") || Contains(line, len, "  (actual ");
}

static bool
HasOddQuotes(const char *data, size_t len)
{
	bool odd = false;

	for (size_t i = 0; i < len; i++)
		odd ^= data[i] == '\'';
	return odd;
}

/* "Worker 0", "SubPlan 1", "CTE x", "Trigger x": nothing but names. */
static bool
IsHeading(const char *line, size_t len)
{
	static const char *const starts[] = {"SubPlan ", "InitPlan ", "CTE ",	  "Worker ",
										 "Trigger ", "JIT",		  "Planning:"};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
	{
		if (len >= strlen(starts[i]) && memcmp(line, starts[i], strlen(starts[i])) == 0)
			return !Contains(line, len, "'");
	}
	return false;
}

/* Where the text of the query ends that begins at i. */
static size_t
TextQueryEnd(const char *data, size_t len, size_t i)
{
	size_t end = LineEnd(data, len, i);

	while (end < len && !BeginsPlan(data + end + 1, LineEnd(data, len, end + 1) - end - 1))
		end = LineEnd(data, len, end + 1);
	return end;
}

/* A line at start, with what its value goes on with; returns what is behind it. */
static size_t
PutTextLine(Redactor *r, const char *data, size_t len, size_t start)
{
	size_t end = LineEnd(data, len, start);
	size_t key = start;
	const char *colon;

	while (key < end && data[key] == ' ')
		key++;
	colon = memmem(data + key, end - key, ": ", 2);
	if (colon != NULL && KeyIs(data + key, colon - data - key, "Query Text"))
		end = TextQueryEnd(data, len, start);
	else if (colon == NULL || !BeginsPlan(data + start, end - start))
	{
		/* a constant with a newline in it */
		while (end < len && HasOddQuotes(data + key, end - key))
			end = LineEnd(data, len, end + 1);
	}
	RedactPut(r, data + start, key - start);
	if (IsHeading(data + key, end - key) || Contains(data + key, end - key, "  (cost="))
		RedactVerbatim(r, data + key, end - key);
	else if (colon != NULL)
	{
		size_t value = colon + 2 - data;

		RedactPut(r, data + key, value - key);
		PutValue(r, data + key, colon - data - key, data + value, end - value);
	}
	else
		RedactExpression(r, data + key, end - key);
	if (end < len)
		RedactPut(r, "\n", 1);
	return end < len ? end + 1 : len;
}

static void
PutTextPlan(Redactor *r, const char *data, size_t len)
{
	for (size_t i = 0; i < len && !r->result->cut;)
		i = PutTextLine(r, data, len, i);
}

/* ---- JSON and YAML, whose strings are the same ---- */

/* Behind the string whose first character after the quote is at i. */
static size_t
EndOfJsonString(const char *data, size_t len, size_t i)
{
	while (i < len && data[i] != '"')
		i += data[i] == '\\' ? 2 : 1;
	return i < len ? i + 1 : len;
}

static size_t
Unescape(const char *data, size_t len, char *out, size_t size)
{
	static const char escapes[] = "bfnrt";
	static const char meanings[] = "\b\f\n\r\t";
	size_t used = 0;

	for (size_t i = 0; i < len && used < size; i++)
	{
		const char *escape;

		if (data[i] != '\\' || i + 1 >= len)
		{
			out[used++] = data[i];
			continue;
		}
		i++;
		escape = data[i] != '\0' ? strchr(escapes, data[i]) : NULL;
		/* of \u only control characters are written so: any character will do */
		if (data[i] == 'u')
		{
			out[used++] = ' ';
			i += 4;
		}
		else
			out[used++] = escape != NULL ? meanings[escape - escapes] : data[i];
	}
	return used;
}

static void
PutEscaped(Redactor *r, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (data[i] == '"' || data[i] == '\\')
			RedactPut(r, "\\", 1);
		if (data[i] == '\n')
			RedactPut(r, "\\n", 2);
		else if ((unsigned char) data[i] < ' ')
			RedactPut(r, " ", 1);
		else
			RedactPut(r, data + i, 1);
	}
}

/* The string without its quotes, with its constants replaced. */
static void
PutJsonValue(Redactor *r, const char *key, size_t key_len, const char *value, size_t len)
{
	Redactor inner = *r;
	Redacted result;
	size_t half = r->room / 2;
	size_t n;

	if (IsPlainKey(key, key_len))
	{
		RedactVerbatim(r, value, len);
		return;
	}
	/* in the first half of the scratch buffer without escapes, in the second one masked */
	n = Unescape(value, len, r->scratch, half);
	result.query = r->result->query;
	result.cut = n == half;
	inner.buffer = r->scratch + half;
	inner.room = half;
	inner.used = 0;
	inner.result = &result;
	PutValue(&inner, key, key_len, r->scratch, n);
	PutEscaped(r, inner.buffer, inner.used);
	r->result->cut |= result.cut;
}

/*
 * Copies JSON and looks at every string: it is a key if a colon follows, else
 * the value, or one of the values, of the last key.
 */
static void
PutJsonPlan(Redactor *r, const char *data, size_t len)
{
	const char *key = "";
	size_t key_len = 0;
	size_t copied = 0;

	for (size_t i = 0; i < len && !r->result->cut;)
	{
		size_t end;
		size_t next;

		if (data[i] != '"')
		{
			i++;
			continue;
		}
		end = EndOfJsonString(data, len, i + 1);
		for (next = end; next < len && (data[next] == ' ' || data[next] == '\n');)
			next++;
		if (next < len && data[next] == ':')
		{
			key = data + i + 1;
			key_len = end - i - 2;
		}
		else
		{
			size_t content = end - i - 1;

			if (content > 0 && data[end - 1] == '"')
				content--;
			RedactPut(r, data + copied, i + 1 - copied);
			PutJsonValue(r, key, key_len, data + i + 1, content);
			copied = i + 1 + content;
		}
		i = end;
	}
	RedactPut(r, data + copied, len - copied);
}

/* Lines "  - Key: value", values in quotes or plain numbers and words. */
static void
PutYamlPlan(Redactor *r, const char *data, size_t len)
{
	const char *key = "";
	size_t key_len = 0;

	for (size_t i = 0; i < len && !r->result->cut;)
	{
		size_t end = LineEnd(data, len, i);
		size_t at = i;
		const char *colon;

		while (at < end && (data[at] == ' ' || data[at] == '-'))
			at++;
		if (at < end && data[at] != '"' && (colon = memmem(data + at, end - at, ":", 1)) != NULL)
		{
			key = data + at;
			key_len = colon - key;
			at = colon + 1 - data;
			while (at < end && data[at] == ' ')
				at++;
		}
		RedactPut(r, data + i, at - i);
		if (at + 1 < end && data[at] == '"')
		{
			size_t content = end - at - 1;

			if (data[end - 1] == '"')
				content--;
			RedactPut(r, "\"", 1);
			PutJsonValue(r, key, key_len, data + at + 1, content);
			RedactPut(r, data + at + 1 + content, end - at - 1 - content);
		}
		else
			RedactPut(r, data + at, end - at);
		if (end < len)
			RedactPut(r, "\n", 1);
		i = end < len ? end + 1 : len;
	}
}

/* "Query Text": "…" of JSON, Query Text: "…" of YAML */
static void
PutJsonQuery(Redactor *r, const char *data, size_t len)
{
	const char *key = memmem(data, len, "Query Text", strlen("Query Text"));
	size_t i;
	size_t end;

	if (key == NULL)
		return;
	i = key - data + strlen("Query Text");
	while (i < len && (data[i] == '"' || data[i] == ' '))
		i++;
	if (i >= len || data[i] != ':')
		return;
	for (i++; i < len && data[i] == ' ';)
		i++;
	if (i >= len || data[i] != '"')
		return;
	end = EndOfJsonString(data, len, i + 1);
	if (end > i + 1 && data[end - 1] == '"')
		end--;
	PutQuery(r, r->scratch, Unescape(data + i + 1, end - i - 1, r->scratch, r->room));
}

/* ---- XML ---- */

static const struct
{
	const char *entity;
	char character;
} Entities[] = {
	{"&lt;", '<'},
	{"&gt;", '>'},
	{"&amp;", '&'},
	{"&#x0d;", '\r'},
};

#define NUM_ENTITIES (sizeof(Entities) / sizeof(Entities[0]))

static size_t
UnescapeXml(const char *data, size_t len, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < len && used < size; i++)
	{
		out[used] = data[i];
		for (size_t k = 0; data[i] == '&' && k < NUM_ENTITIES; k++)
		{
			size_t n = strlen(Entities[k].entity);

			if (len - i >= n && memcmp(data + i, Entities[k].entity, n) == 0)
			{
				out[used] = Entities[k].character;
				i += n - 1;
				break;
			}
		}
		used++;
	}
	return used;
}

static void
PutXmlEscaped(Redactor *r, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		size_t k = 0;

		while (k < NUM_ENTITIES && Entities[k].character != data[i])
			k++;
		if (k < NUM_ENTITIES)
			RedactPut(r, Entities[k].entity, strlen(Entities[k].entity));
		else
			RedactPut(r, data + i, 1);
	}
}

/* The name of a tag as the property is called elsewhere. */
static size_t
ReadTag(const char *tag, size_t len, char *key, size_t size)
{
	size_t n = 0;

	while (n < len && n < size && tag[n] != ' ' && tag[n] != '>' && tag[n] != '/')
	{
		key[n] = tag[n] == '-' ? ' ' : tag[n];
		n++;
	}
	return n;
}

static bool
IsNumber(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (!IsDigit(data[i]) && data[i] != '.')
			return false;
	}
	return len > 0;
}

/* Text between tags, with its constants replaced. */
static void
PutXmlValue(Redactor *r, const char *key, size_t key_len, const char *value, size_t len)
{
	Redactor inner = *r;
	Redacted result;
	size_t half = r->room / 2;
	size_t n;

	/* a number alone is one of the executor's: those that are data stand in expressions */
	if (IsNumber(value, len) && !KeyIs(key, key_len, "Item"))
	{
		RedactPut(r, value, len);
		return;
	}
	n = UnescapeXml(value, len, r->scratch, half);
	result.query = r->result->query;
	result.cut = n == half;
	inner.buffer = r->scratch + half;
	inner.room = half;
	inner.used = 0;
	inner.result = &result;
	PutValue(&inner, key, key_len, r->scratch, n);
	PutXmlEscaped(r, inner.buffer, inner.used);
	r->result->cut |= result.cut;
}

static void
PutXmlPlan(Redactor *r, const char *data, size_t len)
{
	char key[64];
	size_t key_len = 0;

	for (size_t i = 0; i < len && !r->result->cut;)
	{
		const char *open = memchr(data + i, '<', len - i);
		const char *close = open != NULL ? memchr(open, '>', data + len - open) : NULL;
		size_t text = (open != NULL ? open : data + len) - data;
		size_t blank = i;

		while (blank < text && IsSpace(data[blank]))
			blank++;
		if (blank == text || (open != NULL && open[1] != '/'))
			RedactPut(r, data + i, blank - i);
		else
			blank = i;
		if (blank < text)
			PutXmlValue(r, key, key_len, data + blank, text - blank);
		if (open == NULL)
			return;
		if (close == NULL)
		{
			r->result->cut = true;
			return;
		}
		if (open[1] != '/')
			key_len = ReadTag(open + 1, close - open - 1, key, sizeof(key));
		RedactPut(r, open, close + 1 - open);
		i = close + 1 - data;
	}
}

static void
PutXmlQuery(Redactor *r, const char *data, size_t len)
{
	static const char tag[] = "<Query-Text>";
	const char *open = memmem(data, len, tag, strlen(tag));
	const char *close;

	if (open == NULL)
		return;
	open += strlen(tag);
	close = memchr(open, '<', data + len - open);
	if (close == NULL)
		close = data + len;
	PutQuery(r, r->scratch, UnescapeXml(open, close - open, r->scratch, r->room));
}

/* ---- the plan ---- */

static const char *
FormatOf(const char *data, size_t len)
{
	size_t i = 0;

	while (i < len && IsSpace(data[i]))
		i++;
	if (i < len && data[i] == '{')
		return "json";
	if (i < len && data[i] == '<')
		return "xml";
	if (Contains(data, len, "\nPlan: \n") || Contains(data, len, "\nPlan:\n"))
		return "yaml";
	return "text";
}

LogText
RedactPlan(Redactor *r, const char *data, size_t len)
{
	const char *format = FormatOf(data, len);
	static const char query[] = "Query Text: ";
	size_t start;

	r->result->plan_format = format;
	if (format[0] == 'j' || format[0] == 'y')
		PutJsonQuery(r, data, len);
	else if (format[0] == 'x')
		PutXmlQuery(r, data, len);
	else if (len > strlen(query) && memcmp(data, query, strlen(query)) == 0)
		PutQuery(r, data + strlen(query), TextQueryEnd(data, len, 0) - strlen(query));
	if (r->result->query.data == NULL)
		r->result->query = (LogText){"", 0};

	start = r->used;
	switch (format[0])
	{
		case 'j':
			PutJsonPlan(r, data, len);
			break;
		case 'y':
			PutYamlPlan(r, data, len);
			break;
		case 'x':
			PutXmlPlan(r, data, len);
			break;
		default:
			PutTextPlan(r, data, len);
	}
	return (LogText){r->buffer + start, r->used - start};
}
