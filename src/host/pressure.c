/*
 * pressure.c
 *		Pressure stall information: /proc/pressure and that of control groups.
 *
 * A file holds "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", and the same
 * for "full".  Kernels that do not tell "full" of the machine's CPU have zeros
 * there.
 */
#include "host/pressure.h"

#include "host/keyed.h"
#include "host/proc.h"

const char *const PressureResources[NUM_PRESSURE_FIELDS] = {
	[PRESSURE_FIELD_CPU] = "cpu",
	[PRESSURE_FIELD_IO] = "io",
	[PRESSURE_FIELD_MEMORY] = "memory",
};

static const struct
{
	const char *head;
	const char *name;
	int			field;
} Stalls[] = {
	{"some", "avg10", STALL_FIELD_SOME_AVG10}, {"some", "avg60", STALL_FIELD_SOME_AVG60},
	{"some", "total", STALL_FIELD_SOME_TOTAL}, {"full", "avg10", STALL_FIELD_FULL_AVG10},
	{"full", "avg60", STALL_FIELD_FULL_AVG60}, {"full", "total", STALL_FIELD_FULL_TOTAL},
};

static void
SetStall(Span head, Span name, Span number, Value *stall)
{
	double	average;
	int64_t total;

	for (int i = 0; i < LENGTH(Stalls); i++)
	{
		if (!SpanIs(head, Stalls[i].head) || !SpanIs(name, Stalls[i].name))
			continue;
		if (SpanIs(name, "total"))
		{
			if (SpanInt(number, &total))
				ValueSetInt(&stall[Stalls[i].field], total);
		}
		else if (SpanFloat(number, &average) && average <= 100)
			ValueSetFloat(&stall[Stalls[i].field], average);
	}
}

void
PressureParse(char *text, size_t length, Value *stall)
{
	Span rest = SpanOf(text, length);
	Span line;
	Span head;
	Span word;
	Span name;

	while (SpanLine(&rest, &head, &line))
	{
		while (SpanWord(&line, &word))
		{
			if (SpanCut(&word, '=', &name))
				SetStall(head, name, word, stall);
		}
	}
}
