/*
 * pg_query_stats_probes.c
 *		pg_query_stats: statements, from pg_stat_statements.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

const Field PgQueryStatsFields[] = {
	FIELDS_END
};

const Probe *const PgQueryStatsProbes[] = {NULL};
