-- nobody but those meant to may call anything
CREATE EXTENSION pganalytics;
CREATE ROLE regress_pganalytics_nobody;
CREATE ROLE regress_pganalytics_monitor IN ROLE pg_monitor;

SET ROLE regress_pganalytics_nobody;
SELECT pganalytics_status();
SELECT pganalytics_version();
SELECT pganalytics_sample('sysstat');
SELECT pganalytics_collect();
SELECT pganalytics_flush();
SELECT pganalytics_register();
SELECT pganalytics_pull_config();
SELECT * FROM pganalytics_collectors;
SELECT * FROM pganalytics_settings;
RESET ROLE;

SET ROLE regress_pganalytics_monitor;
SELECT jsonb_typeof(pganalytics_status());
SELECT pganalytics_version() IS NOT NULL AS version;
SELECT count(*) FROM pganalytics_sample('sysstat');
SELECT count(*) FROM pganalytics_collectors;
SELECT count(*) > 0 AS some FROM pganalytics_settings;
SELECT pganalytics_sample('pg_log');
SELECT pganalytics_collect();
SELECT pganalytics_flush();
SELECT pganalytics_register();
SELECT pganalytics_pull_config();
RESET ROLE;

-- nothing of the extension is for everybody, and nothing lends its owner's rights
SELECT d.classid::regclass, pg_describe_object(d.classid, d.objid, 0)
FROM pg_depend d
     LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
     LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pganalytics')
  AND (p.prosecdef
       OR EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, CASE WHEN p.oid IS NOT NULL THEN acldefault('f', p.proowner) END))
                  WHERE grantee = 0)
       OR EXISTS (SELECT FROM aclexplode(c.relacl) WHERE grantee = 0));
-- functions and operators of others are not called in our name
CREATE SCHEMA trap;
CREATE FUNCTION trap.trap(bigint, bigint) RETURNS bigint LANGUAGE plpgsql
    AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE OPERATOR trap.- (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = trap.trap);
SET search_path = trap, pg_catalog, public;
SELECT count(*) FROM pganalytics_sample('pg_stats');
RESET search_path;
DROP SCHEMA trap CASCADE;

DROP ROLE regress_pganalytics_nobody;
DROP ROLE regress_pganalytics_monitor;
DROP EXTENSION pganalytics;
