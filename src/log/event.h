/*
 * event.h
 *		The kinds of events that the server log tells of.
 *
 * To add one is to add rows to a table, and a sample to test/unit/log_events.txt.
 * Pure C.
 */
#ifndef LOG_EVENT_H
#define LOG_EVENT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A row with a name begins an event; the rows without one that follow add to it
 * how other versions put it, and what else the entry holds.  All but the name are
 * optional.  See pattern.h for patterns.
 */
typedef struct LogEventRow
{
	const char *name;
	const char *about;	  /* for people */
	const char *sqlstate; /* an entry with it and without a known message is this event; another
								 * one in an entry with the message is none */
	const char *message;
	const char *line;	 /* of the lines after the first of the message */
	const char *detail;	 /* of the lines of DETAIL */
	const char *context; /* of the lines of CONTEXT */
} LogEventRow;

/* Ends a table. */
#define LOG_EVENTS_END \
	{ \
		0 \
	}

/* Does the row add to the event before it? */
static inline bool
LogRowContinues(const LogEventRow *row)
{
	return row->name == NULL && (row->message || row->line || row->detail || row->context);
}

static inline bool
LogRowIsEnd(const LogEventRow *row)
{
	return row->name == NULL && !LogRowContinues(row);
}

extern const LogEventRow LogServerEvents[];
extern const LogEventRow LogWorkEvents[];
extern const LogEventRow LogSessionEvents[];
extern const LogEventRow LogReplicationEvents[];
extern const LogEventRow LogErrorEvents[];

#define NUM_LOG_EVENT_TABLES 5

typedef struct LogEventTable
{
	const char		  *title;
	const LogEventRow *rows;
} LogEventTable;

extern const LogEventTable LogEventTables[NUM_LOG_EVENT_TABLES];

/* What is known of DETAIL and CONTEXT, whatever the event; ends with NULL. */
extern const char *const LogDetailPatterns[];
extern const char *const LogContextPatterns[];

#endif /* LOG_EVENT_H */
