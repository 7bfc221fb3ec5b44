/*
 * redact.c
 *		Takes what is nobody's business out of an entry.
 *
 * What a pattern is known for, is copied but for the places that hold data.  Of
 * everything else, what stands in quotes is masked (prose.c).  Statements go through the lexer of
 * base/literals.c.  Passwords and connection strings are looked for in
 * everything that is copied, whatever the setting.  Pure C.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include "log/redact.h"

#include <string.h>
#include <strings.h>

#include "base/literals.h"
#include "base/secrets.h"
#include "log/prose.h"

/* ---- output ---- */

static size_t
Room(const Redactor *r)
{
	return r->room > r->used ? r->room - r->used : 0;
}

void
RedactPut(Redactor *r, const char *data, size_t len)
{
	size_t room = Room(r);

	if (len > room)
	{
		len = LogTextCut(data, len, room);
		r->result->cut = true;
	}
	memcpy(r->buffer + r->used, data, len);
	r->used += len;
}

/* Runs one of the maskers of base. */
static void
Mask(Redactor *r, size_t (*masker)(const char *, size_t, char *, size_t, bool *), const char *data,
	 size_t len)
{
	bool cut = false;

	r->used += masker(data, len, r->buffer + r->used, Room(r), &cut);
	if (cut)
		r->result->cut = true;
}

static bool
StartsWith(const char *p, const char *end, const char *word)
{
	size_t len = strlen(word);

	return (size_t) (end - p) >= len && strncasecmp(p, word, len) == 0;
}

/* Is it worth while to look for secrets? */
static bool
MayHoldSecret(const char *data, size_t len)
{
	const char *end = data + len;

	for (const char *p = data; p < end; p++)
	{
		switch (*p | 0x20)
		{
			case 'p':
				if (StartsWith(p, end, "pass") || StartsWith(p, end, "pwd"))
					return true;
				break;
			case 's':
				if (StartsWith(p, end, "secret"))
					return true;
				break;
			case 't':
				if (StartsWith(p, end, "token"))
					return true;
				break;
			case 'k':
				if (StartsWith(p, end, "key"))
					return true;
				break;
			case ':':
				if (StartsWith(p, end, "://"))
					return true;
				break;
		}
	}
	return false;
}

void
RedactVerbatim(Redactor *r, const char *data, size_t len)
{
	if (MayHoldSecret(data, len))
		Mask(r, SecretsMaskProse, data, len);
	else
		RedactPut(r, data, len);
}

void
RedactSql(Redactor *r, const char *data, size_t len)
{
	switch (r->mode)
	{
		case LOG_REDACT_NONE:
			Mask(r, SecretsMask, data, len);
			break;
		case LOG_REDACT_PARAMETERS:
			Mask(r, LiteralsMask, data, len);
			break;
		case LOG_REDACT_STATEMENTS:
			RedactPut(r, REDACT_MASK, strlen(REDACT_MASK));
			break;
	}
}

void
RedactExpression(Redactor *r, const char *data, size_t len)
{
	if (r->mode == LOG_REDACT_NONE)
		RedactVerbatim(r, data, len);
	else
		Mask(r, LiteralsMask, data, len);
}

/* "$1 = 'it''s', $2 = NULL" */
void
RedactList(Redactor *r, const char *data, size_t len)
{
	size_t copied = 0;
	size_t i = 0;

	if (r->mode == LOG_REDACT_NONE)
	{
		RedactVerbatim(r, data, len);
		return;
	}
	while (i < len)
	{
		if (data[i] == '\'')
		{
			RedactPut(r, data + copied, i - copied);
			RedactPut(r, REDACT_MASK, strlen(REDACT_MASK));
			for (i++; i < len; i++)
			{
				if (data[i] != '\'')
					continue;
				if (i + 1 < len && data[i + 1] == '\'')
					i++;
				else
					break;
			}
			copied = i = i < len ? i + 1 : len;
		}
		else if (strchr("$0123456789=, NUL", data[i]) != NULL && data[i] != '\0')
			i++;
		else
		{
			RedactPut(r, data + copied, i - copied);
			RedactPut(r, REDACT_MASK, strlen(REDACT_MASK));
			return;
		}
	}
	RedactPut(r, data + copied, len - copied);
}

static void
RedactValue(Redactor *r, const char *data, size_t len)
{
	if (r->mode == LOG_REDACT_NONE)
		RedactVerbatim(r, data, len);
	else
		RedactPut(r, REDACT_MASK, strlen(REDACT_MASK));
}

