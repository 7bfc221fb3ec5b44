package PgAnalytics::Preload;

# Faults of the machine, by libraries that the server is started with (LD_PRELOAD).
#
#   local $ENV{LD_PRELOAD} = hanging_resolver();
#   my $disk = full_disk(); local $ENV{LD_PRELOAD} = $disk->{library};
#   my $killer = killer(); local $ENV{LD_PRELOAD} = $killer->{library};

use strict;
use warnings;

use File::Spec;

use Carp;
use Exporter 'import';
use PostgreSQL::Test::Utils ();

our @EXPORT = qw(hanging_resolver moving_resolver full_disk mount_table killer);

# Names that begin with "hang" are looked up for ever.
my $HANGING_RESOLVER = <<'C';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **result)
{
	int			(*real) () = dlsym(RTLD_NEXT, "getaddrinfo");

	while (node && strncmp(node, "hang", 4) == 0)
		poll(0, 0, -1);
	return real(node, service, hints, result);
}
C

# "moving.test" has the address that the file ADDRESS holds.
my $MOVING_RESOLVER = <<'C';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **result)
{
	int			(*real) () = dlsym(RTLD_NEXT, "getaddrinfo");
	char		address[64] = "";

	if (node && strcmp(node, "moving.test") == 0)
	{
		int			fd = open(ADDRESS, O_RDONLY);

		read(fd, address, sizeof(address) - 1);
		close(fd);
		node = address;
	}
	return real(node, service, hints, result);
}
C

# While the file FULL exists, nothing can be written below a folder "spool".
my $FULL_DISK = <<'C';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static int
is_full(int fd)
{
	char		link[64];
	char		path[4096];
	ssize_t		len;

	if (access(FULL, F_OK) != 0)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return 0;
	path[len] = 0;
	return strstr(path, "/spool/") != 0;
}

#define WRITER(name, parameters, arguments) \
ssize_t \
name parameters \
{ \
	ssize_t		(*real) parameters = dlsym(RTLD_NEXT, #name); \
\
	if (is_full(fd)) \
	{ \
		errno = ENOSPC; \
		return -1; \
	} \
	return real arguments; \
}

WRITER(write, (int fd, const void *data, size_t size), (fd, data, size))
WRITER(pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
WRITER(pwrite64, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
WRITER(writev, (int fd, const struct iovec *data, int count), (fd, data, count))
WRITER(pwritev, (int fd, const struct iovec *data, int count, off_t at), (fd, data, count, at))
C

# While the file TABLE exists, it is the mount table.
my $MOUNT_TABLE = <<'C';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define OPENER(name) \
int \
name(const char *path, int flags, ...) \
{ \
	int			(*real) (const char *, int, ...) = dlsym(RTLD_NEXT, #name); \
	va_list		args; \
	int			mode; \
\
	va_start(args, flags); \
	mode = va_arg(args, int); \
	va_end(args); \
	if (strcmp(path, "/proc/self/mountinfo") == 0 && access(TABLE, F_OK) == 0) \
		path = TABLE; \
	return real(path, flags, mode); \
}

OPENER(open)
OPENER(open64)
C

# A process that is about to do what the file KILL says, or has just done it, dies as by
# kill -9, once.  "before" or "after", what it does, and a part of the file's name.
my $KILL = <<'C';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
pass(const char *when, const char *call, const char *path)
{
	char		text[256];
	char		wanted_when[32], wanted_call[32], name[128];
	int			fd = open(KILL, O_RDONLY);
	int			len;

	if (fd < 0)
		return;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[len > 0 ? len : 0] = 0;
	if (sscanf(text, "%31s %31s %127s", wanted_when, wanted_call, name) == 3 &&
		strcmp(wanted_when, when) == 0 && strcmp(wanted_call, call) == 0 &&
		strstr(path, name) && unlink(KILL) == 0)
		kill(getpid(), SIGKILL);
}

int
rename(const char *from, const char *to)
{
	int			(*real) (const char *, const char *) = dlsym(RTLD_NEXT, "rename");
	int			result;

	pass("before", "rename", to);
	result = real(from, to);
	pass("after", "rename", to);
	return result;
}

static void
pass_fd(const char *when, const char *call, int fd)
{
	char		link[64];
	char		path[4096];
	ssize_t		len;

	if (access(KILL, F_OK) != 0)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = 0;
	pass(when, call, path);
}

#define WRITER(name, type) \
ssize_t \
name(int fd, const void *data, size_t size, type at) \
{ \
	ssize_t		(*real) (int, const void *, size_t, type) = dlsym(RTLD_NEXT, #name); \
	ssize_t		result; \
\
	pass_fd("before", "pwrite", fd); \
	result = real(fd, data, size, at); \
	pass_fd("after", "pwrite", fd); \
	return result; \
}

WRITER(pwrite, off_t)
WRITER(pwrite64, off64_t)
C

sub build
{
	my ($source, @options) = @_;
	my $dir = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir('preload'));

	open my $file, '>', "$dir/preload.c" or croak "$dir/preload.c: $!";
	print $file $source;
	close $file;
	PostgreSQL::Test::Utils::system_or_bail('cc', '-w', '-shared', '-fPIC', @options, '-o',
		"$dir/preload.so", "$dir/preload.c", '-ldl');
	return "$dir/preload.so";
}

sub hanging_resolver { return build($HANGING_RESOLVER) }

# "library" to preload; "address" is the file with the address.
sub moving_resolver
{
	my $file = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir('moving')) . '/address';

	return { library => build($MOVING_RESOLVER, qq{-DADDRESS="$file"}), address => $file };
}

# "library" to preload; "flag" is the file that makes the disk full.
sub full_disk
{
	my $flag = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir('full')) . '/full';

	return { library => build($FULL_DISK, qq{-DFULL="$flag"}), flag => $flag };
}

# The same, "flag" is a mount table in the place of the kernel's.
sub mount_table
{
	my $flag = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir('mounts')) . '/mountinfo';

	return { library => build($MOUNT_TABLE, qq{-DTABLE="$flag"}), flag => $flag };
}

# "library" to preload; "flag" is the file whose text says at which moment a process dies.
sub killer
{
	my $flag = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir('kill')) . '/kill';

	return { library => build($KILL, qq{-DKILL="$flag"}), flag => $flag };
}

1;
