/*
 * position.c
 *		Where the log has been read up to, on disk.
 *
 * Written after each run that found something.  A crash just before repeats
 * that run; nothing is lost.  Trouble with the file costs no more than that,
 * and the spool, which lies beside it, reports it.
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "storage/fd.h"

#include "log/position.h"
#include "spool/spool.h"

#define TEXT_SIZE 128

void
LogPositionSave(const LogPosition *position)
{
	char		path[MAXPGPATH];
	char		temporary[MAXPGPATH];
	char		text[TEXT_SIZE];
	int			len;
	int			fd;
	bool		written;

	if (!SpoolIsOpen())
		return;					/* it may be another server's */
	SpoolPath(path, sizeof(path), "log_position");
	SpoolPath(temporary, sizeof(temporary), "log_position.tmp");
	len = snprintf(text, sizeof(text),
				   "device " UINT64_FORMAT " inode " UINT64_FORMAT " offset " UINT64_FORMAT "\n",
				   position->device, position->inode, position->offset);
	fd = BasicOpenFilePerm(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
						   S_IRUSR | S_IWUSR);
	if (fd < 0)
		return;
	written = write(fd, text, len) == len;
	close(fd);
	if (written)
		(void) rename(temporary, path);
}

bool
LogPositionLoad(LogPosition *position)
{
	char		path[MAXPGPATH];
	char		text[TEXT_SIZE];
	unsigned long long device;
	unsigned long long inode;
	unsigned long long offset;
	ssize_t		len;
	int			fd;

	SpoolPath(path, sizeof(path), "log_position");
	fd = BasicOpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return false;
	text[len] = '\0';
	if (sscanf(text, "device %llu inode %llu offset %llu", &device, &inode, &offset) != 3)
		return false;
	*position = (LogPosition) {.known = true,.device = device,.inode = inode,.offset = offset};
	return true;
}

void
LogPositionForget(void)
{
	char		path[MAXPGPATH];

	SpoolPath(path, sizeof(path), "log_position");
	(void) unlink(path);
}
