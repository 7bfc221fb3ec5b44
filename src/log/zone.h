/*
 * zone.h
 *		From the times in the log to UTC.
 */
#ifndef LOG_ZONE_H
#define LOG_ZONE_H

#include "postgres.h"

#include "log/entry.h"
#include "pgtime.h"

/*
 * µs since 1970 UTC of a time in "zone", that is log_timezone as it was when the
 * entry was written.  last_us: the time of the entry
 * before, 0 where there is none; tells the two hours with the same name at the
 * end of daylight saving apart where the abbreviation does not.  False:
 * unknown.
 */
extern bool LogTimeToUnix(const LogTime *time, pg_tz *zone, int64 last_us, int64 *unix_us);

#endif							/* LOG_ZONE_H */
