/*
 * pull.c
 *		The remote configuration: when to look for it, and what comes of it.
 *
 * It is looked for when the sender starts, every "config_pull_interval", when
 * the reply to a batch announces a newer version, and when somebody calls
 * pganalytics_pull_config().  What is in force stays so until the backend gives
 * something else that is good, or says that there is nothing (404).
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "utils/timestamp.h"

#include "base/backoff.h"
#include "base/inforce.h"
#include "base/problem.h"
#include "base/settings.h"
#include "base/statefile.h"
#include "base/unixtime.h"
#include "deliver/document.h"
#include "deliver/endpoint.h"
#include "deliver/json_reply.h"
#include "deliver/pull.h"
#include "deliver/reply.h"
#include "deliver/request.h"
#include "deliver/token.h"

#define CONFIG_PATH "/api/v1/config/"

/* Codes of PROBLEM_CONFIG */
#define CONFIG_REFUSED 1
#define CONFIG_UNREACHABLE 2

/* Announcements are followed after so long, however fast they come. */
#define ANNOUNCED_PAUSE_MS 1000

/* Fewer failures in a row are nobody's business. */
#define FAILURES_TO_TELL 3

/* Times are by MonotonicMs(). */
static struct
{
	int64 next_at;	  /* by config_pull_interval */
	int64 retry_at;	  /* after a failure, 0: none */
	int	  failures;	  /* in a row */
	int64 began_at;	  /* the last look */
	bool  accepted;	  /* a batch was, since they began */
	int64 announced;  /* newest version that a reply spoke of, -1: none */
	int64 looked_for; /* the one that has been looked for already */
	int64 not_before; /* that an announcement is followed */
} pull = {.announced = -1, .looked_for = -1};

/* ---- when ---- */

void
PullNoteReply(const HttpReply *reply)
{
	const char	 *trouble;
	const json_t *version;
	json_t		 *root;

	pull.accepted = true;
	if (strstr(reply->body, "next_config_version") == NULL)
		return;
	root = JsonReplyParse(reply->body, reply->body_size, &trouble);
	version = json_object_get(root, "next_config_version");
	if (json_is_integer(version))
		pull.announced = json_integer_value(version);
	json_decref(root);
}

static bool
NewerIsAnnounced(void)
{
	const RemoteConfig *config = RemoteInForce();

	/* once: what is refused, or is not there after all, is not asked for with each batch */
	return pull.announced != pull.looked_for && pull.announced > (config ? config->version : -1);
}

int64
PullDue(void)
{
	if (!Setting.remote_config)
		return PG_INT64_MAX;
	if (pull.retry_at != 0)
		return pull.retry_at;
	if (NewerIsAnnounced())
		return pull.not_before;
	return Setting.config_pull_interval_s > 0 ? pull.next_at : PG_INT64_MAX;
}

static void
ScheduleNext(void)
{
	pull.failures = 0;
	pull.retry_at = 0;
	pull.looked_for = pull.announced;
	pull.not_before = MonotonicMs() + ANNOUNCED_PAUSE_MS;
	pull.next_at = MonotonicMs() + (int64) Setting.config_pull_interval_s * 1000;
}

/* ---- what is told ---- */

static void
Tell(const char *error, bool answered)
{
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	SharedCopyText(Shared->remote.last_error, sizeof(Shared->remote.last_error), error);
	if (answered)
		Shared->remote.pulled_at = GetCurrentTimestamp();
	LWLockRelease(Shared->lock);
}

void
PullReset(int64 now)
{
	pull.next_at = now;
	pull.retry_at = 0;
	pull.failures = 0;
	if (Setting.remote_config && BackendIsWanted())
		return;
	/* whatever was wrong with what the backend gives, nobody asks for it any more */
	Tell("", false);
	if (Shared->problems[PROBLEM_CONFIG].code != 0)
		ProblemForget(PROBLEM_CONFIG);
}

static void
Failed(int retry_after_s, const char *error)
{
	int delay_ms;

	if (pull.failures++ == 0)
		pull.accepted = false;
	delay_ms = retry_after_s > 0 ?
		retry_after_s * 1000 :
		BackoffDelay(pull.failures, pg_prng_double(&pg_global_prng_state));
	/* one that hangs until it times out must not keep batches waiting most of the time */
	pull.retry_at = MonotonicMs() + Max(delay_ms, 2 * (MonotonicMs() - pull.began_at));
	Tell(error, false);
	/* a backend that is away altogether is delivery's to tell */
	if (pull.failures >= FAILURES_TO_TELL && pull.accepted)
		ProblemSet(PROBLEM_CONFIG, CONFIG_UNREACHABLE,
				   "the remote configuration cannot be had: %s; what was in force stays so", error);
}

static void
Refused(const char *error)
{
	const RemoteConfig *config = RemoteInForce();

	ScheduleNext();
	Tell(error, false);
	if (config)
		ProblemSet(PROBLEM_CONFIG, CONFIG_REFUSED,
				   "%s; version " INT64_FORMAT " stays in force; correct it at the backend", error,
				   config->version);
	else
		ProblemSet(PROBLEM_CONFIG, CONFIG_REFUSED,
				   "%s; the local settings stay in force; correct it at the backend", error);
}

static void
Succeeded(void)
{
	ScheduleNext();
	Tell("", true);
	ProblemClear(PROBLEM_CONFIG);
}

/* ---- what comes of it ---- */

/* Whose document an ETag is of: it means nothing to another backend. */
static void
CurrentSource(char *source, size_t size)
{
	snprintf(source, size, "%s %s", TokenCollectorId(), EndpointCurrent()->url.base);
}

