/*
 * print-metrics.c
 *		Prints docs/metrics.md from the declarations of the collectors: every
 *		type and field with unit, source and the versions that have it.
 */
#include <stdio.h>
#include <string.h>

#include "base/collectors.h"

#define MAX_SOURCE 100 /* characters of an SQL expression */

static const char *const scopes[] = {
	[SCOPE_CLUSTER] = "once for the server, in `pganalytics.database`",
	[SCOPE_DATABASE] = "in every database that is visited",
	[SCOPE_HOST] = "once for the host",
};

static const char *const types[] = {
	[FIELD_INT] = "integer",
	[FIELD_FLOAT] = "number",
	[FIELD_BOOL] = "boolean",
	[FIELD_TEXT] = "text",
	[FIELD_SHARED_NAME] = "text",
	[FIELD_TIME] = "time",
	[FIELD_TEXTS] = "texts",
	[FIELD_INTS] = "integers",
	[FIELD_ROWS] = "array of objects",
	[FIELD_COUNTS] = "object of integers",
	[FIELD_VALUES] = "object of values",
	[FIELD_OBJECT] = "object",
	[FIELD_OBJECTS] = "array",
};

/* On one line of a table: without what is said everywhere, and cut where it is long. */
static void
PrintSource(const char *p)
{
	int printed = 0;

	while (*p && printed < MAX_SOURCE)
	{
		if (strncmp(p, "pg_catalog.", 11) == 0)
			p += 11;
		else if (*p == '|')
		{
			fputs("\\|", stdout);
			p++;
			printed++;
		}
		else
		{
			/* Markdown would take them for its own */
			if (strchr("<*_", *p))
				putchar('\\');
			putchar(*p == '\n' ? ' ' : *p);
			p++;
			printed++;
		}
	}
	if (*p)
		fputs(" …", stdout);
}

/* Nothing for a column of the same name in the view that its array is of. */
static const char *
SourceOf(const Field *field)
{
	if (field->source == NULL ||
		(strncmp(field->source, "s.", 2) == 0 && strcmp(field->source + 2, field->name) == 0))
		return "";
	return field->source;
}

static void
PrintVersions(const Field *field)
{
	if (field->since && field->until && field->since != field->until)
		printf("%d-%d", field->since, field->until);
	else if (field->since && field->until)
		printf("%d", field->since);
	else if (field->since)
		printf("%d+", field->since);
	else if (field->until)
		printf("up to %d", field->until);
}

static void
PrintFields(const Field *fields, const char *path)
{
	for (const Field *field = fields; field->name; field++)
	{
		char name[256];

		snprintf(name, sizeof(name), "%s%s%s", path, field->name,
				 field->type == FIELD_OBJECTS || field->type == FIELD_ROWS ? "[]" : "");
		printf("| `%s` | %s%s | %s | ", name, types[field->type], field->required ? "" : "?",
			   field->unit ? field->unit : "");
		PrintSource(SourceOf(field));
		if (field->tracker)
			printf("%sneeds `%s`", SourceOf(field)[0] ? "; " : "", field->tracker);
		fputs(" | ", stdout);
		PrintVersions(field);
		fputs(" |\n", stdout);
		if (field->fields)
		{
			strcat(name, ".");
			PrintFields(field->fields, name);
		}
	}
}

static void
PrintCollector(const Collector *collector)
{
	printf("\n## %s\n\n", collector->name);
	printf("%c%s. Read %s", collector->holds[0] & ~0x20, collector->holds + 1,
		   scopes[collector->scope]);
	if (collector == &Collectors[COLLECTOR_CUSTOM])
		puts(".\n");
	else
		printf(", every %d s unless `pganalytics.%s_interval` or `pganalytics.interval` says "
			   "otherwise.\n\n",
			   collector->default_interval, collector->name);
	puts("| field | type | unit | source | versions |");
	puts("|---|---|---|---|---|");
	PrintFields(collector->fields, "");
}

int
main(void)
{
	puts("# Metrics\n\n"
		 "<!-- made by \"make metrics\" from the declarations in src: edit those -->\n\n"
		 "Every type of metric and every field. A type with `?` may be null or absent: what could "
		 "not be read is never 0.\n"
		 "Each metric has `type` and `timestamp` besides; those of a database, `database`. Sizes "
		 "are bytes unless the unit\n"
		 "says otherwise, times are UTC, counters are cumulative. Versions are those of PostgreSQL "
		 "that have the field; none:\n"
		 "all from 15 on. A field that `needs` a setting is null while that is off, because the "
		 "server would count 0.\n"
		 "`docs/schema/metrics.schema.json` says the same to a machine.");
	for (int i = 0; i < NUM_COLLECTORS; i++)
		PrintCollector(&Collectors[i]);
	return ferror(stdout) != 0;
}
