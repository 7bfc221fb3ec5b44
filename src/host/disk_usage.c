/*
 * disk_usage.c
 *		The collector "disk_usage": how full the filesystems are that the
 *		server writes to, and how large its directories that grow by themselves.
 *
 * Everything is read before the metric is begun: there are interrupt checks on
 * the way.
 */
#include "postgres.h"

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
#include "host/disk_filesystems.h"
#include "host/fields.h"
#include "host/host.h"

/* Each limit is reported when it is reached. */
#define MAX_TABLESPACES 256

/* Levels of folders below a directory that belong to it. */
#define WAL_DEPTH 1	 /* archive_status, summaries */
#define TEMP_DEPTH 2 /* a folder for the files that parallel workers share */

typedef struct Tablespace
{
	Oid			oid;
	const char *name;
} Tablespace;

typedef struct Usage
{
	Batch	   *batch;
	Filesystems filesystems;
	Rows		directories;
	Tablespace	tablespaces[MAX_TABLESPACES];
	int			num_tablespaces;
} Usage;

static void
ReportError(Usage *usage, const char *message)
{
	BatchError(usage->batch, "disk_usage", NULL, NULL, message);
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

	FilesystemsAddPlace(&usage->filesystems, "data", DataDir, true, &place);
	FilesystemsAddPlace(&usage->filesystems, "wal", wal, true, &place);
	AddDirectory(usage, "wal", &place, wal, WAL_DEPTH, false);
	for (int i = 0; i < usage->num_tablespaces; i++)
		FilesystemsAddPlace(&usage->filesystems,
							psprintf("tablespace:%s", usage->tablespaces[i].name),
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
	FilesystemsAddPlace(&usage->filesystems, "log", log, false, &place);
	AddDirectory(usage, "log", &place, log, 0, false);
}

/* Is the tablespace one of "temp_tablespaces"?  NULL stands for the default one. */
static bool
TakesTemporaryFiles(List *temp_tablespaces, const Tablespace *tablespace)
{
	if (tablespace != NULL)
		return ListHasText(temp_tablespaces, tablespace->name);
	return temp_tablespaces == NIL || ListHasText(temp_tablespaces, "") ||
		ListHasText(temp_tablespaces, "pg_default");
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
			FilesystemsAddPlace(&usage->filesystems, "temp", base, true, &place);
		MountFollow(&usage->filesystems.mounts, path, true, &place);
		AddDirectory(usage, "temp", &place, path, TEMP_DEPTH, true);
	}
}

static void
AddSpool(Usage *usage)
{
	char	   *spool = psprintf("%s/spool", AbsolutePath(Setting.state_directory));
	MountedPath place;

	FilesystemsAddPlace(&usage->filesystems, "spool", spool, false, &place);
	AddDirectory(usage, "spool", &place, spool, 0, true);
}

/* ---- writing ---- */

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

	FilesystemsRead(&usage->filesystems, batch);
	FindTablespaces(usage, names, count);
	AddDataWalAndTablespaces(usage);
	AddTemp(usage);
	AddLog(usage);
	AddSpool(usage);
	FilesystemsAddOthers(&usage->filesystems);

	writer = BatchMetricBegin(batch, "disk_usage", NULL, read_at);
	if (usage->filesystems.list != NIL)
		FilesystemsWrite(&usage->filesystems, writer);
	WriteDirectories(writer, usage);
	BatchMetricEnd(batch);
	BatchCountRows(batch, list_length(usage->filesystems.list) + usage->directories.count);
}
