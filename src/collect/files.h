/*
 * files.h
 *		Sizes of relations without opening them.
 */
#ifndef FILES_H
#define FILES_H

#include "postgres.h"

typedef struct FileSizes FileSizes;

/*
 * Lists the files of the current database in CurrentMemoryContext.  A
 * directory that cannot be read leaves sizes unknown.
 */
extern FileSizes *FileSizesRead(void);

/*
 * Size in bytes of a relation's files, all forks and segments; false: it is not
 * known.  The key is tablespace << 32 | relfilenode (tablespace 0: that of the
 * database), negative when the catalogue says that the relation has pages.
 */
extern bool FileSizesOfRelation(const FileSizes *sizes, int64 key, int64 *bytes);

/* The same of the whole database. */
extern bool FileSizesOfDatabase(const FileSizes *sizes, int64 *bytes);

/*
 * The largest files, at most "most" of them, as two arrays in
 * CurrentMemoryContext: keys (none of them negative or 0) and blocks.  Returns
 * how many.
 */
extern int FileSizesLargest(const FileSizes *sizes, int most, int64 **keys, int64 **blocks);

#endif /* FILES_H */
