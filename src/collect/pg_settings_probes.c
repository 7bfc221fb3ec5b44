/*
 * pg_settings_probes.c
 *		pg_settings: settings that differ from their defaults.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

const Field PgSettingsFields[] = {
	FIELDS_END
};

const Probe *const PgSettingsProbes[] = {NULL};
