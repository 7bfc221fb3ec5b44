/*
 * entry.h
 *		One entry of the server log, and the formats that it comes in.
 *
 * A format is two functions.  "frame" finds the end of the entry at the start
 * of a buffer and changes nothing; "parse" takes that entry apart and undoes
 * its quoting in place, so that every text of the result lies inside the
 * entry.  Both cope with any bytes: what is no entry is skipped up to where
 * one begins.  Pure C.
 */
#ifndef LOG_ENTRY_H
#define LOG_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/dialect.h"
#include "spool/format.h"

/* A piece of the buffer; data is NULL where it is unknown.  Not NUL-terminated. */
typedef struct LogText
{
	char  *data;
	size_t len;
} LogText;

/* What the formats tell, whatever each of them calls it. */
typedef enum LogField
{
	LOG_TIME,
	LOG_EPOCH, /* seconds since 1970 with a fraction */
	LOG_LEVEL,
	LOG_SQLSTATE,
	LOG_MESSAGE,
	LOG_PID,
	LOG_USER,
	LOG_DATABASE,
	LOG_APPLICATION,
	LOG_CLIENT,
	LOG_SESSION_ID,
	LOG_SESSION_LINE,
	LOG_BACKEND_TYPE,
	LOG_QUERY_ID,
	LOG_DETAIL,
	LOG_HINT,
	LOG_QUERY,
	LOG_CONTEXT,
	LOG_STATEMENT,
	LOG_LOCATION
} LogField;

#define NUM_LOG_FIELDS (LOG_LOCATION + 1)
#define LOG_FIELD_NONE (-1)

typedef enum LogTimeKind
{
	LOG_TIME_UNKNOWN,
	LOG_TIME_LOCAL, /* in log_timezone */
	LOG_TIME_UNIX
} LogTimeKind;

typedef struct LogTime
{
	LogTimeKind kind;
	int			year;
	int			month; /* 1 .. 12 */
	int			day;
	int			hour;
	int			minute;
	int			second;
	int			microsecond;
	LogText		zone;	 /* its abbreviation, ambiguous as those are */
	int64_t		unix_us; /* of LOG_TIME_UNIX */
} LogTime;

/*
 * What a source hands on, whatever it is.  The texts may be changed in place,
 * and the byte after each lies in the same piece of memory.
 */
typedef struct LogEntry
{
	LogText text[NUM_LOG_FIELDS];
	LogWord level;
	LogTime time;
	int64_t pid; /* 0: unknown */
	LogText
		 message_id; /* the message as it stands in the server's source; NUL-terminated, if known */
	bool stray;		 /* written in another format than its file is of */
	bool cut;		 /* it was longer than the buffer: what is missing was passed over */
} LogEntry;

/* What comes after the bytes in the buffer. */
typedef enum LogEnd
{
	LOG_END_OPEN,  /* possibly more */
	LOG_END_QUIET, /* nothing for now: complete lines are complete entries */
	LOG_END_FINAL  /* nothing ever */
} LogEnd;

typedef enum LogFrameKind
{
	FRAME_MORE, /* the end is not in the buffer yet */
	FRAME_ENTRY,
	FRAME_JUNK /* not part of any entry */
} LogFrameKind;

typedef struct LogFrame
{
	LogFrameKind kind;
	size_t		 length; /* of the entry or the junk */
} LogFrame;

typedef struct LogFormat
{
	const char *source; /* its name in current_logfiles and on the wire */
	const char *suffix; /* of its files; NULL: as log_filename has it */
	LogFrame (*frame)(const LogDialect *dialect, const char *buffer, size_t len, LogEnd end);

	/*
	 * False: nothing that could be sent.  An entry that was cut short yields
	 * what is there.
	 */
	bool (*parse)(const LogDialect *dialect, char *buffer, size_t len, LogEntry *entry);

	/*
	 * Goes to the end of an entry, from inside it or, INSIDE_NONE, from its
	 * start.  Returns the bytes passed over; *inside: is there more of it?
	 */
	size_t (*pass_over)(const char *buffer, size_t len, LogInside *inside);
} LogFormat;

/* Best first: when the server writes several, the first of them is read. */
extern const LogFormat LogFormats[];

#define NUM_LOG_FORMATS 3

/* The format called source; NULL: there is none. */
extern const LogFormat *LogFormatByName(const char *source, size_t len);

/* The format of a file, by its name. */
extern const LogFormat *LogFormatOfFile(const char *name);

extern size_t	LinePassOver(const char *buffer, size_t len, LogInside *inside);
extern LogFrame JsonlogFrame(const LogDialect *dialect, const char *buffer, size_t len, LogEnd end);
extern bool		JsonlogParse(const LogDialect *dialect, char *buffer, size_t len, LogEntry *entry);
extern LogFrame CsvlogFrame(const LogDialect *dialect, const char *buffer, size_t len, LogEnd end);
extern bool		CsvlogParse(const LogDialect *dialect, char *buffer, size_t len, LogEntry *entry);
extern size_t	CsvlogPassOver(const char *buffer, size_t len, LogInside *inside);

/* Does a line begin as an entry of csvlog does? */
extern bool CsvlogIsStart(const char *data, size_t len);

extern LogFrame StderrFrame(const LogDialect *dialect, const char *buffer, size_t len, LogEnd end);
extern bool		StderrParse(const LogDialect *dialect, char *buffer, size_t len, LogEntry *entry);

/*
 * Reads time, pid and level out of the texts.  False: level or message is
 * missing.
 */
extern bool LogEntryComplete(const LogDialect *dialect, LogEntry *entry);

/* "2026-02-20 10:30:00[.123] UTC" or "1771583400.123" */
extern bool LogTimeParse(const LogText *text, LogTime *time);
extern bool LogTimeParseUnix(const LogText *text, LogTime *time);

/* Length of the "YYYY-MM-DD HH:MM:SS[.fff]" that data begins with, 0: none. */
extern size_t LogTimeLength(const char *data, size_t len);

/* The largest length up to limit that does not cut a UTF-8 character in two. */
extern size_t LogTextCut(const char *data, size_t len, size_t limit);

/*
 * Could the server, with this log_filename, have given a file of this format
 * this name?
 */
extern bool LogFileNameMatches(const char *log_filename, const LogFormat *format, const char *name);

#endif /* LOG_ENTRY_H */
