/*
 * test_host_cgroup.c
 *		Which control group the server is in, and which limits hold for it.
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

#include "host/cgroup.h"

#define MAX_MOUNTS 16

static char root[64]; /* a directory in which the tests build hierarchies */

static int
make_directory(void **state)
{
	strcpy(root, "/tmp/test_host_cgroup.XXXXXX");
	return mkdtemp(root) != NULL ? 0 : -1;
}

static int
remove_directory(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r '%s'", root);
	return system(command);
}

/* Writes a file below root and makes the folders above it. */
static void
put(const char *name, const char *content)
{
	char  path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *c = path + strlen(root) + 1; *c; c++)
	{
		if (*c == '/')
		{
			*c = '\0';
			mkdir(path, 0700);
			*c = '/';
		}
	}
	assert_non_null(file = fopen(path, "w"));
	fputs(content, file);
	fclose(file);
}

/* "%s" in the text of the mount table is root. */
static void
find(Cgroup *cgroup, const char *groups, const char *mounts)
{
	Mount	   rows[MAX_MOUNTS];
	MountTable table = {.mounts = rows, .capacity = MAX_MOUNTS};
	char	   text[4096];
	char	  *copy = malloc(strlen(groups) + 1);

	snprintf(text, sizeof(text), mounts, root, root, root, root);
	MountsParse(text, strlen(text), &table);
	memcpy(copy, groups, strlen(groups));
	CgroupFind(copy, strlen(groups), &table, cgroup);
	free(copy);
}

static void
assert_place(const Cgroup *cgroup, CgroupController controller, int version, const char *path)
{
	char expected[512];

	snprintf(expected, sizeof(expected), path, root);
	assert_int_equal(cgroup->places[controller].version, version);
	if (version != 0)
		assert_string_equal(cgroup->places[controller].path, expected);
}

static Value values[NUM_CGROUP_FIELDS];
static Value pressure_values[NUM_PRESSURE_FIELDS][NUM_STALL_FIELDS];

static void
read_all(const Cgroup *cgroup)
{
	Value *pressure[NUM_PRESSURE_FIELDS] = {pressure_values[0], pressure_values[1],
											pressure_values[2]};

	memset(values, 0, sizeof(values));
	memset(pressure_values, 0, sizeof(pressure_values));
	CgroupRead(cgroup, values, pressure);
}

static void
assert_int(int field, int64_t expected)
{
	assert_true(values[field].known);
	assert_true(values[field].i == expected);
}

#define V2_MOUNT "30 20 0:30 / %s rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"

/* ---- where the files are ---- */

static void
version_2_is_one_directory(void **state)
{
	Cgroup cgroup;

	find(&cgroup, "0::/system.slice/postgresql.service\n", V2_MOUNT);
	assert_int_equal(cgroup.version, 2);
	for (int i = 0; i < NUM_CGROUP_CONTROLLERS; i++)
		assert_place(&cgroup, i, 2, "%s/system.slice/postgresql.service");

	/* a namespace of its own, and no group at all: the mount itself */
	find(&cgroup, "0::/\n", V2_MOUNT);
	assert_place(&cgroup, CGROUP_MEMORY, 2, "%s");
}

static void
a_container_that_sees_a_part_only(void **state)
{
	Cgroup cgroup;

	/* Without a namespace: the path is that of the host, and so is the root of the mount. */
	find(&cgroup, "0::/docker/4f5e/init\n", "30 20 0:30 /docker/4f5e %s ro - cgroup2 cgroup rw\n");
	assert_place(&cgroup, CGROUP_CPU, 2, "%s/init");
	find(&cgroup, "0::/docker/4f5e\n", "30 20 0:30 /docker/4f5e %s ro - cgroup2 cgroup rw\n");
	assert_place(&cgroup, CGROUP_CPU, 2, "%s");

	/* The name of one group begins with that of another. */
	find(&cgroup, "0::/docker/4f5eab\n", "30 20 0:30 /docker/4f5e %s ro - cgroup2 cgroup rw\n");
	assert_int_equal(cgroup.version, 2);
	assert_place(&cgroup, CGROUP_CPU, 0, "");

	/* The mount that shows more of the groups above. */
	find(
		&cgroup, "0::/a/b\n",
		"30 20 0:30 / %s/all rw - cgroup2 cgroup rw\n31 20 0:30 /a/b %s/part rw - cgroup2 cgroup rw\n");
	assert_place(&cgroup, CGROUP_CPU, 2, "%s/all/a/b");
}

