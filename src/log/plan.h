/*
 * plan.h
 *		What the formats of a plan have in common.  Pure C.
 */
#ifndef LOG_PLAN_H
#define LOG_PLAN_H

#include "log/redact.h"

extern bool PlanKeyIs(const char *key, size_t len, const char *other);

/* Does a property hold no data of users? */
extern bool PlanKeyIsPlain(const char *key, size_t len);

/* How a format writes what stands for something else in it. */
typedef struct PlanEscapes
{
	size_t (*unescape)(const char *data, size_t len, char *out, size_t size);
	void (*put_escaped)(Redactor *r, const char *data, size_t len);
} PlanEscapes;

/* The value of a property, in the escapes of its format. */
extern void PlanPutEscapedValue(Redactor *r, const PlanEscapes *escapes, const char *key,
								size_t key_len, const char *value, size_t len);

/* The query of the plan goes out on its own, too; to be called before the plan is written. */
extern void PlanPutQuery(Redactor *r, const char *query, size_t len);

/* Where the line ends that i is in. */
extern size_t PlanLineEnd(const char *data, size_t len, size_t i);

extern void PlanPutJson(Redactor *r, const char *data, size_t len);
extern void PlanPutYaml(Redactor *r, const char *data, size_t len);
extern void PlanPutJsonQuery(Redactor *r, const char *data, size_t len);
extern void PlanPutXml(Redactor *r, const char *data, size_t len);
extern void PlanPutXmlQuery(Redactor *r, const char *data, size_t len);

#endif /* LOG_PLAN_H */
