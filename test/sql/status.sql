-- the shape of the status: keys and types as documented
CREATE EXTENSION pganalytics;
CREATE FUNCTION pg_temp.shape(prefix text, value jsonb) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT prefix || key || ': ' ||
           CASE jsonb_typeof(v) WHEN 'object' THEN 'object' WHEN 'array' THEN 'array'
                ELSE 'value' END
    FROM jsonb_each(value) e(key, v)
$$;
SELECT pg_temp.shape('', pganalytics_status()) ORDER BY 1;
SELECT pg_temp.shape(key || '.', value) FROM jsonb_each(pganalytics_status())
WHERE key IN ('spool', 'log', 'delivery', 'config') ORDER BY 1;
SELECT pg_temp.shape('worker.', pganalytics_status() #> '{workers,collector}') ORDER BY 1;
SELECT pg_temp.shape('collector.', pganalytics_status() #> '{collectors,sysstat}') ORDER BY 1;
SELECT key, jsonb_typeof(value) FROM jsonb_each(pganalytics_status() -> 'collectors') ORDER BY 1;
SELECT count(*) AS problems_that_are_no_texts
FROM jsonb_array_elements(pganalytics_status() -> 'problems') p WHERE jsonb_typeof(p) <> 'string';
SELECT pganalytics_status() #>> '{delivery,state}' IN
           ('off', 'starting', 'ok', 'backoff', 'unauthorized', 'misconfigured') AS state,
       pganalytics_status() #>> '{config,source}' AS config,
       pganalytics_status() ->> 'version' AS version;
DROP EXTENSION pganalytics;
