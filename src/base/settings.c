/*
 * settings.c
 *		The tables of settings and what they accept.
 *
 * A setting is one row here.  Check hooks refuse what can never be right.
 * Two kinds of mistakes pass them on purpose: a file that does not exist may
 * be there a minute later, and a URL that cannot be used is refused only
 * when a person types it (ALTER SYSTEM).  From postgresql.conf PostgreSQL
 * would silently fall back to the default, which here means "send nothing";
 * the sender reports it instead, see DELIVERY_MISCONFIGURED.
 *
 * A URL with a password in it must appear nowhere.  PostgreSQL shows values in
 * pg_settings, and logs those that a reload changes and those that are
 * refused.  So such a one is accepted, but the old value takes its place; an
 * assign hook notes that the sender has something to report.
 */
#include "postgres.h"

#include <limits.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "parser/scansup.h"
#include "tcop/pquery.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/credentials.h"
#include "base/settings.h"
#include "base/url.h"

Settings Setting;

typedef struct BoolSetting
{
	const char *name;
	const char *what;
	const char *more;
	bool	   *value;
	bool		boot;
} BoolSetting;

typedef struct IntSetting
{
	const char *name;
	const char *what;
	const char *more;
	int		   *value;
	int			boot;
	int			min;
	int			max;
	int			flags;
} IntSetting;

typedef struct StringSetting
{
	const char		   *name;
	const char		   *what;
	const char		   *more;
	char			  **value;
	const char		   *boot;
	int					flags;
	GucStringCheckHook	check;
	GucStringAssignHook assign;
} StringSetting;

/* ---- lists and patterns ---- */

/* Calls each word of a comma-separated list; stops at the first for which visit returns false. */
static bool
ForEachWord(const char *list, bool (*visit)(const char *word, size_t len, void *arg), void *arg)
{
	const char *p = list;

	while (*p)
	{
		const char *end;
		const char *next = strchr(p, ',');

		if (next == NULL)
			next = p + strlen(p);
		end = next;
		while (p < end && scanner_isspace(*p))
			p++;
		while (end > p && scanner_isspace(end[-1]))
			end--;
		if (end > p && !visit(p, end - p, arg))
			return false;
		p = *next ? next + 1 : next;
	}
	return true;
}

static bool
WordDiffers(const char *word, size_t len, void *arg)
{
	const char *wanted = arg;

	return strlen(wanted) != len || pg_strncasecmp(word, wanted, len) != 0;
}

bool
ListContains(const char *list, const char *word)
{
	return !ForEachWord(list, WordDiffers, (void *) word);
}

/* Glob match of * and ?; linear, by remembering only the last star. */
static bool
PatternMatches(const char *pattern, size_t pattern_len, const char *name)
{
	const char *p = pattern;
	const char *end = pattern + pattern_len;
	const char *star = NULL;
	const char *star_name = NULL;

	while (*name)
	{
		if (p < end && *p == '*')
		{
			star = ++p;
			star_name = name;
		}
		else if (p < end && (*p == '?' || *p == *name))
		{
			p++;
			name++;
		}
		else if (star)
		{
			p = star;
			name = ++star_name;
		}
		else
			return false;
	}
	while (p < end && *p == '*')
		p++;
	return p == end;
}

static bool
PatternFails(const char *word, size_t len, void *arg)
{
	return !PatternMatches(word, len, arg);
}

bool
PatternListMatches(const char *list, const char *name)
{
	return !ForEachWord(list, PatternFails, (void *) name);
}

bool
BackendIsWanted(void)
{
	return Setting.backend_url[0] != '\0' || Setting.backend_url_refused;
}

/* ---- check hooks ---- */

/* ALTER SYSTEM runs; whoever reads postgresql.conf may be in a transaction as well. */
static bool
IsTypedByPerson(void)
{
	return IsTransactionState() && ActivePortal != NULL &&
		ActivePortal->commandTag == CMDTAG_ALTER_SYSTEM;
}

/* Puts the value in force in the place of one with a password; *extra tells the assign hook. */
static bool
HidePassword(char **newval, void **extra, const char *in_force)
{
	size_t size;
	char  *copy;

	if (in_force == NULL)
		in_force = "";
	size = strlen(in_force) + 1;
	copy = guc_malloc(LOG, size);
	*extra = guc_malloc(LOG, 1);
	if (copy == NULL || *extra == NULL)
	{
		guc_free(copy);
		return false;
	}
	memcpy(copy, in_force, size);
	explicit_bzero(*newval, strlen(*newval));
	guc_free(*newval);
	*newval = copy;
	return true;
}

