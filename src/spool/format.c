/*
 * format.c
 *		The header of a batch file.
 *
 *	 0 u32 magic "PGAB"		 4 u32 CRC-32C
 *	 8 u16 version			10 u16 header size	12 u32 flags (1: sealed)
 *	16 u64 body size		24 u64 raw size		32 u64 sequence
 *	40 i64 created, µs		48 u64 system identifier
 *	56 u64 device			64 u64 inode		72 u64 offset of the server log
 *	80 u64 hash of its start	88 u32 length of that	92 u32 LogInside
 *	96 i64 time of its last entry, µs				   104 u64 reserved, zero
 */
#include "spool/format.h"

#include <string.h>

#define MAGIC UINT32_C(0x42414750) /* "PGAB" */
#define FLAG_SEALED UINT32_C(1)

static void
PutNumber(uint8_t *bytes, uint64_t value, int size)
{
	for (int i = 0; i < size; i++)
		bytes[i] = (uint8_t) (value >> (8 * i));
}

static uint64_t
GetNumber(const uint8_t *bytes, int size)
{
	uint64_t value = 0;

	for (int i = 0; i < size; i++)
		value |= (uint64_t) bytes[i] << (8 * i);
	return value;
}

void
BatchHeaderEncode(const BatchHeader *header, uint8_t bytes[BATCH_HEADER_SIZE])
{
	memset(bytes, 0, BATCH_HEADER_SIZE);
	PutNumber(bytes, MAGIC, 4);
	PutNumber(bytes + 4, header->crc, 4);
	PutNumber(bytes + 8, BATCH_VERSION, 2);
	PutNumber(bytes + 10, BATCH_HEADER_SIZE, 2);
	PutNumber(bytes + 12, header->sealed ? FLAG_SEALED : 0, 4);
	PutNumber(bytes + 16, header->body_size, 8);
	PutNumber(bytes + 24, header->raw_size, 8);
	PutNumber(bytes + 32, header->sequence, 8);
	PutNumber(bytes + 40, (uint64_t) header->created_us, 8);
	PutNumber(bytes + 48, header->system_identifier, 8);
	PutNumber(bytes + 56, header->log.device, 8);
	PutNumber(bytes + 64, header->log.inode, 8);
	PutNumber(bytes + 72, header->log.offset, 8);
	PutNumber(bytes + 80, header->log.start_hash, 8);
	PutNumber(bytes + 88, header->log.start_len, 4);
	PutNumber(bytes + 92, header->log.inside, 4);
	PutNumber(bytes + 96, (uint64_t) header->log.last_us, 8);
}

const char *
BatchHeaderDecode(const uint8_t *bytes, size_t len, uint64_t file_size, BatchHeader *header)
{
	uint64_t flags;

	if (len < BATCH_HEADER_SIZE || file_size < BATCH_HEADER_SIZE)
		return "it is shorter than a header";
	if (GetNumber(bytes, 4) != MAGIC)
		return "it is no batch";
	if (GetNumber(bytes + 8, 2) != BATCH_VERSION)
		return "its version is not known";
	if (GetNumber(bytes + 10, 2) != BATCH_HEADER_SIZE)
		return "its header has a wrong size";
	flags = GetNumber(bytes + 12, 4);
	if (flags & ~(uint64_t) FLAG_SEALED)
		return "its flags are not known";

	header->crc = (uint32_t) GetNumber(bytes + 4, 4);
	header->sealed = (flags & FLAG_SEALED) != 0;
	header->body_size = GetNumber(bytes + 16, 8);
	header->raw_size = GetNumber(bytes + 24, 8);
	header->sequence = GetNumber(bytes + 32, 8);
	header->created_us = (int64_t) GetNumber(bytes + 40, 8);
	header->system_identifier = GetNumber(bytes + 48, 8);
	header->log.device = GetNumber(bytes + 56, 8);
	header->log.inode = GetNumber(bytes + 64, 8);
	header->log.offset = GetNumber(bytes + 72, 8);
	header->log.start_hash = GetNumber(bytes + 80, 8);
	header->log.start_len = (uint32_t) GetNumber(bytes + 88, 4);
	header->log.inside = (LogInside) GetNumber(bytes + 92, 4);
	header->log.last_us = (int64_t) GetNumber(bytes + 96, 8);
	header->log.path[0] = '\0';

	if (header->body_size != file_size - BATCH_HEADER_SIZE)
		return "it is cut off";
	if (!header->sealed && header->raw_size != header->body_size)
		return "its sizes contradict each other";
	return NULL;
}
