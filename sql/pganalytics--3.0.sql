/* pganalytics: SQL interface of version 3.0 */

-- complain if the script is sourced in psql instead of by CREATE EXTENSION
\echo Use "CREATE EXTENSION pganalytics" to load this file. \quit

CREATE FUNCTION pganalytics_status() RETURNS jsonb
    LANGUAGE C STABLE PARALLEL RESTRICTED
    SET search_path = ''
    AS 'MODULE_PATHNAME', 'pganalytics_status';
COMMENT ON FUNCTION pganalytics_status() IS
    'state of workers, collectors, spool and delivery; "problems" says what is wrong and what to do';

CREATE FUNCTION pganalytics_version() RETURNS text
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'pganalytics_version';
COMMENT ON FUNCTION pganalytics_version() IS
    'version of the extension and of its library';

CREATE FUNCTION pganalytics_sample(type text) RETURNS SETOF jsonb
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = ''
    SET jit = off
    AS 'MODULE_PATHNAME', 'pganalytics_sample';
COMMENT ON FUNCTION pganalytics_sample(text) IS
    'metrics of one collector, read now in this session, as they would be sent';

CREATE FUNCTION pganalytics_collect(type text DEFAULT 'all') RETURNS void
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'pganalytics_collect';
COMMENT ON FUNCTION pganalytics_collect(text) IS
    'has the workers collect now; returns when the batch is in the spool';

CREATE FUNCTION pganalytics_flush(timeout interval DEFAULT '30s') RETURNS boolean
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'pganalytics_flush';
COMMENT ON FUNCTION pganalytics_flush(interval) IS
    'sends now; true when every batch present at the call has left the spool';

CREATE TABLE pganalytics_custom_collector (
    name text COLLATE "C" PRIMARY KEY,
    query text NOT NULL,
    "interval" interval NOT NULL CHECK ("interval" BETWEEN '1 second' AND '1 day'),
    databases text NOT NULL,
    role regrole NOT NULL,
    was_superuser boolean NOT NULL
);
COMMENT ON TABLE pganalytics_custom_collector IS
    'what pganalytics_add_custom_collector() has registered';
SELECT pg_catalog.pg_extension_config_dump('pganalytics_custom_collector', '');

CREATE FUNCTION pganalytics_add_custom_collector(name text, query text, "interval" interval,
                                                 databases text DEFAULT '*') RETURNS void
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = ''
    AS 'MODULE_PATHNAME', 'pganalytics_add_custom_collector';
COMMENT ON FUNCTION pganalytics_add_custom_collector(text, text, interval, text) IS
    'registers a SELECT that is run, as the current role, in every database of the patterns';

CREATE FUNCTION pganalytics_remove_custom_collector(name text) RETURNS boolean
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = ''
    AS 'MODULE_PATHNAME', 'pganalytics_remove_custom_collector';
COMMENT ON FUNCTION pganalytics_remove_custom_collector(text) IS
    'removes a custom collector; false: there is none of that name';

CREATE VIEW pganalytics_custom_collectors AS
    SELECT t.name, t.query, t."interval", t.databases, t.role,
           (c.value ->> 'runs')::bigint AS runs,
           (c.value ->> 'errors')::bigint AS errors,
           (c.value ->> 'last_run')::timestamptz AS last_run,
           c.value ->> 'last_database' AS last_database,
           (c.value ->> 'last_duration_ms')::double precision AS last_duration_ms,
           (c.value ->> 'rows')::bigint AS "rows",
           c.value ->> 'last_error' AS last_error,
           c.value ->> 'last_error_database' AS last_error_database,
           (c.value ->> 'last_error_at')::timestamptz AS last_error_at
    FROM @extschema@.pganalytics_custom_collector t
         LEFT JOIN pg_catalog.jsonb_each(@extschema@.pganalytics_status() -> 'custom') c ON c.key = t.name;
COMMENT ON VIEW pganalytics_custom_collectors IS 'one row a custom collector, with its last run';

