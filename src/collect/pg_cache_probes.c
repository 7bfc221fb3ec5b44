/*
 * pg_cache_probes.c
 *		pg_cache: hit ratios of database, tables and indexes.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

const Field PgCacheFields[] = {
	FIELDS_END
};

const Probe *const PgCacheProbes[] = {NULL};
