/*
 * test_host_mounts.c
 *		The mount table, and on which mount a path lies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/mounts.h"

#define CAPACITY 16

static Mount	  Mounts[CAPACITY];
static MountTable Table;
static char		 *Text;

/* A copy of exactly the text's size, for the sanitizers. */
static void
parse(const char *text)
{
	size_t length = strlen(text);

	free(Text);
	Text = malloc(length > 0 ? length : 1);
	memcpy(Text, text, length);
	Table = (MountTable){Mounts, CAPACITY};
	MountsParse(Text, length, &Table);
}

static const char *
mount_at(const char *path)
{
	bool   may_ask;
	Mount *mount = MountAt(&Table, path, &may_ask);

	return mount != NULL ? mount->device : "none";
}

static void
every_field_of_a_line_is_found(void **state)
{
	Mount *mount = &Mounts[0];

	parse(
		"36 35 98:1 /srv/pg /mnt2 rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw,errors=continue\n");
	assert_int_equal(Table.count, 1);
	assert_int_equal(mount->id, 36);
	assert_int_equal(mount->parent, 35);
	assert_int_equal(mount->major, 98);
	assert_int_equal(mount->minor, 1);
	assert_string_equal(mount->root, "/srv/pg");
	assert_string_equal(mount->point, "/mnt2");
	assert_string_equal(mount->fstype, "ext3");
	assert_string_equal(mount->device, "/dev/root");
	assert_false(mount->remote);
}

static void
escapes_are_decoded(void **state)
{
	parse("36 35 8:1 / /mnt/my\\040disk\\011\\134x rw - ext4 /dev/disk/by-label/a\\040b\\043 rw\n"
		  "37 35 8:2 / /mnt/\\9\\04 rw - ext4 x\\777y rw\n");
	assert_int_equal(Table.count, 2);
	assert_string_equal(Mounts[0].point, "/mnt/my disk\t\\x");
	assert_string_equal(Mounts[0].device, "/dev/disk/by-label/a b#");
	assert_string_equal(Mounts[1].point, "/mnt/\\9\\04");
	assert_string_equal(Mounts[1].device, "x\\777y");
}

static void
an_empty_device_does_not_shift_the_fields(void **state)
{
	parse("36 35 0:5 / /run rw shared:1 - tmpfs  rw,size=10k\n");
	assert_int_equal(Table.count, 1);
	assert_string_equal(Mounts[0].fstype, "tmpfs");
	assert_string_equal(Mounts[0].device, "");
}

static void
broken_lines_are_skipped(void **state)
{
	parse("\n"
		  "garbage\n"
		  "36 35 8:1 / relative rw - ext4 /dev/sda1 rw\n"
		  "x 35 8:1 / /a rw - ext4 /dev/sda1 rw\n"
		  "36 35 8 / /a rw - ext4 /dev/sda1 rw\n"
		  "36 35 8:-1 / /a rw - ext4 /dev/sda1 rw\n"
		  "99999999999 35 8:1 / /a rw - ext4 /dev/sda1 rw\n"
		  "36 35 8:1 / /a rw shared:1 ext4 /dev/sda1 rw\n"
		  "38 35 8:1 / /gone//deleted rw - ext4 /dev/sda1 rw\n"
		  "37 35 8:1 / /good rw - ext4 /dev/sda1 rw\n"
		  "36 35 8:1 / /a rw - ext4 /dev/sd");
	assert_int_equal(Table.count, 1);
	assert_string_equal(Mounts[0].point, "/good");
	parse("");
	assert_int_equal(Table.count, 0);
	assert_string_equal(mount_at("/"), "none");
}

static void
mounts_beyond_the_limit_are_counted(void **state)
{
	char text[64 * (CAPACITY + 3)] = "";

	for (int i = 0; i < CAPACITY + 3; i++)
		sprintf(text + strlen(text), "%d 1 8:%d / /m%d rw - ext4 /dev/sd rw\n", i + 2, i, i);
	parse(text);
	assert_int_equal(Table.count, CAPACITY);
	assert_int_equal(Table.left_out, 3);
}