static void
a_mount_that_another_one_hides(void **state)
{
	Cgroup cgroup;

	find(
		&cgroup, "0::/docker/4f5e\n",
		"30 20 0:30 / %s rw - cgroup2 cgroup rw\n31 30 0:30 /docker/4f5e %s rw - cgroup2 cgroup rw\n");
	assert_place(&cgroup, CGROUP_MEMORY, 2, "%s");
	find(&cgroup, "0::/docker/4f5e\n",
		 "30 20 0:30 / %s rw - cgroup2 cgroup rw\n31 30 0:31 / %s rw - tmpfs tmpfs rw\n");
	assert_place(&cgroup, CGROUP_MEMORY, 0, "");
}

static void
groups_above_the_namespace_are_not_in_sight(void **state)
{
	Cgroup cgroup;

	find(&cgroup, "0::/../other\n", V2_MOUNT);
	assert_place(&cgroup, CGROUP_MEMORY, 0, "");
	find(&cgroup, "0::/\n", "30 20 0:30 /.. %s rw - cgroup2 cgroup rw\n");
	assert_place(&cgroup, CGROUP_MEMORY, 0, "");
}

static void
version_1_has_a_directory_for_each_controller(void **state)
{
	Cgroup cgroup;

	find(&cgroup, "5:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n3:cpuset:/\n1:name=systemd:/x\n",
		 "30 20 0:30 /docker/1 %s/memory ro - cgroup cgroup rw,memory\n"
		 "31 20 0:31 / %s/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
		 "32 20 0:32 / %s/cpuset ro - cgroup cgroup rw,cpuset,noprefix\n");
	assert_int_equal(cgroup.version, 1);
	assert_place(&cgroup, CGROUP_MEMORY, 1, "%s/memory");
	assert_place(&cgroup, CGROUP_CPU, 1, "%s/cpu,cpuacct/docker/1");
	assert_place(&cgroup, CGROUP_CPUACCT, 1, "%s/cpu,cpuacct/docker/1");
	assert_place(&cgroup, CGROUP_CPUSET, 1, "%s/cpuset");
	assert_place(&cgroup, CGROUP_PIDS, 0, "");
}

static void
a_machine_with_both_versions(void **state)
{
	static const char mounts[] = "30 20 0:30 / %s/memory rw - cgroup cgroup rw,memory\n"
								 "31 20 0:31 / %s/unified rw - cgroup2 cgroup2 rw\n";
	Cgroup			  cgroup;

	find(&cgroup, "4:memory:/m\n0::/u\n", mounts);
	assert_int_equal(cgroup.version, 1);
	assert_place(&cgroup, CGROUP_MEMORY, 1, "%s/memory/m");
	assert_place(&cgroup, CGROUP_CPU, 2, "%s/unified/u");

	/* in whatever order; a hierarchy that is not mounted is not looked for in the other version */
	find(&cgroup, "0::/u\n4:memory:/m\n3:pids:/p\n", mounts);
	assert_int_equal(cgroup.version, 1);
	assert_place(&cgroup, CGROUP_MEMORY, 1, "%s/memory/m");
	assert_place(&cgroup, CGROUP_PIDS, 0, "");

	/* hierarchies without limits of memory and CPU do not make it version 1 */
	find(&cgroup, "1:name=systemd:/x\n0::/u\n", mounts);
	assert_int_equal(cgroup.version, 2);
}

