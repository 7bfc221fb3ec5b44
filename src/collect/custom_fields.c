/*
 * custom_fields.c
 *		What a metric of a custom collector holds.  Pure C.
 */
#include <stddef.h>

#include "base/collectors.h"

const Field CustomFields[] = {{"name", FIELD_TEXT, NULL, true, 0, 0, "as registered"},
							  {"rows", FIELD_ROWS, NULL, true, 0, 0, "the query's columns"},
							  {"truncated", FIELD_BOOL, NULL, true, 0, 0,
							   "there were more, beyond pganalytics.custom_row_limit or 64 MB"},
							  FIELDS_END};
