/*
 * test_log_events.c
 *		Every kind of event, by the server's own messages.
 *
 * log_events.txt holds at least one entry of each, and one for each version that
 * puts it differently: the event and the versions, then severity, SQLSTATE and
 * message (\n: a newline), then its other texts, and what is to come of it.
 * "test_log_events print" writes the file as it would have to be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/write.h"

#define SAMPLES "test/unit/log_events.txt"
#define ROOM 8192

static char buffer[REDACTOR_BUFFER_SIZE(ROOM)];
static char scratch[REDACTOR_BUFFER_SIZE(ROOM)];

static char	  output[65536];
static size_t output_len;

static bool
keep(void *arg, const char *data, size_t len)
{
	assert_true(output_len + len < sizeof(output));
	memcpy(output + output_len, data, len);
	output_len += len;
	output[output_len] = '\0';
	return true;
}

/* The entry as it is sent. */
static const char *
written(const LogEntry *entry, Meaning *meaning, LogRedact mode)
{
	static char json_buffer[1024];
	Redactor	redactor = {
		   .mode = mode, .english = true, .room = ROOM, .buffer = buffer, .scratch = scratch};
	JsonWriter w;

	output_len = 0;
	JsonInit(&w, (JsonSink){keep}, json_buffer, sizeof(json_buffer));
	LogClassify(entry, meaning);
	LogEntryWrite(&w, &redactor, entry, meaning, false, 0);
	assert_true(JsonFlush(&w));
	return output;
}

typedef struct Sample
{
	char event[64];
	char versions[16];
	char level[16];
	char sqlstate[8];
	char text[5][8192]; /* as Parts */
	char expected[16384];
} Sample;

static const char *const Parts[] = {"message", "detail", "hint", "context", "statement"};
static const LogField	 PartFields[] = {LOG_MESSAGE, LOG_DETAIL, LOG_HINT, LOG_CONTEXT,
										 LOG_STATEMENT};

#define NUM_PARTS 5

static void
unescape(char *out, const char *text)
{
	for (; *text != '\0' && *text != '\n'; text++)
	{
		if (text[0] == '\\' && text[1] == 'n')
		{
			*out++ = '\n';
			text++;
		}
		else
			*out++ = *text;
	}
	*out = '\0';
}

/* The next sample; the lines of comments before it are echoed where the file is printed. */
static bool
read_sample(FILE *file, Sample *sample, bool print)
{
	char line[32768];
	bool begun = false;
	long before = ftell(file);

	memset(sample, 0, sizeof(*sample));
	while (fgets(line, sizeof(line), file) != NULL)
	{
		if (line[0] == '#' || line[0] == '\n')
		{
			if (begun)
				break;
			if (print)
				fputs(line, stdout);
		}
		else if (line[0] != ' ')
		{
			if (begun)
				break;
			begun = true;
			assert_int_equal(sscanf(line, "%63s %15s", sample->event, sample->versions), 2);
		}
		else if (sample->level[0] == '\0')
		{
			int at = 0;

			assert_int_equal(sscanf(line, " %15s %7s %n", sample->level, sample->sqlstate, &at), 2);
			unescape(sample->text[0], line + at);
		}
		else if (strncmp(line, "  {", 3) == 0)
		{
			line[strcspn(line, "\n")] = '\0';
			assert_true(strlen(line) < sizeof(sample->expected));
			strcpy(sample->expected, line + 2);
		}
		else
		{
			for (int i = 1; i < NUM_PARTS; i++)
			{
				size_t len = strlen(Parts[i]);

				if (strncmp(line + 2, Parts[i], len) == 0 && line[2 + len] == ' ')
					unescape(sample->text[i], line + 3 + len);
			}
		}
		before = ftell(file);
	}
	fseek(file, before, SEEK_SET);
	return begun;
}

static void
make_entry(const LogDialect *dialect, Sample *sample, LogEntry *entry)
{
	memset(entry, 0, sizeof(*entry));
	entry->level = LogLevelByName(dialect, sample->level, strlen(sample->level));
	assert_int_not_equal(entry->level, WORD_NONE);
	if (strcmp(sample->sqlstate, "-") != 0)
		entry->text[LOG_SQLSTATE] = (LogText){sample->sqlstate, strlen(sample->sqlstate)};
	for (int i = 0; i < NUM_PARTS; i++)
	{
		if (sample->text[i][0] != '\0')
			entry->text[PartFields[i]] = (LogText){sample->text[i], strlen(sample->text[i])};
	}
}

