/*
 * disk_usage.c
 *		The collector "disk_usage": how full the filesystems are that the
 *		server writes to, and how large its directories that grow by themselves.
 *
 * A call on a network filesystem whose server is gone cannot be interrupted,
 * so such a mount is asked only when data, WAL or a tablespace lies on it,
 * because then the server hangs anyway.  Others are listed without sizes.
 *
 * Everything is read before the metric is begun: there are interrupt checks on
 * the way.
 */
#include "postgres.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "common/file_utils.h"
#include "common/relpath.h"
#include "miscadmin.h"
#include "postmaster/syslogger.h"
#include "storage/fd.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "base/collectors.h"
#include "base/settings.h"
#include "host/directory.h"
#include "host/fields.h"
#include "host/filesystem.h"
#include "host/host.h"
#include "host/mounts.h"
#include "host/proc.h"

/* Each limit is reported when it is reached. */
#define MAX_MOUNTS 4096
#define MAX_MOUNTINFO (1024 * 1024)
#define MAX_TABLESPACES 256
#define MAX_OTHER_FILESYSTEMS 64

/* Levels of folders below a directory that belong to it. */
#define WAL_DEPTH 1	 /* archive_status, summaries */
#define TEMP_DEPTH 2 /* a folder for the files that parallel workers share */

typedef struct Filesystem
{
	Mount *mount;
	List  *purposes; /* of C strings */
	Value  values[NUM_FILESYSTEM_FIELDS];
} Filesystem;

typedef struct Tablespace
{
	Oid			oid;
	const char *name;
} Tablespace;

typedef struct Usage
{
	Batch	  *batch;
	MountTable mounts;
	List	  *filesystems; /* of Filesystem */
	List	  *unlisted;	/* of Mount: that the table does not have */
	Rows	   directories;
	Tablespace tablespaces[MAX_TABLESPACES];
	int		   num_tablespaces;
} Usage;

static void
ReportError(Usage *usage, const char *message)
{
	BatchError(usage->batch, "disk_usage", NULL, NULL, message);
}

/* ---- the mount table ---- */

static void
ReadMounts(Usage *usage)
{
	static const char file[] = "self/mountinfo";
	char			 *text = palloc(MAX_MOUNTINFO);
	size_t			  length;
	bool			  cut;

	usage->mounts.capacity = MAX_MOUNTS;
	usage->mounts.mounts = palloc(sizeof(Mount) * MAX_MOUNTS);
	errno = ProcRead(file, text, MAX_MOUNTINFO, &length, &cut);
	if (errno != 0)
	{
		ReportError(usage, psprintf("could not read \"%s/%s\": %m", ProcRoot, file));
		return;
	}
	MountsParse(text, length, &usage->mounts);
	if (cut || usage->mounts.left_out > 0)
		ReportError(usage,
					psprintf("only the first %d mounts in \"%s/%s\" are known", usage->mounts.count,
							 ProcRoot, file));
}

/* ---- filesystems ---- */

static Filesystem *
AddFilesystem(Usage *usage, Mount *mount)
{
	Filesystem *filesystem = palloc0(sizeof(Filesystem));

	filesystem->mount = mount;
	ValueSetText(&filesystem->values[FILESYSTEM_FIELD_MOUNT], mount->point);
	if (mount->fstype[0] != '\0')
		ValueSetText(&filesystem->values[FILESYSTEM_FIELD_FSTYPE], mount->fstype);
	if (mount->device[0] != '\0')
		ValueSetText(&filesystem->values[FILESYSTEM_FIELD_DEVICE], mount->device);
	usage->filesystems = lappend(usage->filesystems, filesystem);
	return filesystem;
}

static Filesystem *
FilesystemOf(Usage *usage, Mount *mount)
{
	ListCell *cell;

	foreach (cell, usage->filesystems)
	{
		Filesystem *filesystem = lfirst(cell);

		if (filesystem->mount == mount)
			return filesystem;
	}
	return AddFilesystem(usage, mount);
}

/* Returns false, with errno, when the filesystem does not answer. */
static bool
AskFilesystem(Filesystem *filesystem, const char *path)
{
	struct statvfs statistics;
	int			   result;

	do
		result = statvfs(path, &statistics);
	while (result != 0 && errno == EINTR);
	if (result == 0)
		FilesystemSizes(&statistics, filesystem->values);
	return result == 0;
}

