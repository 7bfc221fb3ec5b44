/*
 * system.c
 *		What the machine is and how its kernel is set up.
 */
#include "host/system.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "host/keyed.h"
#include "host/proc.h"

/* /proc/cpuinfo may ask every CPU for its frequency: no more than the first ones are read. */
#define FILE_SIZE 4096

static void
CopyText(Span from, char *to)
{
	size_t length = from.end - from.at;

	if (length >= SYSTEM_TEXT_SIZE)
		length = SYSTEM_TEXT_SIZE - 1;
	memcpy(to, from.at, length);
	to[length] = '\0';
}

void
OsReleaseParse(char *text, size_t length, char *os)
{
	static const char key[] = "PRETTY_NAME=";
	Span			  rest = SpanOf(text, length);
	Span			  line;

	os[0] = '\0';
	while (SpanCut(&rest, '\n', &line))
	{
		if (!SpanBeginsWith(line, key))
			continue;
		line.at += sizeof(key) - 1;
		if (line.end - line.at >= 2 && (*line.at == '"' || *line.at == '\'') &&
			line.end[-1] == *line.at)
		{
			line.at++;
			line.end--;
		}
		CopyText(line, os);
	}
}

/* Names differ by architecture; some have none. */
void
CpuModelParse(char *text, size_t length, char *cpu_model)
{
	Span rest = SpanOf(text, length);
	Span line;
	Span key;

	cpu_model[0] = '\0';
	while (cpu_model[0] == '\0' && SpanCut(&rest, '\n', &line))
	{
		if (!SpanCut(&line, ':', &key))
			continue;
		if (!SpanBeginsWith(key, "model name\t") && !SpanBeginsWith(key, "cpu\t"))
			continue;
		while (line.at < line.end && *line.at == ' ')
			line.at++;
		CopyText(line, cpu_model);
	}
}

static void
SetText(Value *value, const char *text)
{
	ValueSetText(value, text[0] != '\0' ? text : NULL);
}

static void
ReadUname(SystemInfo *system)
{
	struct utsname name;

	if (uname(&name) != 0)
		return;
	snprintf(system->kernel, sizeof(system->kernel), "%.60s %.60s", name.sysname, name.release);
	snprintf(system->machine, sizeof(system->machine), "%.100s", name.machine);
	SetText(&system->values[SYSTEM_FIELD_KERNEL], system->kernel);
	SetText(&system->values[SYSTEM_FIELD_MACHINE], system->machine);
}

static void
ReadNames(SystemInfo *system)
{
	char   buffer[FILE_SIZE];
	size_t length;
	bool   cut;

	if (TextRead("/etc/os-release", buffer, sizeof(buffer), &length, &cut) == 0)
		OsReleaseParse(buffer, length, system->os);
	if (ProcRead("cpuinfo", buffer, sizeof(buffer), &length, &cut) == 0)
		CpuModelParse(buffer, length, system->cpu_model);
	SetText(&system->values[SYSTEM_FIELD_OS], system->os);
	SetText(&system->values[SYSTEM_FIELD_CPU_MODEL], system->cpu_model);
}

static const struct
{
	const char *file;
	int			field;
} Settings[] = {
	{"sys/vm/overcommit_memory", SYSTEM_FIELD_OVERCOMMIT_MEMORY},
	{"sys/vm/overcommit_ratio", SYSTEM_FIELD_OVERCOMMIT_RATIO},
	{"sys/vm/swappiness", SYSTEM_FIELD_SWAPPINESS},
};

void
SystemRead(SystemInfo *system)
{
	memset(system, 0, sizeof(*system));
	ReadUname(system);
	ReadNames(system);
	for (int i = 0; i < LENGTH(Settings); i++)
	{
		char   buffer[64];
		size_t length;
		bool   cut;

		if (ProcRead(Settings[i].file, buffer, sizeof(buffer), &length, &cut) == 0)
			NumbersParse(buffer, length, &system->values[Settings[i].field], 1);
	}
}
