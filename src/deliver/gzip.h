/*
 * gzip.h
 *		Compress and uncompress the body of a batch.
 *
 * Nothing here raises an error by itself; "poll" may (it is called between
 * chunks of GZIP_CHUNK bytes, so that a worker stays responsive while it
 * compresses 64 MB, and may exit the process).
 */
#ifndef GZIP_H
#define GZIP_H

#include "postgres.h"

typedef void (*GzipPoll)(void);

typedef struct GzipResult
{
	char	   *data; /* malloc'ed, NULL: failed */
	size_t		size;
	const char *error;	 /* a constant, why it failed */
	bool		damaged; /* it will fail for ever: the input is not what it should be */
} GzipResult;

extern GzipResult GzipCompress(const char *data, size_t size, int level, GzipPoll poll);

/* Exactly "expected" bytes must come out. */
extern GzipResult GzipUncompress(const char *data, size_t size, size_t expected, GzipPoll poll);

/* The first bytes of what is compressed, at most size; returns how many, 0: damaged, -1: no memory. */
extern ssize_t GzipPeek(const char *data, size_t data_size, char *buffer, size_t size);

#endif /* GZIP_H */
