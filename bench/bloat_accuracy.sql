-- Tables and indexes with known bloat, and what pgstattuple finds in them.
-- Part of bench/bloat_accuracy; "rows" scales them.
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS bloat CASCADE;
CREATE SCHEMA bloat;
CREATE EXTENSION IF NOT EXISTS pgstattuple SCHEMA public;
SET search_path = bloat, public;
SELECT setseed(0.5);

-- ---- tables ----

CREATE TABLE fixed_fresh AS
    SELECT g::int AS a, g::bigint AS b, g::int AS c, now() AS d, g::int AS e, true AS f
    FROM generate_series(1, :rows) g;
CREATE TABLE fixed_half AS TABLE fixed_fresh;
DELETE FROM fixed_half WHERE random() < 0.5;
CREATE TABLE narrow AS SELECT g::int AS id FROM generate_series(1, 2 * :rows) g;
DELETE FROM narrow WHERE random() < 0.3;
CREATE TABLE one_bool AS SELECT true AS b FROM generate_series(1, 2 * :rows) g;
CREATE TABLE padded AS SELECT true AS a, g::bigint AS b, 1::smallint AS c, g::bigint AS d, true AS e, g::int AS f
    FROM generate_series(1, :rows) g;
DELETE FROM padded WHERE random() < 0.25;
CREATE TABLE texts AS SELECT g AS id, repeat('x', (random() * 200)::int) AS t, md5(g::text) AS m
    FROM generate_series(1, :rows) g;
DELETE FROM texts WHERE random() < 0.4;
CREATE TABLE many_columns (id bigint, a int, b text, c int, d text, e timestamptz, f text, g bool, h numeric, i uuid, j int[], k jsonb);
INSERT INTO many_columns SELECT g, g, 'b' || g, g, repeat('d', g % 30), now(), md5(g::text), true, g * 1.5,
       gen_random_uuid(), ARRAY[g, g], jsonb_build_object('k', g) FROM generate_series(1, :rows / 2) g;
DELETE FROM many_columns WHERE random() < 0.6;
CREATE TABLE nulls (a int, b bigint, c text, d timestamptz, e int, f numeric, g bool, h date, i text, j bigint, k int);
INSERT INTO nulls SELECT CASE WHEN random() < 0.5 THEN g END, CASE WHEN random() < 0.5 THEN g END,
       CASE WHEN random() < 0.5 THEN md5(g::text) END, CASE WHEN random() < 0.5 THEN now() END,
       CASE WHEN random() < 0.5 THEN g END, CASE WHEN random() < 0.5 THEN g END,
       CASE WHEN random() < 0.5 THEN true END, CASE WHEN random() < 0.5 THEN current_date END,
       CASE WHEN random() < 0.5 THEN 'x' || g END, CASE WHEN random() < 0.5 THEN g END, NULL
    FROM generate_series(1, :rows) g;
DELETE FROM nulls WHERE random() < 0.4;
CREATE TABLE mostly_null (id int, a text, b bigint, c bigint, d timestamptz, e timestamptz, f text, g text, h text, i text);
INSERT INTO mostly_null SELECT g, CASE WHEN g % 100 = 0 THEN md5(g::text) END FROM generate_series(1, :rows) g;
CREATE TABLE fillfactor_70 (id int, t text) WITH (fillfactor = 70);
INSERT INTO fillfactor_70 SELECT g, md5(g::text) FROM generate_series(1, :rows) g;
CREATE TABLE fillfactor_70_half (id int, t text) WITH (fillfactor = 70);
INSERT INTO fillfactor_70_half TABLE fillfactor_70;
DELETE FROM fillfactor_70_half WHERE random() < 0.5;
CREATE TABLE wide_plain (id int, t text);
ALTER TABLE wide_plain ALTER t SET STORAGE PLAIN;
INSERT INTO wide_plain SELECT g, repeat(md5(g::text), 40) FROM generate_series(1, :rows / 30) g;
DELETE FROM wide_plain WHERE random() < 0.3;
CREATE TABLE compressed AS SELECT g AS id, repeat(md5(g::text), 100) AS t FROM generate_series(1, :rows / 4) g;
DELETE FROM compressed WHERE random() < 0.3;
CREATE TABLE toasted (id int, a text, note text);
ALTER TABLE toasted ALTER a SET STORAGE EXTERNAL;
INSERT INTO toasted SELECT g, repeat('t', 2500 + (random() * 3000)::int), md5(g::text) FROM generate_series(1, :rows / 5) g;
DELETE FROM toasted WHERE random() < 0.5;
CREATE TABLE mixed_toast (id int, a text, b text);
ALTER TABLE mixed_toast ALTER a SET STORAGE EXTERNAL;
INSERT INTO mixed_toast SELECT g, repeat('t', CASE WHEN g % 2 = 0 THEN 3000 ELSE 100 END), md5(g::text)
    FROM generate_series(1, :rows / 5) g;
