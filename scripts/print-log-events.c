/*
 * print-log-events.c
 *		Prints the table of docs/logs.md: every kind of event with its fields.
 *		"make schema" puts it there.
 */
#include <stdio.h>
#include <string.h>

#include "log/event.h"

#define MAX_FIELDS 128

typedef struct Names
{
	int	 count;
	char name[MAX_FIELDS][64];
} Names;

static void
AddName(Names *names, const char *name, size_t len)
{
	char copy[64];

	if (len == 0 || len >= sizeof(copy) || names->count >= MAX_FIELDS)
		return;
	memcpy(copy, name, len);
	copy[len] = '\0';
	for (int i = 0; i < names->count; i++)
	{
		if (strcmp(names->name[i], copy) == 0)
			return;
	}
	strcpy(names->name[names->count++], copy);
}

/* Data of users is in no field. */
static void
AddNamesOf(Names *names, const char *pattern)
{
	const char *p = pattern;

	while (p != NULL && (p = strchr(p, '{')) != NULL)
	{
		const char *close = strchr(p, '}');
		const char *colon = memchr(p, ':', close - p);
		const char *end = colon != NULL ? colon : close;

		if (colon == NULL ||
			(strncmp(colon, ":value}", 7) != 0 && strncmp(colon, ":data}", 6) != 0))
			AddName(names, p + 1, end - p - 1);
		if (colon != NULL && strncmp(colon, ":plan}", 6) == 0)
		{
			AddName(names, "plan_format", strlen("plan_format"));
			AddName(names, "query", strlen("query"));
		}
		p = close;
	}
}

static void
PrintEvent(const LogEventRow *row)
{
	Names names = {0};

	printf("| `%s` | %s | ", row->name, row->about);
	if (row->sqlstate != NULL)
		printf("`%s`", row->sqlstate);
	printf(" | ");
	for (const LogEventRow *r = row; r == row || LogRowContinues(r); r++)
	{
		const char *const patterns[] = {r->message, r->line, r->detail, r->context};

		for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
			AddNamesOf(&names, patterns[i]);
	}
	for (int i = 0; i < names.count; i++)
		printf("%s%s", i > 0 ? ", " : "", names.name[i]);
	printf(" |\n");
}

int
main(void)
{
	for (int i = 0; i < NUM_LOG_EVENT_TABLES; i++)
	{
		printf("\n### %s\n\n", LogEventTables[i].title);
		printf("| event | what happened | SQLSTATE | fields |\n|---|---|---|---|\n");
		for (const LogEventRow *row = LogEventTables[i].rows; !LogRowIsEnd(row); row++)
		{
			if (row->name != NULL)
				PrintEvent(row);
		}
	}
	printf("\n");
	return 0;
}
