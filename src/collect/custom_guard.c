/*
 * custom_guard.c
 *		Whose code a custom collector runs as a superuser.
 *
 * What a superuser registered runs as a superuser, and the databases that it
 * visits belong to others.  Functions, operators, views and foreign tables
 * there that are not a superuser's own are therefore refused: the query, and
 * each that a function of it runs, is looked through before it is planned, the
 * partitions as the planner comes to them, and whatever else comes to be
 * executed (the expression of an index, a domain's constraint, a cast to json
 * of a value that is written) when it does.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/pathnode.h"
#include "optimizer/plancat.h"
#include "optimizer/planner.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "collect/custom_guard.h"

static bool						  guards = false;
static bool						  serves_others = false; /* the process, see GuardInstall */
static object_access_hook_type	  next_object_access_hook;
static needs_fmgr_hook_type		  next_needs_fmgr_hook;
static fmgr_hook_type			  next_fmgr_hook;
static planner_hook_type		  next_planner_hook;
static relation_planned_hook_type next_relation_planned_hook;

static bool
IsOfSuperuser(Oid owner)
{
	return owner == BOOTSTRAP_SUPERUSERID || superuser_arg(owner);
}

static bool
IsTrusted(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool	  trusted;

	if (!HeapTupleIsValid(tuple))
		return false;
	trusted = IsOfSuperuser(((Form_pg_proc) GETSTRUCT(tuple))->proowner);
	ReleaseSysCache(tuple);
	return trusted;
}

static void
CheckFunction(Oid function)
{
	if (!IsTrusted(function))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("function %s is not owned by a superuser", format_procedure(function)),
				 errdetail(
					 "The custom collector was registered by a superuser and would run it as one."),
				 errhint("Register the custom collector as another role, for example a member of "
						 "\"pg_monitor\".")));
}

static void
GuardExecution(ObjectAccessType access, Oid class, Oid object, int sub_id, void *arg)
{
	if (next_object_access_hook)
		next_object_access_hook(access, class, object, sub_id, arg);
	if (guards && access == OAT_FUNCTION_EXECUTE && class == ProcedureRelationId)
		CheckFunction(object);
}

/*
 * Asked of most functions that are looked up to be called, and before one is
 * inlined: those that the server's own code calls pass no object access hook.
 * While the guard is up none is inlined: what it reads would not be seen.  And
 * what was looked up before, and is remembered, has to pass GuardEntry.
 */
static bool
GuardCall(Oid function)
{
	if (guards)
		CheckFunction(function);
	return guards || (serves_others && !IsTrusted(function)) ||
		(next_needs_fmgr_hook && next_needs_fmgr_hook(function));
}

/* Nobody is asked of a function with settings of its own: it comes here in any case. */
static void
GuardEntry(FmgrHookEventType event, FmgrInfo *function, Datum *private)
{
	if (guards && event == FHET_START)
		CheckFunction(function->fn_oid);
	if (next_fmgr_hook)
		next_fmgr_hook(event, function, private);
}

static bool
CheckFunctionOfNode(Oid function, void *arg)
{
	CheckFunction(function);
	return false;
}

static void
CheckRelation(Oid relation)
{
	HeapTuple	  tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Form_pg_class form;
	bool		  is_view;
	bool		  trusted;

	if (!HeapTupleIsValid(tuple))
		return; /* dropped: the planner will say so */
	form = (Form_pg_class) GETSTRUCT(tuple);
	is_view = form->relkind == RELKIND_VIEW;
	/* a foreign table leads, with a superuser's rights to connect, wherever its owner wants */
	trusted = !(is_view || form->relkind == RELKIND_FOREIGN_TABLE) || IsOfSuperuser(form->relowner);
	ReleaseSysCache(tuple);
	if (!trusted)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 is_view ?
					 errmsg("view %s is not owned by a superuser", get_rel_name(relation)) :
					 errmsg("foreign table %s is not owned by a superuser", get_rel_name(relation)),
				 errdetail(
					 "The custom collector was registered by a superuser and would run it as one."),
				 errhint("Register the custom collector as another role, for example a member of "
						 "\"pg_monitor\".")));
}

/* Before its foreign server is asked for a plan. */
static void
GuardRelation(RELATION_PLANNED_PARAMETERS)
{
	if (next_relation_planned_hook)
		next_relation_planned_hook(RELATION_PLANNED_ARGUMENTS);
	if (guards && OidIsValid(RELATION_PLANNED))
		CheckRelation(RELATION_PLANNED);
}

/* With its partitions and children, as far as there are any yet. */
static void
CheckRelationOf(const RangeTblEntry *entry)
{
	ListCell *child;

	if (!entry->inh)
	{
		CheckRelation(entry->relid);
		return;
	}
	foreach (child, find_all_inheritors(entry->relid, NoLock, NULL))
		CheckRelation(lfirst_oid(child));
}

static bool
CheckNode(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *entry = (RangeTblEntry *) node;

		if (OidIsValid(entry->relid))
			CheckRelationOf(entry);
		return false; /* the walker goes on into it */
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, CheckNode, arg, QTW_EXAMINE_RTES_BEFORE);
	(void) check_functions_in_node(node, CheckFunctionOfNode, NULL);
	return expression_tree_walker(node, CheckNode, arg);
}

/* Views are to be seen here: of those the planner makes a subquery before it asks of relations. */
static PlannedStmt *
GuardQuery(PLANNER_PARAMETERS)
{
	if (guards)
		(void) CheckNode((Node *) parse, NULL);
	return next_planner_hook ? next_planner_hook(PLANNER_ARGUMENTS) :
							   standard_planner(PLANNER_ARGUMENTS);
}

static void
InstallHooks(void)
{
	static bool installed = false;

	if (installed)
		return;
	next_object_access_hook = object_access_hook;
	object_access_hook = GuardExecution;
	next_needs_fmgr_hook = needs_fmgr_hook;
	needs_fmgr_hook = GuardCall;
	next_fmgr_hook = fmgr_hook;
	fmgr_hook = GuardEntry;
	next_planner_hook = planner_hook;
	planner_hook = GuardQuery;
	next_relation_planned_hook = relation_planned_hook;
	relation_planned_hook = GuardRelation;
	installed = true;
}

void
GuardInstall(void)
{
	InstallHooks();
	serves_others = true;
}

static void
EndOfContext(void *arg)
{
	guards = false;
}

void
GuardBegin(void)
{
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	callback->func = EndOfContext;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	InstallHooks();
	ResetPlanCache(); /* what was planned before was not looked at */
	guards = true;
}

void
GuardEnd(void)
{
	guards = false;
}
