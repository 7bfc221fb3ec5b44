/*
 * pg_settings_probes.c
 *		pg_settings: settings that differ from their defaults.
 *
 * What is reported is the server's value, not this session's.  The workers force
 * some settings on themselves (session.c), and a user of pganalytics_sample()
 * may have set more; for those reset_val is what the server, the database or
 * the role would give, and it has to be found out which.
 *
 * Values that may hold a secret are not sent.  Pure C.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

/* SQL as it reads best */
/* clang-format off */

#define MASK "'********'"

/* Of the server: connection strings, and commands, which may hold credentials. */
#define SECRETS_OF_SERVER \
	"'primary_conninfo', 'ssl_passphrase_command', 'archive_command', 'restore_command', " \
	"'archive_cleanup_command', 'recovery_end_command'"

/* Of extensions, whose settings nobody can know. */
#define SECRET_NAME \
	"'pass|pwd|secret|token|key|cred|auth|conninfo|connstr|connection_string|dsn|salt|licen[cs]e'"

/* In any other text: "password=…" of a connection string, and the user's part of a URL. */
#define SECRET_WORD \
	"'([[:alnum:]_]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|api_?key|access_?key)\\s*=\\s*)" \
	"(?:''(?:\\\\.|[^''\\\\])*''|\"[^\"]*\"|[^\\s,;&]+)'"
#define SECRET_IN_URL "'(://[^:/@\\s]*:)\\S*@'"

#define VALUE \
	"CASE WHEN NOT s.is_own THEN s.setting WHEN r.source IS NULL THEN s.reset_val ELSE r.setting END"
#define MASKED_VALUE \
	"CASE WHEN s.vartype <> 'string' OR " VALUE " = '' THEN " VALUE " " \
	"WHEN s.name IN (" SECRETS_OF_SERVER ") OR s.name ~ '[.]' AND s.name ~* " SECRET_NAME " " \
	"THEN " MASK " ELSE pg_catalog.regexp_replace(pg_catalog.regexp_replace(" VALUE ", " \
	SECRET_WORD ", '\\1********', 'gi'), " SECRET_IN_URL ", '\\1********@', 'g') END"

static const Field setting_fields[] = {
	{"name", FIELD_TEXT, NULL, true, 0, 0, "s.name"},
	{"setting", FIELD_TEXT, NULL, false, 0, 0, MASKED_VALUE},
	{"unit", FIELD_TEXT, NULL, false, 0, 0, "CASE WHEN r.source IS NULL THEN s.unit END"},
	{"source", FIELD_TEXT, NULL, true, 0, 0,
	 "CASE WHEN NOT s.is_own THEN s.source ELSE coalesce(r.source, f.source, 'command line') END"},
	{"sourcefile", FIELD_TEXT, NULL, false, 0, 0,
	 "CASE WHEN NOT s.is_own THEN s.sourcefile WHEN r.source IS NULL THEN f.sourcefile END"},
	{"pending_restart", FIELD_BOOL, NULL, true, 0, 0, "s.pending_restart"},
	FIELDS_END
};

/* ALTER DATABASE and ALTER ROLE, the strongest one: as it was typed, since a session keeps what it began with. */
#define OF_ROLE \
	"LATERAL (SELECT CASE WHEN d.setrole = 0 AND d.setdatabase = 0 THEN 'global' " \
	"WHEN d.setrole = 0 THEN 'database' WHEN d.setdatabase = 0 THEN 'user' " \
	"ELSE 'database user' END AS source, " \
	"pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1) AS setting " \
	"FROM pg_catalog.pg_db_role_setting d, pg_catalog.unnest(d.setconfig) o " \
	"WHERE s.is_own AND d.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database " \
	"WHERE datname = pg_catalog.current_database())) " \
	"AND d.setrole IN (0, pg_catalog.to_regrole(pg_catalog.quote_ident(session_user))::oid) " \
	"AND pg_catalog.lower(pg_catalog.split_part(o, '=', 1)) = pg_catalog.lower(s.name) " \
	"ORDER BY d.setrole <> 0 DESC, d.setdatabase <> 0 DESC LIMIT 1) r ON true"

/* Which file?  Only a superuser may read them. */
#define OF_FILE \
	"(SELECT pg_catalog.lower(name) AS name, 'configuration file' AS source, " \
	"pg_catalog.max(sourcefile) FILTER (WHERE applied) AS sourcefile " \
	"FROM pg_catalog.pg_file_settings GROUP BY 1) f ON s.is_own AND f.name = pg_catalog.lower(s.name)"
#define OF_UNKNOWN_FILE \
	"(SELECT 'configuration file' AS source, NULL AS sourcefile) f ON true"

/*
 * "client" is this session alone; "override" what the server has found out for itself,
 * which says something only where it was at its start.
 */
#define SETTINGS(of_file) \
	"(SELECT *, source IN ('session', 'interactive') AS is_own FROM pg_catalog.pg_settings) s " \
	"LEFT JOIN " OF_ROLE " LEFT JOIN " of_file " " \
	"WHERE s.pending_restart OR CASE WHEN s.is_own " \
	"THEN r.source IS NOT NULL OR s.reset_val IS DISTINCT FROM s.boot_val " \
	"ELSE s.source NOT IN ('default', 'client', 'test', 'override') " \
	"OR (s.source = 'override' AND s.context = 'postmaster') END " \
	"ORDER BY s.name COLLATE pg_catalog.\"C\""

static const Probe settings_probe = {
	.key = "settings",
	.columns = setting_fields,
	.from = SETTINGS(OF_FILE),
	.reader = BY_SUPERUSER,
};

static const Probe readable_settings_probe = {
	.key = "settings",
	.columns = setting_fields,
	.from = SETTINGS(OF_UNKNOWN_FILE),
	.reader = BY_OTHERS,
};

const Field PgSettingsFields[] = {
	{"hash", FIELD_TEXT, NULL, false, 0, 0, "of all that follows"},
	{"unchanged", FIELD_BOOL, NULL, false, 0, 0,
	 "the same as in the last metric that had more than the hash"},
	{"settings", FIELD_OBJECTS, NULL, false, 0, 0, "pg_settings", setting_fields},
	FIELDS_END
};

const Probe *const PgSettingsProbes[] = {&settings_probe, &readable_settings_probe, NULL};
