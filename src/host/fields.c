/*
 * fields.c
 *		What the host's metrics hold: the tables of "sysstat" and "disk_usage",
 *		and the rows that are filled by them.
 *
 * "required" marks what a row cannot be without; anything that is read from
 * the kernel may be missing in a container or on another kernel.
 */
#include "host/fields.h"

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
	[MEMORY_FIELD_HUGE_PAGE_SIZE] = {"huge_page_size_kb", FIELD_INT, "kB", .source = "/proc/meminfo: Hugepagesize"},
	[MEMORY_FIELD_ANON_HUGE_PAGES] = {"anon_huge_pages_mb", FIELD_INT, "MB", .source = "/proc/meminfo: AnonHugePages"},
	[MEMORY_FIELD_ANON] = {"anon_mb", FIELD_INT, "MB", .source = "/proc/meminfo: AnonPages"},
	[MEMORY_FIELD_MAPPED] = {"mapped_mb", FIELD_INT, "MB", .source = "/proc/meminfo: Mapped"},
	[MEMORY_FIELD_ACTIVE] = {"active_mb", FIELD_INT, "MB", .source = "/proc/meminfo: Active"},
	[MEMORY_FIELD_INACTIVE] = {"inactive_mb", FIELD_INT, "MB", .source = "/proc/meminfo: Inactive"},
	[MEMORY_FIELD_WRITEBACK] = {"writeback_mb", FIELD_INT, "MB", .source = "/proc/meminfo: Writeback"},
	[MEMORY_FIELD_SLAB] = {"slab_mb", FIELD_INT, "MB", .source = "/proc/meminfo: Slab"},
	[MEMORY_FIELD_PAGE_TABLES] = {"page_tables_mb", FIELD_INT, "MB", .source = "/proc/meminfo: PageTables"},
	[MEMORY_FIELD_COMMITTED] = {"committed_mb", FIELD_INT, "MB", .source = "/proc/meminfo: Committed_AS"},
	[MEMORY_FIELD_COMMIT_LIMIT] = {"commit_limit_mb", FIELD_INT, "MB", .source = "/proc/meminfo: CommitLimit"},
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
	[DISK_FIELD_READS_MERGED] = {"reads_merged", FIELD_INT, .source = "/proc/diskstats: reads merged"},
	[DISK_FIELD_WRITES_MERGED] = {"writes_merged", FIELD_INT, .source = "/proc/diskstats: writes merged"},
	[DISK_FIELD_DISCARDS] = {"discards", FIELD_INT, .source = "/proc/diskstats: discards completed"},
	[DISK_FIELD_DISCARD_BYTES] = {"discard_bytes", FIELD_INT, "bytes", .source = "/proc/diskstats: sectors discarded * 512"},
	[DISK_FIELD_DISCARD_MS] = {"discard_ms", FIELD_INT, "ms", .source = "/proc/diskstats: time discarding"},
	[DISK_FIELD_FLUSHES] = {"flushes", FIELD_INT, .source = "/proc/diskstats: flush requests completed"},
	[DISK_FIELD_FLUSH_MS] = {"flush_ms", FIELD_INT, "ms", .source = "/proc/diskstats: time flushing"},
	FIELDS_END
};
TABLE_HOLDS(DiskFields, NUM_DISK_FIELDS);

