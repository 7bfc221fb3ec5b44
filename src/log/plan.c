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

#include "log/plan.h"

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

bool
PlanKeyIs(const char *key, size_t len, const char *other)
{
	return strlen(other) == len && memcmp(key, other, len) == 0;
}

bool
PlanKeyIsPlain(const char *key, size_t len)
{
	for (size_t i = 0; i < sizeof(PlainKeys) / sizeof(PlainKeys[0]); i++)
	{
		if (PlanKeyIs(key, len, PlainKeys[i]))
			return true;
	}
	return false;
}

/* The value of a property, without quotes and escapes. */
static void
PutValue(Redactor *r, const char *key, size_t key_len, const char *value, size_t len)
{
	if (PlanKeyIs(key, key_len, "Query Text"))
		RedactPut(r, r->result->query.data, r->result->query.len);
	else if (PlanKeyIs(key, key_len, "Query Parameters"))
		RedactList(r, value, len);
	else if (PlanKeyIsPlain(key, key_len))
		RedactVerbatim(r, value, len);
	else
		RedactExpression(r, value, len);
}

void
PlanPutEscapedValue(Redactor *r, const PlanEscapes *escapes, const char *key, size_t key_len,
					const char *value, size_t len)
{
	/* in the first half of the scratch buffer without escapes, in the second one masked */
	size_t	 half = r->room / 2;
	size_t	 n = escapes->unescape(value, len, r->scratch, half);
	Redacted result;
	Redactor inner = *r;

	result.query = r->result->query;
	result.cut = n == half;
	inner.buffer = r->scratch + half;
	inner.room = half;
	inner.used = 0;
	inner.result = &result;
	PutValue(&inner, key, key_len, r->scratch, n);
	escapes->put_escaped(r, inner.buffer, inner.used);
	r->result->cut |= result.cut;
}

/* The query of the plan goes out on its own, too; to be called before the plan is written. */
void
PlanPutQuery(Redactor *r, const char *query, size_t len)
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

size_t
PlanLineEnd(const char *data, size_t len, size_t i)
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
	size_t end = PlanLineEnd(data, len, i);

	while (end < len && !BeginsPlan(data + end + 1, PlanLineEnd(data, len, end + 1) - end - 1))
		end = PlanLineEnd(data, len, end + 1);
	return end;
}

/* A line at start, with what its value goes on with; returns what is behind it. */
static size_t
PutTextLine(Redactor *r, const char *data, size_t len, size_t start)
{
	size_t		end = PlanLineEnd(data, len, start);
	size_t		key = start;
	const char *colon;

	while (key < end && data[key] == ' ')
		key++;
	colon = memmem(data + key, end - key, ": ", 2);
	if (colon != NULL && PlanKeyIs(data + key, colon - data - key, "Query Text"))
		end = TextQueryEnd(data, len, start);
	else if (colon == NULL || !BeginsPlan(data + start, end - start))
	{
		bool odd = HasOddQuotes(data + key, end - key);

		/* a constant with a newline in it */
		while (end < len && odd)
		{
			size_t next = PlanLineEnd(data, len, end + 1);

			odd ^= HasOddQuotes(data + end, next - end);
			end = next;
		}
	}
	RedactPut(r, data + start, key - start);
	/* what looks like a node, but has constants, is one of the values of the query */
	if (IsHeading(data + key, end - key) ||
		(Contains(data + key, end - key, "  (cost=") && !Contains(data + key, end - key, "'")))
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
	const char		 *format = FormatOf(data, len);
	static const char query[] = "Query Text: ";
	size_t			  start;

	r->result->plan_format = format;
	if (format[0] == 'j' || format[0] == 'y')
		PlanPutJsonQuery(r, data, len);
	else if (format[0] == 'x')
		PlanPutXmlQuery(r, data, len);
	else if (len > strlen(query) && memcmp(data, query, strlen(query)) == 0)
		PlanPutQuery(r, data + strlen(query), TextQueryEnd(data, len, 0) - strlen(query));
	if (r->result->query.data == NULL)
		r->result->query = (LogText){"", 0};

	start = r->used;
	switch (format[0])
	{
		case 'j':
			PlanPutJson(r, data, len);
			break;
		case 'y':
			PlanPutYaml(r, data, len);
			break;
		case 'x':
			PlanPutXml(r, data, len);
			break;
		default:
			PutTextPlan(r, data, len);
	}
	return (LogText){r->buffer + start, r->used - start};
}
