/*
 * sealing.h
 *		Batches are compressed as soon as they lie in the spool.
 */
#ifndef SEALING_H
#define SEALING_H

#include "postgres.h"

/* Seals one batch, if it is still there.  False: there was none, or it did not work. */
extern bool SealNext(int64 now);

/* After one that could not be sealed; by MonotonicMs(). */
extern int64 SealingPausesUntil(void);
extern void	 SealingResume(void);

#endif /* SEALING_H */
