/*
 * zone.h
 *		From the times in the log to UTC.
 */
#ifndef LOG_ZONE_H
#define LOG_ZONE_H

#include "postgres.h"

#include "log/entry.h"
#include "pgtime.h"

/* log_timezone now, and before the last reload: NULL where it is the same. */
typedef struct LogZones
{
	pg_tz *now;
	pg_tz *former;
} LogZones;

/*
 * µs since 1970 UTC of a time in log_timezone, of which the abbreviation tells
 * that it is the former one.  last_us: the time of the entry before, 0 where
 * there is none; tells the two hours with the same name at the end of daylight
 * saving apart where the abbreviation does not.  False: unknown.
 */
extern bool LogTimeToUnix(const LogTime *time, const LogZones *zones, int64 last_us,
						  int64 *unix_us);

#endif /* LOG_ZONE_H */