/* ---- texts without a pattern ---- */

/* A session may speak another language than the server: is that a statement behind words of it? */
static bool
MayBeStatement(const Redactor *r, const char *data, size_t len)
{
	static const char *const words[] = {"SELECT ", "INSERT ", "UPDATE ",
										"DELETE ", "VALUES",  "WHERE "};

	if (!r->english)
		return true;
	for (const char *p = data; p < data + len; p++)
	{
		char c = *p | 0x20;

		for (size_t i = 0; c >= 'd' && c <= 'w' && i < sizeof(words) / sizeof(words[0]); i++)
		{
			if (c == (words[i][0] | 0x20) && StartsWith(p, data + len, words[i]))
				return true;
		}
	}
	return false;
}

/*
 * Where a statement may begin, which is not to be sent: in all languages behind a
 * colon, and in no message of an error.  len: nowhere.
 */
static size_t
StartOfStatement(const Redactor *r, const char *data, size_t len, int part)
{
	static const char *const colons[] = {": ", "\xEF\xBC\x9A" /* wide */};
	size_t					 start = len;

	if (r->mode != LOG_REDACT_STATEMENTS || part == LOG_HINT ||
		(part == LOG_MESSAGE && r->level > WORD_LOG) || !MayBeStatement(r, data, len))
		return len;
	for (size_t i = 0; i < sizeof(colons) / sizeof(colons[0]); i++)
	{
		const char *colon = memmem(data, start, colons[i], strlen(colons[i]));

		if (colon != NULL)
			start = colon - data + strlen(colons[i]);
	}
	return start;
}

static void
RedactUnknown(Redactor *r, const char *data, size_t len, int part)
{
	size_t statement = StartOfStatement(r, data, len, part);
	bool   has_statement = statement < len;
	int	   flags = 0;

	len = statement;
	if (r->mode == LOG_REDACT_NONE)
	{
		RedactVerbatim(r, data, len);
		return;
	}
	switch (part)
	{
		case LOG_HINT:
			flags = PROSE_KEEP_NAMES;
			break;
		case LOG_DETAIL:
			flags = PROSE_MASK_NUMBERS | PROSE_MASK_PARENTHESES;
			break;
		case LOG_CONTEXT:
			flags = PROSE_MASK_NUMBERS;
			break;
		default:
			flags = MayBeStatement(r, data, len) ? PROSE_MASK_NUMBERS : 0;
	}
	if (len > 0 && MayHoldSecret(data, len))
	{
		bool cut = false;

		len = SecretsMaskProse(data, len, r->scratch, r->room, &cut);
		data = r->scratch;
		if (cut)
			r->result->cut = true;
	}
	RedactProse(r, data, len, flags);
	if (has_statement)
		RedactPut(r, REDACT_MASK, strlen(REDACT_MASK));
}

/* ---- texts with patterns ---- */

static LogText
RedactCapture(Redactor *r, const Capture *capture)
{
	size_t start = r->used;

	switch (capture->kind)
	{
		case CAPTURE_NAME:
			if (r->mode != LOG_REDACT_NONE && !ProseIsName(capture->data, capture->len))
			{
				RedactValue(r, capture->data, capture->len);
				return (LogText){NULL, 0};
			}
			RedactVerbatim(r, capture->data, capture->len);
			break;
		case CAPTURE_DATA:
		case CAPTURE_VALUE:
			RedactValue(r, capture->data, capture->len);
			if (r->mode != LOG_REDACT_NONE)
				return (LogText){NULL, 0};
			break;
		case CAPTURE_SQL:
			RedactSql(r, capture->data, capture->len);
			if (r->mode == LOG_REDACT_STATEMENTS)
				return (LogText){NULL, 0};
			break;
		case CAPTURE_LIST:
			RedactList(r, capture->data, capture->len);
			break;
		case CAPTURE_PLAN:
			/* not in the message, see below */
			if (start > 0 && r->buffer[start - 1] == '\n')
				r->used--;
			return (LogText){NULL, 0};
		default:
			RedactVerbatim(r, capture->data, capture->len);
	}
	return (LogText){r->buffer + start, r->used - start};
}

