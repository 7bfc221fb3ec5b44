/*
 * textcopy.h
 *		A copy of bounded length in which parts of the text are replaced.  Pure C.
 */
#ifndef TEXTCOPY_H
#define TEXTCOPY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct TextCopy
{
	const char *text;
	size_t		copied; /* of the text: what lies before is written or passed over */
	char	   *out;
	size_t		size;
	size_t		used;
	bool		cut; /* there was no room for all */
} TextCopy;

/* Writes what is not of the text. */
extern void TextCopyPut(TextCopy *copy, const char *bytes, size_t len);

/* Writes the text up to "from", and passes over what lies between it and "to". */
extern void TextCopyPassOver(TextCopy *copy, size_t from, size_t to);

/* Writes the rest of a text of len bytes.  Returns how many are used; no UTF-8 character is cut in two. */
extern size_t TextCopyEnd(TextCopy *copy, size_t len, bool *cut);

#endif /* TEXTCOPY_H */
