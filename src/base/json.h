/*
 * json.h
 *		A JSON writer of fixed size that streams into a sink.
 *
 * The output is always valid UTF-8 without control characters, whatever the
 * input: bytes that are no UTF-8 become U+FFFD, and so does U+0000.  NaN and
 * infinity become null.  Nothing here allocates or raises: when the sink
 * fails, the writer remembers it and swallows the rest.  Pure C.
 *
 * Keys are passed as NULL inside arrays and for the outermost value.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fields.h"

#define JSON_MAX_DEPTH 24

typedef struct JsonSink
{
	/* takes len bytes; false: failed, nothing more will be written */
	bool (*write)(void *arg, const char *data, size_t len);
	/* forgets all but the first size bytes written so far; NULL: cannot */
	bool (*truncate)(void *arg, uint64_t size);
	void *arg;
} JsonSink;

typedef struct JsonWriter
{
	JsonSink sink;
	char	*buffer;
	size_t	 size; /* of buffer */
	size_t	 used;
	uint64_t flushed; /* bytes handed to the sink */
	bool	 failed;
	int		 depth;
	bool	 need_comma[JSON_MAX_DEPTH];
} JsonWriter;

/* A place in the output to return to. */
typedef struct JsonMark
{
	uint64_t position;
	int		 depth;
	bool	 need_comma[JSON_MAX_DEPTH];
} JsonMark;

extern void		JsonInit(JsonWriter *w, JsonSink sink, char *buffer, size_t size);
extern bool		JsonFlush(JsonWriter *w);
extern uint64_t JsonPosition(const JsonWriter *w);
extern JsonMark JsonMarkHere(const JsonWriter *w);
extern bool		JsonRewind(JsonWriter *w, const JsonMark *mark);

extern void JsonObjectBegin(JsonWriter *w, const char *key);
extern void JsonObjectEnd(JsonWriter *w);
extern void JsonArrayBegin(JsonWriter *w, const char *key);
extern void JsonArrayEnd(JsonWriter *w);

extern void JsonNull(JsonWriter *w, const char *key);
extern void JsonBool(JsonWriter *w, const char *key, bool value);
extern void JsonInt(JsonWriter *w, const char *key, int64_t value);
extern void JsonFloat(JsonWriter *w, const char *key, double value);
/* text of unknown length may be NULL: written as null */
extern void JsonText(JsonWriter *w, const char *key, const char *text);
extern void JsonTextLen(JsonWriter *w, const char *key, const char *text, size_t len);
/* µs since 1970-01-01 UTC */
extern void JsonTime(JsonWriter *w, const char *key, int64_t unix_us);
/* one value that is JSON already, on one line of valid UTF-8 */
extern void JsonEncoded(JsonWriter *w, const char *key, const char *json, size_t len);
/* layout between values */
extern void JsonRaw(JsonWriter *w, const char *text, size_t len);

/* Every known value, in the order of the fields; no braces around them. */
extern void JsonFields(JsonWriter *w, const Field *fields, const Value *values);

/* RFC 3339 in UTC with microseconds into a buffer of JSON_TIME_SIZE. */
#define JSON_TIME_SIZE 32
extern void JsonFormatTime(char *buffer, int64_t unix_us);

#endif /* JSON_H */
