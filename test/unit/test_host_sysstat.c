/*
 * test_host_sysstat.c
 *		Processor, memory, disks and network from texts of /proc.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "host/cpu.h"
#include "host/devices.h"
#include "host/filesystem.h"
#include "host/keyed.h"
#include "host/memory.h"
#include "host/pressure.h"
#include "host/sockets.h"
#include "host/system.h"

/*
 * The parsers take texts that have an end but no NUL; a copy of exactly that
 * size makes the sanitizers see every byte read behind it.
 */
static char *
exactly(const char *text, size_t *length)
{
	char *copy;

	*length = strlen(text);
	copy = malloc(*length > 0 ? *length : 1);
	assert_non_null(copy);
	memcpy(copy, text, *length);
	return copy;
}

static void
assert_int(const Value *value, int64_t expected)
{
	assert_true(value->known);
	assert_true(value->i == expected);
}

static void
assert_float(const Value *value, double expected)
{
	assert_true(value->known);
	assert_true(value->d > expected - 0.0001 && value->d < expected + 0.0001);
}

/* ---- the declarations ---- */

static void
check_fields(const Field *fields)
{
	for (int i = 0; i < FieldCount(fields); i++)
	{
		assert_non_null(fields[i].name);
		assert_non_null(fields[i].source);
		assert_int_equal(FieldIndex(fields, fields[i].name), i);
		assert_int_equal(fields[i].fields != NULL,
						 fields[i].type == FIELD_OBJECT || fields[i].type == FIELD_OBJECTS);
		if (fields[i].fields != NULL)
			check_fields(fields[i].fields);
	}
}

static void
every_index_is_a_field_with_a_source(void **state)
{
	assert_int_equal(FieldCount(SysstatFields), NUM_SYSSTAT_FIELDS);
	assert_int_equal(FieldCount(DiskUsageFields), NUM_DISK_USAGE_FIELDS);
	assert_int_equal(FieldCount(SysstatFields[SYSSTAT_FIELD_CPU].fields), NUM_CPU_FIELDS);
	check_fields(SysstatFields);
	check_fields(DiskUsageFields);
}

static void
rows_that_do_not_fit_are_counted(void **state)
{
	Value values[2 * NUM_NETWORK_FIELDS];
	Rows  rows = {values, NUM_NETWORK_FIELDS, 2};

	memset(values, 0xff, sizeof(values));
	assert_ptr_equal(RowsAdd(&rows), values);
	assert_ptr_equal(RowsAdd(&rows), values + NUM_NETWORK_FIELDS);
	assert_false(RowIsKnown(RowsGet(&rows, 1), rows.width));
	assert_null(RowsAdd(&rows));
	assert_null(RowsAdd(&rows));
	assert_int_equal(rows.count, 2);
	assert_int_equal(rows.left_out, 2);
}

/* ---- processor ---- */

static CpuCounters
parse_cpu(const char *text)
{
	size_t		length;
	char	   *copy = exactly(text, &length);
	CpuCounters counters = CpuParse(copy, length);

	free(copy);
	return counters;
}

/* Kernel 6.1, two CPUs. */
static const char Stat[] = "cpu  13048 7 3966 179780 870 11 196 275 5 6\n"
						   "cpu0 6734 0 1914 89589 625 0 50 131 0 0\n"
						   "cpu1 6314 0 2051 90190 245 0 145 143 0 0\n"
						   "intr 581517 0 0 0\n"
						   "ctxt 992916\n";

static void
counters_are_those_of_the_first_line(void **state)
{
	CpuCounters counters = parse_cpu(Stat);

	assert_int_equal(counters.known, NUM_TICKS);
	assert_int_equal(counters.count, 2);
	assert_int_equal(counters.ticks[TICKS_USER], 13048);
	assert_int_equal(counters.ticks[TICKS_NICE], 7);
	assert_int_equal(counters.ticks[TICKS_SYSTEM], 3966);
	assert_int_equal(counters.ticks[TICKS_IDLE], 179780);
	assert_int_equal(counters.ticks[TICKS_IOWAIT], 870);
	assert_int_equal(counters.ticks[TICKS_IRQ], 11);
	assert_int_equal(counters.ticks[TICKS_SOFTIRQ], 196);
	assert_int_equal(counters.ticks[TICKS_STEAL], 275);
}

static void
old_kernels_have_fewer_counters(void **state)
{
	Value		cpu[NUM_CPU_FIELDS] = {0};
	CpuCounters before = parse_cpu("cpu 100 0 100 100\ncpu0 100 0 100 100\npage 1 2\n");
	CpuCounters now = parse_cpu("cpu 125 0 125 150\ncpu0 125 0 125 150\npage 1 2\n");

	assert_int_equal(before.known, 4);
	CpuPercentages(&before, &now, cpu);
	assert_float(&cpu[CPU_FIELD_USER], 25);
	assert_float(&cpu[CPU_FIELD_IDLE], 50);
	assert_false(cpu[CPU_FIELD_IOWAIT].known);
	assert_false(cpu[CPU_FIELD_IRQ].known);
	assert_false(cpu[CPU_FIELD_STEAL].known);
}