/*
 * The mount table may have changed since it was read, or a part of it is
 * missing: the device number tells.  Those of btrfs and overlay never agree,
 * and then there is no better mount.
 */
static void
CheckDevice(Usage *usage, MountedPath *place)
{
	struct stat st;
	Mount	   *better;

	if (stat(place->path, &st) != 0 ||
		(place->mount->major == major(st.st_dev) && place->mount->minor == minor(st.st_dev)))
		return;
	better = MountOfDevice(&usage->mounts, place->path, major(st.st_dev), minor(st.st_dev));
	if (better != NULL)
		place->mount = better;
}

/*
 * The root of a process under chroot is in no mount table.  What the server
 * depends on may be asked all the same; the path stands for the mount point,
 * the first one that lies on a device for the others.
 */
static Mount *
UnlistedMount(Usage *usage, MountedPath *place)
{
	struct stat st;
	Mount	   *mount;
	ListCell   *cell;

	if (stat(place->path, &st) != 0)
	{
		ReportError(usage, psprintf("could not access \"%s\": %m", place->path));
		return NULL;
	}
	foreach (cell, usage->unlisted)
	{
		mount = lfirst(cell);
		if (mount->major == major(st.st_dev) && mount->minor == minor(st.st_dev))
			return mount;
	}
	mount = palloc0(sizeof(Mount));
	mount->major = major(st.st_dev);
	mount->minor = minor(st.st_dev);
	mount->root = "/";
	mount->device = mount->fstype = "";
	mount->point = pstrdup(place->path);
	mount->point_length = strlen(mount->point);
	mount->needed = true;
	usage->unlisted = lappend(usage->unlisted, mount);
	return mount;
}

static bool
Contains(List *texts, const char *text)
{
	ListCell *cell;

	foreach (cell, texts)
	{
		if (strcmp(lfirst(cell), text) == 0)
			return true;
	}
	return false;
}

/* Finds the filesystem on which path lies and notes what it is for; "needed" as in mounts.h. */
static void
AddPlace(Usage *usage, char *purpose, const char *path, bool needed, MountedPath *place)
{
	Filesystem *filesystem;

	CHECK_FOR_INTERRUPTS();
	MountFollow(&usage->mounts, path, needed, place);
	if (place->mount == NULL && !needed && path_is_prefix_of_path(DataDir, path))
	{
		needed = true;
		MountFollow(&usage->mounts, path, needed, place);
	}
	if (place->mount == NULL && needed)
		place->mount = UnlistedMount(usage, place);
	else if (place->mount == NULL)
		ReportError(usage,
					psprintf("the filesystem of \"%s\" is in no mount table, and may not "
							 "answer: its size is not asked",
							 path));
	else if (place->may_ask)
		CheckDevice(usage, place);
	if (place->mount == NULL)
		return;

	filesystem = FilesystemOf(usage, place->mount);
	if (!Contains(filesystem->purposes, purpose))
		filesystem->purposes = lappend(filesystem->purposes, purpose);

	/* The path rather than the mount point: quotas of a folder count. */
	if (place->may_ask && !filesystem->values[FILESYSTEM_FIELD_TOTAL].known &&
		!AskFilesystem(filesystem, place->path) && !AskFilesystem(filesystem, place->mount->point))
		ReportError(
			usage,
			psprintf("could not get the size of filesystem \"%s\": %m", place->mount->point));
}

static bool
DeviceIsListed(Usage *usage, const Mount *mount)
{
	ListCell *cell;

	foreach (cell, usage->filesystems)
	{
		Filesystem *filesystem = lfirst(cell);

		if (filesystem->mount->major == mount->major && filesystem->mount->minor == mount->minor)
			return true;
	}
	return false;
}

/* Other disks of the machine; one row a device, however often it is mounted. */
static void
AddOtherFilesystems(Usage *usage)
{
	int count = 0;

	for (int i = 0; i < usage->mounts.count; i++)
	{
		Mount *mount = &usage->mounts.mounts[i];
		bool   may_ask;

		if (!MountIsLocalDisk(mount) || DeviceIsListed(usage, mount) ||
			MountAt(&usage->mounts, mount->point, &may_ask) != mount)
			continue;
		CHECK_FOR_INTERRUPTS();
		if (++count > MAX_OTHER_FILESYSTEMS)
			continue;
		/* We need not be allowed to see everything. */
		if (may_ask && !AskFilesystem(AddFilesystem(usage, mount), mount->point) && errno != EACCES)
			ReportError(usage,
						psprintf("could not get the size of filesystem \"%s\": %m", mount->point));
	}
	if (count > MAX_OTHER_FILESYSTEMS)
		ReportError(usage,
					psprintf("%d filesystems without data of this server are left out",
							 count - MAX_OTHER_FILESYSTEMS));
}

