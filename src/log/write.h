/*
 * write.h
 *		An entry of the log as it goes over the wire.  Pure C.
 */
#ifndef LOG_WRITE_H
#define LOG_WRITE_H

#include "base/json.h"
#include "log/classify.h"
#include "log/entry.h"
#include "log/redact.h"

/* One object, as EntryFields of fields.c has it. */
extern void LogEntryWrite(JsonWriter *w, Redactor *redactor, const LogEntry *entry,
						  const Meaning *meaning, bool has_time, int64_t unix_us);

#endif /* LOG_WRITE_H */
