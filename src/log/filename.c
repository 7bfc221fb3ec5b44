/*
 * filename.c
 *		Which files of the log directory are the server's own log.
 *
 * The directory may hold the logs of other servers and programs; only what
 * log_filename can have produced is ours.  Pure C.
 */
#include "log/entry.h"

#include <string.h>

/* How many digits a strftime escape prints; 0: not known, or no digits. */
static int
EscapeDigits(char escape)
{
	switch (escape)
	{
		case 'Y':
			return 4;
		case 'j':
			return 3;
		case 'C':
		case 'd':
		case 'g':
		case 'H':
		case 'I':
		case 'm':
		case 'M':
		case 'S':
		case 'U':
		case 'V':
		case 'W':
		case 'y':
			return 2;
		case 'u':
		case 'w':
			return 1;
		default:
			return 0;
	}
}

static bool
Match(const char *pattern, size_t len, const char *name, size_t name_len, int depth)
{
	while (len > 0)
	{
		char escape;

		if (*pattern != '%' || len == 1)
		{
			if (name_len == 0 || *name != *pattern)
				return false;
			pattern++, len--;
			name++, name_len--;
			continue;
		}
		escape = pattern[1];
		pattern += 2, len -= 2;
		if (escape == '%')
		{
			if (name_len == 0 || *name != '%')
				return false;
			name++, name_len--;
		}
		else if (EscapeDigits(escape) > 0)
		{
			for (int i = EscapeDigits(escape); i > 0; i--)
			{
				if (name_len == 0 || *name < '0' || *name > '9')
					return false;
				name++, name_len--;
			}
		}
		else
		{
			/* anything; few patterns have more than one, the bound is against silly ones */
			if (depth > 4)
				return false;
			for (size_t n = 0; n <= name_len; n++)
			{
				if (Match(pattern, len, name + n, name_len - n, depth + 1))
					return true;
			}
			return false;
		}
	}
	return name_len == 0;
}

bool
LogFileNameMatches(const char *log_filename, const LogFormat *format, const char *name)
{
	size_t len = strlen(log_filename);
	size_t name_len = strlen(name);

	if (LogFormatOfFile(name) != format)
		return false;
	/* as logfile_getname() does: ".log" is replaced, anything else is kept */
	if (format->suffix != NULL)
	{
		size_t suffix_len = strlen(format->suffix);

		if (len > 4 && strcmp(log_filename + len - 4, ".log") == 0)
			len -= 4;
		name_len -= suffix_len;
	}
	return Match(log_filename, len, name, name_len, 0);
}
