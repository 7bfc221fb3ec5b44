/*
 * sample.h
 *		What pganalytics_sample() shows of the server log.
 */
#ifndef LOG_SAMPLE_H
#define LOG_SAMPLE_H

#include "postgres.h"

#include "spool/batch.h"

/* The last entries of the log, wherever it is read; changes nothing. */
extern void LogSample(Batch *batch);

#endif /* LOG_SAMPLE_H */
