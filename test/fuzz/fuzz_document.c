/*
 * fuzz_document.c
 *		A line of X-Config-Version, then any bytes as the remote configuration.
 */
#include "deliver/document.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLOOR_S 10

static RemoteConfig asked;
static RemoteConfig kept;

/* No more than a backend may decide. */
static void
CheckAsked(void)
{
	static char text[REMOTE_TEXT_SIZE];
	size_t		length;

	for (int i = 0; i < NUM_COLLECTORS; i++)
		Require(asked.interval_s[i] == 0 ||
				(asked.interval_s[i] >= FLOOR_S && asked.interval_s[i] <= REMOTE_INTERVAL_MAX_S));
	Require(asked.has_collectors || asked.collectors == 0);
	Require((asked.collectors >> NUM_COLLECTORS) == 0);
	Require((asked.severities >> NUM_SEVERITIES) == 0);
	for (const char *p = asked.ignored; *p; p++)
		Require(*p >= ' ' && *p <= '~');

	length = RemoteFormat(&asked, text, sizeof(text));
	Require(length > 0 && RemoteParse(text, length, &kept));
	Require(kept.version == asked.version && kept.collectors == asked.collectors);
	Require(kept.severities == asked.severities);
	Require(memcmp(kept.interval_s, asked.interval_s, sizeof(kept.interval_s)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char	  *text = (const char *) data;
	char		   header[64];
	char		   error[DOCUMENT_ERROR_SIZE] = "";
	char		  *body;
	DocumentLimits limits;

	for (int i = 0; i < NUM_COLLECTORS; i++)
		limits.floor_s[i] = FLOOR_S;
	FirstLine(&text, &size, header, sizeof(header));
	body = CopyInput(text, size);
	if (DocumentParse(body, size, header, &limits, &asked, error))
		CheckAsked();
	else
		Require(error[0] != '\0');
	free(body);
	return 0;
}
