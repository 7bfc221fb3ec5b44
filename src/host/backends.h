/*
 * backends.h
 *		What the server's processes are for.
 */
#ifndef HOST_BACKENDS_H
#define HOST_BACKENDS_H

#include "postgres.h"

#include "host/fields.h"

/* Sets the backend type, as pg_stat_activity has it, in rows that have a pid. */
extern void BackendsName(Rows *processes);

#endif /* HOST_BACKENDS_H */
