/*
 * cpu.c
 *		/proc/stat, /proc/loadavg and /proc/uptime.
 */
#include "host/cpu.h"

#include "host/proc.h"

/* Which counters make up which field. */
static const struct
{
	int field;
	int ticks;
	int more_ticks; /* -1: none */
} Shares[] = {
	{CPU_FIELD_USER, TICKS_USER, -1},		   {CPU_FIELD_SYSTEM, TICKS_SYSTEM, -1},
	{CPU_FIELD_IOWAIT, TICKS_IOWAIT, -1},	   {CPU_FIELD_STEAL, TICKS_STEAL, -1},
	{CPU_FIELD_IDLE, TICKS_IDLE, -1},		   {CPU_FIELD_NICE, TICKS_NICE, -1},
	{CPU_FIELD_IRQ, TICKS_IRQ, TICKS_SOFTIRQ},
};

#define NUM_SHARES ((int) (sizeof(Shares) / sizeof(Shares[0])))

/* Kernels before 2.6 have four counters; fewer are no /proc/stat. */
#define MIN_TICKS (TICKS_IDLE + 1)

static void
ParseTicks(Span line, CpuCounters *counters)
{
	Span word;

	while (counters->known < NUM_TICKS && SpanWord(&line, &word) &&
		   SpanInt(word, &counters->ticks[counters->known]))
		counters->known++;
	if (counters->known < MIN_TICKS)
		counters->known = 0;
}

CpuCounters
CpuParse(char *text, size_t length)
{
	CpuCounters counters = {0};
	Span		rest = SpanOf(text, length);
	Span		line;
	Span		word;
	bool		ended = false;

	/* "cpu" comes first, a "cpuN" for each CPU follows, then other things. */
	while (!ended && SpanCut(&rest, '\n', &line))
	{
		if (!SpanWord(&line, &word))
			continue;
		if (SpanIs(word, "cpu"))
			ParseTicks(line, &counters);
		else if (SpanBeginsWith(word, "cpu"))
			counters.count++;
		else
			ended = true;
	}
	if (!ended)
		counters.count = 0; /* the file was cut among its CPUs */
	return counters;
}

/*
 * What each counter grew by, -1 where that is unknown; returns the sum, or -1
 * when the counters began anew.  The kernel documents that iowait may decrease, and
 * idle does when a CPU goes offline; any other counter that does is a machine
 * that was restored, or a container's /proc that changed hands.
 */
static int64_t
TicksBetween(const CpuCounters *before, const CpuCounters *now, int64_t *growth)
{
	int64_t total = 0;

	for (int i = 0; i < NUM_TICKS; i++)
	{
		growth[i] = -1;
		if (i >= now->known || i >= before->known)
			continue;
		if (now->ticks[i] < before->ticks[i])
		{
			if (i != TICKS_IOWAIT && i != TICKS_IDLE)
				return -1;
			continue;
		}
		growth[i] = now->ticks[i] - before->ticks[i];
		if (__builtin_add_overflow(total, growth[i], &total))
			return -1;
	}
	return total;
}

/* Two decimals are more than a counter of 10 ms can tell. */
static double
Percentage(int64_t part, int64_t whole)
{
	return (int64_t) (10000.0 * part / whole + 0.5) / 100.0;
}

void
CpuPercentages(const CpuCounters *before, const CpuCounters *now, Value *cpu)
{
	int64_t growth[NUM_TICKS];
	int64_t total;

	/* CPUs that come and go bring their counters along. */
	if (before->known == 0 || before->count != now->count)
		return;
	total = TicksBetween(before, now, growth);
	if (total <= 0)
		return;

	for (int i = 0; i < NUM_SHARES; i++)
	{
		int64_t part = growth[Shares[i].ticks];

		if (part >= 0 && Shares[i].more_ticks >= 0)
		{
			int64_t more = growth[Shares[i].more_ticks];

			part = more >= 0 ? part + more : -1;
		}
		if (part >= 0)
			ValueSetFloat(&cpu[Shares[i].field], Percentage(part, total));
	}
}

void
LoadParse(char *text, size_t length, Value *cpu)
{
	static const int fields[] = {CPU_FIELD_LOAD_1M, CPU_FIELD_LOAD_5M, CPU_FIELD_LOAD_15M};
	Span			 rest = SpanOf(text, length);
	Span			 line;
	Span			 word;
	double			 load;

	if (!SpanCut(&rest, '\n', &line))
		return;
	for (int i = 0; i < 3 && SpanWord(&line, &word); i++)
	{
		if (SpanFloat(word, &load))
			ValueSetFloat(&cpu[fields[i]], load);
	}
}

void
ThreadsParse(char *text, size_t length, Value *threads)
{
	Span	rest = SpanOf(text, length);
	Span	line;
	Span	word;
	Span	running;
	int64_t value;

	if (!SpanCut(&rest, '\n', &line))
		return;
	for (int i = 0; i < 4; i++)
	{
		if (!SpanWord(&line, &word))
			return;
	}
	if (SpanCut(&word, '/', &running) && SpanInt(word, &value))
		ValueSetInt(threads, value);
}

void
UptimeParse(char *text, size_t length, Value *uptime)
{
	Span   rest = SpanOf(text, length);
	Span   line;
	Span   word;
	double seconds;

	if (SpanCut(&rest, '\n', &line) && SpanWord(&line, &word) && SpanFloat(word, &seconds) &&
		seconds < 1e15)
		ValueSetInt(uptime, (int64_t) seconds);
}