static void
surprising_lines_are_left_out(void **state)
{
	static const char *const texts[] = {
		"",			"\n",		  ":",			 "::",	   "0:",		 "0::", "0::relative\n",
		"memory\n", "4:memory\n", "4:memory:\n", "\0\0\0", "4:,,,:/x\n", "x::",
	};
	Cgroup cgroup;
	char   long_path[2000];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		find(&cgroup, texts[i], V2_MOUNT);
		for (int j = 0; j < NUM_CGROUP_CONTROLLERS; j++)
			assert_place(&cgroup, j, 0, "");
		read_all(&cgroup);
	}

	memset(long_path, 'x', sizeof(long_path));
	memcpy(long_path, "0::/", 4);
	strcpy(long_path + sizeof(long_path) - 2, "\n");
	find(&cgroup, long_path, V2_MOUNT);
	assert_place(&cgroup, CGROUP_MEMORY, 0, "");

	/* fits, but not together with the mount point */
	strcpy(long_path + CGROUP_PATH_SIZE, "\n");
	find(&cgroup, long_path, V2_MOUNT);
	assert_place(&cgroup, CGROUP_MEMORY, 0, "");
}

/* ---- what they hold ---- */

static void
everything_of_version_2(void **state)
{
	Cgroup cgroup;

	put("g/memory.current", "1000\n");
	put("g/memory.max", "5000\n");
	put("g/memory.swap.current", "0\n");
	put("g/memory.swap.max", "max\n");
	put("g/memory.stat", "anon 600\nfile 300\nkernel 5\nshmem 200\nfile_mapped 7\n");
	put("g/memory.events", "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\n");
	put("g/cpu.stat",
		"usage_usec 123\nuser_usec 100\nsystem_usec 23\nnr_periods 10\n"
		"nr_throttled 4\nthrottled_usec 77\n");
	put("g/cpu.max", "150000 100000\n");
	put("g/cpuset.cpus.effective", "0-3,8\n");
	put("g/pids.current", "12\n");
	put("g/pids.max", "max\n");
	put("g/io.pressure",
		"some avg10=1.50 avg60=2.00 avg300=3.00 total=99\n"
		"full avg10=0.50 avg60=0.25 avg300=0.00 total=9\n");
	find(&cgroup, "0::/g\n", V2_MOUNT);
	read_all(&cgroup);

	assert_int(CGROUP_FIELD_VERSION, 2);
	assert_int(CGROUP_FIELD_MEMORY_CURRENT, 1000);
	assert_int(CGROUP_FIELD_MEMORY_MAX, 5000);
	assert_int(CGROUP_FIELD_MEMORY_MAX_CURRENT, 1000);
	assert_int(CGROUP_FIELD_MEMORY_ANON, 600);
	assert_int(CGROUP_FIELD_MEMORY_FILE, 300);
	assert_int(CGROUP_FIELD_MEMORY_SHMEM, 200);
	assert_int(CGROUP_FIELD_SWAP_CURRENT, 0);
	assert_false(values[CGROUP_FIELD_SWAP_MAX].known);
	assert_int(CGROUP_FIELD_OOM_KILLS, 2);
	assert_int(CGROUP_FIELD_CPU_USAGE, 123);
	assert_int(CGROUP_FIELD_CPU_QUOTA, 150000);
	assert_int(CGROUP_FIELD_CPU_PERIOD, 100000);
	assert_int(CGROUP_FIELD_NR_PERIODS, 10);
	assert_int(CGROUP_FIELD_NR_THROTTLED, 4);
	assert_int(CGROUP_FIELD_THROTTLED, 77);
	assert_int(CGROUP_FIELD_CPUS, 5);
	assert_int(CGROUP_FIELD_PIDS_CURRENT, 12);
	assert_false(values[CGROUP_FIELD_PIDS_MAX].known);
	assert_true(pressure_values[PRESSURE_FIELD_IO][STALL_FIELD_SOME_AVG10].d == 1.5);
	assert_true(pressure_values[PRESSURE_FIELD_IO][STALL_FIELD_FULL_TOTAL].i == 9);
	assert_false(pressure_values[PRESSURE_FIELD_CPU][STALL_FIELD_SOME_AVG10].known);
}

