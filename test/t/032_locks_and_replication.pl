
# Who blocks whom shows as a tree with its root; a primary and its standby each
# report their side of the replication, and no connection string leaves them.

use strict;
use warnings;

use JSON::PP ();
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $PASSWORD = 'only-for-the-standby';

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	init => { allows_streaming => 1 },
	settings => {
		'max_prepared_transactions' => '2',
		'compute_query_id' => 'on',
		'archive_mode' => 'on',    # and nothing to do it with
		(map { ("pganalytics.${_}_interval" => '1s') } qw(pg_locks pg_replication pg_server)),
		(map { ("pganalytics.${_}_interval" => '1h') } qw(pg_stats disk_usage sysstat)),
	});

sub session
{
	my ($application) = @_;
	my $session = $node->background_psql('postgres');

	$session->query_safe("SET application_name = '$application'");
	return { session => $session, pid => $session->query_safe('SELECT pg_backend_pid()') };
}

# Begins a statement that will wait, and waits until it does.
sub block
{
	my ($blocked, $sql) = @_;

	$blocked->{session}->query_until(qr/begun/, "\\echo begun\n$sql;\n");
	wait_until("$sql waits", sub {
		$node->safe_psql('postgres', "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $blocked->{pid}") eq 'Lock';
	});
	return;
}

sub row_of
{
	my ($rows, $key, $value) = @_;

	my ($row) = grep { $_->{$key} eq $value } @$rows;
	return $row // {};
}

# ---- locks ----

$node->safe_psql('postgres', q{
	CREATE TABLE "Queue" (id int PRIMARY KEY, n int);
	INSERT INTO "Queue" VALUES (1, 0);
	CREATE TABLE prepared ();
});
$node->safe_psql('postgres', q{BEGIN; LOCK TABLE prepared IN SHARE MODE; PREPARE TRANSACTION 'forgotten'});
my ($root, $row, $tuple, $table, $last) = map { session($_) } qw(root row tuple table last);

$root->{session}->query_safe('BEGIN; UPDATE "Queue" SET n = 1');
block($row, 'UPDATE "Queue" SET n = 2');
block($tuple, 'UPDATE "Queue" SET n = 3');
block($table, 'TRUNCATE "Queue"');
block($last, 'DROP TABLE prepared');

my $metric = $backend->wait_for_metric('pg_locks', undef, where => sub { @{ $_[0]{waits} } == 4 });
my %wait = map { $_->{pid} => $_ } @{ $metric->{waits} };
is_deeply([ map { $wait{ $_->{pid} }{depth} } $row, $tuple, $table, $last ], [ 1, 2, 3, 1 ],
	'each waits as deep in the tree as it is');
is_deeply([ map { $wait{ $_->{pid} }{relation} } $row, $tuple, $table, $last ],
	[ ('public."Queue"') x 3, 'public.prepared' ],
	'for a relation, also who waits for a row');
is_deeply($wait{ $row->{pid} }{blocked_by}, [ $root->{pid} ], 'the first is blocked by the root');
is_deeply($wait{ $tuple->{pid} }{blocked_by}, [ $row->{pid} ], 'the second by the first');
is_deeply($wait{ $last->{pid} }{blocked_by}, [0], 'a prepared transaction has no pid');
cmp_ok($wait{ $table->{pid} }{wait_seconds}, '>', 0, 'it is known for how long');
like($wait{ $row->{pid} }{queryid}, qr/^-?\d+$/, 'and in which statement');
is($metric->{waiting}, 4, 'all that wait are counted');

my $blocker = row_of($metric->{blockers}, pid => $root->{pid});
is($blocker->{state}, 'idle in transaction', 'the root of the tree is named');
is($blocker->{application}, 'root', 'with its application');
is(scalar @{ $metric->{blockers} }, 2, 'who waits as well is no root');

# How many locks on relations there are in that mode.
sub count_of
{
	my ($mode, $is_granted) = @_;
	my ($lock) = grep { $_->{locktype} eq 'relation' && $_->{mode} eq $mode && !$_->{granted} == !$is_granted }
	  @{ $metric->{locks} };

	return $lock->{count};
}
is(count_of('ShareLock', 1), 1, 'the lock of the prepared transaction is counted');
is(count_of('AccessExclusiveLock', 0), 2, 'and those that are waited for');

