/*
 * pg_replication_probes.c
 *		pg_replication: standbys, slots, receiver, subscriptions, WAL, prepared transactions.
 *
 * Works on a primary, on a standby and on a standby that has standbys.  Never
 * read: conninfo of the receiver and subconninfo, which may hold passwords.
 * LSNs are texts, distances between them bytes, lags ms.  Pure C.
 */
#include <stddef.h>

#include "base/collectors.h"
#include "collect/probe.h"

/* SQL as it reads best */
/* clang-format off */

/* Some functions raise an error on the other kind of server; CASE does not call them there. */
#define ON_THE_PRIMARY(expression) \
	"CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN " expression " END"
#define ON_THE_STANDBY(expression) \
	"CASE WHEN pg_catalog.pg_is_in_recovery() THEN " expression " END"

/* How far this server's WAL goes. */
#define HERE \
	"(SELECT CASE WHEN pg_catalog.pg_is_in_recovery() " \
	"THEN greatest(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()) " \
	"ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) here"

#define LSN(name) {name, FIELD_TEXT, NULL, false, 0, 0, "s." name "::text"}
#define BEHIND(name, lsn) \
	{name, FIELD_INT, "bytes", false, 0, 0, "pg_catalog.pg_wal_lsn_diff(here.lsn, " lsn ")::bigint"}
#define MILLISECONDS(interval) "(extract(epoch FROM " interval ") * 1000)::double precision"
#define LAG(name) {name, FIELD_FLOAT, "ms", false, 0, 0, MILLISECONDS("s." name)}

/* ---- standbys ---- */

static const Field standby_fields[] = {
	{"pid", FIELD_INT, NULL, true, 0, 0, "s.pid"},
	COLUMN("usename", FIELD_SHARED_NAME, NULL),
	COLUMN("application_name", FIELD_TEXT, NULL),
	{"client_addr", FIELD_TEXT, NULL, false, 0, 0, "pg_catalog.host(s.client_addr)"},
	COLUMN("client_hostname", FIELD_TEXT, NULL),
	COLUMN("client_port", FIELD_INT, NULL),
	COLUMN("backend_start", FIELD_TIME, NULL),
	{"backend_xmin_age", FIELD_INT, "transactions", false, 0, 0, "pg_catalog.age(s.backend_xmin)"},
	COLUMN("state", FIELD_TEXT, NULL),
	LSN("sent_lsn"),
	LSN("write_lsn"),
	LSN("flush_lsn"),
	LSN("replay_lsn"),
	BEHIND("sent_lag_bytes", "s.sent_lsn"),
	BEHIND("write_lag_bytes", "s.write_lsn"),
	BEHIND("flush_lag_bytes", "s.flush_lsn"),
	BEHIND("replay_lag_bytes", "s.replay_lsn"),
	LAG("write_lag"),
	LAG("flush_lag"),
	LAG("replay_lag"),
	COLUMN("sync_priority", FIELD_INT, NULL),
	COLUMN("sync_state", FIELD_TEXT, NULL),
	COLUMN("reply_time", FIELD_TIME, NULL),
	{"slot_name", FIELD_TEXT, NULL, false, 0, 0, "r.slot_name"},
	FIELDS_END
};

static const Probe standbys_probe = {
	.key = "standbys",
	.columns = standby_fields,
	.from = "pg_catalog.pg_stat_replication s "
	"LEFT JOIN pg_catalog.pg_replication_slots r ON r.active_pid = s.pid CROSS JOIN " HERE,
};

/* ---- slots ---- */

#define OF_DECODING(name, unit) {name, FIELD_INT, unit, false, 0, 0, "d." name}
#define OF_DECODING_19(name) {name, FIELD_INT, NULL, false, 19, 0, "d." name}

