-- the extension installs, shows what it holds, and goes without a trace
CREATE EXTENSION pganalytics;
\dx+ pganalytics
SELECT pganalytics_version();
DROP EXTENSION pganalytics;
CREATE SCHEMA "Odd schema";
CREATE EXTENSION pganalytics SCHEMA "Odd schema";
SELECT count(*) FROM "Odd schema".pganalytics_collectors;
SELECT count(*) > 0 AS has_settings FROM "Odd schema".pganalytics_settings;
DROP EXTENSION pganalytics;
DROP SCHEMA "Odd schema";
