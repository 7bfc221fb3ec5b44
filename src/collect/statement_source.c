/*
 * statement_source.c
 *		Is pg_stat_statements there?
 *
 * It takes two steps to install, in two places, and either may be missing.  An
 * extension that was not updated after pg_upgrade still works and has the
 * columns that it had.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/lsyscache.h" /* get_database_name of 19 */

#include "collect/probe_query.h"
#include "collect/statement_source.h"

#define LIBRARY "pg_stat_statements"

/* Which version of the server brought which version of the extension. */
typedef struct ExtensionRelease
{
	const char *version;
	int			major;
} ExtensionRelease;

static const ExtensionRelease releases[] = {
	{"1.10", 15},
	{"1.11", 17},
	{"1.12", 18},
	{"1.13", 19},
};

/* A setting of its that is only in the configuration file is a placeholder. */
static bool
LibraryIsLoaded(void)
{
	return GetConfigOption(LIBRARY ".max", true, false) != NULL &&
		(GetConfigOptionFlags(LIBRARY ".max", true) & GUC_CUSTOM_PLACEHOLDER) == 0;
}

static char *
HowToPreload(void)
{
	const char *libraries = GetConfigOption("shared_preload_libraries", true, false);

	return psprintf("set shared_preload_libraries = '" LIBRARY "%s%s' and restart the server",
					libraries && *libraries ? "," : "", libraries ? libraries : "");
}

static char *
InThisDatabase(void)
{
	char *name = get_database_name(MyDatabaseId);

	return psprintf("in database \"%s\"%s", name ? name : "?",
					RecoveryInProgress() ? " of the primary" : "");
}

StatementObstacle
StatementSourceFind(StatementSource *source)
{
	const Probe *probe = PgQueryStatsProbes[0];
	bool		 loaded = LibraryIsLoaded();
	char		*schema;
	char		*version = ExtensionFind(probe->extension, &schema);

	if (version == NULL)
		return loaded ? NOT_CREATED : NOT_INSTALLED;
	if (!loaded)
		return NOT_LOADED;
	if (ExtensionVersionCompare(version, probe->extension_since) < 0)
		return TOO_OLD;

	source->schema = schema;
	for (int i = 0; i < lengthof(releases); i++)
	{
		if (ExtensionVersionCompare(version, releases[i].version) >= 0)
			source->major = releases[i].major;
	}
	return NO_OBSTACLE;
}

char *
StatementObstacleText(StatementObstacle obstacle)
{
	switch (obstacle)
	{
		case NOT_INSTALLED:
			return psprintf("no statistics of statements, " LIBRARY " is not installed: %s, then "
							"run CREATE EXTENSION " LIBRARY " %s",
							HowToPreload(), InThisDatabase());
		case NOT_CREATED:
			return psprintf("no statistics of statements, " LIBRARY " is loaded but not created: "
							"run CREATE EXTENSION " LIBRARY " %s",
							InThisDatabase());
		case NOT_LOADED:
			return psprintf("no statistics of statements, " LIBRARY
							" is created but not loaded: %s",
							HowToPreload());
		case TOO_OLD:
			return psprintf("no statistics of statements, the extension " LIBRARY " is too old: "
							"run ALTER EXTENSION " LIBRARY " UPDATE %s",
							InThisDatabase());
		case NO_QUERY_IDS:
			return psprintf("no statistics of statements, \"compute_query_id\" is off: %s",
							SettingIsOfRoleOrDatabase("compute_query_id") ?
								"RESET it where ALTER ROLE or ALTER DATABASE has set it (\\drds of "
								"psql shows that)" :
								"set it to auto and reload");
		case NOT_TRACKED:
			return pstrdup("no statistics of statements, \"" LIBRARY ".track\" is none: set it to "
						   "top and reload");
		case NO_TEXTS:
			return pstrdup("no texts of statements, they take too much space: lower "
						   "\"" LIBRARY ".max\", or run SELECT " LIBRARY "_reset()");
		case NO_OBSTACLE:
			break;
	}
	return pstrdup("");
}
