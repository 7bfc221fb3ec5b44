/*
 * sequences.c
 *		Last values of sequences, without waiting for anybody.
 *
 * pg_sequence_last_value() and the view pg_sequences wait behind ALTER SEQUENCE,
 * keep each lock to the end of the transaction (a few thousand fill the lock
 * table of the whole server) and each sequence in the relation cache.  Here a
 * sequence is locked only if it can be at once, its one page is read by the
 * name of its file, and the lock is given back.  The lock is what keeps the
 * file: it is the weakest that ALTER SEQUENCE, which replaces it, has to wait for.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "collect/sequences.h"

/* The catalogue as it is now, past the cache: false where there is no such sequence with a file. */
static bool
FindFile(Oid sequence, RelFileLocator *file, bool *permanent)
{
	Relation	catalogue = table_open(RelationRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	row;
	bool		found = false;

	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(sequence));
	scan = systable_beginscan(catalogue, ClassOidIndexId, true, NULL, 1, &key);
	row = systable_getnext(scan);
	if (HeapTupleIsValid(row))
	{
		Form_pg_class class = (Form_pg_class) GETSTRUCT(row);
		Oid tablespace = class->reltablespace ? class->reltablespace : MyDatabaseTableSpace;

		*file = (RelFileLocator){tablespace, MyDatabaseId, class->relfilenode};
		*permanent = class->relpersistence == RELPERSISTENCE_PERMANENT;
		found = class->relkind == RELKIND_SEQUENCE && OidIsValid(class->relfilenode) &&
			class->relpersistence != RELPERSISTENCE_TEMP && (*permanent || !RecoveryInProgress());
	}
	systable_endscan(scan);
	table_close(catalogue, AccessShareLock);
	return found;
}

static SequenceState
ReadPage(RelFileLocator file, bool permanent, int64 *value)
{
	Buffer buffer = ReadBufferWithoutRelcache(file, MAIN_FORKNUM, 0, RBM_NORMAL, NULL, permanent);
	SequenceState state = SEQUENCE_OUT_OF_REACH;
	Page		  page;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	if (!PageIsNew(page) && PageGetMaxOffsetNumber(page) >= FirstOffsetNumber)
	{
		HeapTupleData		  row;
		Form_pg_sequence_data data;

		row.t_data = (HeapTupleHeader) PageGetItem(page, PageGetItemId(page, FirstOffsetNumber));
		data = (Form_pg_sequence_data) GETSTRUCT(&row);
		*value = data->last_value;
		state = data->is_called ? SEQUENCE_READ : SEQUENCE_NEVER_USED;
	}
	UnlockReleaseBuffer(buffer);
	return state;
}

SequenceState
SequenceLastValue(Oid sequence, int64 *value)
{
	RelFileLocator file;
	SequenceState  state = SEQUENCE_OUT_OF_REACH;
	bool		   permanent;
	bool		   missing = false;

	if (!superuser() &&
		pg_class_aclcheck_ext(sequence, GetUserId(), ACL_SELECT | ACL_USAGE, &missing) !=
			ACLCHECK_OK)
		return SEQUENCE_OUT_OF_REACH;
	if (!ConditionalLockRelationOid(sequence, RowExclusiveLock))
		return SEQUENCE_OUT_OF_REACH;
	if (FindFile(sequence, &file, &permanent))
		state = ReadPage(file, permanent, value);
	UnlockRelationOid(sequence, RowExclusiveLock);
	return state;
}
