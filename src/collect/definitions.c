/*
 * definitions.c
 *		Definitions of views, functions and what else no column tells, as texts.
 *
 * pg_get_viewdef() and its like open the relations that an expression mentions
 * and wait for whoever has locked them.  So each object is read on its own, with
 * locks that are taken only where they can be had at once and given back before
 * the next one; an object whose table is locked is skipped and counted.
 *
 * Texts are read in chunks, each in a transaction of its own, and written when
 * it is over.  What was opened stays in the relation cache of the visitor:
 * the number of objects that one visit reads is limited.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/secrets.h"
#include "base/settings.h"
#include "collect/definitions.h"
#include "collect/query.h"
#include "collect/snapshot_writer.h"

#define CHUNK_OBJECTS 50
#define CHUNK_BYTES (256 * 1024)
#define MOST_OBJECTS 250 /* in one visit */
#define MOST_FAILURES 10
#define MOST_RELATIONS 100 /* that are locked for one object */
#define ARRAY "definitions"

typedef struct Definition
{
	const char *kind;
	Oid			oid;
	char	   *schema;
	char	   *table; /* NULL: it belongs to none */
	char	   *name;
	char	   *text;
	size_t		len;
	bool		truncated;
} Definition;

typedef struct Chunk
{
	MemoryContext context;
	SnapshotPlace place;   /* part: index of the source */
	bool		  reading; /* an object: should it fail, the next one may be read */
	int			  looked_at;
	int			  skipped;
	size_t		  bytes;
	int			  count;
	Definition	  definitions[CHUNK_OBJECTS];
} Chunk;

/* ---- locks ---- */

/* All or none. */
static bool
LockAtOnce(const Oid *relations, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (ConditionalLockRelationOid(relations[i], AccessShareLock))
			continue;
		while (--i >= 0)
			UnlockRelationOid(relations[i], AccessShareLock);
		return false;
	}
	return true;
}

static void
Unlock(const Oid *relations, int count)
{
	for (int i = 0; i < count; i++)
		UnlockRelationOid(relations[i], AccessShareLock);
}

/* Dropped after the snapshot was taken in which the object is still there. */
static bool
AreGone(const Oid *relations, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relations[i])))
			return true;
	}
	return false;
}

/* ---- one object ---- */

