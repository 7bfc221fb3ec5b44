/*
 * test_host_processes.c
 *		The server's own processes, from a /proc that the test makes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/proc.h"
#include "host/processes.h"

#define MAX_TOP 30

static char root[64];

static int
make_directory(void **state)
{
	strcpy(root, "/tmp/test_host_processes.XXXXXX");
	ProcRoot = root;
	return mkdtemp(root) != NULL ? 0 : -1;
}

static int
remove_directory(void **state)
{
	char command[128];

	ProcRoot = "/proc";
	snprintf(command, sizeof(command), "rm -r '%s'", root);
	return system(command);
}

static void
put(int pid, const char *file, const char *content)
{
	char  path[256];
	FILE *stream;

	snprintf(path, sizeof(path), "%s/%d", root, pid);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%d/%s", root, pid, file);
	assert_non_null(stream = fopen(path, "w"));
	fputs(content, stream);
	fclose(stream);
}

static void
put_stat(int pid, char state, int ticks, int child_ticks, int started)
{
	char text[512];

	snprintf(
		text, sizeof(text),
		"%d (postgres) %c 1 1 1 0 -1 4194304 100 0 5 0 %d 1 %d 0 20 0 1 0 %d 200000 10 1 2 3\n",
		pid, state, ticks - 1, child_ticks, started);
	put(pid, "stat", text);
}

/* A process as there are many: its memory is that many pages, of which 100 are shared. */
static void
put_process(int pid, int ticks, int private_pages)
{
	char text[128];

	put_stat(pid, 'S', ticks, 0, 1000);
	snprintf(text, sizeof(text), "5000 %d 100 10 0 300 0\n", private_pages + 100);
	put(pid, "statm", text);
	put(pid, "io", "rchar: 1\nwchar: 2\nread_bytes: 4096\nwrite_bytes: 8192\n");
}

static void
remove_file(int pid, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%d/%s", root, pid, file);
	assert_int_equal(remove(path), 0);
}

static Value postgres[NUM_POSTGRES_FIELDS];
static Value top_values[MAX_TOP * NUM_PROCESS_FIELDS];
static Rows	 top;

static void
read_processes(ProcessMemory *memory, int count, bool with_pss)
{
	/* the rows point into it */
	static Process processes[64];

	memset(processes, 0, sizeof(processes));
	for (int i = 0; i < count; i++)
		processes[i].pid = 100 + i;
	memset(postgres, 0, sizeof(postgres));
	top = (Rows){top_values, NUM_PROCESS_FIELDS, MAX_TOP};
	ProcessesRead(processes, count, with_pss, memory, postgres, &top);
}

static void
assert_float(const Value *value, double expected)
{
	assert_true(value->known);
	assert_true(value->d > expected - 0.006 && value->d < expected + 0.006);
}

static int
top_pid(int row)
{
	return (int) RowsGet(&top, row)[PROCESS_FIELD_PID].i;
}

/* ---- the parsers ---- */

static bool
parse_stat(const char *text, Process *process)
{
	size_t length = strlen(text);
	char  *copy = malloc(length + 1);
	bool   result;

	memset(process, 0, sizeof(*process));
	memcpy(copy, text, length);
	result = ProcessStatParse(copy, length, process);
	free(copy);
	return result;
}

static void
a_name_may_hold_anything(void **state)
{
	Process process;

	assert_true(parse_stat(
		"42 (a) S 1) b) R 1 42 42 0 -1 4194560 10 20 3 40 50 60 70 80 -2 19 1 0 999 1 2 3\n",
		&process));
	assert_string_equal(process.state, "R");
	assert_int_equal(process.major_faults, 3);
	assert_int_equal(process.ticks, 110);
	assert_int_equal(process.child_ticks, 150);
	assert_int_equal(process.started, 999);
}

static void
surprising_stats_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"42",
		"42 (postgres",
		"42 (postgres)",
		"42 (postgres) S 1 2 3\n",
		"42 (p) S 1 42 42 0 -1 0 10 20 x 40 50 60 70 80 20 0 1 0 999\n",
		"42 (p) S 1 42 42 0 -1 0 10 20 3 40 -50 60 70 80 20 0 1 0 999\n",
		"42 (p) S 1 42 42 0 -1 0 10 20 3 40 9223372036854775807 1 70 80 20 0 1 0 999\n",
	};
	Process process;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(parse_stat(texts[i], &process));
}

