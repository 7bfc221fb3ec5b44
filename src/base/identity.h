/*
 * identity.h
 *		Who this server is, towards a backend.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#define COLLECTOR_ID_SIZE 256
#define HOSTNAME_SIZE 256

/* pganalytics.hostname, else gethostname(). */
extern const char *Hostname(void);

/*
 * pganalytics.collector_id with %h replaced, else the one that registration
 * gave, else a UUIDv5 of system identifier, host name and port.
 */
extern const char *CollectorId(void);

/* Takes up the id from the credentials on disk; by SpoolOpen, once after the server's start. */
extern void IdentityLoad(void);

/* Registration has given this id; it counts in all processes. */
extern void IdentitySetRegistered(const char *id);

/* "15.20": the server's version without what the packager added. */
extern const char *ServerVersion(void);

#endif /* IDENTITY_H */
