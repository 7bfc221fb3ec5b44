/*
 * directory.c
 *		What the files of a directory add up to.
 */
#include "postgres.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "miscadmin.h"
#include "storage/fd.h"

#include "base/worker.h"
#include "host/directory.h"

/* Limits one measurement to a fraction of a second. */
#define MAX_ENTRIES 100000
#define ENTRIES_PER_INTERRUPT_CHECK 256

typedef struct Measurement
{
	DirectorySize *size;
	int			   entries;
	char		  *error; /* NULL: none so far */
} Measurement;

static void Measure(Measurement *m, const char *path, int depth, bool may_be_missing);

static void
MeasureEntry(Measurement *m, DIR *dir, const char *path, const char *name, int depth)
{
	struct stat st;

	/* Files come and go while we look. */
	if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
	{
		if (errno != ENOENT)
			m->error = psprintf("could not stat file \"%s/%s\": %m", path, name);
		return;
	}
	if (S_ISREG(st.st_mode))
	{
		m->size->bytes += st.st_size;
		m->size->files++;
	}
	else if (S_ISDIR(st.st_mode) && depth > 0)
		Measure(m, psprintf("%s/%s", path, name), depth - 1, true);
}

/* AllocateDir(), so that an error out of the interrupt check leaves nothing open. */
static void
Measure(Measurement *m, const char *path, int depth, bool may_be_missing)
{
	DIR			  *dir = AllocateDir(path);
	struct dirent *entry = NULL;

	if (dir == NULL)
	{
		if (errno != ENOENT || !may_be_missing)
			m->error = psprintf("could not open directory \"%s\": %m", path);
		return;
	}

	while (m->error == NULL && (errno = 0, entry = readdir(dir)) != NULL)
	{
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (++m->entries > MAX_ENTRIES)
			m->error = psprintf("directory \"%s\" is not measured: it has more than %d entries",
								path, MAX_ENTRIES);
		else
			MeasureEntry(m, dir, path, entry->d_name, depth);
		if (m->entries % ENTRIES_PER_INTERRUPT_CHECK == 0)
		{
			CHECK_FOR_INTERRUPTS();
			if (ShutdownIsRequested())
				m->error =
					psprintf("directory \"%s\" is not measured: the server is shutting down", path);
		}
	}
	if (m->error == NULL && errno != 0)
		m->error = psprintf("could not read directory \"%s\": %m", path);
	FreeDir(dir);
}

char *
DirectoryMeasure(const char *path, int depth, bool may_be_missing, DirectorySize *size)
{
	Measurement m = {.size = size};

	size->bytes = 0;
	size->files = 0;
	Measure(&m, path, depth, may_be_missing);
	return m.error;
}
