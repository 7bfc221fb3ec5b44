/*
 * output.h
 *		Which entries of the log are sent, and how.
 */
#ifndef LOG_OUTPUT_H
#define LOG_OUTPUT_H

#include "postgres.h"

#include "base/shared.h"
#include "log/logfile.h"
#include "log/recent.h"
#include "log/redact.h"
#include "log/zone.h"
#include "spool/batch.h"

#define MAX_OWN_PIDS (2 + MAX_VISITORS)

/* Where entries come from. */
typedef struct LogOrigin
{
	const char *source; /* "jsonlog", …: as on the wire */
	const char *file;	/* name of the log file; NULL: it is none */
} LogOrigin;

/* Where the entries of one run go. */
typedef struct LogOutput
{
	Batch	   *batch;
	JsonWriter *writer;	  /* of the open metric; NULL: none is open */
	int64		written;  /* entries */
	int64		limit;	  /* of them */
	bool		drop;	  /* count those beyond the limit instead of leaving them for later */
	int64		skip;	  /* entries to leave out first (sample) */
	int64		last_us;  /* time of the last entry */
	LogZones	zones;	  /* of the times in the log */
	LogRecent  *recent;	  /* NULL: nothing can have been read already */
	LogPosition position; /* before the entry that is handed on; inode 0: none */
	int64		dropped[NUM_LOG_WORDS]; /* by severity; not yet in a metric */
	int64		all_dropped;			/* in a metric or not */
	uint32		levels;					/* bit per LogWord: is sent, though it is no known event */
	Meaning	   *meaning;				/* of the entry at hand */
	Redactor	redactor;
	int			num_own;
	pid_t		own[MAX_OWN_PIDS];
} LogOutput;

/*
 * Does the server write in English?  Its messages are understood in no other
 * language.
 */
extern bool LogIsEnglish(void);

/* Its "lc_messages"; empty: that of its environment. */
extern const char *LogLanguage(void);

/* Nothing is limited or left out at first. */
extern void LogOutputBegin(LogOutput *out, Batch *batch);

/* Writes one entry, from whatever source, if it is to be sent. */
extern void LogOutputEntry(LogOutput *out, const LogOrigin *origin, LogEntry *entry);

/*
 * Ends the open metric, and tells the batch the position; to be called before
 * the entries of another origin.
 */
extern void LogOutputEnd(LogOutput *out, const LogOrigin *origin);

#endif /* LOG_OUTPUT_H */
