/*
 * registration.c
 *		Registration with the backend, and what it gives.
 *
 * Of the credentials only the token stays in memory; certificate and key are
 * read from the file by libcurl.  They count only on the server they were
 * given to: the file names system identifier and host, and is ignored
 * elsewhere, so that a copy of a data directory is a stranger to the backend
 * until it registers.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"

#include "base/identity.h"
#include "base/json.h"
#include "base/settings.h"
#include "base/statefile.h"
#include "base/version.h"
#include "deliver/auth.h"
#include "deliver/grant.h"
#include "deliver/registration.h"
#include "spool/counters.h"

#define REGISTER_PATH "/api/v1/collectors/register"
#define SECRET_HEADER "X-Registration-Secret: "
#define REFRESH_PATH "/api/v1/collectors/refresh-token"

static Registration current;
static bool			present = false;
static bool			loaded = false;
static int			certificate_number = 0;

/* Secrets pass through these; wiped when done. */
static Credentials work;
static char		   file_text[CREDENTIALS_SIZE + 1];

static void
Wipe(void)
{
	SecretWipe(&work, sizeof(work));
	SecretWipe(file_text, sizeof(file_text));
}

const Registration *
RegistrationCurrent(void)
{
	return present ? &current : NULL;
}

static bool
IsOfThisHost(void)
{
	return strcmp(current.hostname, Hostname()) == 0;
}

static bool
IsKnown(const char *collector_id)
{
	return strcmp(current.collector_id, collector_id) == 0 ||
		strcmp(current.registered_as, collector_id) == 0;
}

/*
 * The backend is told of a new id only when nothing waits under the old one any
 * more (batches go out in their order): it may not accept both.
 */
bool
RegistrationCovers(const char *collector_id)
{
	const char *id = CollectorId();

	return IsKnown(id) ? IsOfThisHost() : strcmp(collector_id, id) != 0;
}

bool
RegistrationIsPossible(void)
{
	return Setting.registration_secret_file[0] != '\0';
}

const char *
RegistrationCertificateFile(void)
{
	static char path[MAXPGPATH];

	if (!present || !current.has_certificate || time(NULL) > current.certificate.ends)
		return "";
	StateFilePath(path, CREDENTIALS_FILE);
	return path;
}

int
RegistrationCertificateNumber(void)
{
	return certificate_number;
}

/* ---- the file ---- */

static void
SystemIdentifier(char *buffer, size_t size)
{
	snprintf(buffer, size, UINT64_FORMAT, GetSystemIdentifier());
}

/* Certificate and key of the credentials in hand; true as well if there are none. */
static bool
CheckCertificate(CertificateLife *life, char *error, size_t error_size)
{
	memset(life, 0, sizeof(*life));
	return work.certificate[0] == '\0' ||
		AuthCheckPair(work.certificate, work.private_key, life, error, error_size);
}

/* The credentials in hand are what counts from now on. */
static void
Adopt(const CertificateLife *life)
{
	strlcpy(current.hostname, work.hostname, sizeof(current.hostname));
	strlcpy(current.name, work.name, sizeof(current.name));
	strlcpy(current.collector_id, work.collector_id, sizeof(current.collector_id));
	strlcpy(current.registered_as, work.registered_as, sizeof(current.registered_as));
	strlcpy(current.token, work.token, sizeof(current.token));
	current.issued_at = work.issued_at;
	current.expires_at = work.expires_at;
	current.has_certificate = work.certificate[0] != '\0' && life->ends != 0;
	current.certificate = *life;
	present = true;
	IdentitySetRegistered(current.collector_id);
}

/* Reads the file into the credentials in hand.  False: there is none for this server and host. */
static bool
ReadCredentials(const char *hostname, char *error, size_t error_size)
{
	char	system_identifier[32];
	ssize_t size = StateFileRead(CREDENTIALS_FILE, file_text, CREDENTIALS_SIZE, error, error_size);

	if (size < 0)
		return false;
	if (!CredentialsParse(file_text, (size_t) size, &work))
	{
		snprintf(error, error_size, "the file \"%s\" in the state directory is damaged",
				 CREDENTIALS_FILE);
		return false;
	}
	SystemIdentifier(system_identifier, sizeof(system_identifier));
	if (strcmp(work.system_identifier, system_identifier) != 0 ||
		strcmp(work.hostname, hostname) != 0)
	{
		snprintf(error, error_size, "they were given to another server or host name");
		return false;
	}
	return true;
}