static bool
IsPlain(const char *text)
{
	for (; *text; text++)
	{
		if (*text <= ' ' || *text > '~')
			return false;
	}
	return true;
}

/* The configuration is in force even if it cannot be kept. */
static void
Keep(const RemoteConfig *config)
{
	static char text[REMOTE_TEXT_SIZE];
	char		error[ERROR_TEXT_SIZE];
	size_t		size = RemoteFormat(config, text, sizeof(text));

	if (size > 0 && StateFileWrite(REMOTE_FILE, text, size, error, sizeof(error)))
		return;
	ereport(LOG,
			(errmsg("pganalytics: the remote configuration will be lost by a restart: %s",
					size > 0 ? error : "it is too long")));
}

static void
Accept(const HttpReply *reply, char *error, size_t error_size)
{
	static RemoteConfig config;
	DocumentLimits		limits;
	char				why[DOCUMENT_ERROR_SIZE];

	for (int i = 0; i < NUM_COLLECTORS; i++)
		limits.floor_s[i] = CollectorIntervalFloor(i);
	if (!DocumentParse(reply->body, reply->body_size, reply->config_version, &limits, &config, why))
	{
		snprintf(error, error_size, "the remote configuration is refused: %s", why);
		Refused(error);
		return;
	}
	config.pulled_us = UnixMicroseconds(GetCurrentTimestamp());
	if (IsPlain(reply->etag))
		strlcpy(config.etag, reply->etag, sizeof(config.etag));
	CurrentSource(config.source, sizeof(config.source));
	Keep(&config);
	RemoteSet(&config);
	Succeeded();
}

static void
NothingThere(void)
{
	if (!StateFileRemove(REMOTE_FILE))
		ereport(LOG,
				(errmsg("pganalytics: the kept remote configuration could not be removed: %m")));
	if (RemoteKnown() != NULL)
		RemoteSet(NULL);
	Succeeded();
}

static const char *
MeaningOf(const HttpReply *reply)
{
	switch (reply->status)
	{
		case 401:
			return TokenMeaningOfRefusal(reply->clock_ahead_s);
		case 403:
			return "this collector may not read its configuration";
		default:
			return "the configuration could not be read";
	}
}

/* ---- the request ---- */

/* The path of this collector's configuration; what an URL does not allow is encoded. */
static void
ConfigPath(char *path, size_t size)
{
	size_t used = strlcpy(path, CONFIG_PATH, size);

	for (const char *p = TokenCollectorId(); *p && used + 4 < size; p++)
	{
		if (isalnum((unsigned char) *p) || strchr("-._:@", *p) != NULL)
			path[used++] = *p;
		else
			used += snprintf(path + used, size - used, "%%%02X", (unsigned char) *p);
	}
	path[used] = '\0';
}

/* One request; *conditional tells whether 304 is a possible answer. */
static TokenResult
Ask(HttpReply *reply, bool *conditional, RequestFailure *failure)
{
	static Request		request;
	const RemoteConfig *known = RemoteKnown();
	char				path[REQUEST_PATH_SIZE];
	char				source[REMOTE_SOURCE_SIZE];
	char				if_none_match[REMOTE_ETAG_SIZE + 32];
	const char		   *token;
	TokenResult			result = TokenGet(TokenCollectorId(), &token, failure);

	if (result != TOKEN_READY)
		return result;
	ConfigPath(path, sizeof(path));
	RequestBegin(&request, path);
	RequestAuthorize(&request, token);
	CurrentSource(source, sizeof(source));
	*conditional = known && known->etag[0] && strcmp(known->source, source) == 0;
	if (*conditional)
	{
		snprintf(if_none_match, sizeof(if_none_match), "If-None-Match: %s", known->etag);
		RequestHeader(&request, if_none_match);
	}
	RequestPerform(&request, reply);
	return reply->interrupted ? TOKEN_INTERRUPTED : TOKEN_READY;
}

static void
HandleReply(const HttpReply *reply, bool conditional, char *error, size_t error_size)
{
	if (reply->status == 0)
		strlcpy(error, reply->error, error_size);
	else if (reply->status == 304 && conditional)
	{
		Succeeded();
		return;
	}
	else if (reply->status == 404)
	{
		NothingThere();
		return;
	}
	else if (reply->status == 200 && reply->body_size > 0 &&
			 ReplyBodyIsOurs(reply->body, reply->body_size))
	{
		Accept(reply, error, error_size);
		return;
	}
	else if (reply->status == 200)
		strlcpy(error,
				"the answer does not come from a pgAnalytics backend: check "
				"\"pganalytics.backend_url\"",
				error_size);
	else
		ReplyDescribe(reply, MeaningOf(reply), error, error_size);
	Failed(reply->retry_after_s, error);
}

bool
PullRun(char *error, size_t error_size)
{
	static HttpReply reply;
	RequestFailure	 failure;
	bool			 conditional = false;
	TokenResult		 result;

	error[0] = '\0';
	pull.began_at = MonotonicMs();
	result = Ask(&reply, &conditional, &failure);
	if (result == TOKEN_READY && reply.status == 401 && TokenIsRenewable())
	{
		result = TokenRenew(&failure);
		if (result == TOKEN_READY)
			result = Ask(&reply, &conditional, &failure);
	}
	if (result == TOKEN_INTERRUPTED)
		return false;
	if (result == TOKEN_READY)
		HandleReply(&reply, conditional, error, error_size);
	else
	{
		strlcpy(error, failure.error, error_size);
		Failed(failure.retry_after_s, error);
	}
	return true;
}
