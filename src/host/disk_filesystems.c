/*
 * disk_filesystems.c
 *		The filesystems of a machine, those that the server writes to first.
 *
 * A call on a network filesystem whose server is gone cannot be interrupted,
 * so such a mount is asked only when data, WAL or a tablespace lies on it,
 * because then the server hangs anyway.  Others are listed without sizes.
 */
#include "postgres.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "miscadmin.h"

#include "host/disk_filesystems.h"
#include "host/fields.h"
#include "host/filesystem.h"
#include "host/proc.h"

/* Each limit is reported when it is reached. */
#define MAX_MOUNTS 4096
#define MAX_MOUNTINFO (1024 * 1024)
#define MAX_OTHER_FILESYSTEMS 64

typedef struct Filesystem
{
	Mount *mount;
	List  *purposes; /* of C strings */
	Value  values[NUM_FILESYSTEM_FIELDS];
} Filesystem;

static void
ReportError(Filesystems *all, const char *message)
{
	BatchError(all->batch, "disk_usage", NULL, NULL, message);
}

bool
ListHasText(List *texts, const char *text)
{
	ListCell *cell;

	foreach (cell, texts)
	{
		if (strcmp(lfirst(cell), text) == 0)
			return true;
	}
	return false;
}

void
FilesystemsRead(Filesystems *all, Batch *batch)
{
	static const char file[] = "self/mountinfo";
	char			 *text = palloc(MAX_MOUNTINFO);
	size_t			  length;
	bool			  cut;

	memset(all, 0, sizeof(*all));
	all->batch = batch;
	all->mounts.capacity = MAX_MOUNTS;
	all->mounts.mounts = palloc(sizeof(Mount) * MAX_MOUNTS);
	errno = ProcRead(file, text, MAX_MOUNTINFO, &length, &cut);
	if (errno != 0)
	{
		ReportError(all, psprintf("could not read \"%s/%s\": %m", ProcRoot, file));
		return;
	}
	MountsParse(text, length, &all->mounts);
	if (cut || all->mounts.left_out > 0)
		ReportError(all,
					psprintf("only the first %d mounts in \"%s/%s\" are known", all->mounts.count,
							 ProcRoot, file));
}

static Filesystem *
AddFilesystem(Filesystems *all, Mount *mount)
{
	Filesystem *filesystem = palloc0(sizeof(Filesystem));

	filesystem->mount = mount;
	ValueSetText(&filesystem->values[FILESYSTEM_FIELD_MOUNT], mount->point);
	if (mount->fstype[0] != '\0')
		ValueSetText(&filesystem->values[FILESYSTEM_FIELD_FSTYPE], mount->fstype);
	if (mount->device[0] != '\0')
		ValueSetText(&filesystem->values[FILESYSTEM_FIELD_DEVICE], mount->device);
	all->list = lappend(all->list, filesystem);
	return filesystem;
}

static Filesystem *
FilesystemOf(Filesystems *all, Mount *mount)
{
	ListCell *cell;

	foreach (cell, all->list)
	{
		Filesystem *filesystem = lfirst(cell);

		if (filesystem->mount == mount)
			return filesystem;
	}
	return AddFilesystem(all, mount);
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
CheckDevice(Filesystems *all, MountedPath *place)
{
	struct stat st;
	Mount	   *better;

	if (stat(place->path, &st) != 0 ||
		(place->mount->major == major(st.st_dev) && place->mount->minor == minor(st.st_dev)))
		return;
	better = MountOfDevice(&all->mounts, place->path, major(st.st_dev), minor(st.st_dev));
	if (better != NULL)
		place->mount = better;
}

/*
 * The root of a process under chroot is in no mount table.  What the server
 * depends on may be asked all the same; the path stands for the mount point,
 * the first one that lies on a device for the others.
 */
static Mount *
UnlistedMount(Filesystems *all, MountedPath *place)
{
	struct stat st;
	Mount	   *mount;
	ListCell   *cell;

	if (stat(place->path, &st) != 0)
	{
		ReportError(all, psprintf("could not access \"%s\": %m", place->path));
		return NULL;
	}
	foreach (cell, all->unlisted)
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
	all->unlisted = lappend(all->unlisted, mount);
	return mount;
}

void
FilesystemsAddPlace(Filesystems *all, char *purpose, const char *path, bool needed,
					MountedPath *place)
{
	Filesystem *filesystem;

	CHECK_FOR_INTERRUPTS();
	MountFollow(&all->mounts, path, needed, place);
	if (place->mount == NULL && !needed && path_is_prefix_of_path(DataDir, path))
	{
		needed = true;
		MountFollow(&all->mounts, path, needed, place);
	}
	if (place->mount == NULL && needed)
		place->mount = UnlistedMount(all, place);
	else if (place->mount == NULL)
		ReportError(all,
					psprintf("the filesystem of \"%s\" is in no mount table, and may not "
							 "answer: its size is not asked",
							 path));
	else if (place->may_ask)
		CheckDevice(all, place);
	if (place->mount == NULL)
		return;

	filesystem = FilesystemOf(all, place->mount);
	if (!ListHasText(filesystem->purposes, purpose))
		filesystem->purposes = lappend(filesystem->purposes, purpose);

	/* The path rather than the mount point: quotas of a folder count. */
	if (place->may_ask && !filesystem->values[FILESYSTEM_FIELD_TOTAL].known &&
		!AskFilesystem(filesystem, place->path) && !AskFilesystem(filesystem, place->mount->point))
		ReportError(
			all, psprintf("could not get the size of filesystem \"%s\": %m", place->mount->point));
}

static bool
DeviceIsListed(Filesystems *all, const Mount *mount)
{
	ListCell *cell;

	foreach (cell, all->list)
	{
		Filesystem *filesystem = lfirst(cell);

		if (filesystem->mount->major == mount->major && filesystem->mount->minor == mount->minor)
			return true;
	}
	return false;
}

void
FilesystemsAddOthers(Filesystems *all)
{
	int count = 0;

	for (int i = 0; i < all->mounts.count; i++)
	{
		Mount *mount = &all->mounts.mounts[i];
		bool   may_ask;

		if (!MountIsLocalDisk(mount) || DeviceIsListed(all, mount) ||
			MountAt(&all->mounts, mount->point, &may_ask) != mount)
			continue;
		CHECK_FOR_INTERRUPTS();
		if (++count > MAX_OTHER_FILESYSTEMS)
			continue;
		/* We need not be allowed to see everything. */
		if (may_ask && !AskFilesystem(AddFilesystem(all, mount), mount->point) && errno != EACCES)
			ReportError(all,
						psprintf("could not get the size of filesystem \"%s\": %m", mount->point));
	}
	if (count > MAX_OTHER_FILESYSTEMS)
		ReportError(all,
					psprintf("%d filesystems without data of this server are left out",
							 count - MAX_OTHER_FILESYSTEMS));
}

void
FilesystemsWrite(const Filesystems *all, JsonWriter *writer)
{
	const Field *fields = DiskUsageFields[DISK_USAGE_FIELD_FILESYSTEMS].fields;
	ListCell	*cell;

	JsonArrayBegin(writer, "filesystems");
	foreach (cell, all->list)
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
