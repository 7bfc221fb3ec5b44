/*
 * pg_activity.c
 *		What the backends do, sampled.
 *
 * One look reads the wait event of each PGPROC and the status of its backend
 * straight from shared memory: no lock but that of the background workers'
 * names, no snapshot, no SQL, about 0.1 µs a backend.  Looks are summed up in a
 * tally (activity_tally.h); the report gives its OIDs names and empties it.
 *
 * A backend is seen at moments, so that counts are proportional to time: of S
 * looks in a minute, C that saw the same wait mean C / S minutes of it.  While
 * a query of the collector runs no looks are taken; "samples" says how many
 * there were.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/backend_status.h"
#include "utils/lsyscache.h" /* get_database_name of 19 */
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/collectors.h"
#include "base/compat.h"
#include "collect/activity_fields.h"
#include "collect/activity_tally.h"
#include "collect/pg_activity.h"
#include "collect/query.h"

/* A writer that was interrupted is not waited for: each field it left was true a moment ago. */
#define MAX_READS 100

StaticAssertDecl(ACTIVITY_NAME_SIZE == NAMEDATALEN, "names do not fit the key");
StaticAssertDecl(ACTIVITY_WORKER_SIZE == BGW_MAXLEN, "types of workers do not fit the key");

/* Of the collector, between its reports; untouched memory in every other process. */
static ActivityTally running;
static TimestampTz	 running_since = 0; /* 0: nothing has been seen yet */

typedef struct ActivityNames
{
	const char *database; /* NULL: unknown */
	const char *user;
	const char *application;
	const char *backend_type;
	const char *wait_event_type;
	const char *wait_event;
} ActivityNames;

struct ActivityReport
{
	ActivityTally *tally;
	TimestampTz	   read_at;
	int64		   interval_ms;					 /* 0: unknown */
	ActivityNames  names[FLEXIBLE_ARRAY_MEMBER]; /* of tally->counts */
};

/* ---- one look ---- */

/* False: the status is not, or no longer, that of the process. */
static bool
ReadStatus(volatile PgBackendStatus *status, int pid, ActivityKey *key)
{
	bool is_whole = false;
	bool is_its = false;

	for (int i = 0; i < MAX_READS && !is_whole; i++)
	{
		int before;
		int after;

		ActivityKeyClear(key);
		pgstat_begin_read_activity(status, before);
		is_its = status->st_procpid == pid;
		if (is_its)
		{
			key->database = status->st_databaseid;
			key->user = status->st_userid;
			key->backend_type = (uint16) status->st_backendType;
			key->state = (uint16) status->st_state;
			key->queryid = status->st_query_id;
			ActivityKeySetText(key->application, sizeof(key->application), status->st_appname);
		}
		pgstat_end_read_activity(status, after);
		is_whole = pgstat_read_activity_complete(before, after);
	}
	return is_its;
}

/* Who is idle waits for its client, and the statement it ran is over. */
static void
KeepWhatCounts(ActivityKey *key, uint32 wait_event)
{
	if (key->state == STATE_IDLE)
		key->queryid = 0;
	else
		key->wait_event = wait_event;
}

static bool
IsOurs(const char *worker)
{
	return strncmp(worker, "pganalytics ", strlen("pganalytics ")) == 0;
}

static void
SampleInto(ActivityTally *tally)
{
	for (int i = 0; i < ProcGlobal->allProcCount; i++)
	{
		PGPROC *proc = &ProcGlobal->allProcs[i];
		int		pid = *(volatile int *) &proc->procLatch.owner_pid; /* 0: free, unlike "pid" */
		PgBackendStatus *status;
		ActivityKey		 key;

		if (pid == 0 || pid == MyProcPid)
			continue;
		status = BackendStatusOfProc(i, pid);
		if (status == NULL || !ReadStatus(status, pid, &key))
			continue; /* on its way in or out */
		KeepWhatCounts(&key, *(volatile uint32 *) &proc->wait_event_info);
		if (key.backend_type == B_BG_WORKER)
		{
			const char *worker = GetBackgroundWorkerTypeByPid(pid);

			if (worker == NULL || IsOurs(worker))
				continue;
			ActivityKeySetText(key.worker, sizeof(key.worker), worker);
		}
		ActivityTallyAdd(tally, &key);
	}
	tally->samples++;
}

