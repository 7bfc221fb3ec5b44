/*
 * hookentry.h
 *		An entry of the log as it lies in the ring: what emit_log_hook was given,
 *		packed.  Pure C.
 */
#ifndef LOG_HOOKENTRY_H
#define LOG_HOOKENTRY_H

#include "log/entry.h"

/* What is no text. */
typedef struct HookFacts
{
	int64_t	 unix_us;
	int64_t	 session_start; /* seconds since 1970 */
	int64_t	 query_id;		/* 0: none */
	int32_t	 pid;
	uint32_t level;		  /* LogWord */
	uint32_t cut;		  /* 1: texts were longer */
	char	 sqlstate[8]; /* NUL-terminated */
} HookFacts;

/* Packs an entry, text by text, into a buffer of fixed size. */
typedef struct HookPacker
{
	char  *buffer;
	size_t size;
	size_t used;
	size_t text_limit; /* of one text */
	int	   count;	   /* texts so far */
	bool   cut;
} HookPacker;

/* The buffer has room for at least HOOK_MIN_SIZE bytes. */
#define HOOK_MIN_SIZE 1024
extern void HookPackBegin(HookPacker *packer, char *buffer, size_t size, size_t text_limit);

/*
 * Adds the next text of HookTexts; NULL: unknown.  What does not fit is cut.
 * Never reads more of it than it copies, and one byte.
 */
extern void HookPackText(HookPacker *packer, const char *text);

/* Returns the length of all. */
extern size_t HookPackEnd(HookPacker *packer, HookFacts *facts);

/* The order in which the texts are packed: what is never left out comes first. */
extern const LogField HookTexts[];

#define NUM_HOOK_TEXTS 12
#define HOOK_TEXT_MESSAGE_ID 0 /* the message as in the server's source: no LogField */

/* What the decoder makes of numbers. */
typedef struct HookNames
{
	char session_id[32];
	char query_id[24];
} HookNames;

/*
 * Takes a packed entry apart, in place; the texts of the result lie in data and
 * in names.  False: it makes no sense.
 */
extern bool HookUnpack(char *data, size_t length, LogEntry *entry, HookNames *names);

#endif /* LOG_HOOKENTRY_H */
