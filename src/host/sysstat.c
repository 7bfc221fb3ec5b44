/*
 * sysstat.c
 *		The collector "sysstat": processor, memory, disks, network, pressure,
 *		control group and the server's own processes.
 *
 * A reader takes one file of /proc and fills some fields; the table below says
 * which.  All files are read before the metric is begun, so that it is not
 * begun when there is nothing to say.  A file that this kernel or container
 * does not have is no error, and none costs the others.
 */
#include "postgres.h"

#include <errno.h>
#include <time.h>

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/collectors.h"
#include "host/backends.h"
#include "host/devices.h"
#include "host/fields.h"
#include "host/host.h"
#include "host/keyed.h"
#include "host/memory.h"
#include "host/pressure.h"
#include "host/proc.h"
#include "host/sockets.h"

/* Rows of one array; a host with more has containers, whose devices come and go. */
#define MAX_DEVICES 256

#define MAX_PROCESSES 8192

#define MAX_MOUNTS 4096
#define MAX_MOUNTINFO (1024 * 1024)

/* What hardly changes is found out again after this. */
#define SLOW_INTERVAL_MS (10 * 60 * 1000)

/* The server's processes are read no more often than so that it takes 0.1 % of the time. */
#define PROCESSES_PAUSE 1000

typedef struct Reading
{
	Batch		 *batch;
	SysstatState *state;
	TimestampTz	  read_at;
	Value		  values[NUM_SYSSTAT_FIELDS]; /* an object is an array of one row */
} Reading;

static void
ReportError(Reading *reading, char *message)
{
	BatchError(reading->batch, "sysstat", NULL, NULL, message);
}

/* ---- objects and arrays ---- */

/* Makes room for everything in the table that is no plain value. */
static void
CreateRows(const Field *fields, Value *values)
{
	for (int i = 0; fields[i].name; i++)
	{
		Rows *rows;

		if (fields[i].fields == NULL)
			continue;
		rows = palloc0(sizeof(Rows));
		rows->width = FieldCount(fields[i].fields);
		rows->capacity = fields[i].type == FIELD_OBJECTS ? MAX_DEVICES : 1;
		rows->values = palloc(sizeof(Value) * rows->width * rows->capacity);
		ValueSetRows(&values[i], rows);
		if (fields[i].type == FIELD_OBJECT)
			CreateRows(fields[i].fields, RowsAdd(rows));
	}
}

static Value *
Object(Reading *reading, int field)
{
	return RowsGet(reading->values[field].rows, 0);
}

static Rows *
Array(Reading *reading, int field)
{
	return reading->values[field].rows;
}

/* Takes out what is empty, tells of what did not fit, and returns the number of objects. */
static int
CountRows(Reading *reading, const Field *fields, Value *values)
{
	int count = 0;

	for (int i = 0; fields[i].name; i++)
	{
		Rows *rows = values[i].rows;

		if (fields[i].fields == NULL)
			continue;
		if (fields[i].type == FIELD_OBJECT)
		{
			count += CountRows(reading, fields[i].fields, RowsGet(rows, 0));
			if (!RowIsKnown(RowsGet(rows, 0), rows->width))
				rows->count = 0;
		}
		if (rows->left_out > 0)
			ReportError(reading,
						psprintf("%d rows of \"%s\" after the first %d are left out",
								 rows->left_out, fields[i].name, rows->capacity));
		values[i].known = rows->count > 0;
		count += rows->count;
	}
	return count;
}

/* ---- files with a reader of their own ---- */

static void
ReadStat(Reading *reading, char *text, size_t length)
{
	static const KeyedField counters[] = {
		{"ctxt", VM_FIELD_CTXT, 1},
		{"processes", VM_FIELD_PROCESSES, 1},
		{"procs_running", VM_FIELD_PROCS_RUNNING, 1},
		{"procs_blocked", VM_FIELD_PROCS_BLOCKED, 1},
	};
	static const KeyedField boot_time = {"btime", 0, 1};
	CpuCounters				now = CpuParse(text, length);
	Value				   *cpu = Object(reading, SYSSTAT_FIELD_CPU);
	Value					booted = {0};
	int64					unix_us;

	CpuPercentages(&reading->state->cpu, &now, cpu);
	if (now.count > 0)
		ValueSetInt(&cpu[CPU_FIELD_COUNT], now.count);
	reading->state->cpu = now;

	KeyedParse(text, length, counters, lengthof(counters), Object(reading, SYSSTAT_FIELD_VM));
	KeyedParse(text, length, &boot_time, 1, &booted);
	if (booted.known && !__builtin_mul_overflow(booted.i, USECS_PER_SEC, &unix_us))
		ValueSetInt(&Object(reading, SYSSTAT_FIELD_SYSTEM)[SYSTEM_FIELD_BOOT_TIME], unix_us);
}