void
ActivitySample(void)
{
	if (running_since == 0)
		running_since = GetCurrentTimestamp();
	SampleInto(&running);
}

void
ActivityForget(void)
{
	if (running_since == 0)
		return;
	ActivityTallyReset(&running);
	running_since = 0;
}

/* ---- the report ---- */

static const char *
Utf8OrNull(const char *text)
{
	return text && text[0] ? TextToUtf8((char *) text) : NULL;
}

static const char *
NameOrNull(char *name)
{
	return name ? SharedNameToUtf8(name) : NULL;
}

static void
LookUpNames(const ActivityKey *key, ActivityNames *names)
{
	if (OidIsValid(key->database))
		names->database = NameOrNull(get_database_name(key->database));
	if (OidIsValid(key->user))
		names->user = NameOrNull(GetUserNameFromId(key->user, true));
	names->application = Utf8OrNull(key->application);
	names->backend_type = key->worker[0] ? Utf8OrNull(key->worker) :
										   GetBackendTypeDesc((BackendType) key->backend_type);
	names->wait_event_type = pgstat_get_wait_event_type(key->wait_event);
	names->wait_event = pgstat_get_wait_event(key->wait_event);
}

ActivityReport *
ActivityReportCreate(bool of_this_moment)
{
	ActivityTally  *tally = of_this_moment ? palloc0(sizeof(ActivityTally)) : &running;
	ActivityReport *report;

	if (of_this_moment)
		SampleInto(tally);
	else if (tally->samples == 0)
		ActivitySample();
	report = palloc0(offsetof(ActivityReport, names) + sizeof(ActivityNames) * tally->used);
	report->tally = tally;
	report->read_at = GetCurrentTimestamp();
	if (!of_this_moment)
		report->interval_ms = Max(0, (report->read_at - running_since) / 1000);
	for (int i = 0; i < tally->used; i++)
		LookUpNames(&tally->counts[i].key, &report->names[i]);
	return report;
}

void
ActivityReportValues(const ActivityReport *report, const Field *fields, Value *values)
{
	ValueSetInt(&values[FieldIndex(fields, "samples")], report->tally->samples);
	ValueSetInt(&values[FieldIndex(fields, "other")], report->tally->other);
	if (report->interval_ms > 0)
		ValueSetInt(&values[FieldIndex(fields, "interval_ms")], report->interval_ms);
}

static void
WriteState(JsonWriter *w, const ActivityCount *count, const ActivityNames *names)
{
	Value values[NUM_ACTIVITY_STATE_FIELDS] = {0};
	char  queryid[24];

	ValueSetText(&values[ACTIVITY_STATE_DATABASE], names->database);
	ValueSetText(&values[ACTIVITY_STATE_USER], names->user);
	ValueSetText(&values[ACTIVITY_STATE_APPLICATION], names->application);
	ValueSetText(&values[ACTIVITY_STATE_BACKEND_TYPE], names->backend_type);
	ValueSetText(&values[ACTIVITY_STATE_STATE], BackendStateName((BackendState) count->key.state));
	ValueSetText(&values[ACTIVITY_STATE_WAIT_EVENT_TYPE], names->wait_event_type);
	ValueSetText(&values[ACTIVITY_STATE_WAIT_EVENT], names->wait_event);
	if (count->key.queryid != 0)
	{
		snprintf(queryid, sizeof(queryid), INT64_FORMAT, (int64) count->key.queryid);
		ValueSetText(&values[ACTIVITY_STATE_QUERYID], queryid);
	}
	ValueSetInt(&values[ACTIVITY_STATE_COUNT], count->count);

	JsonObjectBegin(w, NULL);
	JsonFields(w, ActivityStateFields, values);
	JsonObjectEnd(w);
}

int
ActivityReportWrite(const ActivityReport *report, MetricStream *stream)
{
	ActivityTally *tally = report->tally;
	int			   rows = tally->used;

	MetricStreamArrayBegin(stream, "states");
	for (int i = 0; i < rows; i++)
		WriteState(MetricStreamArrayNext(stream, "states"), &tally->counts[i], &report->names[i]);
	MetricStreamArrayEnd(stream);
	if (tally == &running)
	{
		ActivityTallyReset(tally);
		running_since = report->read_at;
	}
	return rows;
}