static void
no_counters_in_garbage(void **state)
{
	assert_int_equal(parse_cpu("").known, 0);
	assert_int_equal(parse_cpu("cpu").known, 0);
	assert_int_equal(parse_cpu("cpu  1 2\nintr 1\n").known, 0);
	assert_int_equal(parse_cpu("cpu  one 2 3 4 5\nintr 1\n").known, 0);
	assert_int_equal(parse_cpu("cpu  1 2 -3 4 5\nintr 1\n").known, 0);
	assert_int_equal(parse_cpu("cpu  99999999999999999999 2 3 4 5\nintr 1\n").known, 0);
	assert_int_equal(parse_cpu("intr 1 2 3\nctxt 5\n").known, 0);
}

static void
cpus_of_a_file_cut_short_are_not_counted(void **state)
{
	assert_int_equal(parse_cpu("cpu  1 2 3 4 5 6 7 8\ncpu0 1 2 3 4 5 6 7 8\n").count, 0);
	assert_int_equal(parse_cpu("cpu  1 2 3 4 5 6 7 8\ncpu0 1 2 3 4 5 6 7 8\n").known, NUM_TICKS);
}

static void
percentages_are_shares_of_the_time_between(void **state)
{
	Value		cpu[NUM_CPU_FIELDS] = {0};
	CpuCounters before = {NUM_TICKS, 4, {1000, 100, 500, 9000, 50, 10, 20, 30}};
	CpuCounters now = {NUM_TICKS, 4, {1400, 110, 700, 9300, 70, 20, 40, 70}};

	CpuPercentages(&before, &now, cpu);
	assert_float(&cpu[CPU_FIELD_USER], 40);
	assert_float(&cpu[CPU_FIELD_NICE], 1);
	assert_float(&cpu[CPU_FIELD_SYSTEM], 20);
	assert_float(&cpu[CPU_FIELD_IDLE], 30);
	assert_float(&cpu[CPU_FIELD_IOWAIT], 2);
	assert_float(&cpu[CPU_FIELD_IRQ], 3);
	assert_float(&cpu[CPU_FIELD_STEAL], 4);
	assert_false(cpu[CPU_FIELD_LOAD_1M].known);
	assert_false(cpu[CPU_FIELD_COUNT].known);
}

static void
percentages_have_two_decimals(void **state)
{
	Value		cpu[NUM_CPU_FIELDS] = {0};
	CpuCounters before = {NUM_TICKS, 1, {0}};
	CpuCounters now = {NUM_TICKS, 1, {1, 0, 2}};

	CpuPercentages(&before, &now, cpu);
	assert_true(cpu[CPU_FIELD_USER].d == 33.33);
	assert_true(cpu[CPU_FIELD_SYSTEM].d == 66.67);
	assert_true(cpu[CPU_FIELD_IDLE].d == 0);
}

static void
the_first_reading_has_no_percentages(void **state)
{
	Value		cpu[NUM_CPU_FIELDS] = {0};
	CpuCounters before = {0};
	CpuCounters now = parse_cpu(Stat);

	CpuPercentages(&before, &now, cpu);
	assert_false(RowIsKnown(cpu, NUM_CPU_FIELDS));
	CpuPercentages(&now, &before, cpu);
	assert_false(RowIsKnown(cpu, NUM_CPU_FIELDS));
	/* nothing has happened in between */
	CpuPercentages(&now, &now, cpu);
	assert_false(RowIsKnown(cpu, NUM_CPU_FIELDS));
}

static void
iowait_that_decreases_is_absent_alone(void **state)
{
	Value		cpu[NUM_CPU_FIELDS] = {0};
	CpuCounters before = {NUM_TICKS, 4, {1000, 0, 500, 9000, 50}};
	CpuCounters now = {NUM_TICKS, 4, {1050, 0, 500, 9050, 49}};

	CpuPercentages(&before, &now, cpu);
	assert_false(cpu[CPU_FIELD_IOWAIT].known);
	assert_float(&cpu[CPU_FIELD_USER], 50);
	assert_float(&cpu[CPU_FIELD_IDLE], 50);
}

static void
counters_that_began_anew_give_no_percentages(void **state)
{
	Value		cpu[NUM_CPU_FIELDS] = {0};
	CpuCounters before = {NUM_TICKS, 4, {1000, 0, 500, 9000, 50}};
	CpuCounters now = {NUM_TICKS, 4, {10, 0, 700, 9300, 70}};

	CpuPercentages(&before, &now, cpu);
	assert_false(RowIsKnown(cpu, NUM_CPU_FIELDS));
}

