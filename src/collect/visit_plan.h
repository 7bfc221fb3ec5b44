/*
 * visit_plan.h
 *		Which database is to be visited next, and for what.
 *
 * Every database has a time for every collector.  The first visits begin one
 * after the other; from then on each database has a place of its own within
 * the interval, so that visits are spread over it however many there are.
 * Whoever is most overdue comes first, which makes it a round robin where
 * there is more to do than time.  Pure C; times are in µs.
 */
#ifndef VISIT_PLAN_H
#define VISIT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/collectors.h"

typedef struct PlannedDatabase
{
	uint32_t oid;
	char	 name[64];
	double	 place;					  /* within the interval, 0 to 1 */
	int64_t	 due[NUM_COLLECTORS];	  /* 0: at once */
	int64_t	 was_due[NUM_COLLECTORS]; /* when the last visit began */
	int64_t	 known_since;
	int64_t	 visited_at; /* when the last visit began, 0: never */
	int64_t	 gap;		 /* between the last two */
	bool	 busy;		 /* a visit is under way */

	/* masks of 1 << CollectorType */
	uint32_t forced;	   /* somebody asked for it */
	uint32_t pending;	   /* to be visited before the round is over */
	uint32_t visiting;	   /* the visit under way counts for the round */
	uint32_t visit_forced; /* what was forced when it began */

	uint64_t custom_left; /* of the custom collectors, what the last visit left; 0: all are meant */
} PlannedDatabase;

typedef struct VisitPlan
{
	PlannedDatabase *databases; /* sorted by oid */
	int				 count;
	int64_t			 interval[NUM_COLLECTORS]; /* 0: not wanted */
	uint32_t		 places;				   /* given out so far */
	int64_t			 begun_at;				   /* the last visit that nobody asked for */
	uint32_t		 patient; /* asked for by nobody who waits: in turn, not before all others */
} VisitPlan;

/* NULL: it is not in the list. */
extern PlannedDatabase *VisitPlanFind(const VisitPlan *plan, uint32_t oid);

/* Wanted every so often; 0: not any more. */
extern void VisitPlanInterval(VisitPlan *plan, int collector, int64_t interval, int64_t now);

/*
 * Replaces the list by "fresh", sorted by oid, of which only oid and name are
 * filled in; those that were there before keep their times.  Returns what the
 * list was, for the caller to free.
 */
extern PlannedDatabase *VisitPlanReplace(VisitPlan *plan, PlannedDatabase *fresh, int count,
										 int64_t now);

/* One database is to be visited for the collector, "forced" before those that are due. */
extern void VisitPlanAsk(VisitPlan *plan, int database, int collector, bool forced);

/* A round of the collector begins: the same of all databases. */
extern void VisitPlanRound(VisitPlan *plan, int collector, bool forced);

/* Has every database been visited since it began? */
extern bool VisitPlanRoundIsOver(const VisitPlan *plan, int collector);

/*
 * The database to visit now, and for which collectors: those that are due, and
 * those that soon would be.  -1: none; *wait: for how long (-1: until something
 * else happens).  scheduled false: only what somebody asked for.
 */
extern int VisitPlanNext(const VisitPlan *plan, int64_t now, bool scheduled, uint32_t *collectors,
						 int64_t *wait);

/*
 * The order in which a visit takes the collectors: what somebody asked for, then
 * whoever is most overdue.  A visit that cannot come to all would otherwise leave
 * the same ones each time, where the first are due again before the next visit.
 */
extern void VisitPlanOrder(const VisitPlan *plan, int database, int64_t now,
						   uint8_t order[NUM_COLLECTORS]);

extern void VisitPlanBegun(VisitPlan *plan, int database, uint32_t collectors, int64_t now);

/*
 * The visit is over.  left: it did not come to these, they are due as before, or
 * now if they were not yet;
 * failed: these ran out of time and are tried again within a minute.
 */
extern void VisitPlanEnded(VisitPlan *plan, uint32_t oid, uint32_t left, uint32_t failed,
						   int64_t now);

/* Takes a database off the list. */
extern void VisitPlanForget(VisitPlan *plan, int database);

/* Nobody has to wait any longer for what was asked for: it cannot be had. */
extern void VisitPlanGiveUp(VisitPlan *plan);

extern bool VisitPlanHas(const VisitPlan *plan, uint32_t oid);

/* The longest time without a visit, and in which database (-1: there is none). */
extern int64_t VisitPlanLongestGap(const VisitPlan *plan, int64_t now, int *database);

/* The shortest of the intervals, 0: nothing is wanted. */
extern int64_t VisitPlanShortestInterval(const VisitPlan *plan);

#endif /* VISIT_PLAN_H */
