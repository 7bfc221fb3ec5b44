/*
 * position.h
 *		How far the server log has been read, on disk.
 *
 * <state_directory>/log_position outlives the server: what it wrote while it
 * stopped, crashed or started is read afterwards.  A batch that holds entries of
 * the log carries the position behind them in its header; see README.md for why
 * nothing is read twice and nothing left out.
 */
#ifndef POSITION_H
#define POSITION_H

#include "postgres.h"

#include "spool/format.h"

/*
 * Moves the position.  sequence: of the batch that it belongs to, 0: of none,
 * only what is not sent was read.  False: it could not be kept, see errno.
 */
extern bool LogPositionSave(const LogPosition *position, uint64 sequence);

/* False: there is none, the log has never been read here, or by choice not any more. */
extern bool LogPositionLoad(LogPosition *position);

extern void LogPositionForget(void);

/*
 * Recovery, before anybody sends: takes over the newest position in the headers
 * of the spool.  Raise: that of one batch, unless the one on disk is newer.
 */
extern void LogPositionRecover(void);
extern bool LogPositionRaise(const LogPosition *position, uint64 sequence);

#endif /* POSITION_H */
