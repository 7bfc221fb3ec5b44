/*
 * pg_schema_probes.c
 *		pg_schema: tables, columns, constraints, indexes, triggers, functions, sequences.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

const Field PgSchemaFields[] = {
	FIELDS_END
};

const Probe *const PgSchemaProbes[] = {NULL};
