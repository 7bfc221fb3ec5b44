/*
 * events_work.c
 *		What the server does by itself: checkpoints, vacuum, archiving, recovery.
 *		Pure C.
 */
#include "log/event.h"

#define CHECKPOINT_NUMBERS \
	"wrote {buffers:int} buffers ({buffers_percent:number}%)[, wrote {slru_buffers:int} SLRU " \
	"buffers]; " \
	"{wal_added:int} WAL file(s) added, {wal_removed:int} removed, {wal_recycled:int} recycled; " \
	"write={write_ms:seconds} s, sync={sync_ms:seconds} s, total={total_ms:seconds} s; " \
	"sync files={sync_files:int}, longest={longest_sync_ms:seconds} s, " \
	"average={average_sync_ms:seconds} s; " \
	"distance={distance_bytes:kB} kB, estimate={estimate_bytes:kB} kB[; lsn={lsn}, redo " \
	"lsn={redo_lsn}]"

#define VACUUM_OF_TABLE " of table \"{database}.{schema}.{table}\": index scans: {index_scans:int}"

/* Lines that vacuum and analyze have in common. */
#define RESOURCE_LINES \
	{.line = "delay time: {delay_ms:number} ms"}, \
		{.line = "I/O timings: read: {read_ms:number} ms, write: {write_ms:number} ms"}, \
		{.line = "avg read rate: {read_rate_mb:number} MB/s, avg write rate: " \
				 "{write_rate_mb:number} MB/s"}, \
		{.line = "buffer usage: {buffers_hit:int} hits, {buffers_read:int} misses, " \
				 "{buffers_dirtied:int} dirtied"}, \
		{.line = "buffer usage: {buffers_hit:int} hits, {buffers_read:int} reads, " \
				 "{buffers_dirtied:int} dirtied"}, \
		{.line = "WAL usage: {wal_records:int} records, {wal_fpi:int} full page images, " \
				 "{wal_bytes:int} bytes" \
				 "[, {wal_fpi_bytes:int} full page image bytes][, {wal_buffers_full:int} buffers " \
				 "full]"}, \
	{ \
		.line = "system usage: CPU: user: {cpu_user_ms:seconds} s, system: " \
				"{cpu_system_ms:seconds} s, " \
				"elapsed: {elapsed_ms:seconds} s" \
	}

/* What vacuum tells of a table. */
#define VACUUM_LINES \
	{.line = \
		 "pages: {pages_removed:int} removed, {pages:int} remain, {pages_scanned:int} scanned " \
		 "({pages_scanned_percent:number}% of total)[, {pages_eagerly_scanned:int} eagerly " \
		 "scanned]"}, \
		{.line = "tuples: {tuples_removed:int} removed, {tuples:int} remain, {tuples_dead:int} " \
				 "are dead but not yet removable"}, \
		{.line = "tuples missed: {tuples_missed:int} dead from {pages_missed:int} pages not " \
				 "removed due to cleanup lock contention"}, \
		{.line = "removable cutoff: {removable_cutoff:int}, which was {removable_cutoff_age:int} " \
				 "XIDs old when operation ended"}, \
		{.line = "new relfrozenxid: {new_relfrozenxid:int}, which is {relfrozenxid_advanced:int} " \
				 "XIDs ahead of previous value"}, \
		{.line = "new relminmxid: {new_relminmxid:int}, which is {relminmxid_advanced:int} MXIDs " \
				 "ahead of previous value"}, \
		{.line = "frozen: {pages_frozen:int} pages from table ({pages_frozen_percent:number}% of " \
				 "total) had {tuples_frozen:int} tuples frozen"}, \
		{.line = "visibility map: {pages_all_visible:int} pages set all-visible, " \
				 "{pages_all_frozen:int} pages set all-frozen " \
				 "({pages_all_frozen_were_visible:int} were all-visible)"}, \
		{.line = "index scan {index_scan}: {dead_item_pages:int} pages from table " \
				 "({dead_item_pages_percent:number}% of total) " \
				 "had {dead_items:int} dead item identifiers removed"}, \
		{.line = "index scan {index_scan}: {dead_item_pages:int} pages from table " \
				 "({dead_item_pages_percent:number}% of total) " \
				 "have {dead_items:int} dead item identifiers"}, \
		{.line = "index \"{index_#}\": pages: {index_#_pages:int} in total, " \
				 "{index_#_newly_deleted:int} newly deleted, " \
				 "{index_#_deleted:int} currently deleted, {index_#_reusable:int} reusable"}, \
		{.line = "memory usage: dead item storage {dead_item_storage_mb:number} MB accumulated " \
				 "across " \
				 "{dead_item_resets:int} reset (limit {dead_item_limit_mb:number} MB each)"}, \
		{.line = "memory usage: dead item storage {dead_item_storage_mb:number} MB accumulated " \
				 "across " \
				 "{dead_item_resets:int} resets (limit {dead_item_limit_mb:number} MB each)"}, \
		{.line = "parallel workers: {parallel_workers}"}, RESOURCE_LINES

