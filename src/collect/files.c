/*
 * files.c
 *		Sizes of relations, by one look at the database's directories.
 *
 * pg_total_relation_size() opens every relation: it waits behind an
 * AccessExclusiveLock and fills the relation cache.  Here each directory is
 * listed once and every file asked for its size: no lock, no path that is
 * tried in vain (most relations have no free space or visibility map), and the
 * size of the database comes with it.  What is kept is 8 bytes a file.
 *
 * A relation that was just rewritten leaves its old file behind with 0 bytes
 * until the next checkpoint, so a size of 0 is believed only where the
 * catalogue knows of no pages.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "catalog/pg_tablespace_d.h"
#include "common/relpath.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "collect/files.h"

typedef struct NodeSize
{
	uint32 relfilenode;
	uint32 blocks;
} NodeSize;

/* The files of the database in one tablespace, sorted by relfilenode once all are there. */
typedef struct Folder
{
	Oid		  tablespace;
	NodeSize *files;
	int		  count;
	int		  room;
} Folder;

struct FileSizes
{
	Folder *folders;
	int		count;
	int64	database_bytes;
	bool	complete; /* every directory could be read */
};

/* "16384", "16384.1", "16384_fsm": the relfilenode; 0: a file of another kind. */
static uint32
RelfilenodeOf(const char *name)
{
	char		 *end;
	unsigned long node;

	if (name[0] < '1' || name[0] > '9')
		return 0;
	node = strtoul(name, &end, 10);
	if (node > PG_UINT32_MAX || (*end != '\0' && *end != '.' && *end != '_'))
		return 0;
	return (uint32) node;
}

static void
AddFile(Folder *folder, uint32 relfilenode, int64 bytes)
{
	NodeSize *file;

	if (folder->count == folder->room)
	{
		folder->room = Max(1024, folder->room + folder->room / 2);
		folder->files = folder->files ?
			repalloc_huge(folder->files, sizeof(NodeSize) * folder->room) :
			palloc(sizeof(NodeSize) * folder->room);
	}
	file = &folder->files[folder->count++];
	file->relfilenode = relfilenode;
	file->blocks = (uint32) (bytes / BLCKSZ);
}

static int
CompareFiles(const void *a, const void *b)
{
	uint32 left = ((const NodeSize *) a)->relfilenode;
	uint32 right = ((const NodeSize *) b)->relfilenode;

	return left < right ? -1 : left > right;
}

/* Forks and segments of a relation become one entry. */
static void
SortFolder(Folder *folder)
{
	int kept = 0;

	qsort(folder->files, folder->count, sizeof(NodeSize), CompareFiles);
	for (int i = 0; i < folder->count; i++)
	{
		if (kept > 0 && folder->files[kept - 1].relfilenode == folder->files[i].relfilenode)
			folder->files[kept - 1].blocks += folder->files[i].blocks;
		else
			folder->files[kept++] = folder->files[i];
	}
	folder->count = kept;
}

/* False: the directory could not be read; *missing tells that there is none. */
static bool
ReadFolder(FileSizes *sizes, Oid tablespace, const char *path, bool *missing)
{
	Folder		  *folder;
	DIR			  *dir = AllocateDir(path);
	struct dirent *entry;

	*missing = dir == NULL && errno == ENOENT;
	if (dir == NULL)
		return false;

	sizes->folders = sizes->folders ?
		repalloc(sizes->folders, sizeof(Folder) * (sizes->count + 1)) :
		palloc(sizeof(Folder));
	folder = &sizes->folders[sizes->count++];
	memset(folder, 0, sizeof(*folder));
	folder->tablespace = tablespace;

	while ((entry = ReadDirExtended(dir, path, DEBUG1)) != NULL)
	{
		struct stat st;
		uint32		relfilenode;

		CHECK_FOR_INTERRUPTS();
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st.st_mode))
			continue; /* dropped meanwhile, or "." */
		if (tablespace != GLOBALTABLESPACE_OID)
			sizes->database_bytes += st.st_size;
		relfilenode = RelfilenodeOf(entry->d_name);
		if (relfilenode != 0)
			AddFile(folder, relfilenode, st.st_size);
	}
	FreeDir(dir);
	SortFolder(folder);
	return true;
}

