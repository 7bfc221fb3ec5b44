/*
 * snapshot_writer.c
 *		Collectors that send what they know only when it has changed.
 *
 * The hash stands before the rows, which are not kept: what has changed is read
 * twice.  Both times it is read in slices, each a query of its own, so that
 * neither time nor memory grows with the schema: where a visit is too short for
 * all of it, the next one goes on where this one had to stop, unless something
 * has changed meanwhile.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"

#include "base/worker.h"
#include "collect/probe_query.h"
#include "collect/snapshot_writer.h"
#include "collect/snapshots.h"

#define SLICE_TABLES 500
#define SLICE_MS 500 /* more than a slice takes */
#define ALL_PARTS INT_MAX

/* A snapshot that is being written. */
typedef struct Writing
{
	const SnapshotSource *source;
	SentSnapshot		  snapshot;
	int					  steady_parts; /* the others are hashed each time */
	int					  parts;
	int					  written_part; /* has rows in the open metric; -1: none */
	char				  hash_text[17];

	/* the slice in hand */
	const SnapshotPlace *place;
	bool				 hashing;
	Oid					 last; /* InvalidOid: it is the last one of its part */
	uint64				 hash;
} Writing;

bool
SnapshotHasTime(const SqlRun *run)
{
	return !ShutdownIsRequested() && SqlTimeLeft(run) >= SLICE_MS;
}

/* ---- slices ---- */

static void
ReadSlice(SqlRun *run, Writing *w)
{
	Oid	  types[3] = {INT8OID, OIDOID, OIDOID};
	Datum values[3] = {Int64GetDatum(SLICE_TABLES), ObjectIdGetDatum(w->place->after),
					   ObjectIdGetDatum(w->source->last_table)};
	Oid	 *tables = palloc(sizeof(Oid) * SLICE_TABLES);
	bool  is_null;

	if (SPI_execute_with_args(PgSchemaSliceSql, 3, types, values, NULL, true, SLICE_TABLES) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not list the tables");
	for (uint64 i = 0; i < SPI_processed; i++)
		tables[i] = DatumGetObjectId(
			SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null));
	run->input.tables = tables;
	run->input.table_count = (int) SPI_processed;
	if (SPI_processed == SLICE_TABLES)
		w->last = tables[SLICE_TABLES - 1];
}

static void
RunSlice(void *arg)
{
	SqlRun	*run = arg;
	Writing *w = run->own;
	bool	 missing;

	w->last = InvalidOid;
	w->hash = 0;
	if (!ProbeApplies(run->probe, &missing))
		return;
	if (strstr(run->probe->from, "$1"))
		ReadSlice(run, w);
	if (w->hashing)
		w->hash = ProbeHash(run->probe, &run->input);
	else
		BatchCountRows(run->stream.batch, ProbeRun(run->probe, &run->stream, &run->input));
}

/* Hashes or writes a slice and moves the place on; false: it failed, the batch knows. */
static bool
DoSlice(SqlRun *run, SnapshotPlace *place, bool hashing)
{
	Writing *w = run->own;
	bool	 done;

	/* an array comes once in a metric */
	if (!hashing && w->written_part == place->part)
		MetricStreamEnd(&run->stream);
	if (!hashing)
		w->written_part = place->part;
	w->place = place;
	w->hashing = hashing;
	run->probe = w->source->probes[place->part];
	done = SqlRunStep(run, RunSlice);
	run->input.tables = NULL; /* they went with the query */
	if (done && OidIsValid(w->last))
		place->after = w->last;
	else if (done)
		*place = (SnapshotPlace){place->part + 1, InvalidOid};
	return done;
}

/* ---- the hash ---- */

static bool
HashParts(SqlRun *run, SnapshotPlace *place, int end, uint64 *hash)
{
	Writing *w = run->own;

	while (place->part < end)
	{
		if (!SnapshotHasTime(run) || !DoSlice(run, place, true))
			return false;
		*hash = hash_combine64(*hash, w->hash);
	}
	return true;
}

