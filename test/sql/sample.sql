-- metrics read in this session, as they would be sent
CREATE EXTENSION pganalytics;
CREATE TABLE "Mixed ""Case"" ä" (id int PRIMARY KEY, t text);
INSERT INTO "Mixed ""Case"" ä" SELECT i, repeat('x', 100) FROM generate_series(1, 1000) i;
ANALYZE "Mixed ""Case"" ä";

SELECT pganalytics_sample('nothing_like_it');
SELECT s ->> 'type' AS type, s ->> 'database' = current_database() AS here, count(*)
FROM unnest(ARRAY['pg_stats', 'sysstat', 'disk_usage']) t, pganalytics_sample(t) s
GROUP BY 1, 2 ORDER BY 1;

-- sizes without locks are those that PostgreSQL gives
SELECT t ->> 'schema' AS schema, t ->> 'name' AS name, t ->> 'kind' AS kind, t ->> 'reltuples' AS reltuples,
       (t ->> 'size_bytes')::bigint = pg_total_relation_size('"Mixed ""Case"" ä"') AS size,
       (t ->> 'heap_bytes')::bigint + (t ->> 'toast_bytes')::bigint =
           pg_table_size('"Mixed ""Case"" ä"') AS table_size,
       (t ->> 'index_bytes')::bigint = pg_indexes_size('"Mixed ""Case"" ä"') AS index_size
FROM pganalytics_sample('pg_stats') s, jsonb_array_elements(s -> 'tables') t
WHERE t ->> 'name' LIKE 'Mixed%';
SELECT i ->> 'table' AS "table", i ->> 'name' AS name, i ->> 'is_primary' AS is_primary,
       (i ->> 'size_bytes')::bigint = pg_relation_size('"Mixed ""Case"" ä_pkey"') AS size
FROM pganalytics_sample('pg_stats') s, jsonb_array_elements(s -> 'indexes') i
WHERE i ->> 'name' LIKE 'Mixed%';

-- what is locked is reported like everything else
BEGIN;
LOCK TABLE "Mixed ""Case"" ä" IN ACCESS EXCLUSIVE MODE;
SELECT count(*) FROM pganalytics_sample('pg_stats') s, jsonb_array_elements(s -> 'tables') t
WHERE t ->> 'name' LIKE 'Mixed%';
COMMIT;

-- every table is there, system catalogues too; temporary and TOAST tables are not
CREATE TEMP TABLE private (i int);
SELECT count(*) = (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'm', 'p') AND relpersistence <> 't') AS all_tables,
       count(*) FILTER (WHERE t ->> 'name' IN ('private')) AS temporary
FROM pganalytics_sample('pg_stats') s, jsonb_array_elements(s -> 'tables') t;

-- a counter that is not kept is not 0
SET track_counts = off;
SELECT t ->> 'seq_scan' AS seq_scan, t ->> 'heap_blks_hit' AS heap_blks_hit,
       t ->> 'pages' IS NOT NULL AS has_pages
FROM pganalytics_sample('pg_stats') s, jsonb_array_elements(s -> 'tables') t
WHERE t ->> 'name' LIKE 'Mixed%';
RESET track_counts;

DROP TABLE "Mixed ""Case"" ä";
DROP EXTENSION pganalytics;
