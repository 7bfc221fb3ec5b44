/*
 * cpu_lid.h
 *		pganalytics.max_cpu_percent.
 */
#ifndef CPU_LID_H
#define CPU_LID_H

#include "postgres.h"

#include "datatype/timestamp.h"

/*
 * May what is due begin now?  False: all our processes together have used as
 * much CPU in the last minute as they may; to be asked again in a second.
 * Notes the figures for the status.
 */
extern bool CpuLidAllows(TimestampTz now);

#endif /* CPU_LID_H */
