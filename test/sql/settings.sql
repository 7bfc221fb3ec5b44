-- every setting: its class, unit, limits and default
CREATE EXTENSION pganalytics;
SELECT pganalytics_version() IS NOT NULL AS loaded;
SELECT name, vartype, unit, min_val, max_val, boot_val
FROM pg_settings WHERE name LIKE 'pganalytics.%' ORDER BY name COLLATE "C";
SELECT name FROM pg_settings
WHERE name LIKE 'pganalytics.%' AND (short_desc = '' OR context NOT IN ('sighup', 'postmaster'))
ORDER BY name;

-- bad values are refused and the message says why
ALTER SYSTEM SET pganalytics.backend_url = 'nonsense';
ALTER SYSTEM SET pganalytics.backend_url = 'ftp://backend.example.net';
ALTER SYSTEM SET pganalytics.backend_url = 'https://user:secret@backend.example.net';
ALTER SYSTEM SET pganalytics.backend_url = 'https://backend.example.net:99999';
ALTER SYSTEM SET pganalytics.collector_id = E'a\r\nX-Header: b';
ALTER SYSTEM SET pganalytics.hostname = 'two words';
ALTER SYSTEM SET pganalytics.database = '';
ALTER SYSTEM SET pganalytics.enabled_collectors = 'sysstat, nothing_like_it';
ALTER SYSTEM SET pganalytics.log_filters = 'ERROR,LOUD';

-- outside their limits; the wording differs between versions
\set VERBOSITY sqlstate
ALTER SYSTEM SET pganalytics.sysstat_interval = '2d';
ALTER SYSTEM SET pganalytics.sysstat_interval = '-1';
ALTER SYSTEM SET pganalytics.compression_level = 10;
ALTER SYSTEM SET pganalytics.batch_max_size = '1kB';
ALTER SYSTEM SET pganalytics.jwt_lifetime = '1s';
ALTER SYSTEM SET pganalytics.visitors = 9;
SET pganalytics.interval = 5;
SET pganalytics.no_such_setting = 1;
\set VERBOSITY default

-- the view shows what is in force
SELECT name, remote_value, value_in_force IS NOT NULL AS in_force, why
FROM pganalytics_settings WHERE name LIKE '%_interval' ORDER BY name;

-- without a backend there is nobody to ask
SELECT pganalytics_register('somebody');
SELECT pganalytics_register(E'two\nlines');
SELECT pganalytics_register(repeat('x', 200));
SELECT pganalytics_pull_config();
DROP EXTENSION pganalytics;
