/*
 * processes.c
 *		The server's own processes, from /proc/PID.
 *
 * A process that has ended before it was read is left out.  One that could not
 * be read although it is there makes the sum unknown, not smaller.
 */
#include "host/processes.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/keyed.h"
#include "host/proc.h"

/* Rows of "top": by CPU time since the last reading, then by private memory. */
#define TOP_BY_CPU 10
#define TOP_BY_MEMORY 10

#define MB (1024.0 * 1024.0)

/* ---- one file ---- */

int
ChildrenParse(char *text, size_t length, Process *processes, int capacity)
{
	Span	rest = SpanOf(text, length);
	Span	word;
	int64_t pid;
	int		count = 0;

	while (SpanWord(&rest, &word))
	{
		if (!SpanInt(word, &pid) || pid <= 0 || pid > INT32_MAX)
			continue;
		if (count < capacity)
		{
			memset(&processes[count], 0, sizeof(Process));
			processes[count].pid = (int) pid;
		}
		count++;
	}
	return count;
}

/* Columns of /proc/PID/stat after the name, from 0: the state is the first. */
enum
{
	STAT_STATE = 0,
	STAT_MAJOR_FAULTS = 9,
	STAT_UTIME = 11,
	STAT_STIME,
	STAT_CHILD_UTIME,
	STAT_CHILD_STIME,
	STAT_STARTED = 19,
	NUM_STAT_COLUMNS
};

bool
ProcessStatParse(char *text, size_t length, Process *process)
{
	int64_t columns[NUM_STAT_COLUMNS] = {0};
	Span	rest = SpanOf(text, length);
	char   *name_end = NULL;
	Span	word;

	/* The name may hold anything, parentheses too; nothing after it does. */
	for (char *c = rest.at; c < rest.end; c++)
	{
		if (*c == ')')
			name_end = c;
	}
	if (name_end == NULL)
		return false;
	rest.at = name_end + 1;

	for (int i = 0; i < NUM_STAT_COLUMNS; i++)
	{
		if (!SpanWord(&rest, &word))
			return false;
		if (i == STAT_STATE)
			process->state[0] = *word.at;
		else if ((i == STAT_MAJOR_FAULTS || (i >= STAT_UTIME && i <= STAT_CHILD_STIME) ||
				  i == STAT_STARTED) &&
				 !SpanInt(word, &columns[i]))
			return false;
	}
	process->major_faults = columns[STAT_MAJOR_FAULTS];
	process->started = columns[STAT_STARTED];
	return !__builtin_add_overflow(columns[STAT_UTIME], columns[STAT_STIME], &process->ticks) &&
		!__builtin_add_overflow(columns[STAT_CHILD_UTIME], columns[STAT_CHILD_STIME],
								&process->child_ticks);
}

/* ---- one process ---- */

/* Returns 0 or an errno. */
static int
ReadOf(int pid, const char *file, char *buffer, size_t size, size_t *length)
{
	char name[PROC_NAME_SIZE];
	bool cut;

	snprintf(name, sizeof(name), "%d/%s", pid, file);
	return ProcRead(name, buffer, size, length, &cut);
}

static bool
IsDead(const Process *process)
{
	return process->state[0] == 'Z' || process->state[0] == 'X';
}

/* Returns false when the process is there and tells nothing of use. */
static bool
ReadStat(Process *process)
{
	char   buffer[1024];
	size_t length;
	int	   error = ReadOf(process->pid, "stat", buffer, sizeof(buffer), &length);

	process->resident = -1;
	process->gone = error == ENOENT || error == ESRCH;
	return process->gone || (error == 0 && ProcessStatParse(buffer, length, process));
}

static bool
ReadMemory(Process *process)
{
	char   buffer[256];
	size_t length;
	Value  sizes[3] = {0}; /* size, resident, shared */
	int	   error;

	if (process->gone || IsDead(process))
		return true;
	error = ReadOf(process->pid, "statm", buffer, sizeof(buffer), &length);
	if (error == ENOENT || error == ESRCH)
		return true;
	if (error == 0)
		NumbersParse(buffer, length, sizes, 3);
	if (!sizes[1].known || !sizes[2].known || sizes[2].i > sizes[1].i)
		return false;
	process->resident = sizes[1].i;
	process->shared = sizes[2].i;
	return true;
}

static int
CountEntries(const char *path)
{
	DIR *dir = opendir(path);
	int	 count = 0;

	if (dir == NULL)
		return -1;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
	{
		if (entry->d_name[0] != '.')
			count++;
	}
	closedir(dir);
	return count;
}

