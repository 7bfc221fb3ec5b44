-- Custom collectors: registered here, refused where they could not run.
-- This database is not the one that "pganalytics.database" names: the error says
-- where to go.
CREATE EXTENSION pganalytics;
\set VERBOSITY default

SELECT current_database() = current_setting('pganalytics.database') AS here;
SELECT pganalytics_add_custom_collector('x', 'SELECT 1 AS one', '1 min');
SELECT pganalytics_remove_custom_collector('x');
SELECT pganalytics_sample('custom');
SELECT count(*) FROM pganalytics_custom_collectors;

-- who may
CREATE ROLE regress_pganalytics_nobody;
SELECT has_function_privilege('regress_pganalytics_nobody', p.oid, 'EXECUTE') AS may, p.proname
FROM pg_proc p WHERE p.proname LIKE 'pganalytics%custom%' ORDER BY 2;
SELECT has_table_privilege('regress_pganalytics_nobody', 'pganalytics_custom_collector', 'SELECT') AS reads,
       has_table_privilege('pg_monitor', 'pganalytics_custom_collector', 'SELECT') AS monitor_reads,
       has_table_privilege('pg_monitor', 'pganalytics_custom_collector', 'INSERT') AS monitor_writes;
DROP ROLE regress_pganalytics_nobody;

-- pg_dump keeps the registrations
SELECT c.relname FROM pg_extension e, unnest(e.extconfig) t JOIN pg_class c ON c.oid = t
WHERE e.extname = 'pganalytics';
DROP EXTENSION pganalytics;
