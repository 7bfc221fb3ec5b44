/*
 * url.c
 *		Parse and join the URLs that settings name.
 */
#include "base/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* isalnum() and friends depend on the locale of the server. */
static bool
IsDigit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
IsAlphanumeric(char c)
{
	return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
IsHexDigit(char c)
{
	return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* A dotted name.  Underscores are not allowed by DNS, but common inside clusters. */
static bool
HostNameIsValid(const char *host)
{
	size_t length = strlen(host);
	size_t label = 0;

	/* one dot at the end marks a name as complete */
	if (length > 1 && host[length - 1] == '.')
		length--;
	if (length == 0 || length > 253)
		return false;

	for (size_t i = 0; i < length; i++)
	{
		char c = host[i];

		if (c == '.')
		{
			if (label == 0 || host[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!IsAlphanumeric(c) && c != '_' && (c != '-' || label == 0))
			return false;
		if (++label > 63)
			return false;
	}
	return label > 0 && host[length - 1] != '-';
}

/* Does it consist of digits and dots, so that it can only be meant as an IPv4 address? */
static bool
LooksLikeIpv4(const char *host)
{
	return host[strspn(host, "0123456789.")] == '\0';
}

static const char *
CheckHost(const char *host, bool bracketed)
{
	struct in_addr	v4;
	struct in6_addr v6;

	if (bracketed)
		return inet_pton(AF_INET6, host, &v6) == 1 ? NULL :
													 "the text in brackets is not an IPv6 address";
	if (host[0] == '\0')
		return "the host name is missing";
	if (LooksLikeIpv4(host))
		return inet_pton(AF_INET, host, &v4) == 1 ? NULL : "the IPv4 address is not valid";
	return HostNameIsValid(host) ? NULL : "the host name is not valid";
}

/* Parses text up to end; 0: not a port. */
static int
ParsePort(const char *text, const char *end)
{
	int port = 0;

	if (end == text || end - text > 5)
		return 0;
	for (; text < end; text++)
	{
		if (!IsDigit(*text))
			return 0;
		port = port * 10 + (*text - '0');
	}
	return port <= 65535 ? port : 0;
}

static const char *
CheckPath(const char *path)
{
	for (const char *p = path; *p; p++)
	{
		if (*p == '%')
		{
			if (!IsHexDigit(p[1]) || !IsHexDigit(p[2]))
				return "\"%\" in the path must be followed by two hexadecimal digits";
		}
		else if (!IsAlphanumeric(*p) && strchr("/-._~!$&'()*+,;=:", *p) == NULL)
			return "the path contains a character that is not allowed there";

		/* curl would resolve these, a proxy perhaps differently */
		if (*p == '/' && p[1] == '.' &&
			(p[2] == '/' || p[2] == '\0' || (p[2] == '.' && (p[3] == '/' || p[3] == '\0'))))
			return "the path contains \".\" or \"..\"";
	}
	return NULL;
}

/* What cannot be part of any URL that we accept. */
static const char *
CheckCharacters(const char *text)
{
	for (const char *p = text; *p; p++)
	{
		unsigned char c = (unsigned char) *p;

		if (c <= ' ' || c == 0x7f)
			return "spaces and control characters are not allowed";
		if (c > 0x7f)
			return "only ASCII is allowed, write an international name in its \"xn--\" form";
	}
	return NULL;
}

static const char *
ParseScheme(const char **text, bool *https)
{
	if (strncasecmp(*text, "https://", 8) == 0)
	{
		*https = true;
		*text += 8;
	}
	else if (strncasecmp(*text, "http://", 7) == 0)
	{
		*https = false;
		*text += 7;
	}
	else
		return "it must begin with \"https://\" (or \"http://\")";
	return NULL;
}

static const char *
ParseAuthority(const char *authority, const char *end, Url *url)
{
	const char *host = authority;
	const char *host_end;
	const char *colon;
	bool		bracketed = *authority == '[';

	if (bracketed)
	{
		host++;
		host_end = memchr(host, ']', end - host);
		if (host_end == NULL)
			return "the closing bracket of the IPv6 address is missing";
		colon = host_end + 1;
	}
	else
	{
		host_end = memchr(host, ':', end - host);
		if (host_end == NULL)
			host_end = end;
		colon = host_end;
	}

	if ((size_t) (host_end - host) >= sizeof(url->host))
		return "the host name is too long";
	memcpy(url->host, host, host_end - host);
	url->host[host_end - host] = '\0';

	url->port = url->https ? 443 : 80;
	if (colon < end)
	{
		if (*colon != ':')
			return "the host name is not valid";
		url->port = ParsePort(colon + 1, end);
		if (url->port == 0)
			return "the port must be a number from 1 to 65535";
	}
	return CheckHost(url->host, bracketed);
}

static const char *
Parse(const char *text, Url *url)
{
	const char *authority = text;
	const char *path;
	const char *error;
	size_t		length = strlen(text);

	/* wherever the "@" is: a slash in a password makes it look like part of the path */
	url->has_credentials = strchr(text, '@') != NULL;
	if (url->has_credentials)
		return "it must not contain a user name or password (\"@\")";
	if (length >= URL_SIZE)
		return "it is too long";
	if ((error = CheckCharacters(text)) != NULL ||
		(error = ParseScheme(&authority, &url->https)) != NULL)
		return error;

	if (strchr(text, '?') != NULL)
		return "it must not contain a query (\"?\")";
	if (strchr(text, '#') != NULL)
		return "it must not contain a fragment (\"#\")";

	path = authority + strcspn(authority, "/");
	if ((error = ParseAuthority(authority, path, url)) != NULL || (error = CheckPath(path)) != NULL)
		return error;

	while (text + length > path && text[length - 1] == '/')
		length--;
	url->has_prefix = text + length > path;
	memcpy(url->base, text, length);
	url->base[length] = '\0';
	return NULL;
}

bool
UrlParse(const char *text, Url *url)
{
	memset(url, 0, sizeof(*url));
	url->error = Parse(text, url);
	return url->error == NULL;
}

bool
UrlJoin(const Url *url, const char *path, char *buffer, size_t size)
{
	int written;

	while (*path == '/')
		path++;
	written = snprintf(buffer, size, "%s/%s", url->base, path);
	return written >= 0 && (size_t) written < size;
}
