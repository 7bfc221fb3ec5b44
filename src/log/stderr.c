/*
 * stderr.c
 *		The format of log_destination = stderr.
 *
 * An entry is a line "<prefix>ERROR:  text", further lines of the text that
 * begin with a tab, and lines "<prefix>DETAIL:  text" and the like that the
 * server writes in one piece with the first.  Any other line is foreign: what
 * the programs that the server starts print.  A line that has a severity, but
 * not the prefix (the setting was changed since), gives
 * level and message.  Pure C.
 */
#include "log/entry.h"

#include <string.h>

/* Bytes that tell what kind of line it is. */
#define MAX_LINE_START (PREFIX_MAX_LENGTH + LOG_WORD_SIZE)

/* What the escapes of log_line_prefix tell. */
static const struct
{
	char	 escape;
	LogField field;
} PrefixFields[] = {
	{'t', LOG_TIME},		 {'m', LOG_TIME},	  {'n', LOG_EPOCH},		 {'p', LOG_PID},
	{'e', LOG_SQLSTATE},	 {'u', LOG_USER},	  {'d', LOG_DATABASE},	 {'a', LOG_APPLICATION},
	{'h', LOG_CLIENT},		 {'r', LOG_CLIENT},	  {'c', LOG_SESSION_ID}, {'l', LOG_SESSION_LINE},
	{'b', LOG_BACKEND_TYPE}, {'Q', LOG_QUERY_ID},
};

#define NUM_PREFIX_FIELDS (sizeof(PrefixFields) / sizeof(PrefixFields[0]))

/* Where the texts of the parts belong. */
static int
FieldOfWord(LogWord word)
{
	switch (word)
	{
		case WORD_DETAIL:
			return LOG_DETAIL;
		case WORD_HINT:
			return LOG_HINT;
		case WORD_QUERY:
			return LOG_QUERY;
		case WORD_CONTEXT:
			return LOG_CONTEXT;
		case WORD_LOCATION:
			return LOG_LOCATION;
		case WORD_STATEMENT:
			return LOG_STATEMENT;
		case WORD_NONE:
		case WORD_BACKTRACE:
			return LOG_FIELD_NONE;
		default:
			return LOG_MESSAGE;
	}
}

/* Does the line fit the prefix of now, or one of those before? */
static bool
FitsPrefix(const LogDialect *dialect, const char *line, size_t len, PrefixMatch *match)
{
	const LogDialect *tried = dialect;

	do
	{
		if (LogPrefixMatch(tried, line, len, match))
			return true;
		tried = tried->other;
	} while (tried != NULL && tried != dialect);
	return false;
}

/* The word of a line, with its prefix taken apart (match) or ignored. */
static LogWord
ReadLine(const LogDialect *dialect, const char *line, size_t len, PrefixMatch *match)
{
	if (FitsPrefix(dialect, line, len, match))
		return match->word;
	match->num_values = 0;
	return match->word = LogWordFind(dialect, line, len, &match->text);
}

/* Length of the line with its newline; without one, of all there is. */
static size_t
LineLength(const char *data, size_t len)
{
	const char *newline = memchr(data, '\n', len);

	return newline != NULL ? newline - data + 1 : len;
}

/*
 * While log_destination changes, the logging collector puts entries of another
 * format here if the file that they were meant for is not open.  A prefix may
 * look like the beginning of one ("%m,%p,"), so what fits it is none.
 */
static const LogFormat *
StrayFormat(const LogDialect *dialect, const char *line, size_t len)
{
	static const char json[] = "{\"timestamp\":\"";
	const LogFormat	 *format = NULL;
	PrefixMatch		  match;

	/* the first line alone decides: what follows it may not be there yet */
	if (len >= sizeof(json) - 1 && memcmp(line, json, sizeof(json) - 1) == 0)
		format = LogFormatByName("jsonlog", strlen("jsonlog"));
	else if (CsvlogIsStart(line, len))
		format = LogFormatByName("csvlog", strlen("csvlog"));
	if (format == NULL || FitsPrefix(dialect, line, LineLength(line, len), &match))
		return NULL;
	return format;
}