CREATE VIEW pganalytics_collectors AS
    SELECT c.key AS collector,
           (c.value ->> 'enabled')::boolean AS enabled,
           pg_catalog.make_interval(secs => (c.value ->> 'interval_seconds')::double precision) AS "interval",
           (c.value ->> 'runs')::bigint AS runs,
           (c.value ->> 'errors')::bigint AS errors,
           (c.value ->> 'rows')::bigint AS "rows",
           (c.value ->> 'last_run')::timestamptz AS last_run,
           (c.value ->> 'last_duration_ms')::double precision AS last_duration_ms,
           c.value ->> 'last_error' AS last_error,
           c.value ->> 'last_error_database' AS last_error_database,
           (c.value ->> 'last_error_at')::timestamptz AS last_error_at,
           c.value ->> 'circuit_breaker' AS circuit_breaker,
           (c.value ->> 'circuit_breaker_until')::timestamptz AS circuit_breaker_until
    FROM pg_catalog.jsonb_each(@extschema@.pganalytics_status() -> 'collectors') c;
COMMENT ON VIEW pganalytics_collectors IS 'one row a collector';

CREATE FUNCTION pganalytics_register(name text DEFAULT NULL) RETURNS text
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'pganalytics_register';
COMMENT ON FUNCTION pganalytics_register(text) IS
    'registers this server with the backend; returns its collector id';

CREATE FUNCTION pganalytics_pull_config() RETURNS jsonb
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'pganalytics_pull_config';
COMMENT ON FUNCTION pganalytics_pull_config() IS
    'looks for the remote configuration now; returns what is in force';

CREATE VIEW pganalytics_settings AS
    WITH status AS MATERIALIZED (SELECT @extschema@.pganalytics_status() AS value)
    SELECT s.name,
           pg_catalog.current_setting(s.name) AS local_value,
           r.value ->> 'remote' AS remote_value,
           CASE WHEN r.value IS NOT NULL THEN r.value ->> 'in_force'
                WHEN c.value IS NOT NULL THEN (c.value ->> 'interval_seconds') || 's'
                ELSE pg_catalog.current_setting(s.name) END AS value_in_force,
           CASE WHEN r.value IS NOT NULL THEN r.value ->> 'why'
                WHEN c.value IS NOT NULL AND s.setting = '0'
                THEN 'the larger of the collector''s default and "pganalytics.interval"'
                WHEN s.source = 'default' THEN 'default'
                ELSE 'local setting' END AS why,
           s.source,
           s.short_desc AS description
    FROM status
         CROSS JOIN pg_catalog.pg_settings s
         LEFT JOIN LATERAL pg_catalog.jsonb_each(status.value -> 'collectors') c
                ON s.name = 'pganalytics.' || c.key || '_interval'
         LEFT JOIN LATERAL pg_catalog.jsonb_each(
                       CASE pg_catalog.jsonb_typeof(status.value #> '{config,settings}')
                            WHEN 'object' THEN status.value #> '{config,settings}' END) r
                ON s.name = r.key
    WHERE s.name LIKE 'pganalytics.%';
COMMENT ON VIEW pganalytics_settings IS 'settings as they stand here and as they are in force';

REVOKE ALL ON FUNCTION pganalytics_status() FROM PUBLIC;
REVOKE ALL ON FUNCTION pganalytics_version() FROM PUBLIC;
REVOKE ALL ON FUNCTION pganalytics_sample(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION pganalytics_collect(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION pganalytics_flush(interval) FROM PUBLIC;
REVOKE ALL ON FUNCTION pganalytics_add_custom_collector(text, text, interval, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION pganalytics_remove_custom_collector(text) FROM PUBLIC;
REVOKE ALL ON pganalytics_custom_collector, pganalytics_custom_collectors FROM PUBLIC;
REVOKE ALL ON FUNCTION pganalytics_register(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION pganalytics_pull_config() FROM PUBLIC;
REVOKE ALL ON pganalytics_collectors, pganalytics_settings FROM PUBLIC;

GRANT EXECUTE ON FUNCTION pganalytics_status() TO pg_monitor;
GRANT EXECUTE ON FUNCTION pganalytics_version() TO pg_monitor;
GRANT EXECUTE ON FUNCTION pganalytics_sample(text) TO pg_monitor;
GRANT SELECT ON pganalytics_collectors, pganalytics_settings TO pg_monitor;
GRANT SELECT ON pganalytics_custom_collector, pganalytics_custom_collectors TO pg_monitor;
