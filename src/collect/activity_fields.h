/*
 * activity_fields.h
 *		Where the fields of a row of pg_activity's "states" stand.
 */
#ifndef ACTIVITY_FIELDS_H
#define ACTIVITY_FIELDS_H

#include "base/fields.h"

enum ActivityStateField
{
	ACTIVITY_STATE_DATABASE,
	ACTIVITY_STATE_USER,
	ACTIVITY_STATE_APPLICATION,
	ACTIVITY_STATE_BACKEND_TYPE,
	ACTIVITY_STATE_STATE,
	ACTIVITY_STATE_WAIT_EVENT_TYPE,
	ACTIVITY_STATE_WAIT_EVENT,
	ACTIVITY_STATE_QUERYID,
	ACTIVITY_STATE_COUNT,
	NUM_ACTIVITY_STATE_FIELDS
};

extern const Field ActivityStateFields[];

#endif /* ACTIVITY_FIELDS_H */
