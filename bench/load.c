/*
 * load.c
 *		Writes down how long each request took that libcurl has finished.
 *
 * Preloaded (LD_PRELOAD) into the servers of bench/load.  The time is libcurl's
 * own, in the sender: from the request being handed over to the end of the
 * reply, connecting included.
 */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

CURLMcode
curl_multi_remove_handle(CURLM *multi, CURL *easy)
{
	CURLMcode	(*real) (CURLM *, CURL *) = dlsym(RTLD_NEXT, "curl_multi_remove_handle");
	const char *path = getenv("PGANALYTICS_LOAD");
	curl_off_t	total_us = 0;
	curl_off_t	sent = 0;
	long		status = 0;
	long		connects = 0;
	char		line[128];
	int			length;
	int			fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;

	curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &total_us);
	curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
	length = snprintf(line, sizeof(line), "%lld %ld %ld %lld\n", (long long) total_us, status,
					  connects, (long long) sent);
	if (fd >= 0)
	{
		if (write(fd, line, length) != length)
			abort();			/* the bench must not go on with figures that lack some */
		close(fd);
	}
	return real(multi, easy);
}
