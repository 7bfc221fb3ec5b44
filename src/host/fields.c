/*
 * fields.c
 *		What the host's metrics hold: the tables of "sysstat" and "disk_usage",
 *		and the rows that are filled by them.
 *
 * "required" marks what a row cannot be without; anything that is read from
 * the kernel may be missing in a container or on another kernel.
 */
#include "host/fields.h"

#include <string.h>

#define TABLE_HOLDS(table, n) \
	_Static_assert(sizeof(table) / sizeof((table)[0]) == (n) + 1, #table " and its indexes differ")

/* One row a field, however long. */
/* clang-format off */

static const Field CpuFields[] = {
	[CPU_FIELD_USER] = {"user", FIELD_FLOAT, "%", .source = "/proc/stat: cpu user, guests included; share since the previous reading"},
	[CPU_FIELD_SYSTEM] = {"system", FIELD_FLOAT, "%", .source = "/proc/stat: cpu system"},
	[CPU_FIELD_IOWAIT] = {"iowait", FIELD_FLOAT, "%", .source = "/proc/stat: cpu iowait"},
	[CPU_FIELD_STEAL] = {"steal", FIELD_FLOAT, "%", .source = "/proc/stat: cpu steal"},
	[CPU_FIELD_IDLE] = {"idle", FIELD_FLOAT, "%", .source = "/proc/stat: cpu idle"},
	[CPU_FIELD_NICE] = {"nice", FIELD_FLOAT, "%", .source = "/proc/stat: cpu nice"},
	[CPU_FIELD_IRQ] = {"irq", FIELD_FLOAT, "%", .source = "/proc/stat: cpu irq + softirq"},
	[CPU_FIELD_LOAD_1M] = {"load_1m", FIELD_FLOAT, .source = "/proc/loadavg"},
	[CPU_FIELD_LOAD_5M] = {"load_5m", FIELD_FLOAT, .source = "/proc/loadavg"},
	[CPU_FIELD_LOAD_15M] = {"load_15m", FIELD_FLOAT, .source = "/proc/loadavg"},
	[CPU_FIELD_COUNT] = {"count", FIELD_INT, .source = "/proc/stat: number of cpuN lines (CPUs online)"},
	FIELDS_END
};
TABLE_HOLDS(CpuFields, NUM_CPU_FIELDS);

/* The definitions are those of free(1) of procps 4. */
static const Field MemoryFields[] = {
	[MEMORY_FIELD_TOTAL] = {"total_mb", FIELD_INT, "MB", .source = "/proc/meminfo: MemTotal"},
	[MEMORY_FIELD_USED] = {"used_mb", FIELD_INT, "MB", .source = "/proc/meminfo: MemTotal - MemAvailable"},
	[MEMORY_FIELD_CACHED] = {"cached_mb", FIELD_INT, "MB", .source = "/proc/meminfo: Cached + SReclaimable"},
	[MEMORY_FIELD_FREE] = {"free_mb", FIELD_INT, "MB", .source = "/proc/meminfo: MemFree"},
	[MEMORY_FIELD_AVAILABLE] = {"available_mb", FIELD_INT, "MB", .source = "/proc/meminfo: MemAvailable"},
	[MEMORY_FIELD_BUFFERS] = {"buffers_mb", FIELD_INT, "MB", .source = "/proc/meminfo: Buffers"},
	[MEMORY_FIELD_DIRTY] = {"dirty_mb", FIELD_INT, "MB", .source = "/proc/meminfo: Dirty"},
	[MEMORY_FIELD_SHARED] = {"shared_mb", FIELD_INT, "MB", .source = "/proc/meminfo: Shmem"},
	[MEMORY_FIELD_SWAP_TOTAL] = {"swap_total_mb", FIELD_INT, "MB", .source = "/proc/meminfo: SwapTotal"},
	[MEMORY_FIELD_SWAP_USED] = {"swap_used_mb", FIELD_INT, "MB", .source = "/proc/meminfo: SwapTotal - SwapFree"},
	[MEMORY_FIELD_HUGE_PAGES_TOTAL] = {"huge_pages_total", FIELD_INT, "pages", .source = "/proc/meminfo: HugePages_Total"},
	[MEMORY_FIELD_HUGE_PAGES_FREE] = {"huge_pages_free", FIELD_INT, "pages", .source = "/proc/meminfo: HugePages_Free"},
	FIELDS_END
};
TABLE_HOLDS(MemoryFields, NUM_MEMORY_FIELDS);

/* Partitions, device mapper and RAID devices are rows of their own next to the disks below them. */
static const Field DiskFields[] = {
	[DISK_FIELD_DEVICE] = {"device", FIELD_TEXT, .required = true, .source = "/proc/diskstats: name"},
	[DISK_FIELD_READS] = {"reads", FIELD_INT, .source = "/proc/diskstats: reads completed"},
	[DISK_FIELD_WRITES] = {"writes", FIELD_INT, .source = "/proc/diskstats: writes completed"},
	[DISK_FIELD_READ_BYTES] = {"read_bytes", FIELD_INT, "bytes", .source = "/proc/diskstats: sectors read * 512"},
	[DISK_FIELD_WRITE_BYTES] = {"write_bytes", FIELD_INT, "bytes", .source = "/proc/diskstats: sectors written * 512"},
	[DISK_FIELD_READ_MS] = {"read_ms", FIELD_INT, "ms", .source = "/proc/diskstats: time reading"},
	[DISK_FIELD_WRITE_MS] = {"write_ms", FIELD_INT, "ms", .source = "/proc/diskstats: time writing"},
	[DISK_FIELD_IO_MS] = {"io_ms", FIELD_INT, "ms", .source = "/proc/diskstats: time doing I/O"},
	[DISK_FIELD_WEIGHTED_IO_MS] = {"weighted_io_ms", FIELD_INT, "ms", .source = "/proc/diskstats: weighted time doing I/O"},
	[DISK_FIELD_IN_FLIGHT] = {"in_flight", FIELD_INT, .source = "/proc/diskstats: I/Os in progress"},
	FIELDS_END
};
TABLE_HOLDS(DiskFields, NUM_DISK_FIELDS);

static const Field NetworkFields[] = {
	[NETWORK_FIELD_INTERFACE] = {"interface", FIELD_TEXT, .required = true, .source = "/proc/net/dev, without lo"},
	[NETWORK_FIELD_RX_BYTES] = {"rx_bytes", FIELD_INT, "bytes", .source = "/proc/net/dev: receive bytes"},
	[NETWORK_FIELD_TX_BYTES] = {"tx_bytes", FIELD_INT, "bytes", .source = "/proc/net/dev: transmit bytes"},
	[NETWORK_FIELD_RX_PACKETS] = {"rx_packets", FIELD_INT, .source = "/proc/net/dev: receive packets"},
	[NETWORK_FIELD_TX_PACKETS] = {"tx_packets", FIELD_INT, .source = "/proc/net/dev: transmit packets"},
	[NETWORK_FIELD_RX_ERRORS] = {"rx_errors", FIELD_INT, .source = "/proc/net/dev: receive errs"},
	[NETWORK_FIELD_TX_ERRORS] = {"tx_errors", FIELD_INT, .source = "/proc/net/dev: transmit errs"},
	[NETWORK_FIELD_RX_DROPPED] = {"rx_dropped", FIELD_INT, .source = "/proc/net/dev: receive drop"},
	[NETWORK_FIELD_TX_DROPPED] = {"tx_dropped", FIELD_INT, .source = "/proc/net/dev: transmit drop"},
	FIELDS_END
};
TABLE_HOLDS(NetworkFields, NUM_NETWORK_FIELDS);

const Field SysstatFields[] = {
	[SYSSTAT_FIELD_CPU] = {"cpu", FIELD_OBJECT, .fields = CpuFields, .source = "/proc/stat, /proc/loadavg"},
	[SYSSTAT_FIELD_MEMORY] = {"memory", FIELD_OBJECT, .fields = MemoryFields, .source = "/proc/meminfo"},
	[SYSSTAT_FIELD_DISK_IO] = {"disk_io", FIELD_OBJECTS, .fields = DiskFields, .source = "/proc/diskstats"},
	[SYSSTAT_FIELD_NETWORK] = {"network", FIELD_OBJECTS, .fields = NetworkFields, .source = "/proc/net/dev"},
	[SYSSTAT_FIELD_UPTIME] = {"uptime_seconds", FIELD_INT, "s", .source = "/proc/uptime"},
	FIELDS_END
};
TABLE_HOLDS(SysstatFields, NUM_SYSSTAT_FIELDS);

/* Sizes are absent where a filesystem is not asked: see disk_usage.c. */
static const Field FilesystemFields[] = {
	[FILESYSTEM_FIELD_MOUNT] = {"mount", FIELD_TEXT, .required = true, .source = "/proc/self/mountinfo: mount point"},
	[FILESYSTEM_FIELD_DEVICE] = {"device", FIELD_TEXT, .source = "/proc/self/mountinfo: mount source"},
	[FILESYSTEM_FIELD_FSTYPE] = {"fstype", FIELD_TEXT, .required = true, .source = "/proc/self/mountinfo: filesystem type"},
	[FILESYSTEM_FIELD_TOTAL] = {"total_bytes", FIELD_INT, "bytes", .source = "statvfs: f_blocks * f_frsize"},
	[FILESYSTEM_FIELD_USED] = {"used_bytes", FIELD_INT, "bytes", .source = "statvfs: (f_blocks - f_bfree) * f_frsize"},
	[FILESYSTEM_FIELD_FREE] = {"free_bytes", FIELD_INT, "bytes", .source = "statvfs: f_bfree * f_frsize, what is reserved for root included"},
	[FILESYSTEM_FIELD_AVAILABLE] = {"available_bytes", FIELD_INT, "bytes", .source = "statvfs: f_bavail * f_frsize"},
	[FILESYSTEM_FIELD_USED_PERCENT] = {"used_percent", FIELD_FLOAT, "%", .source = "used / (used + available), as df(1)"},
	[FILESYSTEM_FIELD_INODES_TOTAL] = {"inodes_total", FIELD_INT, .source = "statvfs: f_files"},
	[FILESYSTEM_FIELD_INODES_FREE] = {"inodes_free", FIELD_INT, .source = "statvfs: f_ffree"},
	[FILESYSTEM_FIELD_PURPOSES] = {"purposes", FIELD_TEXTS, .required = true, .source = "what of the server lies there: data, wal, tablespace:<name>, log, temp, spool"},
	FIELDS_END
};
TABLE_HOLDS(FilesystemFields, NUM_FILESYSTEM_FIELDS);

static const Field DirectoryFields[] = {
	[DIRECTORY_FIELD_PURPOSE] = {"purpose", FIELD_TEXT, .required = true, .source = "wal, temp, log or spool"},
	[DIRECTORY_FIELD_PATH] = {"path", FIELD_TEXT, .required = true, .source = "the directory, its symbolic links followed"},
	[DIRECTORY_FIELD_BYTES] = {"bytes", FIELD_INT, "bytes", .source = "sum of st_size of the regular files"},
	[DIRECTORY_FIELD_FILES] = {"files", FIELD_INT, .source = "number of regular files"},
	FIELDS_END
};
TABLE_HOLDS(DirectoryFields, NUM_DIRECTORY_FIELDS);

const Field DiskUsageFields[] = {
	[DISK_USAGE_FIELD_FILESYSTEMS] = {"filesystems", FIELD_OBJECTS, .fields = FilesystemFields, .source = "/proc/self/mountinfo, statvfs"},
	[DISK_USAGE_FIELD_DIRECTORIES] = {"directories", FIELD_OBJECTS, .fields = DirectoryFields, .source = "readdir, fstatat"},
	FIELDS_END
};
TABLE_HOLDS(DiskUsageFields, NUM_DISK_USAGE_FIELDS);

/* clang-format on */

Value *
RowsAdd(Rows *rows)
{
	Value	   *row;

	if (rows->count >= rows->capacity)
	{
		rows->left_out++;
		return NULL;
	}
	row = RowsGet(rows, rows->count++);
	memset(row, 0, sizeof(Value) * rows->width);
	return row;
}

bool
RowIsKnown(const Value *row, int width)
{
	for (int i = 0; i < width; i++)
	{
		if (row[i].known)
			return true;
	}
	return false;
}
