/*
 * fuzz_reply.c
 *		Two bytes of status, a line of Retry-After, the rest is the reply's body.
 */
#include <jansson.h>

#include "deliver/reply.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
CheckExcerpt(const char *text)
{
	char excerpt[64];

	memset(excerpt, '#', sizeof(excerpt));
	ReplyExcerpt(excerpt, sizeof(excerpt), text, 40);
	Require(strlen(excerpt) <= 43); /* and three dots */
	for (const char *p = excerpt; *p; p++)
		Require(*p >= ' ' && *p <= '~');
}

/* As the sender does for the "message" of a refusal. */
static void
ReadMessage(const char *body, size_t size)
{
	json_t	   *root = json_loadb(body, size, 0, NULL);
	const char *message = json_string_value(json_object_get(root, "message"));

	if (message != NULL)
		CheckExcerpt(message);
	json_decref(root);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	char		retry_after[64];
	char	   *body;
	int			status = 0;
	int			seconds;

	if (size >= 2)
	{
		status = data[0] * 256 + data[1];
		text += 2;
		size -= 2;
	}
	Require(ReplyRuleFor(status) != NULL && ReplyRuleFor(status)->meaning != NULL);

	FirstLine(&text, &size, retry_after, sizeof(retry_after));
	seconds = RetryAfterSeconds(retry_after, 1700000000);
	Require(seconds >= 0 && seconds <= RETRY_AFTER_LIMIT_S);
	CheckExcerpt(retry_after);

	body = CopyInput(text, size);
	if (ReplyBodyIsOurs(body, size))
		ReadMessage(body, size);
	free(body);
	return 0;
}
