/*
 * fuzz_literals.c
 *		Any bytes as a statement.  Without its constants it has no quotes but those of
 *		identifiers, no comments, and no digits but those of names and $n.
 */
#include "fuzz_log.h"

#include "base/literals.h"
#include "base/secrets.h"
#include "base/sqltext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
CheckMasked(const char *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		Require(out[i] != '\'' && out[i] != '\\');
		Require(!(out[i] == '/' && i + 1 < len && out[i + 1] == '*'));
		if (IsDigit(out[i]))
			Require(i > 0 && (out[i - 1] == '$' || IsWordChar(out[i - 1])));
		if (out[i] == '"')
		{
			for (i++; i < len && out[i] != '"';)
				i++;
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t (*const maskers[])(const char *, size_t, char *, size_t,
							  bool *) = {LiteralsMask, SecretsMask, SecretsMaskProse};
	char *text = malloc(size);

	memcpy(text, data, size);
	for (int i = 0; i < 3; i++)
	{
		for (size_t room = 7; room < 8 * size + 64; room *= 8)
		{
			char  *out = malloc(room);
			bool   cut;
			size_t used = maskers[i](text, size, out, room, &cut);

			Require(used <= room);
			if (i == 0 && !cut)
				CheckMasked(out, used);
			free(out);
		}
	}
	free(text);
	return 0;
}
