/*
 * fuzz_spool_header.c
 *		Any bytes as the header of a batch's file.
 */
#include "fuzz.h"
#include "spool/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t		encoded[BATCH_HEADER_SIZE];
	char	   *copy = CopyInput(data, size);
	BatchHeader header;
	BatchHeader again;

	if (BatchHeaderDecode((uint8_t *) copy, size, size, &header) == NULL)
	{
		Require(header.body_size == size - BATCH_HEADER_SIZE);
		Require(header.sealed || header.raw_size == header.body_size);
		BatchHeaderEncode(&header, encoded);
		Require(BatchHeaderDecode(encoded, sizeof(encoded), size, &again) == NULL);
		Require(memcmp(encoded, copy, 56) == 0); /* what follows is reserved */
		Require(again.crc == header.crc && again.sequence == header.sequence);
	}
	free(copy);
	return 0;
}
