/*
 * custom.c
 *		Which custom collectors there are, and when they are due.
 *
 * The table is the truth; the slots in shared memory are a copy that visitors
 * and the status read.  A collector keeps its slot, and with it the record of
 * its last run, as long as it is in the table.  Another one may come into its
 * place while a visitor that nobody waits for any longer still runs it, so the
 * definitions are numbered.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/collectors.h"
#include "base/settings.h"
#include "base/worker.h"
#include "collect/breaker.h"
#include "collect/custom.h"
#include "collect/query.h"

#define LOOK_AGAIN_MS 60000 /* for changes that nobody told of, by pg_restore or on a standby */

static Periodic	   jobs[MAX_CUSTOM];
static TimestampTz looked_at = 0;
static uint64	   changes_seen = 0;
static uint64	   reloads_seen = 0;

/* ---- the table ---- */

/* What it says of roles is believed: REASSIGN OWNED must not make a superuser of whom it gives it to. */
static void
CheckOwner(Oid owner)
{
	if (!superuser_arg(owner))
		ereport(
			ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("the table of custom collectors belongs to role \"%s\", who is no superuser",
					GetUserNameFromId(owner, true)),
			 errhint("Run ALTER TABLE " CUSTOM_TABLE " OWNER TO a superuser, once you know "
					 "what it holds.")));
}

char *
CustomTableName(void)
{
	bool is_null;

	/* by membership: anybody may create a table of that name somewhere */
	if (SPI_execute(
			"SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), "
			"c.relowner "
			"FROM pg_catalog.pg_extension e "
			"JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::regclass "
			"AND d.refobjid = e.oid AND d.deptype = 'e' "
			"AND d.classid = 'pg_catalog.pg_class'::regclass "
			"JOIN pg_catalog.pg_class c ON c.oid = d.objid "
			"JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
			"WHERE e.extname = 'pganalytics' AND c.relname = '" CUSTOM_TABLE "'",
			true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not look for the table of custom collectors");
	if (SPI_processed == 0)
		return NULL;
	CheckOwner(
		DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &is_null)));
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

static bool
CopyText(char *slot, size_t size, int row, int column)
{
	char *text = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return text && strlcpy(slot, text, size) < size;
}

bool
CustomQueryToUtf8(CustomSlot *slot)
{
	char *query = TextToUtf8(pstrdup(slot->query));

	return strlcpy(slot->query, query, sizeof(slot->query)) < sizeof(slot->query);
}

bool
CustomFromRow(CustomSlot *slot, int row)
{
	HeapTuple tuple = SPI_tuptable->vals[row];
	TupleDesc desc = SPI_tuptable->tupdesc;
	bool	  is_null[3];
	int64	  seconds = DatumGetInt64(SPI_getbinval(tuple, desc, 4, &is_null[0]));

	slot->role = DatumGetObjectId(SPI_getbinval(tuple, desc, 5, &is_null[1]));
	slot->was_superuser = DatumGetBool(SPI_getbinval(tuple, desc, 6, &is_null[2]));
	slot->interval_s = (int) Min(Max(seconds, 1), 24 * 60 * 60);
	return CopyText(slot->name, sizeof(slot->name), row, 1) && slot->name[0] &&
		CopyText(slot->query, sizeof(slot->query), row, 2) && CustomQueryToUtf8(slot) &&
		CopyText(slot->databases, sizeof(slot->databases), row, 3) && !is_null[0] && !is_null[1] &&
		!is_null[2];
}

typedef struct CustomTable
{
	CustomSlot *rows; /* MAX_CUSTOM of them */
	int			count;
} CustomTable;

static void
ReadTable(void *arg)
{
	CustomTable *table = arg;
	char		*name = CustomTableName();

	table->count = 0;
	if (name == NULL)
		return; /* the extension was not created here */
	if (SPI_execute(psprintf("SELECT " CUSTOM_COLUMNS " FROM %s ORDER BY name", name), true,
					MAX_CUSTOM) != SPI_OK_SELECT)
		elog(ERROR, "could not read the table of custom collectors");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		memset(&table->rows[table->count], 0, sizeof(CustomSlot));
		if (CustomFromRow(&table->rows[table->count], (int) i))
			table->count++;
	}
}