static void
a_cpu_that_went_or_came_gives_no_percentages(void **state)
{
	Value		cpu[NUM_CPU_FIELDS] = {0};
	CpuCounters before = {NUM_TICKS, 4, {1000, 0, 500, 9000}};
	CpuCounters now = {NUM_TICKS, 3, {1100, 0, 600, 9100}};

	CpuPercentages(&before, &now, cpu);
	assert_false(RowIsKnown(cpu, NUM_CPU_FIELDS));
}

static void
huge_counters_do_not_overflow(void **state)
{
	Value		cpu[NUM_CPU_FIELDS] = {0};
	CpuCounters before = {NUM_TICKS, 1, {0}};
	CpuCounters now = {NUM_TICKS, 1, {INT64_MAX, 0, INT64_MAX, INT64_MAX}};

	CpuPercentages(&before, &now, cpu);
	assert_false(RowIsKnown(cpu, NUM_CPU_FIELDS));

	now = (CpuCounters){NUM_TICKS, 1, {INT64_MAX - 1, 0, 1}};
	CpuPercentages(&before, &now, cpu);
	assert_float(&cpu[CPU_FIELD_USER], 100);
}

static void
parse_load(const char *text, Value *cpu)
{
	size_t length;
	char  *copy = exactly(text, &length);

	memset(cpu, 0, sizeof(Value) * NUM_CPU_FIELDS);
	LoadParse(copy, length, cpu);
	free(copy);
}

static void
load_is_three_numbers(void **state)
{
	Value cpu[NUM_CPU_FIELDS];

	parse_load("0.20 17.18 128.12 1/80 11206\n", cpu);
	assert_float(&cpu[CPU_FIELD_LOAD_1M], 0.2);
	assert_float(&cpu[CPU_FIELD_LOAD_5M], 17.18);
	assert_float(&cpu[CPU_FIELD_LOAD_15M], 128.12);

	parse_load("0.20 x", cpu);
	assert_true(cpu[CPU_FIELD_LOAD_1M].known);
	assert_false(cpu[CPU_FIELD_LOAD_5M].known);
	assert_false(cpu[CPU_FIELD_LOAD_15M].known);

	parse_load("", cpu);
	assert_false(RowIsKnown(cpu, NUM_CPU_FIELDS));
}

static Value
parse_uptime(const char *text)
{
	size_t length;
	char  *copy = exactly(text, &length);
	Value  uptime = {0};

	UptimeParse(copy, length, &uptime);
	free(copy);
	return uptime;
}

static void
uptime_is_whole_seconds(void **state)
{
	Value uptime = parse_uptime("991.42 1797.80\n");

	assert_int(&uptime, 991);
	assert_false(parse_uptime("").known);
	assert_false(parse_uptime("-5.0 1\n").known);
	assert_false(parse_uptime("9223372036854775807.99 1\n").known);
}

/* ---- memory ---- */

static void
parse_memory(const char *text, Value *memory)
{
	size_t length;
	char  *copy = exactly(text, &length);

	memset(memory, 0, sizeof(Value) * NUM_MEMORY_FIELDS);
	MemoryParse(copy, length, memory);
	free(copy);
}

static void
memory_is_as_free_shows_it(void **state)
{
	Value memory[NUM_MEMORY_FIELDS];

	parse_memory("MemTotal:       24684084 kB\n"
				 "MemFree:         1048576 kB\n"
				 "MemAvailable:    4203604 kB\n"
				 "Buffers:            2048 kB\n"
				 "Cached:          3072000 kB\n"
				 "SwapCached:        99999 kB\n"
				 "SwapTotal:       2097152 kB\n"
				 "SwapFree:        1048576 kB\n"
				 "Dirty:             10300 kB\n"
				 "Shmem:              8872 kB\n"
				 "SReclaimable:     102400 kB\n"
				 "HugePages_Total:     512\n"
				 "HugePages_Free:       12\n"
				 "Hugepagesize:       2048 kB\n"
				 "Committed_AS:      20480 kB\n"
				 "CommitLimit:       40960 kB\n"
				 "Active(anon):      99999 kB\n"
				 "Active:             5120 kB\n",
				 memory);
	assert_int(&memory[MEMORY_FIELD_HUGE_PAGE_SIZE], 2048);
	assert_int(&memory[MEMORY_FIELD_COMMITTED], 20);
	assert_int(&memory[MEMORY_FIELD_COMMIT_LIMIT], 40);
	assert_int(&memory[MEMORY_FIELD_ACTIVE], 5);
	assert_false(memory[MEMORY_FIELD_INACTIVE].known);
	assert_int(&memory[MEMORY_FIELD_TOTAL], 24105);
	assert_int(&memory[MEMORY_FIELD_USED], 20000);
	assert_int(&memory[MEMORY_FIELD_CACHED], 3100);
	assert_int(&memory[MEMORY_FIELD_FREE], 1024);
	assert_int(&memory[MEMORY_FIELD_AVAILABLE], 4105);
	assert_int(&memory[MEMORY_FIELD_BUFFERS], 2);
	assert_int(&memory[MEMORY_FIELD_DIRTY], 10);
	assert_int(&memory[MEMORY_FIELD_SHARED], 8);
	assert_int(&memory[MEMORY_FIELD_SWAP_TOTAL], 2048);
	assert_int(&memory[MEMORY_FIELD_SWAP_USED], 1024);
	assert_int(&memory[MEMORY_FIELD_HUGE_PAGES_TOTAL], 512);
	assert_int(&memory[MEMORY_FIELD_HUGE_PAGES_FREE], 12);
}

