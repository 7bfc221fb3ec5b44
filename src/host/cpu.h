/*
 * cpu.h
 *		/proc/stat, /proc/loadavg and /proc/uptime.  Pure C.
 */
#ifndef HOST_CPU_H
#define HOST_CPU_H

#include <stddef.h>

#include "host/fields.h"

/* In the order of /proc/stat; the columns that follow are counted in user and nice already. */
enum
{
	TICKS_USER,
	TICKS_NICE,
	TICKS_SYSTEM,
	TICKS_IDLE,
	TICKS_IOWAIT,
	TICKS_IRQ,
	TICKS_SOFTIRQ,
	TICKS_STEAL,
	NUM_TICKS
};

/* One reading of the processor's counters; all zero: none. */
typedef struct CpuCounters
{
	int		known; /* how many of ticks, from the first on */
	int		count; /* CPUs online, 0: unknown */
	int64_t ticks[NUM_TICKS];
} CpuCounters;

/* The counters in /proc/stat; known is 0 when there are none. */
extern CpuCounters CpuParse(char *text, size_t length);

/*
 * Shares of the time between two readings, as percentages.  Nothing is set
 * where the readings cannot be compared.
 */
extern void CpuPercentages(const CpuCounters *before, const CpuCounters *now, Value *cpu);

extern void LoadParse(char *text, size_t length, Value *cpu);

/* How many scheduling entities there are: the second number of "1/80" in /proc/loadavg. */
extern void ThreadsParse(char *text, size_t length, Value *threads);

/* Whole seconds since the machine started. */
extern void UptimeParse(char *text, size_t length, Value *uptime);

#endif /* HOST_CPU_H */