static void
ReadLoadavg(Reading *reading, char *text, size_t length)
{
	LoadParse(text, length, Object(reading, SYSSTAT_FIELD_CPU));
	ThreadsParse(text, length, &Object(reading, SYSSTAT_FIELD_KERNEL)[KERNEL_FIELD_THREADS]);
}

static void
ReadMeminfo(Reading *reading, char *text, size_t length)
{
	MemoryParse(text, length, Object(reading, SYSSTAT_FIELD_MEMORY));
}

static void
ReadVmstat(Reading *reading, char *text, size_t length)
{
	static const KeyedField counters[] = {
		{"pgfault", VM_FIELD_PGFAULT, 1},
		{"pgmajfault", VM_FIELD_PGMAJFAULT, 1},
		{"pswpin", VM_FIELD_PSWPIN, 1},
		{"pswpout", VM_FIELD_PSWPOUT, 1},
		{"pgpgin", VM_FIELD_PGPGIN, 1},
		{"pgpgout", VM_FIELD_PGPGOUT, 1},
		{"pgscan_kswapd", VM_FIELD_PGSCAN_KSWAPD, 1},
		{"pgscan_direct", VM_FIELD_PGSCAN_DIRECT, 1},
		{"oom_kill", VM_FIELD_OOM_KILL, 1},
	};

	KeyedParse(text, length, counters, lengthof(counters), Object(reading, SYSSTAT_FIELD_VM));
}

static void
ReadDiskstats(Reading *reading, char *text, size_t length)
{
	DisksParse(text, length, Array(reading, SYSSTAT_FIELD_DISK_IO));
}

static void
ReadInterfaces(Reading *reading, char *text, size_t length)
{
	InterfacesParse(text, length, Array(reading, SYSSTAT_FIELD_NETWORK));
}

static void
ReadSnmp(Reading *reading, char *text, size_t length)
{
	SnmpParse(text, length, Object(reading, SYSSTAT_FIELD_TCP), Object(reading, SYSSTAT_FIELD_UDP));
}

static void
ReadSockstat(Reading *reading, char *text, size_t length)
{
	SockstatParse(text, length, Object(reading, SYSSTAT_FIELD_TCP),
				  &Object(reading, SYSSTAT_FIELD_KERNEL)[KERNEL_FIELD_SOCKETS]);
}

static void
ReadPressure(Reading *reading, int resource, char *text, size_t length)
{
	Value *pressure = Object(reading, SYSSTAT_FIELD_PRESSURE);

	PressureParse(text, length, RowsGet(pressure[resource].rows, 0));
}

static void
ReadCpuPressure(Reading *reading, char *text, size_t length)
{
	ReadPressure(reading, PRESSURE_FIELD_CPU, text, length);
}

static void
ReadIoPressure(Reading *reading, char *text, size_t length)
{
	ReadPressure(reading, PRESSURE_FIELD_IO, text, length);
}

static void
ReadMemoryPressure(Reading *reading, char *text, size_t length)
{
	ReadPressure(reading, PRESSURE_FIELD_MEMORY, text, length);
}

static void
ReadUptime(Reading *reading, char *text, size_t length)
{
	UptimeParse(text, length, &reading->values[SYSSTAT_FIELD_UPTIME]);
}

static void
ReadFileNumbers(Reading *reading, char *text, size_t length)
{
	Value *kernel = Object(reading, SYSSTAT_FIELD_KERNEL);
	Value  numbers[3] = {0}; /* allocated, free (always 0), maximum */

	NumbersParse(text, length, numbers, lengthof(numbers));
	kernel[KERNEL_FIELD_FILES] = numbers[0];
	kernel[KERNEL_FIELD_FILES_MAX] = numbers[2];
}

#define KB 1024

