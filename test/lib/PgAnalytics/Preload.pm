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

our @EXPORT = qw(hanging_resolver moving_resolver hostile_name memory_scanner full_disk bad_disk kept_files terminal mount_table killer system_authority);

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

# The host is called something that no header may hold.
my $HOSTILE_NAME = <<'C';
#include <string.h>

int
gethostname(char *name, size_t size)
{
	strncpy(name, "evil\r\nX-Injected: yes\r\n\r\n\"\\{}", size);
	return 0;
}
C

# Where the file SCAN is, a process that waits looks for its content (written in
# hexadecimal, so that what is looked for is in no memory) in all that it can
# write to, and puts the number of places into SCAN.<pid>.
my $MEMORY_SCANNER = <<'C';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static int
digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static int
matches(const unsigned char *memory, const char *hex, size_t size)
{
	for (size_t i = 0; i < size; i++)
	{
		if (memory[i] != digit(hex[2 * i]) * 16 + digit(hex[2 * i + 1]))
			return 0;
	}
	return 1;
}

static void
scan(void)
{
	char		hex[4096];
	char		line[512];
	char		name[4096];
	unsigned char *from;
	unsigned char *to;
	char		rights[8];
	long		found = 0;
	int			fd = open(SCAN, O_RDONLY);
	ssize_t		size = fd < 0 ? 0 : read(fd, hex, sizeof(hex)) / 2;
	FILE	   *maps;

	if (fd >= 0)
		close(fd);
	snprintf(name, sizeof(name), "%s.%d", SCAN, getpid());
	if (size == 0 || access(name, F_OK) == 0)
		return;
	maps = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof(line), maps))
	{
		if (sscanf(line, "%p-%p %7s", &from, &to, rights) != 3 || strcmp(rights, "rw-p") != 0)
			continue;
		for (; from + size <= to; from++)
			found += matches(from, hex, size);
	}
	fclose(maps);
	fd = open(name, O_WRONLY | O_CREAT, 0600);
	dprintf(fd, "%ld\n", found);
	close(fd);
}

int
epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
	int			(*real) (int, struct epoll_event *, int, int) = dlsym(RTLD_NEXT, "epoll_wait");

	if (access(SCAN, F_OK) == 0)
		scan();
	return real(fd, events, most, timeout);
}
C

# While the file FULL exists, nothing can be written below a folder "spool", at least
# not beyond as many bytes of a file as its content says.
my $FULL_DISK = <<'C';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static int
is_full(int fd, size_t end)
{
	char		link[64];
	char		path[4096] = "";
	ssize_t		len;
	int			full = open(FULL, O_RDONLY);

	if (full < 0)
		return 0;
	read(full, path, 20);
	close(full);
	if (end <= strtoul(path, 0, 10))
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return 0;
	path[len] = 0;
	return strstr(path, "/spool/") != 0;
}

