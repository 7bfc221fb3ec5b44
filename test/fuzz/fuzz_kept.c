/*
 * fuzz_kept.c
 *		Any bytes as the files of credentials and remote configuration.
 */
#include "base/credentials.h"
#include "base/remote.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static Credentials	credentials;
	static RemoteConfig config;
	char			   *text = CopyInput(data, size);

	if (CredentialsParse(text, size, &credentials))
		Require(CollectorIdIsValid(credentials.collector_id));
	if (RemoteParse(text, size, &config))
	{
		for (int i = 0; i < NUM_COLLECTORS; i++)
			Require(config.interval_s[i] >= 0 && config.interval_s[i] <= REMOTE_INTERVAL_MAX_S);
	}
	free(text);
	return 0;
}