FileSizes *
FileSizesRead(void)
{
	FileSizes	  *sizes = palloc0(sizeof(FileSizes));
	DIR			  *dir;
	struct dirent *entry;
	bool		   missing;
	char		  *path = GetDatabasePath(MyDatabaseId, MyDatabaseTableSpace);

	/* key 0: the database's own tablespace */
	sizes->complete = ReadFolder(sizes, InvalidOid, path, &missing);
	(void) ReadFolder(sizes, GLOBALTABLESPACE_OID, "global", &missing);

	dir = AllocateDir("pg_tblspc");
	while (dir && (entry = ReadDirExtended(dir, "pg_tblspc", DEBUG1)) != NULL)
	{
		Oid tablespace = RelfilenodeOf(entry->d_name);

		if (tablespace == InvalidOid || tablespace == MyDatabaseTableSpace)
			continue;
		path = GetDatabasePath(MyDatabaseId, tablespace);
		if (!ReadFolder(sizes, tablespace, path, &missing) && !missing)
			sizes->complete = false;
	}
	if (dir)
		FreeDir(dir);

	/* in another tablespace than its own, a relation may name the default one */
	if (MyDatabaseTableSpace != DEFAULTTABLESPACE_OID)
	{
		path = GetDatabasePath(MyDatabaseId, DEFAULTTABLESPACE_OID);
		if (!ReadFolder(sizes, DEFAULTTABLESPACE_OID, path, &missing) && !missing)
			sizes->complete = false;
	}
	return sizes;
}

bool
FileSizesOfRelation(const FileSizes *sizes, int64 key, int64 *bytes)
{
	bool	 has_pages = key < 0;
	uint64	 place = (uint64) (has_pages ? -key : key);
	Oid		 tablespace = (Oid) (place >> 32);
	NodeSize wanted = {.relfilenode = (uint32) place};

	for (int i = 0; i < sizes->count; i++)
	{
		const Folder *folder = &sizes->folders[i];
		NodeSize	 *file;

		if (folder->tablespace != tablespace)
			continue;
		file = bsearch(&wanted, folder->files, folder->count, sizeof(NodeSize), CompareFiles);
		if (file == NULL || (file->blocks == 0 && has_pages))
			return false;
		*bytes = (int64) file->blocks * BLCKSZ;
		return true;
	}
	return false;
}

bool
FileSizesOfDatabase(const FileSizes *sizes, int64 *bytes)
{
	*bytes = sizes->database_bytes;
	return sizes->complete;
}

static int
CompareBlocks(const void *a, const void *b)
{
	uint32 left = *(const uint32 *) a;
	uint32 right = *(const uint32 *) b;

	return left > right ? -1 : left < right;
}

/* How many blocks the file at place "rank" has, counted from the largest. */
static uint32
BlocksOfRank(const FileSizes *sizes, int total, int rank)
{
	uint32 *blocks = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * total);
	uint32	result;
	int		count = 0;

	for (int i = 0; i < sizes->count; i++)
	{
		for (int j = 0; j < sizes->folders[i].count; j++)
			blocks[count++] = sizes->folders[i].files[j].blocks;
	}
	qsort(blocks, total, sizeof(uint32), CompareBlocks);
	result = blocks[rank];
	pfree(blocks);
	return result;
}

int
FileSizesLargest(const FileSizes *sizes, int most, int64 **keys, int64 **blocks)
{
	int	   total = 0;
	int	   count = 0;
	uint32 at_least = 0;

	for (int i = 0; i < sizes->count; i++)
		total += sizes->folders[i].count;
	if (total > most)
		at_least = BlocksOfRank(sizes, total, most);
	*keys = palloc(sizeof(int64) * Max(Min(total, most), 1));
	*blocks = palloc(sizeof(int64) * Max(Min(total, most), 1));
	for (int i = 0; i < sizes->count; i++)
	{
		const Folder *folder = &sizes->folders[i];

		for (int j = 0; j < folder->count; j++)
		{
			/* of those that are as large as the first one left out, none is taken */
			if (total > most && folder->files[j].blocks <= at_least)
				continue;
			(*keys)[count] = ((int64) folder->tablespace << 32) | folder->files[j].relfilenode;
			(*blocks)[count++] = folder->files[j].blocks;
		}
	}
	return count;
}
