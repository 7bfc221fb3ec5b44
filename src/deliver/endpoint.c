/*
 * endpoint.c
 *		Where batches go, and whether what that takes can be used.
 *
 * All mistakes that a person can make in the settings and in the files they
 * name are found here, before anything is sent, so that each gets a text of
 * its own.  libcurl reads certificate, key and authorities only when it
 * connects, and goes on with what it has read: a file that has been replaced
 * means a new client.
 */
#include "postgres.h"

#include "base/settings.h"
#include "deliver/auth.h"
#include "deliver/endpoint.h"
#include "deliver/http.h"
#include "deliver/registration.h"
#include "deliver/token.h"

typedef enum WatchedFile
{
	FILE_AUTHORITIES,
	FILE_CERTIFICATE,
	FILE_KEY,
	FILE_SECRET,
	FILE_REGISTRATION_SECRET
} WatchedFile;

#define NUM_WATCHED_FILES (FILE_REGISTRATION_SECRET + 1)

static Endpoint		endpoint;
static FileIdentity identities[NUM_WATCHED_FILES];
static time_t		certificate_ends = 0;	/* 0: there is none */
static int			certificate_number = 0; /* of the one from registration */

static const char *
PathOf(WatchedFile file)
{
	switch (file)
	{
		case FILE_AUTHORITIES:
			return Setting.tls_ca_file;
		case FILE_CERTIFICATE:
			return Setting.tls_cert_file;
		case FILE_KEY:
			return Setting.tls_key_file;
		case FILE_SECRET:
			return Setting.jwt_secret_file;
		case FILE_REGISTRATION_SECRET:
			return Setting.registration_secret_file;
	}
	return "";
}

static bool
Unusable(ProblemId problem)
{
	endpoint.problem = problem;
	return false;
}

/* The value in force is an old one: the check hook does not let the other one in. */
static bool
RefusedForPassword(const char *setting)
{
	snprintf(endpoint.error, sizeof(endpoint.error),
			 "\"%s\" in the configuration file contains a user name, a password or a query (\"@\", "
			 "\"?\"), which would be shown to others: remove it, name files in "
			 "\"pganalytics.jwt_secret_file\" or \"pganalytics.tls_key_file\" instead, and reload",
			 setting);
	return Unusable(PROBLEM_DELIVERY);
}

static bool
CheckUrl(void)
{
	if (Setting.backend_url_refused)
		return RefusedForPassword("pganalytics.backend_url");
	if (!UrlParse(Setting.backend_url, &endpoint.url))
	{
		/* the text itself is not repeated: it may hold a password */
		snprintf(endpoint.error, sizeof(endpoint.error),
				 "\"pganalytics.backend_url\" is not valid: %s", endpoint.url.error);
		return Unusable(PROBLEM_DELIVERY);
	}
	if (!endpoint.url.https && !Setting.allow_http)
	{
		snprintf(endpoint.error, sizeof(endpoint.error),
				 "\"pganalytics.backend_url\" begins with \"http://\": use \"https://\", or set "
				 "\"pganalytics.allow_http\" if the connection needs no protection");
		return Unusable(PROBLEM_DELIVERY);
	}
	return true;
}

static bool
CheckProxy(void)
{
	Url proxy;

	if (Setting.proxy_refused)
		return RefusedForPassword("pganalytics.proxy");
	if (Setting.proxy[0] == '\0')
		return true;
	if (UrlParse(Setting.proxy, &proxy) && !proxy.https && !proxy.has_prefix)
		return true;
	snprintf(endpoint.error, sizeof(endpoint.error), "\"pganalytics.proxy\" is not valid: %s",
			 proxy.error ? proxy.error : "it must have the form \"http://host:port\"");
	return Unusable(PROBLEM_DELIVERY);
}

static bool
CheckTlsFiles(void)
{
	char  *error = endpoint.error;
	size_t size = sizeof(endpoint.error);

	if (Setting.tls_verify && Setting.tls_ca_file[0] &&
		!AuthCheckAuthorities(Setting.tls_ca_file, error, size))
		return Unusable(PROBLEM_CREDENTIALS);

	if ((Setting.tls_cert_file[0] == '\0') != (Setting.tls_key_file[0] == '\0'))
	{
		snprintf(error, size,
				 "\"pganalytics.tls_cert_file\" and \"pganalytics.tls_key_file\" "
				 "must be set both or not at all");
		return Unusable(PROBLEM_CREDENTIALS);
	}
	if (Setting.tls_cert_file[0] == '\0')
	{
		if (RegistrationCertificateFile()[0])
			certificate_ends = RegistrationCurrent()->certificate.ends;
		return true;
	}
	if (!AuthCheckClient(Setting.tls_cert_file, Setting.tls_key_file, &certificate_ends, error,
						 size))
		return Unusable(PROBLEM_CREDENTIALS);
	return true;
}

/* The secret that tokens come from; that of the registration only while it is needed. */
static bool
CheckSecret(void)
{
	static Secret secret;
	bool		  signs = Setting.jwt_secret_file[0] != '\0';

	if (!signs && (RegistrationCurrent() != NULL || !RegistrationIsPossible()))
		return true;
	if (signs ?
			!SecretRead("pganalytics.jwt_secret_file", Setting.jwt_secret_file, SECRET_MIN_SIZE,
						&secret, endpoint.error, sizeof(endpoint.error)) :
			!SecretRead("pganalytics.registration_secret_file", Setting.registration_secret_file, 1,
						&secret, endpoint.error, sizeof(endpoint.error)))
		return Unusable(PROBLEM_CREDENTIALS);
	SecretWipe(&secret, sizeof(secret));
	return true;
}

const Endpoint *
EndpointCurrent(void)
{
	return &endpoint;
}

const Endpoint *
EndpointCheck(void)
{
	memset(&endpoint, 0, sizeof(endpoint));
	certificate_ends = 0;
	certificate_number = RegistrationCertificateNumber();
	TokenForget();

	/* before they are read: what is replaced meanwhile is noticed the next time */
	for (int i = 0; i < NUM_WATCHED_FILES; i++)
		identities[i] = FileIdentify(PathOf(i));

	if (!BackendIsWanted())
	{
		HttpClose();
		return &endpoint;
	}
	if (CheckUrl() && CheckProxy() && (!endpoint.url.https || CheckTlsFiles()) && CheckSecret())
	{
		endpoint.problem = PROBLEM_DELIVERY;
		if (HttpOpen(endpoint.error, sizeof(endpoint.error)))
		{
			endpoint.state = ENDPOINT_READY;
			return &endpoint;
		}
	}
	HttpClose();
	endpoint.state = ENDPOINT_UNUSABLE;
	return &endpoint;
}

bool
EndpointIsFresh(void)
{
	for (int i = 0; i < NUM_WATCHED_FILES; i++)
	{
		FileIdentity now = FileIdentify(PathOf(i));

		if (!FileIsSame(&identities[i], &now))
			return false;
	}
	return certificate_number == RegistrationCertificateNumber() &&
		(certificate_ends == 0 || time(NULL) <= certificate_ends);
}

int
EndpointCertificateDays(void)
{
	if (certificate_ends == 0)
		return -1;
	return (int) Max((certificate_ends - time(NULL)) / (24 * 60 * 60), 0);
}
