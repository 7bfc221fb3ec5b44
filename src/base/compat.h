/*
 * compat.h
 *		All that differs between PostgreSQL 15 and 19.
 */
#ifndef COMPAT_H
#define COMPAT_H

#include "postgres.h"

#include "postmaster/bgworker.h"
#include "utils/wait_event.h"

/* 19: a worker may be ended by DROP DATABASE and its like. */
#ifndef BGWORKER_INTERRUPTIBLE
#define BGWORKER_INTERRUPTIBLE 0
#endif

/* 16: a file is located by what was called a node before. */
#if PG_VERSION_NUM < 160000
#define RelFileLocator RelFileNode
#endif

/* 17: wait events have names of their own. */
#if PG_VERSION_NUM >= 170000
#define WaitEventNew(name) WaitEventExtensionNew(name)
#else
#define WaitEventNew(name) PG_WAIT_EXTENSION
#endif

#endif							/* COMPAT_H */