/* name and in_force of the setting, hint for one that is no URL at all */
static bool
CheckUrl(char **newval, void **extra, const char *name, const char *in_force, const char *hint)
{
	Url	 url;
	bool may_hold_secret;

	if (**newval == '\0' || UrlParse(*newval, &url))
		return true;
	/* a query is where tokens are put */
	may_hold_secret = url.has_credentials || strchr(*newval, '?') != NULL;
	if (!IsTypedByPerson())
		return may_hold_secret ? HidePassword(newval, extra, in_force) : true;
	if (may_hold_secret)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for parameter \"%s\"", name),
				 errdetail("The URL is not usable: %s.", url.error),
				 errhint("Name files in \"pganalytics.jwt_secret_file\" or "
						 "\"pganalytics.tls_key_file\" instead."),
				 errhidestmt(true)));
	GUC_check_errdetail("The URL is not usable: %s.", url.error);
	if (hint)
		GUC_check_errhint("%s", hint);
	return false;
}

static bool
CheckBackendUrl(char **newval, void **extra, GucSource source)
{
	return CheckUrl(newval, extra, "pganalytics.backend_url", Setting.backend_url, NULL);
}

static void
AssignBackendUrl(const char *newval, void *extra)
{
	Setting.backend_url_refused = extra != NULL;
}

static bool
CheckProxy(char **newval, void **extra, GucSource source)
{
	return CheckUrl(newval, extra, "pganalytics.proxy", Setting.proxy,
					"A proxy is given as \"http://host:port\".");
}

static void
AssignProxy(const char *newval, void *extra)
{
	Setting.proxy_refused = extra != NULL;
}

/*
 * Goes into HTTP headers, file names and JSON: nothing but ASCII, which isalnum()
 * does not promise.
 */
static bool
CheckIdentifier(char **newval, void **extra, GucSource source)
{
	size_t len = strlen(*newval);

	if (len > 128)
	{
		GUC_check_errdetail("It is longer than 128 bytes.");
		return false;
	}
	if (len > 0 && !CollectorIdIsValid(*newval))
	{
		GUC_check_errdetail("Only letters, digits and the characters - . _ : @ %% are allowed.");
		return false;
	}
	return true;
}

static bool
CheckDatabase(char **newval, void **extra, GucSource source)
{
	size_t len = strlen(*newval);

	if (len > 0 && len < NAMEDATALEN)
		return true;
	GUC_check_errdetail("A database name has 1 to %d bytes.", NAMEDATALEN - 1);
	return false;
}

static bool
CheckPath(char **newval, void **extra, GucSource source)
{
	if (strlen(*newval) >= MAXPGPATH - 128)
	{
		GUC_check_errdetail("The path is longer than %d bytes.", MAXPGPATH - 129);
		return false;
	}
	for (const char *p = *newval; *p; p++)
	{
		if ((unsigned char) *p < ' ')
		{
			GUC_check_errdetail("The path contains a control character.");
			return false;
		}
	}
	return true;
}

static bool
CheckStateDirectory(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0')
	{
		GUC_check_errdetail("A directory is needed to keep what has not been sent.");
		return false;
	}
	return CheckPath(newval, extra, source);
}

static bool
IsCollectorName(const char *word, size_t len, void *arg)
{
	if (len == 3 && pg_strncasecmp(word, "all", 3) == 0)
		return true;
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (!WordDiffers(word, len, (void *) Collectors[i].name))
			return true;
	}
	GUC_check_errdetail("There is no collector \"%.*s\".", (int) len, word);
	return false;
}

static bool
CheckCollectors(char **newval, void **extra, GucSource source)
{
	return ForEachWord(*newval, IsCollectorName, NULL);
}

static bool
IsSeverity(const char *word, size_t len, void *arg)
{
	static const char *const severities[] = {"all",		"DEBUG",  "DEBUG1", "DEBUG2", "DEBUG3",
											 "DEBUG4",	"DEBUG5", "LOG",	"INFO",	  "NOTICE",
											 "WARNING", "ERROR",  "FATAL",	"PANIC"};

	for (int i = 0; i < lengthof(severities); i++)
	{
		if (!WordDiffers(word, len, (void *) severities[i]))
			return true;
	}
	GUC_check_errdetail("There is no severity \"%.*s\".", (int) len, word);
	return false;
}

