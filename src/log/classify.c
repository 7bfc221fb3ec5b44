/*
 * classify.c
 *		Looks an entry up in the tables of events.
 *
 * The beginning of the message leads through a trie to the few patterns that
 * can fit it, usually one.  Where none does, SQLSTATE decides.  Then the other
 * texts of the entry are looked at: for what the event says of them, else for
 * what is known of DETAIL and CONTEXT in general.  The tries are built when they
 * are first used.  Pure C.
 */
#include "log/classify.h"

#include <stdio.h>
#include <string.h>

#include "log/trie.h"

#define MAX_CANDIDATES 48
#define MAX_ITEM_ROWS 48
#define MAX_ITEM_PARTS 4

static struct
{
	bool built;
	Trie messages;	/* of LogEventRow */
	Trie sqlstates; /* of LogEventRow */
	Trie details;	/* of patterns */
	Trie contexts;	/* of patterns */
} Index;

static void
AddPattern(Trie *trie, const char *pattern, const void *value)
{
	char prefix[PATTERN_PREFIX_SIZE];

	TrieAdd(trie, prefix, PatternPrefix(pattern, prefix), value);
}

static void
BuildIndex(void)
{
	TrieInit(&Index.messages);
	TrieInit(&Index.sqlstates);
	TrieInit(&Index.details);
	TrieInit(&Index.contexts);
	for (int i = 0; i < NUM_LOG_EVENT_TABLES; i++)
	{
		const LogEventRow *rows = LogEventTables[i].rows;

		for (int k = 0; !LogRowIsEnd(&rows[k]); k++)
		{
			if (rows[k].message != NULL)
				AddPattern(&Index.messages, rows[k].message, &rows[k]);
			if (rows[k].sqlstate != NULL)
				TrieAdd(&Index.sqlstates, rows[k].sqlstate, 5, &rows[k]);
		}
	}
	for (int i = 0; LogDetailPatterns[i] != NULL; i++)
		AddPattern(&Index.details, LogDetailPatterns[i], LogDetailPatterns[i]);
	for (int i = 0; LogContextPatterns[i] != NULL; i++)
		AddPattern(&Index.contexts, LogContextPatterns[i], LogContextPatterns[i]);
	Index.built = true;
}

static const LogEventRow *
EventOfRow(const LogEventRow *row)
{
	while (row->name == NULL)
		row--;
	return row;
}

static bool
HasSqlstate(const LogText *sqlstate, const char *expected)
{
	return sqlstate->len == 5 && memcmp(sqlstate->data, expected, 5) == 0;
}

/*
 * A function may raise any message with any SQLSTATE: one that does not go with it is not the
 * server's.  But XX000 is what elog() gives to any message.
 */
static bool
SqlstateForbids(const LogText *sqlstate, const LogEventRow *event)
{
	if (sqlstate->data == NULL || sqlstate->len != 5 || HasSqlstate(sqlstate, "XX000"))
		return false;
	if (event->sqlstate != NULL)
		return !HasSqlstate(sqlstate, event->sqlstate);
	return HasSqlstate(sqlstate, "P0001");
}

static const LogEventRow *
EventOfSqlstate(const LogText *sqlstate)
{
	const void *rows[1];

	if (sqlstate->data == NULL || sqlstate->len != 5 ||
		TrieFind(&Index.sqlstates, sqlstate->data, 5, rows, 1) == 0)
		return NULL;
	return rows[0];
}

/* ---- texts of several items ---- */

/* The text of a row for a part of the entry. */
static const char *
PatternOf(const LogEventRow *row, int part)
{
	switch (part)
	{
		case LOG_MESSAGE:
			return row->line;
		case LOG_DETAIL:
			return row->detail;
		case LOG_CONTEXT:
			return row->context;
		default:
			return NULL;
	}
}

