/*
 * cpu_window.c
 *		CPU time used within the last minute.
 */
#include "collect/cpu_window.h"

#define SECOND INT64_C(1000000)

/* The i-th newest. */
static const CpuSample *
Sample(const CpuWindow *window, int i)
{
	return &window->samples[(window->next - 1 - i + 2 * CPU_SAMPLES) % CPU_SAMPLES];
}

static void
Add(CpuWindow *window, int64_t now, int64_t total)
{
	if (window->count > 0 && now < Sample(window, 0)->at)
		window->count = 0; /* the clock was set back */
	if (window->count > 0 && now < Sample(window, 0)->at + SECOND)
		return;
	window->samples[window->next] = (CpuSample){now, total};
	window->next = (window->next + 1) % CPU_SAMPLES;
	if (window->count < CPU_SAMPLES)
		window->count++;
}

int64_t
CpuWindowUsed(CpuWindow *window, int64_t now, int64_t total)
{
	Add(window, now, total);
	for (int i = 0; i < window->count; i++)
	{
		const CpuSample *sample = Sample(window, i);

		if (sample->at <= now - CPU_WINDOW || i == window->count - 1)
			return total > sample->total ? total - sample->total : 0;
	}
	return 0;
}