static void
a_missing_line_makes_what_needs_it_absent(void **state)
{
	Value memory[NUM_MEMORY_FIELDS];

	/* Kernel 2.6.32 has no MemAvailable; this one has no swap either. */
	parse_memory("MemTotal: 1048576 kB\nMemFree: 524288 kB\nCached: 2048 kB\n", memory);
	assert_int(&memory[MEMORY_FIELD_TOTAL], 1024);
	assert_int(&memory[MEMORY_FIELD_FREE], 512);
	assert_false(memory[MEMORY_FIELD_USED].known);
	assert_false(memory[MEMORY_FIELD_AVAILABLE].known);
	assert_false(memory[MEMORY_FIELD_CACHED].known);
	assert_false(memory[MEMORY_FIELD_SWAP_TOTAL].known);
	assert_false(memory[MEMORY_FIELD_SWAP_USED].known);
}

static void
memory_that_makes_no_sense_is_absent(void **state)
{
	Value memory[NUM_MEMORY_FIELDS];

	/* More available than there is, as in some containers; negative; too large. */
	parse_memory("MemTotal: 1024 kB\nMemAvailable: 999999 kB\nMemFree: -4 kB\n"
				 "Dirty: 99999999999999999999 kB\n"
				 "Cached: 9223372036854775807 kB\nSReclaimable: 9223372036854775807 kB\n"
				 "Shmem:\nBuffers: kB\n\n:\nMemTotalX: 5 kB\n",
				 memory);
	assert_int(&memory[MEMORY_FIELD_TOTAL], 1);
	assert_false(memory[MEMORY_FIELD_USED].known);
	assert_false(memory[MEMORY_FIELD_FREE].known);
	assert_false(memory[MEMORY_FIELD_DIRTY].known);
	assert_false(memory[MEMORY_FIELD_CACHED].known);
	assert_false(memory[MEMORY_FIELD_SHARED].known);
	assert_false(memory[MEMORY_FIELD_BUFFERS].known);
}

/* ---- disks and network ---- */

#define CAPACITY 4

typedef struct Table
{
	Value values[CAPACITY * NUM_DISK_FIELDS];
	Rows  rows;
	char *text;
} Table;

static void
parse_table(Table *table, const char *text, int width, void (*parse)(char *, size_t, Rows *))
{
	size_t length;

	memset(table, 0, sizeof(*table));
	table->rows = (Rows){table->values, width, CAPACITY};
	table->text = exactly(text, &length);
	parse(table->text, length, &table->rows);
}

static void
disks_report_every_counter(void **state)
{
	Table  table;
	Value *row;

	/* kernel 6.18, with the columns of discards and flushes */
	parse_table(
		&table,
		"   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
		" 259       0 nvme0n1 66658 14064 2532034 10003 131268 29346 6376208 27138 3 12832 38709 13481 85 879064 819 29025 747\n"
		" 253       0 zram0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
		NUM_DISK_FIELDS, DisksParse);
	assert_int_equal(table.rows.count, 1);
	row = RowsGet(&table.rows, 0);
	assert_string_equal(row[DISK_FIELD_DEVICE].s, "nvme0n1");
	assert_int(&row[DISK_FIELD_READS], 66658);
	assert_int(&row[DISK_FIELD_READ_BYTES], INT64_C(2532034) * 512);
	assert_int(&row[DISK_FIELD_READ_MS], 10003);
	assert_int(&row[DISK_FIELD_WRITES], 131268);
	assert_int(&row[DISK_FIELD_WRITE_BYTES], INT64_C(6376208) * 512);
	assert_int(&row[DISK_FIELD_WRITE_MS], 27138);
	assert_int(&row[DISK_FIELD_IN_FLIGHT], 3);
	assert_int(&row[DISK_FIELD_IO_MS], 12832);
	assert_int(&row[DISK_FIELD_WEIGHTED_IO_MS], 38709);
	assert_int(&row[DISK_FIELD_READS_MERGED], 14064);
	assert_int(&row[DISK_FIELD_WRITES_MERGED], 29346);
	assert_int(&row[DISK_FIELD_DISCARDS], 13481);
	assert_int(&row[DISK_FIELD_DISCARD_BYTES], 879064 * 512);
	assert_int(&row[DISK_FIELD_DISCARD_MS], 819);
	assert_int(&row[DISK_FIELD_FLUSHES], 29025);
	assert_int(&row[DISK_FIELD_FLUSH_MS], 747);
	free(table.text);
}

