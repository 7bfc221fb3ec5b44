/*
 * test_json.c
 *		The JSON writer: whatever goes in, valid JSON in UTF-8 comes out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/json.h"

static char	  output[4096];
static size_t output_size;
static size_t sink_limit;

static bool
TakeAll(void *arg, const char *data, size_t len)
{
	if (output_size + len > sink_limit)
		return false;
	memcpy(output + output_size, data, len);
	output_size += len;
	return true;
}

static bool
CutBack(void *arg, uint64_t size)
{
	output_size = (size_t) size;
	return true;
}

static void
Begin(JsonWriter *w, char *buffer, size_t size)
{
	JsonSink sink = {TakeAll, CutBack, NULL};

	output_size = 0;
	sink_limit = sizeof(output) - 1;
	JsonInit(w, sink, buffer, size);
}

static const char *
Result(JsonWriter *w)
{
	assert_true(JsonFlush(w));
	output[output_size] = '\0';
	return output;
}

/* One text through a writer whose buffer is smaller than most texts. */
static const char *
Quote(const char *text, size_t len)
{
	static char		  buffer[7];
	static JsonWriter w;

	Begin(&w, buffer, sizeof(buffer));
	JsonTextLen(&w, NULL, text, len);
	return Result(&w);
}

static void
plain_text_is_kept(void **state)
{
	assert_string_equal(Quote("hello", 5), "\"hello\"");
	assert_string_equal(Quote("", 0), "\"\"");
}

static void
quotes_and_control_characters_are_escaped(void **state)
{
	assert_string_equal(Quote("a\"b\\c", 5), "\"a\\\"b\\\\c\"");
	assert_string_equal(Quote("\n\t\r\x01\x1f\x7f", 6), "\"\\n\\t\\r\\u0001\\u001f\\u007f\"");
}

static void
nul_becomes_the_replacement_character(void **state)
{
	assert_string_equal(Quote("a\0b", 3),
						"\"a\xEF\xBF\xBD"
						"b\"");
}

static void
valid_utf8_is_kept(void **state)
{
	const char *text = "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x90\x98";

	assert_memory_equal(Quote(text, 9) + 1, text, 9);
}