static const Field NetworkFields[] = {
	[NETWORK_FIELD_INTERFACE] = {"interface", FIELD_TEXT, .required = true, .source = "/proc/net/dev, lo included"},
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

/* Time in which some or all tasks waited for the resource; "full" of the CPU is that of a control group alone. */
static const Field StallFields[] = {
	[STALL_FIELD_SOME_AVG10] = {"some_avg10", FIELD_FLOAT, "%", .source = "some: avg10"},
	[STALL_FIELD_SOME_AVG60] = {"some_avg60", FIELD_FLOAT, "%", .source = "some: avg60"},
	[STALL_FIELD_SOME_TOTAL] = {"some_total", FIELD_INT, "us", .source = "some: total"},
	[STALL_FIELD_FULL_AVG10] = {"full_avg10", FIELD_FLOAT, "%", .source = "full: avg10"},
	[STALL_FIELD_FULL_AVG60] = {"full_avg60", FIELD_FLOAT, "%", .source = "full: avg60"},
	[STALL_FIELD_FULL_TOTAL] = {"full_total", FIELD_INT, "us", .source = "full: total"},
	FIELDS_END
};
TABLE_HOLDS(StallFields, NUM_STALL_FIELDS);

static const Field PressureFields[] = {
	[PRESSURE_FIELD_CPU] = {"cpu", FIELD_OBJECT, .fields = StallFields, .source = "/proc/pressure/cpu"},
	[PRESSURE_FIELD_IO] = {"io", FIELD_OBJECT, .fields = StallFields, .source = "/proc/pressure/io"},
	[PRESSURE_FIELD_MEMORY] = {"memory", FIELD_OBJECT, .fields = StallFields, .source = "/proc/pressure/memory"},
	FIELDS_END
};
TABLE_HOLDS(PressureFields, NUM_PRESSURE_FIELDS);

static const Field CgroupPressureFields[] = {
	[PRESSURE_FIELD_CPU] = {"cpu", FIELD_OBJECT, .fields = StallFields, .source = "v2: cpu.pressure"},
	[PRESSURE_FIELD_IO] = {"io", FIELD_OBJECT, .fields = StallFields, .source = "v2: io.pressure"},
	[PRESSURE_FIELD_MEMORY] = {"memory", FIELD_OBJECT, .fields = StallFields, .source = "v2: memory.pressure"},
	FIELDS_END
};
TABLE_HOLDS(CgroupPressureFields, NUM_PRESSURE_FIELDS);

/* Of the group that the server runs in, see cgroup.c. Without a limit the field of the limit is absent. */
static const Field CgroupFields[] = {
	[CGROUP_FIELD_VERSION] = {"version", FIELD_INT, .source = "1 where memory or cpu is a hierarchy of its own in /proc/self/cgroup, else 2"},
	[CGROUP_FIELD_MEMORY_CURRENT] = {"memory_current", FIELD_INT, "bytes", .source = "memory.current; v1: memory.usage_in_bytes"},
	[CGROUP_FIELD_MEMORY_MAX] = {"memory_max", FIELD_INT, "bytes", .source = "the lowest memory.max of the group and those above it; v1: memory.limit_in_bytes"},
	[CGROUP_FIELD_MEMORY_MAX_CURRENT] = {"memory_max_current", FIELD_INT, "bytes", .source = "memory_current of the group that memory_max belongs to"},
	[CGROUP_FIELD_MEMORY_ANON] = {"memory_anon", FIELD_INT, "bytes", .source = "memory.stat: anon; v1: total_rss"},
	[CGROUP_FIELD_MEMORY_FILE] = {"memory_file", FIELD_INT, "bytes", .source = "memory.stat: file; v1: total_cache"},
	[CGROUP_FIELD_MEMORY_SHMEM] = {"memory_shmem", FIELD_INT, "bytes", .source = "memory.stat: shmem; v1: total_shmem"},
	[CGROUP_FIELD_SWAP_CURRENT] = {"swap_current", FIELD_INT, "bytes", .source = "v2: memory.swap.current"},
	[CGROUP_FIELD_SWAP_MAX] = {"swap_max", FIELD_INT, "bytes", .source = "v2: the lowest memory.swap.max"},
	[CGROUP_FIELD_OOM_KILLS] = {"oom_kills", FIELD_INT, .source = "memory.events: oom_kill; v1: memory.oom_control"},
	[CGROUP_FIELD_CPU_USAGE] = {"cpu_usage_usec", FIELD_INT, "us", .source = "cpu.stat: usage_usec; v1: cpuacct.usage"},
	[CGROUP_FIELD_CPU_QUOTA] = {"cpu_quota_usec", FIELD_INT, "us", .source = "the cpu.max that allows least; v1: cpu.cfs_quota_us"},
	[CGROUP_FIELD_CPU_PERIOD] = {"cpu_period_usec", FIELD_INT, "us", .source = "the period of that cpu.max; v1: cpu.cfs_period_us"},
	[CGROUP_FIELD_NR_PERIODS] = {"nr_periods", FIELD_INT, .source = "cpu.stat of the group with the quota: nr_periods"},
	[CGROUP_FIELD_NR_THROTTLED] = {"nr_throttled", FIELD_INT, .source = "cpu.stat of the group with the quota: nr_throttled"},
	[CGROUP_FIELD_THROTTLED] = {"throttled_usec", FIELD_INT, "us", .source = "cpu.stat of the group with the quota: throttled_usec; v1: throttled_time"},
	[CGROUP_FIELD_CPUS] = {"cpus", FIELD_INT, .source = "CPUs in cpuset.cpus.effective; v1: cpuset.effective_cpus"},
	[CGROUP_FIELD_PIDS_CURRENT] = {"pids_current", FIELD_INT, .source = "pids.current"},
	[CGROUP_FIELD_PIDS_MAX] = {"pids_max", FIELD_INT, .source = "the lowest pids.max"},
	[CGROUP_FIELD_PRESSURE] = {"pressure", FIELD_OBJECT, .fields = CgroupPressureFields, .source = "v2: cpu.pressure, io.pressure, memory.pressure"},
	FIELDS_END
};
TABLE_HOLDS(CgroupFields, NUM_CGROUP_FIELDS);

static const Field VmFields[] = {
	[VM_FIELD_PGFAULT] = {"pgfault", FIELD_INT, .source = "/proc/vmstat: pgfault"},
	[VM_FIELD_PGMAJFAULT] = {"pgmajfault", FIELD_INT, .source = "/proc/vmstat: pgmajfault"},
	[VM_FIELD_PSWPIN] = {"pswpin", FIELD_INT, "pages", .source = "/proc/vmstat: pswpin"},
	[VM_FIELD_PSWPOUT] = {"pswpout", FIELD_INT, "pages", .source = "/proc/vmstat: pswpout"},
	[VM_FIELD_CTXT] = {"ctxt", FIELD_INT, .source = "/proc/stat: ctxt"},
	[VM_FIELD_PROCESSES] = {"processes", FIELD_INT, .source = "/proc/stat: processes"},
	[VM_FIELD_PROCS_RUNNING] = {"procs_running", FIELD_INT, .source = "/proc/stat: procs_running"},
	[VM_FIELD_PROCS_BLOCKED] = {"procs_blocked", FIELD_INT, .source = "/proc/stat: procs_blocked"},
	[VM_FIELD_PGPGIN] = {"pgpgin", FIELD_INT, "kB", .source = "/proc/vmstat: pgpgin"},
	[VM_FIELD_PGPGOUT] = {"pgpgout", FIELD_INT, "kB", .source = "/proc/vmstat: pgpgout"},
	[VM_FIELD_PGSCAN_KSWAPD] = {"pgscan_kswapd", FIELD_INT, "pages", .source = "/proc/vmstat: pgscan_kswapd"},
	[VM_FIELD_PGSCAN_DIRECT] = {"pgscan_direct", FIELD_INT, "pages", .source = "/proc/vmstat: pgscan_direct"},
	[VM_FIELD_OOM_KILL] = {"oom_kill", FIELD_INT, .source = "/proc/vmstat: oom_kill"},
	FIELDS_END
};
TABLE_HOLDS(VmFields, NUM_VM_FIELDS);

/* IPv4 and IPv6 together, of our network namespace. */
static const Field TcpFields[] = {
	[TCP_FIELD_ESTABLISHED] = {"established", FIELD_INT, .source = "/proc/net/snmp: CurrEstab"},
	[TCP_FIELD_TIME_WAIT] = {"time_wait", FIELD_INT, .source = "/proc/net/sockstat: TCP tw"},
	[TCP_FIELD_ORPHANS] = {"orphans", FIELD_INT, .source = "/proc/net/sockstat: TCP orphan"},
	[TCP_FIELD_MEMORY] = {"memory_pages", FIELD_INT, "pages", .source = "/proc/net/sockstat: TCP mem"},
	[TCP_FIELD_ACTIVE_OPENS] = {"active_opens", FIELD_INT, .source = "/proc/net/snmp: ActiveOpens"},
	[TCP_FIELD_PASSIVE_OPENS] = {"passive_opens", FIELD_INT, .source = "/proc/net/snmp: PassiveOpens"},
	[TCP_FIELD_ATTEMPT_FAILS] = {"attempt_fails", FIELD_INT, .source = "/proc/net/snmp: AttemptFails"},
	[TCP_FIELD_RESETS] = {"resets", FIELD_INT, .source = "/proc/net/snmp: EstabResets"},
	[TCP_FIELD_IN_SEGMENTS] = {"in_segments", FIELD_INT, .source = "/proc/net/snmp: InSegs"},
	[TCP_FIELD_OUT_SEGMENTS] = {"out_segments", FIELD_INT, .source = "/proc/net/snmp: OutSegs"},
	[TCP_FIELD_RETRANSMITS] = {"retransmits", FIELD_INT, .source = "/proc/net/snmp: RetransSegs"},
	[TCP_FIELD_IN_ERRORS] = {"in_errors", FIELD_INT, .source = "/proc/net/snmp: InErrs"},
	[TCP_FIELD_OUT_RESETS] = {"out_resets", FIELD_INT, .source = "/proc/net/snmp: OutRsts"},
	[TCP_FIELD_TIMEOUTS] = {"timeouts", FIELD_INT, .source = "/proc/net/netstat: TCPTimeouts"},
	[TCP_FIELD_LISTEN_OVERFLOWS] = {"listen_overflows", FIELD_INT, .source = "/proc/net/netstat: ListenOverflows"},
	[TCP_FIELD_LISTEN_DROPS] = {"listen_drops", FIELD_INT, .source = "/proc/net/netstat: ListenDrops"},
	FIELDS_END
};
TABLE_HOLDS(TcpFields, NUM_TCP_FIELDS);

/* IPv4. */
static const Field UdpFields[] = {
	[UDP_FIELD_IN_DATAGRAMS] = {"in_datagrams", FIELD_INT, .source = "/proc/net/snmp: InDatagrams"},
	[UDP_FIELD_OUT_DATAGRAMS] = {"out_datagrams", FIELD_INT, .source = "/proc/net/snmp: OutDatagrams"},
	[UDP_FIELD_NO_PORTS] = {"no_ports", FIELD_INT, .source = "/proc/net/snmp: NoPorts"},
	[UDP_FIELD_IN_ERRORS] = {"in_errors", FIELD_INT, .source = "/proc/net/snmp: InErrors"},
	[UDP_FIELD_RECEIVE_BUFFER_ERRORS] = {"receive_buffer_errors", FIELD_INT, .source = "/proc/net/snmp: RcvbufErrors"},
	[UDP_FIELD_SEND_BUFFER_ERRORS] = {"send_buffer_errors", FIELD_INT, .source = "/proc/net/snmp: SndbufErrors"},
	FIELDS_END
};
TABLE_HOLDS(UdpFields, NUM_UDP_FIELDS);

static const Field KernelFields[] = {
	[KERNEL_FIELD_FILES] = {"files", FIELD_INT, .source = "/proc/sys/fs/file-nr: allocated"},
	[KERNEL_FIELD_FILES_MAX] = {"files_max", FIELD_INT, .source = "/proc/sys/fs/file-nr: maximum"},
	[KERNEL_FIELD_THREADS] = {"threads", FIELD_INT, .source = "/proc/loadavg: scheduling entities that exist"},
	[KERNEL_FIELD_THREADS_MAX] = {"threads_max", FIELD_INT, .source = "/proc/sys/kernel/threads-max"},
	[KERNEL_FIELD_PID_MAX] = {"pid_max", FIELD_INT, .source = "/proc/sys/kernel/pid_max"},
	[KERNEL_FIELD_SOCKETS] = {"sockets", FIELD_INT, .source = "/proc/net/sockstat: sockets used"},
	[KERNEL_FIELD_CONNTRACK] = {"conntrack", FIELD_INT, .source = "/proc/sys/net/netfilter/nf_conntrack_count"},
	[KERNEL_FIELD_CONNTRACK_MAX] = {"conntrack_max", FIELD_INT, .source = "/proc/sys/net/netfilter/nf_conntrack_max"},
	[KERNEL_FIELD_ENTROPY] = {"entropy_bits", FIELD_INT, "bits", .source = "/proc/sys/kernel/random/entropy_avail"},
	FIELDS_END
};
TABLE_HOLDS(KernelFields, NUM_KERNEL_FIELDS);

static const Field SystemFields[] = {
	[SYSTEM_FIELD_OS] = {"os", FIELD_TEXT, .source = "/etc/os-release: PRETTY_NAME"},
	[SYSTEM_FIELD_KERNEL] = {"kernel", FIELD_TEXT, .source = "uname: sysname, release"},
	[SYSTEM_FIELD_MACHINE] = {"machine", FIELD_TEXT, .source = "uname: machine"},
	[SYSTEM_FIELD_CPU_MODEL] = {"cpu_model", FIELD_TEXT, .source = "/proc/cpuinfo: model name of the first CPU"},
	[SYSTEM_FIELD_BOOT_TIME] = {"boot_time", FIELD_TIME, .source = "/proc/stat: btime"},
	[SYSTEM_FIELD_OVERCOMMIT_MEMORY] = {"overcommit_memory", FIELD_INT, .source = "/proc/sys/vm/overcommit_memory"},
	[SYSTEM_FIELD_OVERCOMMIT_RATIO] = {"overcommit_ratio", FIELD_INT, "%", .source = "/proc/sys/vm/overcommit_ratio"},
	[SYSTEM_FIELD_SWAPPINESS] = {"swappiness", FIELD_INT, .source = "/proc/sys/vm/swappiness"},
	FIELDS_END
};
TABLE_HOLDS(SystemFields, NUM_SYSTEM_FIELDS);

static const Field ProcessFields[] = {
	[PROCESS_FIELD_PID] = {"pid", FIELD_INT, .required = true, .source = "/proc/PID/stat"},
	[PROCESS_FIELD_BACKEND_TYPE] = {"backend_type", FIELD_TEXT, .source = "as in pg_stat_activity"},
	[PROCESS_FIELD_STATE] = {"state", FIELD_TEXT, .source = "/proc/PID/stat: R running, S sleeping, D waiting for a disk, ..."},
	[PROCESS_FIELD_CPU_SECONDS] = {"cpu_seconds", FIELD_FLOAT, "s", .source = "/proc/PID/stat: utime + stime"},
	[PROCESS_FIELD_RSS] = {"rss_mb", FIELD_FLOAT, "MB", .source = "/proc/PID/statm: resident, shared memory included"},
	[PROCESS_FIELD_PRIVATE] = {"private_mb", FIELD_FLOAT, "MB", .source = "/proc/PID/statm: resident - shared"},
	[PROCESS_FIELD_MAJOR_FAULTS] = {"major_faults", FIELD_INT, .source = "/proc/PID/stat: majflt"},
	[PROCESS_FIELD_READ_BYTES] = {"read_bytes", FIELD_INT, "bytes", .source = "/proc/PID/io: read_bytes"},
	[PROCESS_FIELD_WRITE_BYTES] = {"write_bytes", FIELD_INT, "bytes", .source = "/proc/PID/io: write_bytes"},
	FIELDS_END
};
TABLE_HOLDS(ProcessFields, NUM_PROCESS_FIELDS);

/* Read less often than the rest where that would cost too much, see postgres.c. */
static const Field PostgresFields[] = {
	[POSTGRES_FIELD_PROCESSES] = {"processes", FIELD_INT, .source = "the postmaster and its children"},
	[POSTGRES_FIELD_RSS] = {"rss_mb", FIELD_FLOAT, "MB", .source = "sum of their resident sizes: shared memory counts once for each that touched it"},
	[POSTGRES_FIELD_PRIVATE] = {"private_mb", FIELD_FLOAT, "MB", .source = "sum of resident - shared"},
	[POSTGRES_FIELD_PSS] = {"pss_mb", FIELD_FLOAT, "MB", .source = "/proc/PID/smaps_rollup: sum of Pss, where shared memory lies in huge pages"},
	[POSTGRES_FIELD_OPEN_FILES] = {"open_files", FIELD_INT, .source = "number of entries in /proc/PID/fd"},
	[POSTGRES_FIELD_CPU_SECONDS] = {"cpu_seconds", FIELD_FLOAT, "s", .source = "/proc/PID/stat: time of all of them, those that have ended included"},
	[POSTGRES_FIELD_TOP] = {"top", FIELD_OBJECTS, .fields = ProcessFields, .source = "those that used most CPU since the previous reading, and those with most private memory"},
	FIELDS_END
};
TABLE_HOLDS(PostgresFields, NUM_POSTGRES_FIELDS);

const Field SysstatFields[] = {
	[SYSSTAT_FIELD_CPU] = {"cpu", FIELD_OBJECT, .fields = CpuFields, .source = "/proc/stat, /proc/loadavg"},
	[SYSSTAT_FIELD_MEMORY] = {"memory", FIELD_OBJECT, .fields = MemoryFields, .source = "/proc/meminfo"},
	[SYSSTAT_FIELD_DISK_IO] = {"disk_io", FIELD_OBJECTS, .fields = DiskFields, .source = "/proc/diskstats"},
	[SYSSTAT_FIELD_NETWORK] = {"network", FIELD_OBJECTS, .fields = NetworkFields, .source = "/proc/net/dev"},
	[SYSSTAT_FIELD_PRESSURE] = {"pressure", FIELD_OBJECT, .fields = PressureFields, .source = "/proc/pressure"},
	[SYSSTAT_FIELD_CGROUP] = {"cgroup", FIELD_OBJECT, .fields = CgroupFields, .source = "/proc/self/cgroup, /sys/fs/cgroup"},
	[SYSSTAT_FIELD_VM] = {"vm", FIELD_OBJECT, .fields = VmFields, .source = "/proc/vmstat, /proc/stat"},
	[SYSSTAT_FIELD_POSTGRES] = {"postgres", FIELD_OBJECT, .fields = PostgresFields, .source = "/proc/PID"},
	[SYSSTAT_FIELD_TCP] = {"tcp", FIELD_OBJECT, .fields = TcpFields, .source = "/proc/net/snmp, netstat, sockstat"},
	[SYSSTAT_FIELD_UDP] = {"udp", FIELD_OBJECT, .fields = UdpFields, .source = "/proc/net/snmp"},
	[SYSSTAT_FIELD_KERNEL] = {"kernel", FIELD_OBJECT, .fields = KernelFields, .source = "/proc/sys"},
	[SYSSTAT_FIELD_SYSTEM] = {"system", FIELD_OBJECT, .fields = SystemFields, .source = "uname, /etc/os-release, /proc/sys/vm"},
	[SYSSTAT_FIELD_UPTIME] = {"uptime_seconds", FIELD_INT, "s", .source = "/proc/uptime"},
	FIELDS_END
};
TABLE_HOLDS(SysstatFields, NUM_SYSSTAT_FIELDS);

/* Sizes are absent where a filesystem is not asked: see disk_usage.c. */
static const Field FilesystemFields[] = {
	[FILESYSTEM_FIELD_MOUNT] = {"mount", FIELD_TEXT, .required = true, .source = "/proc/self/mountinfo: mount point; where it is not listed, the path asked"},
	[FILESYSTEM_FIELD_DEVICE] = {"device", FIELD_TEXT, .source = "/proc/self/mountinfo: mount source"},
	[FILESYSTEM_FIELD_FSTYPE] = {"fstype", FIELD_TEXT, .source = "/proc/self/mountinfo: filesystem type"},
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