static const Field slot_fields[] = {
	{"slot_name", FIELD_TEXT, NULL, true, 0, 0, "s.slot_name"},
	COLUMN("plugin", FIELD_TEXT, NULL),
	COLUMN("slot_type", FIELD_TEXT, NULL),
	COLUMN("database", FIELD_SHARED_NAME, NULL),
	COLUMN("temporary", FIELD_BOOL, NULL),
	COLUMN("active", FIELD_BOOL, NULL),
	COLUMN("active_pid", FIELD_INT, NULL),
	{"xmin_age", FIELD_INT, "transactions", false, 0, 0, "pg_catalog.age(s.xmin)"},
	{"catalog_xmin_age", FIELD_INT, "transactions", false, 0, 0, "pg_catalog.age(s.catalog_xmin)"},
	LSN("restart_lsn"),
	LSN("confirmed_flush_lsn"),
	BEHIND("retained_bytes", "s.restart_lsn"),
	BEHIND("unconfirmed_bytes", "s.confirmed_flush_lsn"),
	COLUMN("wal_status", FIELD_TEXT, NULL),
	COLUMN("safe_wal_size", FIELD_INT, "bytes"),
	COLUMN("two_phase", FIELD_BOOL, NULL),
	{"two_phase_at", FIELD_TEXT, NULL, false, 18, 0, "s.two_phase_at::text"},
	COLUMN_OF(16, 0, "conflicting", FIELD_BOOL, NULL),
	COLUMN_OF(17, 0, "inactive_since", FIELD_TIME, NULL),
	COLUMN_OF(17, 0, "invalidation_reason", FIELD_TEXT, NULL),
	COLUMN_OF(17, 0, "failover", FIELD_BOOL, NULL),
	COLUMN_OF(17, 0, "synced", FIELD_BOOL, NULL),
	COLUMN_OF(19, 0, "slotsync_skip_reason", FIELD_TEXT, NULL),
	OF_DECODING("spill_txns", NULL),
	OF_DECODING("spill_count", NULL),
	OF_DECODING("spill_bytes", "bytes"),
	OF_DECODING("stream_txns", NULL),
	OF_DECODING("stream_count", NULL),
	OF_DECODING("stream_bytes", "bytes"),
	OF_DECODING("total_txns", NULL),
	OF_DECODING("total_bytes", "bytes"),
	OF_DECODING_19("mem_exceeded_count"),
	OF_DECODING_19("slotsync_skip_count"),
	{"slotsync_last_skip", FIELD_TIME, NULL, false, 19, 0, "d.slotsync_last_skip"},
	{"stats_reset", FIELD_TIME, NULL, false, 0, 0, "d.stats_reset"},
	FIELDS_END
};

static const Probe slots_probe = {
	.key = "slots",
	.columns = slot_fields,
	.from = "pg_catalog.pg_replication_slots s "
	"LEFT JOIN pg_catalog.pg_stat_replication_slots d ON d.slot_name = s.slot_name::text "
	"CROSS JOIN " HERE,
};

/* ---- what this server receives ---- */

static const Field receiver_fields[] = {
	COLUMN("pid", FIELD_INT, NULL),
	COLUMN("status", FIELD_TEXT, NULL),
	LSN("receive_start_lsn"),
	COLUMN("receive_start_tli", FIELD_INT, NULL),
	LSN("written_lsn"),
	LSN("flushed_lsn"),
	COLUMN("received_tli", FIELD_INT, NULL),
	COLUMN("last_msg_send_time", FIELD_TIME, NULL),
	COLUMN("last_msg_receipt_time", FIELD_TIME, NULL),
	LSN("latest_end_lsn"),
	COLUMN("latest_end_time", FIELD_TIME, NULL),
	COLUMN("slot_name", FIELD_TEXT, NULL),
	COLUMN("sender_host", FIELD_TEXT, NULL),
	COLUMN("sender_port", FIELD_INT, NULL),
	FIELDS_END
};

