/*
 * push.h
 *		One batch: from the spool to the backend, and what its answer means.
 */
#ifndef PUSH_H
#define PUSH_H

#include "postgres.h"

#include "base/shared.h"

typedef enum PushResult
{
	PUSH_DELIVERED,	   /* it is the backend's now */
	PUSH_REJECTED,	   /* the backend does not want it; moved to rejected/ */
	PUSH_ASTRAY,	   /* kept: refused, but perhaps not by the backend */
	PUSH_SPLIT,		   /* replaced by two smaller ones */
	PUSH_GONE,		   /* evicted, or damaged and moved away by the spool */
	PUSH_POSTPONED,	   /* kept: cannot be read, moved away or split now; others can be sent */
	PUSH_SUSPECT,	   /* kept: the backend failed, perhaps because of this batch */
	PUSH_FAILED,	   /* kept: back off */
	PUSH_UNAUTHORIZED, /* kept: back off */
	PUSH_UNUSABLE,	   /* kept: the secret file cannot be used any more */
	PUSH_INTERRUPTED   /* kept: the settings have changed */
} PushResult;

typedef struct PushOutcome
{
	PushResult result;
	int		   status;		  /* of the reply, 0: there was none */
	int		   retry_after_s; /* 0: not asked for */
	int64	   bytes_raw;
	int64	   bytes_sent;
	char	   tls_version[16];
	char	   error[ERROR_TEXT_SIZE]; /* "" where all went well */
} PushOutcome;

/* Sends a batch; a delivered, rejected or split one has left its place in the spool. */
extern void PushBatch(uint64 sequence, PushOutcome *outcome);

/* Compresses a plain batch into its final file.  False: it is there, but this cannot be done now. */
extern bool PushSeal(uint64 sequence);

/* Gives gzip another chance, after a reload. */
extern void PushReset(void);

#endif /* PUSH_H */
