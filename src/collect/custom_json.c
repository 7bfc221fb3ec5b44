/*
 * custom_json.c
 *		Rows of any columns as JSON.
 *
 * Integers, floats, booleans, texts and times are written as everywhere on the
 * wire; arrays, rows and ranges by PostgreSQL's own functions; json and jsonb
 * as what they are; whatever else there is, as its text.
 *
 * PostgreSQL's JSON knows no limits, a backend's parser does: what is nested too
 * deep, a number beyond double precision, an escape of no character would have
 * the whole batch refused, or worse.  Such a value is a text.
 */
#include "postgres.h"

#include <ctype.h>
#include <math.h>

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "collect/custom.h"
#include "collect/query.h"
#include "collect/run.h"

#define MAX_VALUE_SIZE (1024 * 1024)
#define MAX_DEPTH 32
#define MAX_NUMBER_LENGTH 1000

typedef enum ColumnKind
{
	AS_FIELD,  /* as a column of a probe */
	AS_NUMBER, /* text that is a JSON number, unless NaN or infinite */
	AS_JSON,
	AS_ARRAY,
	AS_ROW,
	AS_TEXT
} ColumnKind;

typedef struct CustomColumn
{
	ColumnKind kind;
	Field	   field; /* name, and type for AS_FIELD */
	Oid		   type;
	Oid		   output; /* function */
	bool	   is_varlena;
} CustomColumn;

struct CustomColumns
{
	TupleDesc	 desc;
	Datum		*values;
	bool		*nulls;
	CustomColumn columns[FLEXIBLE_ARRAY_MEMBER];
};

static const struct
{
	Oid		  type;
	FieldType as;
} simple_types[] = {
	{INT8OID, FIELD_INT},	  {INT4OID, FIELD_INT},			{OIDOID, FIELD_INT},
	{FLOAT8OID, FIELD_FLOAT}, {BOOLOID, FIELD_BOOL},		{TEXTOID, FIELD_TEXT},
	{NAMEOID, FIELD_TEXT},	  {TIMESTAMPTZOID, FIELD_TIME},
};

static ColumnKind
KindOf(CustomColumn *column)
{
	for (int i = 0; i < lengthof(simple_types); i++)
	{
		if (simple_types[i].type == column->type)
		{
			column->field.type = simple_types[i].as;
			return AS_FIELD;
		}
	}
	if (column->type == INT2OID || column->type == NUMERICOID || column->type == FLOAT4OID)
		return AS_NUMBER;
	if (column->type == JSONOID || column->type == JSONBOID)
		return AS_JSON;
	if (type_is_rowtype(column->type))
		return AS_ROW;
	if (OidIsValid(get_element_type(column->type)))
		return AS_ARRAY;
	return AS_TEXT;
}

CustomColumns *
CustomColumnsOf(TupleDesc desc)
{
	CustomColumns *result =
		palloc0(offsetof(CustomColumns, columns) + sizeof(CustomColumn) * desc->natts);

	result->desc = CreateTupleDescCopy(desc); /* theirs goes with their first rows */
	result->values = palloc(sizeof(Datum) * desc->natts);
	result->nulls = palloc(sizeof(bool) * desc->natts);
	for (int i = 0; i < desc->natts; i++)
	{
		CustomColumn *column = &result->columns[i];

		/* a domain is what it is made of */
		column->type = getBaseType(TupleDescAttr(desc, i)->atttypid);
		column->field.name = TextToUtf8(pstrdup(NameStr(TupleDescAttr(desc, i)->attname)));
		getTypeOutputInfo(column->type, &column->output, &column->is_varlena);
		column->kind = KindOf(column);
		for (int j = 0; j < i; j++)
		{
			if (strcmp(result->columns[j].field.name, column->field.name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("the query of a custom collector returns two columns \"%s\"",
								NameStr(TupleDescAttr(desc, i)->attname)),
						 errhint("Give each column a name of its own with AS.")));
		}
	}
	return result;
}

/* ---- what any parser takes ---- */

/* The end of a number, NULL: it is too much. */
static const char *
EndOfNumber(const char *number)
{
	char  *end;
	double value = strtod(number, &end);

	return isinf(value) || end == number || end - number > MAX_NUMBER_LENGTH ? NULL : end;
}

