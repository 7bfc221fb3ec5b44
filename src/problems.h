/*
 * problems.h
 *		The list that a tired person at 3 a.m. reads first.
 */
#ifndef PROBLEMS_H
#define PROBLEMS_H

#include "base/json.h"

/* Writes one text per problem into the open array. */
extern void WriteProblems(JsonWriter *w);

#endif /* PROBLEMS_H */
