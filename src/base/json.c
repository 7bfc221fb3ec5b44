/*
 * json.c
 *		The JSON writer: see json.h for what it promises.
 *
 * A value knows by need_comma[depth] whether something stands before it, so
 * that callers never write punctuation.
 */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

void
JsonInit(JsonWriter *w, JsonSink sink, char *buffer, size_t size)
{
	memset(w, 0, sizeof(*w));
	w->sink = sink;
	w->buffer = buffer;
	w->size = size;
}

bool
JsonFlush(JsonWriter *w)
{
	if (!w->failed && w->used > 0)
	{
		if (w->sink.write(w->sink.arg, w->buffer, w->used))
			w->flushed += w->used;
		else
			w->failed = true;
	}
	w->used = 0;
	return !w->failed;
}

uint64_t
JsonPosition(const JsonWriter *w)
{
	return w->flushed + w->used;
}

JsonMark
JsonMarkHere(const JsonWriter *w)
{
	JsonMark mark;

	mark.position = JsonPosition(w);
	mark.depth = w->depth;
	memcpy(mark.need_comma, w->need_comma, sizeof(mark.need_comma));
	return mark;
}

bool
JsonRewind(JsonWriter *w, const JsonMark *mark)
{
	w->depth = mark->depth;
	memcpy(w->need_comma, mark->need_comma, sizeof(w->need_comma));
	if (w->failed)
		return false;
	if (mark->position >= w->flushed)
		w->used = (size_t) (mark->position - w->flushed);
	else if (w->sink.truncate && w->sink.truncate(w->sink.arg, mark->position))
	{
		w->flushed = mark->position;
		w->used = 0;
	}
	else
		w->failed = true;
	return !w->failed;
}

static void
Put(JsonWriter *w, const char *data, size_t len)
{
	while (len > 0 && !w->failed)
	{
		size_t room = w->size - w->used;
		size_t part = len < room ? len : room;

		memcpy(w->buffer + w->used, data, part);
		w->used += part;
		data += part;
		len -= part;
		if (w->used == w->size)
			JsonFlush(w);
	}
}

static void
PutChar(JsonWriter *w, char c)
{
	if (w->failed)
		return;
	w->buffer[w->used++] = c;
	if (w->used == w->size)
		JsonFlush(w);
}

/* Length of the valid UTF-8 sequence at s, 0 if there is none (RFC 3629: no overlong forms, no surrogates). */
static int
Utf8Length(const unsigned char *s, size_t len)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xC2 && s[0] <= 0xDF)
		return len >= 2 && (s[1] & 0xC0) == 0x80 ? 2 : 0;
	if ((s[0] & 0xF0) == 0xE0)
	{
		if (len < 3 || (s[1] & 0xC0) != 0x80 || (s[2] & 0xC0) != 0x80)
			return 0;
		if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F))
			return 0;
		return 3;
	}
	if (s[0] >= 0xF0 && s[0] <= 0xF4)
	{
		if (len < 4 || (s[1] & 0xC0) != 0x80 || (s[2] & 0xC0) != 0x80 || (s[3] & 0xC0) != 0x80)
			return 0;
		if ((s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
			return 0;
		return 4;
	}
	return 0;
}

static void
PutQuoted(JsonWriter *w, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *) text;
	size_t				 plain = 0; /* start of the bytes that can go out as they are */
	size_t				 i = 0;

	PutChar(w, '"');
	while (i < len)
	{
		int n;

		if (s[i] >= 0x20 && s[i] < 0x7F && s[i] != '"' && s[i] != '\\')
		{
			i++;
			continue;
		}
		n = s[i] >= 0x80 ? Utf8Length(s + i, len - i) : 0;
		if (n > 0)
		{
			i += n;
			continue;
		}

		Put(w, text + plain, i - plain);
		if (s[i] == '"' || s[i] == '\\')
		{
			PutChar(w, '\\');
			PutChar(w, (char) s[i]);
		}
		else if (s[i] == '\n')
			Put(w, "\\n", 2);
		else if (s[i] == '\t')
			Put(w, "\\t", 2);
		else if (s[i] == '\r')
			Put(w, "\\r", 2);
		else if (s[i] == 0 || s[i] >= 0x80)
			Put(w, REPLACEMENT, 3);
		else
		{
			char escape[8];

			snprintf(escape, sizeof(escape), "\\u%04x", s[i]);
			Put(w, escape, 6);
		}
		i++;
		plain = i;
	}
	Put(w, text + plain, len - plain);
	PutChar(w, '"');
}

/* What precedes every value: comma and key. */
static void
BeginValue(JsonWriter *w, const char *key)
{
	if (w->need_comma[w->depth])
		PutChar(w, ',');
	w->need_comma[w->depth] = true;
	if (key)
	{
		PutQuoted(w, key, strlen(key));
		PutChar(w, ':');
	}
}

static void
Open(JsonWriter *w, const char *key, char bracket)
{
	BeginValue(w, key);
	PutChar(w, bracket);
	if (w->depth + 1 < JSON_MAX_DEPTH)
		w->need_comma[++w->depth] = false;
	else
		w->failed = true;
}

static void
Close(JsonWriter *w, char bracket)
{
	PutChar(w, bracket);
	if (w->depth > 0)
		w->depth--;
	else
		w->failed = true;
}

void
JsonObjectBegin(JsonWriter *w, const char *key)
{
	Open(w, key, '{');
}

void
JsonObjectEnd(JsonWriter *w)
{
	Close(w, '}');
}