static void
disks_without_activity_are_kept_but_placeholders_are_not(void **state)
{
	Table table;

	/* kernel 3.10: eleven columns */
	parse_table(&table,
				"   8       0 sda 0 0 0 0 0 0 0 0 0 0 0\n"
				"   8       1 sda1 1 0 8 0 0 0 0 0 0 0 0\n"
				"  11       0 sr0 0 0 0 0 0 0 0 0 0 0 0\n"
				"   1       0 ram0 0 0 0 0 0 0 0 0 0 0 0\n"
				"   7       3 loop3 9 0 8 0 0 0 0 0 0 0 0\n",
				NUM_DISK_FIELDS, DisksParse);
	assert_int_equal(table.rows.count, 3);
	assert_string_equal(RowsGet(&table.rows, 0)[DISK_FIELD_DEVICE].s, "sda");
	assert_string_equal(RowsGet(&table.rows, 1)[DISK_FIELD_DEVICE].s, "sda1");
	assert_string_equal(RowsGet(&table.rows, 2)[DISK_FIELD_DEVICE].s, "loop3");
	assert_false(RowsGet(&table.rows, 0)[DISK_FIELD_DISCARDS].known);
	assert_false(RowsGet(&table.rows, 0)[DISK_FIELD_FLUSH_MS].known);
	free(table.text);
}

static void
surprising_disks_lose_only_what_is_wrong(void **state)
{
	Table  table;
	Value *row;

	parse_table(&table,
				"garbage\n\n   8\n"
				"   3       1 hda1 35486 38030 38030 38030\n" /* 2.6.20 */
				"   8       0 sda 1 0 9223372036854775807 3 4 5 18446744073709551615 7 -1 9 10\n"
				"   8      16 sdb 1 2 3 4 5 6 7 8 9\n"
				"   8      32 sdc 1 2",
				NUM_DISK_FIELDS, DisksParse);
	assert_int_equal(table.rows.count, 1);
	row = RowsGet(&table.rows, 0);
	assert_string_equal(row[DISK_FIELD_DEVICE].s, "sda");
	assert_int(&row[DISK_FIELD_READS], 1);
	assert_false(row[DISK_FIELD_READ_BYTES].known);
	assert_false(row[DISK_FIELD_WRITE_BYTES].known);
	assert_false(row[DISK_FIELD_IN_FLIGHT].known);
	assert_int(&row[DISK_FIELD_WEIGHTED_IO_MS], 10);
	free(table.text);
}

static void
disks_beyond_the_limit_are_counted(void **state)
{
	Table table;

	parse_table(&table,
				" 8 0 sda 1 0 0 0 0 0 0 0 0 0 0\n 8 0 sdb 1 0 0 0 0 0 0 0 0 0 0\n"
				" 8 0 sdc 1 0 0 0 0 0 0 0 0 0 0\n 8 0 sdd 1 0 0 0 0 0 0 0 0 0 0\n"
				" 8 0 sde 1 0 0 0 0 0 0 0 0 0 0\n 8 0 sdf 1 0 0 0 0 0 0 0 0 0 0\n",
				NUM_DISK_FIELDS, DisksParse);
	assert_int_equal(table.rows.count, CAPACITY);
	assert_int_equal(table.rows.left_out, 2);
	free(table.text);
}

#define NET_HEAD \
	"Inter-|   Receive                                                |  Transmit\n" \
	" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"

static void
interfaces_report_both_directions(void **state)
{
	Table  table;
	Value *row;

	parse_table(
		&table,
		NET_HEAD
		"    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0\n"
		"  eth0: 429516871   11749    1    2    3     4          5         6   547892    7281    7    8    9    10      11         12\n",
		NUM_NETWORK_FIELDS, InterfacesParse);
	assert_int_equal(table.rows.count, 2);
	row = RowsGet(&table.rows, 0);
	assert_string_equal(row[NETWORK_FIELD_INTERFACE].s, "lo");
	assert_int(&row[NETWORK_FIELD_TX_BYTES], 3193);
	row = RowsGet(&table.rows, 1);
	assert_string_equal(row[NETWORK_FIELD_INTERFACE].s, "eth0");
	assert_int(&row[NETWORK_FIELD_RX_BYTES], 429516871);
	assert_int(&row[NETWORK_FIELD_RX_PACKETS], 11749);
	assert_int(&row[NETWORK_FIELD_RX_ERRORS], 1);
	assert_int(&row[NETWORK_FIELD_RX_DROPPED], 2);
	assert_int(&row[NETWORK_FIELD_TX_BYTES], 547892);
	assert_int(&row[NETWORK_FIELD_TX_PACKETS], 7281);
	assert_int(&row[NETWORK_FIELD_TX_ERRORS], 7);
	assert_int(&row[NETWORK_FIELD_TX_DROPPED], 8);
	free(table.text);
}

