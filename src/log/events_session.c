/*
 * events_session.c
 *		Connections, statements, locks.  Pure C.
 */
#include "log/event.h"

#define CONNECTION \
	"[ application_name={application}][ SSL enabled (protocol={tls_version}, " \
	"cipher={tls_cipher}, bits={tls_bits:int})]" \
	"[ GSS ({gss})]"

#define LOCK_WAIT "{mode} on {object} after {waited_ms:number} ms"

#define LOCK_HOLDERS \
	.detail = "Process[es] holding the lock: {holders}. Wait queue: {queue}.", \
	.context = "while {action} tuple ({tuple}) in relation \"{relation}\""

/* "execute <unnamed>", "execute S_1", "execute fetch from S_1/C_2" */
#define DURATION "duration: {duration_ms:number} ms  "

#define PARAMETERS .detail = "[parameters][Parameters]: {parameters:list}"

const LogEventRow LogSessionEvents[] = {
	/* connections */
	{"connection_received", "somebody connects",
	 .message = "connection received: host={host}[ port={port:int}]"},
	{"connection_authenticated", "the server knows who it is",
	 .message =
		 "connection authenticated: identity=\"{identity}\" method={method} ({file}:{line:int})"},
	{.message = "connection authenticated: user=\"{user}\" method={method} ({file}:{line:int})"},
	{"connection_authorized", "a session begins",
	 .message = "connection authorized: user={user} database={database}" CONNECTION},
	{"replication_connection_authorized", "a replication session begins",
	 .message = "replication connection authorized: user={user}" CONNECTION},
	{"connection_ready", "how long it took to connect",
	 .message = "connection ready: setup total={setup_ms:number} ms, fork={fork_ms:number} ms, "
				"authentication={authentication_ms:number} ms"},
	{"connection_closed", "a session ends",
	 .message = "disconnection: session time: {session_ms:clock} user={user} database={database} "
				"host={host}[ port={port:int}]"},
	{"connection_lost", "the client went away", .sqlstate = "08006",
	 .message = "could not receive data from client: {error}"},
	{.message = "could not send data to client: {error}"},
	{.message = "connection to client lost"},
	{.message = "unexpected EOF on client connection with an open transaction"},
	{"client_eof", "the client went away without saying so", .sqlstate = "08003",
	 .message = "unexpected EOF on client connection"},
	{"protocol_violation", "the client sent what is no message", .sqlstate = "08P01",
	 .message = "invalid frontend message type {type:int}"},
	{.message = "invalid startup packet layout: expected terminator as last byte"},
	{.message = "incomplete startup packet"},
	{.message = "invalid length of startup packet"},
	{.message = "terminating connection because protocol synchronization was lost"},
	{.message = "received unencrypted data after {request}"},
	{.message = "bind message supplies {supplied:int} parameters, but prepared statement "
				"\"{statement}\" requires {required:int}"},
	{"protocol_unsupported", "the client speaks no protocol that the server knows",
	 .message = "unsupported frontend protocol {protocol}: server supports {supported}"},
	{"connection_negotiation", "what the client asks for first, by trace_connection_negotiation",
	 .message = "SSLRequest {answer}"},
	{.message = "GSSENCRequest {answer}"},
	{.message = "direct SSL connection {answer}"},
	{"connection_not_accepted", "the system gave the server no connection",
	 .message = "could not accept new connection: {error}"},
	{"tls_failed", "a TLS connection could not be made",
	 .message = "could not accept SSL connection: {error}"},
	{.message = "buffered unencrypted data remains after negotiating {encryption} connection"},
	{.message = "failed to switch to SSL configuration for host, terminating connection"},
	{.message = "no hostname provided in callback, and no fallback configured"},
	{"cancel_request_refused", "a cancel request with the wrong key",
	 .message = "wrong key in cancel request for process {pid:int}"},
	{.message = "PID {pid:int} in cancel request did not match any process"},
	{.message = "invalid cancel request with PID {pid:int}"},

	/* refused connections */
	{"authentication_failed", "a wrong password or certificate", .sqlstate = "28P01",
	 .message = "password authentication failed for user \"{user}\""},
	{.detail = "Connection matched [file ]\"{hba_file}\" line {hba_line:int}: \"{hba:value}\""},
	{.detail = "Connection matched {hba_file} line {hba_line:int}: \"{hba:value}\""},
	{.detail = "Password does not match for user \"{user}\"."},
	{.detail = "Role \"{user}\" does not exist."},
	{.detail = "User \"{user}\" has no password assigned."},
	{.detail = "User \"{user}\" has an expired password."},
	{"login_refused",
	 "authentication by another method than passwords failed, or pg_hba.conf has no entry",
	 .sqlstate = "28000", .message = "{method} authentication failed for user \"{user}\""},
	{.message = "authentication failed for user \"{user}\": host rejected"},
	{.message = "connection requires a valid client certificate"},
	{.message = "role \"{user}\" is not permitted to log in"},
	{.message = "no pg_hba.conf entry for host \"{host}\", user \"{user}\", database "
				"\"{database}\", {encryption}"},
	{.message = "no pg_hba.conf entry for replication connection from host \"{host}\", user "
				"\"{user}\", {encryption}"},
	{.message = "pg_hba.conf rejects connection for host \"{host}\", user \"{user}\", database "
				"\"{database}\", {encryption}"},
	{.message = "pg_hba.conf rejects replication connection for host \"{host}\", user \"{user}\", "
				"{encryption}"},
	{.message = "no PostgreSQL user name specified in startup packet"},
	{.detail = "Connection matched [file ]\"{hba_file}\" line {hba_line:int}: \"{hba:value}\""},
	{.detail = "Connection matched {hba_file} line {hba_line:int}: \"{hba:value}\""},
	{"user_name_mismatch", "somebody is known by another name than the one asked for",
	 .message = "provided user name ({provided}) and authenticated user name ({authenticated}) do "
				"not match"},
	{.message =
		 "no match in usermap \"{usermap}\" for user \"{user}\" authenticated as \"{identity}\""},
	{"certificate_refused", "a client's certificate is not the user's",
	 .message = "certificate authentication failed for user \"{user}\": {reason}"},
	{.message = "certificate validation (clientcert=verify-full) failed for user \"{user}\": "
				"{reason}"},
	{"ldap_login_failed", "an LDAP server refused",
	 .message = "LDAP login failed for user \"{user}\" on server \"{server}\": {error}"},
	{.message =
		 "could not search LDAP for filter \"{filter:value}\" on server \"{server}\": {error}"},
	{.message = "LDAP user \"{user}\" does not exist"},
	{.message = "LDAP user \"{user}\" is not unique"},
	{.message = "could not perform initial LDAP bind for ldapbinddn \"{user}\" on server "
				"\"{server}\": {error}"},
	{.message = "could not start LDAP TLS session: {error}"},
	{.message = "could not initialize LDAP: {error}"},
	{"pam_login_failed", "PAM refused", .message = "pam_authenticate failed: {error}"},
	{.message = "pam_acct_mgmt failed: {error}"},
	{.message = "error from underlying PAM layer: {error}"},
	{"radius_login_failed", "a RADIUS server did not answer as it should",
	 .message = "timeout waiting for RADIUS response from {server}"},
	{.message = "RADIUS response from {server} {problem}"},
	{"ident_login_failed", "an Ident server did not answer as it should",
	 .message =
		 "could not connect to Ident server at address \"{address}\", port {port:int}: {error}"},
	{.message = "could not receive response from Ident server at address \"{address}\", port "
				"{port:int}: {error}"},
	{.message = "invalidly formatted response from Ident server: \"{response:value}\""},
	{"password_expiring", "a password ends soon", .message = "role password will expire soon"},
	{"md5_password", "a password that is kept as MD5",
	 .message = "setting an MD5-encrypted password"},
	{.message = "authenticated with an MD5-encrypted password"},
	{"authentication_timeout", "the client did not log in within authentication_timeout",
	 .message = "canceling authentication due to timeout"},
	{"too_many_connections", "there is no connection left", .sqlstate = "53300",
	 .message = "sorry, too many clients already"},
	{.message = "remaining connection slots are reserved for {reserved_for}"},
	{.message = "too many connections for database \"{database}\""},
	{.message = "too many connections for role \"{user}\""},
	{.message = "number of requested standby connections exceeds \"max_wal_senders\" (currently "
				"{limit:int})"},
	{.message =
		 "number of requested standby connections exceeds max_wal_senders (currently {limit:int})"},
	{"server_not_accepting", "the server starts, stops or recovers", .sqlstate = "57P03",
	 .message = "the database system is {state}"},
	{"database_missing", "a database that does not exist", .sqlstate = "3D000",
	 .message = "database \"{database}\" does not exist"},
	{"database_not_accepting", "a database that connections are switched off for",
	 .message = "database \"{database}\" is not currently accepting connections"},
	{.message = "cannot connect to invalid database \"{database}\""},
	{"role_missing", "a role that does not exist", .message = "role \"{user}\" does not exist"},

	/* sessions that are ended */
	{"session_terminated", "an administrator ended a session", .sqlstate = "57P01",
	 .message = "terminating connection due to administrator command"},
	{.message = "terminating connection due to unexpected postmaster exit"},
	{"idle_in_transaction_timeout", "a session was idle in a transaction for too long",
	 .sqlstate = "25P03", .message = "terminating connection due to idle-in-transaction timeout"},
	{"idle_session_timeout", "a session was idle for too long", .sqlstate = "57P05",
	 .message = "terminating connection due to idle-session timeout"},
	{"transaction_timeout", "a transaction took too long", .sqlstate = "25P04",
	 .message = "terminating connection due to transaction timeout"},

	/* statements */
	{"auto_explain", "the plan of a slow statement", .message = DURATION "plan:\n{plan:plan}"},
	{"slow_statement", "a statement took longer than log_min_duration_statement, or was sampled",
	 .message = DURATION "statement: {query:sql}"},
	{.message = DURATION "fastpath function call: \"{function}\" (OID {function_oid:int})"},
	{.message = DURATION "{phase} {prepared_statement}: {query:sql}", PARAMETERS},
	{"statement_duration", "how long a statement took, by log_duration",
	 .message = "duration: {duration_ms:number} ms"},
	{"statement", "a statement, by log_statement", .message = "statement: {query:sql}"},
	{.message = "execute {prepared_statement}: {query:sql}", PARAMETERS},
	{.message = "fastpath function call: \"{function}\" (OID {function_oid:int})"},
	{"statement_statistics", "log_statement_stats and its like", .message = "QUERY STATISTICS"},
	{.message = "PARSER STATISTICS"},
	{.message = "PARSE ANALYSIS STATISTICS"},
	{.message = "REWRITER STATISTICS"},
	{.message = "PLANNER STATISTICS"},
	{.message = "EXECUTOR STATISTICS"},
	{.message = "PARSE MESSAGE STATISTICS"},
	{.message = "BIND MESSAGE STATISTICS"},
	{.message = "EXECUTE MESSAGE STATISTICS"},
	{"temporary_file", "a statement spilled to disk",
	 .message = "temporary file: path \"{path}\", size {bytes:int}"},
	{"temp_file_limit_exceeded", "temporary files grew beyond temp_file_limit", .sqlstate = "53400",
	 .message = "temporary file size exceeds \"temp_file_limit\" ({limit_bytes:kB}kB)"},
	{.message = "temporary file size exceeds temp_file_limit ({limit_bytes:kB}kB)"},
	{"statement_timeout", "a statement took longer than statement_timeout",
	 .message = "canceling statement due to statement timeout"},
	{"lock_timeout", "a lock was waited for longer than lock_timeout",
	 .message = "canceling statement due to lock timeout",
	 .context = "while {action} tuple ({tuple}) in relation \"{relation}\""},
	{"query_canceled", "a statement was cancelled", .sqlstate = "57014",
	 .message = "canceling statement due to user request"},
	{.message = "COPY from stdin failed: {error:value}"},

	/* locks */
	{"lock_wait", "a lock was waited for longer than deadlock_timeout",
	 .message = "process {pid:int} still waiting for " LOCK_WAIT, LOCK_HOLDERS},
	{"lock_acquired", "a lock was obtained after a wait",
	 .message = "process {pid:int} acquired " LOCK_WAIT, LOCK_HOLDERS},
	{"lock_not_acquired", "a wait for a lock ended without it",
	 .message = "process {pid:int} failed to acquire " LOCK_WAIT, LOCK_HOLDERS},
	{.message = "process {pid:int} could not obtain {mode} on {object}",
	 .detail = "Process[es] holding the lock: {holders}, Wait queue: {queue}."},
	{"deadlock_avoided", "a deadlock was resolved by another order of waiting",
	 .message = "process {pid:int} avoided deadlock for {mode} on {object} by rearranging queue "
				"order after {waited_ms:number} ms",
	 LOCK_HOLDERS},
	{"deadlock_found", "a process found that it is part of a deadlock",
	 .message = "process {pid:int} detected deadlock while waiting for " LOCK_WAIT, LOCK_HOLDERS},
	{"deadlock", "a statement was aborted to resolve a deadlock", .sqlstate = "40P01",
	 .message = "deadlock detected",
	 .context = "while {action} tuple ({tuple}) in relation \"{relation}\""},
	{.detail = "Process {process_#:int} waits for {mode_#} on {object_#}; blocked by process "
			   "{blocked_by_#:int}."},
	{.detail = "Process {query_#_process:int}: {query_#:sql}"},
	{"lock_not_available", "a lock was not free and NOWAIT asked for", .sqlstate = "55P03",
	 .message = "could not obtain lock on row in relation \"{relation}\""},
	{.message = "could not obtain lock on relation \"{relation}\""},
	LOG_EVENTS_END};
