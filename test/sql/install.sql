-- the extension installs, shows what it holds, and goes without a trace
CREATE EXTENSION pganalytics;
SELECT pg_describe_object(d.classid, d.objid, 0) AS object
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname = 'pganalytics' AND d.deptype = 'e'
    AND d.classid IN ('pg_proc'::regclass, 'pg_class'::regclass)
ORDER BY pg_describe_object(d.classid, d.objid, 0) COLLATE "C";
SELECT pganalytics_version();
DROP EXTENSION pganalytics;
CREATE SCHEMA "Odd schema";
CREATE EXTENSION pganalytics SCHEMA "Odd schema";
SELECT count(*) FROM "Odd schema".pganalytics_collectors;
SELECT count(*) > 0 AS has_settings FROM "Odd schema".pganalytics_settings;
DROP EXTENSION pganalytics;
DROP SCHEMA "Odd schema";
