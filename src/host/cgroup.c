/*
 * cgroup.c
 *		The control group that the server runs in, and its limits.
 *
 * A line of /proc/self/cgroup is "4:memory:/path" for a hierarchy of version 1
 * and "0::/path" for version 2.  A machine may have both; a controller that has
 * a hierarchy of version 1 is not in version 2.  Where the files are is told by
 * the mount table: a container sees the hierarchy from its own group on, be it
 * because it has a namespace (then the path is "/"), or because only a part of
 * it is mounted (then the path begins with the root of the mount).
 *
 * A limit counts for everything below, so the lowest one on the way up to the
 * topmost group in sight is what holds; of two that are equal the nearest.  How
 * much of it is used, and how often it was hit, is told by the group that has
 * the limit.
 */
#include "host/cgroup.h"

#include <stdio.h>
#include <string.h>

#include "host/keyed.h"
#include "host/pressure.h"
#include "host/proc.h"

static const char *const Controllers[NUM_CGROUP_CONTROLLERS] = {
	[CGROUP_MEMORY] = "memory", [CGROUP_CPU] = "cpu",	[CGROUP_CPUACCT] = "cpuacct",
	[CGROUP_CPUSET] = "cpuset", [CGROUP_PIDS] = "pids",
};

/* memory.stat has about 50 lines. */
#define FILE_SIZE 8192

/* Version 1 writes "no limit" as the largest multiple of the page size. */
#define V1_UNLIMITED (INT64_MAX - 1024 * 1024)

/* ---- where the files are ---- */

static bool
ListHolds(Span list, const char *name)
{
	Span item;

	while (SpanCut(&list, ',', &item))
	{
		if (SpanIs(item, name))
			return true;
	}
	return false;
}

static bool
MountHolds(const Mount *mount, int version, const char *controller)
{
	if (version == 2)
		return strcmp(mount->fstype, "cgroup2") == 0;
	return strcmp(mount->fstype, "cgroup") == 0 &&
		ListHolds(SpanOf((char *) mount->options, mount->options_length), controller);
}

/* What is left of path below root, or NULL. */
static const char *
PathBelow(const char *path, const char *root)
{
	size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);

	/* Groups above our namespace have no names that could be looked up. */
	if (strncmp(path, "/..", 3) == 0 || strncmp(path, root, length) != 0 ||
		(path[length] != '/' && path[length] != '\0'))
		return NULL;
	return strcmp(path + length, "/") == 0 ? "" : path + length;
}

static void
FindPlace(CgroupPlace *place, int version, const char *controller, const char *path,
		  const MountTable *mounts)
{
	const Mount *found = NULL;
	bool		 may_ask;

	for (int i = 0; i < mounts->count; i++)
	{
		const Mount *mount = &mounts->mounts[i];

		/* The mount that shows most groups above ours, if no other one hides it. */
		if (MountHolds(mount, version, controller) && PathBelow(path, mount->root) != NULL &&
			MountAt(mounts, mount->point, &may_ask) == mount &&
			(found == NULL || strlen(mount->root) <= strlen(found->root)))
			found = mount;
	}
	if (found == NULL ||
		snprintf(place->path, sizeof(place->path), "%s%s", found->point,
				 PathBelow(path, found->root)) >= (int) sizeof(place->path))
	{
		place->version = 0;
		return;
	}
	place->version = version;
	place->top = strlen(found->point);
}

static bool
CutLine(Span *rest, Span *controllers, char *path, size_t size)
{
	Span line;
	Span id;

	while (SpanCut(rest, '\n', &line))
	{
		size_t length;

		if (!SpanCut(&line, ':', &id) || line.at >= line.end)
			continue;
		controllers->at = controllers->end = line.at;
		if (*line.at != ':')
			SpanCut(&line, ':', controllers);
		else
			line.at++;
		length = line.end - line.at;
		if (length == 0 || *line.at != '/' || length >= size)
			continue;
		memcpy(path, line.at, length);
		path[length] = '\0';
		return true;
	}
	return false;
}