static void
a_number_may_touch_the_colon(void **state)
{
	Table table;

	/* kernels before 2.6.37 */
	parse_table(
		&table,
		NET_HEAD
		"  eth0:4294967296   11749    0    0    0     0          0         0   547892    7281    0    0    0     0       0          0\n",
		NUM_NETWORK_FIELDS, InterfacesParse);
	assert_int_equal(table.rows.count, 1);
	assert_int(&RowsGet(&table.rows, 0)[NETWORK_FIELD_RX_BYTES], INT64_C(4294967296));
	free(table.text);
}

static void
surprising_interfaces_are_left_out(void **state)
{
	Table table;

	parse_table(&table,
				NET_HEAD "  tun0:No statistics available\n"
						 "  eth1: 1 2 3\n"
						 "  : 1 2 3 4 5 6 7 8 9 10 11 12\n"
						 " wlan0: 18446744073709551615 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
						 "  eth2: 1 2 3 4 5 6 7",
				NUM_NETWORK_FIELDS, InterfacesParse);
	assert_int_equal(table.rows.count, 1);
	assert_string_equal(RowsGet(&table.rows, 0)[NETWORK_FIELD_INTERFACE].s, "wlan0");
	assert_false(RowsGet(&table.rows, 0)[NETWORK_FIELD_RX_BYTES].known);
	assert_int(&RowsGet(&table.rows, 0)[NETWORK_FIELD_TX_DROPPED], 12);
	free(table.text);
}

/* ---- keys and numbers ---- */

static void
keys_are_whole_words(void **state)
{
	static const KeyedField table[] = {{"pgfault", 0, 1}, {"pgmajfault", 1, 1}, {"time", 2, 1000}};
	size_t					length;
	char *text = exactly("pgfault 7\npgfaults 8\nxpgmajfault 9\npgmajfault\ntime 1999\n"
						 "pgfault x\n\n \npgmajfault -1",
						 &length);
	Value values[3] = {0};

	KeyedParse(text, length, table, LENGTH(table), values);
	assert_int(&values[0], 7);
	assert_false(values[1].known);
	assert_int(&values[2], 1);
	free(text);
}

static void
numbers_are_taken_by_place(void **state)
{
	size_t length;
	char  *text = exactly("5 max 18446744073709551616 9\n6\n", &length);
	Value  values[4] = {0};

	NumbersParse(text, length, values, 4);
	assert_int(&values[0], 5);
	assert_false(values[1].known);
	assert_false(values[2].known);
	assert_int(&values[3], 9);
	free(text);
}

/* ---- pressure ---- */

static void
parse_pressure(const char *text, Value *stall)
{
	size_t length;
	char  *copy = exactly(text, &length);

	memset(stall, 0, sizeof(Value) * NUM_STALL_FIELDS);
	PressureParse(copy, length, stall);
	free(copy);
}

static void
pressure_is_some_and_full(void **state)
{
	Value stall[NUM_STALL_FIELDS];

	parse_pressure("some avg10=10.59 avg60=5.43 avg300=5.27 total=34811371\n"
				   "full avg10=0.00 avg60=100.00 avg300=0.00 total=7\n",
				   stall);
	assert_float(&stall[STALL_FIELD_SOME_AVG10], 10.59);
	assert_float(&stall[STALL_FIELD_SOME_AVG60], 5.43);
	assert_int(&stall[STALL_FIELD_SOME_TOTAL], 34811371);
	assert_float(&stall[STALL_FIELD_FULL_AVG10], 0);
	assert_float(&stall[STALL_FIELD_FULL_AVG60], 100);
	assert_int(&stall[STALL_FIELD_FULL_TOTAL], 7);

	/* the CPU of kernels before 5.13 */
	parse_pressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=1", stall);
	assert_int(&stall[STALL_FIELD_SOME_TOTAL], 1);
	assert_false(stall[STALL_FIELD_FULL_TOTAL].known);
}

static void
surprising_pressure_is_absent(void **state)
{
	static const char *const texts[] = {
		"",
		"some",
		"some \n",
		"some avg10\n",
		"some avg10=\n",
		"some =1\n",
		"full avg10=nan total=x\n",
		"some avg10=100.01 total=-1\n",
		"partly avg10=1.00 total=5\n",
		"avg10=1.00\n",
	};
	Value stall[NUM_STALL_FIELDS];

	for (int i = 0; i < LENGTH(texts); i++)
	{
		parse_pressure(texts[i], stall);
		assert_false(RowIsKnown(stall, NUM_STALL_FIELDS));
	}
}

/* ---- sockets ---- */

static void
parse_snmp(const char *text, Value *tcp, Value *udp)
{
	size_t length;
	char  *copy = exactly(text, &length);

	memset(tcp, 0, sizeof(Value) * NUM_TCP_FIELDS);
	memset(udp, 0, sizeof(Value) * NUM_UDP_FIELDS);
	SnmpParse(copy, length, tcp, udp);
	free(copy);
}

