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
	const char	*name; /* what the probe calls it */
	const Field *columns;
	const char	*from;
} ProbeCommon;

/* Where a probe makes sense. */
typedef enum ProbeRole
{
	ON_ANY,
	ON_PRIMARY,
	ON_STANDBY
} ProbeRole;

/* Who may run it: some catalogues are for superusers only, as the workers are. */
typedef enum ProbeReader
{
	BY_ANYONE,
	BY_SUPERUSER,
	BY_OTHERS
} ProbeReader;

typedef struct Probe
{
	const char		  *key; /* of the rows in the metric; NULL: the row's fields are the metric's */
	bool			   single;	/* at most one row: an object instead of an array */
	bool			   sparse;	/* what is null is left out of a row: for rows of several kinds */
	const Field		  *columns; /* Field.source is the SQL expression */
	const char		  *from;	/* FROM and WHERE; $1: oid[] of the chosen tables, null: all;
								 * $2, $3: two bigint[], numbers that the collector has read
								 * by other means, by their keys;
								 * @extschema@: schema of "extension" */
	const ProbeCommon *common;	/* or NULL */
	const Field		  *aside;	/* more columns, not written: for a ProbeWatcher; or NULL */
	const char *hashed; /* record of what tells whether a row "q" has changed; NULL: all of it */
	bool		moves;	/* what it tells changes without the catalogues */
	int			since;	/* first server major version, 0: all */
	int			until;	/* last one, 0: all */
	ProbeRole	role;
	ProbeReader reader;
	bool		many_steps;		 /* so many that the planner cannot guess their rows */
	const char *tracker;		 /* setting without which there is nothing to read, or NULL */
	const char *extension;		 /* that must be installed, or NULL */
	const char *extension_since; /* its first version that will do, "1.8"; NULL: any */
} Probe;

/* A column of the view that the probe calls s; with the first and the last version that has it. */
#define COLUMN(name, type, unit) \
	{ \
		name, type, unit, false, 0, 0, "s." name \
	}
#define COLUMN_OF(since, until, name, type, unit) \
	{ \
		name, type, unit, false, since, until, "s." name \
	}

/* The probes of each collector, in the order they run; each list ends with NULL. */
extern const Probe *const PgStatsProbes[];
extern const Probe *const PgQueryStatsProbes[];
extern const Probe *const PgActivityProbes[];
extern const Probe *const PgLocksProbes[];
extern const Probe *const PgReplicationProbes[];
extern const Probe *const PgServerProbes[];
extern const Probe *const PgConnectionsProbes[];
extern const Probe *const PgCacheProbes[];
extern const Probe *const PgBloatProbes[];
extern const Probe *const PgSchemaProbes[];
extern const Probe *const PgExtensionsProbes[];
extern const Probe *const PgSettingsProbes[];

/*
 * pg_stats: oid and kind of every table and TOAST table; the busiest $1 tables,
 * of the catalogues or of the others ($2); oid, own file and index's file of every
 * TOAST table; and what its probes have aside.
 */
extern const char PgStatsListSql[];
extern const char PgStatsChooseSql[];
extern const char PgStatsToastSql[];

enum
{
	INDEX_OID,
	INDEX_TABLE,
	INDEX_FILE
};

enum
{
	TABLE_OID,
	TABLE_TOAST,
	TABLE_FILE,
	TABLE_FETCHED
};

/*
 * pg_schema reads its tables in slices by oid: how many there are, and the oid
 * of the last one within the limit $1 (null: no limit); then the oids of the
 * next $1 ones after $2 up to that last one, $3.
 */
extern const char PgSchemaCountSql[];
extern const char PgSchemaSliceSql[];

/*
 * Sequences whose last values are read by other means: pg_schema's $2 are their
 * oids and $3 the values; a negative oid is one without a value, then the value 1
 * means that the sequence was never used, 0 that it could not be read.
 */
extern const char PgSchemaSequencesSql[];

/* A kind of definitions that pg_schema sends as texts. */
typedef struct DefinitionSource
{
	const char *kind;
	const char *list; /* the next $2 after the oid $1: oid, schema, table or null, name,
								 * oid[] of the relations that are opened for it */
	const char *text; /* of the one with the oid $1 */
} DefinitionSource;

extern const DefinitionSource PgSchemaDefinitions[]; /* ends with a nameless one */
extern const Field			  PgSchemaDefinitionFields[];

/* A number that moves with the catalogues; -1 where nothing is counted: on standbys, for one. */
extern const char PgSchemaChangesSql[];

#endif /* PROBE_H */
