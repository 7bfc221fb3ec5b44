/*
 * pg_locks_probes.c
 *		pg_locks: locks by mode, and who blocks whom.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

const Field PgLocksFields[] = {
	FIELDS_END
};

const Probe *const PgLocksProbes[] = {NULL};