static void
children_are_numbers(void **state)
{
	Process processes[3];
	char	text[] = "5 6 x -7 0 99999999999 8 9 ";

	assert_int_equal(ChildrenParse(text, strlen(text), processes, 3), 4);
	assert_int_equal(processes[0].pid, 5);
	assert_int_equal(processes[1].pid, 6);
	assert_int_equal(processes[2].pid, 8);
	assert_int_equal(ChildrenParse(text, 0, processes, 3), 0);
}

/* ---- sums ---- */

static void
sums_are_over_all_processes(void **state)
{
	static ProcessMemory memory;
	double				 page = sysconf(_SC_PAGESIZE) / 1048576.0;
	double				 tick = 1.0 / sysconf(_SC_CLK_TCK);

	put_stat(100, 'S', 100, 5000, 1);
	put(100, "statm", "5000 1000 800 10 0 300 0\n");
	put_process(101, 10, 400);
	put_process(102, 20, 700);
	read_processes(&memory, 3, false);
	assert_true(postgres[POSTGRES_FIELD_PROCESSES].i == 3);
	assert_float(&postgres[POSTGRES_FIELD_CPU_SECONDS], 5130 * tick);
	assert_float(&postgres[POSTGRES_FIELD_RSS], 2300 * page);
	assert_float(&postgres[POSTGRES_FIELD_PRIVATE], 1300 * page);
	assert_false(postgres[POSTGRES_FIELD_PSS].known);
}

static void
open_files_are_counted(void **state)
{
	static ProcessMemory memory;
	char				 path[256];

	put_process(100, 1, 1);
	snprintf(path, sizeof(path), "%s/100/fd", root);
	assert_int_equal(mkdir(path, 0700), 0);
	for (int i = 0; i < 3; i++)
	{
		char file[64];

		snprintf(file, sizeof(file), "fd/%d", i);
		put(100, file, "");
	}
	read_processes(&memory, 1, false);

	/* The size of a directory of /proc tells; this one is of another filesystem. */
	assert_true(postgres[POSTGRES_FIELD_OPEN_FILES].known);
	assert_true(postgres[POSTGRES_FIELD_OPEN_FILES].i >= 3);
}

static void
who_has_ended_is_left_out(void **state)
{
	static ProcessMemory memory;

	put_process(100, 100, 10);
	put_process(102, 20, 700);
	put_stat(103, 'Z', 7, 0, 5);
	read_processes(&memory, 4, false);
	assert_true(postgres[POSTGRES_FIELD_PROCESSES].i == 2);
	assert_true(postgres[POSTGRES_FIELD_RSS].known);
	assert_float(&postgres[POSTGRES_FIELD_CPU_SECONDS], 127.0 / sysconf(_SC_CLK_TCK));

	/* without the postmaster nothing is */
	remove_file(100, "stat");
	read_processes(&memory, 4, false);
	assert_false(RowIsKnown(postgres, NUM_POSTGRES_FIELDS));
	assert_int_equal(top.count, 0);
}

static void
what_cannot_be_read_makes_a_sum_unknown(void **state)
{
	static ProcessMemory memory;

	put_process(100, 100, 10);
	put_process(101, 20, 700);
	put(101, "statm", "5000 100 200\n"); /* more shared than there is */
	read_processes(&memory, 2, false);
	assert_true(postgres[POSTGRES_FIELD_PROCESSES].i == 2);
	assert_true(postgres[POSTGRES_FIELD_CPU_SECONDS].known);
	assert_false(postgres[POSTGRES_FIELD_RSS].known);
	assert_false(postgres[POSTGRES_FIELD_PRIVATE].known);

	put(101, "stat", "nonsense");
	read_processes(&memory, 2, false);
	assert_false(postgres[POSTGRES_FIELD_PROCESSES].known);
	assert_false(postgres[POSTGRES_FIELD_CPU_SECONDS].known);
	assert_int_equal(top.count, 1);
}

static void
proportional_size_where_asked_for(void **state)
{
	static ProcessMemory memory;

	put_process(100, 100, 10);
	put_process(101, 20, 700);
	put(100, "smaps_rollup",
		"00400000-7ffe [rollup]\nRss: 9000 kB\nPss: 2048 kB\nPss_Dirty: 1 kB\n");
	put(101, "smaps_rollup", "Rss: 9000 kB\nPss: 1024 kB\n");
	read_processes(&memory, 2, true);
	assert_float(&postgres[POSTGRES_FIELD_PSS], 3);
	put(101, "smaps_rollup", "Rss: 9000 kB\n");
	read_processes(&memory, 2, true);
	assert_false(postgres[POSTGRES_FIELD_PSS].known);
}

