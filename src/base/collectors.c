/*
 * collectors.c
 *		The table of metric types.
 */
#include "base/collectors.h"

#include <string.h>

const Collector Collectors[NUM_COLLECTORS] = {
	[COLLECTOR_PG_STATS] = {"pg_stats", SCOPE_DATABASE, 60, "database, table and index statistics",
							PgStatsFields},
	[COLLECTOR_SYSSTAT] =
		{"sysstat", SCOPE_HOST, 60,
		 "CPU, memory, disk I/O, network and pressure of the host, its limits, the server's processes",
		 SysstatFields},
	[COLLECTOR_DISK_USAGE] = {"disk_usage", SCOPE_HOST, 300,
							  "filesystems the server uses, sizes of its directories",
							  DiskUsageFields},
	[COLLECTOR_PG_LOG] = {"pg_log", SCOPE_HOST, 10, "entries of the server log", PgLogFields},
	[COLLECTOR_PG_QUERY_STATS] = {"pg_query_stats", SCOPE_CLUSTER, 60,
								  "statements, from pg_stat_statements", PgQueryStatsFields},
	[COLLECTOR_PG_ACTIVITY] =
		{"pg_activity", SCOPE_CLUSTER, 10,
		 "backends by state and wait event; long transactions; who holds the xmin horizon",
		 PgActivityFields},
	[COLLECTOR_PG_LOCKS] = {"pg_locks", SCOPE_CLUSTER, 60, "locks by mode, and who blocks whom",
							PgLocksFields},
	[COLLECTOR_PG_REPLICATION] =
		{"pg_replication", SCOPE_CLUSTER, 60,
		 "standbys, slots, receiver, subscriptions, WAL, prepared transactions",
		 PgReplicationFields},
	[COLLECTOR_PG_SERVER] =
		{"pg_server", SCOPE_CLUSTER, 60,
		 "WAL, checkpointer, background writer, archiver, I/O, SLRU, progress of long commands",
		 PgServerFields},
	[COLLECTOR_PG_CONNECTIONS] = {"pg_connections", SCOPE_CLUSTER, 60,
								  "connections by database, user, application and address",
								  PgConnectionsFields},
	[COLLECTOR_PG_CACHE] = {"pg_cache", SCOPE_DATABASE, 60,
							"hit ratios of database, tables and indexes", PgCacheFields},
	[COLLECTOR_PG_BLOAT] = {"pg_bloat", SCOPE_DATABASE, 3600,
							"bloat of tables and indexes, estimated", PgBloatFields},
	[COLLECTOR_PG_SCHEMA] =
		{"pg_schema", SCOPE_DATABASE, 3600,
		 "tables, columns, constraints, indexes, triggers, functions, sequences", PgSchemaFields},
	[COLLECTOR_PG_EXTENSIONS] = {"pg_extensions", SCOPE_DATABASE, 3600,
								 "extensions, installed and available versions",
								 PgExtensionsFields},
	[COLLECTOR_PG_SETTINGS] = {"pg_settings", SCOPE_CLUSTER, 3600,
							   "settings that differ from their defaults", PgSettingsFields},
	[COLLECTOR_CUSTOM] =
		{"custom", SCOPE_DATABASE, 1,
		 "queries registered with pganalytics_add_custom_collector(), each at an interval of its own",
		 CustomFields},
};

int
CollectorByName(const char *name)
{
	for (int i = 0; i < NUM_COLLECTORS; i++)
	{
		if (strcmp(Collectors[i].name, name) == 0)
			return i;
	}
	return -1;
}
