/*
 * left.c
 *		Log files that were read to their end and left.  See left.h.
 */
#include "postgres.h"

#include "log/left.h"

#include <sys/stat.h>
#include <unistd.h>

void
LeftRemember(LeftFiles *left, const LogPosition *end)
{
	for (int i = 0; i < LEFT_FILES; i++)
	{
		if (left->end[i].device == end->device && left->end[i].inode == end->inode)
		{
			left->end[i] = *end;
			return;
		}
	}
	left->end[left->next] = *end;
	left->next = (left->next + 1) % LEFT_FILES;
}

const LogPosition *
LeftFind(const LeftFiles *left, const LogFile *file)
{
	for (int i = 0; i < LEFT_FILES; i++)
	{
		const LogPosition *end = &left->end[i];

		if (file->device == end->device && file->inode == end->inode && file->size >= end->offset &&
			!LogFileStartDiffers(file, end->start_len, end->start_hash))
			return end;
	}
	return NULL;
}

/* Opens a file that is still under its name and has grown. */
static bool
OpenGrown(const LogPosition *end, LogFile *file)
{
	struct stat st;
	LogTrouble	ignored;

	if (lstat(end->path, &st) != 0 || st.st_ino != end->inode || st.st_dev != end->device ||
		(uint64) st.st_size <= end->offset)
		return false;
	memset(file, 0, sizeof(*file));
	strlcpy(file->path, end->path, sizeof(file->path));
	file->format = LogFormatOfFile(file->path);
	if (!LogFileOpen(file, false, &ignored))
		return false;
	if (!LogFileStartDiffers(file, end->start_len, end->start_hash))
		return true;
	LogFileClose(file);
	return false;
}

ssize_t
LeftRead(LeftFiles *left, int *i, const LogFile *here, const LogFile *current, char *buffer,
		 size_t size, LogFile *file)
{
	for (; *i < LEFT_FILES; (*i)++)
	{
		LogPosition *end = &left->end[*i];
		ssize_t		 n = 0;

		if (end->inode == 0 || end->inode == here->inode || end->inode == current->inode ||
			!OpenGrown(end, file))
			continue;
		if (file->format != current->format &&
			(current->formats & (1u << (file->format - LogFormats))) != 0)
			end->offset = file->size; /* all of it is in the current one, too */
		else
			n = pread(file->fd, buffer, size, end->offset);
		LogFileClose(file);
		if (n > 0)
			return n;
	}
	*i = -1;
	return 0;
}

void
LeftConsume(LeftFiles *left, int i, size_t len, LogInside inside)
{
	left->end[i].offset += len;
	left->end[i].inside = inside;
}