DELETE FROM mixed_toast WHERE random() < 0.4;
CREATE TABLE "Mixed Case ""quoted""" ("Id" int, "Some Text" text);
INSERT INTO "Mixed Case ""quoted""" SELECT g, md5(g::text) FROM generate_series(1, :rows) g;
DELETE FROM "Mixed Case ""quoted""" WHERE random() < 0.35;
CREATE TABLE parted (id int, t text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000000000);
INSERT INTO parted SELECT g, md5(g::text) FROM generate_series(1, :rows) g;
DELETE FROM parted WHERE random() < 0.45;
CREATE TABLE updated AS SELECT g AS id, md5(g::text) AS t FROM generate_series(1, :rows) g;
CREATE TABLE updated_dead AS TABLE updated;
CREATE TABLE deleted_dead AS TABLE updated;
CREATE TABLE grown AS TABLE updated;
CREATE TABLE emptied AS TABLE updated;
DELETE FROM emptied WHERE id < :rows;
CREATE TABLE dropped_column AS SELECT g AS id, md5(g::text) AS t, g::bigint AS gone FROM generate_series(1, :rows) g;
ALTER TABLE dropped_column DROP gone;
INSERT INTO dropped_column TABLE updated;
CREATE MATERIALIZED VIEW matview AS TABLE updated;

-- ---- indexes ----

CREATE TABLE keys (id int, big bigint, t text, low int, mid int, skewed int, u uuid, n numeric, maybe int, c text, f float8);
INSERT INTO keys SELECT g, g, 'key ' || md5(g::text), g % 50, (random() * :rows / 5)::int,
       (CASE WHEN random() < 0.5 THEN 0 ELSE g END), gen_random_uuid(), g, CASE WHEN random() < 0.3 THEN g END,
       repeat('c', g % 60), random()
    FROM generate_series(1, :rows) g;
CREATE UNIQUE INDEX keys_fresh ON keys (id);
CREATE TABLE keys_deleted AS TABLE keys;
CREATE UNIQUE INDEX deleted_int ON keys_deleted (id);
CREATE INDEX deleted_bigint ON keys_deleted (big);
CREATE INDEX deleted_text ON keys_deleted (t);
CREATE INDEX deleted_low ON keys_deleted (low);
CREATE INDEX deleted_mid ON keys_deleted (mid);
CREATE INDEX deleted_skewed ON keys_deleted (skewed);
CREATE INDEX deleted_uuid ON keys_deleted (u);
CREATE INDEX deleted_numeric ON keys_deleted (n);
CREATE INDEX deleted_numeric_low ON keys_deleted ((low::numeric));
CREATE INDEX deleted_maybe ON keys_deleted (maybe);
CREATE INDEX deleted_lower ON keys_deleted (lower(t));
CREATE INDEX deleted_expression_low ON keys_deleted ((low + 1));
CREATE INDEX deleted_partial ON keys_deleted (id) WHERE low < 25;
CREATE INDEX deleted_two ON keys_deleted (low, id);
CREATE INDEX deleted_two_low ON keys_deleted (low, (low % 5));
CREATE INDEX deleted_include ON keys_deleted (low) INCLUDE (t);
CREATE INDEX deleted_not_shared ON keys_deleted (low) WITH (deduplicate_items = off);
CREATE INDEX deleted_fillfactor ON keys_deleted (id) WITH (fillfactor = 60);
CREATE INDEX deleted_varying ON keys_deleted (c);
CREATE INDEX deleted_float ON keys_deleted (f);
CREATE INDEX "Mixed Case" ON keys_deleted (u, id);
DELETE FROM keys_deleted WHERE random() < 0.5;
CREATE TABLE keys_inserted (LIKE keys);
CREATE INDEX inserted_int ON keys_inserted (id);
CREATE INDEX inserted_uuid ON keys_inserted (u);
CREATE INDEX inserted_low ON keys_inserted (low);
CREATE INDEX inserted_mid ON keys_inserted (mid);
CREATE INDEX inserted_skewed ON keys_inserted (skewed);
CREATE INDEX inserted_text ON keys_inserted (t);
CREATE INDEX inserted_maybe ON keys_inserted (maybe);
INSERT INTO keys_inserted TABLE keys;
CREATE TABLE keys_range AS TABLE keys;
CREATE INDEX range_int ON keys_range (id);
CREATE INDEX range_text ON keys_range (t);
DELETE FROM keys_range WHERE id < :rows * 0.7;

