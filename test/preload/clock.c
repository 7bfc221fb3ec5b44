/*
 * clock.c
 *		A clock that is wrong by as many seconds as the file CLOCK says.
 *
 * Preloaded (LD_PRELOAD) into a server by tests that need days to pass, or the
 * clock to jump.  The monotonic clock goes on as ever.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long
offset(void)
{
	char		text[32];
	int			fd = open(CLOCK, O_RDONLY | O_CLOEXEC);
	ssize_t		len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = 0;
	return atol(text);
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	int			(*real) (struct timeval *, void *) = dlsym(RTLD_NEXT, "gettimeofday");
	int			result = real(now, zone);

	now->tv_sec += offset();
	return result;
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int			(*real) (clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
	int			result = real(clock, now);

	if (clock == CLOCK_REALTIME)
		now->tv_sec += offset();
	return result;
}

time_t
time(time_t *at)
{
	struct timeval now;

	gettimeofday(&now, 0);
	if (at)
		*at = now.tv_sec;
	return now.tv_sec;
}
