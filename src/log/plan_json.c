/*
 * plan_json.c
 *		Plans in JSON and in YAML, whose strings are the same.  Pure C.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include "log/plan.h"

#include <string.h>

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
	size_t			  used = 0;

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
	static const PlanEscapes json = {Unescape, PutEscaped};

	if (PlanKeyIsPlain(key, key_len))
		RedactVerbatim(r, value, len);
	else
		PlanPutEscapedValue(r, &json, key, key_len, value, len);
}

/*
 * Copies JSON and looks at every string: it is a key if a colon follows, else
 * the value, or one of the values, of the last key.
 */
void
PlanPutJson(Redactor *r, const char *data, size_t len)
{
	const char *key = "";
	size_t		key_len = 0;
	size_t		copied = 0;

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
void
PlanPutYaml(Redactor *r, const char *data, size_t len)
{
	const char *key = "";
	size_t		key_len = 0;

	for (size_t i = 0; i < len && !r->result->cut;)
	{
		size_t		end = PlanLineEnd(data, len, i);
		size_t		at = i;
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
void
PlanPutJsonQuery(Redactor *r, const char *data, size_t len)
{
	const char *key = memmem(data, len, "Query Text", strlen("Query Text"));
	size_t		i;
	size_t		end;

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
	PlanPutQuery(r, r->scratch, Unescape(data + i + 1, end - i - 1, r->scratch, r->room));
}
