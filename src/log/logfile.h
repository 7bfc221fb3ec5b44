/*
 * logfile.h
 *		Which files hold the server log, and opening them.
 */
#ifndef LOG_LOGFILE_H
#define LOG_LOGFILE_H

#include "postgres.h"

#include <time.h>

#include "log/entry.h"

/* Why the log cannot be read; code 0: it can. */
typedef struct LogTrouble
{
	int	 code; /* an errno, or one of these */
	char text[512];
} LogTrouble;

extern void LogTroubleSet(LogTrouble *trouble, int code, const char *format, ...)
	pg_attribute_printf(3, 4);

#define TROUBLE_COLLECTOR_OFF 1001
#define TROUBLE_NO_DESTINATION 1002
#define TROUBLE_NOT_A_FILE 1003

typedef struct LogFile
{
	int				 fd; /* -1: not open */
	const LogFormat *format;
	uint64			 device;
	uint64			 inode;
	uint64			 size;	  /* when it was opened */
	struct timespec	 since;	  /* of the current one: when the server took to it */
	uint32			 formats; /* of the current one: a bit for each format that is written */
	char			 path[MAXPGPATH];
} LogFile;

/* The file that the server writes to, the best format of several.  Does not open it. */
extern bool LogFindCurrent(LogFile *file, LogTrouble *trouble);

/*
 * Opens a regular file and nothing else.  transient: with OpenTransientFile,
 * else with open().
 */
extern bool LogFileOpen(LogFile *file, bool transient, LogTrouble *trouble);

/* Closes what was not opened as transient. */
extern void LogFileClose(LogFile *file);

/* Hash of the first len bytes of a file that is open.  False: it has fewer, or cannot be read. */
extern bool LogFileHashStart(const LogFile *file, size_t len, uint64 *hash);

/* Does it begin otherwise than a file whose start was hashed?  len 0: nobody knows. */
extern bool LogFileStartDiffers(const LogFile *file, size_t len, uint64 expected);

/* Has the open file been removed, or will the server soon write over it? */
extern bool LogFileIsGoing(const LogFile *file, bool is_current);

/* Bytes of the file that is open; 0: nobody knows. */
extern uint64 LogFileSize(const LogFile *file);

extern bool LogFileSame(const LogFile *a, const LogFile *b);

/* The regular file with this inode in the directory of "beside", whatever its name.  False: it is gone. */
extern bool LogFindByInode(LogFile *file, const char *beside, uint64 device, uint64 inode);

/*
 * The oldest log file that was last written to after "file", which is open, and
 * before the server took to the current one.  False: there is none.
 */
extern bool LogFindNext(const LogFile *file, const LogFile *current, LogFile *next);

/* Is it one that LogFindNext can find? */
extern bool LogFileIsOnTheWay(const LogFile *file, const LogFile *current);

/* As LogFindNext, after a moment in µs since 1970. */
extern bool LogFindAfter(int64 us, const LogFile *current, LogFile *next);

#endif /* LOG_LOGFILE_H */
