-- collectors of the whole server, and pg_cache: what is there, and that it agrees with the views
CREATE EXTENSION pganalytics;
SET track_io_timing = on;

-- the same on every version; what newer ones add is looked at below
SELECT s ->> 'type' AS type, s ? 'timestamp' AS timestamp, s ->> 'database' = current_database() AS here,
       string_agg(k || CASE jsonb_typeof(s -> k) WHEN 'array' THEN '[]' WHEN 'object' THEN '{}' ELSE '' END,
                  ', ' ORDER BY k COLLATE "C") AS keys
FROM unnest(ARRAY['pg_server', 'pg_replication', 'pg_connections', 'pg_locks', 'pg_cache']) t,
     pganalytics_sample(t) s, jsonb_object_keys(s) k
WHERE k NOT IN ('type', 'timestamp', 'database', 'io', 'backend_io', 'stats', 'buffers')
GROUP BY t, s ORDER BY t;
SELECT p ? 'io' = (v >= 160000) AS io, p ? 'backend_io' = (v >= 180000) AS backend_io,
       l ? 'stats' = (v >= 190000) AS lock_stats
FROM pganalytics_sample('pg_server') p, pganalytics_sample('pg_locks') l,
     CAST(current_setting('server_version_num') AS integer) v;

-- pg_server: the columns of the views; checkpoints under the names of 17 everywhere
SELECT ARRAY(SELECT k FROM jsonb_object_keys(to_jsonb(w)) k WHERE NOT s -> 'wal' ? k) AS not_in_wal,
       ARRAY(SELECT k FROM jsonb_object_keys(to_jsonb(a)) k WHERE NOT s -> 'archiver' ? k) AS not_in_archiver,
       ARRAY(SELECT k FROM jsonb_object_keys(to_jsonb(b)) k WHERE NOT s -> 'bgwriter' ? k
             AND k NOT LIKE 'checkpoint%' AND k <> 'buffers_checkpoint') AS not_in_bgwriter,
       s -> 'checkpointer' ?& '{num_timed,num_requested,write_time,sync_time,buffers_written,stats_reset}' AS checkpointer
FROM pganalytics_sample('pg_server') s, pg_stat_wal w, pg_stat_archiver a, pg_stat_bgwriter b;
SELECT (s -> 'wal' ->> 'wal_records')::bigint BETWEEN 1 AND w.wal_records AS wal_records,
       (s -> 'wal' ->> 'wal_bytes')::numeric BETWEEN 1 AND w.wal_bytes AS wal_bytes,
       (s -> 'archiver' ->> 'archived_count')::bigint = a.archived_count AS archived_count
FROM pganalytics_sample('pg_server') s, LATERAL (SELECT * FROM pg_stat_wal WHERE s IS NOT NULL) w, pg_stat_archiver a;
SELECT (SELECT count(*) FROM pg_stat_slru) = jsonb_array_length(s -> 'slru') AS all_slru,
       (SELECT count(*) FROM jsonb_array_elements(s -> 'io') i
        WHERE NOT jsonb_path_exists(i - 'op_bytes', '$.* ? (@ > 0)')) AS io_without_io,
       (s ->> 'started_at')::timestamptz = pg_postmaster_start_time() AS started_at
FROM pganalytics_sample('pg_server') s;
SET track_io_timing = off;
SELECT count(*) AS untimed_io_with_times
FROM pganalytics_sample('pg_server') s, jsonb_array_elements(s -> 'io') i
WHERE i ->> 'object' <> 'wal' AND i ?| '{read_time,write_time,extend_time,fsync_time}';
RESET track_io_timing;

-- a command sees its own progress
COPY (SELECT p ->> 'command', p ->> 'type', p ? 'heap_blks_total' AS of_vacuum, p ->> 'database' = current_database()
      FROM pganalytics_sample('pg_server') s, jsonb_array_elements(s -> 'progress') p
      WHERE (p ->> 'pid')::integer = pg_backend_pid()) TO STDOUT;

-- pg_connections
SELECT (s ->> 'max_connections')::integer = current_setting('max_connections')::integer AS max_connections,
       (s ->> 'reserved')::integer >= current_setting('superuser_reserved_connections')::integer AS reserved,
       (s ->> 'used')::integer = (SELECT sum((b ->> 'count')::integer) FROM jsonb_array_elements(s -> 'by') b)
           + (s ->> 'other')::integer AS adds_up
FROM pganalytics_sample('pg_connections') s;
SET application_name = 'probes "server" \';
SELECT b ->> 'application' AS application, b ->> 'user' = current_user AS "user", b ->> 'state' AS state,
       b ->> 'client' = coalesce(host(inet_client_addr()), '[local]') AS client, b ->> 'count' AS count
FROM pganalytics_sample('pg_connections') s, jsonb_array_elements(s -> 'by') b
WHERE b ->> 'database' = current_database() AND b ->> 'application' LIKE 'probes%';
RESET application_name;

-- pg_locks: not those of this session
BEGIN;
CREATE TABLE held (i int);
LOCK TABLE held IN SHARE ROW EXCLUSIVE MODE;
SELECT count(*) FROM pganalytics_sample('pg_locks') s, jsonb_array_elements(s -> 'locks') l
WHERE l ->> 'database' = current_database() AND l ->> 'mode' = 'ShareRowExclusiveLock';
ROLLBACK;
SELECT s ->> 'waits_skipped' AS waits_skipped FROM pganalytics_sample('pg_locks') s;