static const struct
{
	const char *file;
	size_t		size;  /* bytes of it that are looked at */
	bool		whole; /* tell when there are more */
	void (*read)(Reading *reading, char *text, size_t length);
} Readers[] = {
	{"stat", 256 * KB, false, ReadStat},
	{"loadavg", 1 * KB, false, ReadLoadavg},
	{"meminfo", 16 * KB, false, ReadMeminfo},
	{"vmstat", 32 * KB, false, ReadVmstat},
	{"diskstats", 256 * KB, true, ReadDiskstats},
	{"net/dev", 256 * KB, true, ReadInterfaces},
	{"net/snmp", 16 * KB, false, ReadSnmp},
	{"net/netstat", 16 * KB, false, ReadSnmp},
	{"net/sockstat", 4 * KB, false, ReadSockstat},
	{"pressure/cpu", 1 * KB, false, ReadCpuPressure},
	{"pressure/io", 1 * KB, false, ReadIoPressure},
	{"pressure/memory", 1 * KB, false, ReadMemoryPressure},
	{"sys/fs/file-nr", 1 * KB, false, ReadFileNumbers},
	{"uptime", 1 * KB, false, ReadUptime},
};

/* Files that hold one number, which goes into "kernel". */
static const struct
{
	const char *file;
	int			field;
} Numbers[] = {
	{"sys/kernel/threads-max", KERNEL_FIELD_THREADS_MAX},
	{"sys/kernel/pid_max", KERNEL_FIELD_PID_MAX},
	{"sys/kernel/random/entropy_avail", KERNEL_FIELD_ENTROPY},
	{"sys/net/netfilter/nf_conntrack_count", KERNEL_FIELD_CONNTRACK},
	{"sys/net/netfilter/nf_conntrack_max", KERNEL_FIELD_CONNTRACK_MAX},
};

/* Pressure can be compiled in and switched off. */
static bool
IsAbsence(int error)
{
	return error == ENOENT || error == EOPNOTSUPP;
}

static void
ReadFiles(Reading *reading)
{
	for (int i = 0; i < lengthof(Readers); i++)
	{
		char  *text = palloc(Readers[i].size);
		size_t length;
		bool   cut;

		errno = ProcRead(Readers[i].file, text, Readers[i].size, &length, &cut);
		if (errno == 0)
			Readers[i].read(reading, text, length);
		else if (!IsAbsence(errno))
			ReportError(reading,
						psprintf("could not read \"%s/%s\": %m", ProcRoot, Readers[i].file));
		if (cut && Readers[i].whole)
			ReportError(reading,
						psprintf("\"%s/%s\" is longer than %zu bytes: the rest is left out",
								 ProcRoot, Readers[i].file, Readers[i].size));
	}
}

/* A container may hide some of these: that is no news. */
static void
ReadNumbers(Reading *reading)
{
	Value *kernel = Object(reading, SYSSTAT_FIELD_KERNEL);

	for (int i = 0; i < lengthof(Numbers); i++)
	{
		char   text[64];
		size_t length;
		bool   cut;

		if (ProcRead(Numbers[i].file, text, sizeof(text), &length, &cut) == 0)
			NumbersParse(text, length, &kernel[Numbers[i].field], 1);
	}
}

/* ---- control group ---- */

static void
FindCgroup(SysstatState *state, char *text, size_t length)
{
	char	  *mounts = palloc(MAX_MOUNTINFO);
	MountTable table = {.capacity = MAX_MOUNTS, .mounts = palloc(sizeof(Mount) * MAX_MOUNTS)};
	size_t	   mounts_length;
	bool	   cut;

	/* A copy says when to look again; one that is too long is looked at each time. */
	memset(state->cgroup_text, 0, sizeof(state->cgroup_text));
	if (length < sizeof(state->cgroup_text))
		memcpy(state->cgroup_text, text, length);
	if (ProcRead("self/mountinfo", mounts, MAX_MOUNTINFO, &mounts_length, &cut) == 0)
		MountsParse(mounts, mounts_length, &table);
	CgroupFind(text, length, &table, &state->cgroup);
	pfree(table.mounts);
	pfree(mounts);
}

/* The server can be moved to another group while it runs. */
static void
ReadCgroup(Reading *reading, bool find)
{
	SysstatState *state = reading->state;
	Value		 *values = Object(reading, SYSSTAT_FIELD_CGROUP);
	Value		 *pressure[NUM_PRESSURE_FIELDS];
	char		 *text = palloc(8 * KB);
	size_t		  length;
	bool		  cut;

	if (ProcRead("self/cgroup", text, 8 * KB, &length, &cut) != 0)
		return;
	if (find || length >= sizeof(state->cgroup_text) ||
		memcmp(text, state->cgroup_text, length) != 0 || state->cgroup_text[length] != '\0')
		FindCgroup(state, text, length);

	for (int i = 0; i < NUM_PRESSURE_FIELDS; i++)
		pressure[i] = RowsGet(values[CGROUP_FIELD_PRESSURE].rows, 0)[i].rows->values;
	CgroupRead(&state->cgroup, values, pressure);
}

