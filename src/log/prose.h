/*
 * prose.h
 *		Masks what stands in quotes in a text that nobody knows.
 */
#ifndef LOG_PROSE_H
#define LOG_PROSE_H

#include "log/redact.h"

/* What else is masked, and what is not. */
#define PROSE_MASK_NUMBERS 0x01
#define PROSE_MASK_PARENTHESES 0x02 /* behind "=" */
#define PROSE_KEEP_NAMES 0x04		/* in quotes */

extern void RedactProse(Redactor *r, const char *data, size_t len, int flags);

/* Does it look like the name of something in a database? */
extern bool ProseIsName(const char *data, size_t len);

#endif /* LOG_PROSE_H */
