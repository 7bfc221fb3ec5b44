/*
 * crash.c
 *		Kills a process of the server at a named point of a batch's way.
 *
 * Preloaded (LD_PRELOAD) by the crash tests, see test/lib/PgAnalytics/Crash.pm.
 * The library under test is the one that is installed: the points are where it
 * calls the C library for a file of its state directory or for its connection
 * to the backend.
 *
 *   create              a temporary file of the spool exists, and is empty
 *   write               a part of the body is in it
 *   header              it is complete, under its temporary name
 *   rename, renamed     it gets, has got its name
 *   tidy, tidied        the plain form of a batch that is sealed is, has been removed
 *   half, halves        a half of a batch that is split is, has been written
 *   halve, halved       it gets, has got its name
 *   remove, removed     a sealed batch is, has been removed
 *   reject, rejected    a batch is, has been moved to rejected/
 *   count, counted      the file of the counters is, has been replaced
 *   send, sent          a part of a request goes, has gone out
 *   reply               a part of a reply has come
 *
 * PGANALYTICS_CRASH names a folder.  The file "order" in it holds
 *
 *   POINT WHO SKIP TARGET
 *
 * WHO is part of the process title, SKIP the number of times that the point is
 * passed first; TARGET is "self", "postmaster" (and self), "orphan" (only the
 * postmaster: the process goes on), "term" (SIGTERM to self), "backend" (the
 * process in the file "victim") or "wait": the last two stop here until the
 * server ends this process.  The first process to get there removes the order
 * and writes its process id to "fired".
 *
 * "journal" says what became of batches: a line "naming SEQUENCE" before one gets
 * its name in the spool and "written SEQUENCE" after that (with only the first,
 * the process was killed in between), "rejected SEQUENCE" when it is moved out of it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define MAX_FD 4096
#define TEMPORARY ".tmp."
#define HALF ".tmp.half"

#define REAL(name) ((__typeof__(&name)) real(#name))

static char spool_file[MAX_FD];	/* a temporary file of the spool is open there */

