/*
 * statement_source.h
 *		Is pg_stat_statements there, where, and of which version?
 */
#ifndef STATEMENT_SOURCE_H
#define STATEMENT_SOURCE_H

#include "postgres.h"

/* What keeps us from reading it, in part or altogether. */
typedef enum StatementObstacle
{
	NO_OBSTACLE,
	NOT_INSTALLED,
	NOT_CREATED, /* only loaded */
	NOT_LOADED,	 /* only created */
	TOO_OLD,
	NO_QUERY_IDS, /* so there are no statements */
	NOT_TRACKED,  /* likewise */
	NO_TEXTS	  /* but all the rest */
} StatementObstacle;

typedef struct StatementSource
{
	const char *schema;
	int			major; /* version of the server whose columns it has */
} StatementSource;

/* Fills *source if there is no obstacle.  To be asked within a query (query.h). */
extern StatementObstacle StatementSourceFind(StatementSource *source);

/* What is wrong and what to do, the lines that install it included; likewise. */
extern char *StatementObstacleText(StatementObstacle obstacle);

#endif /* STATEMENT_SOURCE_H */
