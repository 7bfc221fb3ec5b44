/*
 * textcopy.c
 *		A copy of bounded length in which parts of the text are replaced.
 */
#include "base/textcopy.h"

#include "base/sqltext.h"

#include <string.h>

void
TextCopyPut(TextCopy *copy, const char *bytes, size_t len)
{
	size_t room = copy->size - copy->used;

	if (len > room)
	{
		copy->cut = true;
		len = room;
	}
	memcpy(copy->out + copy->used, bytes, len);
	copy->used += len;
}

void
TextCopyPassOver(TextCopy *copy, size_t from, size_t to)
{
	TextCopyPut(copy, copy->text + copy->copied, from - copy->copied);
	copy->copied = to;
}

size_t
TextCopyEnd(TextCopy *copy, size_t len, bool *cut)
{
	if (!copy->cut && copy->copied < len)
		TextCopyPassOver(copy, len, len);
	*cut = copy->cut;
	return copy->cut ? SqlWholeCharacters(copy->out, copy->used) : copy->used;
}
