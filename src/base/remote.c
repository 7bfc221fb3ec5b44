/*
 * remote.c
 *		The kept form of the remote configuration.
 *
 * Lines of a name and a value.  It is not the backend's document: whoever
 * starts before the sender has to read it, and those know no JSON.
 */
#include "base/remote.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "pganalytics remote configuration 1"

const char *const Severities[NUM_SEVERITIES] = {
	"DEBUG", "LOG", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL", "PANIC",
};

/* What follows the word at the beginning of text, in any case; NULL: another word.  No locale. */
static const char *
SkipWord(const char *text, const char *word)
{
	for (; *word; text++, word++)
	{
		if (*text != *word && (*text < 'a' || *text > 'z' || *text - 'a' + 'A' != *word))
			return NULL;
	}
	return text;
}

int
SeverityByName(const char *name)
{
	for (int i = 0; i < NUM_SEVERITIES; i++)
	{
		const char *rest = SkipWord(name, Severities[i]);

		if (rest == NULL)
			continue;
		if (*rest == '\0')
			return i;
		/* DEBUG1 to DEBUG5 */
		if (i == 0 && rest[0] >= '1' && rest[0] <= '5' && rest[1] == '\0')
			return i;
	}
	return -1;
}

/* ---- writing ---- */

typedef struct Text
{
	char  *data;
	size_t size;
	size_t used;
	bool   full;
} Text;

static void Add(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
Add(Text *text, const char *format, ...)
{
	va_list args;
	int		length;

	va_start(args, format);
	length = vsnprintf(text->data + text->used, text->size - text->used, format, args);
	va_end(args);
	if (length < 0 || (size_t) length >= text->size - text->used)
		text->full = true;
	else
		text->used += (size_t) length;
}

size_t
RemoteFormat(const RemoteConfig *config, char *buffer, size_t size)
{
	Text text = {buffer, size, 0, false};

	Add(&text, "%s\nversion %lld\npulled_us %lld\n", FIRST_LINE, (long long) config->version,
		(long long) config->pulled_us);
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (config->interval_s[i] > 0)
			Add(&text, "interval %s %d\n", Collectors[i].name, config->interval_s[i]);
	}
	if (config->has_collectors)
	{
		Add(&text, "collectors");
		for (int i = 0; i < NUM_COLLECTORS; i++)
		{
			if (config->collectors & (1U << i))
				Add(&text, " %s", Collectors[i].name);
		}
		Add(&text, "\n");
	}
	if (config->has_severities)
	{
		Add(&text, "severities");
		for (int i = 0; i < NUM_SEVERITIES; i++)
		{
			if (config->severities & (1U << i))
				Add(&text, " %s", Severities[i]);
		}
		Add(&text, "\n");
	}
	Add(&text, "etag %s\nsource %s\nignored %s\n", config->etag, config->source, config->ignored);
	return text.full ? 0 : text.used;
}

/* ---- reading ---- */

static bool
ParseNumber(const char *value, long long min, long long max, long long *number)
{
	char *end;

	*number = strtoll(value, &end, 10);
	return end != value && *end == '\0' && *number >= min && *number <= max;
}

static bool
ParseVersion(RemoteConfig *config, char *value)
{
	long long number;
	bool	  good = ParseNumber(value, -1, INT64_MAX, &number);

	config->version = number;
	return good;
}

static bool
ParsePulled(RemoteConfig *config, char *value)
{
	long long number;
	bool	  good = ParseNumber(value, 0, INT64_MAX, &number);

	config->pulled_us = number;
	return good;
}

/* "sysstat 60" */
static bool
ParseInterval(RemoteConfig *config, char *value)
{
	char	 *seconds = strchr(value, ' ');
	long long number;
	int		  type;

	if (seconds == NULL)
		return false;
	*seconds++ = '\0';
	if (!ParseNumber(seconds, REMOTE_INTERVAL_MIN_S, REMOTE_INTERVAL_MAX_S, &number))
		return false;
	type = CollectorByName(value);
	if (type >= 0)
		config->interval_s[type] = (int) number;
	return true;
}

/* Words with one space in between. */
static uint32_t
ParseMask(char *words, int (*by_name)(const char *name))
{
	uint32_t mask = 0;

	while (*words)
	{
		char *end = words + strcspn(words, " ");
		bool  last = *end == '\0';
		int	  index;

		*end = '\0';
		index = by_name(words);
		if (index >= 0)
			mask |= 1U << index;
		words = last ? end : end + 1;
	}
	return mask;
}

static bool
ParseCollectors(RemoteConfig *config, char *value)
{
	config->has_collectors = true;
	config->collectors = ParseMask(value, CollectorByName);
	return true;
}

static bool
ParseSeverities(RemoteConfig *config, char *value)
{
	config->has_severities = true;
	config->severities = ParseMask(value, SeverityByName);
	return true;
}

static bool
CopyText(char *to, size_t size, const char *value)
{
	return (size_t) snprintf(to, size, "%s", value) < size;
}

static bool
ParseEtag(RemoteConfig *config, char *value)
{
	return CopyText(config->etag, sizeof(config->etag), value);
}

static bool
ParseSource(RemoteConfig *config, char *value)
{
	return CopyText(config->source, sizeof(config->source), value);
}

static bool
ParseIgnored(RemoteConfig *config, char *value)
{
	return CopyText(config->ignored, sizeof(config->ignored), value);
}

static bool
ParseLine(RemoteConfig *config, char *line)
{
	static const struct
	{
		const char *name;
		bool (*parse)(RemoteConfig *config, char *value);
	} names[] = {
		{"version", ParseVersion},		 {"pulled_us", ParsePulled},
		{"interval", ParseInterval},	 {"collectors", ParseCollectors},
		{"severities", ParseSeverities}, {"etag", ParseEtag},
		{"source", ParseSource},		 {"ignored", ParseIgnored},
	};
	char *value = line + strcspn(line, " ");

	if (*value)
		*value++ = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strcmp(line, names[i].name) == 0)
			return names[i].parse(config, value);
	}
	return true;
}

bool
RemoteParse(const char *text, size_t size, RemoteConfig *config)
{
	const char *end = text + size;
	bool		first = true;

	memset(config, 0, sizeof(*config));
	config->version = -1;
	while (text < end)
	{
		const char *newline = memchr(text, '\n', (size_t) (end - text));
		char		line[REMOTE_SOURCE_SIZE + 64];
		size_t		length;

		if (newline == NULL)
			return false; /* cut off */
		length = (size_t) (newline - text);
		if (length >= sizeof(line))
			return false;
		memcpy(line, text, length);
		line[length] = '\0';
		if (first ? strcmp(line, FIRST_LINE) != 0 : !ParseLine(config, line))
			return false;
		first = false;
		text = newline + 1;
	}
	return !first;
}
