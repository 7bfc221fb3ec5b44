/*
 * classify.h
 *		What an entry of the log means.  Pure C.
 */
#ifndef LOG_CLASSIFY_H
#define LOG_CLASSIFY_H

#include "log/entry.h"
#include "log/event.h"
#include "log/pattern.h"

typedef struct Meaning
{
	const LogEventRow *event; /* the row with its name; NULL: nothing that is known */
	Captures captures;		  /* point into the entry; in the order of LogField and of the texts */
} Meaning;

/*
 * The texts of the entry stay as they are.  Messages are understood in English;
 * in other languages SQLSTATE alone decides, and there are no captures.
 */
extern void LogClassify(const LogEntry *entry, Meaning *meaning);

/*
 * The same for where the message as it stands in the server's source is known,
 * "%" conversions and all: it decides in any language.  NULL: no event.
 */
extern const LogEventRow *LogEventOfFormat(const char *format, const char *sqlstate);

/* The event called name; NULL: there is none. */
extern const LogEventRow *LogEventByName(const char *name);

#endif /* LOG_CLASSIFY_H */
