/*
 * log_entries.h
 *		What the tests of the log formats have in common: a text is taken apart
 *		as the collector does it, entry by entry.
 */
#ifndef LOG_ENTRIES_H
#define LOG_ENTRIES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "log/entry.h"

#define MAX_ENTRIES 16

typedef struct Entries
{
	int			count;
	int			unusable;		/* framed as entries, but nothing in them */
	size_t		junk;			/* bytes */
	size_t		left;			/* bytes that wait for more */
	LogEntry	entry[MAX_ENTRIES];
	char	   *buffer;
} Entries;

static LogDialect Dialect;
static Entries Found;

/* A copy of exactly the text's size and the byte that the collector keeps spare, for the sanitizers. */
static void
read_bytes(const char *source, const char *data, size_t len, LogEnd end)
{
	const LogFormat *format = LogFormatByName(source, strlen(source));
	size_t		at = 0;

	free(Found.buffer);
	memset(&Found, 0, sizeof(Found));
	Found.buffer = malloc(len + 1);
	memcpy(Found.buffer, data, len);
	while (at < len)
	{
		LogFrame	frame = format->frame(&Dialect, Found.buffer + at, len - at, end);

		if (frame.kind == FRAME_MORE)
			break;
		assert_true(frame.length > 0 && frame.length <= len - at);
		if (frame.kind == FRAME_JUNK)
			Found.junk += frame.length;
		else if (!format->parse(&Dialect, Found.buffer + at, frame.length,
								&Found.entry[Found.count]))
			Found.unusable++;
		else
			Found.count++;
		at += frame.length;
	}
	Found.left = len - at;
}

static inline void
read_text(const char *source, const char *text, LogEnd end)
{
	read_bytes(source, text, strlen(text), end);
}

/* A text of an entry, NULL: unknown.  The result is good until the next but three. */
static inline const char *
text_of(int i, LogField field)
{
	static char copies[4][4096];
	static int	next;
	const LogText *text = &Found.entry[i].text[field];
	char	   *copy = copies[next++ % 4];

	assert_true(i < Found.count);
	if (text->data == NULL)
		return NULL;
	assert_true(text->len < sizeof(copies[0]));
	memcpy(copy, text->data, text->len);
	copy[text->len] = '\0';
	return copy;
}

#define assert_text(i, field, expected) assert_string_equal(text_of(i, field), expected)
#define assert_unknown(i, field) assert_null(text_of(i, field))

static inline void
assert_level(int i, LogWord level)
{
	assert_true(i < Found.count);
	assert_int_equal(Found.entry[i].level, level);
}

static inline void
assert_time(int i, int year, int month, int day, int hour, int minute, int second, int us)
{
	const LogTime *time = &Found.entry[i].time;

	assert_int_equal(time->kind, LOG_TIME_LOCAL);
	assert_int_equal(time->year, year);
	assert_int_equal(time->month, month);
	assert_int_equal(time->day, day);
	assert_int_equal(time->hour, hour);
	assert_int_equal(time->minute, minute);
	assert_int_equal(time->second, second);
	assert_int_equal(time->microsecond, us);
}

#endif							/* LOG_ENTRIES_H */
