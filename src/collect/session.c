/*
 * session.c
 *		Session settings of the workers.
 *
 * ALTER DATABASE and ALTER ROLE settings apply to background workers as well:
 * without this, "ALTER DATABASE app SET jit_above_cost = 0" or a role's
 * search_path would decide what a collector costs and which operators it
 * calls.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "collect/session.h"

typedef struct SessionSetting
{
	const char *name;
	const char *value;
} SessionSetting;

/* Not every version or server has all of them. */
static const SessionSetting forced[] = {
	{"search_path", ""},
	{"role", "none"},
	{"row_security", "on"},
	{"session_replication_role", "origin"},
	{"default_transaction_isolation", "read committed"},
	{"default_transaction_read_only", "on"},
	{"default_transaction_deferrable", "off"},
	{"exit_on_error", "off"},

	/* timeouts: armed by the probes; these would only disturb */
	{"statement_timeout", "0"},
	{"transaction_timeout", "0"},
	{"idle_in_transaction_session_timeout", "0"},
	{"idle_session_timeout", "0"},

	/* cost */
	{"jit", "off"},
	{"max_parallel_workers_per_gather", "0"},
	{"force_parallel_mode", "off"},
	{"debug_parallel_query", "off"},
	{"work_mem", "4MB"},
	{"hash_mem_multiplier", "2"},
	{"stats_fetch_consistency", "none"},
	{"plan_cache_mode", "auto"},

	/* plans: nobody's experiments */
	{"enable_async_append", "on"},
	{"enable_bitmapscan", "on"},
	{"enable_gathermerge", "on"},
	{"enable_hashagg", "on"},
	{"enable_hashjoin", "on"},
	{"enable_incremental_sort", "on"},
	{"enable_indexonlyscan", "on"},
	{"enable_indexscan", "on"},
	{"enable_material", "on"},
	{"enable_memoize", "on"},
	{"enable_mergejoin", "on"},
	{"enable_nestloop", "on"},
	{"enable_seqscan", "on"},
	{"enable_sort", "on"},
	{"enable_tidscan", "on"},
	{"geqo", "on"},

	/* text forms */
	{"TimeZone", "UTC"},
	{"DateStyle", "ISO, MDY"},
	{"IntervalStyle", "postgres"},
	{"extra_float_digits", "1"},
	{"bytea_output", "hex"},
	{"lc_messages", "C"},
};

/* Also in somebody's session, for as long as our queries run there. */
static const SessionSetting borrowed[] = {
	/* what they mean */
	{"standard_conforming_strings", "on"},
	{"transform_null_equals", "off"},
	{"quote_all_identifiers", "off"},

	/* our own work does not show in what we report */
	{"pg_stat_statements.track", "none"},
	{"auto_explain.log_min_duration", "-1"},
	{"log_duration", "off"},
	{"log_min_duration_statement", "-1"},
	{"log_temp_files", "-1"},
	{"log_parser_stats", "off"},
	{"log_planner_stats", "off"},
	{"log_executor_stats", "off"},
	{"debug_print_parse", "off"},
	{"debug_print_rewritten", "off"},
	{"debug_print_plan", "off"},
};

static void
Force(const char *name, const char *value)
{
	if (GetConfigOption(name, true, false) != NULL)
		SetConfigOption(name, value, PGC_SUSET, PGC_S_SESSION);
}

/* As long as there is no user, the source may be none that asks who it is. */
static void
ForceWithoutUser(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

void
SessionPrepare(const char *application_name)
{
	/* the owner of a database can set "session_authorization" for it: we would see what he sees */
	SetSessionAuthorization(GetAuthenticatedUserId(), true);
	for (int i = 0; i < lengthof(forced); i++)
		Force(forced[i].name, forced[i].value);
	for (int i = 0; i < lengthof(borrowed); i++)
		Force(borrowed[i].name, borrowed[i].value);
	Force("application_name", application_name);
}

void
SessionBorrow(void)
{
	for (int i = 0; i < lengthof(borrowed); i++)
	{
		if (GetConfigOption(borrowed[i].name, true, false) != NULL)
			(void) set_config_option(borrowed[i].name, borrowed[i].value, PGC_SUSET, PGC_S_SESSION,
									 GUC_ACTION_SAVE, true, 0, false);
	}
}

void
SessionBeforeConnecting(int lock_timeout_ms)
{
	const char *level = GetConfigOption("log_min_messages", false, false);
	char		timeout[16];

	/* LOG, by which problems are told, is above ERROR there */
	if (strcmp(level, "fatal") != 0 && strcmp(level, "panic") != 0)
		ForceWithoutUser("log_min_messages", "error");
	snprintf(timeout, sizeof(timeout), "%d", lock_timeout_ms);
	ForceWithoutUser("lock_timeout", timeout);
}

void
SessionSetLockTimeout(int timeout_ms)
{
	char timeout[16];

	snprintf(timeout, sizeof(timeout), "%d", timeout_ms);
	Force("lock_timeout", timeout);
}
