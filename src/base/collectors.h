/*
 * collectors.h
 *		The table of metric types: one row a collector.
 *
 * Everything that has to know "all collectors" reads this table: the interval
 * settings, the schedule, the status, the schema and the documentation.
 */
#ifndef COLLECTORS_H
#define COLLECTORS_H

#include "base/fields.h"

typedef enum CollectorType
{
	COLLECTOR_PG_STATS,
	COLLECTOR_SYSSTAT,
	COLLECTOR_DISK_USAGE,
	COLLECTOR_PG_LOG,
	COLLECTOR_PG_QUERY_STATS,
	COLLECTOR_PG_ACTIVITY,
	COLLECTOR_PG_LOCKS,
	COLLECTOR_PG_REPLICATION,
	COLLECTOR_PG_SERVER,
	COLLECTOR_PG_CONNECTIONS,
	COLLECTOR_PG_CACHE,
	COLLECTOR_PG_BLOAT,
	COLLECTOR_PG_SCHEMA,
	COLLECTOR_PG_EXTENSIONS,
	COLLECTOR_PG_SETTINGS,
	COLLECTOR_CUSTOM
} CollectorType;

#define NUM_COLLECTORS (COLLECTOR_CUSTOM + 1)

typedef enum CollectorScope
{
	SCOPE_CLUSTER,	/* the collector, once for the server */
	SCOPE_DATABASE, /* a visitor, once in every database */
	SCOPE_HOST		/* the collector, no SQL */
} CollectorScope;

typedef struct Collector
{
	const char	  *name; /* "type" on the wire */
	CollectorScope scope;
	int			   default_interval; /* seconds */
	const char	  *holds;			 /* one line for the documentation */
	const Field	  *fields;
} Collector;

extern const Collector Collectors[NUM_COLLECTORS];

/* The collector called name; -1: there is none. */
extern int CollectorByName(const char *name);

/* Declared by the layer that collects them. */
extern const Field PgStatsFields[];
extern const Field SysstatFields[];
extern const Field DiskUsageFields[];
extern const Field PgLogFields[];
extern const Field PgQueryStatsFields[];
extern const Field PgActivityFields[];
extern const Field PgLocksFields[];
extern const Field PgReplicationFields[];
extern const Field PgServerFields[];
extern const Field PgConnectionsFields[];
extern const Field PgCacheFields[];
extern const Field PgBloatFields[];
extern const Field PgSchemaFields[];
extern const Field PgExtensionsFields[];
extern const Field PgSettingsFields[];
extern const Field CustomFields[];

#endif /* COLLECTORS_H */
