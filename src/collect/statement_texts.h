/*
 * statement_texts.h
 *		Texts of statements: fetched when first seen, and again every hour.
 */
#ifndef STATEMENT_TEXTS_H
#define STATEMENT_TEXTS_H

#include "postgres.h"

typedef struct StatementText
{
	Oid			dbid;
	int64		queryid;
	const char *text; /* UTF-8, masked, cut; NULL: not fetched, or there is none */
	size_t		len;
	bool		truncated;
	bool		looked_for;
} StatementText;

/* What one cycle wants. */
typedef struct StatementTexts
{
	MemoryContext  context;	   /* of all that is in it */
	const char	  *schema;	   /* of pg_stat_statements */
	bool		   in_session; /* everything, now, and nothing is remembered */
	StatementText *texts;	   /* once complete: in order of dbid and queryid */
	int			   count;
	int			   room;
	bool		   sorted;
} StatementTexts;

/* Wants a text, unless it has been sent within the last hour. */
extern void StatementTextsWant(StatementTexts *list, Oid dbid, int64 queryid);

/* Is the file of texts so large that it is never read? */
extern bool StatementTextsAreTooLarge(void);

/*
 * Is anything wanted, and has enough time passed since the file of texts was
 * read last?
 */
extern bool StatementTextsAreDue(const StatementTexts *list);

/* Fetches them, within a query (query.h). */
extern void StatementTextsFetch(StatementTexts *list);

/* To be told how that went. */
extern void StatementTextsFetched(const StatementTexts *list, bool succeeded);

/* NULL: not wanted. */
extern const StatementText *StatementTextsFind(StatementTexts *list, Oid dbid, int64 queryid);

/* They have been written: not again within the hour. */
extern void StatementTextsRemember(const StatementTexts *list);

#endif /* STATEMENT_TEXTS_H */
