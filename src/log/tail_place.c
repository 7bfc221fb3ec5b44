/*
 * tail_place.c
 *		A place in the log, and finding it again.
 */
#include "postgres.h"

#include "log/tail_place.h"

/* Of a file's start, to know it again. */
#define START_SIZE 1024

void
TailPlaceHashStart(TailPlace *place)
{
	uint32 len = Min(place->offset, START_SIZE);
	uint64 hash;

	if (place->start_len < len && LogFileHashStart(&place->file, len, &hash))
	{
		place->start_len = len;
		place->start_hash = hash;
	}
}

LogPosition
TailPlacePosition(const TailPlace *place)
{
	LogPosition position = {.device = place->file.device,
							.inode = place->file.inode,
							.offset = place->offset,
							.inside = place->inside,
							.start_hash = place->start_hash,
							.start_len = place->start_len,
							.last_us = place->last_us};

	strlcpy(position.path, place->file.path, sizeof(position.path));
	return position;
}

bool
TailPlaceIsAt(const TailPlace *place, const LogPosition *position)
{
	return place->file.fd >= 0 && place->file.device == position->device &&
		place->file.inode == position->inode && place->offset == position->offset &&
		place->inside == position->inside;
}

void
TailPlaceSet(TailPlace *place, const LogPosition *position)
{
	place->offset = position->offset;
	place->inside = position->inside;
	place->start_hash = position->start_hash;
	place->start_len = position->start_len;
	place->last_us = position->last_us;
}

bool
TailPlaceOpen(const LogPosition *position, const LogFile *current, LogFile *file)
{
	const char *const beside[] = {position->path, current->path};
	LogTrouble		  ignored;

	for (int i = 0; i < lengthof(beside); i++)
	{
		if (beside[i][0] == '\0' ||
			!LogFindByInode(file, beside[i], position->device, position->inode) ||
			!LogFileOpen(file, false, &ignored))
			continue;
		if (!LogFileStartDiffers(file, position->start_len, position->start_hash))
			return true;
		LogFileClose(file); /* another one with the same inode */
	}
	return false;
}