/* The patterns of an event, and what is known of a part in general. */
typedef struct PatternSet
{
	int			part;
	const Trie *trie; /* NULL: nothing */
	int			num_rows;
	const char *row[MAX_ITEM_ROWS];
	size_t		prefix_len[MAX_ITEM_ROWS];
	char		prefix[MAX_ITEM_ROWS][PATTERN_PREFIX_SIZE];
	int			number[MAX_ITEM_ROWS]; /* how often it was there */
} PatternSet;

static void
ReadPatterns(PatternSet *set, const LogEventRow *event, int part, const Trie *trie)
{
	set->part = part;
	set->trie = trie;
	set->num_rows = 0;
	if (event == NULL)
		return;
	for (const LogEventRow *row = event; row == event || LogRowContinues(row); row++)
	{
		const char *pattern = PatternOf(row, part);

		if (pattern != NULL && set->num_rows < MAX_ITEM_ROWS)
		{
			set->number[set->num_rows] = 0;
			set->prefix_len[set->num_rows] = PatternPrefix(pattern, set->prefix[set->num_rows]);
			set->row[set->num_rows++] = pattern;
		}
	}
}

/* Does an item begin here? */
static bool
BeginsItem(const PatternSet *set, const char *text, size_t len)
{
	const void *found[1];

	if (set->trie != NULL && TrieFind(set->trie, text, len, found, 1) > 0)
		return true;
	for (int i = 0; i < set->num_rows; i++)
	{
		size_t n = set->prefix_len[i];

		if (n > 0 && n <= len && memcmp(set->prefix[i], text, n) == 0)
			return true;
	}
	return false;
}

static bool
MatchItem(PatternSet *set, const char *text, size_t len, Captures *captures)
{
	const void *found[MAX_CANDIDATES];
	int			count;

	for (int i = 0; i < set->num_rows; i++)
	{
		if (PatternMatch(set->row[i], text, len, set->part, set->number[i] + 1, captures))
		{
			set->number[i]++;
			return true;
		}
	}
	if (set->trie == NULL)
		return false;
	count = TrieFind(set->trie, text, len, found, MAX_CANDIDATES);
	for (int i = 0; i < count; i++)
	{
		if (PatternMatch(found[i], text, len, set->part, 0, captures))
			return true;
	}
	return false;
}

/* Behind the line at i and its newline. */
static size_t
NextLine(const char *text, size_t len, size_t i)
{
	const char *newline = memchr(text + i, '\n', len - i);

	return newline != NULL ? (size_t) (newline - text) + 1 : len;
}

/* Without the newline behind it. */
static size_t
WithoutNewline(const char *text, size_t start, size_t end)
{
	return end > start && text[end - 1] == '\n' ? end - 1 : end;
}

/*
 * The item at start, which is a line or more; returns what is behind it.  It goes
 * on to where the next one begins.  But the text of a statement in it may have
 * lines that look like one: what does not fit is tried with the next one, too.
 */
static size_t
TakeItem(PatternSet *set, const char *text, size_t len, size_t start, Captures *captures)
{
	size_t first = 0;
	size_t next = start;

	for (int tries = 0; tries < MAX_ITEM_PARTS && next < len; tries++)
	{
		do
			next = NextLine(text, len, next);
		while (next < len && !BeginsItem(set, text + next, len - next));
		if (MatchItem(set, text + start, WithoutNewline(text, start, next) - start, captures))
			return next;
		if (first == 0)
			first = next;
	}
	/* a line that nobody knows may follow one that is known */
	next = NextLine(text, len, start);
	if (next < first)
		MatchItem(set, text + start, WithoutNewline(text, start, next) - start, captures);
	return first;
}

/* Takes a text apart that consists of items. */
static void
MatchItems(PatternSet *set, const char *text, size_t len, Captures *captures)
{
	for (size_t start = 0; start < len;)
		start = TakeItem(set, text, len, start, captures);
}

/* ---- the entry ---- */

/* On stderr, where the error is in the statement stands behind the message. */
static size_t
LengthWithoutPosition(const LogText *message)
{
	static const char position[] = " at character ";
	size_t			  len = message->len;

	while (len > 0 && message->data[len - 1] >= '0' && message->data[len - 1] <= '9')
		len--;
	if (len == message->len || len < strlen(position) ||
		memcmp(message->data + len - strlen(position), position, strlen(position)) != 0)
		return message->len;
	return len - strlen(position);
}

