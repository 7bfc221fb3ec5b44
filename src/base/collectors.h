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
	COLLECTOR_PG_LOG
} CollectorType;

#define NUM_COLLECTORS (COLLECTOR_PG_LOG + 1)

typedef enum CollectorScope
{
	SCOPE_CLUSTER,				/* the collector, once for the server */
	SCOPE_DATABASE,				/* a visitor, once in every database */
	SCOPE_HOST					/* the collector, no SQL */
} CollectorScope;

typedef struct Collector
{
	const char *name;			/* "type" on the wire */
	CollectorScope scope;
	int			default_interval;	/* seconds */
	const char *holds;			/* one line for the documentation */
	const Field *fields;
} Collector;

extern const Collector Collectors[NUM_COLLECTORS];

/* The collector called name; -1: there is none. */
extern int	CollectorByName(const char *name);

/* Declared by the layer that collects them. */
extern const Field PgStatsFields[];
extern const Field SysstatFields[];
extern const Field DiskUsageFields[];
extern const Field PgLogFields[];

#endif							/* COLLECTORS_H */