/* ---- the server's own processes ---- */

static int64
CpuTimeUs(void)
{
	struct timespec spent;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
	return spent.tv_sec * USECS_PER_SEC + spent.tv_nsec / 1000;
}

/* A file that is cut is one line, of which nothing is left. */
static void
ReadChildren(Reading *reading, char *text, size_t length, bool cut)
{
	SysstatState *state = reading->state;
	Value		 *postgres = Object(reading, SYSSTAT_FIELD_POSTGRES);
	int			  capacity = Min(length / 2, MAX_PROCESSES) + 1;
	Process		 *processes = palloc0(sizeof(Process) * (capacity + 1));
	int			  count = ChildrenParse(text, length, processes + 1, capacity);

	if (cut || count > capacity)
	{
		ReportError(
			reading,
			psprintf("the server has more than %d processes: they are not read", MAX_PROCESSES));
		return;
	}
	processes[0].pid = PostmasterPid;
	ProcessesRead(processes, count + 1, state->huge_pages, &state->processes, postgres,
				  postgres[POSTGRES_FIELD_TOP].rows);
	BackendsName(postgres[POSTGRES_FIELD_TOP].rows);
}

/* With thousands of processes it is not done at each reading: absent is better than costly. */
static void
ReadProcesses(Reading *reading)
{
	SysstatState *state = reading->state;
	int64		  began = CpuTimeUs();
	char		  children[PROC_NAME_SIZE];
	char		 *text;
	size_t		  length;
	bool		  cut;

	if (PostmasterPid == 0 || reading->read_at < state->processes_due)
		return;
	text = palloc(128 * KB);
	snprintf(children, sizeof(children), "%d/task/%d/children", PostmasterPid, PostmasterPid);
	if (ProcRead(children, text, 128 * KB, &length, &cut) == 0)
		ReadChildren(reading, text, length, cut);
	state->processes_due = reading->read_at + (CpuTimeUs() - began) * PROCESSES_PAUSE;
}

/* ---- all of it ---- */

static void
ReadSystem(Reading *reading, bool find)
{
	SysstatState *state = reading->state;
	Value		 *values = Object(reading, SYSSTAT_FIELD_SYSTEM);

	if (find)
		SystemRead(&state->system);
	for (int i = 0; i < NUM_SYSTEM_FIELDS; i++)
	{
		if (state->system.values[i].known)
			values[i] = state->system.values[i];
	}
}

/* The clock may be set back. */
static bool
SlowIsDue(SysstatState *state, TimestampTz now)
{
	if (now < state->slow_due &&
		!TimestampDifferenceExceeds(now, state->slow_due, SLOW_INTERVAL_MS))
		return false;
	state->slow_due = TimestampTzPlusMilliseconds(now, SLOW_INTERVAL_MS);
	return true;
}

void
SysstatCollect(Batch *batch, SysstatState *state)
{
	Reading	   *reading = palloc0(sizeof(Reading));
	JsonWriter *writer;
	bool		slow;
	int			rows;

	reading->batch = batch;
	reading->state = state;
	reading->read_at = GetCurrentTimestamp();
	slow = SlowIsDue(state, reading->read_at);
	if (slow)
		state->huge_pages = SharedMemoryIsInHugePages();

	CreateRows(SysstatFields, reading->values);
	ReadFiles(reading);
	ReadNumbers(reading);
	ReadCgroup(reading, slow);
	ReadProcesses(reading);
	ReadSystem(reading, slow);
	rows = CountRows(reading, SysstatFields, reading->values);
	if (!RowIsKnown(reading->values, NUM_SYSSTAT_FIELDS))
	{
		ReportError(reading, psprintf("there is nothing to read in \"%s\"", ProcRoot));
		return;
	}

	writer = BatchMetricBegin(batch, "sysstat", NULL, reading->read_at);
	JsonFields(writer, SysstatFields, reading->values);
	BatchMetricEnd(batch);
	BatchCountRows(batch, rows);
}
