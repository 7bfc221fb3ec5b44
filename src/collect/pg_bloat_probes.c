/*
 * pg_bloat_probes.c
 *		pg_bloat: bloat of tables and indexes, estimated.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

const Field PgBloatFields[] = {
	FIELDS_END
};

const Probe *const PgBloatProbes[] = {NULL};
