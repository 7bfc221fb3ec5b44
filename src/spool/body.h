/*
 * body.h
 *		The lines of a batch's body, read without parsing its JSON.
 *
 * A body is a head of two lines, one metric a line, and a tail of two lines;
 * see README.md.  Pure C.
 */
#ifndef BODY_H
#define BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* of a batch_id: a collector id, a slash, a sequence number */
#define BATCH_ID_SIZE 320

/* That much of the beginning of a body always holds the batch_id. */
#define BODY_ID_PREFIX 2048

/*
 * The batch_id in the first line; size bytes of the body are enough if they
 * hold that line.  False: this is no body of ours, or the id cannot be used
 * as the value of a header.
 */
extern bool BodyBatchId(const char *body, size_t size, char *id, size_t id_size);

/* The part of a batch_id before its last slash.  False: there is none, or no room. */
extern bool BodyCollectorId(const char *batch_id, char *id, size_t id_size);

typedef enum BodySplitResult
{
	BODY_SPLIT,
	BODY_ONE_METRIC, /* cannot be made smaller */
	BODY_DAMAGED,	 /* not the lines we write */
	BODY_NO_MEMORY
} BodySplitResult;

/* malloc'ed */
typedef struct BodyHalf
{
	char  *body;
	size_t size;
} BodyHalf;

/*
 * Cuts a body in two of about the same size.  The halves are batches of the same
 * collector id with these sequence numbers; errors that the batch reports stay
 * with the first.  The caller frees both bodies after BODY_SPLIT.
 */
extern BodySplitResult BodySplit(const char *body, size_t size, const uint64_t sequences[2],
								 BodyHalf halves[2]);

#endif /* BODY_H */
