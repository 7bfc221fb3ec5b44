/*
 * fields.h
 *		What an entry of pg_log holds.  Pure C.
 */
#ifndef LOG_FIELDS_H
#define LOG_FIELDS_H

#include "base/fields.h"

/* Positions in LogEntryFields. */
typedef enum LogEntryField
{
	ENTRY_TIMESTAMP,
	ENTRY_LEVEL,
	ENTRY_MESSAGE,
	ENTRY_SQLSTATE,
	ENTRY_PID,
	ENTRY_SESSION_ID,
	ENTRY_LINE,
	ENTRY_DATABASE,
	ENTRY_USER,
	ENTRY_APPLICATION,
	ENTRY_CLIENT,
	ENTRY_BACKEND_TYPE,
	ENTRY_DETAIL,
	ENTRY_HINT,
	ENTRY_CONTEXT,
	ENTRY_STATEMENT,
	ENTRY_QUERY_ID,
	ENTRY_EVENT,
	ENTRY_FIELDS
} LogEntryField;

extern const Field LogEntryFields[];

#endif /* LOG_FIELDS_H */
