/*
 * relation_memory.h
 *		What the counters of the relations of a database were, as hashes, when
 *		all of them were sent last.
 *
 * One file a database in <state_directory>/relations, 12 bytes a relation; the
 * visitor itself is gone between visits.  It is a memory that may be lost:
 * without it, or with one that cannot be trusted, everything is sent.  A file
 * holds for as long as the server has been up without a crash, since counters
 * survive neither that nor, for sure, anything else, and as long as no batch
 * was dropped or rejected that may have held what is remembered.
 */
#ifndef RELATION_MEMORY_H
#define RELATION_MEMORY_H

#include "postgres.h"

#include "datatype/timestamp.h"

typedef struct RememberedRelation
{
	uint32 oid;
	uint32 hash[2];
} RememberedRelation;

typedef struct RelationMemory
{
	RememberedRelation *relations;
	int					count;
	int					room;
	TimestampTz			taken_at; /* when all was read */
	uint64				since;	  /* the sequence numbers that hold it are larger */
} RelationMemory;

/* Of the current database, in CurrentMemoryContext; NULL: there is none that holds. */
extern RelationMemory *RelationMemoryLoad(void);

extern RelationMemory *RelationMemoryCreate(MemoryContext context, TimestampTz taken_at,
											uint64 since);

/* Adds one; each must be added once. */
extern void RelationMemoryAdd(RelationMemory *memory, Oid oid, uint64 hash);

/* Is that what is remembered of the relation? */
extern bool RelationMemoryHas(const RelationMemory *memory, Oid oid, uint64 hash);

/* Replaces the file; where that fails there is none afterwards. */
extern void RelationMemorySave(RelationMemory *memory);

/* Removes the files of databases that exists() is not true of. */
extern void RelationMemoriesSweep(bool (*exists)(Oid database));

#endif /* RELATION_MEMORY_H */
