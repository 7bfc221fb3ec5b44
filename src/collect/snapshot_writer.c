/*
 * snapshot_writer.c
 *		Collectors that send what they know only when it has changed.
 *
 * The hash stands before the rows, which are not kept: what has changed is read
 * twice.  Where the time is too short, the next visit goes on where this one had
 * to stop, unless something has changed meanwhile.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"

#include "base/worker.h"
#include "collect/snapshot_writer.h"
#include "collect/snapshots.h"

/* A snapshot that is being written. */
typedef struct Writing
{
	SentSnapshot snapshot;
	uint64		hash;			/* of the probe that was hashed last */
	char		hash_text[17];
} Writing;

static void
HashProbe(void *arg)
{
	SqlRun	   *run = arg;
	Writing    *writing = run->own;
	bool		missing;

	writing->hash = ProbeApplies(run->probe, &missing) ? ProbeHash(run->probe, &run->input) : 0;
}

/* False: a part could not be hashed. */
static bool
HashParts(SqlRun *run)
{
	Writing    *writing = run->own;
	SentSnapshot *snapshot = &writing->snapshot;

	if (snapshot->changes != run->changes || run->changes < 0)
		snapshot->hashed = 0;
	snapshot->changes = run->changes;
	for (int i = 0; run->probes[i] != NULL; i++)
	{
		Assert(i < MAX_SNAPSHOT_PARTS);
		run->probe = run->probes[i];
		if ((snapshot->hashed & (1U << i)) != 0 && !run->probe->moves)
			continue;
		if (!SqlRunStep(run, HashProbe))
			return false;
		snapshot->hashes[i] = writing->hash;
		snapshot->hashed |= 1U << i;
	}
	return true;
}

/* The hash of the whole; with another one than before, nothing of it was sent. */
static void
SetHash(SqlRun *run)
{
	Writing    *writing = run->own;
	SentSnapshot *snapshot = &writing->snapshot;
	uint64		hash = 0;

	for (int i = 0; run->probes[i] != NULL; i++)
		hash = hash_combine64(hash, snapshot->hashes[i]);
	if (hash != snapshot->hash)
	{
		snapshot->hash = hash;
		snapshot->sent = 0;
		snapshot->is_complete = false;
		snapshot->begun_at = run->stream.read_at;
	}
	snprintf(writing->hash_text, sizeof(writing->hash_text), "%016" INT64_MODIFIER "x", hash);
	ValueSetText(&run->values[FieldIndex(run->stream.fields, "hash")], writing->hash_text);
}

static void
WriteUnchanged(SqlRun *run)
{
	Value	   *unchanged = &run->values[FieldIndex(run->stream.fields, "unchanged")];

	for (int i = 0; run->stream.fields[i].name; i++)
		run->values[i].known = strcmp(run->stream.fields[i].name, "hash") == 0;
	unchanged->known = unchanged->b = true;
	MetricStreamEmpty(&run->stream);
}

static void
WriteParts(SqlRun *run)
{
	Writing    *writing = run->own;
	SentSnapshot *snapshot = &writing->snapshot;
	bool		complete = true;

	for (int i = 0; run->probes[i] != NULL && !ShutdownIsRequested(); i++)
	{
		run->probe = run->probes[i];
		if ((snapshot->sent & (1U << i)) != 0)
			continue;
		if (SqlRunStep(run, SqlRunProbe))
			snapshot->sent |= 1U << i;
		else
			complete = false;
	}
	snapshot->is_complete = complete && !ShutdownIsRequested();
}

void
SnapshotWrite(SqlRun *run)
{
	Oid			database = run->stream.database ? MyDatabaseId : InvalidOid;
	Writing    *writing = MemoryContextAllocZero(run->context, sizeof(Writing));
	SentSnapshot *snapshot = &writing->snapshot;

	run->own = writing;
	if (run->in_session || !SnapshotRecall(run->collector, database, snapshot))
	{
		memset(snapshot, 0, sizeof(*snapshot));
		snapshot->begun_at = run->stream.read_at;
	}
	if (!HashParts(run))
		snapshot->is_complete = false;
	else
	{
		SetHash(run);
		if (snapshot->is_complete)
			WriteUnchanged(run);
		else
			WriteParts(run);
	}
	if (!run->in_session)
		SnapshotWritten(run->collector, database, snapshot);
}
