/*
 * plan_xml.c
 *		Plans in XML.  Pure C.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include "log/plan.h"

#include <string.h>

#include "base/sqltext.h"

static const struct
{
	const char *entity;
	char		character;
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
	static const PlanEscapes xml = {UnescapeXml, PutXmlEscaped};

	/* a number alone is one of the executor's: those that are data stand in expressions */
	if (IsNumber(value, len) && !PlanKeyIs(key, key_len, "Item"))
		RedactPut(r, value, len);
	else
		PlanPutEscapedValue(r, &xml, key, key_len, value, len);
}

void
PlanPutXml(Redactor *r, const char *data, size_t len)
{
	char   key[64];
	size_t key_len = 0;

	for (size_t i = 0; i < len && !r->result->cut;)
	{
		const char *open = memchr(data + i, '<', len - i);
		const char *close = open != NULL ? memchr(open, '>', data + len - open) : NULL;
		size_t		text = (open != NULL ? open : data + len) - data;
		size_t		blank = i;

		while (blank < text && IsSpace(data[blank]))
			blank++;
		RedactPut(r, data + i, blank - i);
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

void
PlanPutXmlQuery(Redactor *r, const char *data, size_t len)
{
	static const char tag[] = "<Query-Text>";
	const char		 *open = memmem(data, len, tag, strlen(tag));
	const char		 *close;

	if (open == NULL)
		return;
	open += strlen(tag);
	close = memchr(open, '<', data + len - open);
	if (close == NULL)
		close = data + len;
	PlanPutQuery(r, r->scratch, UnescapeXml(open, close - open, r->scratch, r->room));
}
