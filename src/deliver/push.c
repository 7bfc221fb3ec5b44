/*
 * push.c
 *		One batch: from the spool to the backend, and what its answer means.
 *
 * What the batch takes (its claim on the file, malloc'ed bodies) is kept in
 * one static struct: an error may leave this file in the middle, and the next
 * call begins by releasing what is left.
 */
#include "postgres.h"

#include "base/identity.h"
#include "base/settings.h"
#include "base/worker.h"
#include "deliver/delivery.h"
#include "deliver/endpoint.h"
#include "deliver/gzip.h"
#include "deliver/pull.h"
#include "deliver/push.h"
#include "deliver/reply.h"
#include "deliver/request.h"
#include "deliver/token.h"
#include "spool/body.h"
#include "spool/spool.h"

#define PUSH_PATH "/api/v1/metrics/push"

static struct
{
	bool	   claimed; /* batch is to be released */
	SpoolBatch batch;
	char	  *compressed; /* malloc'ed, where the batch was plain */
	size_t	   compressed_size;
	char	  *plain; /* malloc'ed, where the batch was sealed */
	size_t	   plain_size;
} work;

/* The backend has answered 415: gzip is not understood there. */
static bool gzip_refused = false;

static void
WorkRelease(void)
{
	free(work.compressed);
	free(work.plain);
	if (work.claimed)
		SpoolRelease(&work.batch);
	memset(&work, 0, sizeof(work));
}

static SpoolReadResult
WorkBegin(uint64 sequence)
{
	SpoolReadResult result;

	WorkRelease();
	result = SpoolRead(sequence, &work.batch);
	work.claimed = result == SPOOL_READ;
	return result;
}

void
PushReset(void)
{
	gzip_refused = false;
}

/* ---- bodies ---- */

static bool
WorkCompress(char *error, size_t error_size)
{
	GzipResult result;

	result = GzipCompress(work.batch.body, work.batch.body_size, Setting.compression_level,
						  WorkerCheckInterrupts);
	if (result.data == NULL)
		snprintf(error, error_size, "the batch could not be compressed: %s", result.error);
	work.compressed = result.data;
	work.compressed_size = result.size;
	return result.data != NULL;
}

/* The JSON of the batch in hand; *damaged: there will never be any. */
static bool
WorkPlain(const char **body, size_t *size, bool *damaged, char *error, size_t error_size)
{
	GzipResult result;

	*damaged = false;
	if (work.batch.sealed && work.plain == NULL)
	{
		result = GzipUncompress(work.batch.body, work.batch.body_size, work.batch.raw_size,
								WorkerCheckInterrupts);
		*damaged = result.damaged;
		if (result.data == NULL)
		{
			snprintf(error, error_size, "the batch could not be uncompressed: %s", result.error);
			return false;
		}
		work.plain = result.data;
		work.plain_size = result.size;
	}
	*body = work.batch.sealed ? work.plain : work.batch.body;
	*size = work.batch.sealed ? work.plain_size : work.batch.body_size;
	return true;
}

/* The compressed form, as it is on disk or will be. */
static bool
WorkSealed(const char **body, size_t *size, char *error, size_t error_size)
{
	if (!work.batch.sealed && work.compressed == NULL)
	{
		if (!WorkCompress(error, error_size))
			return false;
		/* a full disk does not keep it from being sent */
		(void) SpoolSeal(&work.batch, work.compressed, work.compressed_size);
	}
	*body = work.batch.sealed ? work.batch.body : work.compressed;
	*size = work.batch.sealed ? work.batch.body_size : work.compressed_size;
	return true;
}

bool
PushSeal(uint64 sequence)
{
	char error[ERROR_TEXT_SIZE];
	bool sealed = false;

	switch (WorkBegin(sequence))
	{
		case SPOOL_READ:
			break;
		case SPOOL_GONE:
			return true; /* evicted meanwhile */
		case SPOOL_UNREADABLE:
			return false;
	}
	if (work.batch.sealed)
		sealed = SpoolRemovePlain(sequence);
	else
		sealed = WorkCompress(error, sizeof(error)) &&
			SpoolSeal(&work.batch, work.compressed, work.compressed_size);
	WorkRelease();
	return sealed;
}

/* *damaged: it has none. */
static bool
WorkBatchId(char *id, size_t id_size, bool *damaged, char *error, size_t error_size)
{
	char		prefix[BODY_ID_PREFIX];
	const char *body = work.batch.body;
	ssize_t		size = work.batch.body_size;

	*damaged = false;
	if (work.batch.sealed)
	{
		body = prefix;
		size = GzipPeek(work.batch.body, work.batch.body_size, prefix, sizeof(prefix));
	}
	if (size >= 0 && BodyBatchId(body, size, id, id_size))
		return true;
	*damaged = size >= 0;
	snprintf(error, error_size, "its batch_id cannot be read%s", *damaged ? "" : ": out of memory");
	return false;
}

