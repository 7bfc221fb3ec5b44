/*
 * body.c
 *		Read the batch_id of a body, and cut a body in two.
 *
 * A backend that answers "413 content too large" gets the batch in two halves.
 * The layout is made for that: metrics are lines, so that no JSON is parsed
 * and the metrics themselves stay as they were written.
 */
#include "spool/body.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_LINE "{\"batch_id\":\""
#define ERRORS_LINE "],\"collection_errors\":["
#define NO_ERRORS_LINE "],\"collection_errors\":[],\n"
#define COUNT_KEY "\"metrics_count\":"

typedef struct Span
{
	const char *start;
	const char *end;
} Span;

/* What a body consists of.  Every span ends with its newline. */
typedef struct BodyLines
{
	Span   id;	 /* {"batch_id":"…", */
	Span   head; /* … "metrics":[ */
	Span   metrics;
	size_t count;
	Span   errors; /* ],"collection_errors":[…], */
	Span   tail;   /* up to and with "metrics_count": */
} BodyLines;

static size_t
SpanSize(Span span)
{
	return span.end - span.start;
}

static bool
SpanBegins(Span span, const char *text)
{
	size_t length = strlen(text);

	return SpanSize(span) >= length && memcmp(span.start, text, length) == 0;
}

static bool
SpanEnds(Span span, const char *text)
{
	size_t length = strlen(text);

	return SpanSize(span) >= length && memcmp(span.end - length, text, length) == 0;
}

/* The line at *position, with its newline; the last one may lack it. */
static bool
NextLine(const char **position, const char *end, Span *line)
{
	const char *newline;

	if (*position >= end)
		return false;
	newline = memchr(*position, '\n', end - *position);
	line->start = *position;
	line->end = newline ? newline + 1 : end;
	*position = line->end;
	return true;
}

