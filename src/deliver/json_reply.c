/*
 * json_reply.c
 *		JSON that somebody else has written, read with bounded memory.
 *
 * jansson is given an allocator of ours: it keeps to a limit, whatever the
 * text, and wipes what it frees, since tokens and private keys come as JSON.
 */
#include "deliver/json_reply.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/reply.h"

/* Before each piece of memory; a union for the alignment of what follows. */
typedef union Piece
{
	size_t		size;
	max_align_t alignment;
} Piece;

static size_t memory_used = 0;
static bool	  memory_ran_out; /* jansson does not tell */

static void *
Allocate(size_t size)
{
	Piece *piece;

	piece = size > JSON_REPLY_MEMORY - memory_used ? NULL : malloc(sizeof(Piece) + size);
	if (piece == NULL)
	{
		memory_ran_out = true;
		return NULL;
	}
	piece->size = size;
	memory_used += size;
	return piece + 1;
}

static void
Free(void *pointer)
{
	Piece *piece = pointer;

	if (pointer == NULL)
		return;
	piece--;
	memory_used -= piece->size;
	explicit_bzero(pointer, piece->size);
	free(piece);
}

json_t *
JsonReplyParse(const char *text, size_t size, const char **error)
{
	json_error_t details;
	json_t		*root;

	*error = NULL;
	if (size > JSON_REPLY_SIZE)
		*error = "it is larger than any reply has reason to be";
	else if (size == 0 || !ReplyBodyIsOurs(text, size))
		*error = "it is not a JSON object";
	if (*error)
		return NULL;

	json_set_alloc_funcs(Allocate, Free);
	memory_ran_out = false;
	root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &details);
	if (root != NULL)
		return root;
	if (memory_ran_out)
	{
		*error = "reading it would take too much memory";
		return NULL;
	}
	switch (json_error_code(&details))
	{
		case json_error_duplicate_key:
			*error = "a key stands there twice";
			break;
		case json_error_numeric_overflow:
			*error = "a number in it is too large";
			break;
		case json_error_null_character:
		case json_error_null_byte_in_key:
			*error = "there is a NUL in it";
			break;
		case json_error_stack_overflow:
			*error = "it is nested too deeply";
			break;
		default:
			*error = "it is not valid JSON";
	}
	return NULL;
}

const char *
JsonReplyText(const json_t *object, const char *const *names)
{
	for (; *names; names++)
	{
		const json_t *value = json_object_get(object, *names);

		if (value != NULL && !json_is_null(value))
			return json_string_value(value);
	}
	return NULL;
}
