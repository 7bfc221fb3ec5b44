/*
 * pg_server_probes.c
 *		pg_server: WAL, checkpointer, background writer, archiver, I/O, SLRU, progress of long commands.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

const Field PgServerFields[] = {
	FIELDS_END
};

const Probe *const PgServerProbes[] = {NULL};
