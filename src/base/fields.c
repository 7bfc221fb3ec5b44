/*
 * fields.c
 *		Looking things up in the declaration of a metric, and rows of its values.
 */
#include "base/fields.h"

#include <string.h>

int
FieldCount(const Field *fields)
{
	int count = 0;

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

Value *
RowsAdd(Rows *rows)
{
	Value *row;

	if (rows->count >= rows->capacity)
	{
		rows->left_out++;
		return NULL;
	}
	row = RowsGet(rows, rows->count++);
	memset(row, 0, sizeof(Value) * rows->width);
	return row;
}

bool
RowIsKnown(const Value *row, int width)
{
	for (int i = 0; i < width; i++)
	{
		if (row[i].known)
			return true;
	}
	return false;
}