static const Probe receiver_probe = {
	.key = "receiver",
	.single = true,
	.columns = receiver_fields,
	.from = "pg_catalog.pg_stat_wal_receiver s",
	.role = ON_STANDBY,
};

#define OF_ERRORS(since, until, name) {name, FIELD_INT, NULL, false, since, until, "e." name}

/* One row a worker.  The counters belong to the subscription and stand with its leader only. */
static const Field subscription_fields[] = {
	{"subid", FIELD_INT, NULL, true, 0, 0, "s.subid"},
	{"subname", FIELD_SHARED_NAME, NULL, true, 0, 0, "s.subname"},
	{"database", FIELD_SHARED_NAME, NULL, false, 0, 0, "d.datname"},
	{"enabled", FIELD_BOOL, NULL, false, 0, 0, "u.subenabled"},
	{"slot_name", FIELD_TEXT, NULL, false, 0, 0, "u.subslotname"},
	COLUMN_OF(17, 0, "worker_type", FIELD_TEXT, NULL),
	COLUMN("pid", FIELD_INT, NULL),
	COLUMN_OF(16, 0, "leader_pid", FIELD_INT, NULL),
	COLUMN("relid", FIELD_INT, NULL),
	LSN("received_lsn"),
	COLUMN("last_msg_send_time", FIELD_TIME, NULL),
	COLUMN("last_msg_receipt_time", FIELD_TIME, NULL),
	LSN("latest_end_lsn"),
	COLUMN("latest_end_time", FIELD_TIME, NULL),
	OF_ERRORS(0, 0, "apply_error_count"),
	OF_ERRORS(0, 18, "sync_error_count"),
	OF_ERRORS(19, 0, "sync_seq_error_count"),
	OF_ERRORS(19, 0, "sync_table_error_count"),
	OF_ERRORS(18, 0, "confl_insert_exists"),
	OF_ERRORS(18, 0, "confl_update_origin_differs"),
	OF_ERRORS(18, 0, "confl_update_exists"),
	OF_ERRORS(19, 0, "confl_update_deleted"),
	OF_ERRORS(18, 0, "confl_update_missing"),
	OF_ERRORS(18, 0, "confl_delete_origin_differs"),
	OF_ERRORS(18, 0, "confl_delete_missing"),
	OF_ERRORS(18, 0, "confl_multiple_unique_conflicts"),
	{"stats_reset", FIELD_TIME, NULL, false, 0, 0, "e.stats_reset"},
	FIELDS_END
};

#define SUBSCRIPTIONS_FROM(is_leader) \
	"pg_catalog.pg_stat_subscription s " \
	"JOIN pg_catalog.pg_subscription u ON u.oid = s.subid " \
	"LEFT JOIN pg_catalog.pg_database d ON d.oid = u.subdbid " \
	"LEFT JOIN pg_catalog.pg_stat_subscription_stats e ON e.subid = s.subid AND " is_leader

static const Probe subscriptions_15_probe = {
	.key = "subscriptions",
	.columns = subscription_fields,
	.from = SUBSCRIPTIONS_FROM("s.relid IS NULL"),
	.until = 15,
};

/* From 16 on the leader may have parallel workers. */
static const Probe subscriptions_probe = {
	.key = "subscriptions",
	.columns = subscription_fields,
	.from = SUBSCRIPTIONS_FROM("s.relid IS NULL AND s.leader_pid IS NULL"),
	.since = 16,
};

/* ---- WAL and recovery ---- */

/*
 * With everything replayed that was received the lag is 0, as long as
 * something is being received: an idle primary would else look like a lag.
 */
#define REPLAY_LAG \
	"CASE WHEN pg_catalog.pg_last_wal_receive_lsn() <= pg_catalog.pg_last_wal_replay_lsn() " \
	"AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver w WHERE w.status = 'streaming') " \
	"THEN 0 ELSE " \
	MILLISECONDS("(pg_catalog.clock_timestamp() - " \
				 "pg_catalog.pg_last_xact_replay_timestamp())") " END"

