/*
 * activity_tally.h
 *		How often the backends were seen doing what.
 *
 * A hash of fixed size: when it is full, what it does not know yet is counted
 * as one number, so that all counts still add up to what was seen.  Pure C.
 */
#ifndef ACTIVITY_TALLY_H
#define ACTIVITY_TALLY_H

#include <stddef.h>
#include <stdint.h>

/*
 * Distinct keys between two reports.  A server with more has many statements
 * at work; the first ones to be seen, which are the frequent ones, have a place.
 */
#define ACTIVITY_MAX_KEYS 1000

#define ACTIVITY_NAME_SIZE 64	/* NAMEDATALEN */
#define ACTIVITY_WORKER_SIZE 96 /* BGW_MAXLEN */

/* What is counted apart; 0 and "": there is none.  Bytes that are not used are 0. */
typedef struct ActivityKey
{
	uint64_t queryid;
	uint32_t database; /* OIDs: a look at the backends cannot read catalogues */
	uint32_t user;
	uint32_t wait_event;
	uint16_t backend_type; /* enum BackendType */
	uint16_t state;		   /* enum BackendState */
	char	 application[ACTIVITY_NAME_SIZE];
	char	 worker[ACTIVITY_WORKER_SIZE]; /* type of a background worker */
} ActivityKey;

typedef struct ActivityCount
{
	ActivityKey key;
	int64_t		count;
} ActivityCount;

#define ACTIVITY_SLOTS 2048 /* a power of two, twice the keys */

/* All zero: empty. */
typedef struct ActivityTally
{
	int64_t		  samples; /* looks at all backends */
	int64_t		  other;   /* backends seen that no key had a place for */
	int			  used;
	ActivityCount counts[ACTIVITY_MAX_KEYS]; /* the first "used", in the order first seen */
	uint16_t	  slots[ACTIVITY_SLOTS];	 /* place in counts + 1; 0: free */
} ActivityTally;

/* Empties a key; then its fields are set, texts by ActivityKeySetText. */
extern void ActivityKeyClear(ActivityKey *key);

/* Copies text, cut to fit, into one of the texts of a cleared key. */
extern void ActivityKeySetText(char *field, size_t size, const char *text);

/* One backend was seen. */
extern void ActivityTallyAdd(ActivityTally *tally, const ActivityKey *key);

extern void ActivityTallyReset(ActivityTally *tally);

#endif /* ACTIVITY_TALLY_H */
