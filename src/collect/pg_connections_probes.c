/*
 * pg_connections_probes.c
 *		pg_connections: connections by database, user, application and address.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

const Field PgConnectionsFields[] = {
	FIELDS_END
};

const Probe *const PgConnectionsProbes[] = {NULL};
