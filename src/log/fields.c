/*
 * fields.c
 *		What a pg_log metric holds.  Pure C.
 */
#include "log/fields.h"

#include "base/collectors.h"

const Field LogEntryFields[] = {
	[ENTRY_TIMESTAMP] = {"timestamp", FIELD_TIME, .source = "log time"},
	[ENTRY_LEVEL] = {"level", FIELD_TEXT, .required = true, .source = "severity, in English"},
	[ENTRY_MESSAGE] = {"message", FIELD_TEXT, .required = true,
					   .source = "message; values in it as pganalytics.log_redact says"},
	[ENTRY_SQLSTATE] = {"sqlstate", FIELD_TEXT, .source = "SQLSTATE"},
	[ENTRY_PID] = {"pid", FIELD_INT, .source = "process id"},
	[ENTRY_SESSION_ID] = {"session_id", FIELD_TEXT, .source = "session id"},
	[ENTRY_LINE] = {"line", FIELD_INT, .source = "number of the entry in its session"},
	[ENTRY_DATABASE] = {"database", FIELD_TEXT, .source = "database name"},
	[ENTRY_USER] = {"user", FIELD_TEXT, .source = "user name"},
	[ENTRY_APPLICATION] = {"application", FIELD_TEXT, .source = "application name"},
	[ENTRY_CLIENT] = {"client", FIELD_TEXT,
					  .source = "client's address or host name, without port"},
	[ENTRY_BACKEND_TYPE] = {"backend_type", FIELD_TEXT, .source = "kind of process"},
	[ENTRY_DETAIL] = {"detail", FIELD_TEXT, .source = "DETAIL"},
	[ENTRY_HINT] = {"hint", FIELD_TEXT, .source = "HINT"},
	[ENTRY_CONTEXT] = {"context", FIELD_TEXT, .source = "CONTEXT"},
	[ENTRY_STATEMENT] = {"statement", FIELD_TEXT, .source = "STATEMENT, constants as $n"},
	[ENTRY_QUERY_ID] = {"query_id", FIELD_TEXT, .source = "query id"},
	[ENTRY_EVENT] = {"event", FIELD_TEXT,
					 .source = "what happened, see docs/logs.md; null: not known"},
	[ENTRY_FIELDS] = {"fields", FIELD_VALUES,
					  .source = "values of the event, see docs/logs.md; truncated: true where the "
								"entry was cut at pganalytics.log_entry_size"},
	FIELDS_END};

const Field PgLogFields[] = {
	{"source", FIELD_TEXT, .required = true, .source = "jsonlog, csvlog or stderr"},
	{"file", FIELD_TEXT, .source = "name of the log file"},
	{"dropped", FIELD_COUNTS,
	 .source = "entries left out by pganalytics.log_max_rate, by severity"},
	{"entries", FIELD_OBJECTS, .required = true, .source = "server log", .fields = LogEntryFields},
	FIELDS_END};
