/*
 * fields.h
 *		The declaration of what a metric holds.
 *
 * A metric type is described once, as a const array of Field that ends with a
 * nameless one.  Collection writes by it and is checked against it; the JSON
 * Schema and the documentation are printed from it.  Pure C: the generator and
 * the unit tests link the tables without a server.
 */
#ifndef FIELDS_H
#define FIELDS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum FieldType
{
	FIELD_INT,
	FIELD_FLOAT,
	FIELD_BOOL,
	FIELD_TEXT,
	FIELD_SHARED_NAME, /* a text: name in a shared catalogue, of whatever encoding */
	FIELD_TIME,		   /* RFC 3339, UTC, microseconds */
	FIELD_TEXTS,	   /* array of texts */
	FIELD_INTS,		   /* array of integers */
	FIELD_ROWS,		   /* array of objects, open set of keys */
	FIELD_COUNTS,	   /* object of text -> integer, open set of keys */
	FIELD_VALUES,	   /* object of text -> number, text or bool, open set of keys */
	FIELD_OBJECT,	   /* one object, see "fields" */
	FIELD_OBJECTS	   /* array of objects, see "fields" */
} FieldType;

typedef struct Field
{
	const char		   *name;
	FieldType			type;
	const char		   *unit;	  /* "bytes", "ms", "%", …; NULL where there is none */
	bool				required; /* never absent and never null */
	int					since;	  /* first server major version that has it, 0: all */
	int					until;	  /* last one, 0: all */
	const char		   *source;	  /* the SQL expression; file, key or formula of the others */
	const struct Field *fields;	  /* of FIELD_OBJECT and FIELD_OBJECTS */
	const char		   *tracker;  /* setting without which the server would count 0 */
	bool				computed; /* not by SQL, see ProbeWatcher */
} Field;

/* The value of one Field; the array of values runs parallel to the array of fields. */
typedef struct Value
{
	bool known; /* false: the field is left out */
	union
	{
		int64_t		 i;	   /* FIELD_INT; FIELD_TIME as µs since 1970-01-01 UTC */
		double		 d;	   /* FIELD_FLOAT */
		bool		 b;	   /* FIELD_BOOL */
		const char	*s;	   /* FIELD_TEXT, NUL-terminated */
		struct Rows *rows; /* FIELD_OBJECT: one row; FIELD_OBJECTS */
	};
} Value;

/* Objects of one kind, as far as there is room for them. */
typedef struct Rows
{
	Value *values; /* capacity * width */
	int	   width;  /* number of fields */
	int	   capacity;
	int	   count;
	int	   left_out; /* did not fit */
} Rows;

#define FIELDS_END \
	{ \
		0 \
	}

/* Number of fields before the nameless one that ends the array. */
extern int FieldCount(const Field *fields);

/* Index of the field called name, or -1. */
extern int FieldIndex(const Field *fields, const char *name);

static inline void
ValueSetInt(Value *value, int64_t i)
{
	value->known = true;
	value->i = i;
}

static inline void
ValueSetFloat(Value *value, double d)
{
	value->known = true;
	value->d = d;
}

static inline void
ValueSetText(Value *value, const char *s)
{
	value->known = s != 0;
	value->s = s;
}

/* A new row in which nothing is known; NULL, and counted, when there is no room. */
extern Value *RowsAdd(Rows *rows);

static inline Value *
RowsGet(const Rows *rows, int row)
{
	return rows->values + (int64_t) row * rows->width;
}

/* Does the row hold anything? */
extern bool RowIsKnown(const Value *row, int width);

static inline void
ValueSetRows(Value *value, Rows *rows)
{
	value->known = true;
	value->rows = rows;
}

#endif /* FIELDS_H */