/* Adds the number of open files; false: it could not be found out. */
static bool
AddOpenFiles(const Process *process, int64_t *sum)
{
	char		path[PROC_PATH_SIZE];
	struct stat st;
	int			count;

	if (process->gone || IsDead(process))
		return true;
	if (snprintf(path, sizeof(path), "%s/%d/fd", ProcRoot, process->pid) >= (int) sizeof(path))
		return false;

	/* Linux 6.2 and later tell the number as the size of the directory. */
	if (stat(path, &st) != 0)
		count = -1;
	else if (st.st_size > 0)
		count = (int) st.st_size;
	else
		count = CountEntries(path);
	if (count > 0)
		*sum += count;
	return count >= 0 || errno == ENOENT || errno == ESRCH;
}

static bool
AddPss(const Process *process, int64_t *sum_kb)
{
	static const KeyedField pss = {"Pss:", 0, 1};
	char					buffer[2048];
	size_t					length;
	Value					value = {0};
	int						error;

	if (process->gone || IsDead(process))
		return true;
	error = ReadOf(process->pid, "smaps_rollup", buffer, sizeof(buffer), &length);
	if (error == ENOENT || error == ESRCH)
		return true;
	if (error == 0)
		KeyedParse(buffer, length, &pss, 1, &value);
	if (value.known)
		*sum_kb += value.i;
	return value.known;
}

bool
SharedMemoryIsInHugePages(void)
{
	char   buffer[32 * 1024];
	size_t length;
	bool   cut;
	Span   rest;
	Span   line;
	Span   word;

	if (ProcRead("self/maps", buffer, sizeof(buffer), &length, &cut) != 0)
		return false;
	rest = SpanOf(buffer, length);
	while (SpanCut(&rest, '\n', &line))
	{
		while (SpanWord(&line, &word))
		{
			if (SpanIs(word, "/anon_hugepage"))
				return true;
		}
	}
	return false;
}

/* ---- growth since the last time ---- */

static int
ComparePids(const void *a, const void *b)
{
	int left = *(const int *) a;
	int right = *(const int *) b;

	return left < right ? -1 : left > right;
}

/* CPU time since the last reading; all of it for one that is new. */
static int64_t
GrowthOf(const Process *process, const ProcessMemory *memory)
{
	int low = 0;
	int high = memory->count;

	while (low < high)
	{
		int middle = (low + high) / 2;

		if (memory->processes[middle].pid < process->pid)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < memory->count && memory->processes[low].pid == process->pid &&
		memory->processes[low].started == process->started)
		return process->ticks - memory->processes[low].ticks;
	return memory->full ? 0 : process->ticks;
}

static void
Remember(const Process *processes, int count, ProcessMemory *memory)
{
	memory->count = 0;
	memory->full = false;
	for (int i = 0; i < count; i++)
	{
		if (processes[i].gone)
			continue;
		if (memory->count >= MAX_REMEMBERED_PROCESSES)
		{
			memory->full = true;
			break;
		}
		memory->processes[memory->count].pid = processes[i].pid;
		memory->processes[memory->count].started = processes[i].started;
		memory->processes[memory->count++].ticks = processes[i].ticks;
	}
	qsort(memory->processes, memory->count, sizeof(memory->processes[0]), ComparePids);
}

/* ---- the list of those with most ---- */

static int64_t
PrivatePages(const Process *process)
{
	return process->resident < 0 ? -1 : process->resident - process->shared;
}

static int64_t
GrowthRank(const Process *process)
{
	return process->growth;
}

/* The one with the highest rank above 0 that is not shown yet, or NULL. */
static Process *
Highest(Process *processes, int count, int64_t (*rank)(const Process *))
{
	Process *found = NULL;

	for (int i = 0; i < count; i++)
	{
		Process *process = &processes[i];

		if (!process->gone && !process->shown && rank(process) > (found ? rank(found) : 0))
			found = process;
	}
	return found;
}

static double
Seconds(int64_t ticks)
{
	return (double) ticks / sysconf(_SC_CLK_TCK);
}

static double
Megabytes(double bytes)
{
	return (int64_t) (bytes / MB * 100 + 0.5) / 100.0;
}

