/*
 * document.c
 *		The remote configuration as a backend sends it.
 *
 * A backend is not trusted with the server: nothing is looked up here but the
 * keys of one table, so that there is no way from a document to any other
 * setting.  What is unknown is ignored and reported, what is known must be
 * right, and one mistake refuses all of it.
 */
#include "deliver/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/json_reply.h"
#include "deliver/reply.h"

#define NAME_SIZE 64 /* of somebody else's, as it is repeated in texts */

typedef struct Document
{
	const DocumentLimits *limits;
	RemoteConfig		 *config;
	char				 *error;
} Document;

/* ---- reports ---- */

static const char *
Printable(char buffer[NAME_SIZE], const char *name)
{
	ReplyExcerpt(buffer, NAME_SIZE, name, NAME_SIZE - 1);
	return buffer;
}

/* Remembers a name that means nothing here, as far as there is room. */
static void
Ignore(Document *document, const char *group, const char *name)
{
	char  *ignored = document->config->ignored;
	size_t used = strlen(ignored);
	char   buffer[NAME_SIZE];
	int	   length;

	length = snprintf(ignored + used, REMOTE_IGNORED_SIZE - used, "%s%s%s%s", used > 0 ? ", " : "",
					  group, group[0] ? "." : "", Printable(buffer, name));
	if (length < 0 || (size_t) length >= REMOTE_IGNORED_SIZE - used)
	{
		ignored[used] = '\0';
		if (used >= 3 && used + 5 < REMOTE_IGNORED_SIZE && ignored[used - 1] != '.')
			strcpy(ignored + used, ", ...");
	}
}

static bool
Refuse(Document *document, const char *name, const char *why)
{
	char buffer[NAME_SIZE];

	snprintf(document->error, DOCUMENT_ERROR_SIZE, "\"%s\" %s", Printable(buffer, name), why);
	return false;
}

/* ---- the keys ---- */

static bool
ReadVersion(Document *document, const char *key, const json_t *value)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return Refuse(document, key, "is not a number from 0 on");
	document->config->version = json_integer_value(value);
	return true;
}

static int
CollectorByAnyName(const char *name)
{
	return CollectorByName(strcmp(name, "pg_logs") == 0 ? "pg_log" : name);
}

static bool
ReadInterval(Document *document, int type, const char *name, const json_t *value)
{
	int	 least = document->limits->floor_s[type];
	char why[96];

	if (least < REMOTE_INTERVAL_MIN_S)
		least = REMOTE_INTERVAL_MIN_S;
	if (!json_is_integer(value))
		return Refuse(document, name, "is not a whole number of seconds");
	if (json_integer_value(value) < least || json_integer_value(value) > REMOTE_INTERVAL_MAX_S)
	{
		snprintf(why, sizeof(why), "is %lld s, allowed are %d s to %d s",
				 (long long) json_integer_value(value), least, REMOTE_INTERVAL_MAX_S);
		return Refuse(document, name, why);
	}
	document->config->interval_s[type] = (int) json_integer_value(value);
	return true;
}

static bool
ReadIntervals(Document *document, const char *key, const json_t *value)
{
	const char *name;
	json_t	   *interval;

	if (!json_is_object(value))
		return Refuse(document, key, "is not an object");
	json_object_foreach((json_t *) value, name, interval)
	{
		int	 type = CollectorByAnyName(name);
		char full_name[NAME_SIZE * 2];

		snprintf(full_name, sizeof(full_name), "%s.%.*s", key, NAME_SIZE, name);
		if (type < 0)
			Ignore(document, key, name);
		else if (json_is_null(interval))
			continue;
		else if (document->config->interval_s[type] != 0)
			return Refuse(document, full_name, "is given under two names");
		else if (!ReadInterval(document, type, full_name, interval))
			return false;
	}
	return true;
}

/* A list of names as a mask; "all" stands for each of them. */
static bool
ReadNames(Document *document, const char *key, const json_t *value,
		  int (*by_name)(const char *name), int count, uint32_t *mask)
{
	size_t	index;
	json_t *item;

	*mask = 0;
	if (!json_is_array(value))
		return Refuse(document, key, "is not a list");
	json_array_foreach(value, index, item)
	{
		const char *name = json_string_value(item);
		int			number;

		if (name == NULL)
			return Refuse(document, key, "holds something that is no name");
		number = by_name(name);
		if (strcmp(name, "all") == 0)
			*mask = (1U << count) - 1;
		else if (number >= 0)
			*mask |= 1U << number;
		else
			Ignore(document, key, name);
	}
	return true;
}

static bool
ReadCollectors(Document *document, const char *key, const json_t *value)
{
	document->config->has_collectors = true;
	return ReadNames(document, key, value, CollectorByAnyName, NUM_COLLECTORS,
					 &document->config->collectors);
}

static bool
ReadSeverities(Document *document, const char *key, const json_t *value)
{
	if (document->config->has_severities)
		return Refuse(document, key, "is given under two names");
	document->config->has_severities = true;
	return ReadNames(document, key, value, SeverityByName, NUM_SEVERITIES,
					 &document->config->severities);
}

/* The backend's own. */
static bool
Skip(Document *document, const char *key, const json_t *value)
{
	return true;
}

static const struct
{
	const char *name;
	bool (*read)(Document *document, const char *key, const json_t *value);
} keys[] = {
	{"version", ReadVersion},
	{"intervals", ReadIntervals},
	{"enabled_collectors", ReadCollectors},
	{"log_filters", ReadSeverities},
	{"filters", ReadSeverities},
	{"retention_days", Skip},
	{"compression", Skip},
	{"backup_interval", Skip},
};

static bool
ReadKey(Document *document, const char *key, const json_t *value)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		/* null is as good as absent, here as everywhere on the wire */
		if (strcmp(keys[i].name, key) == 0)
			return json_is_null(value) || keys[i].read(document, key, value);
	}
	Ignore(document, "", key);
	return true;
}

/* ---- the document ---- */

/* -1: not a number */
static int64_t
HeaderVersion(const char *text)
{
	int64_t version = 0;
	int		digits = 0;

	for (; *text >= '0' && *text <= '9' && digits < 18; text++, digits++)
		version = version * 10 + (*text - '0');
	return digits > 0 && *text == '\0' ? version : -1;
}

bool
DocumentParse(const char *body, size_t size, const char *version_header,
			  const DocumentLimits *limits, RemoteConfig *config, char error[DOCUMENT_ERROR_SIZE])
{
	Document	document = {limits, config, error};
	const char *trouble;
	const char *key;
	json_t	   *root;
	json_t	   *value;
	bool		good = true;

	memset(config, 0, sizeof(*config));
	config->version = -1;
	error[0] = '\0';
	root = JsonReplyParse(body, size, &trouble);
	if (root == NULL)
	{
		snprintf(error, DOCUMENT_ERROR_SIZE, "%s", trouble);
		return false;
	}
	json_object_foreach(root, key, value)
	{
		good = ReadKey(&document, key, value);
		if (!good)
			break;
	}
	json_decref(root);
	if (good && config->version < 0)
		config->version = HeaderVersion(version_header);
	if (good && config->version < 0)
	{
		snprintf(error, DOCUMENT_ERROR_SIZE,
				 "there is no version, neither in it nor in \"X-Config-Version\"");
		good = false;
	}
	return good;
}
