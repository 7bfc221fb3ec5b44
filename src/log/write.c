/*
 * write.c
 *		Writes an entry as JSON.  Pure C.
 */
#include "log/write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/fields.h"

static void
WriteText(JsonWriter *w, LogEntryField field, const LogText *text)
{
	if (text->data != NULL && text->len > 0)
		JsonTextLen(w, LogEntryFields[field].name, text->data, text->len);
}

/* The digits as a string, for strtoll() and strtod(). */
static const char *
Terminate(char *digits, size_t size, const char *data, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(digits, data, len);
	digits[len] = '\0';
	return digits;
}

static int64_t
ReadInt(const char *data, size_t len)
{
	char digits[24];

	return strtoll(Terminate(digits, sizeof(digits), data, len), NULL, 10);
}

static double
ReadNumber(const char *data, size_t len)
{
	char digits[40];

	return strtod(Terminate(digits, sizeof(digits), data, len), NULL);
}

/* A number times a unit, without what floating point adds to it. */
static void
WriteScaled(JsonWriter *w, const char *key, double value, double unit)
{
	value = round(value * unit * 1000.0) / 1000.0;
	if (value == floor(value) && fabs(value) < 9e15)
		JsonInt(w, key, (int64_t) value);
	else
		JsonFloat(w, key, value);
}

/* "12:34:56.789" in ms */
static double
ReadClock(const char *data, size_t len)
{
	double value = 0;

	for (size_t i = 0; i < len;)
	{
		const char *colon = memchr(data + i, ':', len - i);
		size_t		part = colon != NULL ? (size_t) (colon - data) - i : len - i;

		value = value * 60 + ReadNumber(data + i, part);
		i += part + 1;
	}
	return value;
}

/* The name of a capture, with the number of the repetition in the place of "#". */
static void
ReadName(const Capture *capture, char *name, size_t size)
{
	const char *hash = memchr(capture->name, '#', capture->name_len);
	size_t		before = hash != NULL ? (size_t) (hash - capture->name) : capture->name_len;

	if (hash == NULL)
		snprintf(name, size, "%.*s", (int) before, capture->name);
	else
		snprintf(name, size, "%.*s%d%.*s", (int) before, capture->name, capture->number,
				 (int) (capture->name_len - before - 1), hash + 1);
}

static bool
SameName(const Capture *a, const Capture *b)
{
	return a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0 &&
		(a->number == b->number || memchr(a->name, '#', a->name_len) == NULL);
}

/* Was a value of this name written already? */
static bool
IsRepeated(const Captures *captures, int i)
{
	for (int k = 0; k < i; k++)
	{
		if (captures->capture[k].name_len > 0 && captures->capture[k].kind != CAPTURE_KNOWN &&
			SameName(&captures->capture[k], &captures->capture[i]))
			return true;
	}
	return false;
}

static void
WriteCapture(JsonWriter *w, const Capture *capture, const LogText *redacted)
{
	char name[64];

	ReadName(capture, name, sizeof(name));
	switch (capture->kind)
	{
		case CAPTURE_INT:
			if (capture->len < 19)
				JsonInt(w, name, ReadInt(capture->data, capture->len));
			else
				JsonFloat(w, name, ReadNumber(capture->data, capture->len));
			break;
		case CAPTURE_NUMBER:
			WriteScaled(w, name, ReadNumber(capture->data, capture->len), 1);
			break;
		case CAPTURE_SECONDS:
			WriteScaled(w, name, ReadNumber(capture->data, capture->len), 1000);
			break;
		case CAPTURE_KB:
			WriteScaled(w, name, ReadNumber(capture->data, capture->len), 1024);
			break;
		case CAPTURE_CLOCK:
			WriteScaled(w, name, ReadClock(capture->data, capture->len), 1000);
			break;
		default:
			/* "checkpoint starting: time" */
			if (redacted->data != NULL)
			{
				size_t blanks = 0;

				while (blanks < redacted->len && redacted->data[blanks] == ' ')
					blanks++;
				JsonTextLen(w, name, redacted->data + blanks, redacted->len - blanks);
			}
	}
}