static void
put_escaped(const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (*text == '\n')
			fputs("\\n", stdout);
		else
			putchar(*text);
	}
	putchar('\n');
}

static void
print_sample(const Sample *sample, const char *result)
{
	printf("%s %s\n  %s %s ", sample->event, sample->versions, sample->level, sample->sqlstate);
	put_escaped(sample->text[0]);
	for (int i = 1; i < NUM_PARTS; i++)
	{
		if (sample->text[i][0] != '\0')
		{
			printf("  %s ", Parts[i]);
			put_escaped(sample->text[i]);
		}
	}
	printf("  %s\n", result);
}

static int
go_through_samples(bool print)
{
	static Sample  sample;
	static Meaning meaning;
	FILE		  *file = fopen(SAMPLES, "r");
	LogDialect	   dialect;
	LogEntry	   entry;
	int			   failed = 0;

	assert_non_null(file);
	LogDialectInit(&dialect, "");
	while (read_sample(file, &sample, print))
	{
		const char *result;

		make_entry(&dialect, &sample, &entry);
		result = written(&entry, &meaning, LOG_REDACT_PARAMETERS);
		if (print)
			print_sample(&sample, result);
		if (strcmp(meaning.event != NULL ? meaning.event->name : "null", sample.event) != 0 ||
			(!print && strcmp(result, sample.expected) != 0))
		{
			failed++;
			fprintf(stderr, "%s %s: %s\n  expected  %s\n  is        %s\n", sample.event,
					sample.versions, sample.text[0], sample.expected, result);
		}
		/* in the other modes it is the same event */
		written(&entry, &meaning, LOG_REDACT_NONE);
		written(&entry, &meaning, LOG_REDACT_STATEMENTS);
	}
	fclose(file);
	return failed;
}

static void
every_sample_is_understood(void **state)
{
	assert_int_equal(go_through_samples(false), 0);
}

static void
every_event_has_a_sample(void **state)
{
	static Sample sample;
	static char	  names[65536];
	FILE		 *file = fopen(SAMPLES, "r");
	int			  events = 0;
	int			  missing = 0;

	assert_non_null(file);
	strcpy(names, " ");
	while (read_sample(file, &sample, false))
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ", sample.event);
	fclose(file);
	for (int i = 0; i < NUM_LOG_EVENT_TABLES; i++)
	{
		const LogEventRow *row = LogEventTables[i].rows;

		for (; !LogRowIsEnd(row); row++)
		{
			char name[80];

			if (row->name == NULL)
				continue;
			events++;
			assert_non_null(row->about);
			assert_ptr_equal(LogEventByName(row->name), row); /* no name twice */
			snprintf(name, sizeof(name), " %s ", row->name);
			if (strstr(names, name) == NULL)
			{
				missing++;
				fprintf(stderr, "no sample of %s\n", row->name);
			}
		}
	}
	assert_int_equal(missing, 0);
	assert_true(events >= 120);
}

/* Does a text of a sample, or a line of it, fit? */
static bool
fits(const char *pattern, const char *text)
{
	static Captures captures;
	const char	   *line = text;

	while (line != NULL && *line != '\0')
	{
		const char *newline = strchr(line, '\n');

		captures.count = 0;
		if (PatternMatch(pattern, line, strlen(line), 0, 1, &captures))
			return true;
		captures.count = 0;
		if (newline != NULL &&
			PatternMatch(pattern, line, (size_t) (newline - line), 0, 1, &captures))
			return true;
		line = newline != NULL ? newline + 1 : NULL;
	}
	return false;
}

/* Lines, DETAIL and CONTEXT of one text may belong to several events. */
static bool
has_sample(const Sample *samples, int count, const char *event, const char *pattern, int part)
{
	for (int i = 0; i < count; i++)
	{
		if ((event == NULL || strcmp(samples[i].event, event) == 0) &&
			fits(pattern, samples[i].text[part]))
			return true;
	}
	return false;
}

