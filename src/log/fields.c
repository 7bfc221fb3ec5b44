/*
 * fields.c
 *		What a pg_log metric holds.  Pure C.
 */
#include "base/collectors.h"

static const Field EntryFields[] = {
	{"timestamp", FIELD_TIME, .source = "log time"},
	{"level", FIELD_TEXT, .required = true, .source = "severity, in English"},
	{"message", FIELD_TEXT, .required = true, .source = "message, cut at pganalytics.log_entry_size"},
	{"sqlstate", FIELD_TEXT, .source = "SQLSTATE"},
	{"pid", FIELD_INT, .source = "process id"},
	{"user", FIELD_TEXT, .source = "user name"},
	{"database", FIELD_TEXT, .source = "database name"},
	{"application", FIELD_TEXT, .source = "application name"},
	FIELDS_END
};

const Field PgLogFields[] = {
	{"source", FIELD_TEXT, .required = true, .source = "jsonlog, csvlog or stderr"},
	{"file", FIELD_TEXT, .source = "name of the log file"},
	{"entries", FIELD_OBJECTS, .required = true, .source = "server log", .fields = EntryFields},
	FIELDS_END
};
