/*
 * recent.h
 *		The entries that were read last, to know them again in another format.
 *
 * When log_destination changes, the file of one format is left for that of
 * another.  Both may have been written side by side for any time, or the second
 * only from the reload on, and then some processes go on with the first for a
 * while.  So neither time nor place tells which entries of the second file have
 * been read already; the entries themselves do.  Pure C.
 */
#ifndef LOG_RECENT_H
#define LOG_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "log/entry.h"

#define LOG_RECENT_ENTRIES 1024

typedef struct LogRecent
{
	bool	 comparing;	 /* entries come from another format than some of those here */
	uint32_t generation; /* of the format that is read */
	int64_t	 last_us;	 /* when comparing began: the last entry's time, 0: unknown */
	int64_t	 known_us;	 /* and the time before which all was read, 0: unknown */
	bool	 entering;	 /* the next entry is the first one of a file */
	bool	 skipping;	 /* what comes is older than entered_us by far */
	int64_t	 entered_us; /* the time of the last entry before that file */
	int		 count;
	int		 next; /* where the next one goes */
	struct
	{
		uint64_t hash; /* 0: was found again */
		int64_t	 us;   /* 0: unknown */
		uint32_t generation;
		bool	 stray; /* in another format than its file */
	} entry[LOG_RECENT_ENTRIES];
} LogRecent;

/* From now on entries come from the file of another format.  last_us: time of the last one before. */
extern void LogRecentCompare(LogRecent *recent, int64_t last_us);

/*
 * From now on entries come from another file of the same format.  last_us: as
 * above.  The file may be an old one which the server appends to, if log_filename
 * gives the same name every day.
 */
extern void LogRecentEnterFile(LogRecent *recent, int64_t last_us);

/* Was this entry read already?  us: its time, 0: unknown. */
extern bool LogRecentKnows(LogRecent *recent, const LogEntry *entry, int64_t us);

#endif /* LOG_RECENT_H */