/* NULL: it was dropped meanwhile. */
static char *
ReadText(const char *sql, Oid oid)
{
	Oid	  types[1] = {OIDOID};
	Datum values[1] = {ObjectIdGetDatum(oid)};
	char *text;

	if (SPI_execute_with_args(sql, 1, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read a definition");
	if (SPI_processed == 0)
		return NULL;
	text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	return text ? TextToUtf8(text) : NULL;
}

static void
Keep(Chunk *chunk, const char *kind, Oid oid, HeapTuple row, TupleDesc desc, const char *text)
{
	size_t		  len = strlen(text);
	size_t		  room = Min(len * 2 + 64, (size_t) Setting.query_text_size);
	char		 *table = SPI_getvalue(row, desc, 3);
	MemoryContext old;
	Definition	 *d = &chunk->definitions[chunk->count];

	old = MemoryContextSwitchTo(chunk->context);
	d->kind = kind;
	d->oid = oid;
	d->schema = pstrdup(TextToUtf8(SPI_getvalue(row, desc, 2)));
	d->table = table ? pstrdup(TextToUtf8(table)) : NULL;
	d->name = pstrdup(TextToUtf8(SPI_getvalue(row, desc, 4)));
	d->text = palloc(room);
	d->len = SecretsMask(text, len, d->text, room, &d->truncated);
	MemoryContextSwitchTo(old);
	chunk->bytes += d->len;
	chunk->count++;
}

static void
ReadObject(Chunk *chunk, const DefinitionSource *source, HeapTuple row, TupleDesc desc)
{
	bool	   is_null;
	Oid		   oid = DatumGetObjectId(SPI_getbinval(row, desc, 1, &is_null));
	ArrayType *array = DatumGetArrayTypeP(SPI_getbinval(row, desc, 5, &is_null));
	int		   count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const Oid *relations = (const Oid *) ARR_DATA_PTR(array);
	char	  *text;

	chunk->place.after = oid;
	chunk->looked_at++;
	if (count > MOST_RELATIONS || !LockAtOnce(relations, count))
	{
		chunk->skipped++;
		return;
	}
	chunk->reading = true;
	text = AreGone(relations, count) ? NULL : ReadText(source->text, oid);
	chunk->reading = false;
	Unlock(relations, count);
	if (text)
		Keep(chunk, source->kind, oid, row, desc, text);
}

/* ---- a chunk ---- */

static bool
IsFull(const Chunk *chunk)
{
	return chunk->looked_at >= CHUNK_OBJECTS || chunk->bytes >= CHUNK_BYTES;
}

static void
ReadSource(Chunk *chunk, const DefinitionSource *source)
{
	int			   wanted = CHUNK_OBJECTS - chunk->looked_at;
	Oid			   types[2] = {OIDOID, INT8OID};
	Datum		   values[2] = {ObjectIdGetDatum(chunk->place.after), Int64GetDatum(wanted)};
	SPITupleTable *objects;
	uint64		   found;

	if (SPI_execute_with_args(source->list, 2, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not list definitions");
	objects = SPI_tuptable;
	found = SPI_processed;
	for (uint64 i = 0; i < found && !IsFull(chunk); i++)
	{
		CHECK_FOR_INTERRUPTS();
		ReadObject(chunk, source, objects->vals[i], objects->tupdesc);
	}
	if (found < wanted && !IsFull(chunk))
		chunk->place = (SnapshotPlace){chunk->place.part + 1, InvalidOid};
}

static void
ReadChunk(void *arg)
{
	Chunk *chunk = ((SqlRun *) arg)->own;

	while (PgSchemaDefinitions[chunk->place.part].kind && !IsFull(chunk))
		ReadSource(chunk, &PgSchemaDefinitions[chunk->place.part]);
}

static void
WriteChunk(SqlRun *run, const Chunk *chunk)
{
	for (int i = 0; i < chunk->count; i++)
	{
		const Definition *d = &chunk->definitions[i];
		JsonWriter		 *w = MetricStreamArrayNext(&run->stream, ARRAY);

		JsonObjectBegin(w, NULL);
		JsonText(w, "kind", d->kind);
		JsonInt(w, "oid", d->oid);
		JsonText(w, "schema", d->schema);
		JsonText(w, "table", d->table);
		JsonText(w, "name", d->name);
		JsonTextLen(w, "definition", d->text, d->len);
		if (d->truncated)
			JsonBool(w, "definition_truncated", true);
		JsonObjectEnd(w);
	}
	MetricStreamKeepRows(&run->stream);
	BatchCountRows(run->stream.batch, chunk->count);
}

/* False: no more can be read now. */
static bool
NextChunk(SqlRun *run, Chunk *chunk, int *failures)
{
	MemoryContextReset(chunk->context);
	chunk->reading = false;
	chunk->looked_at = chunk->count = 0;
	chunk->bytes = 0;
	if (SqlRunStep(run, ReadChunk))
		return true;
	if (!chunk->reading || ++*failures > MOST_FAILURES)
		return false;
	chunk->skipped++;
	return true;
}

bool
DefinitionsWrite(SqlRun *run, int first_part, SnapshotPlace *place, int32 *skipped)
{
	Chunk *chunk;
	void  *own = run->own;
	int	   looked_at = 0;
	int	   failures = 0;

	if (Setting.query_text_size == 0)
		return true;
	chunk = MemoryContextAllocZero(run->context, sizeof(Chunk));
	chunk->context =
		AllocSetContextCreate(run->context, "pganalytics definitions", ALLOCSET_DEFAULT_SIZES);
	chunk->place = (SnapshotPlace){place->part - first_part, place->after};
	run->own = chunk;
	run->probe = NULL; /* what takes too long here is not the last probe's fault */
	MetricStreamArrayBegin(&run->stream, ARRAY);
	MetricStreamKeepRows(&run->stream);
	while (PgSchemaDefinitions[chunk->place.part].kind && looked_at < MOST_OBJECTS &&
		   SnapshotHasTime(run) && NextChunk(run, chunk, &failures))
	{
		looked_at += chunk->looked_at;
		WriteChunk(run, chunk);
	}
	MetricStreamArrayEnd(&run->stream);
	JsonInt(run->stream.writer, "definitions_skipped", chunk->skipped);
	run->own = own;
	*place = (SnapshotPlace){first_part + chunk->place.part, chunk->place.after};
	*skipped += chunk->skipped;
	return PgSchemaDefinitions[chunk->place.part].kind == NULL;
}
