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

/* One object or array for each field of the metric that is one, and a value for each that is not. */
typedef struct Reading
{
	Rows		rows[NUM_SYSSTAT_FIELDS];
	Value		values[NUM_SYSSTAT_FIELDS];
	SysstatState *state;
} Reading;

static Value *
object(Reading *reading, int field)
{
	return RowsGet(&reading->rows[field], 0);
}

static void
read_stat(Reading *reading, char *text, size_t length)
{
	CpuCounters now = CpuParse(text, length);
	Value	   *cpu = object(reading, SYSSTAT_FIELD_CPU);

	CpuPercentages(&reading->state->cpu, &now, cpu);
	if (now.count > 0)
		ValueSetInt(&cpu[CPU_FIELD_COUNT], now.count);
	reading->state->cpu = now;
}

static void
read_loadavg(Reading *reading, char *text, size_t length)
{
	LoadParse(text, length, object(reading, SYSSTAT_FIELD_CPU));
}

static void
read_meminfo(Reading *reading, char *text, size_t length)
{
	MemoryParse(text, length, object(reading, SYSSTAT_FIELD_MEMORY));
}

static void
read_diskstats(Reading *reading, char *text, size_t length)
{
	DisksParse(text, length, &reading->rows[SYSSTAT_FIELD_DISK_IO]);
}

static void
read_interfaces(Reading *reading, char *text, size_t length)
{
	InterfacesParse(text, length, &reading->rows[SYSSTAT_FIELD_NETWORK]);
}

static void
read_uptime(Reading *reading, char *text, size_t length)
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
	{"stat", 256 * KB, false, read_stat},
	{"loadavg", 1 * KB, false, read_loadavg},
	{"meminfo", 16 * KB, false, read_meminfo},
	{"diskstats", 256 * KB, true, read_diskstats},
	{"net/dev", 256 * KB, true, read_interfaces},
	{"uptime", 1 * KB, false, read_uptime},
};

static Reading *
create_reading(SysstatState *state)
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
report_error(Batch *batch, char *message)
{
	BatchError(batch, "sysstat", NULL, NULL, message);
}

/* Runs every reader; a file that this kernel or container does not have is no error. */
static void
read_files(Batch *batch, Reading *reading)
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
			report_error(batch, psprintf("could not read \"%s/%s\": %m",
										 ProcRoot, Readers[i].file));
		if (cut && Readers[i].whole)
			report_error(batch, psprintf("\"%s/%s\" is longer than %zu bytes: the rest is left out",
										 ProcRoot, Readers[i].file, Readers[i].size));
	}
}

/* Takes objects out in which nothing is known, and tells of what did not fit. */
static int
count_rows(Batch *batch, Reading *reading)
{
	int			count = 0;

	for (int i = 0; i < NUM_SYSSTAT_FIELDS; i++)
	{
		const Field *field = &SysstatFields[i];
		Rows	   *rows = &reading->rows[i];

		if (field->type == FIELD_OBJECT && !RowIsKnown(RowsGet(rows, 0), rows->width))
			rows->count = 0;
		if (rows->left_out > 0)
			report_error(batch, psprintf("%d rows of \"%s\" after the first %d are left out",
										 rows->left_out, field->name, rows->capacity));
		count += rows->count;
	}
	return count;
}

static void
write_rows(JsonWriter *writer, const Field *field, const Rows *rows)
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
	Reading    *reading = create_reading(state);
	JsonWriter *writer;
	int			rows;

	read_files(batch, reading);
	rows = count_rows(batch, reading);
	if (rows == 0 && !RowIsKnown(reading->values, NUM_SYSSTAT_FIELDS))
	{
		report_error(batch, psprintf("there is nothing to read in \"%s\"", ProcRoot));
		return;
	}

	writer = BatchMetricBegin(batch, "sysstat", NULL, read_at);
	for (int i = 0; i < NUM_SYSSTAT_FIELDS; i++)
	{
		if (SysstatFields[i].fields != NULL)
			write_rows(writer, &SysstatFields[i], &reading->rows[i]);
	}
	JsonFields(writer, SysstatFields, reading->values);
	BatchMetricEnd(batch);
	BatchCountRows(batch, rows);
}
