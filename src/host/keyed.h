/*
 * keyed.h
 *		Files of a key and a whole number a line, as /proc/vmstat, and what else
 *		is read by a table of names.  Pure C.
 */
#ifndef HOST_KEYED_H
#define HOST_KEYED_H

#include <stddef.h>

#include "host/fields.h"

#define LENGTH(array) ((int) (sizeof(array) / sizeof((array)[0])))

typedef struct KeyedField
{
	const char *key; /* with its colon, where the file has one */
	int			field;
	int			divisor; /* 1: as it is */
} KeyedField;

/* Sets the fields whose key begins a line that goes on with a number. */
extern void KeyedParse(char *text, size_t length, const KeyedField *table, int count,
					   Value *values);

typedef struct NamedField
{
	const char *head; /* first word of the line */
	const char *name;
	int			field;
} NamedField;

/*
 * The same for pairs of lines "head: name name" and "head: number number", as
 * /proc/net/snmp.
 */
extern void HeadedParse(char *text, size_t length, const NamedField *table, int count,
						Value *values);

/* The same for lines "head: name number name number", as /proc/net/sockstat. */
extern void PairsParse(char *text, size_t length, const NamedField *table, int count,
					   Value *values);

/* The words of the first line that are whole numbers, up to "count"; others are left alone. */
extern void NumbersParse(char *text, size_t length, Value *values, int count);

#endif /* HOST_KEYED_H */
