/*
 * test_format.c
 *		The header of a batch file: what is written is read, what is damaged is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "spool/format.h"

static const BatchHeader sample = {
	.crc = 0xDEADBEEF,
	.sealed = true,
	.body_size = 1000,
	.raw_size = 12345678901,
	.sequence = UINT64_C(1771583400000000),
	.created_us = -5,
	.system_identifier = UINT64_MAX,
};

static void
what_is_written_is_read(void **state)
{
	uint8_t		bytes[BATCH_HEADER_SIZE];
	BatchHeader header;

	BatchHeaderEncode(&sample, bytes);
	assert_null(BatchHeaderDecode(bytes, sizeof(bytes), BATCH_HEADER_SIZE + 1000, &header));
	assert_int_equal(header.crc, sample.crc);
	assert_true(header.sealed);
	assert_int_equal(header.body_size, sample.body_size);
	assert_int_equal(header.raw_size, sample.raw_size);
	assert_int_equal(header.sequence, sample.sequence);
	assert_int_equal(header.created_us, sample.created_us);
	assert_int_equal(header.system_identifier, sample.system_identifier);
}

static void
the_layout_is_little_endian_and_fixed(void **state)
{
	uint8_t		bytes[BATCH_HEADER_SIZE];

	BatchHeaderEncode(&sample, bytes);
	assert_memory_equal(bytes, "PGAB", 4);
	assert_int_equal(bytes[4], 0xEF);
	assert_int_equal(bytes[8], 1);
	assert_int_equal(bytes[10], 64);
	assert_int_equal(bytes[12], 1);
	assert_int_equal(bytes[16], 1000 & 0xFF);
	assert_int_equal(bytes[63], 0);
}

static void
Refused(uint8_t *bytes, size_t len, uint64_t file_size)
{
	BatchHeader header;

	assert_non_null(BatchHeaderDecode(bytes, len, file_size, &header));
}

static void
a_short_file_is_refused(void **state)
{
	uint8_t		bytes[BATCH_HEADER_SIZE];

	BatchHeaderEncode(&sample, bytes);
	Refused(bytes, 0, 0);
	Refused(bytes, 63, 63);
	Refused(bytes, 64, 63);
}

static void
a_cut_or_grown_file_is_refused(void **state)
{
	uint8_t		bytes[BATCH_HEADER_SIZE];

	BatchHeaderEncode(&sample, bytes);
	Refused(bytes, 64, 64 + 999);
	Refused(bytes, 64, 64 + 1001);
}

static void
a_foreign_file_is_refused(void **state)
{
	uint8_t		bytes[BATCH_HEADER_SIZE];

	BatchHeaderEncode(&sample, bytes);
	bytes[0] = 'X';
	Refused(bytes, 64, 64 + 1000);
	memset(bytes, 0, sizeof(bytes));
	Refused(bytes, 64, 64);
}

static void
a_future_version_is_refused(void **state)
{
	uint8_t		bytes[BATCH_HEADER_SIZE];

	BatchHeaderEncode(&sample, bytes);
	bytes[8] = 2;
	Refused(bytes, 64, 64 + 1000);
	BatchHeaderEncode(&sample, bytes);
	bytes[12] = 2;				/* an unknown flag */
	Refused(bytes, 64, 64 + 1000);
	BatchHeaderEncode(&sample, bytes);
	bytes[10] = 72;				/* another header size */
	Refused(bytes, 64, 64 + 1000);
}

static void
sizes_of_a_plain_batch_must_agree(void **state)
{
	BatchHeader plain = sample;
	uint8_t		bytes[BATCH_HEADER_SIZE];
	BatchHeader header;

	plain.sealed = false;
	BatchHeaderEncode(&plain, bytes);
	Refused(bytes, 64, 64 + 1000);
	plain.raw_size = 1000;
	BatchHeaderEncode(&plain, bytes);
	assert_null(BatchHeaderDecode(bytes, 64, 64 + 1000, &header));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(the_layout_is_little_endian_and_fixed),
		cmocka_unit_test(a_short_file_is_refused),
		cmocka_unit_test(a_cut_or_grown_file_is_refused),
		cmocka_unit_test(a_foreign_file_is_refused),
		cmocka_unit_test(a_future_version_is_refused),
		cmocka_unit_test(sizes_of_a_plain_batch_must_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
