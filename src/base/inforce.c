/*
 * inforce.c
 *		What is in force: the local settings, and within their limits the remote
 *		configuration.
 *
 * The remote configuration lies in shared memory; each process keeps a copy
 * and takes a new one when it has changed, without a lock (published.h).  Limits are kept here once more, however the
 * configuration was checked when it came: the local settings may have changed
 * since, and the file on disk may have been edited.
 */
#include "postgres.h"

#include "base/inforce.h"
#include "base/problem.h"
#include "base/published.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/statefile.h"

/* ---- local ---- */

bool
CollectorEnabledLocally(int collector)
{
	return ListContains(Setting.enabled_collectors, "all") ||
		ListContains(Setting.enabled_collectors, Collectors[collector].name);
}

int
CollectorIntervalLocally(int collector)
{
	if (Setting.collector_interval_s[collector] > 0)
		return Setting.collector_interval_s[collector];
	return Max(Collectors[collector].default_interval, Setting.interval_s);
}

int
CollectorIntervalFloor(int collector)
{
	return Min(CollectorIntervalLocally(collector), REMOTE_INTERVAL_FLOOR_S);
}

/* The log does not tell DEBUG1 to DEBUG5 apart: any of them means all. */
bool
SeverityIsSentLocally(const char *severity)
{
	static const char *const debug[] = {"DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5"};

	if (ListContains(Setting.log_filters, "all") || ListContains(Setting.log_filters, severity))
		return true;
	for (int i = 0; i < lengthof(debug) && SeverityByName(severity) == 0; i++)
	{
		if (ListContains(Setting.log_filters, debug[i]))
			return true;
	}
	return false;
}

/* ---- remote ---- */

const RemoteConfig *
RemoteKnown(void)
{
	static PublishedRemote known;
	static PublishedRemote scratch;
	static uint32		   generation = 0;

	if (Shared == NULL)
		return NULL;
	PublishedCopy(&Shared->remote.generation, &generation, &known, &scratch,
				  &Shared->remote.published, sizeof(known));
	return known.present ? &known.config : NULL;
}

const RemoteConfig *
RemoteInForce(void)
{
	return Setting.remote_config ? RemoteKnown() : NULL;
}

void
RemoteSet(const RemoteConfig *config)
{
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	PublishBegin(&Shared->remote.generation);
	Shared->remote.published.present = config != NULL;
	if (config)
		Shared->remote.published.config = *config;
	PublishEnd(&Shared->remote.generation);
	LWLockRelease(Shared->lock);
	WakeWorker(&Shared->collector); /* its schedule may be another one now */
}

void
RemoteLoad(void)
{
	static char			text[REMOTE_TEXT_SIZE + 1];
	static RemoteConfig config;
	char				error[ERROR_TEXT_SIZE];
	ssize_t				size;

	size = StateFileRead(REMOTE_FILE, text, REMOTE_TEXT_SIZE, error, sizeof(error));
	if (size >= 0 && RemoteParse(text, (size_t) size, &config))
	{
		RemoteSet(&config);
		return;
	}
	if (size >= 0)
		snprintf(error, sizeof(error), "the kept remote configuration is damaged");
	if (error[0])
		ereport(LOG,
				(errmsg("pganalytics: local settings are in force until the backend answers: %s",
						error)));
}

/* ---- in force ---- */

bool
CollectorEnabled(int collector)
{
	const RemoteConfig *remote = RemoteInForce();

	return CollectorEnabledLocally(collector) &&
		(remote == NULL || !remote->has_collectors ||
		 (remote->collectors & (1U << collector)) != 0);
}

int
CollectorInterval(int collector)
{
	const RemoteConfig *remote = RemoteInForce();

	if (remote == NULL || remote->interval_s[collector] == 0)
		return CollectorIntervalLocally(collector);
	return Max(remote->interval_s[collector], CollectorIntervalFloor(collector));
}

bool
SeverityIsSent(const char *severity)
{
	const RemoteConfig *remote = RemoteInForce();
	int					index = SeverityByName(severity);

	return SeverityIsSentLocally(severity) &&
		(remote == NULL || !remote->has_severities || index < 0 ||
		 (remote->severities & (1U << index)) != 0);
}
