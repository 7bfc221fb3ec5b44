/*
 * position.c
 *		How far the server log has been read, on disk.
 *
 * A line of text, replaced as a whole.  The sequence number in it tells which
 * of the headers in the spool are newer.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/fd.h"

#include "base/settings.h"
#include "base/shared.h"
#include "base/statefile.h"
#include "spool/directory.h"
#include "spool/position.h"
#include "spool/spool.h"

/* "in_line" is LogInside; files of that name for it may be there already */
#define FORMAT \
	"device %llu inode %llu offset %llu in_line %u start %llu length %u last %lld sequence %llu "
#define READ_FORMAT FORMAT "path %1023[^\n]"
#define WRITE_FORMAT FORMAT "path %s\n"
#define NUMBERS 8 /* the path may be empty */
#define TEXT_SIZE (1024 + 256)

/* What a position file says. */
typedef struct Record
{
	LogPosition position;
	uint64		sequence;
} Record;

/* False: there is none, and errno says why: ENOENT, EINVAL if it is damaged, … */
static bool
ReadRecord(Record *record)
{
	LogPosition		  *p = &record->position;
	char			   path[MAXPGPATH];
	char			   text[TEXT_SIZE];
	unsigned long long device;
	unsigned long long inode;
	unsigned long long offset;
	unsigned long long start;
	unsigned long long sequence;
	unsigned int	   inside;
	unsigned int	   length;
	long long		   last;
	ssize_t			   len;
	int				   failed;
	int				   fd;

	memset(record, 0, sizeof(*record));
	SpoolPath(path, sizeof(path), "log_position");
	fd = BasicOpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	failed = errno;
	close(fd);
	errno = len < 0 ? failed : EINVAL;
	if (len <= 0)
		return false;
	text[len] = '\0';
	if (sscanf(text, READ_FORMAT, &device, &inode, &offset, &inside, &start, &length, &last,
			   &sequence, p->path) < NUMBERS)
		return false;
	p->device = device;
	p->inode = inode;
	p->offset = offset;
	p->inside = (LogInside) inside;
	p->start_hash = start;
	p->start_len = length;
	p->last_us = last;
	record->sequence = sequence;
	return true;
}

static bool
WriteRecord(const Record *record)
{
	const LogPosition *p = &record->position;
	char			   text[TEXT_SIZE];
	int				   len;

	len = snprintf(text, sizeof(text), WRITE_FORMAT, (unsigned long long) p->device,
				   (unsigned long long) p->inode, (unsigned long long) p->offset,
				   (unsigned int) p->inside, (unsigned long long) p->start_hash,
				   (unsigned int) p->start_len, (long long) p->last_us,
				   (unsigned long long) record->sequence, p->path);
	return StateFileReplace("log_position", text, len, Setting.spool_sync);
}

bool
LogPositionSave(const LogPosition *position, uint64 sequence)
{
	Record record;

	if (!SpoolIsOpen())
		return false; /* it may be another server's */
	memset(&record, 0, sizeof(record));
	record.position = *position;
	record.sequence = sequence != 0 ? sequence : pg_atomic_read_u64(&Shared->sequence);
	return WriteRecord(&record);
}

bool
LogPositionLoad(LogPosition *position)
{
	Record record;

	if (!ReadRecord(&record) || record.position.inode == 0)
		return false;
	*position = record.position;
	return true;
}

void
LogPositionForget(void)
{
	LogPosition none = {0};

	/* not removed: batches that wait in the spool must not bring it back */
	(void) LogPositionSave(&none, 0);
}

/* ---- recovery ---- */

static void
TakeHeader(uint64 sequence, const char *suffix, Record *newest)
{
	char		path[MAXPGPATH];
	uint8		bytes[BATCH_HEADER_SIZE];
	BatchHeader header;
	struct stat st;
	int			fd;

	SpoolSequencePath(path, "spool", sequence, suffix);
	fd = BasicOpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | PG_BINARY);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && pread(fd, bytes, sizeof(bytes), 0) == sizeof(bytes) &&
		BatchHeaderDecode(bytes, sizeof(bytes), st.st_size, &header) == NULL &&
		header.log.inode != 0 && header.sequence == sequence)
	{
		strlcpy(header.log.path, newest->position.path, sizeof(header.log.path));
		*newest = (Record){header.log, sequence};
	}
	close(fd);
}

bool
LogPositionRaise(const LogPosition *position, uint64 sequence)
{
	Record record;
	Record raised = {*position, sequence};

	if (ReadRecord(&record) && record.sequence >= sequence)
		return true;
	strlcpy(raised.position.path, record.position.path, sizeof(raised.position.path));
	return WriteRecord(&raised);
}

void
LogPositionRecover(void)
{
	char		   path[MAXPGPATH];
	DIR			  *dir = SpoolOpenFolder("spool", path);
	struct dirent *entry;
	Record		   newest;
	uint64		   saved;
	int			   failed = 0;

	if (!ReadRecord(&newest))
	{
		failed = errno;
		memset(&newest, 0, sizeof(newest));
	}
	saved = newest.sequence;
	while (dir && (entry = ReadDirExtended(dir, path, DEBUG1)) != NULL)
	{
		uint64	 sequence;
		FileKind kind = SpoolParseName(entry->d_name, &sequence);

		if ((kind == FILE_PLAIN || kind == FILE_SEALED) && sequence > newest.sequence)
			TakeHeader(sequence, kind == FILE_PLAIN ? PLAIN_SUFFIX : SEALED_SUFFIX, &newest);
	}
	if (dir)
		FreeDir(dir);
	if (newest.sequence > saved)
		(void) WriteRecord(&newest);
	else if (failed != 0 && failed != ENOENT)
		ereport(
			LOG,
			(errmsg("pganalytics: \"%s/log_position\" cannot be read: %s; the server log is read "
					"from its end on, and what was written since it was last read is not sent",
					Setting.state_directory, failed == EINVAL ? "it is damaged" : strerror(failed)),
			 errhidecontext(true)));
}
