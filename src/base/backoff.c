/*
 * backoff.c
 *		Exponential backoff with full jitter.
 *
 * Full jitter, because the collectors of a whole fleet lose their backend in
 * the same second: a fixed delay, or one with a little noise, would bring them
 * all back in the same second too.  Pure C.
 */
#include "base/backoff.h"

int
BackoffDelay(int failures, double random)
{
	int ceiling = BACKOFF_FIRST_MS;
	int delay;

	for (int i = 1; i < failures && ceiling < BACKOFF_LIMIT_MS; i++)
		ceiling *= 2;
	if (ceiling > BACKOFF_LIMIT_MS)
		ceiling = BACKOFF_LIMIT_MS;

	/* also catches what is no number */
	if (!(random >= 0 && random < 1))
		random = 0.5;

	delay = (int) (ceiling * random);
	return delay < BACKOFF_LEAST_MS ? BACKOFF_LEAST_MS : delay;
}
