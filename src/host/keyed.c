/*
 * keyed.c
 *		Files of a key and a whole number a line, and what else is read by a
 *		table of names.
 */
#include "host/keyed.h"

#include "host/proc.h"

void
KeyedParse(char *text, size_t length, const KeyedField *table, int count, Value *values)
{
	Span	rest = SpanOf(text, length);
	Span	line;
	Span	key;
	Span	word;
	int64_t value;

	while (SpanLine(&rest, &key, &line))
	{
		for (int i = 0; i < count; i++)
		{
			if (!SpanIs(key, table[i].key))
				continue;
			if (SpanWord(&line, &word) && SpanInt(word, &value))
				ValueSetInt(&values[table[i].field], value / table[i].divisor);
			break;
		}
	}
}

static void
SetNamed(Span head, Span name, Span number, const NamedField *table, int count, Value *values)
{
	int64_t value;

	for (int i = 0; i < count; i++)
	{
		if (SpanIs(name, table[i].name) && SpanIs(head, table[i].head))
		{
			if (SpanInt(number, &value))
				ValueSetInt(&values[table[i].field], value);
			return;
		}
	}
}

void
HeadedParse(char *text, size_t length, const NamedField *table, int count, Value *values)
{
	Span rest = SpanOf(text, length);
	Span line;
	Span head;
	Span names = {NULL, NULL};
	Span names_head = {NULL, NULL};
	Span name;
	Span number;

	while (SpanLine(&rest, &head, &line))
	{
		if (!SpanEquals(head, names_head))
		{
			names_head = head;
			names = line;
			continue;
		}
		while (SpanWord(&names, &name) && SpanWord(&line, &number))
			SetNamed(head, name, number, table, count, values);
		names_head = (Span){NULL, NULL};
	}
}

void
PairsParse(char *text, size_t length, const NamedField *table, int count, Value *values)
{
	Span rest = SpanOf(text, length);
	Span line;
	Span head;
	Span name;
	Span number;

	while (SpanLine(&rest, &head, &line))
	{
		while (SpanWord(&line, &name) && SpanWord(&line, &number))
			SetNamed(head, name, number, table, count, values);
	}
}

void
NumbersParse(char *text, size_t length, Value *values, int count)
{
	Span	rest = SpanOf(text, length);
	Span	line;
	Span	word;
	int64_t value;

	if (!SpanCut(&rest, '\n', &line))
		return;
	for (int i = 0; i < count && SpanWord(&line, &word); i++)
	{
		if (SpanInt(word, &value))
			ValueSetInt(&values[i], value);
	}
}
