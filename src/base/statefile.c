/*
 * statefile.c
 *		Small files in the state directory that are replaced as a whole.
 *
 * Nothing here raises an error: losing one of these files costs a pull or a
 * registration, which is no reason to disturb anything else.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/fd.h"

#include "base/settings.h"
#include "base/statefile.h"

void
StateFilePath(char *path, const char *name)
{
	snprintf(path, MAXPGPATH, "%s/%s", Setting.state_directory, name);
}

int
StateFileCreate(const char *path)
{
	(void) unlink(path);
	return BasicOpenFilePerm(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | PG_BINARY,
							 S_IRUSR | S_IWUSR);
}

bool
WriteAll(int fd, const void *data, size_t size)
{
	while (size > 0)
	{
		ssize_t written = write(fd, data, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
		{
			/* if write didn't set errno, assume problem is no disk space */
			if (written == 0)
				errno = ENOSPC;
			return false;
		}
		data = (const char *) data + written;
		size -= (size_t) written;
	}
	return true;
}

bool
StateFolderSync(const char *name)
{
	char path[MAXPGPATH];
	int	 failed = 0;
	int	 fd;

	StateFilePath(path, name);
	fd = BasicOpenFile(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	/* some file systems do that for files only */
	if (pg_fsync(fd) != 0 && errno != EBADF && errno != EINVAL)
		failed = errno;
	close(fd);
	errno = failed;
	return failed == 0;
}

/*
 * Not durable_rename(): it may end in an error, and it opens the old file, which
 * need not be readable to be replaced.
 */
bool
StateFileReplace(const char *name, const void *data, size_t size, bool sync)
{
	char path[MAXPGPATH];
	char temporary[MAXPGPATH];
	int	 failed = 0;
	int	 fd;

	StateFilePath(path, name);
	snprintf(temporary, sizeof(temporary), "%s.tmp", path);
	fd = StateFileCreate(temporary);
	if (fd < 0)
		return false;
	if (!WriteAll(fd, data, size) || (sync && pg_fsync(fd) != 0))
		failed = errno;
	close(fd);
	if (failed == 0 && rename(temporary, path) != 0)
		failed = errno;
	if (failed != 0)
	{
		(void) unlink(temporary);
		errno = failed;
		return false;
	}
	return !sync || StateFolderSync("");
}

bool
StateFileWrite(const char *name, const char *data, size_t size, char *error, size_t error_size)
{
	char path[MAXPGPATH];

	if (StateFileReplace(name, data, size, true))
		return true;
	StateFilePath(path, name);
	snprintf(error, error_size, "\"%s\" cannot be written: %s", path, strerror(errno));
	return false;
}

ssize_t
StateFileRead(const char *name, char *buffer, size_t most, char *error, size_t error_size)
{
	char		path[MAXPGPATH];
	struct stat st;
	size_t		size = 0;
	ssize_t		got = 0;
	int			fd;

	error[0] = '\0';
	StateFilePath(path, name);
	fd = BasicOpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
	{
		if (errno != ENOENT)
			snprintf(error, error_size, "\"%s\" cannot be read: %s", path, strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
		(st.st_mode & (S_IRWXG | S_IRWXO)) != 0 || st.st_size > (off_t) most)
	{
		snprintf(error, error_size,
				 "\"%s\" is not used: it is not a regular file of the server's "
				 "user with mode 0600 and of at most %zu kB",
				 path, most / 1024);
		close(fd);
		return -1;
	}
	while (size < most && (got = read(fd, buffer + size, most - size)) != 0)
	{
		if (got < 0 && errno != EINTR)
			break;
		size += (size_t) Max(got, 0);
	}
	if (got < 0)
		snprintf(error, error_size, "\"%s\" cannot be read: %s", path, strerror(errno));
	close(fd);
	buffer[size] = '\0';
	return got < 0 ? -1 : (ssize_t) size;
}

bool
StateFileRemove(const char *name)
{
	char path[MAXPGPATH];

	StateFilePath(path, name);
	return unlink(path) == 0 || errno == ENOENT;
}