/* ---- directories ---- */

static void
AddDirectory(Usage *usage, const char *purpose, const MountedPath *place, const char *path,
			 int depth, bool may_be_missing)
{
	Value		 *row = RowsAdd(&usage->directories);
	DirectorySize size;
	char		 *error;

	if (row == NULL)
		return;
	ValueSetText(&row[DIRECTORY_FIELD_PURPOSE], purpose);
	ValueSetText(&row[DIRECTORY_FIELD_PATH], pstrdup(place->mount != NULL ? place->path : path));
	if (!place->may_ask)
		return;

	error = DirectoryMeasure(path, depth, may_be_missing, &size);
	if (error != NULL)
	{
		ReportError(usage, error);
		return;
	}
	ValueSetInt(&row[DIRECTORY_FIELD_BYTES], size.bytes);
	ValueSetInt(&row[DIRECTORY_FIELD_FILES], size.files);
}

/* The path of a setting, which may be relative to the data directory. */
static char *
AbsolutePath(const char *path)
{
	return is_absolute_path(path) ? pstrdup(path) : psprintf("%s/%s", DataDir, path);
}

/* ---- tablespaces ---- */

static const char *
NameOfTablespace(Oid oid, const TablespaceName *names, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (names[i].oid == oid)
			return names[i].name;
	}
	return psprintf("%u", oid);
}

static int
CompareTablespaces(const void *a, const void *b)
{
	Oid left = ((const Tablespace *) a)->oid;
	Oid right = ((const Tablespace *) b)->oid;

	return left < right ? -1 : left > right;
}

static void
FindTablespaces(Usage *usage, const TablespaceName *names, int count)
{
	DIR			  *dir = AllocateDir("pg_tblspc");
	struct dirent *entry;
	int			   left_out = 0;

	if (dir == NULL)
	{
		ReportError(usage, psprintf("could not open directory \"%s\": %m", "pg_tblspc"));
		return;
	}
	while ((entry = readdir(dir)) != NULL)
	{
		Tablespace *tablespace = &usage->tablespaces[usage->num_tablespaces];

		if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name))
			continue;
		if (usage->num_tablespaces >= MAX_TABLESPACES)
		{
			left_out++;
			continue;
		}
		tablespace->oid = (Oid) strtoul(entry->d_name, NULL, 10);
		tablespace->name = NameOfTablespace(tablespace->oid, names, count);
		usage->num_tablespaces++;
	}
	FreeDir(dir);

	qsort(usage->tablespaces, usage->num_tablespaces, sizeof(Tablespace), CompareTablespaces);
	if (left_out > 0)
		ReportError(
			usage,
			psprintf("%d tablespaces after the first %d are left out", left_out, MAX_TABLESPACES));
}

static char *
PathOfTablespace(const Tablespace *tablespace)
{
	return psprintf("%s/pg_tblspc/%u", DataDir, tablespace->oid);
}

/* ---- what lies where ---- */

/* Comes first: it tells on which mounts the server depends. */
static void
AddDataWalAndTablespaces(Usage *usage)
{
	char	   *wal = AbsolutePath("pg_wal");
	MountedPath place;

	AddPlace(usage, "data", DataDir, true, &place);
	AddPlace(usage, "wal", wal, true, &place);
	AddDirectory(usage, "wal", &place, wal, WAL_DEPTH, false);
	for (int i = 0; i < usage->num_tablespaces; i++)
		AddPlace(usage, psprintf("tablespace:%s", usage->tablespaces[i].name),
				 PathOfTablespace(&usage->tablespaces[i]), true, &place);
}

static void
AddLog(Usage *usage)
{
	MountedPath place;
	char	   *log;

	if (!Logging_collector || Log_directory == NULL)
		return;
	log = AbsolutePath(Log_directory);
	AddPlace(usage, "log", log, false, &place);
	AddDirectory(usage, "log", &place, log, 0, false);
}

/* Is the tablespace one of "temp_tablespaces"?  NULL stands for the default one. */
static bool
TakesTemporaryFiles(List *temp_tablespaces, const Tablespace *tablespace)
{
	if (tablespace != NULL)
		return Contains(temp_tablespaces, tablespace->name);
	return temp_tablespaces == NIL || Contains(temp_tablespaces, "") ||
		Contains(temp_tablespaces, "pg_default");
}