void
CgroupFind(char *text, size_t length, const MountTable *mounts, Cgroup *cgroup)
{
	char path[CGROUP_PATH_SIZE];
	bool is_v1[NUM_CGROUP_CONTROLLERS] = {false};
	Span rest = SpanOf(text, length);
	Span controllers;

	memset(cgroup, 0, sizeof(*cgroup));
	while (CutLine(&rest, &controllers, path, sizeof(path)))
	{
		bool is_v2 = controllers.at == controllers.end;

		for (int i = 0; i < NUM_CGROUP_CONTROLLERS; i++)
		{
			if (is_v2 && !is_v1[i])
				FindPlace(&cgroup->places[i], 2, NULL, path, mounts);
			else if (!is_v2 && ListHolds(controllers, Controllers[i]))
			{
				is_v1[i] = true;
				FindPlace(&cgroup->places[i], 1, Controllers[i], path, mounts);
			}
		}
		if (is_v2 && cgroup->version == 0)
			cgroup->version = 2;
		if (is_v1[CGROUP_MEMORY] || is_v1[CGROUP_CPU])
			cgroup->version = 1;
	}
}

/* ---- one file ---- */

/* Reads a file of the group whose path is the first "length" bytes; buffer holds FILE_SIZE. */
static bool
ReadFile(const CgroupPlace *place, size_t length, const char *file, char *buffer, size_t *used)
{
	char path[CGROUP_PATH_SIZE + 64];
	bool cut;

	if (place->version == 0 || file == NULL)
		return false;
	snprintf(path, sizeof(path), "%.*s/%s", (int) length, place->path, file);
	return TextRead(path, buffer, FILE_SIZE, used, &cut) == 0;
}

/* A file that holds one number; "max" and the like are none. */
static Value
ReadNumber(const CgroupPlace *place, size_t length, const char *file)
{
	char   buffer[FILE_SIZE];
	size_t used;
	Value  value = {0};

	if (ReadFile(place, length, file, buffer, &used))
		NumbersParse(buffer, used, &value, 1);
	if (value.known && place->version == 1 && value.i > V1_UNLIMITED)
		value.known = false;
	return value;
}

static void
ReadKeyed(const CgroupPlace *place, size_t length, const char *file, const KeyedField *table,
		  int count, Value *values)
{
	char   buffer[FILE_SIZE];
	size_t used;

	if (ReadFile(place, length, file, buffer, &used))
		KeyedParse(buffer, used, table, count, values);
}

static size_t
OwnGroup(const CgroupPlace *place)
{
	return strlen(place->path);
}

/* Takes the group above; false: there is none in sight. */
static bool
GoUp(const CgroupPlace *place, size_t *length)
{
	size_t up = *length;

	if (up <= place->top)
		return false;
	while (up > place->top && place->path[--up] != '/')
		;
	*length = up;
	return true;
}

static const char *
FileOf(const CgroupPlace *place, const char *v2, const char *v1)
{
	return place->version == 1 ? v1 : v2;
}

/* The lowest limit that holds for the group, and in *owner whose it is. */
static Value
LowestLimit(const CgroupPlace *place, const char *file, size_t *owner)
{
	Value  lowest = {0};
	size_t length = OwnGroup(place);

	*owner = length;
	do
	{
		Value limit = ReadNumber(place, length, file);

		if (limit.known && (!lowest.known || limit.i < lowest.i))
		{
			lowest = limit;
			*owner = length;
		}
	} while (GoUp(place, &length));
	return lowest;
}

/* ---- memory, processes, CPUs ---- */

static const KeyedField MemoryStat[] = {
	{"anon", CGROUP_FIELD_MEMORY_ANON, 1},
	{"file", CGROUP_FIELD_MEMORY_FILE, 1},
	{"shmem", CGROUP_FIELD_MEMORY_SHMEM, 1},
};

/* Version 1 also tells the limit that holds, whether the group that has it is in sight or not. */
#define HIERARCHICAL_LIMIT NUM_CGROUP_FIELDS

