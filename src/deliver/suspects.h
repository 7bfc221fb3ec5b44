/*
 * suspects.h
 *		Batches that the backend fails on.  Pure C.
 *
 * A 5xx may mean that the backend is down, or that it cannot stomach this one
 * batch.  The difference shows when a batch behind it is accepted in the same
 * pass over the spool: only then does the refusal count.
 */
#ifndef SUSPECTS_H
#define SUSPECTS_H

#include <stdbool.h>
#include <stdint.h>

#define SUSPECTS_MAX 16
#define SUSPECT_REFUSALS 5 /* counted ones, until a batch is rejected */

typedef struct Suspect
{
	uint64_t sequence;
	int		 refusals; /* counted ones */
	bool	 pending;  /* refused in this pass, does not count yet */
} Suspect;

typedef struct Suspects
{
	Suspect list[SUSPECTS_MAX];
	int		count;
	int		pending;
} Suspects;

/* A pass begins at the oldest batch: those before it have left the spool. */
extern void SuspectsBeginPass(Suspects *suspects, uint64_t oldest);

/* The backend failed on a batch. */
extern void SuspectsRefused(Suspects *suspects, uint64_t sequence);

/*
 * The backend accepted one: what is pending counts.  Returns a batch that now
 * is to be rejected, and forgets it, or 0; to be called until it returns 0.
 */
extern uint64_t SuspectsAccepted(Suspects *suspects);

/* The batch has left the spool. */
extern void SuspectsForget(Suspects *suspects, uint64_t sequence);

extern bool SuspectsContain(const Suspects *suspects, uint64_t sequence);

/* Is there a batch pending that has never counted?  Then it may be the backend's fault. */
extern bool SuspectsAreNew(const Suspects *suspects);

/* The largest number of counted refusals. */
extern int SuspectsWorst(const Suspects *suspects);

#endif /* SUSPECTS_H */