/* Behind what was cut. */
static void
PutMark(Redactor *r, LogText *text)
{
	memcpy(r->buffer + r->used, REDACTED_MARK, strlen(REDACTED_MARK));
	r->used += strlen(REDACTED_MARK);
	r->room += strlen(REDACTED_MARK);
	text->len += strlen(REDACTED_MARK);
}

static void
RedactPart(Redactor *r, const LogEntry *entry, const Meaning *meaning, int part)
{
	const LogText  *text = &entry->text[part];
	const char	   *at = text->data;
	const char	   *end = at;
	size_t			start = r->used;
	bool			cut_before = r->result->cut;
	const Captures *captures = &meaning->captures;

	if (text->data == NULL)
		return;
	r->result->cut = false;
	for (int i = 0; i < captures->count; i++)
	{
		const Capture *capture = &captures->capture[i];

		if (capture->part != part)
			continue;
		if (capture->kind == CAPTURE_KNOWN)
		{
			/* behind the extent of the pattern before */
			RedactUnknown(r, at, capture->data - at, part);
			at = capture->data;
			end = capture->data + capture->len;
		}
		else
		{
			RedactVerbatim(r, at, capture->data - at);
			r->result->capture[i] = RedactCapture(r, capture);
			at = capture->data + capture->len;
		}
		/* the rest of this extent */
		if (i + 1 == captures->count || captures->capture[i + 1].part != part ||
			captures->capture[i + 1].kind == CAPTURE_KNOWN)
		{
			RedactVerbatim(r, at, end - at);
			at = end;
		}
	}
	RedactUnknown(r, at, text->data + text->len - at, part);
	r->result->part[part] = (LogText){r->buffer + start, r->used - start};
	if (r->result->cut)
		PutMark(r, &r->result->part[part]);
	r->result->cut |= cut_before;
}

static void
RedactStatement(Redactor *r, const LogEntry *entry, int part)
{
	const LogText *text = &entry->text[part];
	size_t		   start = r->used;
	bool		   cut_before = r->result->cut;

	if (text->data == NULL || r->mode == LOG_REDACT_STATEMENTS)
		return;
	r->result->cut = false;
	RedactSql(r, text->data, text->len);
	r->result->part[part] = (LogText){r->buffer + start, r->used - start};
	if (r->result->cut)
		PutMark(r, &r->result->part[part]);
	r->result->cut |= cut_before;
}

static void
RedactPlanOf(Redactor *r, const Capture *capture, LogText *plan)
{
	bool cut_before = r->result->cut;

	r->result->cut = false;
	*plan = RedactPlan(r, capture->data, capture->len);
	if (r->result->cut)
		PutMark(r, plan);
	r->result->cut |= cut_before;
}

/* A syntax error quotes the statement where it went wrong: perhaps at a password without quotes. */
static bool
QuotesPassword(const LogEntry *entry, const Meaning *meaning)
{
	const LogText *statement = &entry->text[LOG_STATEMENT];

	return meaning->event != NULL && meaning->event->sqlstate != NULL &&
		strcmp(meaning->event->sqlstate, "42601") == 0 &&
		(statement->data == NULL || MayHoldSecret(statement->data, statement->len));
}

void
LogRedactEntry(Redactor *r, const LogEntry *entry, const Meaning *meaning, Redacted *result)
{
	LogRedact mode = r->mode;
	size_t	  room = r->room;

	memset(result->part, 0, sizeof(result->part));
	memset(result->capture, 0, meaning->captures.count * sizeof(result->capture[0]));
	result->query = (LogText){NULL, 0};
	result->plan_format = NULL;
	result->cut = false;
	r->result = result;
	r->level = entry->level;
	r->used = 0;

	if (mode == LOG_REDACT_NONE && QuotesPassword(entry, meaning))
		r->mode = LOG_REDACT_PARAMETERS;
	RedactPart(r, entry, meaning, LOG_MESSAGE);
	r->mode = mode;
	RedactPart(r, entry, meaning, LOG_DETAIL);
	RedactPart(r, entry, meaning, LOG_HINT);
	RedactStatement(r, entry, LOG_STATEMENT);
	RedactPart(r, entry, meaning, LOG_CONTEXT);
	RedactStatement(r, entry, LOG_QUERY);
	for (int i = 0; i < meaning->captures.count; i++)
	{
		const Capture *capture = &meaning->captures.capture[i];

		if (capture->kind == CAPTURE_PLAN)
			RedactPlanOf(r, capture, &result->capture[i]);
	}
	r->room = room;
}
