/*
 * json_reply.h
 *		JSON that somebody else has written, read with bounded memory.  Pure C.
 */
#ifndef JSON_REPLY_H
#define JSON_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/* Larger than any reply of a backend has reason to be: refused. */
#define JSON_REPLY_SIZE (64 * 1024)

/* What reading one may take; jansson needs up to eighty times the text ("{},{},{},…"). */
#define JSON_REPLY_MEMORY (1024 * 1024)

/*
 * The object in the text, to be released by json_decref() before the next one
 * is read; the memory it took is wiped then.  NULL: it is not one, has a key
 * twice, a number that no double or int64 holds, a NUL, or is beyond the
 * limits; *error is a constant that says which, as the end of a sentence.
 */
extern json_t *JsonReplyParse(const char *text, size_t size, const char **error);

/*
 * The text under the first of the names (a list that ends with NULL) that is
 * there and not null; NULL: none, or no text.
 */
extern const char *JsonReplyText(const json_t *object, const char *const *names);

#endif /* JSON_REPLY_H */