static bool
WriteCredentials(RequestFailure *failure)
{
	size_t size = CredentialsFormat(&work, file_text, sizeof(file_text));

	if (size > 0)
		return StateFileWrite(CREDENTIALS_FILE, file_text, size, failure->error,
							  sizeof(failure->error));
	snprintf(failure->error, sizeof(failure->error), "the credentials are too long");
	return false;
}

void
RegistrationLoad(void)
{
	char			error[ERROR_TEXT_SIZE];
	CertificateLife life;

	if (loaded)
		return;
	loaded = true;
	if (ReadCredentials(Hostname(), error, sizeof(error)))
	{
		/* an expired one is not used, but the token may be good */
		if (!CheckCertificate(&life, error, sizeof(error)))
			work.certificate[0] = '\0';
		Adopt(&life);
		certificate_number++;
	}
	Wipe();
	if (error[0])
		ereport(
			LOG,
			(errmsg("pganalytics: the credentials from registration are not used in full: %s",
					error),
			 errhint(
				 "Call pganalytics_register(), or set \"pganalytics.registration_secret_file\".")));
}

/* ---- the requests ---- */

typedef struct Body
{
	char   data[2048];
	size_t used;
} Body;

static bool
WriteBody(void *arg, const char *data, size_t len)
{
	Body *body = arg;

	if (len > sizeof(body->data) - body->used)
		return false;
	memcpy(body->data + body->used, data, len);
	body->used += len;
	return true;
}

static bool
FormatBody(Body *body, const char *name, const char *collector_id)
{
	JsonSink   sink = {.write = WriteBody, .arg = body};
	JsonWriter json;
	char	   chunk[512];
	char	   system_identifier[32];

	SystemIdentifier(system_identifier, sizeof(system_identifier));
	body->used = 0;
	JsonInit(&json, sink, chunk, sizeof(chunk));
	JsonObjectBegin(&json, NULL);
	JsonText(&json, "name", name);
	JsonText(&json, "hostname", Hostname());
	JsonText(&json, "version", PGANALYTICS_VERSION);
	JsonText(&json, "system_identifier", system_identifier);
	JsonText(&json, "collector_id", collector_id);
	JsonObjectEnd(&json);
	return JsonFlush(&json);
}

/* A secret that can stand in a header; it may have any length. */
static bool
ReadSecret(char *header, size_t size, RequestFailure *failure)
{
	static Secret secret;
	bool		  printable = true;
	bool		  usable;

	if (!SecretRead("pganalytics.registration_secret_file", Setting.registration_secret_file, 1,
					&secret, failure->error, sizeof(failure->error)))
		return false;
	for (size_t i = 0; i < secret.size; i++)
		printable = printable && secret.data[i] >= ' ' && secret.data[i] <= '~';
	usable = printable && secret.size + 64 < size;
	if (usable)
		snprintf(header, size, SECRET_HEADER "%.*s", (int) secret.size, (char *) secret.data);
	else
		snprintf(
			failure->error, sizeof(failure->error),
			"\"pganalytics.registration_secret_file\": the secret is longer than 2 kB, or holds "
			"characters that cannot go into a header");
	SecretWipe(&secret, sizeof(secret));
	return usable;
}

static const char *
MeaningOf(int status)
{
	switch (status)
	{
		case 401:
		case 403:
			return "it does not accept our secret";
		case 404:
			return "there is no registration at that address, check \"pganalytics.backend_url\"";
		default:
			return "it does not register this server";
	}
}

