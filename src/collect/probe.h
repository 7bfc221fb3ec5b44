/*
 * probe.h
 *		A probe is data: columns with their SQL, and where they come from.
 *
 * Pure C up to here, so that schema and documentation are printed from the
 * same tables.
 */
#ifndef PROBE_H
#define PROBE_H

#include "base/fields.h"

/* Rows made once and joined in more than one place. */
typedef struct ProbeCommon
{
	const char *name;			/* what the probe calls it */
	const Field *columns;
	const char *from;
} ProbeCommon;

typedef struct Probe
{
	const char *array;			/* key of the array that the rows go into */
	const Field *columns;		/* Field.source is the SQL expression */
	const char *from;			/* FROM and WHERE; $1: oid[] of the chosen tables, null: all */
	const ProbeCommon *common;	/* or NULL */
} Probe;

extern const Probe PgStatsDatabasesProbe;
extern const Probe PgStatsTablesProbe;
extern const Probe PgStatsIndexesProbe;

/* How many tables there are, and the oid[] of the $1 busiest. */
extern const char PgStatsCountSql[];
extern const char PgStatsChooseSql[];

#endif							/* PROBE_H */