static void
everything_of_version_1(void **state)
{
	Cgroup cgroup;

	put("memory/g/memory.usage_in_bytes", "1000\n");
	put("memory/g/memory.limit_in_bytes", "5000\n");
	put("memory/g/memory.stat",
		"cache 1\nrss 2\ntotal_cache 300\ntotal_rss 600\ntotal_shmem 200\n");
	put("memory/g/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
	put("cpu/g/cpu.cfs_quota_us", "-1\n");
	put("cpu/g/cpu.cfs_period_us", "100000\n");
	put("cpu/g/cpu.stat", "nr_periods 10\nnr_throttled 4\nthrottled_time 77999\n");
	put("cpu/g/cpuacct.usage", "123456789\n");
	find(&cgroup, "5:memory:/g\n4:cpu,cpuacct:/g\n",
		 "30 20 0:30 / %s/memory ro - cgroup cgroup rw,memory\n"
		 "31 20 0:31 / %s/cpu ro - cgroup cgroup rw,cpu,cpuacct\n");
	read_all(&cgroup);

	assert_int(CGROUP_FIELD_VERSION, 1);
	assert_int(CGROUP_FIELD_MEMORY_CURRENT, 1000);
	assert_int(CGROUP_FIELD_MEMORY_MAX, 5000);
	assert_int(CGROUP_FIELD_MEMORY_ANON, 600);
	assert_int(CGROUP_FIELD_MEMORY_FILE, 300);
	assert_int(CGROUP_FIELD_OOM_KILLS, 2);
	assert_int(CGROUP_FIELD_CPU_USAGE, 123456);
	assert_false(values[CGROUP_FIELD_CPU_QUOTA].known);
	assert_false(values[CGROUP_FIELD_CPU_PERIOD].known);
	assert_int(CGROUP_FIELD_NR_THROTTLED, 4);
	assert_int(CGROUP_FIELD_THROTTLED, 77);
	assert_false(values[CGROUP_FIELD_CPUS].known);

	put("cpu/g/cpu.cfs_quota_us", "50000\n");
	put("memory/g/memory.limit_in_bytes", "9223372036854771712\n");
	read_all(&cgroup);
	assert_int(CGROUP_FIELD_CPU_QUOTA, 50000);
	assert_int(CGROUP_FIELD_CPU_PERIOD, 100000);
	assert_false(values[CGROUP_FIELD_MEMORY_MAX].known);
	put("memory/g/memory.stat", "hierarchical_memory_limit 9223372036854771712\ntotal_rss 600\n");
	put("memory/g/memory.limit_in_bytes", "9223372036854710272\n"); /* pages of 64 kB */
	read_all(&cgroup);
	assert_false(values[CGROUP_FIELD_MEMORY_MAX].known);

	/* that of a group which is not in sight */
	put("memory/g/memory.stat", "hierarchical_memory_limit 4000\ntotal_rss 600\n");
	read_all(&cgroup);
	assert_int(CGROUP_FIELD_MEMORY_MAX, 4000);
	assert_false(values[CGROUP_FIELD_MEMORY_MAX_CURRENT].known);
	put("memory/g/memory.limit_in_bytes", "3000\n");
	read_all(&cgroup);
	assert_int(CGROUP_FIELD_MEMORY_MAX, 3000);
	assert_int(CGROUP_FIELD_MEMORY_MAX_CURRENT, 1000);
}

static void
the_limit_of_a_group_above_holds(void **state)
{
	Cgroup cgroup;

	put("pod/memory.max", "9000\n");
	put("pod/memory.current", "4000\n");
	put("pod/cpu.max", "200000 100000\n");
	put("pod/cpu.stat", "usage_usec 500\nnr_periods 7\nnr_throttled 6\nthrottled_usec 5\n");
	put("pod/db/memory.max", "max\n");
	put("pod/db/cpu.max", "max 100000\n");
	put("pod/db/init/memory.max", "max\n");
	put("pod/db/init/memory.current", "1000\n");
	put("pod/db/init/cpu.max", "max 100000\n");
	put("pod/db/init/cpu.stat", "usage_usec 123\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n");
	find(&cgroup, "0::/pod/db/init\n", V2_MOUNT);
	read_all(&cgroup);
	assert_int(CGROUP_FIELD_MEMORY_CURRENT, 1000);
	assert_int(CGROUP_FIELD_MEMORY_MAX, 9000);
	assert_int(CGROUP_FIELD_MEMORY_MAX_CURRENT, 4000);
	assert_int(CGROUP_FIELD_CPU_QUOTA, 200000);
	assert_int(CGROUP_FIELD_CPU_USAGE, 123);
	assert_int(CGROUP_FIELD_NR_THROTTLED, 6);

	/* of several the lowest, be it further up or of another period */
	put("pod/db/memory.max", "10000\n");
	put("pod/db/cpu.max", "30000 10000\n");
	read_all(&cgroup);
	assert_int(CGROUP_FIELD_MEMORY_MAX, 9000);
	assert_int(CGROUP_FIELD_CPU_QUOTA, 200000);
	put("pod/db/memory.max", "8000\n");
	put("pod/db/cpu.max", "10000 10000\n");
	read_all(&cgroup);
	assert_int(CGROUP_FIELD_MEMORY_MAX, 8000);
	assert_false(values[CGROUP_FIELD_MEMORY_MAX_CURRENT].known);
	assert_int(CGROUP_FIELD_CPU_QUOTA, 10000);
	assert_int(CGROUP_FIELD_CPU_PERIOD, 10000);

	/* nothing above the mount is looked at */
	put("memory.max", "1\n");
	find(&cgroup, "0::/pod/db/init\n", "30 20 0:30 /pod %s/pod rw - cgroup2 cgroup2 rw\n");
	assert_place(&cgroup, CGROUP_MEMORY, 2, "%s/pod/db/init");
	read_all(&cgroup);
	assert_int(CGROUP_FIELD_MEMORY_MAX, 8000);
}

static void
surprising_content_is_absent_alone(void **state)
{
	static const char *const contents[] = {
		"",
		"\n",
		"max",
		"-1\n",
		"1.5\n",
		"99999999999999999999\n",
		"0x10\n",
		"one two\n",
		" max 100000",
		"100000\n",
		"0 0\n",
		"1 0\n",
		"some\n",
		"some avg10\nfull =\n",
		"0-\n",
		"3-1\n",
		"0-4294967295\n",
		",\n",
		"usage_usec\nusage_usec x\n",
		"some avg10=-1 avg60=101 total=-5\n",
	};
	static const char *const files[] = {
		"memory.current",		 "memory.max", "memory.stat",
		"memory.events",		 "cpu.max",	   "cpu.stat",
		"cpuset.cpus.effective", "pids.max",   "cpu.pressure",
	};
	Cgroup cgroup;

	put("g/pids.current", "12\n");
	find(&cgroup, "0::/g\n", V2_MOUNT);
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
	{
		for (size_t j = 0; j < sizeof(files) / sizeof(files[0]); j++)
		{
			char name[64];

			snprintf(name, sizeof(name), "g/%s", files[j]);
			put(name, contents[i]);
		}
		read_all(&cgroup);
		assert_int(CGROUP_FIELD_PIDS_CURRENT, 12);
		assert_false(values[CGROUP_FIELD_CPU_QUOTA].known);
		assert_false(values[CGROUP_FIELD_CPU_USAGE].known);
		assert_false(values[CGROUP_FIELD_OOM_KILLS].known);
		assert_false(pressure_values[PRESSURE_FIELD_CPU][STALL_FIELD_SOME_AVG10].known);
		assert_false(pressure_values[PRESSURE_FIELD_CPU][STALL_FIELD_SOME_AVG60].known);
	}

	/* no directory at all */
	find(&cgroup, "0::/gone (deleted)\n", V2_MOUNT);
	read_all(&cgroup);
	for (int i = 0; i < NUM_CGROUP_FIELDS; i++)
		assert_int_equal(values[i].known, i == CGROUP_FIELD_VERSION);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_directory, remove_directory)
	const struct CMUnitTest tests[] = {
		TEST(version_2_is_one_directory),
		TEST(a_container_that_sees_a_part_only),
		TEST(a_mount_that_another_one_hides),
		TEST(groups_above_the_namespace_are_not_in_sight),
		TEST(version_1_has_a_directory_for_each_controller),
		TEST(a_machine_with_both_versions),
		TEST(surprising_lines_are_left_out),
		TEST(everything_of_version_2),
		TEST(everything_of_version_1),
		TEST(the_limit_of_a_group_above_holds),
		TEST(surprising_content_is_absent_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
