/*
 * pg_activity_probes.c
 *		pg_activity: backends by state and wait event; long transactions; who
 *		holds the xmin horizon.
 *
 * "states" is sampled between the reports (pg_activity.c); the rest is read by
 * SQL when the report is written.  pg_stat_get_activity() is asked directly:
 * the view joins names to each of its rows.  Our own processes, and the session
 * that calls pganalytics_sample(), are left out everywhere.  Pure C.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/activity_fields.h"
#include "collect/probe.h"

/* SQL as it reads best */
/* clang-format off */

#define TABLE_HOLDS(table, n) \
	_Static_assert(sizeof(table) / sizeof((table)[0]) == (n) + 1, #table " and its indexes differ")

#define OTHER_BACKENDS \
	"pg_catalog.pg_stat_get_activity(NULL) a " \
	"WHERE a.pid <> pg_catalog.pg_backend_pid() " \
	"AND coalesce(a.backend_type, '') NOT LIKE 'pganalytics %'"

#define SECONDS_SINCE(time) \
	"extract(epoch FROM pg_catalog.clock_timestamp() - " time ")::double precision"

/* The walsender of a logical subscriber is in a database. */
#define IS_STANDBY "a.backend_type = 'walsender' AND a.datid IS NULL"

#define DATABASE_NAME(oid) \
	"(SELECT d.datname FROM pg_catalog.pg_database d WHERE d.oid = " oid ")"

#define LONG_TRANSACTION "60 s"
#define MAX_LONG_TRANSACTIONS "20"

const Field ActivityStateFields[] = {
	[ACTIVITY_STATE_DATABASE] = {"database", FIELD_TEXT, .source = "absent: none, or dropped since"},
	[ACTIVITY_STATE_USER] = {"user", FIELD_TEXT, .source = "absent: none, or dropped since"},
	[ACTIVITY_STATE_APPLICATION] = {"application", FIELD_TEXT, .source = "application_name"},
	[ACTIVITY_STATE_BACKEND_TYPE] = {"backend_type", FIELD_TEXT,
									 .source = "as in pg_stat_activity"},
	[ACTIVITY_STATE_STATE] = {"state", FIELD_TEXT, .source = "as in pg_stat_activity; absent in "
							  "processes that serve no client"},
	[ACTIVITY_STATE_WAIT_EVENT_TYPE] = {"wait_event_type", FIELD_TEXT,
										.source = "absent: does not wait, or its state is idle"},
	[ACTIVITY_STATE_WAIT_EVENT] = {"wait_event", FIELD_TEXT,
								   .source = "absent: does not wait, or its state is idle"},
	[ACTIVITY_STATE_QUERYID] = {"queryid", FIELD_TEXT, .source = "of the statement that runs, or "
								"that ran last in an open transaction; absent: not known"},
	[ACTIVITY_STATE_COUNT] = {"count", FIELD_INT, .required = true,
							  .source = "backends seen like this, summed over the samples"},
	FIELDS_END
};
TABLE_HOLDS(ActivityStateFields, NUM_ACTIVITY_STATE_FIELDS);

/* The server's own vacuums run for hours and stand in nobody's way. */
static const Field oldest_fields[] = {
	{"transaction_seconds", FIELD_FLOAT, "s", false, 0, 0,
	 "pg_catalog.max(" SECONDS_SINCE("a.xact_start") ") "
	 "FILTER (WHERE a.backend_type <> 'autovacuum worker')"},
	{"query_seconds", FIELD_FLOAT, "s", false, 0, 0,
	 "pg_catalog.max(" SECONDS_SINCE("a.query_start") ") "
	 "FILTER (WHERE a.state = 'active' AND a.backend_type = 'client backend')"},
	{"idle_in_transaction_seconds", FIELD_FLOAT, "s", false, 0, 0,
	 "pg_catalog.max(" SECONDS_SINCE("a.state_change") ") "
	 "FILTER (WHERE a.state LIKE 'idle in transaction%')"},
	FIELDS_END
};

static const Probe oldest_probe = {
	.key = "oldest",
	.single = true,
	.columns = oldest_fields,
	.from = OTHER_BACKENDS,
};

static const Field long_transaction_fields[] = {
	{"pid", FIELD_INT, NULL, true, 0, 0, "a.pid"},
	{"database", FIELD_SHARED_NAME, NULL, false, 0, 0, DATABASE_NAME("a.datid")},
	{"user", FIELD_SHARED_NAME, NULL, false, 0, 0,
	 "(SELECT r.rolname FROM pg_catalog.pg_roles r WHERE r.oid = a.usesysid)"},
	{"application", FIELD_TEXT, NULL, false, 0, 0, "nullif(a.application_name, '')"},
	{"backend_type", FIELD_TEXT, NULL, false, 0, 0, "a.backend_type"},
	{"state", FIELD_TEXT, NULL, false, 0, 0, "a.state"},
	{"wait_event_type", FIELD_TEXT, NULL, false, 0, 0, "a.wait_event_type"},
	{"wait_event", FIELD_TEXT, NULL, false, 0, 0, "a.wait_event"},
	{"queryid", FIELD_TEXT, NULL, false, 0, 0, "a.query_id::text"},
	{"transaction_seconds", FIELD_FLOAT, "s", true, 0, 0, SECONDS_SINCE("a.xact_start")},
	{"state_seconds", FIELD_FLOAT, "s", false, 0, 0, SECONDS_SINCE("a.state_change")},
	{"xid_age", FIELD_INT, "transactions", false, 0, 0, "pg_catalog.age(a.backend_xid)"},
	{"xmin_age", FIELD_INT, "transactions", false, 0, 0, "pg_catalog.age(a.backend_xmin)"},
	FIELDS_END
};

static const Probe long_transactions_probe = {
	.key = "long_transactions",
	.columns = long_transaction_fields,
	.from = OTHER_BACKENDS " AND a.xact_start < pg_catalog.clock_timestamp() "
	"- interval '" LONG_TRANSACTION "' ORDER BY a.xact_start LIMIT " MAX_LONG_TRANSACTIONS,
};

static const Field horizon_fields[] = {
	{"holder", FIELD_TEXT, NULL, true, 0, 0, "h.holder"},
	{"kind", FIELD_TEXT, NULL, true, 0, 0, "h.kind"},
	{"database", FIELD_SHARED_NAME, NULL, false, 0, 0, DATABASE_NAME("h.datid")},
	{"age", FIELD_INT, "transactions", true, 0, 0, "h.age"},
	FIELDS_END
};

/*
 * The oldest of each kind.  A process that runs a plain VACUUM has an xmin, too,
 * but nobody heeds it; what an invalidated slot asks for is not heeded either.
 * Feedback of a standby without a slot is the xmin of its walsender.
 */
static const Probe horizon_probe = {
	.key = "xmin_horizon",
	.columns = horizon_fields,
	.from = "(SELECT DISTINCT ON (c.kind) c.* FROM ("
	"SELECT CASE WHEN " IS_STANDBY " THEN a.application_name ELSE a.pid::text END AS holder, "
	"CASE WHEN " IS_STANDBY " THEN 'standby_feedback' ELSE 'backend' END AS kind, a.datid, "
	"greatest(pg_catalog.age(a.backend_xmin), pg_catalog.age(a.backend_xid)) AS age "
	"FROM " OTHER_BACKENDS " AND a.pid NOT IN "
	"(SELECT v.pid FROM pg_catalog.pg_stat_get_progress_info('VACUUM') v) "
	"UNION ALL SELECT s.slot_name::text, x.kind, s.datoid, x.age "
	"FROM pg_catalog.pg_get_replication_slots() s, LATERAL (VALUES "
	"('slot', pg_catalog.age(s.xmin)), ('slot_catalog', pg_catalog.age(s.catalog_xmin))"
	") x (kind, age) WHERE s.wal_status IS DISTINCT FROM 'lost' "
	"UNION ALL SELECT p.gid, 'prepared_transaction', p.dbid, pg_catalog.age(p.transaction) "
	"FROM pg_catalog.pg_prepared_xact() p"
	") c WHERE c.age IS NOT NULL ORDER BY c.kind, c.age DESC) h",
};

const Field PgActivityFields[] = {
	{"samples", FIELD_INT, NULL, false, 0, 0, "looks at all backends that \"states\" sums up"},
	{"interval_ms", FIELD_INT, "ms", false, 0, 0, "time since the previous report"},
	{"other", FIELD_INT, NULL, false, 0, 0,
	 "what \"count\" would be of the rows after the first 1000"},
	{"states", FIELD_OBJECTS, NULL, false, 0, 0, "backend status array, pganalytics' own left out",
	 ActivityStateFields},
	{"oldest", FIELD_OBJECT, NULL, false, 0, 0, "pg_stat_activity", oldest_fields},
	{"long_transactions", FIELD_OBJECTS, NULL, false, 0, 0,
	 "pg_stat_activity: the " MAX_LONG_TRANSACTIONS " oldest of more than " LONG_TRANSACTION,
	 long_transaction_fields},
	{"xmin_horizon", FIELD_OBJECTS, NULL, false, 0, 0,
	 "pg_stat_activity, pg_replication_slots, pg_prepared_xacts: the oldest of each kind",
	 horizon_fields},
	FIELDS_END
};

const Probe *const PgActivityProbes[] = {
	&oldest_probe, &long_transactions_probe, &horizon_probe, NULL
};
