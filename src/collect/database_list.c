/*
 * database_list.c
 *		The databases that the settings want visited.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h" /* get_database_name of 19 */
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "base/settings.h"
#include "collect/database_list.h"

typedef struct DatabaseList
{
	PlannedDatabase *databases;
	int				 count;
} DatabaseList;

static bool
IsSelected(const char *name)
{
	return PatternListMatches(Setting.databases, name) &&
		!PatternListMatches(Setting.exclude_databases, name);
}

static void
ListDatabases(void *arg)
{
	DatabaseList *list = arg;
	uint64		  rows;

	if (SPI_execute("SELECT oid, datname FROM pg_catalog.pg_database "
					"WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 ORDER BY oid",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not list the databases");

	rows = SPI_processed;
	list->databases =
		MemoryContextAllocHuge(TopMemoryContext, sizeof(PlannedDatabase) * Max(rows, 1));
	for (uint64 i = 0; i < rows; i++)
	{
		HeapTuple		 row = SPI_tuptable->vals[i];
		TupleDesc		 desc = SPI_tuptable->tupdesc;
		bool			 is_null;
		PlannedDatabase *database = &list->databases[list->count];

		database->oid = DatumGetObjectId(SPI_getbinval(row, desc, 1, &is_null));
		strlcpy(database->name, NameStr(*DatumGetName(SPI_getbinval(row, desc, 2, &is_null))),
				sizeof(database->name));
		if (IsSelected(database->name))
			list->count++;
	}
}

static void
CheckDatabase(void *arg)
{
	PlannedDatabase *database = arg;
	HeapTuple		 row;
	bool			 is_listed_still = false;

	/* as who connects does: there, one that is not to be had is an error in the server log */
	LockSharedObject(DatabaseRelationId, database->oid, 0, RowExclusiveLock);
	row = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database->oid));
	if (HeapTupleIsValid(row))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(row);

		strlcpy(database->name, NameStr(form->datname), sizeof(database->name));
		is_listed_still = form->datallowconn && !form->datistemplate && form->datconnlimit != -2 &&
			IsSelected(database->name);
		ReleaseSysCache(row);
	}
	if (!is_listed_still)
		database->oid = InvalidOid;
}

bool
DatabaseListRead(PlannedDatabase **databases, int *count, QueryError *error)
{
	DatabaseList list = {NULL, 0};

	if (!QueryRun(ListDatabases, &list, Setting.statement_timeout_ms, error))
	{
		if (list.databases)
			pfree(list.databases);
		return false;
	}
	*databases = list.databases;
	*count = list.count;
	return true;
}

bool
DatabaseListCheck(PlannedDatabase *database, QueryError *error)
{
	return QueryRun(CheckDatabase, database, Setting.statement_timeout_ms, error);
}

static void
LookForName(void *arg)
{
	Oid *database = arg;

	if (get_database_name(*database) == NULL)
		*database = InvalidOid;
}

bool
DatabaseExists(Oid database)
{
	QueryError error;

	return !QueryRun(LookForName, &database, Setting.statement_timeout_ms, &error) ||
		OidIsValid(database);
}
