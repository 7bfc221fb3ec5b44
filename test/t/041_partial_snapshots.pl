
# Between two full snapshots of pg_stats only what has changed since is sent. What
# the visitors remember for it is small, is believed only if it is whole, never
# gets ahead of what is in the spool, and goes with its database.

use strict;
use warnings;

use JSON::PP;
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

use constant TABLES => 150;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'autovacuum' => 'off',
		'restart_after_crash' => 'on',
		'pganalytics.databases' => 'app',
		'pganalytics.enabled_collectors' => 'pg_stats',
		'pganalytics.pg_stats_interval' => '1d',
		'pganalytics.full_snapshot_interval' => '1h',
	});

$node->safe_psql('postgres', 'CREATE DATABASE app');
$node->safe_psql('app', join ';',
	map { "CREATE TABLE t$_ (id int PRIMARY KEY); INSERT INTO t$_ VALUES (1)" } 1 .. TABLES);
my $oid = $node->safe_psql('postgres', q{SELECT oid FROM pg_database WHERE datname = 'app'});
my $file = $node->data_dir . "/pg_stat_tmp/pganalytics/relations/$oid";

# Collects now; what arrived as one: partial, names of tables and indexes, bytes of JSON.
sub collect
{
	my $before;

	# a visit has three seconds, which may be too few on a busy machine
	wait_until(
		'a visit is completed',
		sub {
			$before = $backend->position;
			return $node->psql('postgres', q{SELECT pganalytics_collect('pg_stats')}) == 0;
		});
	$node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')});
	my @metrics = $backend->metrics('pg_stats', since => $before, database => 'app');
	my %partial = map { ($_->{partial} ? 'partial' : 'full') => 1 } @metrics;

	return {
		kind => join(' and ', sort keys %partial),
		tables => { map { $_->{name} => $_ } map { @{ $_->{tables} // [] } } @metrics },
		indexes => { map { $_->{name} => $_ } map { @{ $_->{indexes} // [] } } @metrics },
		databases => [ map { @{ $_->{databases} // [] } } @metrics ],
		bytes => length(encode_json(\@metrics)),
	};
}

sub overwrite
{
	my ($at, $bytes) = @_;

	open my $handle, '+<:raw', $file or die "$file: $!";
	seek $handle, $at, 0;
	print $handle $bytes;
	close $handle;
	return;
}

# From here on nobody visits it by himself.
collect();
unlink $file;

# ---- full and partial ----

my $full = collect();
is($full->{kind}, 'full', 'without a memory the snapshot is full');
is(scalar(grep { /^t\d+$/ } keys %{ $full->{tables} }), TABLES, '... with every table');
my $relations = keys(%{ $full->{tables} }) + keys(%{ $full->{indexes} });
cmp_ok(-s $file, '<=', 16 * $relations + 200, 'at most 16 bytes a relation are remembered');

my $idle = collect();
is($idle->{kind}, 'partial', 'the next one is partial');
is(scalar(grep { /^t\d+$/ } keys %{ $idle->{tables} }), 0, '... without tables that did not change');
is($idle->{databases}[0]{name}, 'app', '... with the row of the database');
cmp_ok($idle->{bytes} * 5, '<=', $full->{bytes}, '... with at most a fifth of the bytes');

$node->safe_psql('app', 'SELECT pg_stat_force_next_flush(); INSERT INTO t7 VALUES (2)');
my $changed = wait_until(
	'the counters of the table arrive',
	sub {
		my $snapshot = collect();
		return $snapshot->{tables}{t7} && $snapshot;
	});
is($changed->{kind}, 'partial', 'a change does not make a snapshot full');
is($changed->{tables}{t7}{n_tup_ins}, 2, 'a table that changed is in it');
ok($changed->{indexes}{t7_pkey}, '... and its index');
ok(!$changed->{tables}{t8}, '... and no other');
is($changed->{tables}{t7}{idx_scan}, 0, '... with the sums of its indexes');
is($changed->{tables}{t7}{size_bytes},
	$node->safe_psql('app', q{SELECT pg_total_relation_size('t7')}), '... and its size');
ok(collect()->{tables}{t7}, 'what changed is repeated until the next full snapshot');

$node->safe_psql('app', 'CREATE TABLE newcomer (id int)');
ok(collect()->{tables}{newcomer}, 'a new table is in the next partial snapshot');

# ---- a memory that cannot be trusted ----

overwrite(-s $file > 200 ? 150 : 60, "\xff");
is(collect()->{kind}, 'full', 'a damaged memory is not believed');
is(collect()->{kind}, 'partial', '... and replaced');
overwrite(-s $file, 'more');
is(collect()->{kind}, 'full', 'one that is too long is not believed');
truncate $file, (-s $file) - 1;
is(collect()->{kind}, 'full', 'one that is too short is not believed');
truncate $file, 0;
is(collect()->{kind}, 'full', 'an empty one is not believed');
unlink $file;
symlink '/dev/zero', $file;
is(collect()->{kind}, 'full', 'a link is not followed');

# ---- another backend has not got the last full one ----

is(collect()->{kind}, 'partial', 'the same backend has it');
foreach my $other ([ 'collector_id' => 'another' ], [ 'backend_url' => $backend->url . '/' ])
{
	my ($setting, $value) = @$other;

	$node->set("pganalytics.$setting" => $value);
	ok(wait_until("a full snapshot after another $setting", sub { collect()->{kind} eq 'full' }),
		"with another $setting everything is sent");
	is(collect()->{kind}, 'partial', '... once');
}

# ---- never ahead of the spool ----

unlink $file;
$node->set('pganalytics.spool_min_free' => '1TB');
my ($result, $stdout, $stderr);
wait_until(
	'a batch cannot be kept',
	sub {
		($result, $stdout, $stderr) = $node->psql('postgres', q{SELECT pganalytics_collect('pg_stats')});
		unlink $file if $result == 0;
		return $result != 0;
	});
ok(!-e $file, 'what could not be kept is not remembered');
$node->set('pganalytics.spool_min_free' => '0');
wait_until('batches are kept again',
	sub { $node->psql('postgres', q{SELECT pganalytics_collect('pg_stats')}) == 0 });
ok(-e $file, 'what is in the spool is');

# ---- what was lost has to be sent again ----

collect();
is(collect()->{kind}, 'partial', 'nothing is lost');
my $rejected = $node->status->{spool}{rejected};
$backend->order(action => 'status', status => 400, times => 1, path => '/api/v1/metrics/push');
collect();
is($node->status->{spool}{rejected}, $rejected + 1, 'a batch is rejected');
is(collect()->{kind}, 'full', '... and then everything is sent');
is(collect()->{kind}, 'partial', '... once');

# ---- as long as the server is up ----

my $before_crash = $backend->position;
kill 'KILL', $node->worker_pid('collector');
wait_until(
	'a visit after a crash',
	sub {
		my ($failed, $runs) = $node->psql('postgres',
			q{SELECT runs FROM pganalytics_collectors WHERE collector = 'pg_stats'});
		return $failed == 0 && $runs > 0 && $backend->metrics('pg_stats', since => $before_crash);
	},
	timeout => 180);
my ($after_crash) = $backend->metrics('pg_stats', since => $before_crash);
ok(!$after_crash->{partial}, 'after a crash the snapshot is full');

my $before_restart = $backend->position;
$node->restart;
my $after_restart = $backend->wait_for_metric('pg_stats', 'app', since => $before_restart);
ok(!$after_restart->{partial}, 'after a restart the snapshot is full');

# ---- and as its database ----

$node->safe_psql_alone('postgres', 'DROP DATABASE app');
$node->safe_psql('postgres', q{SELECT pganalytics_collect('pg_stats')});
ok(!-e $file, 'the memory of a dropped database is removed');

$node->check_log(allowed => [qr/the batch could not be kept in the spool|ran out of time|timeout|terminated by signal 9|FATAL:  the database system is/]);
done_testing();
