/*
 * sequences.h
 *		Last values of sequences, without waiting for anybody.
 */
#ifndef SEQUENCES_H
#define SEQUENCES_H

#include "postgres.h"

typedef enum SequenceState
{
	SEQUENCE_READ,
	SEQUENCE_NEVER_USED,  /* nextval() was never called: there is no last value */
	SEQUENCE_OUT_OF_REACH /* locked, dropped, not the caller's to see, without a file here */
} SequenceState;

/* To be called within a query (query.h). */
extern SequenceState SequenceLastValue(Oid sequence, int64 *value);

#endif /* SEQUENCES_H */