static void
counters_of_protocols_are_found_by_name(void **state)
{
	Value tcp[NUM_TCP_FIELDS];
	Value udp[NUM_UDP_FIELDS];

	parse_snmp("Ip: Forwarding DefaultTTL InErrors\nIp: 2 64 5\n"
			   "Tcp: RtoAlgorithm MaxConn CurrEstab RetransSegs InErrs\nTcp: 1 -1 12 3 0\n"
			   "Udp: InDatagrams InErrors\nUdp: 39 4\n"
			   "TcpExt: ListenOverflows ListenDrops\nTcpExt: 8 9\n",
			   tcp, udp);
	assert_int(&tcp[TCP_FIELD_ESTABLISHED], 12);
	assert_int(&tcp[TCP_FIELD_RETRANSMITS], 3);
	assert_int(&tcp[TCP_FIELD_IN_ERRORS], 0);
	assert_int(&tcp[TCP_FIELD_LISTEN_OVERFLOWS], 8);
	assert_int(&tcp[TCP_FIELD_LISTEN_DROPS], 9);
	assert_false(tcp[TCP_FIELD_TIMEOUTS].known);
	assert_int(&udp[UDP_FIELD_IN_DATAGRAMS], 39);
	assert_int(&udp[UDP_FIELD_IN_ERRORS], 4);
	assert_false(udp[UDP_FIELD_NO_PORTS].known);
}

static void
a_missing_or_short_line_does_not_shift_the_others(void **state)
{
	Value tcp[NUM_TCP_FIELDS];
	Value udp[NUM_UDP_FIELDS];

	parse_snmp("garbage\nTcp: CurrEstab RetransSegs\nUdp: InDatagrams NoPorts InErrors\nUdp: 39 x\n"
			   "Tcp: CurrEstab\nTcp: 5 6\n\nTcp:",
			   tcp, udp);
	assert_int(&udp[UDP_FIELD_IN_DATAGRAMS], 39);
	assert_false(udp[UDP_FIELD_NO_PORTS].known);
	assert_false(udp[UDP_FIELD_IN_ERRORS].known);
	assert_int(&tcp[TCP_FIELD_ESTABLISHED], 5);
	assert_false(tcp[TCP_FIELD_RETRANSMITS].known);
}

static void
sockets_in_use(void **state)
{
	size_t length;
	char  *text = exactly("sockets: used 15\nTCP: inuse 1 orphan 2 tw 3 alloc 13 mem\n"
						   "UDP: inuse 0 mem 4\nFRAG:\n",
						  &length);
	Value  tcp[NUM_TCP_FIELDS] = {0};
	Value  used = {0};

	SockstatParse(text, length, tcp, &used);
	assert_int(&used, 15);
	assert_int(&tcp[TCP_FIELD_ORPHANS], 2);
	assert_int(&tcp[TCP_FIELD_TIME_WAIT], 3);
	assert_false(tcp[TCP_FIELD_MEMORY].known);
	free(text);
}

/* ---- the system ---- */

static void
names_of_system_and_processor(void **state)
{
	static const struct
	{
		void (*parse)(char *text, size_t length, char *name);
		const char *text;
		const char *name;
	} cases[] = {
		{OsReleaseParse, "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n",
		 "Debian GNU/Linux 12"},
		{OsReleaseParse, "PRETTY_NAME='Alpine'\n", "Alpine"},
		{OsReleaseParse, "PRETTY_NAME=Arch", "Arch"},
		{OsReleaseParse, "PRETTY_NAME=\"\n", "\""},
		{OsReleaseParse, "PRETTY_NAME=\"\"", ""},
		{OsReleaseParse, "", ""},
		{CpuModelParse,
		 "processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n\nmodel name\t: other\n",
		 "AMD EPYC"},
		{CpuModelParse, "cpu\t\t: POWER9, altivec supported\n", "POWER9, altivec supported"},
		{CpuModelParse, "cpu MHz\t\t: 2000\nmodel name\n", ""},
		{CpuModelParse, "", ""},
	};

	for (int i = 0; i < LENGTH(cases); i++)
	{
		char   name[SYSTEM_TEXT_SIZE];
		size_t length;
		char  *text = exactly(cases[i].text, &length);

		cases[i].parse(text, length, name);
		assert_string_equal(name, cases[i].name);
		free(text);
	}
}

static void
a_long_name_is_cut(void **state)
{
	char text[1000];
	char name[SYSTEM_TEXT_SIZE];

	memset(text, 'x', sizeof(text));
	memcpy(text, "PRETTY_NAME=", 12);
	OsReleaseParse(text, sizeof(text), name);
	assert_int_equal(strlen(name), SYSTEM_TEXT_SIZE - 1);
}