static void
invalid_utf8_becomes_replacement_characters(void **state)
{
	assert_string_equal(Quote("\xFF", 1), "\"\xEF\xBF\xBD\"");
	assert_string_equal(Quote("\xC3", 1), "\"\xEF\xBF\xBD\"");				   /* cut off */
	assert_string_equal(Quote("\xC0\xAF", 2), "\"\xEF\xBF\xBD\xEF\xBF\xBD\""); /* overlong */
	assert_string_equal(Quote("\xED\xA0\x80", 3),							   /* surrogate */
						"\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
	assert_string_equal(Quote("\xF4\x90\x80\x80", 4), /* above U+10FFFF */
						"\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
	assert_string_equal(Quote("\xC3x", 2), "\"\xEF\xBF\xBDx\"");
}

static void
numbers_read_back_as_the_same(void **state)
{
	char	   buffer[64];
	JsonWriter w;

	Begin(&w, buffer, sizeof(buffer));
	JsonArrayBegin(&w, NULL);
	JsonInt(&w, NULL, INT64_MIN);
	JsonInt(&w, NULL, INT64_MAX);
	JsonFloat(&w, NULL, 0.1);
	JsonFloat(&w, NULL, 1.0 / 3);
	JsonFloat(&w, NULL, 1e300);
	JsonFloat(&w, NULL, -0.5);
	JsonArrayEnd(&w);
	assert_string_equal(Result(&w),
						"[-9223372036854775808,9223372036854775807,0.1,"
						"0.33333333333333331,1e+300,-0.5]");
}

static void
nan_and_infinity_are_null(void **state)
{
	char	   buffer[64];
	JsonWriter w;

	Begin(&w, buffer, sizeof(buffer));
	JsonArrayBegin(&w, NULL);
	JsonFloat(&w, NULL, NAN);
	JsonFloat(&w, NULL, INFINITY);
	JsonFloat(&w, NULL, -INFINITY);
	JsonArrayEnd(&w);
	assert_string_equal(Result(&w), "[null,null,null]");
}

static void
nesting_needs_no_punctuation_from_the_caller(void **state)
{
	char	   buffer[64];
	JsonWriter w;

	Begin(&w, buffer, sizeof(buffer));
	JsonObjectBegin(&w, NULL);
	JsonArrayBegin(&w, "a");
	JsonArrayEnd(&w);
	JsonObjectBegin(&w, "b");
	JsonBool(&w, "t", true);
	JsonNull(&w, "n");
	JsonObjectEnd(&w);
	JsonText(&w, "c", NULL);
	JsonObjectEnd(&w);
	assert_string_equal(Result(&w), "{\"a\":[],\"b\":{\"t\":true,\"n\":null},\"c\":null}");
}

static void
a_mark_can_be_returned_to(void **state)
{
	char	   buffer[8];
	JsonWriter w;
	JsonMark   mark;

	Begin(&w, buffer, sizeof(buffer));
	JsonArrayBegin(&w, NULL);
	JsonInt(&w, NULL, 1);
	mark = JsonMarkHere(&w);
	JsonObjectBegin(&w, NULL);
	JsonText(&w, "long", "enough to have been flushed to the sink");
	assert_true(JsonRewind(&w, &mark));
	JsonInt(&w, NULL, 2);
	JsonArrayEnd(&w);
	assert_string_equal(Result(&w), "[1,2]");
	assert_int_equal(JsonPosition(&w), 5);
}

static void
a_sink_that_fails_is_remembered(void **state)
{
	char	   buffer[8];
	JsonWriter w;

	Begin(&w, buffer, sizeof(buffer));
	sink_limit = 10;
	JsonArrayBegin(&w, NULL);
	for (int i = 0; i < 100; i++)
		JsonInt(&w, NULL, i);
	JsonArrayEnd(&w);
	assert_true(w.failed);
	assert_false(JsonFlush(&w));
}

static void
too_deep_nesting_fails_and_breaks_nothing(void **state)
{
	char	   buffer[64];
	JsonWriter w;

	Begin(&w, buffer, sizeof(buffer));
	for (int i = 0; i < JSON_MAX_DEPTH + 5; i++)
		JsonArrayBegin(&w, NULL);
	assert_true(w.failed);
}

static void
times_are_rfc3339(void **state)
{
	char text[JSON_TIME_SIZE];

	JsonFormatTime(text, 0);
	assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
	JsonFormatTime(text, INT64_C(1771583400000000));
	assert_string_equal(text, "2026-02-20T10:30:00.000000Z");
	JsonFormatTime(text, INT64_C(1709164799999999));
	assert_string_equal(text, "2024-02-28T23:59:59.999999Z");
	JsonFormatTime(text, INT64_C(1709164800000000));
	assert_string_equal(text, "2024-02-29T00:00:00.000000Z");
	JsonFormatTime(text, -1);
	assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
	JsonFormatTime(text, INT64_MAX);
	assert_string_equal(text, "");
	JsonFormatTime(text, INT64_MIN);
	assert_string_equal(text, "");
}

static void
only_known_fields_are_written(void **state)
{
	static const Field fields[] = {{"i", FIELD_INT, NULL, true},
								   {"absent", FIELD_INT, NULL, false},
								   {"s", FIELD_TEXT, NULL, false},
								   {"t", FIELD_TIME, NULL, false},
								   FIELDS_END};
	Value			   values[3 + 1] = {{0}};
	char			   buffer[64];
	JsonWriter		   w;

	ValueSetInt(&values[0], 7);
	ValueSetText(&values[2], "x");
	ValueSetInt(&values[3], 0);
	Begin(&w, buffer, sizeof(buffer));
	JsonObjectBegin(&w, NULL);
	JsonFields(&w, fields, values);
	JsonObjectEnd(&w);
	assert_string_equal(Result(&w), "{\"i\":7,\"s\":\"x\",\"t\":\"1970-01-01T00:00:00.000000Z\"}");
	assert_int_equal(FieldIndex(fields, "s"), 2);
	assert_int_equal(FieldIndex(fields, "none"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_is_kept),
		cmocka_unit_test(quotes_and_control_characters_are_escaped),
		cmocka_unit_test(nul_becomes_the_replacement_character),
		cmocka_unit_test(valid_utf8_is_kept),
		cmocka_unit_test(invalid_utf8_becomes_replacement_characters),
		cmocka_unit_test(numbers_read_back_as_the_same),
		cmocka_unit_test(nan_and_infinity_are_null),
		cmocka_unit_test(nesting_needs_no_punctuation_from_the_caller),
		cmocka_unit_test(a_mark_can_be_returned_to),
		cmocka_unit_test(a_sink_that_fails_is_remembered),
		cmocka_unit_test(too_deep_nesting_fails_and_breaks_nothing),
		cmocka_unit_test(times_are_rfc3339),
		cmocka_unit_test(only_known_fields_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