/* What a reply that is no grant means; of a message that repeats the secret nothing is told. */
static TokenResult
Describe(const HttpReply *reply, const char *meaning, const char *secret, RequestFailure *failure)
{
	if (reply->interrupted)
		return TOKEN_INTERRUPTED;
	failure->status = reply->status;
	failure->retry_after_s = reply->retry_after_s;
	if (reply->status == 0)
		strlcpy(failure->error, reply->error, sizeof(failure->error));
	else
		ReplyDescribe(reply, meaning, failure->error, sizeof(failure->error));
	if (secret && RepeatsSecret(failure->error, secret))
		snprintf(failure->error, sizeof(failure->error), "the backend answered %d: %s",
				 reply->status, meaning);
	return reply->status >= 400 && reply->status < 500 && reply->status != 408 &&
			reply->status != 425 && reply->status != 429 ?
		TOKEN_REFUSED :
		TOKEN_FAILED;
}

/*
 * A backend that issues a certificate need not do so each time: without another
 * one for the same id, the one that is kept goes on being used while it is good.
 * True: nothing but the token is new.
 */
static bool
KeepCertificate(void)
{
	static Credentials granted;
	CertificateLife	   life;
	char			   error[ERROR_TEXT_SIZE];
	bool			   good;

	if (work.certificate[0] != '\0' || !present ||
		strcmp(work.collector_id, current.collector_id) != 0)
		return false;
	if (!current.has_certificate)
		return true;
	granted = work;
	good = ReadCredentials(current.hostname, error, sizeof(error)) &&
		strcmp(work.collector_id, granted.collector_id) == 0 &&
		CheckCertificate(&life, error, sizeof(error));
	if (good)
	{
		strlcpy(granted.certificate, work.certificate, sizeof(granted.certificate));
		strlcpy(granted.private_key, work.private_key, sizeof(granted.private_key));
	}
	work = granted;
	SecretWipe(&granted, sizeof(granted));
	return good;
}

/* The token in hand must be good for something. */
static bool
CheckToken(RequestFailure *failure)
{
	time_t now = time(NULL);

	work.issued_at = now;
	if (work.expires_at > now)
		return true;
	strlcpy(failure->error,
			"the token that the backend gave has expired already: compare the clocks",
			sizeof(failure->error));
	return false;
}

/*
 * Puts what a grant has left in hand on disk, then in force.  A mere new token
 * may be used all the same where the disk does not take it: sending is what
 * makes room.
 */
static TokenResult
Store(const CertificateLife *life, bool only_token, RequestFailure *failure)
{
	if (!WriteCredentials(failure))
	{
		if (!only_token)
			return TOKEN_UNUSABLE;
		ereport(LOG,
				(errmsg("pganalytics: a new token will be lost by a restart: %s", failure->error)));
	}
	Adopt(life);
	return TOKEN_READY;
}

static TokenResult
TakeGrant(const HttpReply *reply, const char *name, const char *registered_as,
		  RequestFailure *failure)
{
	char			why[GRANT_ERROR_SIZE];
	CertificateLife life;
	TokenResult		result;
	bool			only_token;

	memset(&work, 0, sizeof(work));
	failure->status = reply->status;
	if (!GrantParse(reply->body, reply->body_size, &work, why))
	{
		snprintf(failure->error, sizeof(failure->error),
				 "the answer to the registration cannot be used: %s", why);
		return TOKEN_REFUSED;
	}
	SystemIdentifier(work.system_identifier, sizeof(work.system_identifier));
	strlcpy(work.hostname, Hostname(), sizeof(work.hostname));
	strlcpy(work.name, name, sizeof(work.name));
	strlcpy(work.registered_as, registered_as, sizeof(work.registered_as));
	only_token = KeepCertificate();
	if (!CheckToken(failure) || !CheckCertificate(&life, failure->error, sizeof(failure->error)))
		return TOKEN_REFUSED;
	result = Store(&life, only_token, failure);
	if (result == TOKEN_READY && !only_token)
		certificate_number++;
	return result;
}