VACUUM ANALYZE;
UPDATE updated SET id = id + 1 WHERE id % 2 = 0;
VACUUM ANALYZE updated;
-- what happens after the last ANALYZE is seen, too
UPDATE updated_dead SET id = id + 1;
DELETE FROM deleted_dead WHERE id % 2 = 0;
INSERT INTO grown SELECT id, t FROM updated;
ALTER TABLE padded ADD COLUMN later text;
CREATE TABLE never_analyzed AS SELECT g AS id FROM generate_series(1, 1000) g;
SELECT pg_stat_force_next_flush();

-- ---- what pgstattuple finds, less what the fillfactor leaves free ----

CREATE TABLE found (kind text, name text, pages bigint, real_ratio float8);
INSERT INTO found
SELECT 'table', c.relname, c.pages,
       greatest(0, 1 - (1 - (s.approx_free_space + s.dead_tuple_len) / s.table_len::float8) * 100 / c.fillfactor)
FROM (SELECT oid, relname, pg_relation_size(oid) / 8192 AS pages,
             coalesce((SELECT option_value FROM pg_options_to_table(reloptions) WHERE option_name = 'fillfactor')::float8, 100) AS fillfactor
      FROM pg_class WHERE relnamespace = 'bloat'::regnamespace AND relkind IN ('r', 'm') AND relname <> 'found') c,
     pgstattuple_approx(c.oid) s
WHERE c.pages > 0;
INSERT INTO found
SELECT 'toast', c.relname, pg_relation_size(t.oid) / 8192,
       (s.approx_free_space + s.dead_tuple_len) / s.table_len::float8
FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid, pgstattuple_approx(t.oid) s
WHERE c.relnamespace = 'bloat'::regnamespace AND pg_relation_size(t.oid) > 0;
-- of an index: the part that it would not have if its leaves were filled to the fillfactor
INSERT INTO found
SELECT 'index', c.relname, s.index_size / 8192,
       greatest(0, 1 - (1 + s.internal_pages + s.leaf_pages * least(1, s.avg_leaf_density / c.fillfactor)) / (s.index_size / 8192))
FROM (SELECT oid, relname,
             coalesce((SELECT option_value FROM pg_options_to_table(reloptions) WHERE option_name = 'fillfactor')::float8, 90) AS fillfactor
      FROM pg_class WHERE relnamespace = 'bloat'::regnamespace AND relkind = 'i') c, pgstatindex(c.oid) s;
-- the same, from what REINDEX makes of it
CREATE TABLE sizes_before AS SELECT oid, relname, pg_relation_size(oid) AS bytes FROM pg_class WHERE relnamespace = 'bloat'::regnamespace AND relkind = 'i';

-- ---- what pganalytics says ----

CREATE TABLE said (kind text, name text, ratio float8);
INSERT INTO said
SELECT 'table', t ->> 'name', (t ->> 'bloat_ratio')::float8
FROM pganalytics_sample('pg_bloat') s, jsonb_array_elements(s -> 'tables') t WHERE t ->> 'schema' = 'bloat';
INSERT INTO said
SELECT 'toast', t ->> 'name', (t ->> 'toast_bloat_bytes')::float8 / (t ->> 'toast_size_bytes')::float8
FROM pganalytics_sample('pg_bloat') s, jsonb_array_elements(s -> 'tables') t
WHERE t ->> 'schema' = 'bloat' AND (t ->> 'toast_size_bytes')::float8 > 0;
INSERT INTO said
SELECT 'index', t ->> 'name', (t ->> 'bloat_ratio')::float8
FROM pganalytics_sample('pg_bloat') s, jsonb_array_elements(s -> 'indexes') t WHERE t ->> 'schema' = 'bloat';

-- An index is measured by what REINDEX makes of it: pgstatindex does not see that
-- duplicates could share entries.  Of a TOAST table only the least bloat is known.
REINDEX SCHEMA bloat;
CREATE TABLE result AS
SELECT *, pages > 1000 AND (difference > 10 OR (difference < -10 AND kind <> 'toast') OR difference IS NULL) AS is_far
FROM (SELECT kind, name, pages, pgstattuple, rebuild, estimated,
             estimated - coalesce(rebuild, pgstattuple) AS difference
      FROM (SELECT f.kind, f.name, f.pages, round(100 * f.real_ratio::numeric, 1) AS pgstattuple,
                   CASE WHEN b.bytes > 0
                        THEN round(100 * greatest(0, 1 - pg_relation_size(b.oid) / b.bytes::numeric), 1) END AS rebuild,
                   round(100 * s.ratio::numeric, 1) AS estimated
            FROM found f LEFT JOIN said s USING (kind, name)
                 LEFT JOIN sizes_before b ON b.relname = f.name AND f.kind = 'index') r) r
WHERE name <> 'never_analyzed' OR estimated IS NOT NULL
ORDER BY kind DESC, name;
