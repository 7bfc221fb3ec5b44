/*
 * identity.c
 *		Host name, collector id and server version.
 *
 * Without a setting the id is a UUIDv5 (RFC 9562) of what tells one running
 * server from all others: system identifier, host name and port.  A replica
 * shares the first with its primary, so all three are needed.
 */
#include "postgres.h"

#include <unistd.h>

#include "access/xlog.h"
#include "common/cryptohash.h"
#include "common/sha1.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "postmaster/postmaster.h"
#include "utils/guc.h"
#include "utils/resowner.h"

#include "base/credentials.h"
#include "base/identity.h"
#include "base/published.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/statefile.h"

/* of our UUIDs: 6b1d5c0e-53b1-4c0f-9f0e-2d1b8a3c7e55, random, never to be changed */
static const uint8 namespace_uuid[16] = {0x6b, 0x1d, 0x5c, 0x0e, 0x53, 0xb1, 0x4c, 0x0f,
										 0x9f, 0x0e, 0x2d, 0x1b, 0x8a, 0x3c, 0x7e, 0x55};

const char *
Hostname(void)
{
	static char hostname[HOSTNAME_SIZE];

	if (Setting.hostname && Setting.hostname[0])
		return Setting.hostname;
	if (gethostname(hostname, sizeof(hostname)) != 0)
		return "unknown";
	hostname[sizeof(hostname) - 1] = '\0';
	for (char *p = hostname; *p; p++)
	{
		if (*p <= ' ' || *p > '~' || *p == '"' || *p == '\\')
			*p = '-';
	}
	return hostname;
}

/* SHA-1 of the namespace and the name; false only when there is no memory or no such hash. */
static bool
HashName(const char *name, uint8 *digest)
{
	ResourceOwner	   owner = CurrentResourceOwner;
	ResourceOwner	   own_owner = NULL;
	pg_cryptohash_ctx *hash;
	bool			   done;

	/* outside transactions there is none, and the hash wants to be remembered by one */
	if (owner == NULL)
		CurrentResourceOwner = own_owner = ResourceOwnerCreate(NULL, "pganalytics identity");
	hash = pg_cryptohash_create(PG_SHA1);
	done = hash && pg_cryptohash_init(hash) >= 0 &&
		pg_cryptohash_update(hash, namespace_uuid, sizeof(namespace_uuid)) >= 0 &&
		pg_cryptohash_update(hash, (const uint8 *) name, strlen(name)) >= 0 &&
		pg_cryptohash_final(hash, digest, SHA1_DIGEST_LENGTH) >= 0;
	if (hash)
		pg_cryptohash_free(hash);
	if (own_owner)
	{
		CurrentResourceOwner = owner;
		ResourceOwnerRelease(own_owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
		ResourceOwnerDelete(own_owner);
	}
	return done;
}

static void
MakeUuid(char *id, const char *hostname)
{
	char  name[HOSTNAME_SIZE + 64];
	uint8 d[SHA1_DIGEST_LENGTH];

	snprintf(name, sizeof(name), UINT64_FORMAT "/%s/%d", GetSystemIdentifier(), hostname,
			 PostPortNumber);
	if (!HashName(name, d))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute the collector id"),
				 errhint("Set \"pganalytics.collector_id\".")));
	d[6] = (d[6] & 0x0F) | 0x50; /* version 5 */
	d[8] = (d[8] & 0x3F) | 0x80; /* variant */
	snprintf(id, COLLECTOR_ID_SIZE,
			 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[0], d[1],
			 d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11], d[12], d[13], d[14],
			 d[15]);
}

/* ---- the id from registration ---- */

/* Its copy in this process; "": none. */
static const char *
RegisteredId(void)
{
	static char	  id[CREDENTIALS_ID_SIZE];
	static char	  scratch[CREDENTIALS_ID_SIZE];
	static uint32 generation = 0;

	if (Shared)
		PublishedCopy(&Shared->registered.generation, &generation, id, scratch,
					  Shared->registered.id, sizeof(id));
	return id;
}

void
IdentitySetRegistered(const char *id)
{
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	PublishBegin(&Shared->registered.generation);
	strlcpy(Shared->registered.id, id, sizeof(Shared->registered.id));
	PublishEnd(&Shared->registered.generation);
	LWLockRelease(Shared->lock);
}

/*
 * The collector must know the id before it writes the first batch, and cannot
 * wait for the sender, which looks after the credentials otherwise.
 */
void
IdentityLoad(void)
{
	static char		   text[CREDENTIALS_SIZE + 1];
	static Credentials credentials;
	char			   system_identifier[32];
	char			   error[ERROR_TEXT_SIZE];
	ssize_t			   size;

	size = StateFileRead(CREDENTIALS_FILE, text, CREDENTIALS_SIZE, error, sizeof(error));
	if (size > 0 && CredentialsParse(text, (size_t) size, &credentials))
	{
		snprintf(system_identifier, sizeof(system_identifier), UINT64_FORMAT,
				 GetSystemIdentifier());
		if (strcmp(credentials.system_identifier, system_identifier) == 0 &&
			strcmp(credentials.hostname, Hostname()) == 0)
			IdentitySetRegistered(credentials.collector_id);
	}
	explicit_bzero(text, sizeof(text));
	explicit_bzero(&credentials, sizeof(credentials));
}

const char *
CollectorId(void)
{
	static char id[COLLECTOR_ID_SIZE];
	static char made_for[HOSTNAME_SIZE];
	const char *hostname = Hostname();
	const char *p;
	size_t		used = 0;

	if (Setting.collector_id == NULL || Setting.collector_id[0] == '\0')
	{
		const char *registered = RegisteredId();

		if (registered[0])
			return registered;
		if (made_for[0] == '\0' || strcmp(made_for, hostname) != 0)
		{
			MakeUuid(id, hostname);
			strlcpy(made_for, hostname, sizeof(made_for));
		}
		return id;
	}

	made_for[0] = '\0';
	for (p = Setting.collector_id; *p && used < sizeof(id) - 1; p++)
	{
		if (p[0] == '%' && p[1] == 'h')
		{
			used += strlcpy(id + used, hostname, sizeof(id) - used);
			used = Min(used, sizeof(id) - 1);
			p++;
		}
		else
			id[used++] = *p;
	}
	id[used] = '\0';
	return id;
}

const char *
ServerVersion(void)
{
	static char version[32];

	if (version[0] == '\0')
	{
		strlcpy(version, GetConfigOption("server_version", false, false), sizeof(version));
		version[strcspn(version, " ")] = '\0';
	}
	return version;
}
