/*
 * fields.c
 *		Looking things up in the declaration of a metric.
 */
#include "base/fields.h"

#include <string.h>

int
FieldCount(const Field *fields)
{
	int			count = 0;

	while (fields[count].name)
		count++;
	return count;
}

int
FieldIndex(const Field *fields, const char *name)
{
	for (int i = 0; fields[i].name; i++)
	{
		if (strcmp(fields[i].name, name) == 0)
			return i;
	}
	return -1;
}