static void
WriteFields(JsonWriter *w, const Meaning *meaning, const Redacted *redacted)
{
	const Captures *captures = &meaning->captures;
	const LogText  *query = &redacted->part[LOG_QUERY];
	bool			open = false;

	if (meaning->event != NULL || query->data != NULL || redacted->cut)
	{
		JsonObjectBegin(w, LogEntryFields[ENTRY_FIELDS].name);
		open = true;
	}
	for (int i = 0; meaning->event != NULL && i < captures->count; i++)
	{
		if (captures->capture[i].kind != CAPTURE_KNOWN && captures->capture[i].name_len > 0 &&
			!IsRepeated(captures, i))
			WriteCapture(w, &captures->capture[i], &redacted->capture[i]);
	}
	if (redacted->plan_format != NULL)
	{
		JsonText(w, "plan_format", redacted->plan_format);
		if (redacted->query.len > 1)
			JsonTextLen(w, "query", redacted->query.data, redacted->query.len);
	}
	if (query->data != NULL)
		JsonTextLen(w, "internal_query", query->data, query->len);
	if (redacted->cut)
		JsonBool(w, "truncated", true);
	if (open)
		JsonObjectEnd(w);
}

/* The address alone: csvlog and %r have the port behind it. */
static LogText
Client(const LogText *client)
{
	LogText address = *client;
	size_t	digits = 0;

	if (address.len > 0 && address.data[address.len - 1] == ')')
	{
		const char *open = memchr(address.data, '(', address.len);

		if (open != NULL)
			address.len = open - address.data;
		return address;
	}
	while (digits < address.len && address.data[address.len - 1 - digits] >= '0' &&
		   address.data[address.len - 1 - digits] <= '9')
		digits++;
	/* an IPv6 address ends in the same way, but has no port of this size before a csvlog's one */
	if (digits > 0 && digits < address.len && address.data[address.len - 1 - digits] == ':' &&
		(memchr(address.data, ':', address.len) == address.data + address.len - 1 - digits ||
		 digits == 5))
		address.len -= digits + 1;
	return address;
}

void
LogEntryWrite(JsonWriter *w, Redactor *redactor, const LogEntry *entry, const Meaning *meaning,
			  bool has_time, int64_t unix_us)
{
	Redacted	   redacted;
	LogText		   client = Client(&entry->text[LOG_CLIENT]);
	const LogText *line = &entry->text[LOG_SESSION_LINE];
	const LogText *query_id = &entry->text[LOG_QUERY_ID];

	LogRedactEntry(redactor, entry, meaning, &redacted);
	JsonObjectBegin(w, NULL);
	if (has_time)
		JsonTime(w, LogEntryFields[ENTRY_TIMESTAMP].name, unix_us);
	JsonText(w, LogEntryFields[ENTRY_LEVEL].name, LogWordName(entry->level));
	JsonTextLen(w, LogEntryFields[ENTRY_MESSAGE].name, redacted.part[LOG_MESSAGE].data,
				redacted.part[LOG_MESSAGE].len);
	WriteText(w, ENTRY_SQLSTATE, &entry->text[LOG_SQLSTATE]);
	if (entry->pid != 0)
		JsonInt(w, LogEntryFields[ENTRY_PID].name, entry->pid);
	WriteText(w, ENTRY_SESSION_ID, &entry->text[LOG_SESSION_ID]);
	if (line->data != NULL && line->len > 0 && line->len < 19)
		JsonInt(w, LogEntryFields[ENTRY_LINE].name, ReadInt(line->data, line->len));
	WriteText(w, ENTRY_DATABASE, &entry->text[LOG_DATABASE]);
	WriteText(w, ENTRY_USER, &entry->text[LOG_USER]);
	WriteText(w, ENTRY_APPLICATION, &entry->text[LOG_APPLICATION]);
	WriteText(w, ENTRY_CLIENT, &client);
	WriteText(w, ENTRY_BACKEND_TYPE, &entry->text[LOG_BACKEND_TYPE]);
	WriteText(w, ENTRY_DETAIL, &redacted.part[LOG_DETAIL]);
	WriteText(w, ENTRY_HINT, &redacted.part[LOG_HINT]);
	WriteText(w, ENTRY_CONTEXT, &redacted.part[LOG_CONTEXT]);
	WriteText(w, ENTRY_STATEMENT, &redacted.part[LOG_STATEMENT]);
	if (query_id->data != NULL && query_id->len > 0 &&
		!(query_id->len == 1 && query_id->data[0] == '0'))
		WriteText(w, ENTRY_QUERY_ID, query_id);
	if (meaning->event != NULL)
		JsonText(w, LogEntryFields[ENTRY_EVENT].name, meaning->event->name);
	else
		JsonNull(w, LogEntryFields[ENTRY_EVENT].name);
	WriteFields(w, meaning, &redacted);
	JsonObjectEnd(w);
}
