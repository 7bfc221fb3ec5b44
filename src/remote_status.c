/*
 * remote_status.c
 *		The remote configuration, as the status and the SQL functions show it.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "base/inforce.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/unixtime.h"
#include "remote_status.h"
#include "status.h"

#define LIST_SIZE 1024

/* ---- lists of names ---- */

typedef bool (*Holds)(int index);

static void
AppendName(char *list, const char *name)
{
	if (list[0])
		strlcat(list, ",", LIST_SIZE);
	strlcat(list, name, LIST_SIZE);
}

static void
ListOfMask(char *list, uint32 mask, const char *(*name_of)(int index), int count)
{
	list[0] = '\0';
	for (int i = 0; i < count; i++)
	{
		if (mask & (1U << i))
			AppendName(list, name_of(i));
	}
}

static uint32
MaskOf(Holds holds, int count)
{
	uint32 mask = 0;

	for (int i = 0; i < count; i++)
	{
		if (holds(i))
			mask |= 1U << i;
	}
	return mask;
}

static const char *
NameOfCollector(int index)
{
	return Collectors[index].name;
}

static const char *
NameOfSeverity(int index)
{
	return Severities[index];
}

static bool
SeverityHolds(int index)
{
	return SeverityIsSent(Severities[index]);
}

static bool
SeverityHoldsLocally(int index)
{
	return SeverityIsSentLocally(Severities[index]);
}

/* ---- one setting: what the backend asks for, what is in force, and why ---- */

static void
WriteSetting(JsonWriter *w, const char *name, const char *remote, const char *in_force,
			 const char *why)
{
	JsonObjectBegin(w, name);
	JsonText(w, "remote", remote);
	JsonText(w, "in_force", in_force);
	JsonText(w, "why", RemoteInForce() ? why : "\"pganalytics.remote_config\" is off");
	JsonObjectEnd(w);
}

static void
WriteInterval(JsonWriter *w, int type, int remote_s)
{
	char name[NAMEDATALEN];
	char remote[32];
	char in_force[32];
	char why[128] = "remote configuration";

	snprintf(name, sizeof(name), "pganalytics.%s_interval", Collectors[type].name);
	snprintf(remote, sizeof(remote), "%ds", remote_s);
	snprintf(in_force, sizeof(in_force), "%ds", CollectorInterval(type));
	if (CollectorInterval(type) != remote_s)
		snprintf(why, sizeof(why), "remote configuration, but not below the limit of %d s here",
				 CollectorIntervalFloor(type));
	WriteSetting(w, name, remote, in_force, why);
}

/* A list that a backend may shorten, but not lengthen. */
static void
WriteList(JsonWriter *w, const char *name, uint32 remote, uint32 local, uint32 in_force,
		  const char *(*name_of)(int index), int count)
{
	char remote_list[LIST_SIZE];
	char in_force_list[LIST_SIZE];
	char left_out[LIST_SIZE];
	char why[LIST_SIZE + 64] = "remote configuration";

	ListOfMask(remote_list, remote, name_of, count);
	ListOfMask(in_force_list, in_force, name_of, count);
	ListOfMask(left_out, remote & ~local, name_of, count);
	if (left_out[0])
		snprintf(why, sizeof(why), "remote configuration, without what is switched off here: %s",
				 left_out);
	WriteSetting(w, name, remote_list, in_force_list, why);
}

/* Those that the backend has a say in, in force or not. */
static void
WriteSettings(JsonWriter *w, const RemoteConfig *remote)
{
	JsonObjectBegin(w, "settings");
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (remote->interval_s[i] > 0)
			WriteInterval(w, i, remote->interval_s[i]);
	}
	if (remote->has_collectors)
		WriteList(w, "pganalytics.enabled_collectors", remote->collectors,
				  MaskOf(CollectorEnabledLocally, NUM_COLLECTORS),
				  MaskOf(CollectorEnabled, NUM_COLLECTORS), NameOfCollector, NUM_COLLECTORS);
	if (remote->has_severities)
		WriteList(w, "pganalytics.log_filters", remote->severities,
				  MaskOf(SeverityHoldsLocally, NUM_SEVERITIES),
				  MaskOf(SeverityHolds, NUM_SEVERITIES), NameOfSeverity, NUM_SEVERITIES);
	JsonObjectEnd(w);
}

/* ---- the objects ---- */

static void
WriteVersion(JsonWriter *w)
{
	const RemoteConfig *remote = RemoteInForce();

	JsonText(w, "source", remote ? "remote" : "local");
	if (remote)
		JsonInt(w, "version", remote->version);
	else
		JsonNull(w, "version");
}

void
WriteConfig(JsonWriter *w)
{
	const RemoteConfig *known = RemoteKnown();
	TimestampTz			pulled_at = 0;
	char				last_error[ERROR_TEXT_SIZE] = "";

	if (Shared)
	{
		LWLockAcquire(Shared->lock, LW_SHARED);
		pulled_at = Shared->remote.pulled_at;
		strlcpy(last_error, Shared->remote.last_error, sizeof(last_error));
		LWLockRelease(Shared->lock);
	}
	if (pulled_at == 0 && known)
		pulled_at = TimestampFromUnix(known->pulled_us);

	JsonObjectBegin(w, "config");
	WriteVersion(w);
	if (pulled_at)
		JsonTime(w, "pulled_at", UnixMicroseconds(pulled_at));
	else
		JsonNull(w, "pulled_at");
	JsonText(w, "last_error", last_error[0] ? last_error : NULL);
	JsonText(w, "ignored", known && known->ignored[0] ? known->ignored : NULL);
	if (known)
		WriteSettings(w, known);
	else
		JsonNull(w, "settings");
	JsonObjectEnd(w);
}

static bool
Append(void *arg, const char *data, size_t len)
{
	appendBinaryStringInfo((StringInfo) arg, data, (int) len);
	return true;
}

Datum
RemoteInForceAsJsonb(void)
{
	StringInfoData text;
	JsonSink	   sink = {Append, NULL, &text};
	char		   buffer[1024];
	JsonWriter	   w;

	initStringInfo(&text);
	JsonInit(&w, sink, buffer, sizeof(buffer));
	JsonObjectBegin(&w, NULL);
	WriteVersion(&w);
	JsonObjectBegin(&w, "intervals");
	for (int i = 0; i < NUM_COLLECTORS; i++)
		JsonInt(&w, Collectors[i].name, CollectorInterval(i));
	JsonObjectEnd(&w);
	JsonArrayBegin(&w, "enabled_collectors");
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (CollectorEnabled(i))
			JsonText(&w, NULL, Collectors[i].name);
	}
	JsonArrayEnd(&w);
	JsonArrayBegin(&w, "log_filters");
	for (int i = 0; i < NUM_SEVERITIES; i++)
	{
		if (SeverityIsSent(Severities[i]))
			JsonText(&w, NULL, Severities[i]);
	}
	JsonArrayEnd(&w);
	JsonObjectEnd(&w);
	JsonFlush(&w);
	return JsonbFromUtf8(text.data);
}
