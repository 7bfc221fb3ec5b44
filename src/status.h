/*
 * status.h
 *		What the SQL-callable functions share.
 */
#ifndef STATUS_H
#define STATUS_H

#include "postgres.h"

/* JSON in UTF-8 as a jsonb of this database; what its encoding has not becomes "?". */
extern Datum JsonbFromUtf8(char *json);

#endif /* STATUS_H */