void
JsonArrayBegin(JsonWriter *w, const char *key)
{
	Open(w, key, '[');
}

void
JsonArrayEnd(JsonWriter *w)
{
	Close(w, ']');
}

void
JsonNull(JsonWriter *w, const char *key)
{
	BeginValue(w, key);
	Put(w, "null", 4);
}

void
JsonBool(JsonWriter *w, const char *key, bool value)
{
	BeginValue(w, key);
	Put(w, value ? "true" : "false", value ? 4 : 5);
}

void
JsonInt(JsonWriter *w, const char *key, int64_t value)
{
	char	 number[24];
	char	*p = number + sizeof(number);
	uint64_t rest = value < 0 ? -(uint64_t) value : (uint64_t) value;

	/* by far the most frequent value: not through snprintf */
	do
	{
		*--p = (char) ('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (value < 0)
		*--p = '-';
	BeginValue(w, key);
	Put(w, p, number + sizeof(number) - p);
}

/* The shortest form that reads back as the same double. */
void
JsonFloat(JsonWriter *w, const char *key, double value)
{
	char number[40];
	int	 len;

	if (!isfinite(value))
	{
		JsonNull(w, key);
		return;
	}
	BeginValue(w, key);
	len = snprintf(number, sizeof(number), "%.15g", value);
	if (strtod(number, NULL) != value)
		len = snprintf(number, sizeof(number), "%.17g", value);
	Put(w, number, len);
}

void
JsonText(JsonWriter *w, const char *key, const char *text)
{
	if (text)
		JsonTextLen(w, key, text, strlen(text));
	else
		JsonNull(w, key);
}

void
JsonTextLen(JsonWriter *w, const char *key, const char *text, size_t len)
{
	BeginValue(w, key);
	PutQuoted(w, text, len);
}

void
JsonTime(JsonWriter *w, const char *key, int64_t unix_us)
{
	char text[JSON_TIME_SIZE];

	JsonFormatTime(text, unix_us);
	JsonText(w, key, text[0] ? text : NULL);
}

void
JsonEncoded(JsonWriter *w, const char *key, const char *json, size_t len)
{
	BeginValue(w, key);
	Put(w, json, len);
}

void
JsonRaw(JsonWriter *w, const char *text, size_t len)
{
	Put(w, text, len);
}

static void
WriteRows(JsonWriter *w, const Field *field, const Rows *rows)
{
	bool array = field->type == FIELD_OBJECTS;

	if (array)
		JsonArrayBegin(w, field->name);
	for (int i = 0; i < rows->count; i++)
	{
		JsonObjectBegin(w, array ? NULL : field->name);
		JsonFields(w, field->fields, RowsGet(rows, i));
		JsonObjectEnd(w);
	}
	if (array)
		JsonArrayEnd(w);
}

void
JsonFields(JsonWriter *w, const Field *fields, const Value *values)
{
	for (int i = 0; fields[i].name; i++)
	{
		const Value *value = &values[i];

		if (!value->known)
			continue;
		switch (fields[i].type)
		{
			case FIELD_INT:
				JsonInt(w, fields[i].name, value->i);
				break;
			case FIELD_FLOAT:
				JsonFloat(w, fields[i].name, value->d);
				break;
			case FIELD_BOOL:
				JsonBool(w, fields[i].name, value->b);
				break;
			case FIELD_TEXT:
			case FIELD_SHARED_NAME:
				JsonText(w, fields[i].name, value->s);
				break;
			case FIELD_TIME:
				JsonTime(w, fields[i].name, value->i);
				break;
			case FIELD_OBJECT:
			case FIELD_OBJECTS:
				WriteRows(w, &fields[i], value->rows);
				break;
			case FIELD_TEXTS:
			case FIELD_INTS:
			case FIELD_ROWS:
			case FIELD_COUNTS:
			case FIELD_VALUES:
				/* structure: written by whoever declares it */
				break;
		}
	}
}

/*
 * Civil date from days, by the proleptic Gregorian calendar; the year starts
 * in March, so that the leap day comes last.  A time outside years 1 to 9999
 * has no RFC 3339 form and gives an empty text.
 */
void
JsonFormatTime(char *buffer, int64_t unix_us)
{
	const int64_t day_us = INT64_C(86400000000);
	int64_t		  days = unix_us / day_us;
	int64_t		  rest = unix_us % day_us;
	int64_t		  era;
	int64_t		  year;
	unsigned	  day_of_era;
	unsigned	  year_of_era;
	unsigned	  day_of_year;
	unsigned	  month;
	unsigned	  seconds;

	if (rest < 0)
	{
		rest += day_us;
		days--;
	}
	days += 719468; /* from 0000-03-01 */
	era = (days >= 0 ? days : days - 146096) / 146097;
	day_of_era = (unsigned) (days - era * 146097);
	year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month = (5 * day_of_year + 2) / 153;
	year = era * 400 + year_of_era + (month >= 10 ? 1 : 0);
	if (year < 1 || year > 9999)
	{
		buffer[0] = '\0';
		return;
	}
	seconds = (unsigned) (rest / 1000000);
	snprintf(buffer, JSON_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", (unsigned) year % 10000,
			 (month < 10 ? month + 3 : month - 9) % 100,
			 (day_of_year - (153 * month + 2) / 5 + 1) % 100, seconds / 3600 % 100,
			 seconds / 60 % 60, seconds % 60, (unsigned) (rest % 1000000));
}
