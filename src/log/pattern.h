/*
 * pattern.h
 *		What the texts of the server look like, and the values in them.
 *
 * A pattern is a text with places in it:
 *
 *		{name}			any text up to what follows in the pattern
 *		{name:name}		the same, if it looks like a name; else it is masked
 *		{name:int}		an integer
 *		{name:number}	a decimal number
 *		{name:seconds}	one that is reported in ms
 *		{name:kB}		one that is reported in bytes
 *		{name:clock}	"12:34:56.789", reported in ms
 *		{name:data}		data of users: masked
 *		{name:value}	the same, up to the last of what follows
 *		{name:sql}		the same, but a statement
 *		{name:plan}		the same, but the output of EXPLAIN
 *		{name:list}		the same, but "$1 = 'x', $2 = 'y'"
 *		[text]			text that may be missing
 *		\				takes the meaning from the character behind it
 *
 * Without a name the place only says what is there.  A # in a name stands for the
 * number of the repetition.  Pure C.
 */
#ifndef LOG_PATTERN_H
#define LOG_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum CaptureKind
{
	CAPTURE_KNOWN, /* the extent of a pattern; what it holds follows */
	CAPTURE_TEXT,
	CAPTURE_NAME, /* masked where it does not look like one */
	CAPTURE_INT,
	CAPTURE_NUMBER,
	CAPTURE_SECONDS,
	CAPTURE_KB,
	CAPTURE_CLOCK,
	CAPTURE_DATA,  /* from here on: masked */
	CAPTURE_VALUE, /* from here on: up to the last of what follows */
	CAPTURE_SQL,
	CAPTURE_PLAN,
	CAPTURE_LIST
} CaptureKind;

typedef struct Capture
{
	CaptureKind kind;
	int			part; /* the LogField that it lies in */
	const char *name; /* not NUL-terminated; in the pattern */
	size_t		name_len;
	int			number; /* for the # in it, from 1 */
	const char *data;
	size_t		len;
} Capture;

#define MAX_CAPTURES 160

/* In the order of the texts; what does not fit is not known. */
typedef struct Captures
{
	int		count;
	Capture capture[MAX_CAPTURES];
} Captures;

/*
 * Does the text fit?  It may go on with "," or ";", as later versions add to
 * their messages.  Adds the extent and the values.
 */
extern bool PatternMatch(const char *pattern, const char *text, size_t len, int part, int number,
						 Captures *captures);

/* The text before the first place in a pattern; returns its length, out is of PATTERN_PREFIX_SIZE. */
#define PATTERN_PREFIX_SIZE 96
extern size_t PatternPrefix(const char *pattern, char *out);

#endif /* LOG_PATTERN_H */
