/*
 * fuzz_jsonlog.c
 *		Any bytes as a file of log_destination = jsonlog.
 */
#include "fuzz_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static LogDialect dialect;

	LogDialectInit(&dialect, "");
	FuzzLog("jsonlog", &dialect, (const char *) data, size);
	return 0;
}
