/*
 * log.h
 *		The collector pg_log: what the server writes to its log.
 */
#ifndef LOG_H
#define LOG_H

#include "postgres.h"

#include "spool/batch.h"

typedef struct LogReader LogReader;

/* Lives as long as the process, in TopMemoryContext. */
extern LogReader *LogReaderCreate(void);

/*
 * Writes what the log has grown by since the last run as pg_log metrics; none
 * where there is nothing.  Trouble with the files is a problem in the status,
 * not an error.  The next run goes on after what was read as soon as
 * LogCollectCommitted is called; LogCollectFailed, or another LogCollect
 * without either, reads the same again.
 *
 * from_sample: the last entries of the current file instead; moves no
 * position, sets no problems, keeps nothing open.  reader may be NULL then.
 */
extern void LogCollect(LogReader *reader, Batch *batch, bool from_sample);
extern void LogCollectCommitted(LogReader *reader);
extern void LogCollectFailed(LogReader *reader);

/* Have the settings that say where the log goes changed since the last call? */
extern bool LogTargetHasChanged(LogReader *reader);

/* Is there so much to read that it should not wait for its time? */
extern bool LogIsUrgent(void);

/*
 * For when the collector is switched off: closes its files, forgets the
 * position and ends its problems.  Costs nothing when repeated.
 */
extern void LogReaderRest(LogReader *reader);

#endif /* LOG_H */