static void
the_longest_mount_point_holds_the_path(void **state)
{
	parse("21 1 8:1 / / rw - ext4 root rw\n"
		  "22 21 8:2 / /var rw - ext4 var rw\n"
		  "23 22 8:3 / /var/lib rw - ext4 lib rw\n");
	assert_string_equal(mount_at("/"), "root");
	assert_string_equal(mount_at("/etc/passwd"), "root");
	assert_string_equal(mount_at("/var"), "var");
	assert_string_equal(mount_at("/variable"), "root");
	assert_string_equal(mount_at("/var/library"), "var");
	assert_string_equal(mount_at("/var/lib/postgresql"), "lib");
}

static void
the_last_mount_at_a_point_wins(void **state)
{
	/* A mount over another one is its child; one made elsewhere and moved here is a sibling. */
	parse("21 1 8:1 / / rw - ext4 root rw\n"
		  "22 21 8:2 / /data rw - ext4 below rw\n"
		  "23 22 8:3 / /data rw - xfs above rw\n");
	assert_string_equal(mount_at("/data/x"), "above");

	parse("21 1 8:1 / / rw - ext4 root rw\n"
		  "22 21 8:2 / /data rw - ext4 first rw\n"
		  "23 21 8:3 / /data rw - xfs second rw\n");
	assert_string_equal(mount_at("/data/x"), "second");
}

static void
a_mount_further_up_hides_those_below(void **state)
{
	parse("21 1 8:1 / / rw - ext4 root rw\n"
		  "22 21 8:2 / /mnt/a/b rw - ext4 hidden rw\n"
		  "23 21 8:3 / /mnt/a rw - xfs cover rw\n");
	assert_string_equal(mount_at("/mnt/a/b/x"), "cover");
}

static void
the_root_may_be_mounted_over(void **state)
{
	parse("1 1 0:2 / / rw - rootfs rootfs rw\n"
		  "21 1 8:1 / / rw - ext4 root rw\n"
		  "22 21 8:2 / /data rw - ext4 data rw\n");
	assert_string_equal(mount_at("/"), "root");
	assert_string_equal(mount_at("/data"), "data");
}

static void
a_table_with_holes_still_answers(void **state)
{
	/* as after chroot into a folder, or where the file was cut */
	parse("22 21 8:2 / /data rw - ext4 data rw\n"
		  "25 24 8:5 / /data/deep/er rw - ext4 deeper rw\n"
		  "23 21 0:4 / /proc rw - proc proc rw\n");
	assert_string_equal(mount_at("/data/x"), "data");
	assert_string_equal(mount_at("/data/deep/er/x"), "deeper");
	assert_string_equal(mount_at("/etc"), "none");

	/* no tree at all */
	parse("2 3 8:1 / / rw - ext4 a rw\n3 2 8:1 / / rw - ext4 b rw\n");
	mount_at("/x");
	parse("5 4 8:1 / / rw - ext4 a rw\n2 5 8:1 / / rw - ext4 b rw\n3 2 8:1 / / rw - ext4 c rw\n"
		  "2 3 8:1 / / rw - ext4 d rw\n");
	mount_at("/x");
}

static void
the_device_number_finds_the_innermost_mount(void **state)
{
	parse("21 1 8:1 / / rw - ext4 root rw\n"
		  "22 21 8:2 / /data rw - ext4 data rw\n"
		  "23 21 8:2 /x /elsewhere rw - ext4 bind rw\n");
	assert_string_equal(MountOfDevice(&Table, "/data/pg", 8, 2)->device, "data");
	assert_string_equal(MountOfDevice(&Table, "/data/pg", 8, 1)->device, "root");
	assert_null(MountOfDevice(&Table, "/data/pg", 9, 1));
	assert_null(MountOfDevice(&Table, "/etc", 8, 2));
}

