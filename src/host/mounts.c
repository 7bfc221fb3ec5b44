/*
 * mounts.c
 *		/proc/self/mountinfo, and on which mount a path lies.
 *
 * A line of the file is
 *
 *		36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/sda1 rw,errors=continue
 *
 * mount id, parent's id, device number, what is mounted, where, options, any
 * number of optional fields, a dash, type, device, options of the filesystem.
 * Blanks inside a field are written as \040.
 */
#include "host/mounts.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "host/proc.h"

/* Filesystems that ask somebody else; a star stands for any end. */
static const char *const RemoteTypes[] = {
	"nfs*",	  "cifs", "smb*",  "fuse*",	   "autofs", "9p",	 "ceph",  "glusterfs", "lustre",
	"beegfs", "gpfs", "pvfs2", "orangefs", "afs",	 "coda", "ncpfs", "ocfs2",	   "gfs2",
};

/* Read-only images: full by nature. */
static const char *const ImageTypes[] = {"squashfs", "iso9660", "udf", "cramfs", "erofs"};

#define LENGTH(array) ((int) (sizeof(array) / sizeof((array)[0])))

#define MAX_LINKS 40 /* as the kernel */

static bool
TypeIsAmong(const char *fstype, const char *const *types, int count)
{
	for (int i = 0; i < count; i++)
	{
		size_t length = strlen(types[i]);

		if (types[i][length - 1] == '*' ? strncmp(fstype, types[i], length - 1) == 0 :
										  strcmp(fstype, types[i]) == 0)
			return true;
	}
	return false;
}

static bool
IsOctal(const char *c)
{
	return c[0] >= '0' && c[0] <= '3' && c[1] >= '0' && c[1] <= '7' && c[2] >= '0' && c[2] <= '7';
}

