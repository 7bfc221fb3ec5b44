/*
 * push.c
 *		One batch: from the spool to the backend, and what its answer means.
 *
 * What the batch takes (its claim on the file, malloc'ed bodies) is kept in
 * one static struct: an error may leave this file in the middle, and the next
 * call begins by releasing what is left.
 */
#include "postgres.h"

#include <jansson.h>

#include "base/identity.h"
#include "base/settings.h"
#include "base/version.h"
#include "base/worker.h"
#include "deliver/delivery.h"
#include "deliver/endpoint.h"
#include "deliver/gzip.h"
#include "deliver/http.h"
#include "deliver/jwt.h"
#include "deliver/push.h"
#include "deliver/reply.h"
#include "deliver/token.h"
#include "spool/body.h"
#include "spool/spool.h"

#define PUSH_PATH "/api/v1/metrics/push"
#define EXCERPT_SIZE 200

static struct
{
	bool		claimed;		/* batch is to be released */
	SpoolBatch	batch;
	char	   *compressed;		/* malloc'ed, where the batch was plain */
	size_t		compressed_size;
	char	   *plain;			/* malloc'ed, where the batch was sealed */
	size_t		plain_size;
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

static bool
WorkBegin(uint64 sequence)
{
	WorkRelease();
	work.claimed = SpoolRead(sequence, &work.batch);
	return work.claimed;
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
	GzipResult	result;

	result = GzipCompress(work.batch.body, work.batch.body_size, Setting.compression_level,
						  WorkerCheckInterrupts);
	if (result.data == NULL)
		snprintf(error, error_size, "the batch could not be compressed: %s", result.error);
	work.compressed = result.data;
	work.compressed_size = result.size;
	return result.data != NULL;
}

/* The JSON of the batch in hand. */
static bool
WorkPlain(const char **body, size_t *size, char *error, size_t error_size)
{
	GzipResult	result;

	if (work.batch.sealed && work.plain == NULL)
	{
		result = GzipUncompress(work.batch.body, work.batch.body_size, work.batch.raw_size,
								WorkerCheckInterrupts);
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
	char		error[ERROR_TEXT_SIZE];
	bool		sealed = false;

	if (!WorkBegin(sequence))
		return false;
	if (work.batch.sealed)
		sealed = SpoolRemovePlain(sequence);
	else
		sealed = WorkCompress(error, sizeof(error)) &&
			SpoolSeal(&work.batch, work.compressed, work.compressed_size);
	WorkRelease();
	return sealed;
}

static bool
WorkBatchId(char *id, size_t id_size)
{
	char		prefix[BODY_ID_PREFIX];
	size_t		size;

	if (!work.batch.sealed)
		return BodyBatchId(work.batch.body, work.batch.body_size, id, id_size);
	size = GzipPeek(work.batch.body, work.batch.body_size, prefix, sizeof(prefix));
	return BodyBatchId(prefix, size, id, id_size);
}

/* ---- the request ---- */

/* Sends the batch in hand once.  False: not even tried, outcome says why. */
static bool
SendOnce(const char *batch_id, HttpReply *reply, PushOutcome *outcome)
{
	static char authorization[JWT_SIZE + 32];
	char		collector_id[COLLECTOR_ID_SIZE];
	char		idempotency_key[BATCH_ID_SIZE + 32];
	char		user_agent[128];
	char		url[URL_SIZE + sizeof(PUSH_PATH)];
	const char *token;
	HttpRequest request;
	int			count = 0;
	bool		ready;

	memset(&request, 0, sizeof(request));
	outcome->result = PUSH_FAILED;
	if (gzip_refused)
		ready = WorkPlain(&request.body, &request.body_size,
						  outcome->error, sizeof(outcome->error));
	else
		ready = WorkSealed(&request.body, &request.body_size,
						   outcome->error, sizeof(outcome->error));
	if (!ready)
		return false;

	/* a batch of an earlier collector id goes out under that id */
	if (!BodyCollectorId(batch_id, collector_id, sizeof(collector_id)))
		strlcpy(collector_id, CollectorId(), sizeof(collector_id));
	if (!TokenGet(collector_id, &token, outcome->error, sizeof(outcome->error)))
	{
		outcome->result = PUSH_UNUSABLE;
		return false;
	}

	(void) UrlJoin(&EndpointCurrent()->url, PUSH_PATH, url, sizeof(url));
	snprintf(idempotency_key, sizeof(idempotency_key), "Idempotency-Key: %s", batch_id);
	snprintf(user_agent, sizeof(user_agent), "User-Agent: pganalytics/%s (PostgreSQL %s)",
			 PGANALYTICS_VERSION, ServerVersion());
	request.url = url;
	request.headers[count++] = "Content-Type: application/json";
	request.headers[count++] = "Accept: application/json";
	request.headers[count++] = "Expect:";	/* do not wait for "100 Continue" */
	request.headers[count++] = user_agent;
	request.headers[count++] = idempotency_key;
	if (!gzip_refused)
		request.headers[count++] = "Content-Encoding: gzip";
	if (token)
	{
		snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", token);
		request.headers[count++] = authorization;
	}

	outcome->bytes_raw = work.batch.raw_size;
	outcome->bytes_sent = request.body_size;
	HttpPerform(&request, reply);
	explicit_bzero(authorization, sizeof(authorization));
	return true;
}

/* ---- the reply ---- */

/*
 * The "message" of a reply, made fit for the log.  A text that seems to repeat
 * our token is left out.
 */
static void
MessageOf(const HttpReply *reply, char *buffer, size_t size)
{
	json_t	   *root = NULL;
	const char *message = NULL;

	buffer[0] = '\0';
	if (reply->body_size > 0 && ReplyBodyIsOurs(reply->body, reply->body_size))
		root = json_loadb(reply->body, reply->body_size, 0, NULL);
	if (root != NULL)
		message = json_string_value(json_object_get(root, "message"));
	if (message != NULL && strstr(message, "eyJ") == NULL)
		ReplyExcerpt(buffer, size, message, EXCERPT_SIZE);
	json_decref(root);
}

static void
DescribeReply(const HttpReply *reply, const char *meaning, PushOutcome *outcome)
{
	char		message[EXCERPT_SIZE + 1];

	MessageOf(reply, message, sizeof(message));
	if (message[0])
		snprintf(outcome->error, sizeof(outcome->error), "the backend answered %d: %s (\"%s\")",
				 reply->status, meaning, message);
	else
		snprintf(outcome->error, sizeof(outcome->error), "the backend answered %d: %s",
				 reply->status, meaning);
}

static PushResult
Reject(const PushOutcome *outcome)
{
	SpoolReject(work.batch.sequence, outcome->error);
	return PUSH_REJECTED;
}

/* 413: two halves take the place of the batch in hand. */
static PushResult
SplitBatch(PushOutcome *outcome)
{
	uint64_t	sequences[2];
	BodyHalf	halves[2];
	const char *body;
	size_t		size;
	bool		kept;

	if (!WorkPlain(&body, &size, outcome->error, sizeof(outcome->error)))
		return Reject(outcome);

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
			snprintf(outcome->error, sizeof(outcome->error), "out of memory");
			return PUSH_FAILED;
	}

	kept = SpoolSplit(work.batch.sequence, sequences, halves);
	free(halves[0].body);
	free(halves[1].body);
	if (!kept)
	{
		strlcpy(outcome->error, "the batch is too large for the backend, and its halves "
				"could not be kept in the spool", sizeof(outcome->error));
		return PUSH_FAILED;
	}
	return PUSH_SPLIT;
}

/* What to do after a reply; *again: the same batch is to be sent once more. */
static PushResult
HandleReply(const HttpReply *reply, bool token_renewed, PushOutcome *outcome, bool *again)
{
	const ReplyRule *rule = ReplyRuleFor(reply->status);
	const char *meaning = rule->meaning;

	if (rule->action == REPLY_RENEW_TOKEN && !TokenIsRenewable())
		meaning = "it wants a token, set \"pganalytics.jwt_secret_file\"";
	DescribeReply(reply, meaning, outcome);
	switch (rule->action)
	{
		case REPLY_DELIVERED:
			if (!ReplyBodyIsOurs(reply->body, reply->body_size))
			{
				snprintf(outcome->error, sizeof(outcome->error),
						 "the answer (%d) does not come from a pgAnalytics backend: "
						 "check \"pganalytics.backend_url\"", reply->status);
				return PUSH_FAILED;
			}
			outcome->error[0] = '\0';
			/* in this order: who finds the spool empty finds the status up to date */
			DeliverySucceeded(outcome);
			SpoolDelivered(work.batch.sequence);
			return PUSH_DELIVERED;

		case REPLY_RENEW_TOKEN:
			if (TokenIsRenewable() && !token_renewed)
			{
				TokenForget();
				*again = true;
			}
			return PUSH_UNAUTHORIZED;

		case REPLY_FORBIDDEN:
			return PUSH_UNAUTHORIZED;

		case REPLY_SUSPECT:
			return PUSH_SUSPECT;

		case REPLY_SPLIT:
			return SplitBatch(outcome);

		case REPLY_SEND_PLAIN:
			if (gzip_refused)
				return Reject(outcome);
			gzip_refused = true;
			*again = true;
			return PUSH_FAILED;

		case REPLY_REJECTED:
			return Reject(outcome);

		case REPLY_NOT_A_BACKEND:
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
	char		batch_id[BATCH_ID_SIZE];
	bool		token_renewed = false;
	bool		again;

	memset(outcome, 0, sizeof(*outcome));
	if (!WorkBegin(sequence))
	{
		outcome->result = PUSH_GONE;
		return;
	}
	if (!WorkBatchId(batch_id, sizeof(batch_id)))
	{
		strlcpy(outcome->error, "its batch_id cannot be read", sizeof(outcome->error));
		outcome->result = Reject(outcome);
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
