/*
 * sqltext.h
 *		Looking at a text that may hold SQL, for modules that are no parsers.
 *
 * Nothing here reads beyond the end of the text, wherever that is.  Pure C.
 */
#ifndef SQLTEXT_H
#define SQLTEXT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct SqlText
{
	const char *text;
	size_t		len;
	bool		in_comment; /* what looks like a comment is none */
} SqlText;

/* '\0' behind the end. */
extern char SqlCharAt(const SqlText *sql, size_t i);

/* Whatever the case of the letters. */
extern bool SqlStartsWith(const SqlText *sql, size_t i, const char *word);

/* How many single quotes begin at i? */
extern size_t SqlCountQuotes(const SqlText *sql, size_t i);

/* Where the line ends, or the comment that begins at i. */
extern size_t SqlSkipLine(const SqlText *sql, size_t i);
extern size_t SqlSkipComment(const SqlText *sql, size_t i);

/* The next that is neither blank nor comment. */
extern size_t SqlSkipBlanks(const SqlText *sql, size_t i);

/* Length of the "$tag$" at i, 0 if there is none. */
extern size_t SqlDollarTag(const SqlText *sql, size_t i);

/* Where the dollar quote ends that "tag" began; the end of the text if nowhere. */
extern size_t SqlFindTag(const SqlText *sql, size_t i, const char *tag, size_t len);

/* The next double quote that no backslash hides; the end of the text if there is none. */
extern size_t SqlFindDoubleQuote(const SqlText *sql, size_t i);

/* Behind the E, N, B, X or U& of a constant that begins at i; E: backslashes are escapes in it. */
extern size_t SqlSkipPrefix(const SqlText *sql, size_t i, bool *escapes);

/* Does a constant that ended at i go on in the next line, 'abc' newline 'def', and from where? */
extern bool SqlIsContinued(const SqlText *sql, size_t i, size_t *next);

/* Is the word at i a function's name, with its arguments? */
extern bool SqlIsCall(const SqlText *sql, size_t i);

/* Length without a UTF-8 character that was cut in two at the end. */
extern size_t SqlWholeCharacters(const char *text, size_t len);

static inline bool
IsSpace(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool
IsDigit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
IsWordStart(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		(unsigned char) c >= 0x80;
}

static inline bool
IsWordChar(char c)
{
	return IsWordStart(c) || IsDigit(c);
}

#endif /* SQLTEXT_H */
