/*
 * pg_replication_probes.c
 *		pg_replication: standbys, slots, receiver, subscriptions, WAL, prepared transactions.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

const Field PgReplicationFields[] = {
	FIELDS_END
};

const Probe *const PgReplicationProbes[] = {NULL};