static int
HexValue(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * One character of a JSON string, at *position.  Returns -1 for the end of the
 * string, -2 for what has no place in a header.
 */
static int
NextCharacter(const char **position, const char *end)
{
	const char *p = *position;
	int			c;

	if (p >= end)
		return -2;
	c = (unsigned char) *p++;
	if (c == '"')
		return -1;
	if (c == '\\')
	{
		if (p >= end)
			return -2;
		c = (unsigned char) *p++;
		if (c == 'u' && end - p >= 4 && p[0] == '0' && p[1] == '0' && HexValue(p[2]) >= 0 &&
			HexValue(p[2]) < 8 && HexValue(p[3]) >= 0)
		{
			c = HexValue(p[2]) * 16 + HexValue(p[3]);
			p += 4;
		}
		else if (c != '"' && c != '\\' && c != '/')
			return -2;
	}
	*position = p;
	return c < 0x20 || c == 0x7f ? -2 : c;
}

bool
BodyBatchId(const char *body, size_t size, char *id, size_t id_size)
{
	const char *p = body + strlen(ID_LINE);
	const char *end = body + size;
	size_t		used = 0;
	int			c;

	if (!SpanBegins((Span){body, end}, ID_LINE))
		return false;
	while ((c = NextCharacter(&p, end)) >= 0)
	{
		if (used + 1 >= id_size)
			return false;
		id[used++] = (char) c;
	}
	id[used] = '\0';
	return c == -1 && used > 0;
}

bool
BodyCollectorId(const char *batch_id, char *id, size_t id_size)
{
	const char *slash = strrchr(batch_id, '/');
	size_t		length;

	if (slash == NULL || slash == batch_id)
		return false;
	length = slash - batch_id;
	if (length >= id_size)
		return false;
	memcpy(id, batch_id, length);
	id[length] = '\0';
	return true;
}

/* The last occurrence of text in the span, or NULL. */
static const char *
FindLast(Span span, const char *text)
{
	size_t length = strlen(text);

	if (SpanSize(span) < length)
		return NULL;
	for (const char *p = span.end - length; p >= span.start; p--)
	{
		if (memcmp(p, text, length) == 0)
			return p;
	}
	return NULL;
}

static bool
ReadLines(const char *body, size_t size, BodyLines *lines)
{
	const char *position = body;
	const char *end = body + size;
	const char *count;
	Span		line;

	memset(lines, 0, sizeof(*lines));
	if (!NextLine(&position, end, &lines->id) || !SpanBegins(lines->id, ID_LINE) ||
		!NextLine(&position, end, &lines->head) || !SpanEnds(lines->head, "\"metrics\":[\n"))
		return false;

	lines->metrics.start = lines->metrics.end = position;
	for (;;)
	{
		if (!NextLine(&position, end, &line))
			return false;
		if (line.start[0] == ']')
			break;
		lines->metrics.end = line.end;
		lines->count++;
	}
	lines->errors = line;
	if (!SpanBegins(line, ERRORS_LINE) || !SpanEnds(line, ",\n"))
		return false;

	if (!NextLine(&position, end, &lines->tail) || position != end)
		return false;
	count = FindLast(lines->tail, COUNT_KEY);
	if (count == NULL)
		return false;
	lines->tail.end = count + strlen(COUNT_KEY);
	return true;
}

/* The metric lines up to about the middle; at least one line on either side. */
static Span
FirstHalf(const BodyLines *lines, size_t *count)
{
	const char *position = lines->metrics.start;
	const char *middle = position + SpanSize(lines->metrics) / 2;
	Span		half = {position, position};
	Span		line;

	*count = 0;
	while (*count < lines->count - 1 && NextLine(&position, lines->metrics.end, &line))
	{
		/* stop before the line that lies more behind the middle than before it */
		if (*count > 0 && line.end > middle && line.end - middle > middle - line.start)
			break;
		half.end = line.end;
		(*count)++;
	}
	return half;
}

static void
Append(BodyHalf *half, const char *text, size_t length)
{
	memcpy(half->body + half->size, text, length);
	half->size += length;
}

static void
AppendSpan(BodyHalf *half, Span span)
{
	Append(half, span.start, SpanSize(span));
}

/* The first line, with another sequence number behind the last slash of the id. */
static bool
AppendId(BodyHalf *half, const BodyLines *lines, uint64_t sequence)
{
	const char *slash = FindLast(lines->id, "/");
	char		number[32];

	if (slash == NULL)
		return false;
	AppendSpan(half, (Span){lines->id.start, slash + 1});
	Append(half, number, snprintf(number, sizeof(number), "%" PRIu64 "\",\n", sequence));
	return true;
}

/* Metric lines, the last of them without its comma. */
static void
AppendMetrics(BodyHalf *half, Span metrics)
{
	while (metrics.end > metrics.start && (metrics.end[-1] == '\n' || metrics.end[-1] == ','))
		metrics.end--;
	AppendSpan(half, metrics);
	Append(half, "\n", 1);
}

static bool
BuildHalf(BodyHalf *half, const BodyLines *lines, uint64_t sequence, Span metrics, size_t count,
		  Span errors, size_t size)
{
	char number[32];

	/* a half is smaller than the whole, but for its two numbers */
	half->body = malloc(size + 128);
	half->size = 0;
	if (half->body == NULL || !AppendId(half, lines, sequence))
		return false;
	AppendSpan(half, lines->head);
	AppendMetrics(half, metrics);
	AppendSpan(half, errors);
	AppendSpan(half, lines->tail);
	Append(half, number, snprintf(number, sizeof(number), "%zu}\n", count));
	return true;
}

BodySplitResult
BodySplit(const char *body, size_t size, const uint64_t sequences[2], BodyHalf halves[2])
{
	const Span no_errors = {NO_ERRORS_LINE, &NO_ERRORS_LINE[strlen(NO_ERRORS_LINE)]};
	BodyLines  lines;
	Span	   first;
	Span	   second;
	size_t	   count;

	memset(halves, 0, 2 * sizeof(BodyHalf));
	if (!ReadLines(body, size, &lines) || FindLast(lines.id, "/") == NULL)
		return BODY_DAMAGED;
	if (lines.count < 2)
		return BODY_ONE_METRIC;

	first = FirstHalf(&lines, &count);
	second = (Span){first.end, lines.metrics.end};
	if (BuildHalf(&halves[0], &lines, sequences[0], first, count, lines.errors, size) &&
		BuildHalf(&halves[1], &lines, sequences[1], second, lines.count - count, no_errors, size))
		return BODY_SPLIT;

	free(halves[0].body);
	free(halves[1].body);
	memset(halves, 0, 2 * sizeof(BodyHalf));
	return BODY_NO_MEMORY;
}
