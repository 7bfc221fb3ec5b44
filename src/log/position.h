/*
 * position.h
 *		Where the log has been read up to, on disk.
 *
 * <state_directory>/log_position outlives the server: what it wrote while it
 * stopped, crashed or started is read afterwards.
 */
#ifndef POSITION_H
#define POSITION_H

#include "base/shared.h"

extern void LogPositionSave(const LogPosition *position);

/* False: there is none, the log has never been read here. */
extern bool LogPositionLoad(LogPosition *position);

extern void LogPositionForget(void);

#endif							/* POSITION_H */
