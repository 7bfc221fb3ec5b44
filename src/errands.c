/*
 * errands.c
 *		SQL functions that have the sender ask the backend for something:
 *		pganalytics_register(), pganalytics_pull_config().
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/identity.h"
#include "base/json.h"
#include "base/settings.h"
#include "base/shared.h"
#include "remote_status.h"
#include "status.h"

#define LOOK_AGAIN_MS 1000L /* is the sender still there? */
#define SENDER_GRACE_MS 10000

PG_FUNCTION_INFO_V1(pganalytics_register);
PG_FUNCTION_INFO_V1(pganalytics_pull_config);

static uint64
Order(ErrandId id, const char *argument)
{
	ErrandSlot *slot = &Shared->errands[id];
	uint64		ticket;

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	ticket = ++slot->requested;
	strlcpy(slot->argument, argument, sizeof(slot->argument));
	LWLockRelease(Shared->lock);
	WakeWorker(&Shared->sender);
	return ticket;
}

static bool
IsComplete(ErrandId id, uint64 ticket, char *error, size_t error_size)
{
	ErrandSlot *slot = &Shared->errands[id];
	bool		complete;

	LWLockAcquire(Shared->lock, LW_SHARED);
	complete = slot->completed >= ticket;
	strlcpy(error, slot->error, error_size);
	LWLockRelease(Shared->lock);
	return complete;
}

/* It may be on its way: the server starts it, and starts it again, within seconds. */
static void
RequireSender(TimestampTz asked_at)
{
	if (Shared->sender.pid != 0 ||
		!TimestampDifferenceExceeds(asked_at, GetCurrentTimestamp(), SENDER_GRACE_MS))
		return;
	ConditionVariableCancelSleep();
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the pganalytics sender is not running"),
			 errhint("SELECT pganalytics_status() -> 'problems' says why.")));
}

/* Has the sender do it and waits for the end of it; what went wrong goes into error. */
static void
Run(ErrandId id, const char *argument, char *error, size_t error_size)
{
	static uint32 wait_event = 0;
	TimestampTz	  asked_at = GetCurrentTimestamp();
	uint64		  ticket;

	if (Shared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pganalytics is not in \"shared_preload_libraries\""),
				 errhint("Add it and restart the server.")));
	if (wait_event == 0)
		wait_event = WaitEventNew("PganalyticsWait");
	ticket = Order(id, argument);
	ConditionVariablePrepareToSleep(&Shared->progress);
	while (!IsComplete(id, ticket, error, error_size))
	{
		RequireSender(asked_at);
		ConditionVariableTimedSleep(&Shared->progress, LOOK_AGAIN_MS, wait_event);
	}
	ConditionVariableCancelSleep();
}

/* A name goes into JSON, and into a line of the file of credentials. */
static char *
NameOfArgument(text *argument)
{
	char *name = text_to_cstring(argument);
	char *utf8 = pg_server_to_any(name, (int) strlen(name), PG_UTF8);

	if (strlen(utf8) >= ERRAND_ARGUMENT_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the name is longer than %d bytes", ERRAND_ARGUMENT_SIZE - 1)));
	for (const char *p = utf8; *p; p++)
	{
		if ((unsigned char) *p < ' ' || *p == 0x7f)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the name contains a control character")));
	}
	return utf8;
}

/*
 * pganalytics_register(name text) returns text: registers this server with the
 * backend and returns its collector id.
 */
Datum
pganalytics_register(PG_FUNCTION_ARGS)
{
	char error[ERROR_TEXT_SIZE];

	Run(ERRAND_REGISTER, PG_ARGISNULL(0) ? "" : NameOfArgument(PG_GETARG_TEXT_PP(0)), error,
		sizeof(error));
	if (error[0])
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not register with the backend: %s", error)));
	PG_RETURN_TEXT_P(cstring_to_text(CollectorId()));
}

/*
 * pganalytics_pull_config() returns jsonb: looks for the remote configuration
 * now and returns what is in force.
 */
Datum
pganalytics_pull_config(PG_FUNCTION_ARGS)
{
	char error[ERROR_TEXT_SIZE];

	if (!Setting.remote_config)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("remote configuration is not accepted"),
				 errhint("Set \"pganalytics.remote_config\" to on.")));
	Run(ERRAND_PULL_CONFIG, "", error, sizeof(error));
	if (error[0])
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not pull the configuration: %s", error)));
	PG_RETURN_DATUM(RemoteInForceAsJsonb());
}
