
# Where the server writes no log files, entries come through shared memory: each
# once or counted, whatever happens to the process that writes them.

use strict;
use warnings;
use utf8;

use List::Util qw(sum0);
use POSIX ();
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Crash;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	init => { allows_streaming => 1 },
	settings => {
		'logging_collector' => 'off',
		'restart_after_crash' => 'on',
		'pganalytics.log_ring_size' => '64kB',
		'pganalytics.log_max_rate' => '100000',
	});
my $collector = $node->status->{collector_id};

sub entries
{
	my ($pattern, %filters) = @_;

	return grep { $_->{message} =~ $pattern }
	  map { @{ $_->{entries} // [] } } $backend->metrics('pg_log', %filters);
}

# The first entry like that, and the metric that it came in.
sub entry_like
{
	my ($pattern, %filters) = @_;
	my $metric = $backend->wait_for_metric('pg_log', undef, %filters,
		where => sub { grep { $_->{message} =~ $pattern } @{ $_[0]{entries} // [] } });
	my ($entry) = grep { $_->{message} =~ $pattern } @{ $metric->{entries} };

	return ($entry, $metric);
}

sub errors_like
{
	my ($pattern) = @_;

	return grep { $_->{type} eq 'pg_log' && $_->{error} =~ $pattern }
	  map { @{ $_->{collection_errors} } } $backend->batches;
}

sub warn_with
{
	my ($text) = @_;

	$node->psql('postgres', "DO \$\$ BEGIN RAISE WARNING '$text'; END \$\$");
	return;
}

$node->wait_for_state('ok');
ok($node->wait_for_problem(qr/hook.*postmaster.*connections received.*logging_collector/),
	'the status tells what is missing');

# ---- what an entry holds ----

my $before = $node->utc_now;
$node->psql('postgres', q{
	SET application_name = 'till 7';
	DO $$ BEGIN RAISE LOG 'not asked for'; RAISE WARNING E'two lines, ünïcödé\nof it'; END $$;
	SELECT 1/0;
	SELECT pg_backend_pid();
}, on_error_stop => 0, stdout => \my $stdout);
my ($pid) = $stdout =~ /(\d+)\s*$/;
my ($warning, $metric) = entry_like(qr/^two lines/);
is($metric->{source}, 'hook', 'the source is the hook');
ok(!exists $metric->{file}, 'and no file');
is($warning->{message}, "two lines, ünïcödé\nof it", 'message');
is($warning->{level}, 'WARNING', 'level');
is($warning->{sqlstate}, '01000', 'SQLSTATE');
is($warning->{pid}, $pid, 'pid');
is($warning->{user}, $node->safe_psql('postgres', 'SELECT current_user'), 'user');
is($warning->{database}, 'postgres', 'database');
is($warning->{application}, 'till 7', 'application');
cmp_ok($warning->{timestamp}, 'ge', $before, 'timestamp is not too early');
cmp_ok($warning->{timestamp}, 'le', $node->utc_now, 'timestamp is not too late');
my ($error) = entry_like(qr/^division by zero/);
is($error->{level}, 'ERROR', 'errors too');
is($error->{sqlstate}, '22012', 'with their SQLSTATE');
is_deeply([ entries(qr/not asked for/) ], [], 'log_filters count');

# ---- each once, or counted ----

my $loop = q{DO $$ BEGIN FOR i IN 1..%d LOOP RAISE WARNING 'number %% of %s', i; END LOOP; END $$};
$node->psql('postgres', sprintf($loop, 50, 'few'));
entry_like(qr/^number 50 of few/);
is_deeply([ map { $_->{message} =~ /(\d+)/ } entries(qr/ of few$/) ], [ 1 .. 50 ],
	'each entry once and in order');

sub dropped { return sum0(map { $_->{dropped}{WARNING} // 0 } $backend->metrics('pg_log')) }

my $dropped_before = dropped();
$node->psql('postgres', sprintf($loop, 5000, 'many'));
my $total = wait_until(
	'all entries have arrived or are counted',
	sub {
		my $sum = entries(qr/ of many$/) + dropped() - $dropped_before;
		return $sum >= 5000 && $sum;
	},
	otherwise => sub { scalar(entries(qr/ of many$/)) . ' arrived, ' . dropped() . ' counted' });
is($total, 5000, 'of a flood each entry arrives or is counted');
my %times;
$times{ $_->{message} }++ foreach entries(qr/ of many$/);
is_deeply([ grep { $_ > 1 } values %times ], [], 'and none comes twice');

# ---- a writer that is stopped in the middle ----

my $client = fork // die "fork: $!";
if ($client == 0)
{
	open STDIN, '<', '/dev/null';
	open STDOUT, '>', '/dev/null';
	open STDERR, '>&', \*STDOUT;
	exec 'psql', '-Xq', '-d', $node->connstr('postgres'), '-c', q{
		SET application_name = 'flood'}, '-c', q{SET client_min_messages = error}, '-c', q{
		DO $$ BEGIN
			LOOP RAISE LOG '%', repeat('x', 2000); PERFORM pg_sleep(0.0005); END LOOP;
		END $$}
	  or POSIX::_exit(127);
}
my $writer = wait_until('the flood has begun', sub {
		$node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity
			WHERE application_name = 'flood' AND query ~ 'RAISE LOG'})
	});
foreach my $round (1 .. 5)
{
	kill 'STOP', $writer;
	warn_with("round $round");
	ok((entry_like(qr/^round $round$/))[0], "round $round: a stopped writer holds up nobody");
	kill 'CONT', $writer;
}

# ---- a writer that is killed ----

my $log_size = $node->log_size;
kill 'KILL', $writer;
$node->wait_for_log(qr/all server processes terminated; reinitializing/, $log_size);
$node->poll_query_until('postgres', 'SELECT true');
waitpid $client, 0;
warn_with('after the crash');
ok((entry_like(qr/^after the crash/))[0], 'after the crash of a writer the log is read on');
is_deeply([ map { scalar entries(qr/^round $_$/) } 1 .. 5 ], [ (1) x 5 ], 'and nothing was repeated');
my $told = qr/started again after a crash.* lost/;
wait_until('a batch tells what the crash took', sub { errors_like($told) > 0 });
warn_with('told');
ok((entry_like(qr/^told/))[0], 'and goes on');
is(scalar errors_like($told), 1, 'it is told once');

# ---- a standby ----

my $standby = $node->create_standby('standby', 'logging_collector' => 'off');
$standby->psql('postgres', q{DO $$ BEGIN RAISE WARNING 'standing by'; END $$});
my $standby_id = $standby->status->{collector_id};
isnt($standby_id, $collector, 'the standby has an identity of its own');
ok((entry_like(qr/^standing by/, collector => $standby_id))[0], 'a standby is read in the same way');
$standby->stop;

# ---- the setting ----

$node->configure('pganalytics.log_source' => 'file');
$node->restart;
ok($node->wait_for_problem(qr/logging_collector.*off/), 'files where there are none are a problem');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_shmem_allocations WHERE name = 'pganalytics log'}),
	0, 'and no memory is taken');

$node->configure('pganalytics.log_source' => 'hook', 'logging_collector' => 'on');
$node->restart;
warn_with('by the hook');
is((entry_like(qr/^by the hook/))[1]{source}, 'hook', 'the hook can be used where there are files');
is(scalar entries(qr/^by the hook/), 1, 'and they are not read');

$node->configure('pganalytics.log_source' => 'auto');
$node->restart;
$node->wait_for_status('the log is read', sub { $_->{collectors}{pg_log}{runs} > 0 });
warn_with('by the file');
is((entry_like(qr/^by the file/))[1]{source}, 'stderr', 'files are read where there are some');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_shmem_allocations WHERE name = 'pganalytics log'}),
	0, 'without a hook');

is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');
$node->check_log(allowed => [ qr/division by zero/, @PgAnalytics::Crash::SAYS ]);
$standby->check_log(allowed => [qr/terminating walreceiver process due to administrator command/]);
done_testing();
