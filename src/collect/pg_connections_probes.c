/*
 * pg_connections_probes.c
 *		pg_connections: connections by database, user, application and address.
 *
 * What counts is what takes one of the max_connections: client backends.
 * Walsenders have slots of their own and are in pg_replication; our own
 * workers and those of others are no clients.  Pure C.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

/* SQL as it reads best */
/* clang-format off */

#define MAX_GROUPS "500"

/* The largest groups; many addresses or application names with a pid in them end up in "other". */
#define GROUPS \
	"(SELECT a.datname, a.usename, a.application_name, " \
	"CASE WHEN a.client_port = -1 THEN '[local]' ELSE pg_catalog.host(a.client_addr) END " \
	"AS client, a.state, pg_catalog.count(*) AS count FROM pg_catalog.pg_stat_activity a " \
	"WHERE a.backend_type = 'client backend' GROUP BY 1, 2, 3, 4, 5 " \
	"ORDER BY 6 DESC, 1, 2, 3, 4, 5)"

static const Field totals_fields[] = {
	{"max_connections", FIELD_INT, NULL, true, 0, 0,
	 "pg_catalog.current_setting('max_connections')::integer"},
	{"reserved", FIELD_INT, NULL, true, 0, 0,
	 "pg_catalog.current_setting('superuser_reserved_connections')::integer + "
	 "coalesce(pg_catalog.current_setting('reserved_connections', true)::integer, 0)"},
	{"used", FIELD_INT, NULL, true, 0, 0, "coalesce(pg_catalog.sum(s.count), 0)::bigint"},
	{"other", FIELD_INT, NULL, true, 0, 0,
	 "coalesce(pg_catalog.sum(s.count) FILTER (WHERE s.rank > " MAX_GROUPS "), 0)::bigint"},
	FIELDS_END
};

static const Probe totals_probe = {
	.single = true,
	.columns = totals_fields,
	.from = "(SELECT g.count, pg_catalog.row_number() OVER () AS rank FROM " GROUPS " g) s",
};

static const Field group_fields[] = {
	{"database", FIELD_SHARED_NAME, NULL, false, 0, 0, "s.datname"},
	{"user", FIELD_SHARED_NAME, NULL, false, 0, 0, "s.usename"},
	{"application", FIELD_TEXT, NULL, false, 0, 0, "s.application_name"},
	{"client", FIELD_TEXT, NULL, false, 0, 0, "s.client"},
	COLUMN("state", FIELD_TEXT, NULL),
	{"count", FIELD_INT, NULL, true, 0, 0, "s.count"},
	FIELDS_END
};

static const Probe groups_probe = {
	.key = "by",
	.columns = group_fields,
	.from = GROUPS " s LIMIT " MAX_GROUPS,
};

const Field PgConnectionsFields[] = {
	{"max_connections", FIELD_INT, NULL, false, 0, 0, "setting max_connections"},
	{"reserved", FIELD_INT, NULL, false, 0, 0,
	 "settings superuser_reserved_connections and (16+) reserved_connections, both together"},
	{"used", FIELD_INT, NULL, false, 0, 0, "pg_stat_activity, client backends"},
	{"other", FIELD_INT, NULL, false, 0, 0,
	 "connections that are in none of the " MAX_GROUPS " largest groups"},
	{"by", FIELD_OBJECTS, NULL, false, 0, 0,
	 "pg_stat_activity, client backends, the " MAX_GROUPS " largest groups; client: address, or "
	 "[local]", group_fields},
	FIELDS_END
};

const Probe *const PgConnectionsProbes[] = {&totals_probe, &groups_probe, NULL};
