/*
 * status.h
 *		What the SQL-callable functions share.
 */
#ifndef STATUS_H
#define STATUS_H

#include "postgres.h"

/* JSON in UTF-8 as a jsonb of this database. */
extern Datum JsonbFromUtf8(const char *json, int len);

#endif /* STATUS_H */
