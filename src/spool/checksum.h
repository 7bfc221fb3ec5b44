/*
 * checksum.h
 *		The checksum of a batch file: its body, then what the header says of it.
 */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include "postgres.h"

#include "port/pg_crc32c.h"

#include "spool/format.h"

/* Completes the checksum of a body with the header that precedes it in the file. */
static inline uint32
ChecksumWithHeader(pg_crc32c of_body, const uint8 *header)
{
	COMP_CRC32C(of_body, header + BATCH_CRC_FROM, BATCH_HEADER_SIZE - BATCH_CRC_FROM);
	FIN_CRC32C(of_body);
	return of_body;
}

#endif /* CHECKSUM_H */
