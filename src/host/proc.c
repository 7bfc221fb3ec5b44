/*
 * proc.c
 *		Files of /proc: reading them whole and cutting them into words.
 */
#include "host/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *ProcRoot = "/proc";

static int
ReadAll(int fd, char *buffer, size_t size, size_t *length, bool *cut)
{
	size_t used = 0;

	while (used < size)
	{
		ssize_t n = read(fd, buffer + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
		{
			*length = used;
			return 0;
		}
		used += n;
	}

	/* A full buffer: the rest is not wanted, nor is half a line. */
	*cut = true;
	while (used > 0 && buffer[used - 1] != '\n')
		used--;
	*length = used;
	return 0;
}

static int
ReadPath(const char *path, int flags, char *buffer, size_t size, size_t *length, bool *cut)
{
	int fd;
	int error;

	*length = 0;
	*cut = false;
	do
		fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return errno;

	error = ReadAll(fd, buffer, size, length, cut);
	close(fd);
	return error;
}

int
TextRead(const char *path, char *buffer, size_t size, size_t *length, bool *cut)
{
	return ReadPath(path, 0, buffer, size, length, cut);
}

int
ProcRead(const char *name, char *buffer, size_t size, size_t *length, bool *cut)
{
	char path[PROC_PATH_SIZE];

	*length = 0;
	*cut = false;
	if (snprintf(path, sizeof(path), "%s/%s", ProcRoot, name) >= (int) sizeof(path))
		return ENAMETOOLONG;
	return ReadPath(path, O_NOFOLLOW, buffer, size, length, cut);
}

bool
SpanCut(Span *rest, char separator, Span *part)
{
	char *found;

	if (rest->at == NULL || rest->at >= rest->end)
		return false;
	part->at = rest->at;
	found = memchr(rest->at, separator, rest->end - rest->at);
	part->end = found != NULL ? found : rest->end;
	rest->at = found != NULL ? found + 1 : rest->end;
	return true;
}

bool
SpanWord(Span *rest, Span *word)
{
	while (rest->at < rest->end && (*rest->at == ' ' || *rest->at == '\t'))
		rest->at++;
	if (rest->at >= rest->end)
		return false;
	word->at = rest->at;
	while (rest->at < rest->end && *rest->at != ' ' && *rest->at != '\t')
		rest->at++;
	word->end = rest->at;
	return true;
}

bool
SpanLine(Span *rest, Span *head, Span *line)
{
	while (SpanCut(rest, '\n', line))
	{
		if (SpanWord(line, head))
			return true;
	}
	return false;
}

bool
SpanEquals(Span a, Span b)
{
	return a.end - a.at == b.end - b.at && memcmp(a.at, b.at, a.end - a.at) == 0;
}

bool
SpanBeginsWith(Span span, const char *text)
{
	size_t length = strlen(text);

	return (size_t) (span.end - span.at) >= length && memcmp(span.at, text, length) == 0;
}

bool
SpanIs(Span span, const char *text)
{
	return (size_t) (span.end - span.at) == strlen(text) && SpanBeginsWith(span, text);
}

bool
SpanInt(Span span, int64_t *result)
{
	int64_t value = 0;

	if (span.at >= span.end)
		return false;
	for (char *c = span.at; c < span.end; c++)
	{
		if (*c < '0' || *c > '9' || __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, *c - '0', &value))
			return false;
	}
	*result = value;
	return true;
}

bool
SpanFloat(Span span, double *result)
{
	Span	whole;
	int64_t integer;
	int64_t fraction = 0;
	double	scale = 1;

	if (!SpanCut(&span, '.', &whole) || !SpanInt(whole, &integer))
		return false;
	if (span.at < span.end)
	{
		if (span.end - span.at > 15 || !SpanInt(span, &fraction))
			return false;
		for (char *c = span.at; c < span.end; c++)
			scale *= 10;
	}
	*result = integer + fraction / scale;
	return true;
}