static const Field wal_fields[] = {
	{"current_lsn", FIELD_TEXT, NULL, false, 0, 0,
	 ON_THE_PRIMARY("pg_catalog.pg_current_wal_lsn()::text")},
	{"receive_lsn", FIELD_TEXT, NULL, false, 0, 0,
	 ON_THE_STANDBY("pg_catalog.pg_last_wal_receive_lsn()::text")},
	{"replay_lsn", FIELD_TEXT, NULL, false, 0, 0,
	 ON_THE_STANDBY("pg_catalog.pg_last_wal_replay_lsn()::text")},
	{"retained_bytes", FIELD_INT, "bytes", false, 0, 0,
	 "(SELECT pg_catalog.max(pg_catalog.pg_wal_lsn_diff(here.lsn, r.restart_lsn)) "
	 "FROM pg_catalog.pg_replication_slots r)::bigint"},
	{"replay_lag_bytes", FIELD_INT, "bytes", false, 0, 0,
	 ON_THE_STANDBY("pg_catalog.pg_wal_lsn_diff(here.lsn, "
					"pg_catalog.pg_last_wal_replay_lsn())::bigint")},
	{"replay_lag", FIELD_FLOAT, "ms", false, 0, 0, ON_THE_STANDBY(REPLAY_LAG)},
	{"last_xact_replay_timestamp", FIELD_TIME, NULL, false, 0, 0,
	 ON_THE_STANDBY("pg_catalog.pg_last_xact_replay_timestamp()")},
	{"is_replay_paused", FIELD_BOOL, NULL, false, 0, 0,
	 ON_THE_STANDBY("pg_catalog.pg_is_wal_replay_paused()")},
	{"replay_pause_state", FIELD_TEXT, NULL, false, 0, 0,
	 ON_THE_STANDBY("pg_catalog.pg_get_wal_replay_pause_state()")},
	FIELDS_END
};

static const Probe wal_probe = {
	.key = "wal",
	.single = true,
	.columns = wal_fields,
	.from = HERE,
};

static const Field recovery_fields[] = {
	COLUMN("promote_triggered", FIELD_BOOL, NULL),
	LSN("last_replayed_read_lsn"),
	LSN("last_replayed_end_lsn"),
	COLUMN("last_replayed_tli", FIELD_INT, NULL),
	LSN("replay_end_lsn"),
	COLUMN("replay_end_tli", FIELD_INT, NULL),
	COLUMN("recovery_last_xact_time", FIELD_TIME, NULL),
	COLUMN("current_chunk_start_time", FIELD_TIME, NULL),
	COLUMN("pause_state", FIELD_TEXT, NULL),
	FIELDS_END
};

static const Probe recovery_probe = {
	.key = "recovery",
	.single = true,
	.columns = recovery_fields,
	.from = "pg_catalog.pg_stat_recovery s",
	.role = ON_STANDBY,
	.since = 19,
};

static const Field prefetch_fields[] = {
	COLUMN("prefetch", FIELD_INT, "blocks"),
	COLUMN("hit", FIELD_INT, "blocks"),
	COLUMN("skip_init", FIELD_INT, "blocks"),
	COLUMN("skip_new", FIELD_INT, "blocks"),
	COLUMN("skip_fpw", FIELD_INT, "blocks"),
	COLUMN("skip_rep", FIELD_INT, "blocks"),
	COLUMN("wal_distance", FIELD_INT, "bytes"),
	COLUMN("block_distance", FIELD_INT, "blocks"),
	COLUMN("io_depth", FIELD_INT, NULL),
	COLUMN("stats_reset", FIELD_TIME, NULL),
	FIELDS_END
};

static const Probe prefetch_probe = {
	.key = "recovery_prefetch",
	.single = true,
	.columns = prefetch_fields,
	.from = "pg_catalog.pg_stat_recovery_prefetch s",
	.role = ON_STANDBY,
};