static bool
CheckSeverities(char **newval, void **extra, GucSource source)
{
	return ForEachWord(*newval, IsSeverity, NULL);
}

/* ---- the tables ---- */

static const struct config_enum_entry log_sources[] = {{"auto", LOG_SOURCE_AUTO, false},
													   {"file", LOG_SOURCE_FILE, false},
													   {"hook", LOG_SOURCE_HOOK, false},
													   {NULL, 0, false}};

#define DAY (24 * 60 * 60)
#define SECRET GUC_SUPERUSER_ONLY

static const BoolSetting bool_settings[] = {
	{"pganalytics.remote_config", "Accepts the remote configuration of the backend.",
	 "It can lengthen intervals, switch collectors off and narrow the log filters; off returns to "
	 "the local settings at once.",
	 &Setting.remote_config, true},
	{"pganalytics.tls_verify", "Verifies the backend's certificate and host name.",
	 "Off leaves the connection open to anyone in between; the status lists it as a problem.",
	 &Setting.tls_verify, true},
	{"pganalytics.allow_http", "Accepts a backend URL that begins with http://.",
	 "For tests, or a proxy on the same host that adds TLS; the status lists it as a problem.",
	 &Setting.allow_http, false},
	{"pganalytics.spool_sync", "Forces batches to disk before they count as kept.",
	 "Off loses the last batches when the machine (not only the server) crashes.",
	 &Setting.spool_sync, true},
};

/* In the order of LogRedact in log/redact.h. */
static const struct config_enum_entry log_redact_options[] = {
	{"none", 0, false}, {"parameters", 1, false}, {"statements", 2, false}, {NULL, 0, false}};

