/*
 * probe_query.h
 *		The query of a probe: whether it can run here, and what it reads.
 */
#ifndef PROBE_QUERY_H
#define PROBE_QUERY_H

#include "postgres.h"

#include "collect/probe.h"

/*
 * Can the probe run here, now?  To be asked within a query.  *missing: the
 * extension that it wants is not installed, or too old.
 */
extern bool ProbeApplies(const Probe *probe, bool *missing);

/* Is the setting (NULL: none) on without which the server would count 0? */
extern bool ProbeIsTracked(const char *tracker);

/*
 * Is the setting's value here not the server's, but one of ALTER ROLE or ALTER
 * DATABASE?  To be asked within a query.
 */
extern bool SettingIsOfRoleOrDatabase(const char *name);

/* Is the column in the result, on this version? */
extern bool ProbeHasColumn(const Field *column);

/* For messages. */
extern const char *ProbeName(const Probe *probe);

/* The text of the query; an error where the extension that it reads is not installed. */
extern char *ProbeQuery(const Probe *probe);

/*
 * Version of an extension that is installed in this database, and its schema;
 * NULL: it is not installed.  To be asked within a query.
 */
extern char *ExtensionFind(const char *name, char **schema);

/* sql with the schema in the place of @extschema@. */
extern char *ExtensionNameSchema(const char *sql, const char *schema);

/* Below, at or above 0, as "1.9" is below "1.10". */
extern int ExtensionVersionCompare(const char *a, const char *b);

#endif /* PROBE_QUERY_H */
