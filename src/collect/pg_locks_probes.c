/*
 * pg_locks_probes.c
 *		pg_locks: locks by mode, and who blocks whom.
 *
 * Reading pg_locks copies the whole lock table, and every
 * pg_blocking_pids() takes all partitions of it once more.  So the locks are
 * read a second time only if somebody waits, and only the sessions that wait
 * longest are asked for their blockers.  Pure C.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

/* SQL as it reads best */
/* clang-format off */

#define MAX_WAITS "100"
#define MAX_BLOCKED_BY "50"

#define OURS \
	"(SELECT a.pid FROM pg_catalog.pg_stat_activity a " \
	"WHERE a.pid = pg_catalog.pg_backend_pid() OR a.backend_type LIKE 'pganalytics %')"

#define SECONDS_SINCE(time) \
	"extract(epoch FROM pg_catalog.clock_timestamp() - " time ")::double precision"

/* ---- all locks ---- */

static const Field lock_fields[] = {
	{"database", FIELD_SHARED_NAME, NULL, false, 0, 0, "d.datname"},
	{"mode", FIELD_TEXT, NULL, true, 0, 0, "s.mode"},
	{"locktype", FIELD_TEXT, NULL, true, 0, 0, "s.locktype"},
	{"granted", FIELD_BOOL, NULL, true, 0, 0, "s.granted"},
	{"count", FIELD_INT, NULL, true, 0, 0, "s.count"},
	FIELDS_END
};

/* The locks of a prepared transaction have no pid. */
static const Probe locks_probe = {
	.key = "locks",
	.columns = lock_fields,
	.from = "(SELECT l.database, l.mode, l.locktype, l.granted, pg_catalog.count(*) AS count "
	"FROM pg_catalog.pg_locks l WHERE coalesce(l.pid, 0) NOT IN " OURS " GROUP BY 1, 2, 3, 4) s "
	"LEFT JOIN pg_catalog.pg_database d ON d.oid = s.database",
};

/* ---- who waits ---- */

#define WAITING "pg_catalog.pg_stat_activity a WHERE a.wait_event_type = 'Lock'"

static const Field totals_fields[] = {
	{"waiting", FIELD_INT, NULL, true, 0, 0, "s.waiting"},
	{"waits_skipped", FIELD_INT, NULL, true, 0, 0, "greatest(s.waiting - " MAX_WAITS ", 0)"},
	FIELDS_END
};

static const Probe totals_probe = {
	.single = true,
	.columns = totals_fields,
	.from = "(SELECT pg_catalog.count(*) AS waiting FROM " WAITING ") s",
};

static const Field waiter_fields[] = {
	{"pid", FIELD_INT, NULL, true, 0, 0, "s.pid"},
	{"blockers", FIELD_INTS, NULL, false, 0, 0,
	 "ARRAY(SELECT DISTINCT b FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(s.pid)) b "
	 "ORDER BY b)"},
	{"mode", FIELD_TEXT, NULL, false, 0, 0, "s.mode"},
	{"locktype", FIELD_TEXT, NULL, false, 0, 0, "s.locktype"},
	{"database", FIELD_INT, NULL, false, 0, 0, "s.database"},
	{"relation", FIELD_INT, NULL, false, 0, 0, "s.relation"},
	{"waitstart", FIELD_TIME, NULL, false, 0, 0, "s.waitstart"},
	FIELDS_END
};

#define OF_WAIT(column) "pg_catalog.max(l." column ") FILTER (WHERE NOT l.granted)"

/*
 * Who waits for a row waits for a transaction, which names no relation; but
 * the first in the queue holds the lock on the tuple, which does.
 */
static const ProbeCommon waiters = {
	.name = "w",
	.columns = waiter_fields,
	.from = "(SELECT l.pid, " OF_WAIT("mode") " AS mode, " OF_WAIT("locktype") " AS locktype, "
	"coalesce(" OF_WAIT("database") ", pg_catalog.max(l.database)) AS database, "
	"coalesce(" OF_WAIT("relation") ", pg_catalog.max(l.relation)) AS relation, "
	OF_WAIT("waitstart") " AS waitstart "
	"FROM pg_catalog.pg_locks l "
	"WHERE (NOT l.granted OR l.locktype = 'tuple') AND l.pid NOT IN " OURS
	" AND EXISTS (SELECT FROM " WAITING ") "
	"GROUP BY l.pid HAVING pg_catalog.bool_or(NOT l.granted) "
	"ORDER BY " OF_WAIT("waitstart") ", l.pid LIMIT " MAX_WAITS ") s",
};

static const Field wait_fields[] = {
	{"pid", FIELD_INT, NULL, true, 0, 0, "w.pid"},
	{"blocked_by", FIELD_INTS, NULL, false, 0, 0, "w.blockers[1:" MAX_BLOCKED_BY "]"},
	{"wait_seconds", FIELD_FLOAT, "s", false, 0, 0, SECONDS_SINCE("w.waitstart")},
	{"mode", FIELD_TEXT, NULL, false, 0, 0, "w.mode"},
	{"locktype", FIELD_TEXT, NULL, false, 0, 0, "w.locktype"},
	{"database", FIELD_SHARED_NAME, NULL, false, 0, 0, "d.datname"},
	{"relation", FIELD_TEXT, NULL, false, 0, 0,
	 "coalesce(pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), "
	 "w.relation::text)"},
	{"queryid", FIELD_TEXT, NULL, false, 0, 0, "a.query_id::text"},
	{"depth", FIELD_INT, NULL, false, 0, 0, "t.depth"},
	FIELDS_END
};

