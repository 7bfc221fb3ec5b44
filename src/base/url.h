/*
 * url.h
 *		The address of a backend or a proxy, taken apart and checked.
 *
 * Narrower than RFC 3986 on purpose: a scheme, a host, perhaps a port and a
 * path.  Credentials, queries and fragments have no place in it.  Pure C.
 */
#ifndef URL_H
#define URL_H

#include <stdbool.h>
#include <stddef.h>

#define URL_SIZE 1024

typedef struct Url
{
	bool		https;			 /* else http */
	char		host[256];		 /* without the brackets of an IPv6 address */
	int			port;			 /* the scheme's own where none is given */
	char		base[URL_SIZE];	 /* all of it, without a slash at the end */
	bool		has_prefix;		 /* a path other than "/" */
	bool		has_credentials; /* a user name or password; never accepted */
	const char *error;			 /* what is wrong with it, a constant; NULL: nothing */
} Url;

/* Fills *url; false: it is no good, url->error says why. */
extern bool UrlParse(const char *text, Url *url);

/*
 * base and path with exactly one slash between them.  False: too long for the
 * buffer.
 */
extern bool UrlJoin(const Url *url, const char *path, char *buffer, size_t size);

#endif /* URL_H */
