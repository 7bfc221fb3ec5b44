/*
 * filesystem.c
 *		The sizes of a filesystem, as df(1) understands them.
 */
#include "host/filesystem.h"

static void
SetBytes(Value *value, uint64_t blocks, uint64_t block_size)
{
	int64_t bytes;

	if (!__builtin_mul_overflow(blocks, block_size, &bytes))
		ValueSetInt(value, bytes);
}

void
FilesystemSizes(const struct statvfs *s, Value *filesystem)
{
	Value	*used = &filesystem[FILESYSTEM_FIELD_USED];
	Value	*available = &filesystem[FILESYSTEM_FIELD_AVAILABLE];
	uint64_t block_size = s->f_frsize != 0 ? s->f_frsize : s->f_bsize;

	if (s->f_blocks > 0 && s->f_bfree <= s->f_blocks && s->f_bavail <= s->f_blocks)
	{
		SetBytes(&filesystem[FILESYSTEM_FIELD_TOTAL], s->f_blocks, block_size);
		SetBytes(&filesystem[FILESYSTEM_FIELD_FREE], s->f_bfree, block_size);
		SetBytes(used, s->f_blocks - s->f_bfree, block_size);
		SetBytes(available, s->f_bavail, block_size);
	}

	/* What is reserved for root is no part of it, so that 100 % is where our writes fail. */
	if (used->known && available->known && used->i + (double) available->i > 0)
		ValueSetFloat(&filesystem[FILESYSTEM_FIELD_USED_PERCENT],
					  (int64_t) (10000.0 * used->i / (used->i + (double) available->i) + 0.5) /
						  100.0);

	if (s->f_files > 0 && s->f_ffree <= s->f_files && s->f_files <= INT64_MAX)
	{
		ValueSetInt(&filesystem[FILESYSTEM_FIELD_INODES_TOTAL], s->f_files);
		ValueSetInt(&filesystem[FILESYSTEM_FIELD_INODES_FREE], s->f_ffree);
	}
}
