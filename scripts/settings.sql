-- Prints docs/configuration.md, or with -v sample=1 docs/pganalytics.conf.sample, from the
-- settings that the library has declared.  Run by scripts/print-settings, on a server that has
-- it preloaded and nothing set.
\set QUIET on
\pset format unaligned
\pset tuples_only on
\if :{?sample} \else \set sample 0 \endif

CREATE TEMP TABLE settings AS
SELECT name, pg_catalog.current_setting(name) AS value, vartype, context, short_desc,
       pg_catalog.regexp_replace(extra_desc, '\.  ', '. ', 'g') AS extra_desc,
       CASE WHEN vartype = 'integer'
            THEN min_val || ' .. ' || max_val || coalesce(' ' || unit, '') END AS range
FROM pg_catalog.pg_settings
WHERE name LIKE 'pganalytics.%'
ORDER BY name COLLATE "C";

\if :sample
\echo '# Every setting of pganalytics at its default.  Copy what you change into postgresql.conf, or'
\echo '# include this file there: include_if_exists = ''pganalytics.conf''.  A reload is enough unless'
\echo '# a setting says that it needs a restart.'
SELECT E'\n# ' || pg_catalog.regexp_replace(short_desc || coalesce(' ' || extra_desc, ''),
                                            '(.{60,96}?) ', E'\\1\n# ', 'g') ||
       coalesce(E'\n# Range: ' || range || '.', '') ||
       CASE WHEN context = 'postmaster' THEN E'\n# Needs a restart.' ELSE '' END ||
       E'\n#' || name || ' = ' ||
       CASE WHEN vartype IN ('string', 'enum') OR value ~ '[a-zA-Z]' AND vartype = 'integer'
            THEN pg_catalog.quote_literal(value) ELSE value END
FROM settings;
\else
\echo '# Configuration'
\echo
\echo '<!-- made by scripts/print-settings from the declarations in src: edit those -->'
\echo
\echo 'Settings go into `postgresql.conf`, or by `ALTER SYSTEM`; a reload (`SELECT pg_reload_conf()`) puts them in force unless'
\echo 'the column says restart. `docs/pganalytics.conf.sample` has all of them at their defaults. `SELECT * FROM'
\echo 'pganalytics_settings` shows what stands here, what the backend asks for, and what is in force and why.'
\echo
\echo 'Secrets are never settings: those that end in `_file` name files, which must belong to the server''s user (or root)'
\echo 'and be closed to group and others. An interval of 0 means the default of that collector, see [metrics](metrics.md).'
\echo
\echo '| setting | default | range | changed by | |'
\echo '|---|---|---|---|---|'
SELECT pg_catalog.format('| `%s` | %s | %s | %s | %s |', name,
                         CASE WHEN value = '' THEN 'empty' ELSE '`' || value || '`' END,
                         coalesce(range, ''),
                         CASE context WHEN 'postmaster' THEN 'restart' ELSE 'reload' END,
                         pg_catalog.replace(short_desc || coalesce(' ' || extra_desc, ''), '*', '\*'))
FROM settings;
\endif
