/*
 * settings.h
 *		Everything a person can set, see docs/configuration.md.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "postgres.h"

#include "base/collectors.h"

/* Where the server log is read. */
typedef enum LogSource
{
	LOG_SOURCE_AUTO, /* files where the server writes them, else the hook */
	LOG_SOURCE_FILE,
	LOG_SOURCE_HOOK
} LogSource;

/* The values in force; units as in the names. */
typedef struct Settings
{
	char *backend_url;
	char *collector_id;
	char *hostname;
	char *database;
	char *databases;
	char *exclude_databases;
	char *enabled_collectors;
	int	  interval_s;
	int	  collector_interval_s[NUM_COLLECTORS]; /* 0: not set */
	int	  push_interval_s;
	bool  tls_verify;
	char *tls_ca_file;
	char *tls_cert_file;
	char *tls_key_file;
	char *proxy;
	bool  allow_http;
	char *jwt_secret_file;
	int	  jwt_lifetime_s;
	char *registration_secret_file;
	bool  remote_config;
	int	  config_pull_interval_s; /* 0: never */
	int	  connect_timeout_ms;
	int	  request_timeout_ms;
	int	  compression_level;
	char *state_directory;
	int	  spool_max_size_mb;
	int	  spool_max_age_s;
	int	  spool_min_free_mb;
	bool  spool_sync;
	int	  batch_max_size_kb;
	int	  statement_timeout_ms;
	int	  lock_timeout_ms;
	int	  max_relations;
	int	  max_statements;
	int	  max_cpu_percent;			/* of one core, 0: no lid */
	int	  full_snapshot_interval_s; /* 0: always full */
	int	  query_text_size;			/* bytes, 0: no text */
	int	  activity_sample_interval_ms;
	int	  custom_row_limit;
	int	  visitors;
	char *log_filters;
	int	  log_redact;	/* LogRedact of log/redact.h */
	int	  log_max_rate; /* entries a second */
	int	  log_entry_size_kb;
	int	  log_source; /* LogSource */
	int	  log_ring_size_kb;
	int	  drain_rate_kb; /* kB a second, 0: no limit */

	/* postgresql.conf has a URL with a password in it, which is kept out of the value */
	bool backend_url_refused;
	bool proxy_refused;
} Settings;

extern Settings Setting;

extern void SettingsInit(void);

/* Is there a backend to keep batches for, even if its URL is no good? */
extern bool BackendIsWanted(void);

/*
 * Seconds between two runs of a collector, and does it run at all?  What is in
 * force, remote configuration included: see inforce.c.
 */
extern int	CollectorInterval(int collector);
extern bool CollectorEnabled(int collector);

/* Does the comma-separated list of patterns (* and ?) match the name? */
extern bool PatternListMatches(const char *list, const char *name);

/* Is the word in the comma-separated list, whatever its case? */
extern bool ListContains(const char *list, const char *word);

#endif /* SETTINGS_H */