static void
cpu_time_never_decreases(void **state)
{
	static ProcessMemory memory;
	double				 tick = 1.0 / sysconf(_SC_CLK_TCK);

	put_process(100, 100, 10);
	put_process(101, 900, 700);
	read_processes(&memory, 2, false);
	assert_float(&postgres[POSTGRES_FIELD_CPU_SECONDS], 1000 * tick);

	/* It ended, and the postmaster does not know yet. */
	remove_file(101, "stat");
	read_processes(&memory, 2, false);
	assert_float(&postgres[POSTGRES_FIELD_CPU_SECONDS], 1000 * tick);
	put_stat(100, 'S', 100, 950, 1);
	read_processes(&memory, 2, false);
	assert_float(&postgres[POSTGRES_FIELD_CPU_SECONDS], 1050 * tick);
}

/* ---- those with most ---- */

static void
first_those_that_used_most_since_the_last_time(void **state)
{
	static ProcessMemory memory;
	Value				*row;

	put_process(100, 1, 1);
	put_process(101, 100000, 5);
	put_process(102, 50, 10);
	put_process(103, 60, 20000);
	read_processes(&memory, 4, false);
	assert_int_equal(top.count, 4);
	assert_int_equal(top_pid(0), 101);

	put_process(102, 90, 10);
	put_process(103, 61, 20000);
	read_processes(&memory, 4, false);
	assert_int_equal(top_pid(0), 102); /* by 40 ticks */
	assert_int_equal(top_pid(1), 103); /* by 1 */
	assert_int_equal(top_pid(2), 101); /* no CPU; by memory */
	assert_int_equal(top_pid(3), 100);
	row = RowsGet(&top, 0);
	assert_string_equal(row[PROCESS_FIELD_STATE].s, "S");
	assert_float(&row[PROCESS_FIELD_CPU_SECONDS], 90.0 / sysconf(_SC_CLK_TCK));
	assert_true(row[PROCESS_FIELD_MAJOR_FAULTS].i == 5);
	assert_true(row[PROCESS_FIELD_READ_BYTES].i == 4096);
	assert_true(row[PROCESS_FIELD_WRITE_BYTES].i == 8192);

	/* The same number, another process. */
	put_stat(102, 'S', 80, 0, 2000);
	remove_file(102, "io");
	read_processes(&memory, 4, false);
	assert_int_equal(top_pid(0), 102);
	assert_false(RowsGet(&top, 0)[PROCESS_FIELD_READ_BYTES].known);
}

static void
no_more_than_twenty_are_shown(void **state)
{
	static ProcessMemory memory;

	for (int i = 0; i < 40; i++)
		put_process(100 + i, 100 + i, 100 - i);
	read_processes(&memory, 40, false);
	assert_int_equal(top.count, 20);
	assert_int_equal(top_pid(0), 139);
	assert_int_equal(top_pid(9), 130);
	assert_int_equal(top_pid(10), 100);
	assert_int_equal(top_pid(19), 109);
	assert_int_equal(top.left_out, 0);
}

static void
our_own_process_is_one(void **state)
{
	static ProcessMemory memory;
	Process				 process = {.pid = getpid()};

	ProcRoot = "/proc";
	top = (Rows){top_values, NUM_PROCESS_FIELDS, MAX_TOP};
	memset(postgres, 0, sizeof(postgres));
	ProcessesRead(&process, 1, true, &memory, postgres, &top);
	assert_true(postgres[POSTGRES_FIELD_PROCESSES].i == 1);
	assert_true(postgres[POSTGRES_FIELD_RSS].d > 0);
	assert_true(postgres[POSTGRES_FIELD_OPEN_FILES].i >= 1);
	assert_false(SharedMemoryIsInHugePages());
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_directory, remove_directory)
	const struct CMUnitTest tests[] = {
		TEST(a_name_may_hold_anything),
		TEST(surprising_stats_are_refused),
		TEST(children_are_numbers),
		TEST(sums_are_over_all_processes),
		TEST(open_files_are_counted),
		TEST(who_has_ended_is_left_out),
		TEST(what_cannot_be_read_makes_a_sum_unknown),
		TEST(proportional_size_where_asked_for),
		TEST(cpu_time_never_decreases),
		TEST(first_those_that_used_most_since_the_last_time),
		TEST(no_more_than_twenty_are_shown),
		TEST(our_own_process_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
