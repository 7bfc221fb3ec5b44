/*
 * remote.h
 *		What a backend asks for: the remote configuration as it is kept.  Pure C.
 *
 * It can only ever hold what a backend may decide: intervals, a choice of
 * collectors, a choice of severities.  How that and the local settings make up
 * what is in force is inforce.c's; how a document is checked,
 * deliver/document.c's.
 */
#ifndef REMOTE_H
#define REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/collectors.h"

/* The limits of "pganalytics.<type>_interval", 0 apart. */
#define REMOTE_INTERVAL_MIN_S 1
#define REMOTE_INTERVAL_MAX_S (24 * 60 * 60)

/* A backend may always ask for an interval this short, and never for a shorter one. */
#define REMOTE_INTERVAL_FLOOR_S 10

#define REMOTE_ETAG_SIZE 160
#define REMOTE_SOURCE_SIZE 1400
#define REMOTE_IGNORED_SIZE 256
#define REMOTE_TEXT_SIZE 8192 /* of the kept form */

/* Severities of the server log, from the mildest on. */
#define NUM_SEVERITIES 8
extern const char *const Severities[NUM_SEVERITIES];

/* The index of a severity, DEBUG1 to DEBUG5 being DEBUG, in any case; -1: there is none. */
extern int SeverityByName(const char *name);

typedef struct RemoteConfig
{
	int64_t	 version;					 /* -1: has none */
	int		 interval_s[NUM_COLLECTORS]; /* 0: left to the local settings */
	bool	 has_collectors;
	uint32_t collectors; /* mask of 1 << CollectorType */
	bool	 has_severities;
	uint32_t severities;				   /* mask of 1 << index in Severities */
	int64_t	 pulled_us;					   /* when it came, µs since 1970 */
	char	 etag[REMOTE_ETAG_SIZE];	   /* "": none */
	char	 source[REMOTE_SOURCE_SIZE];   /* collector id and URL that the ETag belongs to */
	char	 ignored[REMOTE_IGNORED_SIZE]; /* names that mean nothing here */
} RemoteConfig;

/* Writes the kept form, lines of text; returns its length, 0: no room. */
extern size_t RemoteFormat(const RemoteConfig *config, char *text, size_t size);

/*
 * Reads it.  Lines, collectors and severities that are not known are skipped: another
 * version may have written them.  False: this is no such text, or a value is
 * impossible.
 */
extern bool RemoteParse(const char *text, size_t size, RemoteConfig *config);

#endif /* REMOTE_H */
