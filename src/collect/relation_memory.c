/*
 * relation_memory.c
 *		What the counters of the relations of a database were.
 *
 * The file is a header and the relations, sorted by oid.  It is written under
 * another name and renamed; it is not forced to disk, since a machine that
 * crashes takes the server along, whose next life does not believe the file.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/statefile.h"
#include "base/version.h"
#include "collect/relation_memory.h"
#include "collect/snapshots.h"
#include "spool/spool.h"

#define FOLDER "relations"
#define MAGIC 0x524D5047 /* "GPMR" */
#define FORMAT 3

typedef struct MemoryHeader
{
	uint32		magic;
	uint32		format;
	pg_crc32c	crc; /* of all that follows it */
	uint32		count;
	Oid			database;
	int32		server_version;
	TimestampTz server_start; /* or a crash, which may have kept the file from being replaced */
	TimestampTz taken_at;
	uint64		since;		 /* of the batch, see RelationMemory */
	uint64		recipient;	 /* another one has not got it */
	char		version[16]; /* of the extension: what is hashed may change with it */
} MemoryHeader;

StaticAssertDecl(sizeof(RememberedRelation) <= 16, "a relation takes at most 16 bytes");

static pg_crc32c
Checksum(const MemoryHeader *header, const RememberedRelation *relations)
{
	pg_crc32c crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, (const char *) header + offsetof(MemoryHeader, count),
				sizeof(MemoryHeader) - offsetof(MemoryHeader, count));
	COMP_CRC32C(crc, relations, sizeof(RememberedRelation) * header->count);
	FIN_CRC32C(crc);
	return crc;
}

static MemoryHeader
HeaderOf(uint32 count, TimestampTz taken_at, uint64 since)
{
	MemoryHeader header;

	memset(&header, 0, sizeof(header));
	header.magic = MAGIC;
	header.format = FORMAT;
	header.count = count;
	header.database = MyDatabaseId;
	header.server_version = PG_VERSION_NUM;
	header.server_start = Shared->initialized_at;
	header.taken_at = taken_at;
	header.since = since;
	header.recipient = SnapshotRecipient();
	strlcpy(header.version, PGANALYTICS_VERSION, sizeof(header.version));
	return header;
}

static void
PathOf(char *path, Oid database, const char *suffix)
{
	char name[64];

	snprintf(name, sizeof(name), FOLDER "/%u%s", database, suffix);
	SpoolPath(path, MAXPGPATH, name);
}

/* ---- reading ---- */

static bool
ReadAll(int fd, void *data, size_t size)
{
	while (size > 0)
	{
		ssize_t got = read(fd, data, size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		data = (char *) data + got;
		size -= got;
	}
	return true;
}

static RelationMemory *
ReadMemory(int fd)
{
	RelationMemory *memory;
	MemoryHeader	header;
	MemoryHeader	wanted;
	struct stat		st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || !ReadAll(fd, &header, sizeof(header)))
		return NULL;
	wanted = HeaderOf(header.count, header.taken_at, header.since);
	wanted.crc = header.crc;
	if (memcmp(&header, &wanted, sizeof(header)) != 0 ||
		(uint64) st.st_size != sizeof(header) + sizeof(RememberedRelation) * (uint64) header.count)
		return NULL;

	if (SpoolLostSince(header.since))
		return NULL; /* it may be what was lost */

	memory = RelationMemoryCreate(CurrentMemoryContext, header.taken_at, header.since);
	memory->relations = MemoryContextAllocHuge(CurrentMemoryContext,
											   sizeof(RememberedRelation) * Max(header.count, 1));
	memory->count = memory->room = (int) header.count;
	if (ReadAll(fd, memory->relations, sizeof(RememberedRelation) * header.count) &&
		Checksum(&header, memory->relations) == header.crc)
		return memory;
	pfree(memory->relations);
	pfree(memory);
	return NULL;
}

RelationMemory *
RelationMemoryLoad(void)
{
	char			path[MAXPGPATH];
	RelationMemory *memory;
	int				fd;

	PathOf(path, MyDatabaseId, "");
	fd = OpenTransientFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | PG_BINARY);
	if (fd < 0)
		return NULL;
	memory = ReadMemory(fd);
	CloseTransientFile(fd);
	return memory;
}

