/*
 * test_log_formats.c
 *		The log of a busy server comes out the same from each format.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "log/classify.h"
#include "log_generator.h"

#define ENTRIES 5000

static LogDialect Dialect;

/* Reads what was written in a format back; what, classified, is to be as the first time. */
static const LogEventRow *
event_of(const char *format, const Generated *g, LogWord *level, LogText *texts, char *buffer)
{
	static Meaning	 meaning;
	const LogFormat *f = LogFormatByName(format, strlen(format));
	size_t			 len = WriteGenerated(g, format, buffer);
	LogFrame		 frame = f->frame(&Dialect, buffer, len, LOG_END_FINAL);
	LogEntry		 entry;

	assert_int_equal(frame.kind, FRAME_ENTRY);
	assert_int_equal(frame.length, len);
	assert_true(f->parse(&Dialect, buffer, len, &entry));
	LogClassify(&entry, &meaning);
	*level = entry.level;
	memcpy(texts, entry.text, sizeof(entry.text));
	return meaning.event;
}

static void
assert_same_text(const LogText *text, const char *expected)
{
	assert_int_equal(text->len, strlen(expected));
	if (text->len > 0)
		assert_memory_equal(text->data, expected, text->len);
}

static void
formats_agree(void **state)
{
	static const char *const formats[] = {"stderr", "csvlog", "jsonlog"};
	static Generated		 g = {.random = 7};
	static char				 buffer[GENERATED_SIZE + 1];
	int						 known = 0;

	LogDialectInit(&Dialect, GENERATED_PREFIX);
	for (int i = 0; i < ENTRIES; i++)
	{
		const LogEventRow *events[3];

		GenerateEntry(&g);
		for (int k = 0; k < 3; k++)
		{
			LogText texts[NUM_LOG_FIELDS];
			LogWord level;

			events[k] = event_of(formats[k], &g, &level, texts, buffer);
			assert_string_equal(LogWordName(level), g.level);
			assert_ptr_equal(events[k], events[0]);
			assert_same_text(&texts[LOG_MESSAGE], g.message);
			assert_same_text(&texts[LOG_DETAIL], g.detail);
			assert_same_text(&texts[LOG_CONTEXT], g.context);
			assert_same_text(&texts[LOG_STATEMENT], g.statement);
			assert_same_text(&texts[LOG_USER], g.user);
		}
		known += events[0] != NULL;
	}
	/* what is made up to be unknown is a third of a twentieth, twice */
	assert_in_range(known, ENTRIES * 90 / 100, ENTRIES * 99 / 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