static const LogEventRow *
MatchMessage(const LogText *message, const LogText *sqlstate, Captures *captures)
{
	const void *found[MAX_CANDIDATES];
	int count = TrieFind(&Index.messages, message->data, message->len, found, MAX_CANDIDATES);

	for (int i = 0; i < count; i++)
	{
		const LogEventRow *row = found[i];
		const LogEventRow *event = EventOfRow(row);
		PatternSet		   lines;
		size_t			   first;

		if (SqlstateForbids(sqlstate, event))
			continue;
		if (PatternMatch(row->message, message->data, message->len, LOG_MESSAGE, 0, captures))
			return event;

		/* the first line alone, where the event knows the others */
		ReadPatterns(&lines, event, LOG_MESSAGE, NULL);
		if (lines.num_rows == 0)
			continue;
		first = NextLine(message->data, message->len, 0);
		if (first == message->len ||
			!PatternMatch(row->message, message->data, first - 1, LOG_MESSAGE, 0, captures))
			continue;
		MatchItems(&lines, message->data + first, message->len - first, captures);
		return event;
	}
	return NULL;
}

static void
MatchPart(const LogEventRow *event, const LogText *text, int part, const Trie *trie,
		  Captures *captures)
{
	PatternSet set;

	if (text->data == NULL || text->len == 0)
		return;
	ReadPatterns(&set, event, part, trie);
	MatchItems(&set, text->data, text->len, captures);
}

void
LogClassify(const LogEntry *entry, Meaning *meaning)
{
	const LogText *sqlstate = &entry->text[LOG_SQLSTATE];
	LogText		   message = entry->text[LOG_MESSAGE];

	if (!Index.built)
		BuildIndex();
	meaning->captures.count = 0;
	meaning->event = NULL;
	if (message.data != NULL)
	{
		message.len = LengthWithoutPosition(&message);
		meaning->event = MatchMessage(&message, sqlstate, &meaning->captures);
	}
	if (meaning->event == NULL)
		meaning->event = EventOfSqlstate(sqlstate);
	MatchPart(meaning->event, &entry->text[LOG_DETAIL], LOG_DETAIL, &Index.details,
			  &meaning->captures);
	MatchPart(meaning->event, &entry->text[LOG_CONTEXT], LOG_CONTEXT, &Index.contexts,
			  &meaning->captures);
}

/*
 * A format becomes a message by something in the place of each conversion that
 * fits numbers and texts alike.
 */
const LogEventRow *
LogEventOfFormat(const char *format, const char *sqlstate)
{
	char			   message[1024];
	size_t			   len = 0;
	LogText			   texts[2];
	Captures		   captures = {0};
	const LogEventRow *event;

	if (!Index.built)
		BuildIndex();
	for (const char *p = format; *p != '\0' && len < sizeof(message) - 1; p++)
	{
		if (*p != '%' || p[1] == '\0')
			message[len++] = *p;
		else if (*++p == '%')
			message[len++] = '%';
		else
		{
			p += strspn(p, "0123456789.*#+- lhzqj");
			message[len++] = '1';
			if (*p == '\0')
				break;
		}
	}
	texts[0] = (LogText){message, len};
	texts[1] = (LogText){(char *) sqlstate, sqlstate != NULL ? strlen(sqlstate) : 0};
	event = MatchMessage(&texts[0], &texts[1], &captures);
	return event != NULL ? event : EventOfSqlstate(&texts[1]);
}

const LogEventRow *
LogEventByName(const char *name)
{
	for (int i = 0; i < NUM_LOG_EVENT_TABLES; i++)
	{
		const LogEventRow *row = LogEventTables[i].rows;

		for (; !LogRowIsEnd(row); row++)
		{
			if (row->name != NULL && strcmp(row->name, name) == 0)
				return row;
		}
	}
	return NULL;
}