/* ---- what cannot be sent ---- */

static PushResult
Reject(const PushOutcome *outcome)
{
	return SpoolReject(work.batch.sequence, outcome->error) ? PUSH_REJECTED : PUSH_POSTPONED;
}

/* Only what is damaged for good is rejected; memory will be there again. */
static PushResult
GiveUp(bool damaged, const PushOutcome *outcome)
{
	return damaged ? Reject(outcome) : PUSH_POSTPONED;
}

/* ---- the token ---- */

/* What it means for the batch; PUSH_DELIVERED where nothing is in the way. */
static PushResult
ResultOf(TokenResult result)
{
	switch (result)
	{
		case TOKEN_READY:
			return PUSH_DELIVERED;
		case TOKEN_UNUSABLE:
			return PUSH_UNUSABLE;
		case TOKEN_REFUSED:
			return PUSH_UNAUTHORIZED;
		case TOKEN_INTERRUPTED:
			return PUSH_INTERRUPTED;
		case TOKEN_FAILED:
			break;
	}
	return PUSH_FAILED;
}

static void
TakeFailure(const RequestFailure *failure, PushOutcome *outcome)
{
	outcome->status = failure->status;
	outcome->retry_after_s = failure->retry_after_s;
	strlcpy(outcome->error, failure->error, sizeof(outcome->error));
}

/* 401: gets another token, if there is a way to. */
static PushResult
RenewToken(PushOutcome *outcome, bool *again)
{
	RequestFailure failure;
	PushResult	   result;

	result = ResultOf(TokenRenew(&failure));
	*again = result == PUSH_DELIVERED;
	if (*again)
		return PUSH_UNAUTHORIZED;
	TakeFailure(&failure, outcome);
	return result;
}

/* ---- the request ---- */

/* Sends the batch in hand once.  False: not even tried, outcome says why. */
static bool
SendOnce(const char *batch_id, HttpReply *reply, PushOutcome *outcome)
{
	static Request request;
	RequestFailure failure;
	char		   collector_id[COLLECTOR_ID_SIZE];
	char		   idempotency_key[BATCH_ID_SIZE + 32];
	const char	  *token;
	const char	  *body;
	size_t		   body_size;
	bool		   damaged = false;
	bool		   ready;

	if (gzip_refused)
		ready = WorkPlain(&body, &body_size, &damaged, outcome->error, sizeof(outcome->error));
	else
		ready = WorkSealed(&body, &body_size, outcome->error, sizeof(outcome->error));
	if (!ready)
	{
		outcome->result = GiveUp(damaged, outcome);
		return false;
	}

	/* a batch of an earlier collector id goes out under that id */
	if (!BodyCollectorId(batch_id, collector_id, sizeof(collector_id)))
		strlcpy(collector_id, CollectorId(), sizeof(collector_id));
	outcome->result = ResultOf(TokenGet(collector_id, &token, &failure));
	if (outcome->result != PUSH_DELIVERED)
	{
		TakeFailure(&failure, outcome);
		return false;
	}

	RequestBegin(&request, PUSH_PATH);
	snprintf(idempotency_key, sizeof(idempotency_key), "Idempotency-Key: %s", batch_id);
	RequestHeader(&request, "Content-Type: application/json");
	RequestHeader(&request, idempotency_key);
	if (!gzip_refused)
		RequestHeader(&request, "Content-Encoding: gzip");
	RequestAuthorize(&request, token);
	request.http.body = body;
	request.http.body_size = body_size;

	outcome->bytes_raw = work.batch.raw_size;
	outcome->bytes_sent = body_size;
	RequestPerform(&request, reply);
	return true;
}

/* ---- the reply ---- */

