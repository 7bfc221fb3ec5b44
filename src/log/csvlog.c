/*
 * csvlog.c
 *		The format of log_destination = csvlog.
 *
 * Versions differ only in how many columns follow the application name.  A
 * field in quotes may hold newlines; after a line that a crash or a full disk
 * cut short, quoting is off by one, which shows as soon as something other
 * than a comma follows a closing quote.  Then the entry is taken to end at the
 * next line that begins as entries do.  Pure C.
 */
#include "log/entry.h"

#include <string.h>

/* What the columns tell, in the order of write_csvlog(). */
static const int Columns[] = {
	LOG_TIME,		LOG_USER,		 LOG_DATABASE,	   LOG_PID,
	LOG_CLIENT,		LOG_SESSION_ID,	 LOG_SESSION_LINE, LOG_FIELD_NONE, /* command tag */
	LOG_FIELD_NONE,													   /* session start */
	LOG_FIELD_NONE,													   /* virtual transaction id */
	LOG_FIELD_NONE,													   /* transaction id */
	LOG_LEVEL,		LOG_SQLSTATE,	 LOG_MESSAGE,	   LOG_DETAIL,
	LOG_HINT,		LOG_QUERY,		 LOG_FIELD_NONE, /* position in the internal query */
	LOG_CONTEXT,	LOG_STATEMENT,	 LOG_FIELD_NONE, /* position in the statement */
	LOG_LOCATION,	LOG_APPLICATION, LOG_BACKEND_TYPE, LOG_FIELD_NONE, /* leader's pid */
	LOG_QUERY_ID,
};

#define NUM_COLUMNS ((int) (sizeof(Columns) / sizeof(Columns[0])))

/* Bytes that tell whether an entry begins: a time, a zone and a comma. */
#define MAX_START 64

bool
CsvlogIsStart(const char *data, size_t len)
{
	size_t n = LogTimeLength(data, len);

	if (n == 0 || n >= len || data[n] != ' ')
		return false;
	for (n++; n < len && n < MAX_START; n++)
	{
		if (data[n] == ',')
			return true;
		if (data[n] == '"' || data[n] == '\n' || data[n] == ' ')
			return false;
	}
	return false;
}

/*
 * Length up to the first line that begins as an entry does.  Nothing found:
 * everything that certainly lies before one, and "found" is false.
 */
static size_t
LengthToStart(const char *data, size_t len, LogEnd end, bool *found)
{
	size_t		at = 0;
	const char *newline;

	while ((newline = memchr(data + at, '\n', len - at)) != NULL)
	{
		size_t next = newline - data + 1;

		if (CsvlogIsStart(data + next, len - next))
		{
			*found = true;
			return next;
		}
		if (len - next < MAX_START && end != LOG_END_FINAL)
		{
			*found = false;
			return next;
		}
		at = next;
	}
	*found = false;
	return at;
}

/* Where the next entry begins, for one whose own end cannot be told. */
static LogFrame
Resynchronise(LogFrameKind kind, const char *buffer, size_t len, LogEnd end)
{
	bool   found;
	size_t length = LengthToStart(buffer, len, end, &found);

	if (found)
		return (LogFrame){kind, length};
	if (end == LOG_END_FINAL)
		return (LogFrame){kind, len};
	/* junk can be let go of in pieces */
	if (kind == FRAME_JUNK && length > 0)
		return (LogFrame){FRAME_JUNK, length};
	return (LogFrame){FRAME_MORE, 0};
}

LogFrame
CsvlogFrame(const LogDialect *dialect, const char *buffer, size_t len, LogEnd end)
{
	bool quoted = false;

	if (len == 0)
		return (LogFrame){FRAME_MORE, 0};
	if (!CsvlogIsStart(buffer, len))
	{
		if (end != LOG_END_FINAL && len < MAX_START && memchr(buffer, '\n', len) == NULL)
			return (LogFrame){FRAME_MORE, 0};
		return Resynchronise(FRAME_JUNK, buffer, len, end);
	}
	for (size_t i = 0; i < len; i++)
	{
		if (buffer[i] == '"')
		{
			if (!quoted)
			{
				/* opens a field, or there is none that it could open */
				if (i > 0 && buffer[i - 1] != ',')
					return Resynchronise(FRAME_ENTRY, buffer, len, end);
				quoted = true;
			}
			else if (i + 1 == len)
				break;
			else if (buffer[i + 1] == '"')
				i++;
			else if (buffer[i + 1] == ',' || buffer[i + 1] == '\n')
				quoted = false;
			else
				return Resynchronise(FRAME_ENTRY, buffer, len, end);
		}
		else if (buffer[i] == '\n' && !quoted)
			return (LogFrame){FRAME_ENTRY, i + 1};
	}
	if (end == LOG_END_FINAL)
		return Resynchronise(FRAME_ENTRY, buffer, len, end);
	return (LogFrame){FRAME_MORE, 0};
}

/*
 * A text in quotes may hold lines that look like entries: who writes a statement
 * long enough could make them up.  What is no entry, or has broken quotes, ends
 * with its line.
 */
size_t
CsvlogPassOver(const char *buffer, size_t len, LogInside *inside)
{
	bool   quoted = *inside == INSIDE_QUOTES;
	size_t i = 0;

	if (*inside == INSIDE_NONE && !CsvlogIsStart(buffer, len))
		return LinePassOver(buffer, len, inside);
	for (; i < len && (quoted || buffer[i] != '\n'); i++)
	{
		if (buffer[i] != '"')
			continue;
		if (quoted ? (i + 1 < len && strchr("\",\n", buffer[i + 1]) == NULL) :
					 (i > 0 && strchr("\",", buffer[i - 1]) == NULL))
			return i + LinePassOver(buffer + i, len - i, inside);
		/* two in a row are one in the text, and lead back to where it was */
		quoted = !quoted;
	}
	*inside = i < len ? INSIDE_NONE : quoted ? INSIDE_QUOTES : INSIDE_LINE;
	return i < len ? i + 1 : len;
}

/* The field at *at without its quotes; moves on to the next one. */
static LogText
NextField(char *buffer, size_t len, size_t *at)
{
	LogText field = {NULL, 0};
	size_t	i = *at;

	if (i < len && buffer[i] == '"')
	{
		field.data = buffer + i + 1;
		for (i++; i < len; i++)
		{
			if (buffer[i] == '"')
			{
				if (i + 1 >= len || buffer[i + 1] != '"')
					break;
				i++;
			}
			field.data[field.len++] = buffer[i];
		}
		i++;
		/* after a broken quote: what follows up to the comma is lost */
		while (i < len && buffer[i] != ',' && buffer[i] != '\n')
			i++;
	}
	else
	{
		size_t start = i;

		while (i < len && buffer[i] != ',' && buffer[i] != '\n')
			i++;
		if (i > start)
			field = (LogText){buffer + start, i - start};
	}
	*at = i;
	return field;
}

bool
CsvlogParse(const LogDialect *dialect, char *buffer, size_t len, LogEntry *entry)
{
	size_t at = 0;

	memset(entry, 0, sizeof(*entry));
	/* the newline behind it belongs to no text */
	if (len > 0 && buffer[len - 1] == '\n')
		len--;
	for (int i = 0; i < NUM_COLUMNS; i++)
	{
		LogText field = NextField(buffer, len, &at);

		if (Columns[i] != LOG_FIELD_NONE)
			entry->text[Columns[i]] = field;
		if (at >= len || buffer[at] != ',')
			break;
		at++;
	}
	return LogEntryComplete(dialect, entry);
}
