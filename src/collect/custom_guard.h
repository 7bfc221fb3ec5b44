/*
 * custom_guard.h
 *		Whose code a custom collector runs as a superuser.
 */
#ifndef CUSTOM_GUARD_H
#define CUSTOM_GUARD_H

#include "postgres.h"

/*
 * From now on code that is not a superuser's raises an error: until GuardEnd,
 * or, after an error, the end of CurrentMemoryContext, which is to be SPI's.
 */
extern void GuardBegin(void);
extern void GuardEnd(void);

/*
 * For a process that runs queries of several roles, before the first: a function
 * that was looked up for one of them is watched when another's query calls it.
 */
extern void GuardInstall(void);

#endif /* CUSTOM_GUARD_H */
