/*
 * fuzz_url.c
 *		Any text as the URL of a backend.
 */
#include "base/url.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	char  joined[URL_SIZE + 64];
	Url	  url;

	memcpy(text, data, size);
	text[size] = '\0';
	if (UrlParse(text, &url))
	{
		Require(url.error == NULL && strpbrk(text, "@?#") == NULL);
		Require(url.host[0] != '\0' && url.port > 0 && url.port <= 65535);
		for (const char *p = url.base; *p; p++)
			Require(*p > ' ' && *p <= '~');
		Require(UrlJoin(&url, "/api/v1/metrics/push", joined, sizeof(joined)));
	}
	else
		Require(url.error != NULL);
	free(text);
	return 0;
}
