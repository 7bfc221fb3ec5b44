/*
 * fuzz_classify.c
 *		Any bytes as the texts of an entry, "|" between them: options, SQLSTATE,
 *		message, detail, hint, context, statement.  What is sent of it is valid JSON
 *		of bounded size.
 */
#include "fuzz_log.h"

#include <jansson.h>

#include "log/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_ROOM 4096

static char	  output[64 * 1024];
static size_t output_len;

static bool
Keep(void *arg, const char *data, size_t len)
{
	Require(output_len + len <= sizeof(output));
	memcpy(output + output_len, data, len);
	output_len += len;
	return true;
}

static void
CheckCaptures(const LogEntry *entry, const Meaning *meaning)
{
	for (int i = 0; i < meaning->captures.count; i++)
	{
		const Capture *capture = &meaning->captures.capture[i];
		const LogText *text = &entry->text[capture->part];

		Require(capture->data >= text->data &&
				capture->data + capture->len <= text->data + text->len);
	}
}

static void
Write(const LogEntry *entry, char options)
{
	static Meaning meaning;
	size_t		   room = options & 0x08 ? MAX_ROOM : 200;
	char		   json_buffer[256];
	Redactor	   redactor = {
			  .mode = (LogRedact) ((options & 0x03) % 3), .english = options & 0x04, .room = room};
	JsonWriter w;
	json_t	  *json;

	redactor.buffer = malloc(REDACTOR_BUFFER_SIZE(room));
	redactor.scratch = malloc(REDACTOR_BUFFER_SIZE(room));
	output_len = 0;
	JsonInit(&w, (JsonSink){Keep}, json_buffer, sizeof(json_buffer));
	LogClassify(entry, &meaning);
	CheckCaptures(entry, &meaning);
	LogEntryWrite(&w, &redactor, entry, &meaning, false, 0);
	Require(JsonFlush(&w));
	json = json_loadb(output, output_len, JSON_REJECT_DUPLICATES, NULL);
	Require(json_is_object(json));
	json_decref(json);
	free(redactor.buffer);
	free(redactor.scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const LogField fields[] = {LOG_SQLSTATE, LOG_MESSAGE, LOG_DETAIL,
									  LOG_HINT,		LOG_CONTEXT, LOG_STATEMENT};
	LogEntry			  entry = {.level = WORD_LOG};
	const char			 *at = (const char *) data + 1;
	const char			 *end = (const char *) data + size;

	if (size == 0)
		return 0;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && at < end; i++)
	{
		const char *bar = memchr(at, '|', end - at);
		size_t		len = (bar != NULL ? bar : end) - at;
		char	   *copy = malloc(len ? len : 1);

		memcpy(copy, at, len);
		entry.text[fields[i]] = (LogText){copy, len};
		at += len + 1;
	}
	if (entry.text[LOG_MESSAGE].data != NULL)
		Write(&entry, (char) data[0]);
	for (int i = 0; i < NUM_LOG_FIELDS; i++)
		free(entry.text[i].data);
	return 0;
}
