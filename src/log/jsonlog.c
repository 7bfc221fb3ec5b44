/*
 * jsonlog.c
 *		The format of log_destination = jsonlog: one object a line.
 *
 * The scanner undoes the escapes in place (they are never longer than what
 * they stand for) and stops at the first thing that is no JSON; what it has
 * got by then counts.  Pure C.
 */
#include "log/entry.h"

#include <string.h>

#define KEY(name, field) \
	{ \
		name, sizeof(name) - 1, field \
	}

static const struct
{
	const char *key;
	size_t		len;
	LogField	field;
} Keys[] = {
	KEY("timestamp", LOG_TIME),
	KEY("user", LOG_USER),
	KEY("dbname", LOG_DATABASE),
	KEY("pid", LOG_PID),
	KEY("remote_host", LOG_CLIENT),
	KEY("session_id", LOG_SESSION_ID),
	KEY("line_num", LOG_SESSION_LINE),
	KEY("error_severity", LOG_LEVEL),
	KEY("state_code", LOG_SQLSTATE),
	KEY("message", LOG_MESSAGE),
	KEY("detail", LOG_DETAIL),
	KEY("hint", LOG_HINT),
	KEY("internal_query", LOG_QUERY),
	KEY("context", LOG_CONTEXT),
	KEY("statement", LOG_STATEMENT),
	KEY("func_name", LOG_LOCATION),
	KEY("application_name", LOG_APPLICATION),
	KEY("backend_type", LOG_BACKEND_TYPE),
	KEY("query_id", LOG_QUERY_ID),
};

#define NUM_KEYS (sizeof(Keys) / sizeof(Keys[0]))

/* How every entry begins; inside a string its quotes would be escaped. */
#define ENTRY_START "{\"timestamp\":\""
#define ENTRY_START_LENGTH (sizeof(ENTRY_START) - 1)

LogFrame
JsonlogFrame(const LogDialect *dialect, const char *buffer, size_t len, LogEnd end)
{
	const char *newline = len > 0 ? memchr(buffer, '\n', len) : NULL;
	size_t		length = newline != NULL ? (size_t) (newline - buffer) + 1 : len;

	if (len == 0 || (newline == NULL && end != LOG_END_FINAL))
		return (LogFrame){FRAME_MORE, 0};
	return (LogFrame){buffer[0] == '{' ? FRAME_ENTRY : FRAME_JUNK, length};
}

typedef struct Scanner
{
	char *at;
	char *end;
} Scanner;

static void
SkipSpace(Scanner *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\r' || *s->at == '\n'))
		s->at++;
}

