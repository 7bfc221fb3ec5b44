
# A database of the collector that is missing, dropped or renamed, and too few
# worker processes: no crash loop and no flood in the log, but a problem that
# names the setting; and it heals.

use strict;
use warnings;

use IPC::Run ();
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create('main', backend => $backend,
	settings => { 'pganalytics.database' => 'monitoring' });

# ---- missing ----

my $status = $node->wait_for_problem(qr/monitoring/);
like((grep { /monitoring/ } @{ $status->{problems} })[0], qr/pganalytics\.database/, 'the setting is named');
$status = $node->wait_for_status('the sender runs', sub { $_->{workers}{sender}{pid} });
pass('the sender runs');

# It is tried again after 5 s, then 10 s, and each attempt is one line of PostgreSQL's.
my $log = $node->log_size;
$node->wait_for_status('two more attempts',
	sub { $_->{workers}{collector}{restarts} >= $status->{workers}{collector}{restarts} + 2 });
my @lines = grep { /monitoring/ && !/SELECT/ } split /\n/, $node->log_text($log);
cmp_ok(scalar @lines, '<=', 3, 'the log is not flooded') or diag join "\n", @lines;

# A reload counts, too, while there is no collector because its last try has just failed.
my $tries = $node->status->{workers}{collector}{restarts};
$node->wait_for_status('between two tries',
	sub { $_->{workers}{collector}{restarts} > $tries && !$_->{workers}{collector}{pid} });
$node->safe_psql('postgres', 'CREATE DATABASE monitoring');
$node->reload;
$node->wait_for_status('it heals', sub { $_->{workers}{collector}{pid} && !@{ $_->{problems} } });
ok($backend->wait_for_metric('pg_stats', 'monitoring'), 'it heals by itself once the database is there');

# ---- renamed while the collector is connected: PostgreSQL refuses, a reload frees it ----

my ($result, $stdout, $stderr) = $node->psql('postgres', 'ALTER DATABASE monitoring RENAME TO watching');
like($stderr, qr/being accessed by other users/, 'the database in use cannot be renamed');
$node->set('pganalytics.database' => 'postgres');
$node->poll_query_until('postgres',
	q{SELECT datname = 'postgres' FROM pg_stat_activity WHERE backend_type = 'pganalytics collector'});
ok( $node->poll_query_until('postgres',
		q{SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'monitoring'}),
	'a reload frees it');
$node->safe_psql_alone('postgres', 'DROP DATABASE monitoring');
ok($node->wait_for_status('no problems', sub { !@{ $_->{problems} } }), 'and it can be dropped');

# ---- too few worker processes; PostgreSQL itself takes one ----

my %missing = (2 => 'the sender', 1 => 'neither the collector nor the sender');
foreach my $processes (sort { $b <=> $a } keys %missing)
{
	$node->configure('max_worker_processes' => $processes);
	$node->restart;
	my ($first) = grep { /^$missing{$processes} was / } @{ $node->status->{problems} };
	like($first // 'nothing', qr/"max_worker_processes" \($processes\).*raise it to at least 4/,
		"max_worker_processes = $processes: the status says at once who is missing and how many are needed");
	is($node->status->{workers}{sender}{pid}, undef, 'and the sender does not run');
}

$node->configure('max_worker_processes' => 3);
$node->restart;
$status = $node->wait_for_problem(qr/databases cannot be visited: "max_worker_processes" \(3\).*at least 4/);
$status = $node->wait_for_status('both run', sub { $_->{workers}{collector}{pid} && $_->{workers}{sender}{pid} });
pass('max_worker_processes = 3: both run, only visitors are missing, and the status says so');
ok($backend->wait_for_metric('sysstat', undef), 'the other collectors go on');
my $stderr_of_collect;
my $seconds = seconds_of(
	sub {
		(undef, undef, $stderr_of_collect) = $node->psql('postgres', q{SELECT pganalytics_collect('pg_stats')});
	});
like($stderr_of_collect, qr/ERROR:.*no background worker is free.*"max_worker_processes" \(3\).*at least 4/,
	'who asks for a visit is told what is missing');
cmp_ok($seconds, '<', 120, sprintf 'and need not wait for minutes (%.1f s)', $seconds);

$node->configure('max_worker_processes' => 8);
$node->restart;
ok($node->wait_for_status('enough', sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } }),
	'with enough of them all is well');

# ---- none at all ----

$node->stop;
my $answer = '';
IPC::Run::run([ 'postgres', '--single', '-D', $node->data_dir, 'postgres' ],
	'<', \"SELECT pganalytics_status() -> 'problems'\n", '>', \$answer);
like($answer, qr/single-user mode, which has no background workers/, 'in single-user mode the status says what is missing');
unlike($answer, qr/max_worker_processes/, 'and blames no setting');
$node->start;

$node->check_log(allowed => [qr/database "monitoring" does not exist|being accessed by other users/,
	qr/canceling statement due to lock timeout|no background worker is free|database \d+ does not exist/]);
done_testing();
