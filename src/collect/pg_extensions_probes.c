/*
 * pg_extensions_probes.c
 *		pg_extensions: the installed extensions, and which version of each the
 *		server has to offer.
 *
 * The default version is in the control files, which are read for it.  Pure C.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

/* SQL as it reads best */
/* clang-format off */

static const Field extension_fields[] = {
	{"name", FIELD_TEXT, NULL, true, 0, 0, "e.extname"},
	{"installed_version", FIELD_TEXT, NULL, true, 0, 0, "e.extversion"},
	{"default_version", FIELD_TEXT, NULL, false, 0, 0, "a.default_version"},
	{"schema", FIELD_TEXT, NULL, false, 0, 0, "n.nspname"},
	{"owner", FIELD_SHARED_NAME, NULL, false, 0, 0, "pg_catalog.pg_get_userbyid(e.extowner)"},
	FIELDS_END
};

const Field PgExtensionsFields[] = {
	{"extensions", FIELD_OBJECTS, NULL, false, 0, 0, "pg_extension, pg_available_extensions",
	 extension_fields},
	FIELDS_END
};

static const Probe extensions_probe = {
	.key = "extensions",
	.columns = extension_fields,
	.from = "pg_catalog.pg_extension e "
	"LEFT JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace "
	"LEFT JOIN pg_catalog.pg_available_extensions() a ON a.name = e.extname "
	"ORDER BY e.extname",
};

const Probe *const PgExtensionsProbes[] = {&extensions_probe, NULL};