static bool
Accept(Scanner *s, char c)
{
	SkipSpace(s);
	if (s->at >= s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

/* Four hexadecimal digits; -1: there are none. */
static int
HexDigits(const char *data, const char *end)
{
	int n = 0;

	if (end - data < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		char c = data[i];

		if (c >= '0' && c <= '9')
			n = n * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n * 16 + (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			n = n * 16 + (c - 'A' + 10);
		else
			return -1;
	}
	return n;
}

static size_t
PutUtf8(char *out, unsigned int c)
{
	if (c < 0x80)
	{
		out[0] = c;
		return 1;
	}
	if (c < 0x800)
	{
		out[0] = 0xC0 | (c >> 6);
		out[1] = 0x80 | (c & 0x3F);
		return 2;
	}
	if (c < 0x10000)
	{
		out[0] = 0xE0 | (c >> 12);
		out[1] = 0x80 | ((c >> 6) & 0x3F);
		out[2] = 0x80 | (c & 0x3F);
		return 3;
	}
	out[0] = 0xF0 | (c >> 18);
	out[1] = 0x80 | ((c >> 12) & 0x3F);
	out[2] = 0x80 | ((c >> 6) & 0x3F);
	out[3] = 0x80 | (c & 0x3F);
	return 4;
}

/* After "\u": the character, surrogates joined; half a pair is U+FFFD.  -1: no digits. */
static int
UnicodeEscape(Scanner *s)
{
	int c = HexDigits(s->at, s->end);

	if (c < 0)
		return -1;
	s->at += 4;
	if (c >= 0xD800 && c < 0xDC00 && s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u')
	{
		int low = HexDigits(s->at + 2, s->end);

		if (low >= 0xDC00 && low < 0xE000)
		{
			s->at += 6;
			return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
		}
	}
	return (c == 0 || (c >= 0xD800 && c < 0xE000)) ? 0xFFFD : c;
}

/* What stands for itself, up to a quote or an escape. */
static void
TakePlainBytes(Scanner *s, LogText *text)
{
	char  *start = s->at;
	size_t len;

	while (s->at < s->end && *s->at != '"' && *s->at != '\\')
		s->at++;
	len = s->at - start;
	/* escapes before it have made the text shorter */
	if (text->data + text->len != start)
		memmove(text->data + text->len, start, len);
	text->len += len;
}

/* A string without its quotes.  False: it does not end; text is what there is of it. */
static bool
ScanString(Scanner *s, LogText *text)
{
	static const char escapes[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";

	*text = (LogText){NULL, 0};
	if (!Accept(s, '"'))
		return false;
	text->data = s->at;
	for (;;)
	{
		const char *escape;
		char		c;
		int			unicode;

		TakePlainBytes(s, text);
		if (s->at >= s->end)
			return false;
		if (*s->at++ == '"')
			return true;
		if (s->at >= s->end)
			return false;
		c = *s->at++;
		if (c == 'u')
		{
			if ((unicode = UnicodeEscape(s)) < 0)
				return false;
			text->len += PutUtf8(text->data + text->len, unicode);
		}
		else if (c != '\0' && (escape = strchr(escapes, c)) != NULL)
			text->data[text->len++] = meanings[escape - escapes];
		else
			return false;
	}
}

/* A number, or a word; null is an unknown text. */
static bool
ScanPlain(Scanner *s, LogText *text)
{
	char *start = s->at;

	while (s->at < s->end && strchr(",}] \t\r\n\"{[", *s->at) == NULL)
		s->at++;
	*text = (LogText){start, s->at - start};
	if (text->len == 4 && memcmp(start, "null", 4) == 0)
		text->data = NULL;
	return s->at > start;
}

/* The server writes no nested values; a later version may. */
static bool
SkipNested(Scanner *s)
{
	int depth = 0;

	while (s->at < s->end)
	{
		LogText ignored;

		if (*s->at == '"')
		{
			if (!ScanString(s, &ignored))
				return false;
			continue;
		}
		if (*s->at == '{' || *s->at == '[')
			depth++;
		else if ((*s->at == '}' || *s->at == ']') && --depth == 0)
		{
			s->at++;
			return true;
		}
		s->at++;
	}
	return false;
}

static bool
ScanValue(Scanner *s, LogText *text)
{
	*text = (LogText){NULL, 0};
	SkipSpace(s);
	if (s->at >= s->end)
		return false;
	if (*s->at == '"')
		return ScanString(s, text);
	if (*s->at == '{' || *s->at == '[')
		return SkipNested(s);
	return ScanPlain(s, text);
}

/* Where the last entry in the line begins: a torn one may stand before it. */
static char *
LastStart(char *buffer, size_t len)
{
	char *end = buffer + len;
	char *last = buffer;

	for (char *p = buffer; (p = memchr(p, '{', end - p)) != NULL; p++)
	{
		if ((size_t) (end - p) >= ENTRY_START_LENGTH &&
			memcmp(p, ENTRY_START, ENTRY_START_LENGTH) == 0)
			last = p;
	}
	return last;
}

bool
JsonlogParse(const LogDialect *dialect, char *buffer, size_t len, LogEntry *entry)
{
	Scanner s;
	bool	complete;

	memset(entry, 0, sizeof(*entry));
	/* the newline behind it belongs to no text */
	if (len > 0 && buffer[len - 1] == '\n')
		len--;
	s = (Scanner){LastStart(buffer, len), buffer + len};
	if (!Accept(&s, '{'))
		return false;
	do
	{
		LogText key;
		LogText value;

		if (!ScanString(&s, &key) || !Accept(&s, ':'))
			break;
		complete = ScanValue(&s, &value);
		for (size_t i = 0; value.data != NULL && i < NUM_KEYS; i++)
		{
			if (Keys[i].len == key.len && memcmp(Keys[i].key, key.data, key.len) == 0)
				entry->text[Keys[i].field] = value;
		}
	} while (complete && Accept(&s, ','));
	return LogEntryComplete(dialect, entry);
}