static void *
real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static int
open_in_folder(const char *name, int flags)
{
	char		path[4096];
	const char *folder = getenv("PGANALYTICS_CRASH");

	if (folder == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return REAL(open64) (path, flags | O_CLOEXEC, 0600);
}

static void
append(const char *name, const char *text)
{
	int			fd = open_in_folder(name, O_WRONLY | O_CREAT | O_APPEND);

	if (fd < 0)
		return;
	if (REAL(write) (fd, text, strlen(text)) < 0)
		_exit(127);
	close(fd);
}

static int
read_file(const char *name, char *text, size_t size)
{
	int			fd = open_in_folder(name, O_RDONLY);
	ssize_t		len;

	if (fd < 0)
		return 0;
	len = read(fd, text, size - 1);
	close(fd);
	text[len > 0 ? len : 0] = 0;
	return len > 0;
}

static int
remove_order(void)
{
	char		path[4096];

	snprintf(path, sizeof(path), "%s/order", getenv("PGANALYTICS_CRASH"));
	return REAL(unlink) (path) == 0;
}

static int
is_called(const char *who)
{
	/* the first argument is where the server writes the title; under valgrind /proc does not show it */
	return strstr(program_invocation_name, who) != NULL;
}

static void
strike(const char *target)
{
	char		victim[32];

	if (strcmp(target, "term") == 0)
	{
		kill(getpid(), SIGTERM);
		return;
	}
	if (strcmp(target, "postmaster") == 0 || strcmp(target, "orphan") == 0)
		kill(getppid(), SIGKILL);
	if (strcmp(target, "postmaster") == 0 || strcmp(target, "self") == 0)
		kill(getpid(), SIGKILL);
	if (strcmp(target, "orphan") == 0)
		return;
	if (strcmp(target, "backend") == 0 && read_file("victim", victim, sizeof(victim)))
		kill(atoi(victim), SIGKILL);
	for (;;)
		pause();
}

static void
reach(const char *point)
{
	static int	passed = 0;
	static char last[128] = "";
	char		order[128];
	char		wanted[32];
	char		who[32];
	char		target[32];
	char		pid[32];
	int			skip;

	if (!read_file("order", order, sizeof(order)) ||
		sscanf(order, "%31s %31s %d %31s", wanted, who, &skip, target) != 4 ||
		strcmp(point, wanted) != 0 || !is_called(who))
		return;
	if (strcmp(order, last) != 0)
		passed = 0;
	strcpy(last, order);
	if (passed++ < skip || !remove_order())
		return;
	last[0] = 0;
	snprintf(pid, sizeof(pid), "%d\n", (int) getpid());
	append("fired", pid);
	strike(target);
}

/* ---- which file is it? ---- */

static int
ends(const char *path, const char *suffix)
{
	size_t		len = strlen(path);

	return len >= strlen(suffix) && strcmp(path + len - strlen(suffix), suffix) == 0;
}

static int
is_batch(const char *path)
{
	return strstr(path, "/spool/") && (ends(path, ".plain") || ends(path, ".batch"));
}

static int
is_temporary(const char *path)
{
	return strstr(path, "/spool/") && strstr(path, TEMPORARY);
}

static void
note(const char *what, const char *path)
{
	char		line[64];

	snprintf(line, sizeof(line), "%s %llu\n", what, strtoull(strrchr(path, '/') + 1, NULL, 10));
	append("journal", line);
}

/* ---- the calls ---- */

static int
opened(int fd, const char *path, int flags)
{
	if (fd >= 0 && fd < MAX_FD)
	{
		spool_file[fd] = (flags & O_CREAT) && is_temporary(path);
		if (spool_file[fd])
			reach("create");
	}
	return fd;
}

#define OPEN(name) \
int \
name(const char *path, int flags,...) \
{ \
	va_list		args; \
	mode_t		mode; \
\
	va_start(args, flags); \
	mode = va_arg(args, mode_t); \
	va_end(args); \
	return opened(((int (*) (const char *, int,...)) real(#name)) (path, flags, mode), path, flags); \
}

OPEN(open)
OPEN(open64)

int
close(int fd)
{
	if (fd >= 0 && fd < MAX_FD)
		spool_file[fd] = 0;
	return REAL(close) (fd);
}

#define PWRITE(name, type) \
ssize_t \
name(int fd, const void *data, size_t size, type at) \
{ \
	ssize_t		written = ((ssize_t (*) (int, const void *, size_t, type)) real(#name)) (fd, data, size, at); \
\
	if (fd >= 0 && fd < MAX_FD && spool_file[fd]) \
		reach(at == 0 ? "header" : "write"); \
	return written; \
}

PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

int
rename(const char *from, const char *to)
{
	const char *before = NULL;
	const char *after = NULL;
	int			result;

	if (is_temporary(from) && ends(from, HALF))
	{
		before = "halve";
		after = "halved";
	}
	else if (is_temporary(from) && ends(to, HALF))
	{
		before = "half";
		after = "halves";
	}
	else if (is_temporary(from))
	{
		before = "rename";
		after = "renamed";
	}
	else if (is_batch(from))
	{
		before = "reject";
		after = "rejected";
	}
	else if (ends(to, "/counters"))
	{
		before = "count";
		after = "counted";
	}
	if (before)
		reach(before);
	if (is_temporary(from) && ends(to, ".plain"))
		note("naming", to);
	result = REAL(rename) (from, to);
	if (result == 0 && is_temporary(from) && ends(to, ".plain"))
		note("written", to);
	if (result == 0 && is_batch(from))
		note("rejected", from);
	if (after && result == 0)
		reach(after);
	return result;
}

int
unlink(const char *path)
{
	int			is_plain = ends(path, ".plain");
	int			result;

	if (!is_batch(path))
		return REAL(unlink) (path);
	reach(is_plain ? "tidy" : "remove");
	result = REAL(unlink) (path);
	if (result == 0)
		reach(is_plain ? "tidied" : "removed");
	return result;
}

static int
is_connection(int fd)
{
	struct sockaddr_storage address;
	socklen_t	len = sizeof(address);

	return getpeername(fd, (struct sockaddr *) &address, &len) == 0 && address.ss_family == AF_INET;
}

ssize_t
send(int fd, const void *data, size_t size, int flags)
{
	ssize_t		sent;
	int			watched = is_connection(fd);

	if (watched)
		reach("send");
	sent = REAL(send) (fd, data, size, flags);
	if (watched && sent > 0)
		reach("sent");
	return sent;
}

ssize_t
recv(int fd, void *data, size_t size, int flags)
{
	ssize_t		received = REAL(recv) (fd, data, size, flags);

	if (received > 0 && is_connection(fd))
		reach("reply");
	return received;
}
