/*
 * fuzz_grant.c
 *		Any bytes as the reply to a registration, and what is kept of it.
 */
#include "deliver/grant.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Credentials given;
static Credentials kept;

/* What can be used must come back from the file as it went in. */
static void
CheckKept(void)
{
	static char text[CREDENTIALS_SIZE];
	size_t		length;

	strcpy(given.system_identifier, "7331");
	strcpy(given.hostname, "pg7.example.net");
	strcpy(given.name, "pg7");
	given.issued_at = 1700000000;
	length = CredentialsFormat(&given, text, sizeof(text));
	Require(length > 0 && length <= sizeof(text));
	Require(CredentialsParse(text, length, &kept));
	Require(strcmp(kept.collector_id, given.collector_id) == 0);
	Require(strcmp(kept.token, given.token) == 0);
	Require(kept.expires_at == given.expires_at);
	Require(strcmp(kept.certificate, given.certificate) == 0);
	Require(strcmp(kept.private_key, given.private_key) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char  error[GRANT_ERROR_SIZE];
	char *body = CopyInput(data, size);

	memset(&given, 0, sizeof(given));
	if (GrantParse(body, size, &given, error))
	{
		Require(CollectorIdIsValid(given.collector_id) && TokenIsValid(given.token));
		CheckKept();
	}
	else
		Require(error[0] != '\0');
	if (GrantParseToken(body, size, &given, error))
		Require(TokenIsValid(given.token));
	free(body);
	return 0;
}