-- pg_replication: on a primary
SELECT count(*) FROM pg_create_physical_replication_slot('pganalytics_probes', true);
SELECT l ->> 'slot_name' AS slot_name, l ->> 'slot_type' AS slot_type, l ->> 'active' AS active,
       l ->> 'temporary' AS temporary, l ->> 'wal_status' AS wal_status,
       (l ->> 'restart_lsn')::pg_lsn = r.restart_lsn AS restart_lsn,
       (l ->> 'retained_bytes')::bigint BETWEEN 0 AND pg_current_wal_lsn() - r.restart_lsn AS retained_bytes
FROM pganalytics_sample('pg_replication') s, jsonb_array_elements(s -> 'slots') l
     JOIN pg_replication_slots r ON r.slot_name = l ->> 'slot_name'
WHERE r.slot_name = 'pganalytics_probes';
SELECT (s #>> '{wal,current_lsn}')::pg_lsn <= pg_current_wal_lsn() AS current_lsn,
       (s #>> '{wal,retained_bytes}')::bigint >= 0 AS retained_bytes,
       s #>> '{wal,replay_lsn}' AS replay_lsn, s #>> '{wal,is_replay_paused}' AS is_replay_paused
FROM pganalytics_sample('pg_replication') s;
SELECT pg_drop_replication_slot('pganalytics_probes');

-- a subscription's password stays here
SET client_min_messages = error;
CREATE SUBSCRIPTION pganalytics_probes CONNECTION 'host=192.0.2.1 password=s3cret' PUBLICATION p
    WITH (connect = false, slot_name = NONE);
RESET client_min_messages;
SELECT u ->> 'subname' AS subname, u ->> 'database' = current_database() AS here, u ->> 'enabled' AS enabled,
       u ->> 'apply_error_count' AS apply_error_count, s::text LIKE '%s3cret%' AS leaks
FROM pganalytics_sample('pg_replication') s, jsonb_array_elements(s -> 'subscriptions') u
WHERE u ->> 'subname' = 'pganalytics_probes';
DROP SUBSCRIPTION pganalytics_probes;

-- pg_cache: in the blocks of the views
CREATE SCHEMA "Sch ""ä";
CREATE TABLE "Sch ""ä"."Tab le" (i int PRIMARY KEY);
INSERT INTO "Sch ""ä"."Tab le" SELECT generate_series(1, 1000);
CREATE TABLE "Sch ""ä".untouched ();
SELECT count(*) FROM "Sch ""ä"."Tab le";
SELECT pg_stat_force_next_flush();
SELECT t ->> 'name' AS name, (t ->> 'hit')::bigint = i.heap_blks_hit AS hit, (t ->> 'read')::bigint = i.heap_blks_read AS read,
       round((t ->> 'hit_ratio')::numeric, 6) = round(heap_blks_hit::numeric / nullif(heap_blks_hit + heap_blks_read, 0), 6) AS hit_ratio,
       i.heap_blks_hit > 0 AS any
FROM pganalytics_sample('pg_cache') s, jsonb_array_elements(s -> 'tables') t
     JOIN pg_statio_all_tables i ON i.schemaname = t ->> 'schema' AND i.relname = t ->> 'name'
WHERE t ->> 'schema' LIKE 'Sch%' ORDER BY 1;
SELECT x ->> 'table' AS "table", x ->> 'name' AS name, (x ->> 'hit')::bigint = i.idx_blks_hit AS hit, i.idx_blks_hit > 0 AS any
FROM pganalytics_sample('pg_cache') s, jsonb_array_elements(s -> 'indexes') x
     JOIN pg_statio_all_indexes i ON i.schemaname = x ->> 'schema' AND i.indexrelname = x ->> 'name'
WHERE x ->> 'schema' LIKE 'Sch%' ORDER BY 1;
SELECT jsonb_array_length(s -> 'tables') <= 100 AS tables, jsonb_array_length(s -> 'indexes') <= 100 AS indexes,
       (s #>> '{databases,0,hit_ratio}')::float BETWEEN 0 AND 1 AS hit_ratio
FROM pganalytics_sample('pg_cache') s;
SET track_counts = off;
SELECT count(*) FILTER (WHERE t ->> 'hit' IS NULL AND t ->> 'hit_ratio' IS NULL) = count(*) AS not_counted
FROM pganalytics_sample('pg_cache') s, jsonb_array_elements(s -> 'tables') t;
RESET track_counts;
DROP TABLE "Sch ""ä"."Tab le", "Sch ""ä".untouched;
DROP SCHEMA "Sch ""ä";

-- pg_monitor may
CREATE ROLE regress_pganalytics_probes;
GRANT pg_monitor TO regress_pganalytics_probes;
SET ROLE regress_pganalytics_probes;
SELECT t, count(s)
FROM unnest(ARRAY['pg_server', 'pg_replication', 'pg_connections', 'pg_locks', 'pg_cache']) t, pganalytics_sample(t) s
GROUP BY t ORDER BY t;
RESET ROLE;
DROP ROLE regress_pganalytics_probes;

DROP EXTENSION pganalytics;
