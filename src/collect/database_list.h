/*
 * database_list.h
 *		The databases that the settings want visited.
 */
#ifndef DATABASE_LIST_H
#define DATABASE_LIST_H

#include "postgres.h"

#include "collect/query.h"
#include "collect/visit_plan.h"

/* Reads them all, into TopMemoryContext and by oid; false, with an error: what was read is freed. */
extern bool DatabaseListRead(PlannedDatabase **databases, int *count, QueryError *error);

/*
 * Looks at one of a list that may be old: its name is what it is now, and its
 * oid is InvalidOid if it is no more to be visited.  False, with an error:
 * nobody knows.
 */
extern bool DatabaseListCheck(PlannedDatabase *database, QueryError *error);

/* False only if there is no database of this oid, of whatever kind. */
extern bool DatabaseExists(Oid database);

#endif /* DATABASE_LIST_H */