/* Of the whole.  False: it is not known yet. */
static bool
HashAll(SqlRun *run, uint64 *hash)
{
	Writing		 *w = run->own;
	SentSnapshot *snapshot = &w->snapshot;
	int64		  changes = w->source->changes;
	SnapshotPlace moving = {w->steady_parts, InvalidOid};

	if ((snapshot->hashed.part >= w->steady_parts &&
		 (changes < 0 || changes != snapshot->changes)) ||
		snapshot->last_table != w->source->last_table)
	{
		snapshot->hashed = (SnapshotPlace){0, InvalidOid};
		snapshot->steady_hash = 0;
	}
	if (snapshot->hashed.part == 0 && !OidIsValid(snapshot->hashed.after))
	{
		snapshot->changes = changes;
		snapshot->last_table = w->source->last_table;
	}
	if (!HashParts(run, &snapshot->hashed, w->steady_parts, &snapshot->steady_hash))
		return false;
	*hash = hash_combine64(snapshot->steady_hash, (uint64) w->source->skipped);
	return HashParts(run, &moving, w->parts, hash);
}

/* With another hash than before, nothing of it was sent. */
static void
SetHash(SqlRun *run, uint64 hash)
{
	Writing		 *w = run->own;
	SentSnapshot *snapshot = &w->snapshot;

	if (hash != snapshot->hash)
	{
		snapshot->hash = hash;
		snapshot->sent = (SnapshotPlace){0, InvalidOid};
		snapshot->skipped = 0;
		snapshot->begun_at = run->stream.read_at;
		snapshot->since = BatchSince(run->stream.batch);
	}
	else if (snapshot->sent.part == ALL_PARTS && snapshot->skipped > 0)
	{
		/* once more: who was in the way may be gone */
		snapshot->sent = (SnapshotPlace){w->parts, InvalidOid};
		snapshot->skipped = 0;
	}
	snprintf(w->hash_text, sizeof(w->hash_text), "%016llx", (unsigned long long) hash);
	ValueSetText(&run->values[FieldIndex(run->stream.fields, "hash")], w->hash_text);
}

/* ---- writing ---- */

static void
WriteUnchanged(SqlRun *run)
{
	Value *unchanged = &run->values[FieldIndex(run->stream.fields, "unchanged")];

	for (int i = 0; run->stream.fields[i].name; i++)
		run->values[i].known = strcmp(run->stream.fields[i].name, "hash") == 0;
	unchanged->known = unchanged->b = true;
	MetricStreamEmpty(&run->stream);
}

/* A part that cannot be read does not stop the others; the next run begins with it. */
static void
WriteParts(SqlRun *run)
{
	Writing		  *w = run->own;
	SnapshotPlace *place = &w->snapshot.sent;
	SnapshotPlace  failed = {-1};

	while (place->part < w->parts)
	{
		if (!SnapshotHasTime(run))
			break;
		if (DoSlice(run, place, false))
			continue;
		if (failed.part < 0)
			failed = *place;
		*place = (SnapshotPlace){place->part + 1, InvalidOid};
	}
	if (place->part >= w->parts &&
		(w->source->write_rest == NULL ||
		 w->source->write_rest(run, w->parts, place, &w->snapshot.skipped)))
		place->part = ALL_PARTS;
	if (failed.part >= 0)
		*place = failed;
}

void
SnapshotWrite(SqlRun *run, const SnapshotSource *source)
{
	Oid		database = run->stream.database ? MyDatabaseId : InvalidOid;
	Writing w = {.source = source, .written_part = -1};
	uint64	hash;

	while (source->probes[w.parts] != NULL)
		w.steady_parts += !source->probes[w.parts++]->moves;
	run->own = &w;
	if (run->in_session || !SnapshotRecall(run->collector, database, &w.snapshot))
	{
		w.snapshot.begun_at = run->stream.read_at;
		w.snapshot.since = BatchSince(run->stream.batch);
	}
	w.snapshot.is_complete = false;
	if (HashAll(run, &hash))
	{
		SetHash(run, hash);
		if (w.snapshot.sent.part == ALL_PARTS)
			WriteUnchanged(run);
		else
			WriteParts(run);
		w.snapshot.is_complete = w.snapshot.sent.part == ALL_PARTS;
	}
	if (!run->in_session)
		SnapshotWritten(run->collector, database, &w.snapshot);
}