static void
ReadIo(int pid, Value *row)
{
	static const KeyedField fields[] = {
		{"read_bytes:", PROCESS_FIELD_READ_BYTES, 1},
		{"write_bytes:", PROCESS_FIELD_WRITE_BYTES, 1},
	};
	char   buffer[512];
	size_t length;

	if (ReadOf(pid, "io", buffer, sizeof(buffer), &length) == 0)
		KeyedParse(buffer, length, fields, LENGTH(fields), row);
}

static void
Show(Process *process, Rows *top)
{
	Value *row = RowsAdd(top);
	double page = sysconf(_SC_PAGESIZE);

	process->shown = true;
	if (row == NULL)
		return;
	ValueSetInt(&row[PROCESS_FIELD_PID], process->pid);
	ValueSetText(&row[PROCESS_FIELD_STATE], process->state);
	ValueSetFloat(&row[PROCESS_FIELD_CPU_SECONDS], Seconds(process->ticks));
	ValueSetInt(&row[PROCESS_FIELD_MAJOR_FAULTS], process->major_faults);
	if (process->resident >= 0)
	{
		ValueSetFloat(&row[PROCESS_FIELD_RSS], Megabytes(process->resident * page));
		ValueSetFloat(&row[PROCESS_FIELD_PRIVATE], Megabytes(PrivatePages(process) * page));
	}
	ReadIo(process->pid, row);
}

static void
ShowHighest(Process *processes, int count, int limit, int64_t (*rank)(const Process *), Rows *top)
{
	Process *process;

	for (int i = 0; i < limit && (process = Highest(processes, count, rank)) != NULL; i++)
		Show(process, top);
}

/* ---- all of them ---- */

/*
 * CPU time of the server: of the processes there are, and, by way of the
 * postmaster, of those that have ended.  A child that ends while we look is in
 * neither, because the postmaster was read first: then what was there before is
 * still true.
 */
static void
SetCpuSeconds(const Process *processes, int count, ProcessMemory *memory, Value *postgres)
{
	int64_t ticks = 0;

	for (int i = 0; i < count; i++)
	{
		if (!processes[i].gone)
			ticks += processes[i].ticks + processes[i].child_ticks;
	}
	if (Seconds(ticks) > memory->cpu_seconds)
		memory->cpu_seconds = Seconds(ticks);
	ValueSetFloat(&postgres[POSTGRES_FIELD_CPU_SECONDS], memory->cpu_seconds);
}

static void
SetMemory(const Process *processes, int count, Value *postgres)
{
	int64_t resident = 0;
	int64_t private = 0;
	double page = sysconf(_SC_PAGESIZE);

	for (int i = 0; i < count; i++)
	{
		if (processes[i].resident < 0)
			continue;
		resident += processes[i].resident;
		private += PrivatePages(&processes[i]);
	}
	ValueSetFloat(&postgres[POSTGRES_FIELD_RSS], Megabytes(resident * page));
	ValueSetFloat(&postgres[POSTGRES_FIELD_PRIVATE], Megabytes(private * page));
}

void
ProcessesRead(Process *processes, int count, bool with_pss, ProcessMemory *memory, Value *postgres,
			  Rows *top)
{
	bool	stat_known = true;
	bool	memory_known = true;
	bool	files_known = true;
	bool	pss_known = with_pss;
	int64_t files = 0;
	int64_t pss_kb = 0;
	int		living = 0;

	for (int i = 0; i < count; i++)
	{
		Process *process = &processes[i];

		if (!ReadStat(process))
		{
			stat_known = false;
			process->gone = true;
			continue;
		}
		if (process->gone)
			continue;
		process->growth = GrowthOf(process, memory);
		living += !IsDead(process);
		memory_known = ReadMemory(process) && memory_known;
		files_known = files_known && AddOpenFiles(process, &files);
		pss_known = pss_known && AddPss(process, &pss_kb);
	}
	if (processes[0].gone || living == 0)
		return;

	if (stat_known)
	{
		ValueSetInt(&postgres[POSTGRES_FIELD_PROCESSES], living);
		SetCpuSeconds(processes, count, memory, postgres);
	}
	if (stat_known && memory_known)
		SetMemory(processes, count, postgres);
	if (stat_known && files_known)
		ValueSetInt(&postgres[POSTGRES_FIELD_OPEN_FILES], files);
	if (stat_known && pss_known)
		ValueSetFloat(&postgres[POSTGRES_FIELD_PSS], Megabytes(pss_kb * 1024.0));

	Remember(processes, count, memory);
	ShowHighest(processes, count, TOP_BY_CPU, GrowthRank, top);
	ShowHighest(processes, count, TOP_BY_MEMORY, PrivatePages, top);
}