/* Decodes \ooo in place and terminates the text at its end or one byte after it. */
static const char *
Decode(Span span)
{
	char *to = span.at;

	for (char *from = span.at; from < span.end;)
	{
		if (*from == '\\' && span.end - from >= 4 && IsOctal(from + 1))
		{
			*to++ = (char) ((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
			from += 4;
		}
		else
			*to++ = *from++;
	}
	*to = '\0';
	return span.at;
}

static bool
ParseNumber(Span span, int *result)
{
	int64_t value;

	if (!SpanInt(span, &value) || value > INT_MAX)
		return false;
	*result = (int) value;
	return true;
}

static bool
ParseDeviceNumber(Span span, Mount *mount)
{
	Span major;
	int	 numbers[2];

	if (!SpanCut(&span, ':', &major) || !ParseNumber(major, &numbers[0]) ||
		!ParseNumber(span, &numbers[1]))
		return false;
	mount->major = numbers[0];
	mount->minor = numbers[1];
	return true;
}

/* Skips what lies between the options and the dash. */
static bool
SkipOptionalFields(Span *line)
{
	Span field;

	while (SpanCut(line, ' ', &field))
	{
		if (SpanIs(field, "-"))
			return true;
	}
	return false;
}

static bool
ParseLine(Span line, Mount *mount)
{
	Span id;
	Span parent;
	Span device_number;
	Span root;
	Span point;
	Span fstype;
	Span device;

	/* Single blanks separate: a field may be empty. */
	if (!SpanCut(&line, ' ', &id) || !ParseNumber(id, &mount->id) ||
		!SpanCut(&line, ' ', &parent) || !ParseNumber(parent, &mount->parent) ||
		!SpanCut(&line, ' ', &device_number) || !ParseDeviceNumber(device_number, mount) ||
		!SpanCut(&line, ' ', &root) || !SpanCut(&line, ' ', &point) || !SkipOptionalFields(&line) ||
		!SpanCut(&line, ' ', &fstype) || !SpanCut(&line, ' ', &device) || line.at >= line.end ||
		point.at >= point.end || *point.at != '/')
		return false;

	mount->root = Decode(root);
	mount->point = Decode(point);
	mount->point_length = strlen(mount->point);
	mount->fstype = Decode(fstype);
	mount->device = Decode(device);
	mount->options = line.at;
	mount->options_length = line.end - line.at;
	mount->remote = TypeIsAmong(mount->fstype, RemoteTypes, LENGTH(RemoteTypes));
	mount->needed = false;

	/* The root's prefix is nothing, so that every path continues it with a slash. */
	if (mount->point_length == 1)
		mount->point_length = 0;
	return true;
}

/* The directory under it was removed, so no path leads there. */
static bool
IsDeleted(const Mount *mount)
{
	static const char suffix[] = "//deleted";
	size_t			  length = sizeof(suffix) - 1;

	return mount->point_length > length &&
		strcmp(mount->point + mount->point_length - length, suffix) == 0;
}

void
MountsParse(char *text, size_t length, MountTable *table)
{
	Span  rest = SpanOf(text, length);
	Span  line;
	Mount mount;

	while (SpanCut(&rest, '\n', &line))
	{
		if (!ParseLine(line, &mount) || IsDeleted(&mount))
			continue;
		if (table->count < table->capacity)
			table->mounts[table->count++] = mount;
		else
			table->left_out++;
	}
}

static bool
LiesUnder(const char *path, size_t length, const Mount *mount)
{
	return length >= mount->point_length && memcmp(path, mount->point, mount->point_length) == 0 &&
		(length == mount->point_length || path[mount->point_length] == '/');
}

static bool
ParentIsListed(const MountTable *table, const Mount *mount)
{
	for (int i = 0; i < table->count; i++)
	{
		if (table->mounts[i].id == mount->parent && &table->mounts[i] != mount)
			return true;
	}
	return false;
}

/* Where the walk begins: a mount whose parent is not listed, since it is outside of our root. */
static Mount *
FirstMount(const MountTable *table, const char *path, size_t length)
{
	Mount *found = NULL;

	for (int i = 0; i < table->count; i++)
	{
		Mount *mount = &table->mounts[i];

		if (LiesUnder(path, length, mount) &&
			(found == NULL || mount->point_length >= found->point_length) &&
			!ParentIsListed(table, mount))
			found = mount;
	}
	return found;
}

/*
 * The mount that the path enters next: the shortest among the children,
 * because it hides whatever was mounted further down before.  The last one at
 * the same point is on top.
 */
static Mount *
NextMount(const MountTable *table, const Mount *from, const char *path, size_t length)
{
	Mount *found = NULL;

	for (int i = 0; i < table->count; i++)
	{
		Mount *mount = &table->mounts[i];

		if (mount->parent == from->id && mount != from &&
			mount->point_length >= from->point_length && LiesUnder(path, length, mount) &&
			(found == NULL || mount->point_length <= found->point_length))
			found = mount;
	}
	return found;
}

/*
 * Walks from mount to mount as the kernel does when it looks the path up.
 * *may_ask is false when one of them is remote and not needed; "needed" makes
 * them so.
 */
static Mount *
Walk(const MountTable *table, const char *path, size_t length, bool needed, bool *may_ask)
{
	Mount *at = NULL;
	Mount *next = FirstMount(table, path, length);

	*may_ask = next != NULL || needed;
	/* The limit is for a table that is not a tree. */
	for (int steps = 0; next != NULL && steps <= table->count; steps++)
	{
		at = next;
		at->needed = at->needed || needed;
		*may_ask = *may_ask && (!at->remote || at->needed);
		next = NextMount(table, at, path, length);
	}
	return at;
}

Mount *
MountAt(const MountTable *table, const char *path, bool *may_ask)
{
	return Walk(table, path, strcmp(path, "/") == 0 ? 0 : strlen(path), false, may_ask);
}

/* Takes the last component off; the root stays. */
static size_t
ParentLength(const char *path, size_t length)
{
	while (length > 0 && path[--length] != '/')
		;
	return length;
}

/*
 * Puts the target of the link at path in front of what is still to be walked.
 * Returns false when path is no link, or one too long.
 */
static bool
ReadLink(const char *path, char *todo, size_t todo_size, char *rest)
{
	char	target[MOUNT_PATH_SIZE];
	size_t	rest_length = strlen(rest);
	ssize_t length;

	do
		length = readlink(path, target, sizeof(target));
	while (length < 0 && errno == EINTR);
	if (length <= 0 || length + 1 + rest_length + 1 > todo_size)
		return false;

	memmove(todo + length + 1, rest, rest_length + 1);
	memcpy(todo, target, length);
	todo[length] = '/';
	return true;
}

void
MountFollow(MountTable *table, const char *path, bool needed, MountedPath *result)
{
	char   todo[2 * MOUNT_PATH_SIZE];
	char  *next = todo;
	char  *resolved = result->path;
	size_t length = 0;
	int	   links = 0;
	bool   may_ask;
	bool   passed_remote = false;

	result->mount = NULL;
	result->may_ask = false;
	result->path[0] = '\0';
	if (strlen(path) >= MOUNT_PATH_SIZE)
		return;
	strcpy(todo, path);

	while (*next != '\0')
	{
		size_t name = strcspn(next, "/");
		char  *component = next;

		next += name;
		if (*next == '/')
			next++;
		if (name == 0 || (name == 1 && component[0] == '.'))
			continue;
		if (name == 2 && component[0] == '.' && component[1] == '.')
		{
			length = ParentLength(resolved, length);
			continue;
		}
		if (length + 1 + name >= MOUNT_PATH_SIZE)
			return;
		resolved[length] = '/';
		memcpy(resolved + length + 1, component, name);
		length += 1 + name;
		resolved[length] = '\0';

		Walk(table, resolved, length, needed, &may_ask);
		passed_remote = passed_remote || !may_ask;
		if (may_ask && links < MAX_LINKS && ReadLink(resolved, todo, sizeof(todo), next))
		{
			links++;
			next = todo;
			length = *todo == '/' ? 0 : ParentLength(resolved, length);
		}
	}

	result->mount = Walk(table, resolved, length, needed, &may_ask);
	/* ".." leads out of a remote mount in the text, but whoever uses the path goes through it. */
	result->may_ask = may_ask && !passed_remote;
	if (length == 0)
		resolved[length++] = '/';
	resolved[length] = '\0';
}

Mount *
MountOfDevice(const MountTable *table, const char *path, unsigned int major, unsigned int minor)
{
	Mount *found = NULL;

	for (int i = 0; i < table->count; i++)
	{
		Mount *mount = &table->mounts[i];

		if (mount->major == major && mount->minor == minor &&
			LiesUnder(path, strlen(path), mount) &&
			(found == NULL || mount->point_length >= found->point_length))
			found = mount;
	}
	return found;
}

/* A bind of a folder or file is part of a filesystem listed elsewhere; btrfs mounts subvolumes. */
static bool
IsWhole(const Mount *mount)
{
	return strcmp(mount->root, "/") == 0 || strcmp(mount->fstype, "btrfs") == 0;
}

bool
MountIsLocalDisk(const Mount *mount)
{
	return mount->device[0] == '/' && !mount->remote && IsWhole(mount) &&
		!TypeIsAmong(mount->fstype, ImageTypes, LENGTH(ImageTypes));
}
