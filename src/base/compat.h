/*
 * compat.h
 *		All that differs between PostgreSQL 15 and 19.
 */
#ifndef COMPAT_H
#define COMPAT_H

#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/proc.h"
#include "utils/backend_status.h"
#include "utils/wait_event.h"

/* 19: a worker may be ended by DROP DATABASE and its like. */
#ifndef BGWORKER_INTERRUPTIBLE
#define BGWORKER_INTERRUPTIBLE 0
#endif

/* 18: before the declaration instead of pg_attribute_noreturn() after it. */
#ifndef pg_noreturn
#define pg_noreturn _Noreturn
#endif

/* 16: a file is located by what was called a node before. */
#if PG_VERSION_NUM < 160000
#define RelFileLocator RelFileNode
#endif

/* 16: the values of settings are allocated by functions of their own. */
#if PG_VERSION_NUM < 160000
#define guc_malloc(level, size) malloc(size)
#define guc_free(pointer) free(pointer)
#endif

/* 17: wait events have names of their own. */
#if PG_VERSION_NUM >= 170000
#define WaitEventNew(name) WaitEventExtensionNew(name)
#else
#define WaitEventNew(name) PG_WAIT_EXTENSION
#endif

/* The hook that sees each relation of a plan before its foreign server does; another one in 19. */
#if PG_VERSION_NUM >= 190000
#define relation_planned_hook build_simple_rel_hook
#define relation_planned_hook_type build_simple_rel_hook_type
#define RELATION_PLANNED_PARAMETERS PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *entry
#define RELATION_PLANNED_ARGUMENTS root, rel, entry
#define RELATION_PLANNED (entry->rtekind == RTE_RELATION ? entry->relid : InvalidOid)
#else
#define relation_planned_hook get_relation_info_hook
#define relation_planned_hook_type get_relation_info_hook_type
#define RELATION_PLANNED_PARAMETERS PlannerInfo *root, Oid relation, bool is_parent, RelOptInfo *rel
#define RELATION_PLANNED_ARGUMENTS root, relation, is_parent, rel
#define RELATION_PLANNED relation
#endif

/* 19: the planner is told of EXPLAIN. */
#if PG_VERSION_NUM >= 190000
#define PLANNER_PARAMETERS \
	Query *parse, const char *text, int options, ParamListInfo params, ExplainState *explain
#define PLANNER_ARGUMENTS parse, text, options, params, explain
#else
#define PLANNER_PARAMETERS Query *parse, const char *text, int options, ParamListInfo params
#define PLANNER_ARGUMENTS parse, text, options, params
#endif

/* 19: a tuple descriptor that was made by hand has to be finished. */
#if PG_VERSION_NUM < 190000
#define TupleDescFinalize(desc) ((void) 0)
#endif

/*
 * The status of a backend, by the number of its PGPROC.  17: both have the same
 * number; before, a backend's is by its backend ID and that of an auxiliary
 * process by its kind, which its PGPROC does not tell.  The array itself is
 * not exported: it is found by our own place in it.
 */
#if PG_VERSION_NUM >= 170000
static inline PgBackendStatus *
BackendStatusOfProc(int number, int pid)
{
	return MyBEEntry - MyProcNumber + number;
}
#else
static inline PgBackendStatus *
BackendStatusOfProc(int number, int pid)
{
	PgBackendStatus *all = MyBEEntry - (MyBackendId - 1);
	BackendId		 id = ProcGlobal->allProcs[number].backendId;

	if (number < MaxBackends)
		return id >= 1 && id <= MaxBackends ? &all[id - 1] : NULL;
	for (int i = 0; i < NUM_AUXPROCTYPES; i++)
	{
		if (all[MaxBackends + i].st_procpid == pid)
			return &all[MaxBackends + i];
	}
	return NULL;
}
#endif

/* As pg_stat_activity calls it; NULL: none.  18: a state of connections that are being made. */
static inline const char *
BackendStateName(BackendState state)
{
	switch (state)
	{
		case STATE_UNDEFINED:
			return NULL;
#if PG_VERSION_NUM >= 180000
		case STATE_STARTING:
			return "starting";
#endif
		case STATE_IDLE:
			return "idle";
		case STATE_RUNNING:
			return "active";
		case STATE_IDLEINTRANSACTION:
			return "idle in transaction";
		case STATE_FASTPATH:
			return "fastpath function call";
		case STATE_IDLEINTRANSACTION_ABORTED:
			return "idle in transaction (aborted)";
		case STATE_DISABLED:
			return "disabled";
	}
	return NULL;
}

#endif /* COMPAT_H */
