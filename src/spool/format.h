/*
 * format.h
 *		The file format of a batch: a header of 112 bytes, then the body.
 *
 * All numbers are little-endian.  The checksum covers the body and then the
 * header from its version on; magic and checksum themselves stand outside, so
 * that a file of another kind is told from a damaged one.  Pure C.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BATCH_HEADER_SIZE 112
#define BATCH_CRC_FROM 8 /* first byte of the header that the checksum covers */
#define BATCH_VERSION 2

/* Is the first byte that was not read inside an entry of the log which was cut? */
typedef enum LogInside
{
	INSIDE_NONE,
	INSIDE_LINE,  /* the entry ends with the line */
	INSIDE_QUOTES /* of csvlog: the line may end, and the entry goes on */
} LogInside;

/* How far the server log has been read. */
typedef struct LogPosition
{
	uint64_t  device;
	uint64_t  inode;  /* 0: no position */
	uint64_t  offset; /* of the first byte that was not read */
	LogInside inside;
	uint64_t  start_hash; /* of the file's first bytes, to know it again */
	uint32_t  start_len;  /* how many they are */
	int64_t	  last_us;	  /* time of the last entry, 0: unknown */
	char	  path[1024]; /* where the file was last seen; not in the header */
} LogPosition;

typedef struct BatchHeader
{
	uint32_t	crc;	/* CRC-32C */
	bool		sealed; /* the body is gzip */
	uint64_t	body_size;
	uint64_t	raw_size; /* of the JSON */
	uint64_t	sequence;
	int64_t		created_us; /* since 1970-01-01 UTC */
	uint64_t	system_identifier;
	LogPosition log; /* behind the entries of the log in this batch and those before */
} BatchHeader;

extern void BatchHeaderEncode(const BatchHeader *header, uint8_t bytes[BATCH_HEADER_SIZE]);

/*
 * Decodes the first bytes of a file of file_size bytes.  Returns NULL or what
 * is wrong; the checksum is left to the caller, who has the body.
 */
extern const char *BatchHeaderDecode(const uint8_t *bytes, size_t len, uint64_t file_size,
									 BatchHeader *header);

#endif /* FORMAT_H */
