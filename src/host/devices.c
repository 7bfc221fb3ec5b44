/*
 * devices.c
 *		/proc/diskstats and /proc/net/dev: counters of one device a line.
 */
#include "host/devices.h"

#include <string.h>

#include "host/keyed.h"
#include "host/proc.h"

/* Which column of a line is which field. */
typedef struct Column
{
	int field;
	int column; /* from 0, after the device's name */
	int factor;
} Column;

#define SECTOR_SIZE 512 /* of diskstats, whatever the device has */

static const Column DiskColumns[] = {
	{DISK_FIELD_READS, 0, 1},
	{DISK_FIELD_READ_BYTES, 2, SECTOR_SIZE},
	{DISK_FIELD_READ_MS, 3, 1},
	{DISK_FIELD_WRITES, 4, 1},
	{DISK_FIELD_WRITE_BYTES, 6, SECTOR_SIZE},
	{DISK_FIELD_WRITE_MS, 7, 1},
	{DISK_FIELD_IN_FLIGHT, 8, 1},
	{DISK_FIELD_IO_MS, 9, 1},
	{DISK_FIELD_WEIGHTED_IO_MS, 10, 1},
	{DISK_FIELD_READS_MERGED, 1, 1},
	{DISK_FIELD_WRITES_MERGED, 5, 1},
	{DISK_FIELD_DISCARDS, 11, 1},
	{DISK_FIELD_DISCARD_BYTES, 13, SECTOR_SIZE},
	{DISK_FIELD_DISCARD_MS, 14, 1},
	{DISK_FIELD_FLUSHES, 15, 1},
	{DISK_FIELD_FLUSH_MS, 16, 1},
};

static const Column InterfaceColumns[] = {
	{NETWORK_FIELD_RX_BYTES, 0, 1},	  {NETWORK_FIELD_RX_PACKETS, 1, 1},
	{NETWORK_FIELD_RX_ERRORS, 2, 1},  {NETWORK_FIELD_RX_DROPPED, 3, 1},
	{NETWORK_FIELD_TX_BYTES, 8, 1},	  {NETWORK_FIELD_TX_PACKETS, 9, 1},
	{NETWORK_FIELD_TX_ERRORS, 10, 1}, {NETWORK_FIELD_TX_DROPPED, 11, 1},
};

/* Lines with fewer columns have another layout (kernels before 2.6.25) or are no counters. */
#define DISK_COLUMNS 11
#define INTERFACE_COLUMNS 12
#define MAX_COLUMNS 20

/* Devices that exist by the dozen without being used. */
static const char *const Placeholders[] = {"loop", "ram", "zram", "nbd", "sr", "fd"};

/* Returns how many columns there are; those that are no number are unknown. */
static int
ParseColumns(Span line, Value *columns)
{
	int		count = 0;
	Span	word;
	int64_t value;

	memset(columns, 0, sizeof(Value) * MAX_COLUMNS);
	for (; count < MAX_COLUMNS && SpanWord(&line, &word); count++)
	{
		if (SpanInt(word, &value))
			ValueSetInt(&columns[count], value);
	}
	return count;
}

static void
SetColumns(Value *row, const Column *table, int entries, const Value *columns)
{
	for (int i = 0; i < entries; i++)
	{
		const Value *column = &columns[table[i].column];
		int64_t		 value;

		if (column->known && !__builtin_mul_overflow(column->i, table[i].factor, &value))
			ValueSetInt(&row[table[i].field], value);
	}
}

static bool
IsUnusedPlaceholder(Span name, const Value *columns, int count)
{
	bool placeholder = false;

	for (int i = 0; i < LENGTH(Placeholders); i++)
		placeholder = placeholder || SpanBeginsWith(name, Placeholders[i]);
	if (!placeholder)
		return false;
	for (int i = 0; i < count; i++)
	{
		if (!columns[i].known || columns[i].i != 0)
			return false;
	}
	return true;
}

void
DisksParse(char *text, size_t length, Rows *disks)
{
	Span rest = SpanOf(text, length);
	Span line;

	while (SpanCut(&rest, '\n', &line))
	{
		Value  columns[MAX_COLUMNS];
		Span   number;
		Span   name;
		int	   count;
		Value *row;

		if (!SpanWord(&line, &number) || !SpanWord(&line, &number) || !SpanWord(&line, &name))
			continue;
		count = ParseColumns(line, columns);
		if (count < DISK_COLUMNS || IsUnusedPlaceholder(name, columns, count))
			continue;
		if ((row = RowsAdd(disks)) == NULL)
			continue;
		*name.end = '\0';
		ValueSetText(&row[DISK_FIELD_DEVICE], name.at);
		SetColumns(row, DiskColumns, LENGTH(DiskColumns), columns);
	}
}

void
InterfacesParse(char *text, size_t length, Rows *interfaces)
{
	Span rest = SpanOf(text, length);
	Span line;

	while (SpanCut(&rest, '\n', &line))
	{
		Value  columns[MAX_COLUMNS];
		Span   head;
		Span   name;
		Value *row;

		/* The two lines of headings have no colon; the first number may follow it without a blank. */
		if (!SpanCut(&line, ':', &head) || !SpanWord(&head, &name))
			continue;
		if (ParseColumns(line, columns) < INTERFACE_COLUMNS)
			continue;
		if ((row = RowsAdd(interfaces)) == NULL)
			continue;
		*name.end = '\0';
		ValueSetText(&row[NETWORK_FIELD_INTERFACE], name.at);
		SetColumns(row, InterfaceColumns, LENGTH(InterfaceColumns), columns);
	}
}
