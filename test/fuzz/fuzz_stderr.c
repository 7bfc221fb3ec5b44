/*
 * fuzz_stderr.c
 *		The first line is log_line_prefix, the rest a file of log_destination = stderr.
 */
#include "fuzz_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static LogDialect dialect;
	const char		 *text = (const char *) data;
	char			  prefix[1024];

	FirstLine(&text, &size, prefix, sizeof(prefix));
	LogDialectInit(&dialect, prefix);
	FuzzLog("stderr", &dialect, text, size);
	return 0;
}
