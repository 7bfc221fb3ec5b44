/*
 * sysstat.c
 *		The collector "sysstat": processor, memory, disks, network.
 *
 * A reader takes one file of /proc and fills some fields; the table below says
 * which.  All files are read before the metric is begun, so that it is not
 * begun when there is nothing to say.
 */
#include "postgres.h"

#include <errno.h>

#include "utils/timestamp.h"

#include "base/collectors.h"
#include "host/devices.h"
#include "host/fields.h"
#include "host/host.h"
#include "host/memory.h"
#include "host/proc.h"

/* Rows of one array; a host with more has containers, whose devices come and go. */
#define MAX_DEVICES 256

/* An object or array for each field that is one, a value for each that is not. */
typedef struct Reading
{
	Rows		rows[NUM_SYSSTAT_FIELDS];
	Value		values[NUM_SYSSTAT_FIELDS];
	SysstatState *state;
} Reading;

static Value *
Object(Reading *reading, int field)
{
	return RowsGet(&reading->rows[field], 0);
}

static void
ReadStat(Reading *reading, char *text, size_t length)
{
	CpuCounters now = CpuParse(text, length);
	Value	   *cpu = Object(reading, SYSSTAT_FIELD_CPU);

	CpuPercentages(&reading->state->cpu, &now, cpu);
	if (now.count > 0)
		ValueSetInt(&cpu[CPU_FIELD_COUNT], now.count);
	reading->state->cpu = now;
}

static void
ReadLoadavg(Reading *reading, char *text, size_t length)
{
	LoadParse(text, length, Object(reading, SYSSTAT_FIELD_CPU));
}

static void
ReadMeminfo(Reading *reading, char *text, size_t length)
{
	MemoryParse(text, length, Object(reading, SYSSTAT_FIELD_MEMORY));
}

static void
ReadDiskstats(Reading *reading, char *text, size_t length)
{
	DisksParse(text, length, &reading->rows[SYSSTAT_FIELD_DISK_IO]);
}

static void
ReadInterfaces(Reading *reading, char *text, size_t length)
{
	InterfacesParse(text, length, &reading->rows[SYSSTAT_FIELD_NETWORK]);
}

static void
ReadUptime(Reading *reading, char *text, size_t length)
{
	UptimeParse(text, length, &reading->values[SYSSTAT_FIELD_UPTIME]);
}

#define KB 1024

static const struct
{
	const char *file;
	size_t		size;			/* bytes of it that are looked at */
	bool		whole;			/* tell when there are more */
	void		(*read) (Reading *reading, char *text, size_t length);
}			Readers[] = {
	{"stat", 256 * KB, false, ReadStat},
	{"loadavg", 1 * KB, false, ReadLoadavg},
	{"meminfo", 16 * KB, false, ReadMeminfo},
	{"diskstats", 256 * KB, true, ReadDiskstats},
	{"net/dev", 256 * KB, true, ReadInterfaces},
	{"uptime", 1 * KB, false, ReadUptime},
};

static Reading *
CreateReading(SysstatState *state)
{
	Reading    *reading = palloc0(sizeof(Reading));

	reading->state = state;
	for (int i = 0; i < NUM_SYSSTAT_FIELDS; i++)
	{
		const Field *field = &SysstatFields[i];
		Rows	   *rows = &reading->rows[i];

		if (field->fields == NULL)
			continue;
		rows->width = FieldCount(field->fields);
		rows->capacity = field->type == FIELD_OBJECTS ? MAX_DEVICES : 1;
		rows->values = palloc(sizeof(Value) * rows->width * rows->capacity);
		if (field->type == FIELD_OBJECT)
			RowsAdd(rows);
	}
	return reading;
}

static void
ReportError(Batch *batch, char *message)
{
	BatchError(batch, "sysstat", NULL, NULL, message);
}

/* Runs every reader; a file that this kernel or container does not have is no error. */
static void
ReadFiles(Batch *batch, Reading *reading)
{
	for (int i = 0; i < lengthof(Readers); i++)
	{
		char	   *text = palloc(Readers[i].size);
		size_t		length;
		bool		cut;

		errno = ProcRead(Readers[i].file, text, Readers[i].size, &length, &cut);
		if (errno == 0)
			Readers[i].read(reading, text, length);
		else if (errno != ENOENT)
			ReportError(batch, psprintf("could not read \"%s/%s\": %m",
										 ProcRoot, Readers[i].file));
		if (cut && Readers[i].whole)
			ReportError(batch, psprintf("\"%s/%s\" is longer than %zu bytes: the rest is left out",
										ProcRoot, Readers[i].file, Readers[i].size));
	}
}

/* Takes objects out in which nothing is known, and tells of what did not fit. */
static int
CountRows(Batch *batch, Reading *reading)
{
	int			count = 0;

	for (int i = 0; i < NUM_SYSSTAT_FIELDS; i++)
	{
		const Field *field = &SysstatFields[i];
		Rows	   *rows = &reading->rows[i];

		if (field->type == FIELD_OBJECT && !RowIsKnown(RowsGet(rows, 0), rows->width))
			rows->count = 0;
		if (rows->left_out > 0)
			ReportError(batch, psprintf("%d rows of \"%s\" after the first %d are left out",
										rows->left_out, field->name, rows->capacity));
		count += rows->count;
	}
	return count;
}

static void
WriteRows(JsonWriter *writer, const Field *field, const Rows *rows)
{
	bool		array = field->type == FIELD_OBJECTS;

	if (rows->count == 0)
		return;
	if (array)
		JsonArrayBegin(writer, field->name);
	for (int i = 0; i < rows->count; i++)
	{
		JsonObjectBegin(writer, array ? NULL : field->name);
		JsonFields(writer, field->fields, RowsGet(rows, i));
		JsonObjectEnd(writer);
	}
	if (array)
		JsonArrayEnd(writer);
}

void
SysstatCollect(Batch *batch, SysstatState *state)
{
	TimestampTz read_at = GetCurrentTimestamp();
	Reading    *reading = CreateReading(state);
	JsonWriter *writer;
	int			rows;

	ReadFiles(batch, reading);
	rows = CountRows(batch, reading);
	if (rows == 0 && !RowIsKnown(reading->values, NUM_SYSSTAT_FIELDS))
	{
		ReportError(batch, psprintf("there is nothing to read in \"%s\"", ProcRoot));
		return;
	}

	writer = BatchMetricBegin(batch, "sysstat", NULL, read_at);
	for (int i = 0; i < NUM_SYSSTAT_FIELDS; i++)
	{
		if (SysstatFields[i].fields != NULL)
			WriteRows(writer, &SysstatFields[i], &reading->rows[i]);
	}
	JsonFields(writer, SysstatFields, reading->values);
	BatchMetricEnd(batch);
	BatchCountRows(batch, rows);
}