static void
network_filesystems_are_remote(void **state)
{
	static const char *const remote[] = {"nfs",	 "nfs4",	   "cifs",		"smb3",
										 "fuse", "fuse.sshfs", "fuseblk",	"autofs",
										 "9p",	 "ceph",	   "glusterfs", "fuse.glusterfs"};
	static const char *const local[] = {"ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "nf"};
	char					 line[128];

	for (int i = 0; i < 12; i++)
	{
		snprintf(line, sizeof(line), "2 1 0:9 / /n rw - %s host:/x rw\n", remote[i]);
		parse(line);
		assert_true(Mounts[0].remote);
		assert_false(MountIsLocalDisk(&Mounts[0]));
	}
	for (int i = 0; i < 7; i++)
	{
		snprintf(line, sizeof(line), "2 1 0:9 / /n rw - %s x rw\n", local[i]);
		parse(line);
		assert_false(Mounts[0].remote);
	}
}

static void
local_disks_are_whole_filesystems_on_devices(void **state)
{
	parse("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
		  "2 1 8:1 /docker/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n"
		  "3 1 0:30 /@home /home rw - btrfs /dev/sdb rw\n"
		  "4 1 7:1 / /snap/x rw - squashfs /dev/loop1 ro\n"
		  "5 1 0:31 / /run rw - tmpfs tmpfs rw\n"
		  "6 1 0:32 / /share rw - cifs //host/share rw\n");
	assert_true(MountIsLocalDisk(&Mounts[0]));
	assert_false(MountIsLocalDisk(&Mounts[1]));
	assert_true(MountIsLocalDisk(&Mounts[2]));
	assert_false(MountIsLocalDisk(&Mounts[3]));
	assert_false(MountIsLocalDisk(&Mounts[4]));
	assert_false(MountIsLocalDisk(&Mounts[5]));
}

static void
what_lies_behind_a_remote_mount_is_not_asked(void **state)
{
	bool may_ask;

	parse("1 0 8:1 / / rw - ext4 root rw\n"
		  "2 1 0:30 / /net rw - nfs4 host:/ rw\n"
		  "3 2 8:3 / /net/disk rw - ext4 disk rw\n");
	MountAt(&Table, "/etc", &may_ask);
	assert_true(may_ask);
	MountAt(&Table, "/net", &may_ask);
	assert_false(may_ask);
	assert_string_equal(MountAt(&Table, "/net/disk/x", &may_ask)->device, "disk");
	assert_false(may_ask);
}

/* ---- links ---- */

static char Directory[] = "/tmp/test_host_mounts.XXXXXX";

static int
make_directory(void **state)
{
	strcpy(Directory + strlen(Directory) - 6, "XXXXXX");
	assert_non_null(mkdtemp(Directory));
	return 0;
}

static int
remove_directory(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", Directory);
	return system(command);
}

static const char *
below(const char *name)
{
	static char paths[4][256];
	static int	next;
	char	   *path = paths[next++ % 4];

	snprintf(path, 256, "%s%s", Directory, name);
	return path;
}

/* A local root and a "remote" mount at <Directory>/net, whose files are in fact here. */
static void
parse_with_net(void)
{
	char text[512];

	snprintf(text, sizeof(text),
			 "1 0 8:1 / / rw - ext4 root rw\n"
			 "2 1 0:30 / %s/net rw - nfs4 net rw\n"
			 "3 1 8:3 / %s/disk rw - ext4 disk rw\n",
			 Directory, Directory);
	parse(text);
}

static void
links_are_followed(void **state)
{
	MountedPath place;

	assert_int_equal(mkdir(below("/disk"), 0700), 0);
	assert_int_equal(mkdir(below("/disk/wal"), 0700), 0);
	assert_int_equal(mkdir(below("/data"), 0700), 0);
	assert_int_equal(symlink("../disk/./link", below("/data/pg_wal")), 0);
	assert_int_equal(symlink(below("/disk/wal"), below("/disk/link")), 0);
	parse_with_net();

	MountFollow(&Table, below("/data//pg_wal/../wal/file"), false, &place);
	assert_string_equal(place.mount->device, "disk");
	assert_string_equal(place.path, below("/disk/wal/file"));
	assert_true(place.may_ask);

	MountFollow(&Table, "/", false, &place);
	assert_string_equal(place.path, "/");
	assert_string_equal(place.mount->device, "root");
	MountFollow(&Table, "/../..", false, &place);
	assert_string_equal(place.path, "/");
}

static void
links_on_remote_mounts_are_not_read(void **state)
{
	MountedPath place;

	assert_int_equal(mkdir(below("/net"), 0700), 0);
	assert_int_equal(symlink("../disk", below("/net/link")), 0);
	assert_int_equal(symlink("net/link", below("/log")), 0);
	parse_with_net();

	MountFollow(&Table, below("/log/today"), false, &place);
	assert_string_equal(place.mount->device, "net");
	assert_string_equal(place.path, below("/net/link/today"));
	assert_false(place.may_ask);
}

static void
a_way_through_a_remote_mount_is_not_gone(void **state)
{
	MountedPath place;

	parse_with_net();
	MountFollow(&Table, below("/net/../disk"), false, &place);
	assert_string_equal(place.mount->device, "disk");
	assert_false(place.may_ask);
}

static void
what_the_server_needs_is_asked_from_then_on(void **state)
{
	MountedPath place;

	assert_int_equal(mkdir(below("/net"), 0700), 0);
	assert_int_equal(symlink("../disk", below("/net/link")), 0);
	parse_with_net();

	MountFollow(&Table, below("/net/data"), true, &place);
	assert_string_equal(place.mount->device, "net");
	assert_true(place.may_ask);

	MountFollow(&Table, below("/net/link/log"), false, &place);
	assert_string_equal(place.mount->device, "disk");
	assert_string_equal(place.path, below("/disk/log"));
	assert_true(place.may_ask);
}

static void
circles_and_long_paths_end(void **state)
{
	MountedPath place;
	char		path[MOUNT_PATH_SIZE + 100];

	assert_int_equal(symlink("b/x", below("/a")), 0);
	assert_int_equal(symlink("a/x", below("/b")), 0);
	parse_with_net();
	MountFollow(&Table, below("/a"), false, &place);
	assert_string_equal(place.mount->device, "root");

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	path[0] = '/';
	MountFollow(&Table, path, false, &place);
	assert_null(place.mount);
	assert_false(place.may_ask);
	path[MOUNT_PATH_SIZE - 1] = '\0';
	MountFollow(&Table, path, false, &place);
	assert_int_equal(strlen(place.path), MOUNT_PATH_SIZE - 1);
}

static void
without_a_table_only_what_is_needed_is_asked(void **state)
{
	MountedPath place;

	parse("");
	MountFollow(&Table, "/etc", false, &place);
	assert_null(place.mount);
	assert_false(place.may_ask);
	MountFollow(&Table, "/etc", true, &place);
	assert_null(place.mount);
	assert_true(place.may_ask);
}

static int
free_text(void **state)
{
	free(Text);
	Text = NULL;
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_a_line_is_found),
		cmocka_unit_test(escapes_are_decoded),
		cmocka_unit_test(an_empty_device_does_not_shift_the_fields),
		cmocka_unit_test(broken_lines_are_skipped),
		cmocka_unit_test(mounts_beyond_the_limit_are_counted),
		cmocka_unit_test(the_longest_mount_point_holds_the_path),
		cmocka_unit_test(the_last_mount_at_a_point_wins),
		cmocka_unit_test(a_mount_further_up_hides_those_below),
		cmocka_unit_test(the_root_may_be_mounted_over),
		cmocka_unit_test(a_table_with_holes_still_answers),
		cmocka_unit_test(the_device_number_finds_the_innermost_mount),
		cmocka_unit_test(network_filesystems_are_remote),
		cmocka_unit_test(local_disks_are_whole_filesystems_on_devices),
		cmocka_unit_test(what_lies_behind_a_remote_mount_is_not_asked),
		cmocka_unit_test_setup_teardown(links_are_followed, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(links_on_remote_mounts_are_not_read, make_directory,
										remove_directory),
		cmocka_unit_test_setup_teardown(a_way_through_a_remote_mount_is_not_gone, make_directory,
										remove_directory),
		cmocka_unit_test_setup_teardown(what_the_server_needs_is_asked_from_then_on, make_directory,
										remove_directory),
		cmocka_unit_test_setup_teardown(circles_and_long_paths_end, make_directory,
										remove_directory),
		cmocka_unit_test(without_a_table_only_what_is_needed_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, free_text);
}
