/*
 * fuzz_prefix.c
 *		The first line is log_line_prefix, the others are matched against it.
 */
#include "fuzz_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
MatchLine(const LogDialect *dialect, const char *data, size_t len)
{
	char	   *line = malloc(len);
	PrefixMatch match;
	size_t		offset;

	memcpy(line, data, len);
	if (LogPrefixMatch(dialect, line, len, &match))
	{
		Require(match.word != WORD_NONE && match.text <= len);
		Require(match.num_values <= dialect->num_items);
		for (int i = 0; i < match.num_values; i++)
			Require(match.value[i].offset + match.value[i].length <= match.text);
	}
	if (LogWordFind(dialect, line, len, &offset) != WORD_NONE)
		Require(offset <= len);
	free(line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static LogDialect dialect;
	const char		 *text = (const char *) data;
	char			  prefix[4096];

	FirstLine(&text, &size, prefix, sizeof(prefix));
	LogDialectInit(&dialect, prefix);
	while (size > 0)
	{
		const char *newline = memchr(text, '\n', size);
		size_t		len = newline != NULL ? (size_t) (newline - text) : size;

		MatchLine(&dialect, text, len);
		len += newline != NULL;
		text += len;
		size -= len;
	}
	return 0;
}
