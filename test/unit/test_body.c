/*
 * test_body.c
 *		Bodies of batches, read and cut by their lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "spool/body.h"

#define HEAD(seq) \
	"{\"batch_id\":\"unit/" seq "\",\n" \
	"\"collector_id\":\"unit\",\"hostname\":\"h\",\"metrics\":[\n"
#define TAIL(errors, count) \
	"],\"collection_errors\":[" errors "],\n" \
	"\"timestamp\":\"2026-02-20T10:30:00.000000Z\",\"dropped_batches\":3,\"metrics_count\":" count \
	"}\n"
#define ERRORS "{\"type\":\"pg_stats\",\"error\":\"]x\"}"

static const uint64_t new_sequences[2] = {101, 102};

/* A copy of exactly the text's size, for the sanitizers. */
static BodySplitResult
split(const char *text, BodyHalf halves[2])
{
	size_t			size = strlen(text);
	char		   *copy = malloc(size ? size : 1);
	BodySplitResult result;

	memcpy(copy, text, size);
	result = BodySplit(copy, size, new_sequences, halves);
	free(copy);
	return result;
}

static void
assert_half(const BodyHalf *half, const char *expected)
{
	assert_int_equal(half->size, strlen(expected));
	assert_memory_equal(half->body, expected, half->size);
}

static void
free_halves(BodyHalf halves[2])
{
	free(halves[0].body);
	free(halves[1].body);
}

static void
the_batch_id_is_in_the_first_line(void **state)
{
	char		id[BATCH_ID_SIZE];
	const char *body = HEAD("1771583400000000");

	assert_true(BodyBatchId(body, strlen(body), id, sizeof(id)));
	assert_string_equal(id, "unit/1771583400000000");
	assert_true(BodyCollectorId(id, id, sizeof(id)));
	assert_string_equal(id, "unit");
}

static bool
batch_id(const char *body, char *id, size_t size)
{
	return BodyBatchId(body, strlen(body), id, size);
}

static void
escapes_in_the_batch_id_are_decoded(void **state)
{
	char id[32];

	assert_true(batch_id("{\"batch_id\":\"a\\\"b\\\\c\\/d\\u0041/1\",", id, sizeof(id)));
	assert_string_equal(id, "a\"b\\c/dA/1");
}

static void
ids_that_are_no_header_value_are_refused(void **state)
{
	char id[32];

	assert_false(batch_id("{\"batch_id\":\"a\\n/1\",", id, sizeof(id)));
	assert_false(batch_id("{\"batch_id\":\"a\\u000d/1\",", id, sizeof(id)));
	assert_false(batch_id("{\"batch_id\":\"a\r\nX: y/1\",", id, sizeof(id)));
	assert_false(batch_id("{\"batch_id\":\"a\x7f/1\",", id, sizeof(id)));
	assert_false(batch_id("{\"batch_id\":\"\",", id, sizeof(id)));
	assert_false(batch_id("{\"batch_id\":\"cut", id, sizeof(id)));
	assert_false(batch_id("{\"batch_id\":\"cut\\", id, sizeof(id)));
	assert_false(batch_id("{\"batch_id\":1", id, sizeof(id)));
	assert_false(batch_id("{\"hostname\":\"x\"", id, sizeof(id)));
	assert_false(batch_id("", id, sizeof(id)));
	assert_false(batch_id("{\"batch_id\":\"longer/1\",", id, 8));
	assert_true(batch_id("{\"batch_id\":\"longer/1\",", id, 9));
}

static void
the_collector_id_may_hold_slashes(void **state)
{
	char id[16];

	assert_true(BodyCollectorId("a/b/17", id, sizeof(id)));
	assert_string_equal(id, "a/b");
	assert_false(BodyCollectorId("17", id, sizeof(id)));
	assert_false(BodyCollectorId("/17", id, sizeof(id)));
	assert_false(BodyCollectorId("abcd/17", id, 4));
}

static void
halves_are_whole_batches(void **state)
{
	BodyHalf halves[2];

	assert_int_equal(
		split(HEAD("7") "{\"a\":1},\n{\"b\":2},\n{\"c\":3},\n{\"d\":4}\n" TAIL(ERRORS, "4"),
			  halves),
		BODY_SPLIT);
	assert_half(&halves[0], HEAD("101") "{\"a\":1},\n{\"b\":2}\n" TAIL(ERRORS, "2"));
	assert_half(&halves[1], HEAD("102") "{\"c\":3},\n{\"d\":4}\n" TAIL("", "2"));
	free_halves(halves);
}

