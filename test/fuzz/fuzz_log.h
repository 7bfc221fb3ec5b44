/*
 * fuzz_log.h
 *		What the targets for the formats of the log have in common.
 *
 * The input is taken apart twice: as a whole, and as a file that grows while
 * it is read.  Both must find the same entries, make progress and keep every
 * text inside of its entry.
 */
#ifndef FUZZ_LOG_H
#define FUZZ_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "log/entry.h"

#define MAX_FRAMES 256

typedef struct Frames
{
	int	   count;
	size_t start[MAX_FRAMES]; /* of entries */
	size_t length[MAX_FRAMES];
} Frames;

static inline void
CheckEntry(const LogFormat *format, const LogDialect *dialect, const char *data, size_t len)
{
	/* exactly as large as the entry and its spare byte, for the sanitizers */
	char	*copy = malloc(len + 1);
	LogEntry entry;

	memcpy(copy, data, len);
	if (format->parse(dialect, copy, len, &entry))
	{
		Require(LogWordIsLevel(entry.level));
		Require(entry.text[LOG_MESSAGE].data != NULL);
	}
	for (int i = 0; i < NUM_LOG_FIELDS; i++)
	{
		const LogText *text = &entry.text[i];

		Require(text->data == NULL || (text->data >= copy && text->data + text->len <= copy + len));
	}
	free(copy);
}

/* Takes the frames of what lies in the buffer; returns how much of it. */
static inline size_t
TakeFrames(const LogFormat *format, const LogDialect *dialect, const char *data, size_t at,
		   size_t len, LogEnd end, Frames *frames)
{
	while (at < len)
	{
		char	*copy = malloc(len - at);
		LogFrame frame;

		memcpy(copy, data + at, len - at);
		frame = format->frame(dialect, copy, len - at, end);
		free(copy);
		if (frame.kind == FRAME_MORE)
		{
			Require(end != LOG_END_FINAL);
			break;
		}
		Require(frame.length > 0 && frame.length <= len - at);
		if (frame.kind == FRAME_ENTRY && frames->count < MAX_FRAMES)
		{
			frames->start[frames->count] = at;
			frames->length[frames->count++] = frame.length;
		}
		at += frame.length;
	}
	return at;
}

static inline void
FuzzLog(const char *source, const LogDialect *dialect, const char *data, size_t len)
{
	static Frames	 whole;
	static Frames	 grown;
	const LogFormat *format = LogFormatByName(source, strlen(source));
	size_t			 at = 0;
	size_t			 step = len / 7 + 1;

	whole.count = grown.count = 0;
	Require(TakeFrames(format, dialect, data, 0, len, LOG_END_FINAL, &whole) == len);
	for (size_t end = step; end < len; end += step)
		at = TakeFrames(format, dialect, data, at, end, LOG_END_OPEN, &grown);
	TakeFrames(format, dialect, data, at, len, LOG_END_FINAL, &grown);

	Require(whole.count == grown.count);
	for (int i = 0; i < whole.count; i++)
	{
		Require(whole.start[i] == grown.start[i] && whole.length[i] == grown.length[i]);
		CheckEntry(format, dialect, data + whole.start[i], whole.length[i]);
	}
}

#endif /* FUZZ_LOG_H */
