/*
 * entry.c
 *		What the formats of the log have in common.  Pure C.
 */
#include "log/entry.h"

#include <string.h>

const LogFormat LogFormats[NUM_LOG_FORMATS] = {
	{"jsonlog", ".json", JsonlogFrame, JsonlogParse, LinePassOver},
	{"csvlog", ".csv", CsvlogFrame, CsvlogParse, CsvlogPassOver},
	{"stderr", NULL, StderrFrame, StderrParse, LinePassOver},
};

const LogFormat *
LogFormatByName(const char *source, size_t len)
{
	for (int i = 0; i < NUM_LOG_FORMATS; i++)
	{
		if (strlen(LogFormats[i].source) == len && memcmp(LogFormats[i].source, source, len) == 0)
			return &LogFormats[i];
	}
	return NULL;
}

static bool
EndsWith(const char *name, const char *suffix)
{
	size_t len = strlen(name);
	size_t suffix_len = strlen(suffix);

	return len >= suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

const LogFormat *
LogFormatOfFile(const char *name)
{
	for (int i = 0; i < NUM_LOG_FORMATS; i++)
	{
		if (LogFormats[i].suffix == NULL || EndsWith(name, LogFormats[i].suffix))
			return &LogFormats[i];
	}
	return NULL;
}

size_t
LinePassOver(const char *buffer, size_t len, LogInside *inside)
{
	const char *newline = memchr(buffer, '\n', len);

	*inside = newline != NULL ? INSIDE_NONE : INSIDE_LINE;
	return newline != NULL ? (size_t) (newline - buffer) + 1 : len;
}

static int
Number(const char *digits, int count)
{
	int n = 0;

	for (int i = 0; i < count; i++)
		n = n * 10 + (digits[i] - '0');
	return n;
}

static bool
FitsShape(const char *data, size_t len, const char *shape)
{
	size_t n = strlen(shape);

	if (len < n)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		if (shape[i] == '0' ? (data[i] < '0' || data[i] > '9') : data[i] != shape[i])
			return false;
	}
	return true;
}

#define TIME_SHAPE "0000-00-00 00:00:00"
#define TIME_SHAPE_LENGTH (sizeof(TIME_SHAPE) - 1)

size_t
LogTimeLength(const char *data, size_t len)
{
	size_t n = TIME_SHAPE_LENGTH;

	if (!FitsShape(data, len, TIME_SHAPE))
		return 0;
	if (n + 1 < len && data[n] == '.' && data[n + 1] >= '0' && data[n + 1] <= '9')
	{
		for (n++; n < len && n < TIME_SHAPE_LENGTH + 7 && data[n] >= '0' && data[n] <= '9';)
			n++;
	}
	return n;
}

/* ".123" as microseconds */
static int
Fraction(const char *data, size_t len)
{
	int us = 0;

	for (size_t i = 1; i < 7; i++)
		us = us * 10 + (i < len ? data[i] - '0' : 0);
	return us;
}

bool
LogTimeParse(const LogText *text, LogTime *time)
{
	const char *s = text->data;
	size_t		n;

	memset(time, 0, sizeof(*time));
	if (s == NULL || (n = LogTimeLength(s, text->len)) == 0)
		return false;
	time->year = Number(s, 4);
	time->month = Number(s + 5, 2);
	time->day = Number(s + 8, 2);
	time->hour = Number(s + 11, 2);
	time->minute = Number(s + 14, 2);
	time->second = Number(s + 17, 2);
	time->microsecond = Fraction(s + TIME_SHAPE_LENGTH, n - TIME_SHAPE_LENGTH);
	if (time->year < 1970 || time->month < 1 || time->month > 12 || time->day < 1 ||
		time->day > 31 || time->hour > 23 || time->minute > 59 || time->second > 60)
		return false;
	if (n + 1 < text->len && s[n] == ' ')
	{
		time->zone.data = text->data + n + 1;
		time->zone.len = text->len - n - 1;
	}
	time->kind = LOG_TIME_LOCAL;
	return true;
}

bool
LogTimeParseUnix(const LogText *text, LogTime *time)
{
	const char *s = text->data;
	int64_t		seconds = 0;
	size_t		n = 0;

	memset(time, 0, sizeof(*time));
	if (s == NULL)
		return false;
	for (; n < text->len && n < 12 && s[n] >= '0' && s[n] <= '9'; n++)
		seconds = seconds * 10 + (s[n] - '0');
	if (n == 0 || text->len != n + 4 || s[n] != '.')
		return false;
	time->kind = LOG_TIME_UNIX;
	time->unix_us = seconds * 1000000 + Fraction(s + n, 4);
	return true;
}

static int64_t
ParsePid(const LogText *text)
{
	int64_t pid = 0;

	if (text->data == NULL || text->len > 10)
		return 0;
	for (size_t i = 0; i < text->len; i++)
	{
		if (text->data[i] < '0' || text->data[i] > '9')
			return 0;
		pid = pid * 10 + (text->data[i] - '0');
	}
	return pid;
}

bool
LogEntryComplete(const LogDialect *dialect, LogEntry *entry)
{
	const LogText *level = &entry->text[LOG_LEVEL];

	if (!LogTimeParseUnix(&entry->text[LOG_EPOCH], &entry->time))
		LogTimeParse(&entry->text[LOG_TIME], &entry->time);
	entry->pid = ParsePid(&entry->text[LOG_PID]);
	if (entry->level == WORD_NONE && level->data != NULL)
		entry->level = LogLevelByName(dialect, level->data, level->len);
	return entry->level != WORD_NONE && entry->text[LOG_MESSAGE].data != NULL;
}

size_t
LogTextCut(const char *data, size_t len, size_t limit)
{
	size_t cut = limit;

	if (len <= limit)
		return len;
	/* in an encoding that is not UTF-8 there may be no boundary */
	while (cut > 0 && limit - cut < 4 && ((unsigned char) data[cut] & 0xC0) == 0x80)
		cut--;
	return (limit - cut < 4) ? cut : limit;
}