static const Field conflict_fields[] = {
	{"database", FIELD_SHARED_NAME, NULL, true, 0, 0, "s.datname"},
	COLUMN("confl_tablespace", FIELD_INT, NULL),
	COLUMN("confl_lock", FIELD_INT, NULL),
	COLUMN("confl_snapshot", FIELD_INT, NULL),
	COLUMN("confl_bufferpin", FIELD_INT, NULL),
	COLUMN("confl_deadlock", FIELD_INT, NULL),
	COLUMN_OF(16, 0, "confl_active_logicalslot", FIELD_INT, NULL),
	COLUMN_OF(19, 0, "stats_reset", FIELD_TIME, NULL),
	FIELDS_END
};

/* Queries of the standby that replay had to cancel. */
static const Probe conflicts_probe = {
	.key = "conflicts",
	.columns = conflict_fields,
	.from = "pg_catalog.pg_stat_database_conflicts s "
	"WHERE pg_catalog.pg_stat_get_db_conflict_all(s.datid) > 0",
	.role = ON_STANDBY,
};

/* ---- prepared transactions ---- */

static const Field prepared_fields[] = {
	{"gid", FIELD_TEXT, NULL, true, 0, 0, "s.gid"},
	{"transaction", FIELD_TEXT, NULL, false, 0, 0, "s.transaction::text"},
	COLUMN("prepared", FIELD_TIME, NULL),
	{"age_seconds", FIELD_FLOAT, "s", false, 0, 0,
	 "extract(epoch FROM pg_catalog.clock_timestamp() - s.prepared)::double precision"},
	{"xid_age", FIELD_INT, "transactions", false, 0, 0, "pg_catalog.age(s.transaction)"},
	COLUMN("owner", FIELD_SHARED_NAME, NULL),
	COLUMN("database", FIELD_SHARED_NAME, NULL),
	FIELDS_END
};

static const Probe prepared_probe = {
	.key = "prepared_transactions",
	.columns = prepared_fields,
	.from = "pg_catalog.pg_prepared_xacts s ORDER BY s.prepared",
};

const Field PgReplicationFields[] = {
	{"standbys", FIELD_OBJECTS, NULL, false, 0, 0, "pg_stat_replication", standby_fields},
	{"slots", FIELD_OBJECTS, NULL, false, 0, 0, "pg_replication_slots, pg_stat_replication_slots",
	 slot_fields},
	{"receiver", FIELD_OBJECT, NULL, false, 0, 0, "pg_stat_wal_receiver, on a standby",
	 receiver_fields},
	{"subscriptions", FIELD_OBJECTS, NULL, false, 0, 0,
	 "pg_stat_subscription, one row a worker; pg_stat_subscription_stats", subscription_fields},
	{"wal", FIELD_OBJECT, NULL, false, 0, 0,
	 "pg_current_wal_lsn(), pg_last_wal_…(); retained_bytes: by the slot furthest behind",
	 wal_fields},
	{"recovery", FIELD_OBJECT, NULL, false, 19, 0, "pg_stat_recovery, on a standby",
	 recovery_fields},
	{"recovery_prefetch", FIELD_OBJECT, NULL, false, 0, 0,
	 "pg_stat_recovery_prefetch, on a standby", prefetch_fields},
	{"conflicts", FIELD_OBJECTS, NULL, false, 0, 0,
	 "pg_stat_database_conflicts, on a standby, databases with any", conflict_fields},
	{"prepared_transactions", FIELD_OBJECTS, NULL, false, 0, 0, "pg_prepared_xacts",
	 prepared_fields},
	FIELDS_END
};

const Probe *const PgReplicationProbes[] = {
	&standbys_probe, &slots_probe, &receiver_probe, &subscriptions_15_probe, &subscriptions_probe,
	&wal_probe, &recovery_probe, &prefetch_probe, &conflicts_probe, &prepared_probe, NULL
};
