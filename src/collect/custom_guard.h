/*
 * custom_guard.h
 *		Whose code a custom collector runs as a superuser.
 */
#ifndef CUSTOM_GUARD_H
#define CUSTOM_GUARD_H

#include "postgres.h"

#include "executor/spi.h"

/*
 * From now on code that is not a superuser's raises an error: until GuardEnd,
 * or, after an error, the end of CurrentMemoryContext, which is to be SPI's.
 */
extern void GuardBegin(void);
extern void GuardEnd(void);

/* Looks through a query before it is planned; nothing to do where no guard is up. */
extern void GuardCheckPlan(SPIPlanPtr plan);

#endif /* CUSTOM_GUARD_H */