/* Who serves the latch meanwhile may raise an error: the secret in the header is wiped then, too. */
static void
PerformWithSecret(Request *request, HttpReply *reply, char *header, size_t size)
{
	PG_TRY();
	{
		RequestPerform(request, reply);
	}
	PG_CATCH();
	{
		SecretWipe(header, size);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

TokenResult
RegistrationRun(const char *name, RequestFailure *failure)
{
	static Request	 request;
	static HttpReply reply;
	static Body		 body;
	char			 header[2048];
	char			 registered_name[CREDENTIALS_NAME_SIZE];
	char			 former_id[COLLECTOR_ID_SIZE];
	char			 registered_as[COLLECTOR_ID_SIZE];
	TokenResult		 result;

	memset(failure, 0, sizeof(*failure));
	if (name == NULL || name[0] == '\0')
		name = present && current.name[0] && strcmp(current.name, current.hostname) != 0 ?
			current.name :
			Hostname();
	strlcpy(registered_name, name, sizeof(registered_name));
	strlcpy(former_id, present ? current.collector_id : "", sizeof(former_id));
	if (!RegistrationIsPossible())
	{
		strlcpy(failure->error, "\"pganalytics.registration_secret_file\" is not set",
				sizeof(failure->error));
		return TOKEN_UNUSABLE;
	}
	strlcpy(registered_as, CollectorId(), sizeof(registered_as));
	if (!FormatBody(&body, registered_name, registered_as) ||
		!ReadSecret(header, sizeof(header), failure))
		return TOKEN_UNUSABLE;
	RequestBegin(&request, REGISTER_PATH);
	RequestHeader(&request, "Content-Type: application/json");
	RequestHeader(&request, header);
	request.http.body = body.data;
	request.http.body_size = body.used;
	PerformWithSecret(&request, &reply, header, sizeof(header));
	if ((reply.shut_out || ReplyTlsPage(&reply)) && RegistrationCertificateFile()[0])
	{
		/* the backend may have other authorities by now, and the secret is all that it takes */
		request.http.as_stranger = true;
		PerformWithSecret(&request, &reply, header, sizeof(header));
	}

	if (reply.status == 200 || reply.status == 201)
		result = TakeGrant(&reply, registered_name, registered_as, failure);
	else
		result = Describe(&reply, MeaningOf(reply.status), header + strlen(SECRET_HEADER), failure);
	SecretWipe(header, sizeof(header));
	Wipe();
	HttpWipe();
	if (result == TOKEN_READY)
	{
		CountersSave(); /* they name the collector id */
		/* where nothing but the token is new it is no news: that may happen often */
		ereport(strcmp(former_id, current.collector_id) == 0 ? DEBUG1 : LOG,
				(errmsg("pganalytics: registered with the backend as collector \"%s\"",
						current.collector_id)));
	}
	return result;
}

TokenResult
RegistrationRefresh(RequestFailure *failure)
{
	static Request	 request;
	static HttpReply reply;
	char			 why[GRANT_ERROR_SIZE];
	TokenResult		 result;

	memset(failure, 0, sizeof(*failure));
	if (!IsOfThisHost())
	{
		strlcpy(failure->error, "the token from registration was given to another host name",
				sizeof(failure->error));
		return TOKEN_REFUSED;
	}
	if (time(NULL) >= current.expires_at)
	{
		strlcpy(failure->error, "the token from registration has expired", sizeof(failure->error));
		return TOKEN_REFUSED;
	}
	RequestBegin(&request, REFRESH_PATH);
	RequestHeader(&request, "Content-Type: application/json");
	RequestAuthorize(&request, current.token);
	request.http.body = "{}";
	request.http.body_size = 2;
	RequestPerform(&request, &reply);

	if (reply.status != 200 && reply.status != 201)
		return Describe(&reply, "it does not renew our token", NULL, failure);
	failure->status = reply.status;
	result = TOKEN_REFUSED;
	if (!ReadCredentials(current.hostname, failure->error, sizeof(failure->error)))
	{
		if (failure->error[0] == '\0')
			strlcpy(failure->error, "the credentials have been removed from the state directory",
					sizeof(failure->error));
	}
	else if (!GrantParseToken(reply.body, reply.body_size, &work, why))
		snprintf(failure->error, sizeof(failure->error), "the new token cannot be used: %s", why);
	else if (CheckToken(failure))
		result = Store(&current.certificate, true, failure);
	Wipe();
	HttpWipe();
	return result;
}