static void
threads_are_the_fourth_word(void **state)
{
	static const char *const surprises[] = {"", "0.2 17.18", "0.2 1 1 80 5\n", "0.2 1 1 1/ 5\n"};
	size_t					 length;
	char					*text = exactly("0.20 17.18 128.12 1/80 11206\n", &length);
	Value					 threads = {0};

	ThreadsParse(text, length, &threads);
	assert_int(&threads, 80);
	free(text);
	for (int i = 0; i < LENGTH(surprises); i++)
	{
		threads.known = false;
		text = exactly(surprises[i], &length);
		ThreadsParse(text, length, &threads);
		assert_false(threads.known);
		free(text);
	}
}

/* ---- filesystems ---- */

static void
filesystems_are_as_df_shows_them(void **state)
{
	Value		   row[NUM_FILESYSTEM_FIELDS] = {0};
	struct statvfs s = {.f_bsize = 4096,
						.f_frsize = 1024,
						.f_blocks = 1000,
						.f_bfree = 400,
						.f_bavail = 200,
						.f_files = 500,
						.f_ffree = 499};

	FilesystemSizes(&s, row);
	assert_int(&row[FILESYSTEM_FIELD_TOTAL], 1024000);
	assert_int(&row[FILESYSTEM_FIELD_USED], 614400);
	assert_int(&row[FILESYSTEM_FIELD_FREE], 409600);
	assert_int(&row[FILESYSTEM_FIELD_AVAILABLE], 204800);
	assert_float(&row[FILESYSTEM_FIELD_USED_PERCENT], 75);
	assert_int(&row[FILESYSTEM_FIELD_INODES_TOTAL], 500);
	assert_int(&row[FILESYSTEM_FIELD_INODES_FREE], 499);
}

static void
filesystems_without_blocks_or_inodes_have_no_sizes(void **state)
{
	Value		   row[NUM_FILESYSTEM_FIELDS] = {0};
	struct statvfs s = {.f_bsize = 4096, .f_frsize = 4096};

	FilesystemSizes(&s, row);
	assert_false(RowIsKnown(row, NUM_FILESYSTEM_FIELDS));

	/* more free than there is; sizes beyond 8 EiB */
	s.f_blocks = 10;
	s.f_bfree = 11;
	FilesystemSizes(&s, row);
	assert_false(RowIsKnown(row, NUM_FILESYSTEM_FIELDS));
	s.f_blocks = s.f_bfree = s.f_bavail = UINT64_MAX;
	FilesystemSizes(&s, row);
	assert_false(row[FILESYSTEM_FIELD_TOTAL].known);
	assert_false(row[FILESYSTEM_FIELD_USED_PERCENT].known);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_index_is_a_field_with_a_source),
		cmocka_unit_test(rows_that_do_not_fit_are_counted),
		cmocka_unit_test(counters_are_those_of_the_first_line),
		cmocka_unit_test(old_kernels_have_fewer_counters),
		cmocka_unit_test(no_counters_in_garbage),
		cmocka_unit_test(cpus_of_a_file_cut_short_are_not_counted),
		cmocka_unit_test(percentages_are_shares_of_the_time_between),
		cmocka_unit_test(percentages_have_two_decimals),
		cmocka_unit_test(the_first_reading_has_no_percentages),
		cmocka_unit_test(iowait_that_decreases_is_absent_alone),
		cmocka_unit_test(counters_that_began_anew_give_no_percentages),
		cmocka_unit_test(a_cpu_that_went_or_came_gives_no_percentages),
		cmocka_unit_test(huge_counters_do_not_overflow),
		cmocka_unit_test(load_is_three_numbers),
		cmocka_unit_test(uptime_is_whole_seconds),
		cmocka_unit_test(memory_is_as_free_shows_it),
		cmocka_unit_test(a_missing_line_makes_what_needs_it_absent),
		cmocka_unit_test(memory_that_makes_no_sense_is_absent),
		cmocka_unit_test(disks_report_every_counter),
		cmocka_unit_test(disks_without_activity_are_kept_but_placeholders_are_not),
		cmocka_unit_test(surprising_disks_lose_only_what_is_wrong),
		cmocka_unit_test(disks_beyond_the_limit_are_counted),
		cmocka_unit_test(interfaces_report_both_directions),
		cmocka_unit_test(a_number_may_touch_the_colon),
		cmocka_unit_test(surprising_interfaces_are_left_out),
		cmocka_unit_test(keys_are_whole_words),
		cmocka_unit_test(numbers_are_taken_by_place),
		cmocka_unit_test(pressure_is_some_and_full),
		cmocka_unit_test(surprising_pressure_is_absent),
		cmocka_unit_test(counters_of_protocols_are_found_by_name),
		cmocka_unit_test(a_missing_or_short_line_does_not_shift_the_others),
		cmocka_unit_test(sockets_in_use),
		cmocka_unit_test(names_of_system_and_processor),
		cmocka_unit_test(a_long_name_is_cut),
		cmocka_unit_test(threads_are_the_fourth_word),
		cmocka_unit_test(filesystems_are_as_df_shows_them),
		cmocka_unit_test(filesystems_without_blocks_or_inodes_have_no_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