#define WRITER(name, end, parameters, arguments) \
ssize_t \
name parameters \
{ \
	ssize_t		(*real) parameters = dlsym(RTLD_NEXT, #name); \
\
	if (is_full(fd, end)) \
	{ \
		errno = ENOSPC; \
		return -1; \
	} \
	return real arguments; \
}

WRITER(write, size, (int fd, const void *data, size_t size), (fd, data, size))
WRITER(pwrite, at + size, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
WRITER(pwrite64, at + size, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
WRITER(writev, -1, (int fd, const struct iovec *data, int count), (fd, data, count))
WRITER(pwritev, -1, (int fd, const struct iovec *data, int count, off_t at), (fd, data, count, at))
C

# While the file BAD exists, files whose path holds its content cannot be read.
my $BAD_DISK = <<'C';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
is_bad(int fd)
{
	char		link[64];
	char		name[256];
	char		path[4096];
	ssize_t		len;
	int			bad = open(BAD, O_RDONLY);

	if (bad < 0)
		return 0;
	len = read(bad, name, sizeof(name) - 1);
	close(bad);
	name[len > 0 ? len : 0] = 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = 0;
	return name[0] && strstr(path, name) != 0;
}

#define READER(name, type) \
ssize_t \
name(int fd, void *data, size_t size, type at) \
{ \
	ssize_t		(*real) (int, void *, size_t, type) = dlsym(RTLD_NEXT, #name); \
\
	if (is_bad(fd)) \
	{ \
		errno = EIO; \
		return -1; \
	} \
	return real(fd, data, size, at); \
}

READER(pread, off_t)
READER(pread64, off64_t)
C

# While the file KEPT exists, no file below a folder "spool" can be removed.
my $KEPT_FILES = <<'C';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

int
unlink(const char *path)
{
	int			(*real) (const char *) = dlsym(RTLD_NEXT, "unlink");

	if (strstr(path, "/spool/") && access(KEPT, F_OK) == 0)
	{
		errno = EIO;
		return -1;
	}
	return real(path);
}
C

# There is a terminal, at which nobody answers; who asks something there leaves the file ASKED.
my $TERMINAL = <<'C';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OPENER(name) \
FILE * \
name(const char *path, const char *mode) \
{ \
	FILE	   *(*real) (const char *, const char *) = dlsym(RTLD_NEXT, #name); \
\
	if (strcmp(path, "/dev/tty") == 0) \
	{ \
		close(open(ASKED, O_WRONLY | O_CREAT, 0600)); \
		path = "/dev/null"; \
	} \
	return real(path, mode); \
}

OPENER(fopen)
OPENER(fopen64)
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
/* what _FORTIFY_SOURCE may make of them */
OPENER(__open_2)
OPENER(__open64_2)
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

# Whatever directory OpenSSL is to look for authorities in: AUTHORITY is what lies there.
my $SYSTEM_AUTHORITY = <<'C';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/stat.h>

int
X509_STORE_load_path(void *store, const char *path)
{
	int			(*load_path) (void *, const char *) = dlsym(RTLD_NEXT, "X509_STORE_load_path");
	int			(*load_file) (void *, const char *) = dlsym(RTLD_DEFAULT, "X509_STORE_load_file");
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		return load_path(store, path);
	return load_file(store, AUTHORITY);
}
C

sub build
{
	my ($source, @options) = @_;
	my $dir = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir('preload'));

	open my $file, '>', "$dir/preload.c" or croak "$dir/preload.c: $!";
	print $file $source;
	close $file;
	PostgreSQL::Test::Utils::system_or_bail('cc', '-std=gnu11', '-w', '-shared', '-fPIC', @options, '-o',
		"$dir/preload.so", "$dir/preload.c", '-ldl');
	return "$dir/preload.so";
}

# A library that goes by a file, named in its source by a macro: "library" to
# preload, and the file under "key".
sub with_file
{
	my ($source, $macro, $key, @options) = @_;
	my $file = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir(lc $macro)) . '/' . lc $macro;

	return { library => build($source, @options, qq{-D$macro="$file"}), $key => $file };
}

sub hanging_resolver { return build($HANGING_RESOLVER) }

# "address" is the file with the address.
sub moving_resolver { return with_file($MOVING_RESOLVER, 'ADDRESS', 'address') }

sub hostile_name { return build($HOSTILE_NAME) }

# "file" is SCAN.
sub memory_scanner { return with_file($MEMORY_SCANNER, 'SCAN', 'file', '-O2') }

# "flag" is the file that makes the disk full.
sub full_disk { return with_file($FULL_DISK, 'FULL', 'flag') }

# "flag" is the file that names what cannot be read.
sub bad_disk { return with_file($BAD_DISK, 'BAD', 'flag') }

# "flag" is the file that keeps all files of the spool.
sub kept_files { return with_file($KEPT_FILES, 'KEPT', 'flag') }

# "asked" is the file that is there once somebody was to answer.
sub terminal { return with_file($TERMINAL, 'ASKED', 'asked') }

# "flag" is a mount table in the place of the kernel's.
sub mount_table { return with_file($MOUNT_TABLE, 'TABLE', 'flag') }

# The operating system knows the authority of that file.
sub system_authority
{
	my ($file) = @_;

	return build($SYSTEM_AUTHORITY, qq{-DAUTHORITY="$file"});
}

# "flag" is the file whose text says at which moment a process dies.
sub killer { return with_file($KILL, 'KILL', 'flag') }

1;
