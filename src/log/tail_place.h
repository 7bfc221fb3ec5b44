/*
 * tail_place.h
 *		A place in the log, and finding it again.
 */
#ifndef LOG_TAIL_PLACE_H
#define LOG_TAIL_PLACE_H

#include "postgres.h"

#include "log/logfile.h"
#include "spool/position.h"

/* A place in the log. */
typedef struct TailPlace
{
	LogFile	  file;
	uint64	  offset; /* of the first byte that was not consumed */
	LogInside inside;
	bool	  former;	  /* it may be written as before the reload, see LogReader */
	int64	  last_us;	  /* time of the last entry, 0: unknown */
	uint64	  start_hash; /* of the file's first start_len bytes */
	uint32	  start_len;
	int		  passed; /* files of Tail.ahead that are behind it */
} TailPlace;

/*
 * Notes what the file begins with: inodes are used again and files are written
 * anew in place, but their first bytes, with the time of the first entry, are
 * not the same twice.
 */
extern void TailPlaceHashStart(TailPlace *place);

/* The place as it is kept on disk. */
extern LogPosition TailPlacePosition(const TailPlace *place);
extern bool		   TailPlaceIsAt(const TailPlace *place, const LogPosition *position);

/* Goes to a position in the file that is open. */
extern void TailPlaceSet(TailPlace *place, const LogPosition *position);

/* Opens the file of a position, wherever it is now.  False: it is gone. */
extern bool TailPlaceOpen(const LogPosition *position, const LogFile *current, LogFile *file);

#endif /* LOG_TAIL_PLACE_H */
