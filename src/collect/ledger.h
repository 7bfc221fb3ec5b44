/*
 * ledger.h
 *		What became of the runs of each collector, for the status and for those
 *		who wait in pganalytics_collect().
 */
#ifndef LEDGER_H
#define LEDGER_H

#include "postgres.h"

/* A run begins; it will serve the requests made so far. */
extern void LedgerBegin(int collector);

/* What a part of the run brought; database may be NULL, error may be NULL. */
extern void LedgerAdd(int collector, int64 rows, int errors, const char *error,
					  const char *database);

/* A batch of the run could not be kept. */
extern void LedgerLost(int collector, const char *database);

/* Time that a visitor worked for the run; without any, a run takes as long as it lasts. */
extern void LedgerAddTime(int collector, double ms);

/* The run is over and its batches are in the spool; kept = false: they are not. */
extern void LedgerEnd(int collector, bool kept);

/* Has somebody asked for a run that none has served yet? */
extern bool LedgerIsRequested(int collector);

/*
 * The caller's side: asks for a run now, returns the ticket; Served tells
 * whether it has been, and copies that run's error ("": none).
 */
extern uint64 LedgerRequest(int collector);
extern bool	  LedgerServed(int collector, uint64 ticket, char *error, size_t size);

#endif /* LEDGER_H */
