/*
 * fuzz.h
 *		What all targets have in common.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Where it does not hold, the target has found something. */
#define Require(condition) \
	do \
	{ \
		if (!(condition)) \
			__builtin_trap(); \
	} while (0)

/* The first line of an input as a C string into a buffer; moves on behind it. */
static inline void
FirstLine(const char **data, size_t *len, char *line, size_t size)
{
	const char *newline = memchr(*data, '\n', *len);
	size_t		n = newline != NULL ? (size_t) (newline - *data) : *len;
	size_t		kept = n < size - 1 ? n : size - 1;

	memcpy(line, *data, kept);
	line[kept] = '\0';
	n += newline != NULL;
	*data += n;
	*len -= n;
}

/* Exactly as large as the input, so that a sanitizer sees a read beyond its end. */
static inline char *
CopyInput(const void *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);

	memcpy(copy, data, size);
	return copy;
}

#endif /* FUZZ_H */
