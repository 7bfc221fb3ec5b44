/*
 * proc.h
 *		Files of /proc: reading them whole and cutting them into words.
 *
 * Pure C; nothing here allocates or logs.
 */
#ifndef HOST_PROC_H
#define HOST_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "/proc", unless a test says otherwise. */
extern const char *ProcRoot;

#define PROC_PATH_SIZE 512

/* Of "PID/…" and the like, without the root. */
#define PROC_NAME_SIZE 64

/*
 * Reads ProcRoot/name into a buffer and returns 0 or an errno.  Of a file that
 * does not fit the whole lines that do are kept, and *cut is set.
 */
extern int ProcRead(const char *name, char *buffer, size_t size, size_t *length, bool *cut);

/* The same with the file's path. */
extern int TextRead(const char *path, char *buffer, size_t size, size_t *length, bool *cut);

/* A part of a text that is not NUL-terminated. */
typedef struct Span
{
	char *at;
	char *end;
} Span;

static inline Span
SpanOf(char *text, size_t length)
{
	return (Span){text, text + length};
}

/* Takes everything before the next separator off the front; false: nothing is left. */
extern bool SpanCut(Span *rest, char separator, Span *part);

/* The same for words that any number of blanks lead and separate. */
extern bool SpanWord(Span *rest, Span *word);

/* Takes the next line that has a word in it off the front, in two: that word, and what follows. */
extern bool SpanLine(Span *rest, Span *head, Span *line);

extern bool SpanIs(Span span, const char *text);
extern bool SpanEquals(Span a, Span b);
extern bool SpanBeginsWith(Span span, const char *text);

/* A whole number without sign that fits an int64, and nothing else. */
extern bool SpanInt(Span span, int64_t *result);

/* The same with an optional fraction; whatever the locale. */
extern bool SpanFloat(Span span, double *result);

#endif /* HOST_PROC_H */
