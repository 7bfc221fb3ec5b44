/*
 * print-schema.c
 *		Prints the JSON Schema of a push request from the declarations of the
 *		collectors.  "make schema" writes docs/schema/metrics.schema.json.
 */
#include <stdio.h>
#include <string.h>

#include "base/collectors.h"
#include "base/json.h"

static bool
WriteToStdout(void *arg, const char *data, size_t len)
{
	return fwrite(data, 1, len, stdout) == len;
}

#define TIME_PATTERN "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$"

static void WriteObject(JsonWriter *w, const Field *fields);

static const char *
JsonTypeOf(FieldType type)
{
	switch (type)
	{
		case FIELD_INT:
			return "integer";
		case FIELD_FLOAT:
			return "number";
		case FIELD_BOOL:
			return "boolean";
		case FIELD_TEXT:
		case FIELD_SHARED_NAME:
		case FIELD_TIME:
			return "string";
		case FIELD_TEXTS:
		case FIELD_INTS:
		case FIELD_OBJECTS:
		case FIELD_ROWS:
			return "array";
		case FIELD_COUNTS:
		case FIELD_VALUES:
		case FIELD_OBJECT:
			return "object";
	}
	return "null";
}

/* NULL: not an array. */
static const char *
ItemTypeOf(FieldType type)
{
	switch (type)
	{
		case FIELD_TEXTS:
			return "string";
		case FIELD_INTS:
			return "integer";
		case FIELD_OBJECTS:
		case FIELD_ROWS:
			return "object";
		default:
			return NULL;
	}
}

/* What is not required may be null as well as absent: an unknown value is never 0. */
static void
WriteType(JsonWriter *w, const Field *field)
{
	bool structured = field->type >= FIELD_OBJECT || field->type == FIELD_COUNTS;

	if (field->required || structured)
	{
		JsonText(w, "type", JsonTypeOf(field->type));
		return;
	}
	JsonArrayBegin(w, "type");
	JsonText(w, NULL, JsonTypeOf(field->type));
	JsonText(w, NULL, "null");
	JsonArrayEnd(w);
}

static void
WriteDescription(JsonWriter *w, const Field *field)
{
	char text[1024] = "";

	if (field->unit)
		snprintf(text, sizeof(text), "%s", field->unit);
	if (field->since)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%sPostgreSQL %d and later",
				 text[0] ? "; " : "", field->since);
	if (text[0])
		JsonText(w, "description", text);
}

static void
WriteField(JsonWriter *w, const Field *field)
{
	JsonObjectBegin(w, field->name);
	WriteType(w, field);
	if (field->type == FIELD_TIME)
		JsonText(w, "pattern", TIME_PATTERN);
	WriteDescription(w, field);
	if (field->type == FIELD_OBJECT)
		WriteObject(w, field->fields);
	if (ItemTypeOf(field->type))
	{
		JsonObjectBegin(w, "items");
		JsonText(w, "type", ItemTypeOf(field->type));
		if (field->type == FIELD_OBJECTS)
			WriteObject(w, field->fields);
		JsonObjectEnd(w);
	}
	if (field->type == FIELD_COUNTS)
	{
		JsonObjectBegin(w, "additionalProperties");
		JsonText(w, "type", "integer");
		JsonObjectEnd(w);
	}
	JsonObjectEnd(w);
}

static void
WriteRequired(JsonWriter *w, const Field *fields)
{
	for (int i = 0; fields[i].name; i++)
	{
		if (fields[i].required && fields[i].since == 0 && fields[i].until == 0)
			JsonText(w, NULL, fields[i].name);
	}
}

static void
WriteObject(JsonWriter *w, const Field *fields)
{
	JsonObjectBegin(w, "properties");
	for (int i = 0; fields[i].name; i++)
		WriteField(w, &fields[i]);
	JsonObjectEnd(w);
	JsonArrayBegin(w, "required");
	WriteRequired(w, fields);
	JsonArrayEnd(w);
	JsonBool(w, "additionalProperties", false);
}