/* 413: two halves take the place of the batch in hand. */
static PushResult
SplitBatch(PushOutcome *outcome)
{
	uint64_t	sequences[2];
	BodyHalf	halves[2];
	const char *body;
	size_t		size;
	bool		damaged;
	bool		kept;

	if (!WorkPlain(&body, &size, &damaged, outcome->error, sizeof(outcome->error)))
		return GiveUp(damaged, outcome);

	sequences[0] = SpoolNextSequence();
	sequences[1] = SpoolNextSequence();
	switch (BodySplit(body, size, sequences, halves))
	{
		case BODY_SPLIT:
			break;
		case BODY_ONE_METRIC:
		case BODY_DAMAGED:
			return Reject(outcome);
		case BODY_NO_MEMORY:
			strlcpy(outcome->error, "the batch is too large for the backend, and memory is short",
					sizeof(outcome->error));
			return PUSH_POSTPONED;
	}

	kept = SpoolSplit(work.batch.sequence, sequences, halves);
	free(halves[0].body);
	free(halves[1].body);
	if (!kept)
	{
		strlcpy(outcome->error,
				"the batch is too large for the backend, and its halves "
				"could not be kept in the spool",
				sizeof(outcome->error));
		return PUSH_POSTPONED; /* what is sent meanwhile makes room */
	}
	return PUSH_SPLIT;
}

/* What to do after a reply; *again: the same batch is to be sent once more. */
static PushResult
HandleReply(const HttpReply *reply, bool token_renewed, PushOutcome *outcome, bool *again)
{
	const ReplyRule *rule = ReplyRuleFor(reply->status);
	const char		*meaning = rule->meaning;

	if (rule->action == REPLY_RENEW_TOKEN)
		meaning = TokenMeaningOfRefusal(reply->clock_ahead_s);
	ReplyDescribe(reply, meaning, outcome->error, sizeof(outcome->error));
	switch (rule->action)
	{
		case REPLY_DELIVERED:
			if (!ReplyBodyIsOurs(reply->body, reply->body_size))
			{
				snprintf(outcome->error, sizeof(outcome->error),
						 "the answer (%d) does not come from a pgAnalytics backend: "
						 "check \"pganalytics.backend_url\"",
						 reply->status);
				return PUSH_FAILED;
			}
			outcome->error[0] = '\0';
			/* in this order: who finds the spool empty finds the status up to date */
			DeliverySucceeded(outcome);
			PullNoteReply(reply);
			SpoolDelivered(work.batch.sequence);
			return PUSH_DELIVERED;

		case REPLY_RENEW_TOKEN:
			return TokenIsRenewable() && !token_renewed ? RenewToken(outcome, again) :
														  PUSH_UNAUTHORIZED;

		case REPLY_FORBIDDEN:
			return PUSH_UNAUTHORIZED;

		case REPLY_SUSPECT:
			return PUSH_SUSPECT;

		case REPLY_SPLIT:
			return SplitBatch(outcome);

		case REPLY_SEND_PLAIN:
			if (gzip_refused)
				return PUSH_ASTRAY; /* nor plain */
			gzip_refused = true;
			*again = true;
			return PUSH_FAILED;

		case REPLY_ASTRAY:
			return PUSH_ASTRAY;

		case REPLY_REJECTED:
			if (ReplyTlsPage(reply))
				break; /* of a server in front of the backend, which has not seen the batch */
			return ReplyBodyIsOurs(reply->body, reply->body_size) ? Reject(outcome) : PUSH_ASTRAY;

		case REPLY_RETRY:
		case REPLY_REDIRECTED:
			break;
	}
	return PUSH_FAILED;
}

void
PushBatch(uint64 sequence, PushOutcome *outcome)
{
	static HttpReply reply;
	char			 batch_id[BATCH_ID_SIZE];
	bool			 token_renewed = false;
	bool			 damaged;
	bool			 again;

	memset(outcome, 0, sizeof(*outcome));
	switch (WorkBegin(sequence))
	{
		case SPOOL_READ:
			break;
		case SPOOL_GONE:
			outcome->result = PUSH_GONE;
			return;
		case SPOOL_UNREADABLE:
			strlcpy(outcome->error, "a batch in the spool cannot be read", sizeof(outcome->error));
			outcome->result = PUSH_POSTPONED;
			return;
	}
	if (!WorkBatchId(batch_id, sizeof(batch_id), &damaged, outcome->error, sizeof(outcome->error)))
	{
		outcome->result = GiveUp(damaged, outcome);
		WorkRelease();
		return;
	}

	do
	{
		again = false;
		if (!SendOnce(batch_id, &reply, outcome))
			break;
		outcome->status = reply.status;
		outcome->retry_after_s = reply.retry_after_s;
		strlcpy(outcome->tls_version, reply.tls_version, sizeof(outcome->tls_version));
		if (reply.interrupted)
			outcome->result = PUSH_INTERRUPTED;
		else if (reply.status == 0)
		{
			strlcpy(outcome->error, reply.error, sizeof(outcome->error));
			outcome->result = PUSH_FAILED;
		}
		else
		{
			outcome->result = HandleReply(&reply, token_renewed, outcome, &again);
			token_renewed |= reply.status == 401;
		}
	} while (again);
	WorkRelease();
}
