/*
 * sample.c
 *		What pganalytics_sample() shows of the server log: its last entries.
 */
#include "postgres.h"

#include "log/sample.h"

#include <unistd.h>

#include "base/collectors.h"
#include "log/dialects.h"
#include "log/hook.h"
#include "log/piece.h"
#include "storage/fd.h"

#define SAMPLE_ENTRIES 100
#define SAMPLE_BYTES (256 * 1024)

static void
SampleHook(Batch *batch)
{
	LogOutput out;

	LogOutputBegin(&out, batch);
	LogHookSample(&out, SAMPLE_ENTRIES);
}

/* The last bytes of the file; NULL: they cannot be read. */
static char *
ReadSample(LogFile *file, size_t *len, LogInside *inside, LogTrouble *trouble)
{
	char   *buffer = palloc(SAMPLE_BYTES + 1);
	uint64	offset;
	ssize_t n;

	if (!LogFindCurrent(file, trouble) || !LogFileOpen(file, true, trouble))
		return NULL;
	offset = file->size > SAMPLE_BYTES ? file->size - SAMPLE_BYTES : 0;
	n = pread(file->fd, buffer, SAMPLE_BYTES, offset);
	if (n < 0)
	{
		LogTroubleSet(trouble, errno, "could not read log file \"%s\": %s", file->path,
					  strerror(errno));
	}
	CloseTransientFile(file->fd);
	*len = n < 0 ? 0 : n;
	*inside = offset > 0 ? INSIDE_LINE : INSIDE_NONE;
	return n < 0 ? NULL : buffer;
}

static void
SampleFile(Batch *batch)
{
	const char	*type = Collectors[COLLECTOR_PG_LOG].name;
	LogTrouble	 trouble = {0};
	LogDialects *dialects = palloc0(sizeof(LogDialects));
	LogOutput	 count;
	LogOutput	 out;
	LogOrigin	 origin;
	LogFile		 file;
	Piece		 first;
	Piece		 second;
	bool		 full;
	size_t		 len;
	LogInside	 inside;
	char		*buffer = ReadSample(&file, &len, &inside, &trouble);
	char		*copy;

	if (buffer == NULL)
	{
		BatchError(batch, type, NULL, NULL, trouble.text);
		return;
	}
	LogDialectsRead(dialects);
	LogOutputBegin(&out, batch);
	count = out;
	first = (Piece){
		.out = &count, .file = &file, .dialect = LogDialectsNow(dialects), .inside = inside};
	second = first;
	second.out = &out;
	full = len == SAMPLE_BYTES;

	/* parsing spoils the buffer, and how many entries there are shows only then */
	copy = palloc(len + 1);
	memcpy(copy, buffer, len);
	count.skip = count.limit = PG_INT64_MAX;
	PieceTakeEntries(&first, copy, len, LOG_END_QUIET, full);
	pfree(copy);

	out.limit = SAMPLE_ENTRIES;
	out.skip = (PG_INT64_MAX - count.skip) - SAMPLE_ENTRIES;
	PieceTakeEntries(&second, buffer, len, LOG_END_QUIET, full);
	origin = PieceOrigin(&file);
	LogOutputEnd(&out, &origin);
	pfree(buffer);
}

void
LogSample(Batch *batch)
{
	if (LogHookIsUsed())
		SampleHook(batch);
	else
		SampleFile(batch);
}