LogFrame
StderrFrame(const LogDialect *dialect, const char *buffer, size_t len, LogEnd end)
{
	LogFrame		 more = {FRAME_MORE, 0};
	const LogFormat *stray;
	PrefixMatch		 match;
	size_t			 at = 0;
	bool			 is_entry = false;

	if (len == 0)
		return more;
	stray = StrayFormat(dialect, buffer, len);
	if (stray != NULL)
		return stray->frame(dialect, buffer, len, end);
	while (at < len)
	{
		size_t line_len = LineLength(buffer + at, len - at);
		bool   whole = buffer[at + line_len - 1] == '\n' || end == LOG_END_FINAL;
		bool   continues = buffer[at] == '\t';

		/* the entry before a line of 100 MB is not to be held up by it */
		if (!whole && (at == 0 || line_len < MAX_LINE_START))
			return more;
		if (!continues)
		{
			LogWord word = ReadLine(dialect, buffer + at, line_len, &match);

			if (at == 0)
				is_entry = LogWordIsLevel(word);
			continues = word != WORD_NONE && !LogWordIsLevel(word);
		}
		if (at == 0 && !is_entry)
			return (LogFrame){FRAME_JUNK, line_len};
		if (at > 0 && !continues)
			return (LogFrame){FRAME_ENTRY, at};
		if (!whole)
			return more;
		at += line_len;
	}
	return end == LOG_END_OPEN ? more : (LogFrame){FRAME_ENTRY, at};
}

static void
TakePrefix(char *line, const PrefixMatch *match, LogEntry *entry)
{
	for (int i = 0; i < match->num_values; i++)
	{
		const PrefixItem *item = &match->dialect->items[i];
		LogText			  value = {line + match->value[i].offset, match->value[i].length};

		if (item->escape == 0 || item->ambiguous || value.len == 0)
			continue;
		/* what the server prints for a name that is not known yet */
		if (value.len == strlen("[unknown]") && memcmp(value.data, "[unknown]", value.len) == 0)
			continue;
		for (size_t k = 0; k < NUM_PREFIX_FIELDS; k++)
		{
			if (PrefixFields[k].escape == item->escape)
				entry->text[PrefixFields[k].field] = value;
		}
	}
}

/* log_error_verbosity = verbose: "42P01: relation …" */
static void
TakeSqlstate(LogEntry *entry)
{
	LogText *message = &entry->text[LOG_MESSAGE];

	if (message->len < 7 || message->data[5] != ':' || message->data[6] != ' ')
		return;
	for (int i = 0; i < 5; i++)
	{
		char c = message->data[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')))
			return;
	}
	entry->text[LOG_SQLSTATE] = (LogText){message->data, 5};
	message->data += 7;
	message->len -= 7;
}

bool
StderrParse(const LogDialect *dialect, char *buffer, size_t len, LogEntry *entry)
{
	const LogFormat *stray = StrayFormat(dialect, buffer, len);
	LogText			*text = NULL; /* that the lines are added to */
	bool			 verbose = dialect->verbose;

	if (stray != NULL)
	{
		if (!stray->parse(dialect, buffer, len, entry))
			return false;
		entry->stray = true;
		return true;
	}
	memset(entry, 0, sizeof(*entry));
	for (size_t at = 0, line_len; at < len; at += line_len)
	{
		char	   *line = buffer + at;
		PrefixMatch match;
		size_t		content;
		int			field;

		line_len = LineLength(line, len - at);
		content = line[line_len - 1] == '\n' ? line_len - 1 : line_len;
		if (line[0] == '\t')
		{
			if (text != NULL)
			{
				text->data[text->len++] = '\n';
				memmove(text->data + text->len, line + 1, content > 0 ? content - 1 : 0);
				text->len += content > 0 ? content - 1 : 0;
			}
			continue;
		}
		if (ReadLine(dialect, line, line_len, &match) == WORD_NONE)
		{
			if (at == 0)
				return false;
			text = NULL;
			continue;
		}
		if (at == 0)
		{
			if (!LogWordIsLevel(match.word))
				return false;
			TakePrefix(line, &match, entry);
			entry->level = match.word;
		}
		if (match.word == WORD_LOCATION)
			verbose = true;
		field = FieldOfWord(match.word);
		text = field == LOG_FIELD_NONE ? NULL : &entry->text[field];
		if (text != NULL)
			*text = (LogText){line + match.text, content - match.text};
	}
	if (verbose)
		TakeSqlstate(entry);
	return LogEntryComplete(dialect, entry);
}
