/*
 * custom.h
 *		Custom collectors: queries that people have registered.
 *
 * They stand in a table of the extension in pganalytics.database.  The
 * collector copies them into shared memory (Shared->custom), where visitors
 * find them; a set of them is a mask of 1 << place.
 */
#ifndef CUSTOM_H
#define CUSTOM_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "utils/portal.h"

#include "base/shared.h"
#include "spool/batch.h"

#define CUSTOM_TABLE "pganalytics_custom_collector"

/* ---- the collector's side: which, and when ---- */

/*
 * Reads the table again where it may have changed, or in any case.  Not while
 * visitors are about.  Returns what went wrong, NULL: nothing; what was known
 * stays where something did.
 */
extern const char *CustomRefresh(TimestampTz now, bool in_any_case);

/* Those that are due; the next time of each is set.  all: every one of them. */
extern uint64 CustomDue(TimestampTz now, bool all);

/* ms until one is due, 0 if one is; limited by at_most (-1: no limit). */
extern long CustomWait(TimestampTz now, long at_most);

/* Those of the set that are meant for a database. */
extern uint64 CustomForDatabase(uint64 set, const char *database);

/* Quoted name of the table in this database, NULL: it has none.  Within a query. */
extern char *CustomTableName(void);

/*
 * Copies a row of the table, selected as CUSTOM_COLUMNS, into a slot; false:
 * it cannot be one that was registered.
 */
#define CUSTOM_COLUMNS \
	"name, query, databases, pg_catalog.date_part('epoch', \"interval\")::pg_catalog.int8, " \
	"role::pg_catalog.oid, was_superuser"

extern bool CustomFromRow(CustomSlot *slot, int row);

/* The query, which is in the encoding of this database; false: it is too long as UTF-8. */
extern bool CustomQueryToUtf8(CustomSlot *slot);

/* ---- running ---- */

/* In a visitor: runs those of the visit in the current database, into the batch. */
extern void CustomCollect(VisitorSlot *visit, Batch *batch, TimestampTz deadline);

/*
 * In the collector, of a visit that ended early: what is to be told of the
 * custom collector that was running, which is also noted.  NULL: none was.
 */
extern const char *CustomEndedVisit(const VisitorSlot *visit);

/*
 * In a session, within its transaction: those of pganalytics.database whose
 * roles the caller belongs to.  Raises errors.
 */
extern void CustomSample(Batch *batch);

/*
 * Checks a query as its role would run it here, by running it for one row.
 * Raises PostgreSQL's own errors.
 */
extern void CustomCheck(const CustomSlot *slot);

/* The row of a result as a JSON object (custom_json.c). */
typedef struct CustomColumns CustomColumns;

extern CustomColumns *CustomColumnsOf(TupleDesc desc);
extern void			  CustomWriteRow(JsonWriter *w, const CustomColumns *columns, HeapTuple row);

/*
 * The rows of a custom collector's result (custom_rows.c): all of them, within
 * the limits, as JSON.  Within a query; its end frees them.
 */
typedef struct CustomRows CustomRows;

extern CustomRows *CustomRowsRead(Portal portal, int64 limit);
extern int64	   CustomRowsCount(const CustomRows *rows);

/* Writes them as one metric, or as many of the same name and time. */
extern void CustomRowsWrite(CustomRows *rows, Batch *batch, const char *name, const char *database,
							TimestampTz read_at);

#endif /* CUSTOM_H */
