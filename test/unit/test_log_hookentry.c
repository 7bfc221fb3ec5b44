/*
 * test_log_hookentry.c
 *		What the hook packs and the collector takes apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "log/hookentry.h"

#define SIZE 4096

static char packed[SIZE];

static const HookFacts example = {
	.unix_us = INT64_C(1771583400123456),
	.session_start = 0x699834e8,
	.query_id = -77,
	.pid = 4711,
	.level = WORD_ERROR,
	.sqlstate = "23505",
};

/* Packs these texts, in the order of HookTexts; the rest are unknown. */
static size_t
pack(const char *const *texts, int count, size_t size, size_t text_limit)
{
	HookFacts  facts = example;
	HookPacker packer;

	HookPackBegin(&packer, packed, size, text_limit);
	for (int i = 0; i < NUM_HOOK_TEXTS; i++)
		HookPackText(&packer, i < count ? texts[i] : NULL);
	return HookPackEnd(&packer, &facts);
}

static void
assert_text(const LogText *text, const char *expected)
{
	assert_non_null(text->data);
	assert_int_equal(text->len, strlen(expected));
	assert_memory_equal(text->data, expected, text->len);
}

static void
everything_comes_back(void **state)
{
	static const char *const texts[NUM_HOOK_TEXTS] = {
		"duplicate key value violates unique constraint \"%s\"",
		"duplicate key value violates unique constraint \"t_pkey\"",
		"alice",
		"shop",
		"",
		"10.0.0.1:5432",
		"client backend",
		"Key (id)=(1) already exists.",
		"hint",
		"context",
		"internal",
		"INSERT",
	};
	LogEntry  entry;
	HookNames names;
	size_t	  length = pack(texts, NUM_HOOK_TEXTS, SIZE, SIZE);

	assert_true(HookUnpack(packed, length, &entry, &names));
	assert_text(&entry.message_id, texts[0]);
	for (int i = 1; i < NUM_HOOK_TEXTS; i++)
		assert_text(&entry.text[HookTexts[i]], texts[i]);
	assert_text(&entry.text[LOG_SQLSTATE], "23505");
	assert_text(&entry.text[LOG_SESSION_ID], "699834e8.1267");
	assert_text(&entry.text[LOG_QUERY_ID], "-77");
	assert_int_equal(entry.level, WORD_ERROR);
	assert_int_equal(entry.time.kind, LOG_TIME_UNIX);
	assert_true(entry.time.unix_us == example.unix_us);
	assert_int_equal(entry.pid, 4711);
	assert_false(entry.cut);
	/* nothing else is made up */
	assert_null(entry.text[LOG_TIME].data);
	assert_null(entry.text[LOG_LOCATION].data);
}

static void
what_is_unknown_stays_unknown(void **state)
{
	static const char *const texts[] = {NULL, "message"};
	LogEntry				 entry;
	HookNames				 names;

	assert_true(HookUnpack(packed, pack(texts, 2, SIZE, SIZE), &entry, &names));
	assert_null(entry.message_id.data);
	assert_text(&entry.text[LOG_MESSAGE], "message");
	for (int i = 2; i < NUM_HOOK_TEXTS; i++)
		assert_null(entry.text[HookTexts[i]].data);
}

static void
long_texts_are_cut_between_characters(void **state)
{
	char		text[3000];
	const char *texts[NUM_HOOK_TEXTS];
	LogEntry	entry;
	HookNames	names;
	size_t		length;

	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	text[sizeof(text) - 2] = '\0';

	/* each one at its own limit */
	texts[0] = "id";
	texts[1] = text;
	length = pack(texts, 2, SIZE, 101);
	assert_true(HookUnpack(packed, length, &entry, &names));
	assert_int_equal(entry.text[LOG_MESSAGE].len, 100);
	assert_true(entry.cut);

	/* all of them at what there is room for */
	for (int i = 0; i < NUM_HOOK_TEXTS; i++)
		texts[i] = text;
	for (size_t size = HOOK_MIN_SIZE; size < SIZE; size += 7)
	{
		memset(packed, 'x', sizeof(packed));
		length = pack(texts, NUM_HOOK_TEXTS, size, 2000);
		assert_true(length <= size);
		for (size_t i = size; i < SIZE; i++)
			assert_int_equal(packed[i], 'x');
		assert_true(HookUnpack(packed, length, &entry, &names));
		assert_true(entry.cut);
		assert_non_null(entry.text[LOG_STATEMENT].data);
	}
}

static void
no_more_of_a_text_is_read_than_needed(void **state)
{
	/* not terminated within the limit and one byte: the sanitizer would see more */
	char	   *text = malloc(51);
	const char *texts[] = {"id", text};
	LogEntry	entry;
	HookNames	names;

	memset(text, 'x', 51);
	assert_true(HookUnpack(packed, pack(texts, 2, SIZE, 50), &entry, &names));
	assert_int_equal(entry.text[LOG_MESSAGE].len, 50);
	free(text);
}

static void
anything_else_is_refused(void **state)
{
	static const char *const texts[] = {"id", "message", "user"};
	size_t					 whole = pack(texts, 3, SIZE, SIZE);
	LogEntry				 entry;
	HookNames				 names;
	char					*copy;

	for (size_t length = 0; length < whole; length++)
	{
		copy = malloc(length + 1);
		pack(texts, 3, SIZE, SIZE);
		memcpy(copy, packed, length);
		assert_false(HookUnpack(copy, length, &entry, &names));
		free(copy);
	}

	/* whatever bytes: texts lie inside */
	srand(1);
	for (int i = 0; i < 20000; i++)
	{
		size_t length = (size_t) rand() % 300;

		copy = malloc(length + 1);
		pack(texts, 3, SIZE, SIZE);
		for (size_t j = 0; j < length; j++)
			copy[j] = j < whole && rand() % 10 != 0 ? packed[j] : (char) rand();
		if (HookUnpack(copy, length, &entry, &names))
		{
			for (int j = 1; j < NUM_HOOK_TEXTS; j++)
			{
				const LogText *text = &entry.text[HookTexts[j]];

				if (text->data != NULL)
					assert_true(text->data >= copy && text->data + text->len < copy + length);
			}
		}
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_comes_back),
		cmocka_unit_test(what_is_unknown_stays_unknown),
		cmocka_unit_test(long_texts_are_cut_between_characters),
		cmocka_unit_test(no_more_of_a_text_is_read_than_needed),
		cmocka_unit_test(anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
