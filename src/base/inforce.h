/*
 * inforce.h
 *		What is in force: the local settings, and within their limits the remote
 *		configuration.
 *
 * CollectorEnabled() and CollectorInterval() of settings.h are answered here.
 */
#ifndef INFORCE_H
#define INFORCE_H

#include "postgres.h"

#include "base/remote.h"

/* What the settings of this server say by themselves. */
extern bool CollectorEnabledLocally(int collector);
extern int	CollectorIntervalLocally(int collector);

/* The shortest interval that a backend may ask for, in seconds. */
extern int CollectorIntervalFloor(int collector);

/* Are entries of the server log of that severity sent? */
extern bool SeverityIsSent(const char *severity);
extern bool SeverityIsSentLocally(const char *severity);

/* The remote configuration that is known; NULL: none.  Valid until the next call. */
extern const RemoteConfig *RemoteKnown(void);

/* The same, but NULL as well where "pganalytics.remote_config" is off. */
extern const RemoteConfig *RemoteInForce(void);

/* Takes up what was kept on disk; by SpoolOpen, once after the server's start. */
extern void RemoteLoad(void);

/* Puts it in force in all processes (NULL: there is none any more); kept on disk by the caller. */
extern void RemoteSet(const RemoteConfig *config);

/* The name of the kept file in the state directory. */
#define REMOTE_FILE "config"

#endif /* INFORCE_H */