const LogEventRow LogWorkEvents[] = {
	/* checkpoints */
	{"checkpoint_starting", "a checkpoint begins", .message = "checkpoint starting:{reason}"},
	{"checkpoint_complete", "a checkpoint has ended",
	 .message = "checkpoint complete: " CHECKPOINT_NUMBERS},
	{.message = "checkpoint complete:{reason}: " CHECKPOINT_NUMBERS},
	{"checkpoints_too_frequent", "WAL fills up max_wal_size faster than checkpoint_warning",
	 .message = "checkpoints are occurring too frequently ({seconds:int} second apart)"},
	{.message = "checkpoints are occurring too frequently ({seconds:int} seconds apart)"},
	{"restartpoint_starting", "a checkpoint of a standby begins",
	 .message = "restartpoint starting:{reason}"},
	{"restartpoint_complete", "a checkpoint of a standby has ended",
	 .message = "restartpoint complete: " CHECKPOINT_NUMBERS},
	{.message = "restartpoint complete:{reason}: " CHECKPOINT_NUMBERS},
	{"recovery_restart_point", "where recovery would begin after a restart",
	 .message = "recovery restart point at {lsn}",
	 .detail = "Last completed transaction was at log time {last_transaction}."},

	/* vacuum and analyze */
	{"autovacuum", "a table was vacuumed", .message = "automatic vacuum" VACUUM_OF_TABLE},
	{.message = "automatic aggressive vacuum" VACUUM_OF_TABLE},
	VACUUM_LINES,
	{"autovacuum_wraparound",
	 "a table was vacuumed because its oldest transaction ids came to an age",
	 .message = "automatic vacuum to prevent wraparound" VACUUM_OF_TABLE},
	{.message = "automatic aggressive vacuum to prevent wraparound" VACUUM_OF_TABLE},
	VACUUM_LINES,
	{"autoanalyze", "a table was analyzed",
	 .message = "automatic analyze of table \"{database}.{schema}.{table}\""},
	RESOURCE_LINES,
	{"autovacuum_canceled", "a vacuum gave way to somebody who wanted a lock",
	 .message = "canceling autovacuum task",
	 .context = "automatic {task} of table \"{database}.{schema}.{table}\""},
	{"vacuum_skipped", "a table was not vacuumed because of a lock",
	 .message = "skipping vacuum of \"{table}\" --- {reason}"},
	{"analyze_skipped", "a table was not analyzed because of a lock",
	 .message = "skipping analyze of \"{table}\" --- {reason}"},
	{"maintenance_refused", "a table that somebody may not vacuum or analyze, or that cannot be",
	 .message = "permission denied to {command} \"{table}\", skipping it"},
	{.message = "skipping \"{table}\" --- {reason}"},
	{"vacuum_failsafe", "vacuum leaves out what can wait to prevent wraparound",
	 .message = "bypassing nonessential maintenance of table \"{database}.{schema}.{table}\" as a "
				"failsafe after {index_scans:int} index scans"},
	{"vacuum_horizon_old", "something old keeps vacuum from removing rows",
	 .message = "cutoff for removing and freezing tuples is far in the past"},
	{.message = "cutoff for freezing multixacts is far in the past"},
	{.message = "oldest xmin is far in the past"},
	{"autovacuum_worker_late", "an autovacuum worker did not start",
	 .message = "autovacuum worker took too long to start; canceled"},
	{"autovacuum_misconfigured", "autovacuum needs track_counts",
	 .message = "autovacuum not started because of misconfiguration"},
	{.message = "\"autovacuum_max_workers\" ({workers:int}) should be less than or equal to "
				"\"autovacuum_worker_slots\" ({slots:int})"},
	{"orphan_temp_table_dropped", "a temporary table that a crash left behind",
	 .message = "autovacuum: dropping orphan temp table \"{database}.{schema}.{table}\""},

	{"visibility_map_corrupted", "a page is marked all-visible and is not",
	 .message = "page is not marked all-visible but visibility map bit is set[ in relation "
				"\"{relation}\" page {block:int}]",
	 .context = "relation \"{relation}\", page {block:int}[, tuple {tuple:int}]"},
	{.message = "page containing LP_DEAD items is marked as all-visible in relation "
				"\"{relation}\" page {block:int}"},
	{.message = "dead line pointer found on page marked all-visible"},
	{.message = "tuple not visible to all transactions found on page marked all-visible"},

	/* wraparound */
	{"xid_wraparound_warning", "transaction ids run out soon",
	 .message = "database \"{database}\" must be vacuumed within {transactions:int} transactions"},
	{.message = "database with OID {database_oid:int} must be vacuumed within {transactions:int} "
				"transactions"},
	{.message = "some databases have not been vacuumed in over 2 billion transactions"},
	{"xid_wraparound_stop", "transaction ids have run out, nothing can be written",
	 .message = "database is not accepting commands to avoid wraparound data loss in database "
				"\"{database}\""},
	{.message = "database is not accepting commands to avoid wraparound data loss in database with "
				"OID {database_oid:int}"},
	{.message = "database is not accepting commands that assign new transaction IDs to avoid "
				"wraparound data loss in database \"{database}\""},
	{.message = "database is not accepting commands that assign new transaction IDs to avoid "
				"wraparound data loss in database with OID {database_oid:int}"},
	{"multixact_wraparound_warning", "multixact ids run out soon",
	 .message = "database \"{database}\" must be vacuumed before {multixacts:int} more "
				"MultiXactId[s are][ is] used"},
	{.message = "database with OID {database_oid:int} must be vacuumed before {multixacts:int} "
				"more MultiXactId[s are][ is] used"},
	{.message = "database with OID {database_oid:int} must be vacuumed before {members:int} more "
				"multixact member[s are][ is] used"},
	{"multixact_wraparound_stop", "multixact ids have run out",
	 .message = "database is not accepting commands that generate new MultiXactIds to avoid "
				"wraparound data loss in database \"{database}\""},
	{.message = "database is not accepting commands that assign new MultiXactIds to avoid "
				"wraparound data loss in database \"{database}\""},
	{.message = "database is not accepting commands that generate new MultiXactIds to avoid "
				"wraparound data loss in database with OID {database_oid:int}"},
	{.message = "database is not accepting commands that assign new MultiXactIds to avoid "
				"wraparound data loss in database with OID {database_oid:int}"},
	{.message = "multixact \"members\" limit exceeded"},
	{"multixact_protection", "what guards against their running out is switched off or on",
	 .message = "MultiXact member wraparound protections are disabled because oldest checkpointed "
				"MultiXact {multixact:int} does not exist on disk"},
	{.message = "MultiXact member wraparound protections are now enabled"},
	{.message = "MultiXact member truncation is disabled because oldest checkpointed MultiXact "
				"{multixact:int} does not exist on disk"},
	{"transaction_status_kept", "files of old transactions could not be removed",
	 .message = "oldest MultiXact {oldest:int} not found, earliest MultiXact {earliest:int}, "
				"skipping truncation"},
	{.message = "cannot truncate up to MultiXact {multixact:int} because it {reason}, skipping "
				"truncation"},
	{.message = "could not truncate directory \"{directory}\": apparent wraparound"},

	/* archiving */
	{"archive_command_failed", "archive_command returned an error",
	 .message = "archive command failed with exit code {exit_code:int}",
	 .detail = "The failed archive command was: {command}"},
	{.message = "archive command was terminated by signal {signal:int}: {signal_name}"},
	{"archiving_failed", "a WAL file could not be archived",
	 .message =
		 "archiving write-ahead log file \"{file}\" failed too many times, will try again later"},
	{"archiving_misconfigured", "archive_mode is on and there is nothing to archive with",
	 .message = "archive_mode enabled, yet archiving is not configured"},
	{.message = "\"archive_mode\" enabled, yet archiving is not configured"},
	{"archive_wait", "a backup waits for its WAL to be archived",
	 .message = "still waiting for all required WAL segments to be archived ({seconds:int} seconds "
				"elapsed)"},

	/* recovery */
	{"recovery_interrupted", "the server starts after it did not stop properly",
	 .message = "database system was interrupted; last known up at {last_up}"},
	{.message = "database system shutdown was interrupted; last known up at {last_up}"},
	{.message = "database system was interrupted while in recovery at {last_up}"},
	{.message = "database system was interrupted while in recovery at log time {last_up}"},
	{"crash_recovery_starting", "what was not written before a crash is redone",
	 .message = "database system was not properly shut down; automatic recovery in progress"},
	{.message = "crash recovery starts in timeline {timeline:int} and has target timeline "
				"{target_timeline:int}"},
	{"clean_start", "the server starts after it stopped properly",
	 .message = "database system was shut down at {shut_down}"},
	{.message = "database system was shut down in recovery at {shut_down}"},
	{"redo_starting", "WAL is replayed from here", .message = "redo starts at {lsn}"},
	{"redo_in_progress", "WAL is being replayed",
	 .message = "redo in progress, elapsed time: {elapsed_ms:seconds} s, current LSN: {lsn}"},
	{"redo_done", "WAL was replayed up to here",
	 .message = "redo done at {lsn} system usage: CPU: user: {cpu_user_ms:seconds} s, system: "
				"{cpu_system_ms:seconds} s, "
				"elapsed: {elapsed_ms:seconds} s"},
	{.message = "redo is not required"},
	{"redo_last_transaction", "when the last transaction that was replayed was committed",
	 .message = "last completed transaction was at log time {last_transaction}"},
	{"startup_progress", "a step of the start that takes long",
	 .message = "syncing data directory ({method}), elapsed time: {elapsed_ms:seconds} s, current "
				"path: {path}"},
	{.message = "resetting unlogged relations ({phase}), elapsed time: {elapsed_ms:seconds} s, "
				"current path: {path}"},
	{"recovery_consistent", "a standby can answer queries from here",
	 .message = "consistent recovery state reached at {lsn}"},
	{"archive_recovery_starting", "recovery from an archive begins",
	 .message = "starting archive recovery"},
	{.message = "starting point-in-time recovery to {target}"},
	{.message = "starting backup recovery with redo LSN {redo_lsn}, checkpoint LSN "
				"{checkpoint_lsn}, on timeline ID {timeline:int}"},
	{.message = "restarting backup recovery with redo LSN {redo_lsn}"},
	{"archive_recovery_complete", "recovery from an archive has ended",
	 .message = "archive recovery complete"},
	{.message = "completed backup recovery with redo LSN {redo_lsn} and end LSN {end_lsn}"},
	{"recovery_stopping", "the recovery target is reached",
	 .message = "recovery stopping {where} transaction {xid:int}, time {time}"},
	{.message = "recovery stopping after reaching consistency"},
	{.message = "recovery stopping at restore point \"{restore_point}\", time {time}"},
	{.message = "recovery stopping {where} WAL location (LSN) \"{lsn}\""},
	{"recovery_paused", "replay is halted", .message = "recovery has paused"},
	{.message = "pausing at the end of recovery"},
	{.message = "shutdown at recovery target"},
	{"recovery_target_not_reached", "WAL ended before the recovery target",
	 .message = "recovery ended before configured recovery target was reached"},
	{"recovery_misconfigured", "recovery is not told where WAL comes from",
	 .message = "must specify [\"]restore_command[\"] when standby mode is not enabled"},
	{.message = "specified neither [\"]primary_conninfo[\"] nor [\"]restore_command[\"]"},
	{"recovery_impossible", "what there is cannot be recovered to what is asked for",
	 .message = "WAL was generated with [\"]wal_level=minimal[\"], cannot continue recovering"},
	{.message = "requested recovery stop point is before consistent recovery point"},
	{.message = "recovery target timeline {timeline:int} does not exist"},
	{.message = "requested timeline {timeline:int} does not contain minimum recovery point {lsn} "
				"on timeline {lsn_timeline:int}"},
	{.message = "backup_label contains data inconsistent with control file"},
	{.message = "online backup was canceled, recovery cannot continue"},
	{"wal_file_restored", "a WAL file came from the archive",
	 .message = "restored log file \"{file}\" from archive"},
	{"standby_mode", "the server follows another one", .message = "entering standby mode"},
	{"promoted", "a standby becomes a primary", .message = "received promote request"},
	{.message = "promote trigger file found: {file}"},
	{"timeline_selected", "a promoted server counts on from here",
	 .message = "selected new timeline ID: {timeline:int}"},
	{.message = "new target timeline is {timeline:int}"},
	{"wal_invalid", "where readable WAL ends",
	 .message = "invalid record length at {lsn}: {reason}"},
	{.message =
		 "invalid magic number {magic} in WAL segment {segment}, LSN {lsn}, offset {offset:int}"},
	{.message = "invalid magic number {magic} in log segment {segment}, offset {offset:int}"},
	{.message =
		 "unexpected pageaddr {pageaddr} in WAL segment {segment}, LSN {lsn}, offset {offset:int}"},
	{.message = "unexpected pageaddr {pageaddr} in log segment {segment}, offset {offset:int}"},
	{.message = "incorrect resource manager data checksum in record at {lsn}"},
	{.message = "record with incorrect prev-link {prev} at {lsn}"},
	{.message = "invalid resource manager ID {id:int} at {lsn}"},
	{.message = "record with invalid length at {lsn}"},
	{.message = "invalid record offset at {lsn}[: {reason}]"},
	{.message =
		 "invalid info bits {bits} in WAL segment {segment}, LSN {lsn}, offset {offset:int}"},
	{.message = "invalid info bits {bits} in log segment {segment}, offset {offset:int}"},
	{.message = "unexpected timeline ID {timeline:int} in WAL segment {segment}, LSN {lsn}, offset "
				"{offset:int}"},
	{.message =
		 "unexpected timeline ID {timeline:int} in log segment {segment}, offset {offset:int}"},
	{.message = "out-of-sequence timeline ID {timeline:int} (after {after:int}) in WAL segment "
				"{segment}, LSN {lsn}, offset {offset:int}"},
	{.message = "out-of-sequence timeline ID {timeline:int} (after {after:int}) in log segment "
				"{segment}, offset {offset:int}"},
	{"checkpoint_record_missing", "recovery finds no place to begin at",
	 .message = "could not locate a valid checkpoint record[ at {lsn}]"},
	{.message = "could not locate required checkpoint record[ at {lsn}]"},
	{.message =
		 "could not find redo location {lsn} referenced by checkpoint record at {checkpoint_lsn}"},
	{.message = "could not find redo location referenced by checkpoint record"},
	{.message = "invalid [primary ]checkpoint record"},
	{.message = "invalid xl_info in [primary ]checkpoint record"},
	{.message = "invalid length of [primary ]checkpoint record"},
	{.message = "invalid resource manager ID in [primary ]checkpoint record"},
	{"wal_ends_early", "recovery has not the WAL that it needs",
	 .message = "WAL ends before consistent recovery point"},
	{.message = "WAL ends before end of online backup"},
	{"restore_point", "pg_create_restore_point()",
	 .message = "restore point \"{restore_point}\" created at {lsn}"},
	{"backup_aborted", "a session ended before its backup did",
	 .message = "aborting backup due to backend exiting before pg_backup_stop was called"},
	{"wal_summarization_late", "WAL summaries for incremental backups lag",
	 .message = "still waiting for WAL summarization through {lsn} after {seconds:int} second[s]"},
	{.message = "WAL summarization is not progressing"},
	{"prepared_transactions_old", "prepared transactions that nobody ends",
	 .message = "{transactions:int} two-phase state file[s were][ was] written for "
				"[a ]long-running prepared transaction[s]"},
	{"prepared_transaction_recovered", "a prepared transaction from before the restart",
	 .message =
		 "recovering prepared transaction {xid:int}[ of epoch {epoch:int}] from shared memory"},
	{"prepared_transaction_removed",
	 "a prepared transaction that cannot be from before the restart",
	 .message =
		 "removing {age} two-phase state {where} transaction {xid:int}[ of epoch {epoch:int}]"},
	{"oid_search", "a table has so many object identifiers that a free one is hard to find",
	 .message = "still searching for an unused OID in relation \"{relation}\""},
	{.message = "new OID has been assigned in relation \"{relation}\" after {retries:int} {unit}"},
	LOG_EVENTS_END};
