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
	.log =
		{
			.device = 64769,
			.inode = 1234567,
			.offset = UINT64_C(98765432109),
			.inside = INSIDE_QUOTES,
			.start_hash = UINT64_C(0xFEDCBA9876543210),
			.start_len = 1024,
			.last_us = INT64_C(1771583399000000),
		},
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
	assert_int_equal(header.log.device, sample.log.device);
	assert_int_equal(header.log.inode, sample.log.inode);
	assert_int_equal(header.log.offset, sample.log.offset);
	assert_int_equal(header.log.inside, INSIDE_QUOTES);
	assert_int_equal(header.log.start_hash, sample.log.start_hash);
	assert_int_equal(header.log.start_len, sample.log.start_len);
	assert_int_equal(header.log.last_us, sample.log.last_us);
}

static void
the_layout_is_little_endian_and_fixed(void **state)
{
	uint8_t bytes[BATCH_HEADER_SIZE];

	BatchHeaderEncode(&sample, bytes);
	assert_memory_equal(bytes, "PGAB", 4);
	assert_int_equal(bytes[4], 0xEF);
	assert_int_equal(bytes[8], 2);
	assert_int_equal(bytes[10], 112);
	assert_int_equal(bytes[12], 1);
	assert_int_equal(bytes[16], 1000 & 0xFF);
	assert_int_equal(bytes[56], 64769 & 0xFF);
	assert_int_equal(bytes[111], 0);
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
	uint8_t bytes[BATCH_HEADER_SIZE];

	BatchHeaderEncode(&sample, bytes);
	Refused(bytes, 0, 0);
	Refused(bytes, 111, 111);
	Refused(bytes, 112, 111);
}

static void
a_cut_or_grown_file_is_refused(void **state)
{
	uint8_t bytes[BATCH_HEADER_SIZE];

	BatchHeaderEncode(&sample, bytes);
	Refused(bytes, 112, 112 + 999);
	Refused(bytes, 112, 112 + 1001);
}

static void
a_foreign_file_is_refused(void **state)
{
	uint8_t bytes[BATCH_HEADER_SIZE];

	BatchHeaderEncode(&sample, bytes);
	bytes[0] = 'X';
	Refused(bytes, 112, 112 + 1000);
	memset(bytes, 0, sizeof(bytes));
	Refused(bytes, 112, 112);
}

static void
a_future_version_is_refused(void **state)
{
	uint8_t bytes[BATCH_HEADER_SIZE];

	BatchHeaderEncode(&sample, bytes);
	bytes[8] = 3;
	Refused(bytes, 112, 112 + 1000);
	BatchHeaderEncode(&sample, bytes);
	bytes[12] = 2; /* an unknown flag */
	Refused(bytes, 112, 112 + 1000);
	BatchHeaderEncode(&sample, bytes);
	bytes[10] = 72; /* another header size */
	Refused(bytes, 112, 112 + 1000);
}

static void
sizes_of_a_plain_batch_must_agree(void **state)
{
	BatchHeader plain = sample;
	uint8_t		bytes[BATCH_HEADER_SIZE];
	BatchHeader header;

	plain.sealed = false;
	BatchHeaderEncode(&plain, bytes);
	Refused(bytes, 112, 112 + 1000);
	plain.raw_size = 1000;
	BatchHeaderEncode(&plain, bytes);
	assert_null(BatchHeaderDecode(bytes, 112, 112 + 1000, &header));
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