/* ---- what it holds ---- */

RelationMemory *
RelationMemoryCreate(MemoryContext context, TimestampTz taken_at, uint64 since)
{
	RelationMemory *memory = MemoryContextAllocZero(context, sizeof(RelationMemory));

	memory->taken_at = taken_at;
	memory->since = since;
	return memory;
}

void
RelationMemoryAdd(RelationMemory *memory, Oid oid, uint64 hash)
{
	RememberedRelation *relation;

	if (memory->count == memory->room)
	{
		memory->room = Max(1024, memory->room + memory->room / 2);
		memory->relations = memory->relations ?
			repalloc_huge(memory->relations, sizeof(RememberedRelation) * memory->room) :
			MemoryContextAllocHuge(GetMemoryChunkContext(memory),
								   sizeof(RememberedRelation) * memory->room);
	}
	relation = &memory->relations[memory->count++];
	relation->oid = oid;
	relation->hash[0] = (uint32) (hash >> 32);
	relation->hash[1] = (uint32) hash;
}

static int
CompareRelations(const void *a, const void *b)
{
	uint32 left = ((const RememberedRelation *) a)->oid;
	uint32 right = ((const RememberedRelation *) b)->oid;

	return left < right ? -1 : left > right;
}

bool
RelationMemoryHas(const RelationMemory *memory, Oid oid, uint64 hash)
{
	RememberedRelation	wanted = {.oid = oid};
	RememberedRelation *found = memory->count == 0 ?
		NULL :
		bsearch(&wanted, memory->relations, memory->count, sizeof(RememberedRelation),
				CompareRelations);

	return found && found->hash[0] == (uint32) (hash >> 32) && found->hash[1] == (uint32) hash;
}

/* ---- writing ---- */

static bool
WriteMemory(const char *path, const MemoryHeader *header, const RelationMemory *memory)
{
	bool done;
	int	 fd = StateFileCreate(path);

	if (fd < 0)
		return false;
	done = WriteAll(fd, header, sizeof(*header)) &&
		WriteAll(fd, memory->relations, sizeof(RememberedRelation) * header->count);
	return close(fd) == 0 && done;
}

void
RelationMemorySave(RelationMemory *memory)
{
	MemoryHeader header = HeaderOf(memory->count, memory->taken_at, memory->since);
	char		 folder[MAXPGPATH];
	char		 path[MAXPGPATH];
	char		 temporary[MAXPGPATH];
	char		 suffix[32];

	qsort(memory->relations, memory->count, sizeof(RememberedRelation), CompareRelations);
	header.crc = Checksum(&header, memory->relations);

	SpoolPath(folder, sizeof(folder), FOLDER);
	(void) mkdir(folder, S_IRWXU);
	snprintf(suffix, sizeof(suffix), ".tmp.%d", MyProcPid);
	PathOf(path, MyDatabaseId, "");
	PathOf(temporary, MyDatabaseId, suffix);
	if (WriteMemory(temporary, &header, memory) && rename(temporary, path) == 0)
		return;
	(void) unlink(temporary);
	(void) unlink(path); /* what it says is no longer what was sent last */
}

/* ---- databases that are gone, writers that were killed ---- */

void
RelationMemoriesSweep(bool (*exists)(Oid database))
{
	char		   folder[MAXPGPATH];
	char		   path[MAXPGPATH + 300];
	DIR			  *dir;
	struct dirent *entry;

	SpoolPath(folder, sizeof(folder), FOLDER);
	dir = AllocateDir(folder);
	while (dir && (entry = ReadDirExtended(dir, folder, DEBUG1)) != NULL)
	{
		char *end;
		Oid	  database = (Oid) strtoul(entry->d_name, &end, 10);

		if (end == entry->d_name || (*end == '\0' && exists(database)))
			continue;
		if (strncmp(end, ".tmp.", 5) == 0 && kill((pid_t) atoi(end + 5), 0) == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		(void) unlink(path);
	}
	if (dir)
		FreeDir(dir);
}
