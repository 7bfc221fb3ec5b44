/*
 * fuzz_csvlog.c
 *		Any bytes as a file of log_destination = csvlog.
 */
#include "fuzz_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static LogDialect dialect;

	LogDialectInit(&dialect, "");
	FuzzLog("csvlog", &dialect, (const char *) data, size);
	return 0;
}
