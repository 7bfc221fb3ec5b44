/*
 * events_replication.c
 *		Standbys, slots, logical replication.  Pure C.
 */
#include "log/event.h"

const LogEventRow LogReplicationEvents[] = {
	/* a primary and its standbys */
	{"replication_command", "what a standby asks for, by log_replication_commands",
	 .message = "received replication command: {command:sql}"},
	{"standby_synchronous", "a standby is synchronous from now on",
	 .message = "standby \"{standby}\" is now a synchronous standby with priority {priority:int}"},
	{.message = "standby \"{standby}\" is now a candidate for quorum synchronous standby"},
	{"synchronous_wait_canceled", "a commit did not wait for its standby",
	 .message = "canceling wait for synchronous replication due to user request"},
	{.message = "canceling the wait for synchronous replication and terminating connection due to "
				"administrator command"},
	{"walsender_timeout", "a standby did not answer within wal_sender_timeout",
	 .message = "terminating walsender process due to replication timeout"},
	{.message = "terminating walsender process due to replication shutdown timeout"},
	{"walsender_ended", "replication to a standby ends",
	 .message = "terminating walsender process after promotion"},
	{.message = "unexpected EOF on standby connection"},
	{"wal_removed", "a standby asks for WAL that is gone",
	 .message = "requested WAL segment {segment} has already been removed"},
	{"wal_start_ahead", "a standby is ahead of its primary",
	 .message = "requested starting point {lsn} is ahead of the WAL flush position of this server "
				"{flush_lsn}"},
	{.message = "requested starting point {lsn} on timeline {timeline:int} is not in this server's "
				"history"},

	/* a standby */
	{"wal_streaming_started", "a standby receives WAL",
	 .message = "started streaming WAL from primary at {lsn} on timeline {timeline:int}"},
	{.message = "restarted WAL streaming at {lsn} on timeline {timeline:int}"},
	{"wal_streaming_ended", "the primary ended the stream",
	 .message = "replication terminated by primary server"},
	{.message = "primary server contains no more WAL on requested timeline {timeline:int}"},
	{"wal_receiver_failed", "a standby cannot receive WAL",
	 .message = "could not connect to the primary server: {error}"},
	{.message = "could not receive data from WAL stream: {error}"},
	{.message = "could not start WAL streaming: {error}"},
	{.message = "streaming replication receiver \"{receiver}\" could not connect to the primary "
				"server: {error}"},
	{"wal_receiver_timeout", "the primary did not answer within wal_receiver_timeout",
	 .message = "terminating walreceiver due to timeout"},
	{"wal_receiver_waiting", "a standby waits for WAL that its upstream does not have yet",
	 .message = "waiting for WAL to become available at {lsn}"},
	{.message = "walreceiver requested start point {lsn} on timeline {timeline:int} is ahead of "
				"the upstream server's flush position {flush_lsn}, waiting"},
	{"wal_receiver_shutdown", "a standby stops receiving WAL",
	 .message = "WAL receiver process shutdown requested"},
	{"timeline_history_fetched", "a standby follows a promotion",
	 .message = "fetching timeline history file for timeline {timeline:int} from primary server"},
	{"timeline_diverged", "a standby has WAL that its new primary does not",
	 .message = "new timeline {timeline:int} forked off current database system timeline "
				"{current_timeline:int} before current recovery point {lsn}"},
	{.message = "new timeline {timeline:int} is not a child of database system timeline "
				"{current_timeline:int}"},
	{.message = "requested timeline {timeline:int} is not a child of this server's history"},
	{"standby_parameters_too_small", "a standby's settings are below the primary's",
	 .message = "hot standby is not possible because of insufficient parameter settings",
	 .detail = "{name} = {value:int} is a lower setting than on the primary server, where its "
			   "value was {primary_value:int}."},
	{.message = "recovery aborted because of insufficient parameter settings"},
	{.message = "promotion is not possible because of insufficient parameter settings"},
	{"recovery_conflict", "a query on a standby was ended because replay needed it to be",
	 .message = "canceling statement due to conflict with recovery", .detail = "User {reason}."},
	{.message = "terminating connection due to conflict with recovery"},
	{"recovery_conflict_wait", "replay waits for queries on a standby",
	 .message = "recovery still waiting after {waited_ms:number} ms: {reason}",
	 .detail = "Conflicting process[es]: {processes}."},
	{"recovery_conflict_resolved", "replay goes on after it waited for queries",
	 .message = "recovery finished waiting after {waited_ms:number} ms: {reason}"},

	/* slots */
	{"slot_invalidated", "a slot's WAL or rows are gone, whoever reads it must begin anew",
	 .message = "invalidating obsolete replication slot \"{slot}\"",
	 .detail = "The slot's restart_lsn {restart_lsn} exceeds the limit by {bytes:int} byte[s]."},
	{.message = "invalidating slot \"{slot}\" because its restart_lsn {restart_lsn} exceeds "
				"max_slot_wal_keep_size"},
	{.detail = "The slot conflicted with xid horizon {xid_horizon:int}."},
	{.detail = "Logical decoding on standby requires [\"]wal_level[\"] >= [\"]logical[\"] on the "
			   "primary server."},
	{.detail =
		 "Logical decoding on standby requires the primary server to either set "
		 "\"wal_level\" >= \"logical\" or have at least one logical slot when \"wal_level\" = "
		 "\"replica\"."},
	{.detail = "The slot's idle time of {idle_ms:seconds}s exceeds the configured "
			   "\"idle_replication_slot_timeout\" duration of {limit_ms:seconds}s."},
	{"slot_holder_terminated", "a process was ended to release its slot",
	 .message = "terminating process {pid:int} to release replication slot \"{slot}\"",
	 .detail = "The slot's restart_lsn {restart_lsn} exceeds the limit by {bytes:int} byte[s]."},
	{"slot_in_use", "a slot that somebody else reads",
	 .message = "replication slot \"{slot}\" is active for PID {pid:int}"},
	{"slot_missing", "a slot that does not exist",
	 .message = "replication slot \"{slot}\" does not exist"},
	{"slots_exhausted", "max_replication_slots is too small",
	 .message = "all replication slots are in use"},
	{.message = "too many replication slots active before shutdown"},
	{"slot_needs_setting", "the server does not start because a slot needs another setting",
	 .message = "logical replication slot \"{slot}\" exists[ on the standby], but {problem}"},
	{.message = "physical replication slot \"{slot}\" exists, but {problem}"},
	{"slot_unusable", "a slot that was invalidated",
	 .message = "can no longer get changes from replication slot \"{slot}\""},
	{.message = "can no longer access replication slot \"{slot}\""},
	{"slot_sync", "slots are copied from the primary", .message = "slot sync worker started"},
	{.message = "newly created replication slot \"{slot}\" is sync-ready now"},
	{.message = "dropped replication slot \"{slot}\" of database with OID {database_oid:int}"},
	{.message = "replication slot synchronization worker will {action} because {reason}"},
	{.message = "replication slot synchronization will {action} because {reason}"},
	{"slot_sync_failed", "slots could not be copied from the primary",
	 .message = "could not synchronize replication slot \"{slot}\""},
	{.message = "replication slot synchronization requires \"{setting}\" to be {state}"},
	{.message = "replication slot synchronization requires \"{setting}\" >= \"{level}\"[ on "
				"the primary]"},
	{.message = "replication slot synchronization (\"{setting}\" = on) requires {requirement}"},
	{.message = "synchronization worker \"{worker}\" could not connect to the primary server: "
				"{error}"},

	/* logical decoding and replication */
	{"logical_decoding_started", "changes are decoded from here",
	 .message = "starting logical decoding for slot \"{slot}\"",
	 .detail = "Streaming transactions committing after {lsn}, reading WAL from {from_lsn}."},
	{"logical_decoding_switched", "the first logical slot came, or the last one went",
	 .message = "logical decoding is enabled upon creating a new logical replication slot"},
	{.message =
		 "logical decoding is disabled because there are no valid logical replication slots"},
	{"logical_decoding_consistent", "from here decoding is complete",
	 .message = "logical decoding found consistent point at {lsn}"},
	{.message = "logical decoding found initial consistent point at {lsn}"},
	{.message = "logical decoding found initial starting point at {lsn}"},
	{"logical_snapshot_exported", "a new slot's snapshot can be read by another session",
	 .message =
		 "exported logical decoding snapshot: \"{snapshot}\" with {transactions:int} transaction ID[s]"},
	{"subscription_worker_started", "a subscription's worker begins",
	 .message = "logical replication apply worker for subscription \"{subscription}\" has started"},
	{.message = "logical replication parallel apply worker for subscription \"{subscription}\" has "
				"started"},
	{"subscription_worker_stopping", "a subscription's worker ends or starts anew",
	 .message = "logical replication apply worker for subscription \"{subscription}\" will "
				"{action} because {reason}"},
	{.message = "logical replication worker for subscription \"{subscription}\" will {action} "
				"because {reason}"},
	{.message = "logical replication worker for subscription {subscription_oid:int} will {action} "
				"because {reason}"},
	{.message = "logical replication apply worker for subscription {subscription_oid:int} will "
				"{action} because {reason}"},
	{.message = "logical replication parallel apply worker for subscription \"{subscription}\" "
				"will {action} because {reason}"},
	{.message = "logical replication parallel apply worker for subscription \"{subscription}\" has "
				"finished"},
	{.message = "logical replication apply worker for subscription \"{subscription}\" will restart "
				"so that two_phase can be enabled"},
	{"table_sync_started", "a table of a subscription is copied",
	 .message = "logical replication table synchronization worker for subscription "
				"\"{subscription}\", table \"{table}\" has started"},
	{"table_sync_finished", "a table of a subscription was copied",
	 .message = "logical replication table synchronization worker for subscription "
				"\"{subscription}\", table \"{table}\" has finished"},
	{"sequence_sync_started", "the sequences of a subscription are copied",
	 .message = "logical replication sequence synchronization worker for subscription "
				"\"{subscription}\" has started"},
	{"sequence_sync_finished", "the sequences of a subscription were copied",
	 .message = "logical replication sequence synchronization worker for subscription "
				"\"{subscription}\" has finished"},
	{"sequence_sync_failed", "sequences of a subscription could not be copied",
	 .message = "logical replication sequence synchronization failed for subscription "
				"\"{subscription}\""},
	{.message = "mismatched or renamed sequence[s] on subscriber ({sequences})"},
	{.message = "insufficient privileges on {side} sequence[s] ({sequences})"},
	{.message = "missing sequence[s] on publisher ({sequences})"},
	{"subscription_worker_late", "a subscription's worker did not start",
	 .message = "logical replication worker for subscription {subscription_oid:int} took too long "
				"to start; canceled"},
	{"parallel_apply_serialized",
	 "a parallel apply worker does not keep up and goes on from a file",
	 .message = "logical replication apply worker will serialize the remaining changes of remote "
				"transaction {xid:int} to a file"},
	{"subscription_disabled", "a subscription was switched off by an error",
	 .message = "subscription \"{subscription}\" has been disabled because of an error"},
	{.message =
		 "logical replication subscription \"{subscription}\" has been disabled due to an error"},
	{"subscription_failed", "a subscription cannot reach its publisher",
	 .message = "could not connect to the publisher: {error}"},
	{.message = "subscription \"{subscription}\" could not connect to the publisher: {error}"},
	{.message = "apply worker for subscription \"{subscription}\" could not connect to the "
				"publisher: {error}"},
	{.message =
		 "table synchronization worker for subscription \"{subscription}\" could not connect "
		 "to the publisher: {error}"},
	{.message = "sequencesync worker for subscription \"{subscription}\" could not connect to the "
				"publisher: {error}"},
	{.message = "logical replication target relation \"{relation}\" does not exist"},
	{.message = "data stream from publisher has ended"},
	{.message = "terminating logical replication worker due to timeout"},
	{"logical_conflict", "a change from the publisher does not fit",
	 .message = "conflict detected on relation \"{relation}\": conflict={conflict}",
	 .detail = "Key already exists in unique index \"{index}\", {origin}.\n{rows:value}"},
	{.detail = "{explanation}.\n{rows:value}"},
	{"logical_transaction_skipped", "a change from the publisher was left out on purpose",
	 .message = "logical replication starts skipping transaction at LSN {lsn}"},
	{.message = "logical replication completed skipping transaction at LSN {lsn}"},
	{"publisher_wal_level", "wal_level is too low for logical replication",
	 .message = "[\"]wal_level[\"] is insufficient to publish logical changes"},
	{.message = "logical decoding must be enabled to publish logical changes"},
	{"conflict_retention", "whether a subscription keeps what it needs to detect conflicts",
	 .message = "logical replication worker for subscription \"{subscription}\" has {state} the "
				"information for detecting conflicts"},
	{.message = "logical replication worker for subscription \"{subscription}\" will resume "
				"retaining the information for detecting conflicts"},
	LOG_EVENTS_END};