static const Field database_field[] = {{"database", FIELD_TEXT, NULL, true}, FIELDS_END};

static void
WriteMetric(JsonWriter *w, const Collector *collector)
{
	static const Field timestamp = {"timestamp", FIELD_TIME, NULL, true};
	bool			   has_database = collector->scope == SCOPE_DATABASE ||
		strcmp(collector->name, "pg_log") == 0 || strcmp(collector->name, "pg_query_stats") == 0;

	JsonObjectBegin(w, NULL);
	JsonText(w, "description", collector->holds);
	JsonText(w, "type", "object");
	JsonObjectBegin(w, "properties");
	JsonObjectBegin(w, "type");
	JsonText(w, "const", collector->name);
	JsonObjectEnd(w);
	WriteField(w, &timestamp);
	if (has_database)
		WriteField(w, database_field);
	for (int i = 0; collector->fields[i].name; i++)
		WriteField(w, &collector->fields[i]);
	JsonObjectEnd(w);
	JsonArrayBegin(w, "required");
	JsonText(w, NULL, "type");
	JsonText(w, NULL, "timestamp");
	if (has_database)
		JsonText(w, NULL, "database");
	WriteRequired(w, collector->fields);
	JsonArrayEnd(w);
	JsonBool(w, "additionalProperties", false);
	JsonObjectEnd(w);
}

static const Field error_fields[] = {{"type", FIELD_TEXT, NULL, true},
									 {"database", FIELD_TEXT, NULL, false},
									 {"error", FIELD_TEXT, NULL, true},
									 {"sqlstate", FIELD_TEXT, NULL, false},
									 FIELDS_END};

static const Field envelope_fields[] = {
	{"collector_id", FIELD_TEXT, NULL, true},
	{"hostname", FIELD_TEXT, NULL, true},
	{"timestamp", FIELD_TIME, NULL, true},
	{"version", FIELD_TEXT, NULL, true},
	{"batch_id", FIELD_TEXT, NULL, true},
	{"system_identifier", FIELD_TEXT, NULL, true},
	{"server_version", FIELD_TEXT, NULL, true},
	{"in_recovery", FIELD_BOOL, NULL, true},
	{"dropped_batches", FIELD_INT, NULL, true},
	{"collection_errors", FIELD_OBJECTS, NULL, true, 0, 0, NULL, error_fields},
	{"metrics_count", FIELD_INT, NULL, true},
	FIELDS_END};

int
main(void)
{
	char	   buffer[8192];
	JsonSink   sink = {WriteToStdout};
	JsonWriter w;

	JsonInit(&w, sink, buffer, sizeof(buffer));
	JsonObjectBegin(&w, NULL);
	JsonText(&w, "$schema", "http://json-schema.org/draft-07/schema#");
	JsonText(&w, "title", "POST /api/v1/metrics/push of pganalytics");
	JsonText(&w, "type", "object");
	JsonObjectBegin(&w, "properties");
	for (int i = 0; envelope_fields[i].name; i++)
		WriteField(&w, &envelope_fields[i]);
	JsonObjectBegin(&w, "metrics");
	JsonText(&w, "type", "array");
	JsonObjectBegin(&w, "items");
	JsonArrayBegin(&w, "oneOf");
	for (int i = 0; i < NUM_COLLECTORS; i++)
		WriteMetric(&w, &Collectors[i]);
	JsonArrayEnd(&w);
	JsonObjectEnd(&w);
	JsonObjectEnd(&w);
	JsonObjectEnd(&w);
	JsonArrayBegin(&w, "required");
	WriteRequired(&w, envelope_fields);
	JsonText(&w, NULL, "metrics");
	JsonArrayEnd(&w);
	JsonBool(&w, "additionalProperties", false);
	JsonObjectEnd(&w);
	return JsonFlush(&w) ? 0 : 1;
}
