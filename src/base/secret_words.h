/*
 * secret_words.h
 *		The words after which secrets follow.  Pure C.
 */
#ifndef SECRET_WORDS_H
#define SECRET_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* Does the word end with "password", "secret", … (see the table)? */
extern bool IsSecretWord(const char *word, size_t len);

#endif /* SECRET_WORDS_H */
