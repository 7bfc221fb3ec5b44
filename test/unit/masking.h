/*
 * masking.h
 *		What the tests of what is masked in texts have in common.  MASK_FUNCTION is
 *		the function that they test.
 */
#ifndef MASKING_H
#define MASKING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct Case
{
	const char *before;
	const char *after; /* NULL: the same */
} Case;

static char *
masked(const char *text, size_t len, size_t size, bool *cut)
{
	char *exact = malloc(len ? len : 1); /* so that a sanitizer sees what lies behind */
	char *out = malloc(size + 1);

	memcpy(exact, text, len);
	out[MASK_FUNCTION(exact, len, out, size, cut)] = '\0';
	free(exact);
	return out;
}

static void
check(const Case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		bool  cut;
		char *out = masked(cases[i].before, strlen(cases[i].before), 4096, &cut);

		assert_string_equal(out, cases[i].after ? cases[i].after : cases[i].before);
		assert_false(cut);
		free(out);
	}
}

#define CHECK(cases) check(cases, sizeof(cases) / sizeof(cases[0]))

static size_t
random_number(unsigned *seed, size_t below)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % below;
}

/* Texts of some of the pieces, and long ones of each of them. */
static void
check_survival(const char *const *pieces, size_t count)
{
	unsigned seed = 1;
	size_t	 size = 256 * 1024;
	char	*big = malloc(size);
	bool	 cut;

	for (int round = 0; round < 20000; round++)
	{
		char text[1024] = "";

		for (size_t left = random_number(&seed, 24); left > 0; left--)
			strcat(text, pieces[random_number(&seed, count)]);
		for (size_t room = 0; room < 64; room += 9)
			free(masked(text, strlen(text), room, &cut));
	}
	for (size_t i = 0; i < count; i++)
	{
		size_t len = strlen(pieces[i]);

		for (size_t at = 0; at + len <= size; at += len)
			memcpy(big + at, pieces[i], len);
		free(masked(big, size - len, size, &cut));
	}
	free(big);
}

#define CHECK_SURVIVAL(pieces) check_survival(pieces, sizeof(pieces) / sizeof(pieces[0]))

#endif /* MASKING_H */
