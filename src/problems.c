/*
 * problems.c
 *		What is wrong and what to do about it.
 *
 * Two sources: what the workers met (base/problem.h), and what can be told
 * from the settings and the shared state at the moment of asking.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker_internals.h"
#include "utils/guc.h"
#include "utils/lsyscache.h" /* get_database_name of 19 */
#include "utils/timestamp.h"

#include "base/inforce.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/url.h"
#include "base/worker.h"
#include "collect/probe_query.h"
#include "log/output.h"
#include "problems.h"
#include "spool/spool.h"

#define START_GRACE_MS 10000 /* after the server's start a worker may still be on its way */

static void Add(JsonWriter *w, const char *format, ...) pg_attribute_printf(2, 3);

static void
Add(JsonWriter *w, const char *format, ...)
{
	char	formatted[1024];
	char	text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(formatted, sizeof(formatted), format, args);
	va_end(args);
	SharedCopyText(text, sizeof(text), formatted);
	JsonText(w, NULL, text);
}

/* False: there are none, and no setting would help. */
static bool
ServerHasWorkers(JsonWriter *w)
{
	if (IsUnderPostmaster)
		return true;
	Add(w,
		"the server is in single-user mode, which has no background workers: nothing is collected "
		"or sent; stop it and start it as usual");
	return false;
}

static void
CheckWorker(JsonWriter *w, const char *name, const WorkerSlot *slot)
{
	if (slot->pid == 0 && slot->started_at != 0)
		Add(w,
			"the %s is not running; the server starts it again every 5 seconds, its log says "
			"why it ended",
			name);
}

/*
 * Are there enough worker processes?  At once by what is certain, a few
 * seconds after the start by who has not come.
 */
static void
CheckWorkerProcesses(JsonWriter *w)
{
	bool settled =
		TimestampDifferenceExceeds(Shared->initialized_at, GetCurrentTimestamp(), START_GRACE_MS);
	int			needed = WorkerProcessesNeeded();
	int			short_of = Max(0, needed - max_worker_processes);
	int			absent = Min(2, Max(0, short_of - Setting.visitors));
	const char *trouble = "databases cannot be visited";

	if (settled)
		absent = (Shared->collector.started_at == 0) + (Shared->sender.started_at == 0);
	if (absent == 0 && short_of == 0)
		return;
	if (absent > 0)
		needed = Max(needed, max_worker_processes + absent + Setting.visitors);
	if (absent == 2)
		trouble = "neither the collector nor the sender was started";
	else if (absent == 1)
		trouble = Shared->sender.started_at == 0 ? "the sender was never started" :
												   "the collector was never started";
	Add(w,
		"%s: \"max_worker_processes\" (%d) is too small; raise it to at least %d (2 + "
		"\"pganalytics.visitors\" for this extension, and those of others; on standbys first) and "
		"restart the server",
		trouble, max_worker_processes, needed);
}

static void
CheckDatabase(JsonWriter *w)
{
	if (Shared->connect_failures > 0 && !OidIsValid(get_database_oid(Setting.database, true)))
		Add(w,
			"database \"%s\" does not exist, so the collector cannot connect; set "
			"\"pganalytics.database\" to one that does and reload",
			Setting.database);
	else if (Shared->connect_failures > 1)
		Add(w,
			"the collector cannot connect to database \"%s\" (%d tries); the server log says why",
			Setting.database, Shared->connect_failures);
}

static void
CheckTracker(JsonWriter *w, const char *name, const char *what)
{
	const char *value = GetConfigOption(name, true, false);

	if (value == NULL || strcmp(value, "off") != 0)
		return;
	SPI_connect();
	if (SettingIsOfRoleOrDatabase(name))
		Add(w,
			"\"%s\" is off in database \"%s\" or for role \"%s\": %s are not known where it is; RESET "
			"it where ALTER ROLE or ALTER DATABASE has set it (\\drds of psql shows that)",
			name, get_database_name(MyDatabaseId), GetUserNameFromId(GetSessionUserId(), true),
			what);
	else
		Add(w, "\"%s\" is off: %s are not known; set it to on", name, what);
	SPI_finish();
}

/* It would have to be switched on again at the backend, which hears of it on schedule only. */
static void
CheckSwitchedOff(JsonWriter *w)
{
	const RemoteConfig *remote = RemoteInForce();
	bool				any_here = false;

	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (CollectorEnabled(i))
			return;
		any_here |= CollectorEnabledLocally(i);
	}
	/* what is switched off here is meant so */
	if (remote == NULL || !any_here)
		return;
	Add(w,
		"version " INT64_FORMAT " of the remote configuration leaves no collector switched on: "
		"nothing is collected; correct it at the backend and call pganalytics_pull_config(), or "
		"set \"pganalytics.remote_config\" to off",
		remote->version);
}

