/*
 * pg_activity_probes.c
 *		pg_activity: backends by state and wait event; long transactions; who holds the xmin horizon.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

const Field PgActivityFields[] = {
	FIELDS_END
};

const Probe *const PgActivityProbes[] = {NULL};
