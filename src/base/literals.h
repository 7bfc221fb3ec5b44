/*
 * literals.h
 *		Texts of statements without the values in them.
 *
 * What pg_stat_statements does for statements that were executed, for any
 * text: what the server log quotes may be cut off, broken, or no SQL at all.
 * Pure C.
 */
#ifndef LITERALS_H
#define LITERALS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Copies a statement (in an encoding that ASCII is a part of) to out with $n in
 * the place of each constant, n going on after the highest $n in it, and with
 * nothing in the place of each comment; writes at most size bytes, no NUL, and
 * returns how many.  *cut: there was more; no UTF-8 character is cut in two.
 *
 * Constants are strings of every form (plain, E, U&, N, B, X, dollar-quoted) and
 * numbers.  The password of a role is masked even where somebody forgot its
 * quotes.  Identifiers, keywords, operators and $n stay.
 *
 * From where it cannot be told what is a constant (a quote or comment that does
 * not end, a backslash before a quote that standard_conforming_strings decides
 * on, typographic quotes), all the rest is one.
 */
extern size_t LiteralsMask(const char *text, size_t len, char *out, size_t size, bool *cut);

/*
 * Is it CREATE ROLE, ALTER USER and the like, and is its password due?  To be
 * asked with every word of a statement in turn.
 */
typedef enum RoleStatement
{
	ROLE_STATEMENT_BEGIN,	 /* nothing of the statement was seen */
	ROLE_STATEMENT_VERB,	 /* CREATE or ALTER */
	ROLE_STATEMENT,			 /* of a role, user or group */
	ROLE_STATEMENT_PASSWORD, /* what comes next is the password */
	ROLE_STATEMENT_NONE
} RoleStatement;

extern RoleStatement RoleStatementNext(RoleStatement state, const char *word, size_t len);

#endif /* LITERALS_H */