/*
 * Temporary files are where "temp_tablespaces" says, but a session may say
 * something else: all places are measured, and only those of the setting have
 * the purpose.
 */
static void
AddTemp(Usage *usage)
{
	const char *setting = GetConfigOption("temp_tablespaces", true, false);
	List	   *temp_tablespaces = NIL;

	if (setting == NULL || !SplitIdentifierString(pstrdup(setting), ',', &temp_tablespaces))
		temp_tablespaces = NIL;

	for (int i = -1; i < usage->num_tablespaces; i++)
	{
		Tablespace *tablespace = i < 0 ? NULL : &usage->tablespaces[i];
		char	   *base = tablespace == NULL ? AbsolutePath("base") : PathOfTablespace(tablespace);
		char	   *path = tablespace == NULL ?
				  psprintf("%s/%s", base, PG_TEMP_FILES_DIR) :
				  psprintf("%s/%s/%s", base, TABLESPACE_VERSION_DIRECTORY, PG_TEMP_FILES_DIR);
		MountedPath place;

		if (TakesTemporaryFiles(temp_tablespaces, tablespace))
			AddPlace(usage, "temp", base, true, &place);
		MountFollow(&usage->mounts, path, true, &place);
		AddDirectory(usage, "temp", &place, path, TEMP_DEPTH, true);
	}
}

static void
AddSpool(Usage *usage)
{
	char	   *spool = psprintf("%s/spool", AbsolutePath(Setting.state_directory));
	MountedPath place;

	AddPlace(usage, "spool", spool, false, &place);
	AddDirectory(usage, "spool", &place, spool, 0, true);
}

/* ---- writing ---- */

static void
WriteFilesystems(JsonWriter *writer, const Usage *usage)
{
	const Field *fields = DiskUsageFields[DISK_USAGE_FIELD_FILESYSTEMS].fields;
	ListCell	*cell;

	JsonArrayBegin(writer, "filesystems");
	foreach (cell, usage->filesystems)
	{
		Filesystem *filesystem = lfirst(cell);
		ListCell   *purpose;

		JsonObjectBegin(writer, NULL);
		JsonFields(writer, fields, filesystem->values);
		JsonArrayBegin(writer, fields[FILESYSTEM_FIELD_PURPOSES].name);
		foreach (purpose, filesystem->purposes)
			JsonText(writer, NULL, lfirst(purpose));
		JsonArrayEnd(writer);
		JsonObjectEnd(writer);
	}
	JsonArrayEnd(writer);
}

static void
WriteDirectories(JsonWriter *writer, const Usage *usage)
{
	const Field *fields = DiskUsageFields[DISK_USAGE_FIELD_DIRECTORIES].fields;

	JsonArrayBegin(writer, "directories");
	for (int i = 0; i < usage->directories.count; i++)
	{
		JsonObjectBegin(writer, NULL);
		JsonFields(writer, fields, RowsGet(&usage->directories, i));
		JsonObjectEnd(writer);
	}
	JsonArrayEnd(writer);
}

static Usage *
CreateUsage(Batch *batch)
{
	Usage *usage = palloc0(sizeof(Usage));
	Rows  *directories = &usage->directories;

	usage->batch = batch;
	directories->width = NUM_DIRECTORY_FIELDS;
	directories->capacity = MAX_TABLESPACES + 4; /* wal, log, spool, the default tablespace */
	directories->values = palloc(sizeof(Value) * directories->width * directories->capacity);
	return usage;
}

void
DiskUsageCollect(Batch *batch, const TablespaceName *names, int count)
{
	TimestampTz read_at = GetCurrentTimestamp();
	Usage	   *usage = CreateUsage(batch);
	JsonWriter *writer;

	ReadMounts(usage);
	FindTablespaces(usage, names, count);
	AddDataWalAndTablespaces(usage);
	AddTemp(usage);
	AddLog(usage);
	AddSpool(usage);
	AddOtherFilesystems(usage);

	writer = BatchMetricBegin(batch, "disk_usage", NULL, read_at);
	if (usage->filesystems != NIL)
		WriteFilesystems(writer, usage);
	WriteDirectories(writer, usage);
	BatchMetricEnd(batch);
	BatchCountRows(batch, list_length(usage->filesystems) + usage->directories.count);
}