/* ---- the slots ---- */

static int
SlotOf(const char *name)
{
	for (int i = 0; i < MAX_CUSTOM; i++)
	{
		if (strcmp(Shared->custom[i].name, name) == 0)
			return i;
	}
	return -1;
}

static void
Forget(int i)
{
	if (Shared->custom[i].number != 0)
		BreakersForget(Shared->custom[i].number);
	memset(&Shared->custom[i], 0, sizeof(CustomSlot));
	jobs[i].due = 0;
}

static void
RemoveMissing(const CustomTable *table)
{
	for (int i = 0; i < MAX_CUSTOM; i++)
	{
		CustomSlot *slot = &Shared->custom[i];
		bool		found = false;

		for (int j = 0; j < table->count && !found; j++)
			found = strcmp(table->rows[j].name, slot->name) == 0;
		if (!found && slot->name[0])
			Forget(i);
	}
}

static void
Define(const CustomSlot *row)
{
	int			i = SlotOf(row->name);
	CustomSlot *slot;

	if (i < 0)
		i = SlotOf("");
	slot = &Shared->custom[i];
	if (slot->number == 0 || strcmp(slot->query, row->query) != 0 || slot->role != row->role)
	{
		Forget(i); /* so that it runs at once */
		slot->number = ++Shared->custom_number;
	}
	strlcpy(slot->name, row->name, sizeof(slot->name));
	strlcpy(slot->query, row->query, sizeof(slot->query));
	strlcpy(slot->databases, row->databases, sizeof(slot->databases));
	slot->interval_s = row->interval_s;
	slot->role = row->role;
	slot->was_superuser = row->was_superuser;
}

const char *
CustomRefresh(TimestampTz now, bool in_any_case)
{
	CustomTable table;
	QueryError	error;
	uint64		changes = pg_atomic_read_u64(&Shared->custom_changes);
	uint64		reloads = WorkerReloadCount();

	if (!in_any_case && looked_at != 0 && now >= looked_at && changes == changes_seen &&
		reloads == reloads_seen && !TimestampDifferenceExceeds(looked_at, now, LOOK_AGAIN_MS))
		return NULL;
	looked_at = now;
	changes_seen = changes;
	reloads_seen = reloads;

	table.rows = palloc(sizeof(CustomSlot) * MAX_CUSTOM);
	if (!QueryRun(ReadTable, &table, Setting.statement_timeout_ms, &error))
	{
		pfree(table.rows);
		return error.message;
	}
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	RemoveMissing(&table);
	for (int i = 0; i < table.count; i++)
		Define(&table.rows[i]);
	LWLockRelease(Shared->lock);
	pfree(table.rows);
	return NULL;
}

/* ---- the schedule; only this process writes the slots, so it reads them without the lock ---- */

static int64
IntervalMs(int i)
{
	return (int64) Max(Shared->custom[i].interval_s, CollectorInterval(COLLECTOR_CUSTOM)) * 1000;
}

uint64
CustomDue(TimestampTz now, bool all)
{
	uint64 due = 0;

	for (int i = 0; i < MAX_CUSTOM; i++)
	{
		if (Shared->custom[i].name[0] == '\0')
			continue;
		if (all)
			jobs[i].interval_ms = 0; /* counts from this run on */
		if (PeriodicIsDue(&jobs[i], IntervalMs(i), now))
			due |= UINT64CONST(1) << i;
	}
	return due;
}

long
CustomWait(TimestampTz now, long at_most)
{
	if (looked_at == 0 || pg_atomic_read_u64(&Shared->custom_changes) != changes_seen)
		return 0;
	for (int i = 0; i < MAX_CUSTOM; i++)
	{
		if (Shared->custom[i].name[0])
			at_most = PeriodicWait(&jobs[i], now, at_most);
	}
	return at_most;
}

uint64
CustomForDatabase(uint64 set, const char *database)
{
	uint64 chosen = 0;

	for (int i = 0; i < MAX_CUSTOM; i++)
	{
		if ((set & (UINT64CONST(1) << i)) != 0 &&
			PatternListMatches(Shared->custom[i].databases, database))
			chosen |= UINT64CONST(1) << i;
	}
	return chosen;
}
