/*
 * backoff.h
 *		How long to wait before something that failed is tried again.
 */
#ifndef BACKOFF_H
#define BACKOFF_H

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_LIMIT_MS (5 * 60 * 1000)
#define BACKOFF_LEAST_MS 100

/*
 * ms to wait after so many failures in a row (1: the first one): evenly
 * distributed between nothing and a ceiling that doubles from 1 s to 5 min.
 * random is in [0, 1).
 */
extern int BackoffDelay(int failures, double random);

#endif /* BACKOFF_H */