static void
two_metrics_part(void **state)
{
	BodyHalf halves[2];

	assert_int_equal(
		split(HEAD("7") "{},\n{\"long\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}\n" TAIL("", "2"),
			  halves),
		BODY_SPLIT);
	assert_half(&halves[0], HEAD("101") "{}\n" TAIL("", "1"));
	assert_half(&halves[1],
				HEAD("102") "{\"long\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}\n" TAIL("", "1"));
	free_halves(halves);
}

static void
a_giant_parts_from_the_others(void **state)
{
	BodyHalf halves[2];

	assert_int_equal(
		split(
			HEAD("7") "{\"long\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"},\n{},\n{}\n" TAIL("", "3"),
			halves),
		BODY_SPLIT);
	assert_half(&halves[0],
				HEAD("101") "{\"long\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}\n" TAIL("", "1"));
	assert_half(&halves[1], HEAD("102") "{},\n{}\n" TAIL("", "2"));
	free_halves(halves);
}

static void
halves_can_be_split_again(void **state)
{
	const uint64_t more[2] = {UINT64_MAX - 1, UINT64_MAX};
	BodyHalf	   halves[2];
	BodyHalf	   quarters[2];

	assert_int_equal(
		split(HEAD("7") "{\"a\":1},\n{\"b\":2},\n{\"c\":3},\n{\"d\":4}\n" TAIL("", "4"), halves),
		BODY_SPLIT);
	assert_int_equal(BodySplit(halves[1].body, halves[1].size, more, quarters), BODY_SPLIT);
	assert_half(&quarters[1], HEAD("18446744073709551615") "{\"d\":4}\n" TAIL("", "1"));
	free_halves(quarters);
	free_halves(halves);
}

static void
one_metric_cannot_be_split(void **state)
{
	BodyHalf halves[2];

	assert_int_equal(split(HEAD("7") "{}\n" TAIL(ERRORS, "1"), halves), BODY_ONE_METRIC);
	assert_null(halves[0].body);
	/* none at all: the batch only tells what could not be read */
	assert_int_equal(split(HEAD("7") "\n" TAIL(ERRORS, "0"), halves), BODY_ONE_METRIC);
	assert_int_equal(split(HEAD("7") TAIL(ERRORS, "0"), halves), BODY_ONE_METRIC);
}

static void
other_lines_are_damage(void **state)
{
	const char *whole = HEAD("7") "{\"a\":1},\n{\"b\":2}\n" TAIL("", "2");
	BodyHalf	halves[2];

	assert_int_equal(split("", halves), BODY_DAMAGED);
	assert_int_equal(split("{}", halves), BODY_DAMAGED);
	assert_int_equal(split("\n\n\n\n\n", halves), BODY_DAMAGED);
	assert_int_equal(
		split("{\"batch_id\":\"noslash\",\n\"metrics\":[\n{},\n{}\n" TAIL("", "2"), halves),
		BODY_DAMAGED);
	assert_int_equal(split(HEAD("7") "{},\n{}\n" TAIL("", "2") "more\n", halves), BODY_DAMAGED);

	/* cut anywhere before its last digit */
	for (size_t length = 0; length < strlen(whole) - 3; length++)
	{
		char *cut = strndup(whole, length);

		assert_int_equal(split(cut, halves), BODY_DAMAGED);
		free(cut);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_batch_id_is_in_the_first_line),
		cmocka_unit_test(escapes_in_the_batch_id_are_decoded),
		cmocka_unit_test(ids_that_are_no_header_value_are_refused),
		cmocka_unit_test(the_collector_id_may_hold_slashes),
		cmocka_unit_test(halves_are_whole_batches),
		cmocka_unit_test(two_metrics_part),
		cmocka_unit_test(a_giant_parts_from_the_others),
		cmocka_unit_test(halves_can_be_split_again),
		cmocka_unit_test(one_metric_cannot_be_split),
		cmocka_unit_test(other_lines_are_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
