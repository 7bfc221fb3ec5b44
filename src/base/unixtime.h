/*
 * unixtime.h
 *		PostgreSQL counts time from 2000, the wire from 1970.
 */
#ifndef UNIXTIME_H
#define UNIXTIME_H

#include "postgres.h"

#include "datatype/timestamp.h"

#define EPOCH_DIFFERENCE_US ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

static inline int64
UnixMicroseconds(TimestampTz time)
{
	return time + EPOCH_DIFFERENCE_US;
}

static inline TimestampTz
TimestampFromUnix(int64 unix_us)
{
	return unix_us - EPOCH_DIFFERENCE_US;
}

#endif /* UNIXTIME_H */
