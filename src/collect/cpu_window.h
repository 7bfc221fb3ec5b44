/*
 * cpu_window.h
 *		CPU time used within the last minute.
 *
 * Keeps what the total was, second by second.  Pure C; times are in µs.
 */
#ifndef CPU_WINDOW_H
#define CPU_WINDOW_H

#include <stdint.h>

#define CPU_WINDOW (INT64_C(60) * 1000000)
#define CPU_SAMPLES 64 /* at most one a second: more than a minute */

typedef struct CpuSample
{
	int64_t at;
	int64_t total;
} CpuSample;

/* Begins as zeroes. */
typedef struct CpuWindow
{
	CpuSample samples[CPU_SAMPLES];
	int		  count;
	int		  next; /* the place of the next sample */
} CpuWindow;

/* Notes the total so far; returns how much of it was used within the last minute. */
extern int64_t CpuWindowUsed(CpuWindow *window, int64_t now, int64_t total);

#endif /* CPU_WINDOW_H */
