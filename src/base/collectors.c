/*
 * collectors.c
 *		The table of metric types.
 */
#include "base/collectors.h"

#include <string.h>

const Collector Collectors[NUM_COLLECTORS] = {
	[COLLECTOR_PG_STATS] = {"pg_stats", SCOPE_DATABASE, 60,
							"database, table and index statistics", PgStatsFields},
	[COLLECTOR_SYSSTAT] = {"sysstat", SCOPE_HOST, 60,
						   "CPU, load, memory, swap, disk I/O and network of the host", SysstatFields},
	[COLLECTOR_DISK_USAGE] = {"disk_usage", SCOPE_HOST, 300,
							  "filesystems the server uses, sizes of its directories", DiskUsageFields},
	[COLLECTOR_PG_LOG] = {"pg_log", SCOPE_HOST, 10, "entries of the server log", PgLogFields},
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