static const IntSetting int_settings[] = {
	{"pganalytics.interval",
	 "Lower bound for the interval of every collector without one of its own.",
	 "0 leaves each collector its default.", &Setting.interval_s, 0, 0, DAY, GUC_UNIT_S},
	{"pganalytics.push_interval", "Longest time a finished batch waits before it is sent.",
	 "0 sends each batch at once.", &Setting.push_interval_s, 60, 0, 3600, GUC_UNIT_S},
	{"pganalytics.config_pull_interval", "Time between two looks at the remote configuration.",
	 "0 never looks by itself.", &Setting.config_pull_interval_s, 3600, 0, DAY, GUC_UNIT_S},
	{"pganalytics.jwt_lifetime", "How long a self-signed token is valid.",
	 "A new one is made at 80 % of it.", &Setting.jwt_lifetime_s, 15 * 60, 60, DAY, GUC_UNIT_S},
	{"pganalytics.connect_timeout", "Longest time to connect to the backend, TLS included.", NULL,
	 &Setting.connect_timeout_ms, 5000, 100, 5 * 60 * 1000, GUC_UNIT_MS},
	{"pganalytics.request_timeout", "Longest time for one request to the backend.", NULL,
	 &Setting.request_timeout_ms, 30000, 1000, 60 * 60 * 1000, GUC_UNIT_MS},
	{"pganalytics.compression_level", "Level of gzip compression.", "1 is fastest, 9 is smallest.",
	 &Setting.compression_level, 6, 1, 9, 0},
	{"pganalytics.spool_max_size", "Most disk space that waiting batches may take.",
	 "Beyond it the oldest are dropped and counted.", &Setting.spool_max_size_mb, 256, 1,
	 1024 * 1024, GUC_UNIT_MB},
	{"pganalytics.spool_max_age", "Longest time a batch is kept when it cannot be sent.",
	 "Older ones are dropped and counted.", &Setting.spool_max_age_s, 3 * DAY, 60, 365 * DAY,
	 GUC_UNIT_S},
	{"pganalytics.spool_min_free", "Free disk space that the spool leaves to others.",
	 "To keep it the oldest batches are dropped and counted. Where dropping all of them would not "
	 "be enough, because others fill the disk, they stay and new ones are not kept.",
	 &Setting.spool_min_free_mb, 512, 0, 1024 * 1024, GUC_UNIT_MB},
	{"pganalytics.batch_max_size",
	 "Size of the JSON at which a batch is closed and the next begun.", NULL,
	 &Setting.batch_max_size_kb, 4096, 64, 64 * 1024, GUC_UNIT_KB},
	{"pganalytics.statement_timeout", "Longest time one query of a collector may run.", NULL,
	 &Setting.statement_timeout_ms, 5000, 10, 10 * 60 * 1000, GUC_UNIT_MS},
	{"pganalytics.lock_timeout", "Longest time a query of a collector waits for a lock.", NULL,
	 &Setting.lock_timeout_ms, 100, 1, 60 * 1000, GUC_UNIT_MS},
	{"pganalytics.max_relations", "Most tables reported per database and cycle.",
	 "Their indexes follow; user tables come before catalogues, busy ones before idle ones. "
	 "0 means no limit.",
	 &Setting.max_relations, 10000, 0, INT_MAX, 0},
	{"pganalytics.max_cpu_percent",
	 "CPU that all our processes together may use, in percent of one core.",
	 "Averaged over a minute; beyond it collectors are delayed, which the status tells.  0: no limit.",
	 &Setting.max_cpu_percent, 5, 0, 100, 0},
	{"pganalytics.full_snapshot_interval", "Time between two full snapshots of pg_stats.",
	 "In between only relations are sent that differ from the last full one.  0: always full.",
	 &Setting.full_snapshot_interval_s, 10 * 60, 0, DAY, GUC_UNIT_S},
	{"pganalytics.max_statements", "Most statements reported per database and cycle.",
	 "Those whose time grew most since the last cycle come first.  0 means no limit.",
	 &Setting.max_statements, 500, 0, INT_MAX, 0},
	{"pganalytics.query_text_size", "Size at which the text of a statement is cut.",
	 "0 sends no text at all.", &Setting.query_text_size, 2048, 0, 1024 * 1024, GUC_UNIT_BYTE},
	{"pganalytics.activity_sample_interval", "Time between two looks at what the backends do.",
	 "What is seen is summed up for pg_activity, at most 300 looks a report; the collector wakes "
	 "up for each.  Only where pg_activity is enabled.",
	 &Setting.activity_sample_interval_ms, 1000, 100, 60 * 1000, GUC_UNIT_MS},
	{"pganalytics.custom_row_limit", "Most rows of one run of a custom collector.",
	 "What is left out is told by \"truncated\" in the metric.", &Setting.custom_row_limit, 1000, 1,
	 1000000, 0},
	{"pganalytics.visitors", "Databases visited at the same time.",
	 "Each takes one of \"max_worker_processes\" while it lasts.", &Setting.visitors, 1, 1, 8, 0},
	{"pganalytics.log_max_rate", "Entries of the server log read per second.",
	 "A backlog is read at this rate.", &Setting.log_max_rate, 1000, 1, 1000000, 0},
	{"pganalytics.log_entry_size", "Size at which an entry of the server log is cut.", NULL,
	 &Setting.log_entry_size_kb, 8, 1, 1024, GUC_UNIT_KB},
	{"pganalytics.drain_rate", "Bytes a second that are sent at most.",
	 "Keeps a backlog from filling the line.  0 means no limit.", &Setting.drain_rate_kb, 4096, 0,
	 1024 * 1024, GUC_UNIT_KB},
};

static const StringSetting string_settings[] = {
	{"pganalytics.backend_url", "Base URL of the backend, https://host[:port][/prefix].",
	 "Empty: nothing is kept or sent; the collectors still run.", &Setting.backend_url, "", SECRET,
	 CheckBackendUrl, AssignBackendUrl},
	{"pganalytics.collector_id", "Name of this server towards the backend.",
	 "%h stands for the host name.  Empty: made from system identifier, host name and port.",
	 &Setting.collector_id, "", 0, CheckIdentifier},
	{"pganalytics.hostname", "Host name as reported.", "Empty: that of the operating system.",
	 &Setting.hostname, "", 0, CheckIdentifier},
	{"pganalytics.database", "Database that the collector connects to.", NULL, &Setting.database,
	 "postgres", 0, CheckDatabase},
	{"pganalytics.databases", "Databases to visit, a list of patterns with * and ?.",
	 "Templates and databases that allow no connections are never visited.", &Setting.databases,
	 "*", 0, NULL},
	{"pganalytics.exclude_databases", "Databases not to visit, a list of patterns with * and ?.",
	 NULL, &Setting.exclude_databases, "", 0, NULL},
	{"pganalytics.enabled_collectors", "Collectors that run: a list of types, or all.", NULL,
	 &Setting.enabled_collectors, "all", 0, CheckCollectors},
	{"pganalytics.tls_ca_file",
	 "PEM file of the authorities that the backend's certificate is "
	 "checked against.",
	 "Empty: those of the operating system.", &Setting.tls_ca_file, "", SECRET, CheckPath},
	{"pganalytics.tls_cert_file", "PEM file of the client certificate.", NULL,
	 &Setting.tls_cert_file, "", SECRET, CheckPath},
	{"pganalytics.tls_key_file", "PEM file of the client certificate's key.",
	 "Group and others must have no access to it.", &Setting.tls_key_file, "", SECRET, CheckPath},
	{"pganalytics.proxy", "Proxy to reach the backend by, http://host:port.",
	 "The environment's proxy variables are not looked at.", &Setting.proxy, "", SECRET, CheckProxy,
	 AssignProxy},
	{"pganalytics.jwt_secret_file", "File of the secret that tokens are signed with (HS256).",
	 "At least 32 bytes; group and others must have no access to it.", &Setting.jwt_secret_file, "",
	 SECRET, CheckPath},
	{"pganalytics.registration_secret_file", "File of the secret that this server registers with.",
	 "Group and others must have no access to it.", &Setting.registration_secret_file, "", SECRET,
	 CheckPath},
	{"pganalytics.log_filters", "Severities of the server log that are sent, or all.",
	 "What the classifier knows (checkpoints, slow statements, ...) is always sent.",
	 &Setting.log_filters, "WARNING,ERROR,FATAL,PANIC", 0, CheckSeverities},
};