static const KeyedField MemoryStatV1[] = {
	{"total_rss", CGROUP_FIELD_MEMORY_ANON, 1},
	{"total_cache", CGROUP_FIELD_MEMORY_FILE, 1},
	{"total_shmem", CGROUP_FIELD_MEMORY_SHMEM, 1},
	{"hierarchical_memory_limit", HIERARCHICAL_LIMIT, 1},
};

static const KeyedField OomKill = {"oom_kill", CGROUP_FIELD_OOM_KILLS, 1};

static void
ReadMemoryStatV1(const CgroupPlace *place, Value *values)
{
	Value  found[NUM_CGROUP_FIELDS + 1] = {0};
	Value *limit = &found[HIERARCHICAL_LIMIT];
	Value *known = &values[CGROUP_FIELD_MEMORY_MAX];

	ReadKeyed(place, OwnGroup(place), "memory.stat", MemoryStatV1, LENGTH(MemoryStatV1), found);
	values[CGROUP_FIELD_MEMORY_ANON] = found[CGROUP_FIELD_MEMORY_ANON];
	values[CGROUP_FIELD_MEMORY_FILE] = found[CGROUP_FIELD_MEMORY_FILE];
	values[CGROUP_FIELD_MEMORY_SHMEM] = found[CGROUP_FIELD_MEMORY_SHMEM];
	if (limit->known && limit->i <= V1_UNLIMITED && (!known->known || limit->i < known->i))
	{
		*known = *limit;
		values[CGROUP_FIELD_MEMORY_MAX_CURRENT].known = false;
	}
}

static void
ReadMemory(const CgroupPlace *place, Value *values)
{
	const char *usage = FileOf(place, "memory.current", "memory.usage_in_bytes");
	size_t		own = OwnGroup(place);
	size_t		owner;

	values[CGROUP_FIELD_MEMORY_CURRENT] = ReadNumber(place, own, usage);
	values[CGROUP_FIELD_MEMORY_MAX] =
		LowestLimit(place, FileOf(place, "memory.max", "memory.limit_in_bytes"), &owner);
	if (values[CGROUP_FIELD_MEMORY_MAX].known)
		values[CGROUP_FIELD_MEMORY_MAX_CURRENT] = ReadNumber(place, owner, usage);
	values[CGROUP_FIELD_SWAP_CURRENT] =
		ReadNumber(place, own, FileOf(place, "memory.swap.current", NULL));
	values[CGROUP_FIELD_SWAP_MAX] =
		LowestLimit(place, FileOf(place, "memory.swap.max", NULL), &owner);

	if (place->version == 1)
		ReadMemoryStatV1(place, values);
	else
		ReadKeyed(place, own, "memory.stat", MemoryStat, LENGTH(MemoryStat), values);
	ReadKeyed(place, own, FileOf(place, "memory.events", "memory.oom_control"), &OomKill, 1,
			  values);
}

static void
ReadProcesses(const CgroupPlace *place, Value *values)
{
	size_t owner;

	values[CGROUP_FIELD_PIDS_CURRENT] = ReadNumber(place, OwnGroup(place), "pids.current");
	values[CGROUP_FIELD_PIDS_MAX] = LowestLimit(place, "pids.max", &owner);
}

/* Counts "0-3,8" as 5; false: that is no list. */
static bool
CountList(Span list, int64_t *count)
{
	Span	range;
	Span	first;
	int64_t from;
	int64_t to;

	*count = 0;
	while (SpanCut(&list, ',', &range))
	{
		if (!SpanCut(&range, '-', &first) || !SpanInt(first, &from))
			return false;
		to = from;
		if (range.at < range.end && !SpanInt(range, &to))
			return false;
		if (to < from || to > INT32_MAX)
			return false;
		*count += to - from + 1;
	}
	return *count > 0;
}