/*
 * Depth is the longest way to somebody who does not wait: 1 for who is
 * blocked by such sessions only.  UNION forgets by which of the ways a depth
 * was reached, so there are never more than waiters times depths; the limit
 * ends the walk around a deadlock.
 */
#define MAX_DEPTH "25"
#define DEPTHS \
	"(WITH RECURSIVE edge AS MATERIALIZED (" \
	"SELECT w.pid, b.blocker, b.blocker IN (SELECT v.pid FROM w v) AS waits " \
	"FROM w CROSS JOIN LATERAL pg_catalog.unnest(w.blockers) b(blocker)), " \
	"way(pid, depth) AS (" \
	"SELECT e.pid, 1 FROM edge e WHERE NOT e.waits UNION " \
	"SELECT e.pid, y.depth + 1 FROM way y JOIN edge e ON e.waits AND e.blocker = y.pid " \
	"WHERE y.depth < " MAX_DEPTH ") " \
	"SELECT y.pid, pg_catalog.max(y.depth) AS depth FROM way y GROUP BY y.pid) t"

static const Probe waits_probe = {
	.key = "waits",
	.columns = wait_fields,
	.common = &waiters,
	.from = "w LEFT JOIN " DEPTHS " ON t.pid = w.pid "
	"LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid "
	"LEFT JOIN pg_catalog.pg_database d ON d.oid = w.database "
	"LEFT JOIN pg_catalog.pg_class c ON c.oid = w.relation "
	"AND (w.database = 0 OR d.datname = pg_catalog.current_database()) "
	"LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
	"ORDER BY w.waitstart, w.pid",
};

/* ---- whom they wait for ---- */

static const Field blocker_fields[] = {
	{"pid", FIELD_INT, NULL, true, 0, 0, "s.pid"},
	{"blocked", FIELD_INT, NULL, true, 0, 0, "s.blocked"},
	{"backend_type", FIELD_TEXT, NULL, false, 0, 0, "a.backend_type"},
	{"database", FIELD_SHARED_NAME, NULL, false, 0, 0, "a.datname"},
	{"user", FIELD_SHARED_NAME, NULL, false, 0, 0, "a.usename"},
	{"application", FIELD_TEXT, NULL, false, 0, 0, "a.application_name"},
	{"client", FIELD_TEXT, NULL, false, 0, 0,
	 "CASE WHEN a.client_port = -1 THEN '[local]' ELSE pg_catalog.host(a.client_addr) END"},
	{"state", FIELD_TEXT, NULL, false, 0, 0, "a.state"},
	{"wait_event_type", FIELD_TEXT, NULL, false, 0, 0, "a.wait_event_type"},
	{"wait_event", FIELD_TEXT, NULL, false, 0, 0, "a.wait_event"},
	{"queryid", FIELD_TEXT, NULL, false, 0, 0, "a.query_id::text"},
	{"transaction_seconds", FIELD_FLOAT, "s", false, 0, 0, SECONDS_SINCE("a.xact_start")},
	{"state_seconds", FIELD_FLOAT, "s", false, 0, 0, SECONDS_SINCE("a.state_change")},
	FIELDS_END
};

/* Only the roots of the trees; a prepared transaction is pid 0. */
static const Probe blockers_probe = {
	.key = "blockers",
	.columns = blocker_fields,
	.common = &waiters,
	.from = "(SELECT b.pid, pg_catalog.count(*) AS blocked "
	"FROM w CROSS JOIN LATERAL pg_catalog.unnest(w.blockers) b(pid) "
	"WHERE b.pid NOT IN (SELECT v.pid FROM w v) GROUP BY b.pid) s "
	"LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.pid "
	"WHERE a.wait_event_type IS DISTINCT FROM 'Lock' "
	"ORDER BY s.blocked DESC, s.pid LIMIT " MAX_WAITS,
};

/* ---- counters ---- */

static const Field stats_fields[] = {
	{"locktype", FIELD_TEXT, NULL, true, 0, 0, "s.locktype"},
	COLUMN("waits", FIELD_INT, NULL),
	COLUMN("wait_time", FIELD_FLOAT, "ms"),
	COLUMN("fastpath_exceeded", FIELD_INT, NULL),
	COLUMN("stats_reset", FIELD_TIME, NULL),
	FIELDS_END
};

static const Probe stats_probe = {
	.key = "stats",
	.columns = stats_fields,
	.from = "pg_catalog.pg_stat_lock s",
	.since = 19,
};

const Field PgLocksFields[] = {
	{"waiting", FIELD_INT, NULL, false, 0, 0, "pg_stat_activity, sessions that wait for a lock"},
	{"waits_skipped", FIELD_INT, NULL, false, 0, 0,
	 "of them left out of waits, where the " MAX_WAITS " are that wait longest"},
	{"locks", FIELD_OBJECTS, NULL, false, 0, 0, "pg_locks", lock_fields},
	{"waits", FIELD_OBJECTS, NULL, false, 0, 0,
	 "pg_locks, pg_blocking_pids() (the first " MAX_BLOCKED_BY "); depth: longest way to a session "
	 "that waits for nobody, at most " MAX_DEPTH "; relation: by name in the collector's database, "
	 "else its oid",
	 wait_fields},
	{"blockers", FIELD_OBJECTS, NULL, false, 0, 0,
	 "pg_stat_activity, sessions that block others (how many: blocked) and wait for no lock",
	 blocker_fields},
	{"stats", FIELD_OBJECTS, NULL, false, 19, 0, "pg_stat_lock", stats_fields},
	FIELDS_END
};

const Probe *const PgLocksProbes[] = {
	&locks_probe, &totals_probe, &waits_probe, &blockers_probe, &stats_probe, NULL
};
