/*
 * request.c
 *		What all requests to a backend have in common, and what its replies say
 *		for themselves.
 */
#include "postgres.h"

#include "base/version.h"
#include "deliver/endpoint.h"
#include "deliver/json_reply.h"
#include "deliver/registration.h"
#include "deliver/reply.h"
#include "deliver/request.h"

#define EXCERPT_SIZE 200

void
RequestBegin(Request *request, const char *path)
{
	memset(request, 0, sizeof(*request));
	(void) UrlJoin(&EndpointCurrent()->url, path, request->url, sizeof(request->url));
	request->http.url = request->url;
	snprintf(request->user_agent, sizeof(request->user_agent),
			 "User-Agent: pganalytics/%s (PostgreSQL %s)", PGANALYTICS_VERSION, ServerVersion());
	RequestHeader(request, request->user_agent);
	RequestHeader(request, "Accept: application/json");
	RequestHeader(request, "Accept-Encoding: identity");
	RequestHeader(request, "Expect:"); /* do not wait for "100 Continue" */
}

void
RequestHeader(Request *request, const char *line)
{
	Assert(request->headers < HTTP_MAX_HEADERS);
	request->http.headers[request->headers++] = line;
}

void
RequestAuthorize(Request *request, const char *token)
{
	if (token == NULL)
		return;
	snprintf(request->authorization, sizeof(request->authorization), "Authorization: Bearer %s",
			 token);
	RequestHeader(request, request->authorization);
}

static void
Forget(Request *request)
{
	HttpForget();
	explicit_bzero(request->authorization, sizeof(request->authorization));
}

void
RequestPerform(Request *request, HttpReply *reply)
{
	PG_TRY();
	{
		HttpPerform(&request->http, reply);
	}
	PG_CATCH();
	{
		Forget(request);
		PG_RE_THROW();
	}
	PG_END_TRY();
	Forget(request);
}

bool
RepeatsSecret(const char *text, const char *secret)
{
	char beginning[17];

	strlcpy(beginning, secret, sizeof(beginning));
	return strstr(text, beginning) != NULL;
}

/* The token of the request, or any other one that looks like a token. */
static bool
RepeatsToken(const char *text)
{
	const Registration *registration = RegistrationCurrent();

	return strstr(text, "eyJ") != NULL ||
		(registration != NULL && RepeatsSecret(text, registration->token));
}

static void
MessageOf(const HttpReply *reply, char *buffer, size_t size)
{
	static const char *const names[] = {"message", "error", "detail", NULL};
	const char				*trouble;
	const char				*message;
	json_t					*root = JsonReplyParse(reply->body, reply->body_size, &trouble);

	buffer[0] = '\0';
	message = JsonReplyText(root, names);
	if (message != NULL && !RepeatsToken(message))
		ReplyExcerpt(buffer, size, message, EXCERPT_SIZE);
	json_decref(root);
}

/* What is wrong on the way to the backend, whatever was asked of it; NULL: nothing of that kind. */
static const char *
TroubleOnTheWay(int status)
{
	const ReplyRule *rule = ReplyRuleFor(status);

	return status != 304 && (rule->action == REPLY_REDIRECTED || status == 407) ? rule->meaning :
																				  NULL;
}

const TlsMeaning *
ReplyTlsPage(const HttpReply *reply)
{
	return reply->status == 400 ? TlsPageMeaning(reply->body) : NULL;
}

void
ReplyDescribe(const HttpReply *reply, const char *meaning, char *error, size_t error_size)
{
	char			  message[EXCERPT_SIZE + 1];
	const char		 *trouble = TroubleOnTheWay(reply->status);
	const TlsMeaning *page = ReplyTlsPage(reply);

	if (page)
	{
		HttpExplainTls(page, error, error_size);
		return;
	}
	if (trouble)
		meaning = trouble;
	MessageOf(reply, message, sizeof(message));
	if (message[0])
		snprintf(error, error_size, "the backend answered %d: %s (\"%s\")", reply->status, meaning,
				 message);
	else
		snprintf(error, error_size, "the backend answered %d: %s", reply->status, meaning);
}