void
SettingsInit(void)
{
	/* in a session's LOAD the value could no longer be fixed at server start */
	GucContext at_start =
		process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;

	for (int i = 0; i < lengthof(bool_settings); i++)
	{
		const BoolSetting *s = &bool_settings[i];

		DefineCustomBoolVariable(s->name, s->what, s->more, s->value, s->boot, PGC_SIGHUP, 0, NULL,
								 NULL, NULL);
	}
	for (int i = 0; i < lengthof(int_settings); i++)
	{
		const IntSetting *s = &int_settings[i];

		DefineCustomIntVariable(s->name, s->what, s->more, s->value, s->boot, s->min, s->max,
								PGC_SIGHUP, s->flags, NULL, NULL, NULL);
	}
	for (int i = 0; i < lengthof(string_settings); i++)
	{
		const StringSetting *s = &string_settings[i];

		DefineCustomStringVariable(s->name, s->what, s->more, s->value, s->boot, PGC_SIGHUP,
								   s->flags, s->check, s->assign, NULL);
	}
	DefineCustomEnumVariable(
		"pganalytics.log_redact", "What is masked in entries of the server log.",
		"none: passwords; parameters: also bind values, values in messages, "
		"DETAIL and CONTEXT, and constants of statements; statements: also no "
		"statement at all.",
		&Setting.log_redact, 1, log_redact_options, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable(
		"pganalytics.state_directory",
		"Directory of the spool, absolute or relative to the data directory.",
		"Created with mode 0700; one per server.", &Setting.state_directory,
		"pg_stat_tmp/pganalytics", at_start, SECRET, CheckStateDirectory, NULL, NULL);
	DefineCustomEnumVariable("pganalytics.log_source", "Where the server log is read.",
							 "auto: files where \"logging_collector\" is on, else a hook in the "
							 "processes of the server, which misses what the postmaster says.",
							 &Setting.log_source, LOG_SOURCE_AUTO, log_sources, at_start, 0, NULL,
							 NULL, NULL);
	DefineCustomIntVariable(
		"pganalytics.log_ring_size", "Shared memory for entries that the hook has taken.",
		"Entries beyond it are dropped and counted.  Taken only where the hook "
		"is used.",
		&Setting.log_ring_size_kb, 1024, 64, 1024 * 1024, at_start, GUC_UNIT_KB, NULL, NULL, NULL);

	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		char name[NAMEDATALEN];
		char what[128];

		snprintf(name, sizeof(name), "pganalytics.%s_interval", Collectors[i].name);
		snprintf(what, sizeof(what), "Time between two runs of the collector %s.",
				 Collectors[i].name);
		/* the table of settings keeps pointers */
		DefineCustomIntVariable(MemoryContextStrdup(TopMemoryContext, name),
								MemoryContextStrdup(TopMemoryContext, what),
								"0: the larger of the collector's default and "
								"\"pganalytics.interval\".",
								&Setting.collector_interval_s[i], 0, 0, DAY, PGC_SIGHUP, GUC_UNIT_S,
								NULL, NULL, NULL);
	}
	MarkGUCPrefixReserved("pganalytics");
}
