/*
 * pg_extensions_probes.c
 *		pg_extensions: extensions, installed and available versions.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

const Field PgExtensionsFields[] = {
	FIELDS_END
};

const Probe *const PgExtensionsProbes[] = {NULL};