$node->safe_psql('postgres', q{ROLLBACK PREPARED 'forgotten'});
$root->{session}->query_safe('ROLLBACK');
$_->{session}->quit foreach $root, $row, $tuple, $table, $last;
ok($backend->wait_for_metric('pg_locks', undef, since => $backend->position,
		where => sub { !@{ $_[0]{waits} } && !@{ $_[0]{blockers} } }), 'nobody waits any more');

# ---- replication ----

$node->safe_psql('postgres', q{SELECT pg_create_physical_replication_slot('standby_slot', true)});
my $standby = $node->create_standby('standby',
	'primary_slot_name' => 'standby_slot',
	'primary_conninfo' => $node->connstr . " application_name=standby password=$PASSWORD");
$node->wait_for_catchup($standby);
my ($primary_id, $standby_id) = map { $_->status->{collector_id} } $node, $standby;

my $sent = $backend->wait_for_metric('pg_replication', undef, collector => $primary_id,
	where => sub { (row_of($_[0]{standbys}, application_name => 'standby')->{state} // '') eq 'streaming' });
is(row_of($sent->{standbys}, application_name => 'standby')->{slot_name}, 'standby_slot',
	'the primary knows the slot of its standby');
cmp_ok(row_of($sent->{slots}, slot_name => 'standby_slot')->{retained_bytes}, '>=', 0, 'and the WAL it holds back');
like($sent->{wal}{current_lsn}, qr{^[0-9A-F]+/[0-9A-F]+$}, 'and how far its own WAL goes');
ok(!exists $sent->{receiver}, 'it receives nothing');

my $received = $backend->wait_for_metric('pg_replication', undef, collector => $standby_id,
	where => sub { ($_[0]{receiver}{status} // '') eq 'streaming' });
is($received->{receiver}{slot_name}, 'standby_slot', 'the standby knows from where it receives');
is($received->{receiver}{sender_port}, $node->port, 'and the port');
is($received->{wal}{current_lsn}, undef, 'it writes no WAL');

# The lag in time is measured by commits: there has to be one.
$node->safe_psql('postgres', 'CREATE TABLE seen ()');
$node->wait_for_catchup($standby);
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
$node->safe_psql('postgres', 'CREATE TABLE more AS SELECT generate_series(1, 1000) AS i');
$received = $backend->wait_for_metric('pg_replication', undef, collector => $standby_id,
	where => sub { $_[0]{wal}{is_replay_paused} && $_[0]{wal}{replay_lag_bytes} > 0 });
cmp_ok($received->{wal}{replay_lag}, '>', 0, 'a paused replay shows as a lag on the standby');
ok( $backend->wait_for_metric('pg_replication', undef, collector => $primary_id,
		where => sub { (row_of($_[0]{standbys}, application_name => 'standby')->{replay_lag_bytes} // 0) > 0 }),
	'and on the primary');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
ok( $backend->wait_for_metric('pg_replication', undef, collector => $standby_id, since => $backend->position,
		where => sub { $_[0]{wal}{replay_lag_bytes} == 0 && $_[0]{wal}{replay_lag} == 0 }),
	'which ends when all is replayed');

# ---- what else the server has ----

$node->safe_psql('postgres', 'SELECT pg_switch_wal()');
ok($backend->wait_for_metric('pg_server', undef, collector => $primary_id, where => sub { $_[0]{archive_ready} > 0 }),
	'WAL that waits to be archived is counted');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_buffercache');
is( $node->safe_psql('postgres', q{
		SELECT (m #>> '{buffers,buffers_used}')::int + (m #>> '{buffers,buffers_unused}')::int = setting::int
		FROM pganalytics_sample('pg_cache') m, pg_settings WHERE name = 'shared_buffers'}),
	't', 'every shared buffer is accounted for');

my @errors = $backend->collection_errors;
is_deeply(\@errors, [], 'nothing failed on either side');
is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');
is(scalar(grep { index(JSON::PP::encode_json($_), $PASSWORD) >= 0 }
		map { $backend->metrics($_) } qw(pg_replication pg_server)), 0, 'the password stayed at home');

$node->check_log;
$standby->check_log;
done_testing();
