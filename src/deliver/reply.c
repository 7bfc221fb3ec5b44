/*
 * reply.c
 *		The table of replies, and the parts of a reply that matter.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* timegm */
#endif
#include "deliver/reply.h"

#include <string.h>

#define NO_BATCHES_THERE "it takes no batches at that address, check \"pganalytics.backend_url\""

const ReplyRule ReplyRules[] = {
	{200, 299, REPLY_DELIVERED, "accepted"},
	{300, 399, REPLY_REDIRECTED, "redirects are not followed, correct \"pganalytics.backend_url\""},
	{401, 401, REPLY_RENEW_TOKEN,
	 "it does not accept our token, compare \"pganalytics.jwt_secret_file\" with its secret"},
	{403, 403, REPLY_FORBIDDEN, "this collector is not allowed to push"},
	{404, 405, REPLY_ASTRAY, NO_BATCHES_THERE},
	{407, 407, REPLY_RETRY, "the proxy asks for credentials, which is not supported"},
	{408, 408, REPLY_SUSPECT, "the request took too long"},
	{410, 410, REPLY_ASTRAY, NO_BATCHES_THERE},
	{413, 413, REPLY_SPLIT, "the batch is too large for it"},
	{414, 414, REPLY_ASTRAY, NO_BATCHES_THERE},
	{415, 415, REPLY_SEND_PLAIN, "it does not understand gzip"},
	{421, 421, REPLY_ASTRAY, NO_BATCHES_THERE},
	{425, 425, REPLY_RETRY, "too early"},
	{429, 429, REPLY_RETRY, "too many requests"},
	{431, 431, REPLY_ASTRAY, "the headers are too large for it"},
	{400, 499, REPLY_REJECTED, "it refuses this batch"},
	{500, 599, REPLY_SUSPECT, "it failed"},
	{0, 0, REPLY_RETRY, "which is no status of HTTP"},
};

const ReplyRule *
ReplyRuleFor(int status)
{
	const ReplyRule *rule = ReplyRules;

	while (rule->first != 0 && (status < rule->first || status > rule->last))
		rule++;
	return rule;
}

/* isspace() depends on the locale; JSON has just these. */
static bool
IsSpace(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *
SkipSpace(const char *p, const char *end)
{
	while (p < end && IsSpace(*p))
		p++;
	return p;
}

/*
 * An object begins with a brace and then a key or the other brace; a page of
 * CSS or a template does not.
 */
bool
ReplyBodyIsOurs(const char *body, size_t size)
{
	const char *end = body + size;
	const char *p = SkipSpace(body, end);

	if (p == end)
		return true;
	if (*p != '{')
		return false;
	p = SkipSpace(p + 1, end);
	return p < end && (*p == '"' || *p == '}');
}

/* All digits: a number of seconds, clamped.  -1: something else. */
static int
ParseSeconds(const char *value)
{
	int seconds = 0;

	if (*value == '\0')
		return -1;
	for (; *value; value++)
	{
		if (*value < '0' || *value > '9')
			return -1;
		seconds = seconds * 10 + (*value - '0');
		if (seconds > RETRY_AFTER_LIMIT_S)
			seconds = RETRY_AFTER_LIMIT_S;
	}
	return seconds;
}

static int
MonthByName(const char *name)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int month = 0; month < 12; month++)
	{
		if (strncmp(name, months + 3 * month, 3) == 0)
			return month;
	}
	return -1;
}

/*
 * Matches value against a pattern in which Y, D, h, m, s stand for a digit of
 * year, day, hour, minute and second ("d" for a digit or a space), bbb for the
 * month and "." for a letter.  strptime() would ask the locale for the names.
 */
static bool
MatchDate(const char *value, const char *pattern, struct tm *tm)
{
	memset(tm, 0, sizeof(*tm));
	tm->tm_mon = -1;
	for (; *pattern; pattern++, value++)
	{
		int *field = NULL;

		switch (*pattern)
		{
			case 'Y':
				field = &tm->tm_year;
				break;
			case 'd':
				if (*value == ' ')
					continue;
				field = &tm->tm_mday;
				break;
			case 'D':
				field = &tm->tm_mday;
				break;
			case 'h':
				field = &tm->tm_hour;
				break;
			case 'm':
				field = &tm->tm_min;
				break;
			case 's':
				field = &tm->tm_sec;
				break;
			case 'b':
				if (tm->tm_mon < 0 && (tm->tm_mon = MonthByName(value)) < 0)
					return false;
				continue;
			case '.':
				if (!((*value >= 'A' && *value <= 'Z') || (*value >= 'a' && *value <= 'z')))
					return false;
				continue;
			default:
				if (*value != *pattern)
					return false;
				continue;
		}
		if (*value < '0' || *value > '9')
			return false;
		*field = *field * 10 + (*value - '0');
	}
	return *value == '\0';
}

/* The three formats of RFC 9110, 5.6.7.  False: none of them. */
bool
ReplyDate(const char *value, time_t now, time_t *date)
{
	const char *comma = strchr(value, ',');
	struct tm	tm;
	bool		found = false;

	if (MatchDate(value, "..., DD bbb YYYY hh:mm:ss GMT", &tm) ||
		MatchDate(value, "... bbb dD hh:mm:ss YYYY", &tm))
	{
		tm.tm_year -= 1900;
		found = true;
	}
	/* RFC 850 spells the weekday out, and has years of two digits */
	else if (comma != NULL && comma - value >= 6 && comma - value <= 9 &&
			 MatchDate(comma, ", DD-bbb-YY hh:mm:ss GMT", &tm))
	{
		struct tm current;

		gmtime_r(&now, &current);
		tm.tm_year += current.tm_year / 100 * 100;
		/* more than 50 years ahead means the past */
		if (tm.tm_year > current.tm_year + 50)
			tm.tm_year -= 100;
		found = true;
	}
	if (!found || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 ||
		tm.tm_sec > 60)
		return false;
	*date = timegm(&tm);
	return true;
}

int
RetryAfterSeconds(const char *value, time_t now)
{
	char   trimmed[64];
	size_t length;
	time_t date;
	int	   seconds;

	while (IsSpace(*value))
		value++;
	length = strlen(value);
	while (length > 0 && IsSpace(value[length - 1]))
		length--;
	if (length == 0 || length >= sizeof(trimmed))
		return 0;
	memcpy(trimmed, value, length);
	trimmed[length] = '\0';

	seconds = ParseSeconds(trimmed);
	if (seconds >= 0)
		return seconds;
	if (!ReplyDate(trimmed, now, &date) || date <= now)
		return 0;
	return date - now > RETRY_AFTER_LIMIT_S ? RETRY_AFTER_LIMIT_S : (int) (date - now);
}

void
ReplyExcerpt(char *buffer, size_t size, const char *text, size_t most)
{
	size_t used = 0;

	for (; *text && used < most && used + 1 < size; text++)
	{
		unsigned char c = (unsigned char) *text;

		/* one question mark for a character of several bytes */
		if (c >= 0x80 && c < 0xc0)
			continue;
		buffer[used++] = c >= ' ' && c < 0x7f ? (char) c : (IsSpace(*text) ? ' ' : '?');
	}
	buffer[used] = '\0';
}
