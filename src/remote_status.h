/*
 * remote_status.h
 *		The remote configuration, as the status and the SQL functions show it.
 */
#ifndef REMOTE_STATUS_H
#define REMOTE_STATUS_H

#include "postgres.h"

#include "base/json.h"

/* The object "config" of pganalytics_status(). */
extern void WriteConfig(JsonWriter *w);

/* What pganalytics_pull_config() returns: all that a backend may have a say in, as it is in force. */
extern Datum RemoteInForceAsJsonb(void);

#endif /* REMOTE_STATUS_H */
