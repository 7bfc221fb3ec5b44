/*
 * zone.c
 *		From the times in the log to UTC.
 *
 * The server prints local time in log_timezone and the zone's abbreviation.
 * The abbreviation alone means nothing (IST is used by three countries), so
 * the rules of log_timezone decide; it is only looked at to tell the two
 * readings of a repeated hour apart, and to recognise entries that were
 * written before log_timezone was changed.
 */
#include "postgres.h"

#include "log/zone.h"

#include "datatype/timestamp.h"
#include "pgtime.h"
#include "utils/datetime.h"

/* Entries of different processes can be out of order by this much. */
#define DISORDER_US (INT64CONST(5) * 60 * 1000000)

/* No change of clocks is longer than this. */
#define LONGEST_SHIFT_S (3 * 60 * 60)

static bool
ZoneIs(const LogTime *time, const char *abbreviation)
{
	return abbreviation != NULL && time->zone.len == strlen(abbreviation) &&
		memcmp(time->zone.data, abbreviation, time->zone.len) == 0;
}

/* Is this the abbreviation in the zone at that moment? */
static bool
ZoneIsThatOf(const LogTime *time, pg_tz *zone, pg_time_t moment)
{
	struct pg_tm *tm = pg_localtime(&moment, zone);

	return tm != NULL && ZoneIs(time, tm->tm_zone);
}

/*
 * The other moment with the same local time, one shift earlier.  Returns
 * "moment" where there is none.
 */
static pg_time_t
EarlierReading(pg_tz *zone, pg_time_t moment, pg_time_t local)
{
	pg_time_t	  before = moment - LONGEST_SHIFT_S;
	pg_time_t	  earlier;
	struct pg_tm *tm = pg_localtime(&before, zone);

	if (tm == NULL)
		return moment;
	earlier = local - tm->tm_gmtoff;
	tm = pg_localtime(&earlier, zone);
	if (earlier >= moment || tm == NULL || earlier + tm->tm_gmtoff != local)
		return moment;
	return earlier;
}

/* The moment that is called so in the zone.  fits: its abbreviation is the one of the time. */
static pg_time_t
MomentInZone(const LogTime *time, pg_tz *zone, int64 last_us, bool *fits)
{
	struct pg_tm tm = {0};
	pg_time_t	 local;
	pg_time_t	 moment;
	pg_time_t	 earlier;

	tm.tm_year = time->year;
	tm.tm_mon = time->month;
	tm.tm_mday = time->day;
	tm.tm_hour = time->hour;
	tm.tm_min = time->minute;
	tm.tm_sec = time->second;
	local =
		(pg_time_t) (date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - UNIX_EPOCH_JDATE) * SECS_PER_DAY +
		tm.tm_hour * SECS_PER_HOUR + tm.tm_min * SECS_PER_MINUTE + tm.tm_sec;

	/* the second one, where the hour is repeated */
	moment = local + DetermineTimeZoneOffset(&tm, zone);
	earlier = EarlierReading(zone, moment, local);
	*fits = ZoneIsThatOf(time, zone, moment);
	if (earlier != moment)
	{
		bool is_first = ZoneIsThatOf(time, zone, earlier);

		if (is_first != *fits)
			moment = is_first ? earlier : moment;
		else if (last_us == 0 || earlier * INT64CONST(1000000) >= last_us - DISORDER_US)
			moment = earlier;
		*fits |= is_first;
	}
	else if (!*fits && (ZoneIs(time, "UTC") || ZoneIs(time, "GMT")))
	{
		moment = local;
		*fits = true;
	}
	return moment;
}

bool
LogTimeToUnix(const LogTime *time, const LogZones *zones, int64 last_us, int64 *unix_us)
{
	pg_time_t moment;
	bool	  fits;

	if (time->kind == LOG_TIME_UNIX)
	{
		*unix_us = time->unix_us;
		return true;
	}
	if (time->kind != LOG_TIME_LOCAL || zones->now == NULL)
		return false;
	moment = MomentInZone(time, zones->now, last_us, &fits);
	if (!fits && zones->former != NULL)
	{
		pg_time_t former = MomentInZone(time, zones->former, last_us, &fits);

		if (fits)
			moment = former;
	}
	*unix_us = moment * INT64CONST(1000000) + time->microsecond;
	return true;
}
