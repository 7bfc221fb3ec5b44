/*
 * cpu_lid.c
 *		pganalytics.max_cpu_percent.
 *
 * The kernel tells the clocks of processes that run; those that have ended left
 * theirs in shared memory (worker.c).  Beyond the lid nothing is left out: what
 * is due begins later, and the status says so for as long as it goes on, and two
 * minutes more, since otherwise it would come and go.
 */
#include "postgres.h"

#include <time.h>

#include "utils/timestamp.h"

#include "base/problem.h"
#include "base/settings.h"
#include "base/shared.h"
#include "collect/cpu_lid.h"
#include "collect/cpu_window.h"

#define QUIET_AFTER (2 * CPU_WINDOW)

static CpuWindow window;

static int64
CpuOf(pid_t pid)
{
	clockid_t		clock;
	struct timespec used;

	if (pid == 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
		return 0;
	return used.tv_sec * USECS_PER_SEC + used.tv_nsec / 1000;
}

/*
 * A worker that ends takes its process id out of its slot under the same lock,
 * as it adds what it used to that of the ended: it is never counted twice, nor
 * is another process that gets its id.
 */
static int64
CpuOfAll(void)
{
	int64 total;

	LWLockAcquire(Shared->lock, LW_SHARED);
	total = Shared->cpu_of_ended + CpuOf(Shared->collector.pid) + CpuOf(Shared->sender.pid);
	for (int i = 0; i < MAX_VISITORS; i++)
		total += CpuOf(Shared->visitors[i].worker.pid);
	LWLockRelease(Shared->lock);
	return total;
}

bool
CpuLidAllows(TimestampTz now)
{
	static TimestampTz delayed_at = 0;
	static bool		   was_allowed = true;
	static TimestampTz asked_at = 0;
	int64			   total = CpuOfAll();
	double			   percent = CpuWindowUsed(&window, now, total) * 100.0 / CPU_WINDOW;
	bool			   allowed = Setting.max_cpu_percent == 0 || percent < Setting.max_cpu_percent;

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	Shared->cpu_total = total;
	Shared->cpu_percent = percent;
	if (!was_allowed && now > asked_at)
		Shared->cpu_delayed_ms += (now - asked_at) / 1000;
	LWLockRelease(Shared->lock);
	asked_at = now;
	was_allowed = allowed;

	if (!allowed)
	{
		delayed_at = now;
		ProblemSet(PROBLEM_CPU, 1,
				   "collectors are delayed: pganalytics has used %.1f %% of a core over the last "
				   "minute; raise \"pganalytics.max_cpu_percent\" (%d) or the intervals",
				   percent, Setting.max_cpu_percent);
	}
	else if (Setting.max_cpu_percent == 0 || now < delayed_at || now > delayed_at + QUIET_AFTER)
		ProblemClear(PROBLEM_CPU);
	return allowed;
}