static void
ReadCpus(const CgroupPlace *place, Value *values)
{
	char	buffer[FILE_SIZE];
	size_t	used;
	Span	rest;
	Span	line;
	int64_t count;

	if (!ReadFile(place, OwnGroup(place),
				  FileOf(place, "cpuset.cpus.effective", "cpuset.effective_cpus"), buffer, &used))
		return;
	rest = SpanOf(buffer, used);
	if (SpanCut(&rest, '\n', &line) && CountList(line, &count))
		ValueSetInt(&values[CGROUP_FIELD_CPUS], count);
}

/* ---- processor time ---- */

static const KeyedField CpuUsage = {"usage_usec", CGROUP_FIELD_CPU_USAGE, 1};

static const KeyedField Throttling[] = {
	{"nr_periods", CGROUP_FIELD_NR_PERIODS, 1},
	{"nr_throttled", CGROUP_FIELD_NR_THROTTLED, 1},
	{"throttled_usec", CGROUP_FIELD_THROTTLED, 1},
	{"throttled_time", CGROUP_FIELD_THROTTLED, 1000}, /* version 1, in ns */
};

/* Quota and period of one group; false: it has none. */
static bool
ReadQuota(const CgroupPlace *place, size_t length, Value *quota)
{
	char   buffer[FILE_SIZE];
	size_t used;

	quota[0].known = quota[1].known = false;
	if (place->version == 1)
	{
		quota[0] = ReadNumber(place, length, "cpu.cfs_quota_us");
		quota[1] = ReadNumber(place, length, "cpu.cfs_period_us");
	}
	else if (ReadFile(place, length, "cpu.max", buffer, &used))
		NumbersParse(buffer, used, quota, 2);
	return quota[0].known && quota[1].known && quota[1].i > 0;
}

static void
ReadCpu(const CgroupPlace *place, Value *values)
{
	size_t length = OwnGroup(place);
	size_t owner = length;
	double lowest = 0;
	Value  quota[2];

	do
	{
		if (ReadQuota(place, length, quota) &&
			(!values[CGROUP_FIELD_CPU_QUOTA].known || (double) quota[0].i / quota[1].i < lowest))
		{
			lowest = (double) quota[0].i / quota[1].i;
			owner = length;
			values[CGROUP_FIELD_CPU_QUOTA] = quota[0];
			values[CGROUP_FIELD_CPU_PERIOD] = quota[1];
		}
	} while (GoUp(place, &length));
	ReadKeyed(place, owner, "cpu.stat", Throttling, LENGTH(Throttling), values);
}

static void
ReadCpuUsage(const CgroupPlace *place, Value *values)
{
	Value nanoseconds;

	if (place->version == 2)
	{
		ReadKeyed(place, OwnGroup(place), "cpu.stat", &CpuUsage, 1, values);
		return;
	}
	nanoseconds = ReadNumber(place, OwnGroup(place), "cpuacct.usage");
	if (nanoseconds.known)
		ValueSetInt(&values[CGROUP_FIELD_CPU_USAGE], nanoseconds.i / 1000);
}

/* ---- all of it ---- */

static void
ReadPressure(const CgroupPlace *place, Value *const *pressure)
{
	for (int i = 0; i < NUM_PRESSURE_FIELDS; i++)
	{
		char   buffer[FILE_SIZE];
		char   file[32];
		size_t used;

		snprintf(file, sizeof(file), "%s.pressure", PressureResources[i]);
		if (place->version == 2 && ReadFile(place, OwnGroup(place), file, buffer, &used))
			PressureParse(buffer, used, pressure[i]);
	}
}

void
CgroupRead(const Cgroup *cgroup, Value *values, Value *const *pressure)
{
	if (cgroup->version == 0)
		return;
	ValueSetInt(&values[CGROUP_FIELD_VERSION], cgroup->version);
	ReadMemory(&cgroup->places[CGROUP_MEMORY], values);
	ReadCpu(&cgroup->places[CGROUP_CPU], values);
	ReadCpuUsage(&cgroup->places[CGROUP_CPUACCT], values);
	ReadCpus(&cgroup->places[CGROUP_CPUSET], values);
	ReadProcesses(&cgroup->places[CGROUP_PIDS], values);
	ReadPressure(&cgroup->places[CGROUP_MEMORY], pressure);
}