static void
CheckSettings(JsonWriter *w)
{
	Url url;

	/* otherwise the sender says so */
	if (Shared->sender.pid == 0 && Setting.backend_url[0] && !UrlParse(Setting.backend_url, &url))
		Add(w, "\"pganalytics.backend_url\" is not valid: %s", url.error);
	if (!BackendIsWanted())
		Add(w, "\"pganalytics.backend_url\" is not set: nothing is kept or sent");
	if (!Setting.tls_verify)
		Add(w,
			"\"pganalytics.tls_verify\" is off: the backend's certificate is not checked; set it "
			"to on, and \"pganalytics.tls_ca_file\" for a private authority");
	if (Setting.allow_http && pg_strncasecmp(Setting.backend_url, "http://", 7) == 0)
		Add(w,
			"\"pganalytics.backend_url\" is http://: metrics and tokens travel in the clear; use "
			"https://");
	if (RecoveryInProgress() && Setting.collector_id[0] &&
		strstr(Setting.collector_id, "%h") == NULL)
		Add(w,
			"\"pganalytics.collector_id\" is fixed and this is a standby: it may be the id of the "
			"primary as well; use %%h in it, or leave it empty");
	if (SpoolIsVolatile())
		Add(w,
			"\"pganalytics.state_directory\" is in memory (tmpfs): a reboot loses the batches that "
			"wait there (" UINT64_FORMAT " now), the counts of those dropped, the position in the "
			"server log and a registration; set it to a directory on disk",
			pg_atomic_read_u64(&Shared->batches));
	if (CollectorEnabled(COLLECTOR_PG_LOG) && !LogIsEnglish())
		Add(w,
			"\"lc_messages\" is \"%s\": entries of the server log are understood in English; in "
			"other languages only what SQLSTATE tells is known, without names and numbers, so "
			"checkpoints, slow statements and the like are not; set it to C",
			LogLanguage());
	CheckTracker(w, "track_counts", "counters of tables and indexes, and autovacuum's needs");
	CheckTracker(w, "track_activities", "active and idle-in-transaction times");
	CheckTracker(w, "track_io_timing", "read and write times");
}

/* An extension that was not updated after the library, or the other way round. */
static void
CheckVersion(JsonWriter *w)
{
	char *version = NULL;

	SPI_connect();
	if (SPI_execute("SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'pganalytics'",
					true, 1) == SPI_OK_SELECT &&
		SPI_processed == 1)
		version = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (version && strcmp(version, PGANALYTICS_SQL_VERSION) != 0)
		Add(w,
			"the extension in this database is version %s, the library %s: run ALTER EXTENSION "
			"pganalytics UPDATE, or restart the server if the library is the older one",
			version, PGANALYTICS_SQL_VERSION);
	SPI_finish();
}

static void
CheckCollectors(JsonWriter *w)
{
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		CollectorSlot slot;

		LWLockAcquire(Shared->lock, LW_SHARED);
		slot = Shared->collectors[i];
		LWLockRelease(Shared->lock);
		if (slot.completed_error[0] == '\0')
			continue;
		if (slot.last_error_database[0])
			Add(w, "the last run of %s failed in part, in database \"%s\": %s", Collectors[i].name,
				slot.last_error_database, slot.completed_error);
		else
			Add(w, "the last run of %s failed in part: %s", Collectors[i].name,
				slot.completed_error);
	}
}

static void
CheckCustom(JsonWriter *w)
{
	for (int i = 0; i < MAX_CUSTOM; i++)
	{
		CustomSlot *slot = &Shared->custom[i];
		bool		ended_a_visit;
		char		name[NAMEDATALEN];
		char		database[NAMEDATALEN];

		LWLockAcquire(Shared->lock, LW_SHARED);
		ended_a_visit = OidIsValid(slot->ended_visit_to);
		strlcpy(name, slot->name, sizeof(name));
		strlcpy(database, slot->last_error_database, sizeof(database));
		LWLockRelease(Shared->lock);
		if (ended_a_visit)
			Add(w,
				"custom collector \"%s\" takes no cancellation in database \"%s\": its visits are "
				"ended with their process, and it is run less and less often; mend its query (a "
				"function that catches query_canceled?), or remove it by "
				"pganalytics_remove_custom_collector()",
				name, database);
	}
}

/* One that takes nothing at all: PostgreSQL has no means against it. */
static void
CheckVisitors(JsonWriter *w)
{
	for (int i = 0; i < MAX_VISITORS; i++)
	{
		VisitorSlot *slot = &Shared->visitors[i];
		bool		 is_stuck;
		pid_t		 pid;
		char		 database[NAMEDATALEN];

		LWLockAcquire(Shared->lock, LW_SHARED);
		pid = slot->worker.pid;
		is_stuck = VisitIsStuck(slot, GetCurrentTimestamp());
		strlcpy(database, slot->database_name, sizeof(database));
		LWLockRelease(Shared->lock);
		if (is_stuck)
			Add(w,
				"the visit to database \"%s\" (process %d) does not end: a custom collector runs "
				"what nothing can interrupt; only a restart of the server, in mode immediate, "
				"ends it",
				database, (int) pid);
	}
}

void
WriteProblems(JsonWriter *w)
{
	if (Shared == NULL)
	{
		Add(w,
			"pganalytics is not in \"shared_preload_libraries\": nothing is collected; add it at "
			"the end of that list, as in 'pg_stat_statements,pganalytics', and restart the server");
		CheckVersion(w);
		return;
	}

	for (int i = 0; i < NUM_PROBLEMS; i++)
	{
		ProblemSlot problem;

		LWLockAcquire(Shared->lock, LW_SHARED);
		problem = Shared->problems[i];
		LWLockRelease(Shared->lock);
		if (problem.code != 0)
			JsonText(w, NULL, problem.text);
	}
	if (ServerHasWorkers(w))
	{
		CheckWorker(w, "collector", &Shared->collector);
		CheckWorker(w, "sender", &Shared->sender);
		CheckWorkerProcesses(w);
		CheckDatabase(w);
	}
	CheckSettings(w);
	CheckSwitchedOff(w);
	CheckVersion(w);
	CheckCollectors(w);
	CheckCustom(w);
	CheckVisitors(w);
}
