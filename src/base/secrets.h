/*
 * secrets.h
 *		Texts of statements without the secrets in them.
 *
 * pg_stat_statements keeps utility statements, and the server log any
 * statement, as they were typed: ALTER ROLE … PASSWORD 'secret', connection
 * strings, options of user mappings.  Pure C.
 */
#ifndef SECRETS_H
#define SECRETS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Copies a text (UTF-8) to out with ******** in the place of each secret;
 * writes at most size bytes, no NUL, and returns how many.  *cut: there was
 * more; no character is cut in two.  The text may end anywhere: what may be
 * the beginning of a secret is one.
 *
 * A secret is
 *	- a string constant, of any form and in any depth of quoting, after a word
 *	  that ends with "password", "secret", … (see the table), with or without
 *	  one of = := => : TO in between;
 *	- within a string constant also what follows such a word and = or :
 *	  without quotes (connection strings);
 *	- the password of a URI;
 *	- the password of a role, where somebody forgot its quotes;
 *	- every string constant of a statement whose password is put together from
 *	  parts (format('… PASSWORD %L', …), 'PASSWORD ' || …), and of a DO block
 *	  that mentions one.
 * In doubt more is masked rather than less.
 */
extern size_t SecretsMask(const char *text, size_t len, char *out, size_t size, bool *cut);

/* The same for a message that may quote a connection string or a line of pg_hba.conf. */
extern size_t SecretsMaskProse(const char *text, size_t len, char *out, size_t size, bool *cut);

#endif /* SECRETS_H */