/* So that no pattern stands there which the server's own messages do not fit. */
static void
every_pattern_has_a_sample(void **state)
{
	const int room = 2048;
	Sample	 *samples = malloc(room * sizeof(Sample));
	int		  count = 0;
	int		  missing = 0;
	FILE	 *file = fopen(SAMPLES, "r");

	assert_non_null(samples);
	assert_non_null(file);
	while (read_sample(file, &samples[count], false))
		assert_true(++count < room);
	fclose(file);
	for (int i = 0; i < NUM_LOG_EVENT_TABLES; i++)
	{
		const LogEventRow *row = LogEventTables[i].rows;
		const char		  *event = NULL;

		for (; !LogRowIsEnd(row); row++)
		{
			const char *patterns[] = {row->message, row->line, row->detail, row->context};
			const int	parts[] = {0, 0, 1, 3};

			event = row->name != NULL ? row->name : event;
			for (int k = 0; k < 4; k++)
			{
				if (patterns[k] != NULL &&
					!has_sample(samples, count, k == 0 ? event : NULL, patterns[k], parts[k]))
				{
					missing++;
					fprintf(stderr, "no sample of %s: %s\n", event, patterns[k]);
				}
			}
		}
	}
	free(samples);
	assert_int_equal(missing, 0);
}

static LogEntry
entry_of(const char *sqlstate, const char *message)
{
	LogEntry entry = {.level = WORD_ERROR};

	if (sqlstate != NULL)
		entry.text[LOG_SQLSTATE] = (LogText){(char *) sqlstate, 5};
	entry.text[LOG_MESSAGE] = (LogText){(char *) message, strlen(message)};
	return entry;
}

static const char *
event_of(const char *sqlstate, const char *message)
{
	static Meaning meaning;
	LogEntry	   entry = entry_of(sqlstate, message);

	LogClassify(&entry, &meaning);
	return meaning.event != NULL ? meaning.event->name : "";
}

static void
sqlstate_decides_in_other_languages(void **state)
{
	assert_string_equal(
		event_of("23505", "doppelter Schlüsselwert verletzt Unique-Constraint »t_pkey«"),
		"unique_violation");
	assert_string_equal(event_of("40P01", "interblocage (deadlock) détecté"), "deadlock");
	assert_string_equal(event_of("53300", "извините, уже слишком много клиентов"),
						"too_many_connections");
	assert_string_equal(event_of("57014", "ユーザーの要求により文をキャンセルしています"),
						"query_canceled");
	assert_string_equal(event_of("00000", "Checkpoint beginnt: time"), "");
	assert_string_equal(event_of(NULL, "doppelter Schlüsselwert"), "");
}

/* Functions may raise what they like. */
static void
messages_of_functions_are_no_events(void **state)
{
	assert_string_equal(event_of("P0001", "deadlock detected"), "raise_exception");
	assert_string_equal(event_of("P0001", "checkpoint starting: time"), "raise_exception");
	assert_string_equal(event_of("22012", "duplicate key value violates unique constraint \"x\""),
						"division_by_zero");
	assert_string_equal(event_of("00000", "something else"), "");
}

static void
formats_of_the_source(void **state)
{
	static const char *const formats[][2] = {
		{"checkpoint starting:%s%s%s%s%s%s%s%s", "checkpoint_starting"},
		{"checkpoint complete: wrote %d buffers (%.1f%%); %d WAL file(s) added, %d removed, %d "
		 "recycled; "
		 "write=%ld.%03d s, sync=%ld.%03d s, total=%ld.%03d s; sync files=%d, longest=%ld.%03d s, "
		 "average=%ld.%03d s; distance=%d kB, estimate=%d kB",
		 "checkpoint_complete"},
		{"process %d still waiting for %s on %s after %ld.%03d ms", "lock_wait"},
		{"temporary file: path \"%s\", size %lu", "temporary_file"},
		{"duration: %s ms  statement: %s", "slow_statement"},
		{"connection received: host=%s port=%s", "connection_received"},
		{"%s (PID %d) was terminated by signal %d: %s", "process_crashed"},
	};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
	{
		const LogEventRow *event = LogEventOfFormat(formats[i][0], "00000");

		assert_non_null(event);
		assert_string_equal(event->name, formats[i][1]);
	}
	assert_null(LogEventOfFormat("something %d else", "00000"));
	assert_null(LogEventOfFormat("100%", NULL));
	assert_string_equal(LogEventOfFormat("%s", "23505")->name, "unique_violation");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sample_is_understood),
		cmocka_unit_test(every_event_has_a_sample),
		cmocka_unit_test(every_pattern_has_a_sample),
		cmocka_unit_test(sqlstate_decides_in_other_languages),
		cmocka_unit_test(messages_of_functions_are_no_events),
		cmocka_unit_test(formats_of_the_source),
	};

	if (argc > 1 && strcmp(argv[1], "print") == 0)
		return go_through_samples(true) > 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