/* 0 where there is none. */
static unsigned int
EscapedUnit(const char *escape)
{
	char digits[5] = {0};

	if (escape[0] != '\\' || escape[1] != 'u')
		return 0;
	memcpy(digits, escape + 2, 4);
	return (unsigned int) strtoul(digits, NULL, 16);
}

/* After \uXXXX, or two of them for one character; NULL: they stand for none, or for NUL. */
static const char *
EndOfEscape(const char *escape)
{
	unsigned int unit = EscapedUnit(escape);

	if (unit < 0xD800 || unit > 0xDFFF)
		return unit == 0 ? NULL : escape + 6;
	if (unit >= 0xDC00 || (EscapedUnit(escape + 6) & 0xFC00) != 0xDC00)
		return NULL;
	return escape + 12;
}

/* After the closing quote; NULL: it holds what is no character. */
static const char *
EndOfString(const char *quote)
{
	const char *p = quote + 1;

	while (p && *p && *p != '"')
	{
		if (*p != '\\')
			p++;
		else
			p = p[1] == 'u' ? EndOfEscape(p) : p + 2;
	}
	return p && *p ? p + 1 : NULL;
}

/* Of valid JSON. */
static bool
IsForAnyParser(const char *json)
{
	const char *p = json;
	int			depth = 0;

	while (p && *p)
	{
		if (*p == '"')
			p = EndOfString(p);
		else if (*p == '-' || isdigit((unsigned char) *p))
			p = EndOfNumber(p);
		else
		{
			if (*p == '[' || *p == '{')
				depth++;
			else if (*p == ']' || *p == '}')
				depth--;
			p = depth > MAX_DEPTH ? NULL : p + 1;
		}
	}
	return p != NULL;
}

/* ---- values ---- */

/* JSON of PostgreSQL's making on one line of valid UTF-8: line breaks stand between its values only. */
static void
WriteJson(JsonWriter *w, const char *name, const char *json)
{
	char *text = TextToUtf8(pstrdup(json));

	if (!pg_verify_mbstr(PG_UTF8, text, (int) strlen(text), true) || !IsForAnyParser(text))
	{
		/* bytes of no encoding, which the database may hold, are replaced */
		JsonText(w, name, text);
		return;
	}
	for (char *p = text; *p; p++)
	{
		if ((unsigned char) *p < ' ')
			*p = ' ';
	}
	JsonEncoded(w, name, text, strlen(text));
}

static void
WriteNumber(JsonWriter *w, const char *name, const char *text)
{
	if (strpbrk(text, "Ny") != NULL) /* NaN, Infinity */
		JsonNull(w, name);
	else if (EndOfNumber(text) == NULL)
		JsonText(w, name, text);
	else
		JsonEncoded(w, name, text, strlen(text));
}

static void
WriteValue(JsonWriter *w, const CustomColumn *column, Datum value)
{
	const char *name = column->field.name;

	if (column->is_varlena && toast_raw_datum_size(value) > MAX_VALUE_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a value of column \"%s\" is larger than 1 MB", name)));
	switch (column->kind)
	{
		case AS_FIELD:
			ProbeWriteValue(w, &column->field, value, column->type);
			break;
		case AS_NUMBER:
			WriteNumber(w, name, OidOutputFunctionCall(column->output, value));
			break;
		case AS_JSON:
			WriteJson(w, name, OidOutputFunctionCall(column->output, value));
			break;
		case AS_ARRAY:
			WriteJson(w, name, TextDatumGetCString(DirectFunctionCall1(array_to_json, value)));
			break;
		case AS_ROW:
			WriteJson(w, name, TextDatumGetCString(DirectFunctionCall1(row_to_json, value)));
			break;
		case AS_TEXT:
			JsonText(w, name, TextToUtf8(OidOutputFunctionCall(column->output, value)));
			break;
	}
}

void
CustomWriteRow(JsonWriter *w, const CustomColumns *columns, HeapTuple row)
{
	heap_deform_tuple(row, columns->desc, columns->values, columns->nulls);
	JsonObjectBegin(w, NULL);
	for (int i = 0; i < columns->desc->natts; i++)
	{
		if (columns->nulls[i])
			JsonNull(w, columns->columns[i].field.name);
		else
			WriteValue(w, &columns->columns[i], columns->values[i]);
	}
	JsonObjectEnd(w);
}
