
# Where time goes: backends are counted by what they do in proportion to time;
# transactions that stay open and whatever holds the xmin horizon show.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $SAMPLE_SECONDS = 0.1;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	init => { allows_streaming => 'logical' },
	settings => {
		'pganalytics.activity_sample_interval' => '100ms',
		'pganalytics.pg_activity_interval' => '1s',
		'pganalytics.pg_stats_interval' => '1h',
		'compute_query_id' => 'on',
		'max_prepared_transactions' => '2',
	});

sub utc_now
{
	return $node->safe_psql('postgres',
		q{SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')});
}

sub session
{
	my ($application, $database, %options) = @_;
	my $session = $node->background_psql($database // 'postgres', %options);

	$session->query_safe("SET application_name = '$application'");
	return $session;
}

# The rows of a metric that are of an application.
sub states_of
{
	my ($application, $metric) = @_;

	return grep { ($_->{application} // '') eq $application } @{ $metric->{states} };
}

# How much longer a report's interval was than its samples account for: the collector had no CPU.
sub seconds_unseen
{
	my ($metric) = @_;

	return abs($metric->{samples} * $SAMPLE_SECONDS - $metric->{interval_ms} / 1000);
}

# The newest report that has a row of the application that the sub is true of.
sub wait_for_state
{
	my ($application, $condition, %filters) = @_;
	my $where = delete $filters{where_all} // sub { 1 };
	my $has_row = sub { $where->($_[0]) && grep { $condition->($_) } states_of($application, $_[0]) };

	return $backend->wait_for_metric('pg_activity', undef, where => $has_row, %filters);
}

# One whose interval began with that one.
sub next_report
{
	my ($metric) = @_;

	return $backend->wait_for_metric('pg_activity', undef,
		where => sub { $_[0]{timestamp} gt $metric->{timestamp} });
}

sub holders_of
{
	my ($kind, $metric) = @_;

	return grep { $_->{kind} eq $kind } @{ $metric->{xmin_horizon} };
}

sub wait_for_holder
{
	my ($kind, $holder) = @_;
	my $metric = $backend->wait_for_metric('pg_activity', undef,
		where => sub { grep { $_->{holder} eq $holder } holders_of($kind, $_[0]) });

	return (holders_of($kind, $metric))[0];
}

sub burn_transactions
{
	$node->safe_psql('postgres', 'SELECT pg_current_xact_id()') foreach 1 .. 5;
	return;
}

# Opened first: it takes a minute until it is a long one.
my $long = session('forgotten');
$long->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
my $long_pid = $long->query_safe('SELECT pg_backend_pid()');

# ---- a lock ----

$node->safe_psql('postgres', 'CREATE TABLE counter (n int); INSERT INTO counter VALUES (1)');
my $holder = session('holder');
$holder->query_safe('BEGIN; UPDATE counter SET n = 2');
my $waiter = session('waiter');
my $idle = session('idler');

my $after = utc_now();
$waiter->query_until(qr/waiting/, "\\echo waiting\n"
	  . "UPDATE counter SET n = 3 RETURNING extract(epoch FROM clock_timestamp() - statement_timestamp());\n");
ok( $node->poll_query_until('postgres',
		q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'waiter' AND wait_event_type = 'Lock'}),
	'a session waits for a lock');
my $queryid = $node->safe_psql('postgres',
	q{SELECT query_id FROM pg_stat_activity WHERE application_name = 'waiter'});

my $is_lock_wait = sub { ($_[0]{wait_event_type} // '') eq 'Lock' };
my $first = wait_for_state('waiter', $is_lock_wait, after => utc_now());
my $second = next_report($first);
# one during which the machine did not stand still
my $whole = wait_for_state('waiter', $is_lock_wait,
	where_all => sub { $_[0]{timestamp} gt $second->{timestamp} && seconds_unseen($_[0]) < 0.5 });
pass('samples are as many as the interval holds');
my ($wait) = grep { $is_lock_wait->($_) } states_of('waiter', $whole);
is($wait->{wait_event}, 'transactionid', 'it shows with what it waits for');
is($wait->{state}, 'active', 'its state');
is($wait->{database}, 'postgres', 'its database');
is($wait->{user}, $node->safe_psql('postgres', 'SELECT current_user'), 'its user');
is($wait->{backend_type}, 'client backend', 'its kind');
is($wait->{queryid}, $queryid, 'its query id, as text');
is($wait->{count}, $whole->{samples}, 'in every sample');
is($whole->{other}, 0, 'no state is left out');

my ($in_transaction) = states_of('holder', $whole);
is($in_transaction->{state}, 'idle in transaction', 'who holds the lock shows as what it is');
is($in_transaction->{wait_event}, 'ClientRead', 'and waits for its client');
is_deeply(
	[ map { [ @$_{qw(state wait_event queryid)} ] } states_of('idler', $whole) ],
	[ [ 'idle', undef, undef ] ],
	'who is idle is just that');
is(scalar(grep { ($_->{backend_type} // '') =~ /^pganalytics/ } @{ $whole->{states} }),
	0, 'our own processes are not counted');
ok((grep { $_->{backend_type} eq 'checkpointer' } @{ $whole->{states} }),
	'the processes of the server itself are');

$holder->query_safe('COMMIT');
my ($waited) = $waiter->query_safe('SELECT 1') =~ /^([\d.]+)/;
my $released = utc_now();
$backend->wait_for_metric('pg_activity', undef, after => $released);
my $count = 0;
my $unseen = 0;
foreach my $metric ($backend->metrics('pg_activity'))
{
	next if $metric->{timestamp} lt $after;
	$count += $_->{count} foreach grep { $is_lock_wait->($_) } states_of('waiter', $metric);
	$unseen += seconds_unseen($metric);
}
cmp_ok(abs($count * $SAMPLE_SECONDS - $waited), '<', 0.2 * $waited + 0.5 + $unseen,
	"the samples add up to the time it waited ($count samples in $waited s)");

# ---- names ----

$node->safe_psql('postgres', 'CREATE DATABASE doomed');
$node->safe_psql('postgres', 'CREATE ROLE doomed SUPERUSER LOGIN');

# Waits until the collector has looked at the backends a number of times; it wakes up
# for nothing else.
sub wait_for_samples
{
	my ($number) = @_;
	my $status = '/proc/' . $node->worker_pid('collector') . '/status';
	my $wakeups = sub { PostgreSQL::Test::Utils::slurp_file($status) =~ /^voluntary.*?(\d+)/m && $1 };
	my $before = $wakeups->();

	wait_until('samples', sub { $wakeups->() > $before + $number });
	return;
}

# A report has 300 samples at most, so the longer the interval, the fewer of them a second.
$node->set(
	'pganalytics.pg_activity_interval' => '2min',
	'pganalytics.enabled_collectors' => 'pg_activity');
my $runs = sub { $node->status->{collectors}{pg_activity}{runs} };
wait_until(
	'no more reports',
	sub {
		my $before = $runs->();

		wait_for_samples(15);
		return $runs->() == $before;
	});
my $doomed = session('doomed', 'doomed', extra_params => [ '-U', 'doomed' ]);
$node->collect('pg_activity');
wait_for_samples(3);
$doomed->quit;
$node->safe_psql('postgres', 'DROP DATABASE doomed');
$node->safe_psql('postgres', 'DROP ROLE doomed');
$after = utc_now();
$node->collect('pg_activity');
my ($orphan) = states_of('doomed', wait_for_state('doomed', sub { 1 }, after => $after));
ok(!defined $orphan->{user}, 'a role that was dropped since has no name');
ok(!defined $orphan->{database}, 'nor has a database');
$node->set('pganalytics.pg_activity_interval' => '1s');

# ---- the xmin horizon ----

$node->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('decoder', 'test_decoding')});
$node->safe_psql('postgres', q{BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'lost one'});
burn_transactions();

my $prepared = wait_for_holder('prepared_transaction', 'lost one');
cmp_ok($prepared->{age}, '>=', 1, 'a prepared transaction holds the horizon');
is($prepared->{database}, 'postgres', 'of its database');
ok(wait_for_holder('slot_catalog', 'decoder'), 'a logical slot holds that of the catalogues');
my $oldest = wait_for_holder('backend', $long_pid);
cmp_ok($oldest->{age}, '>=', 5, 'the oldest backend holds it');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'lost one'});
$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('decoder')});

my $standby = $node->create_standby(
	'standby',
	'hot_standby_feedback' => 'on',
	'wal_receiver_status_interval' => '1s');
my $reader = $standby->background_psql('postgres');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
ok(wait_for_holder('standby_feedback', 'standby'), 'a standby holds it by its feedback');
$node->safe_psql('postgres', q{SELECT pg_create_physical_replication_slot('keeper')});
$standby->set('primary_slot_name' => 'keeper');
ok(wait_for_holder('slot', 'keeper'), 'or by its slot');
is($standby->safe_psql('postgres',
		q{SELECT s #>> '{xmin_horizon,0,kind}' FROM pganalytics_sample('pg_activity') s}),
	'backend', 'a standby reports, too');
$reader->quit;

# ---- a session ----

my $sample = $node->safe_psql('postgres', q{
	SELECT s ->> 'samples', s ? 'interval_ms', s ? 'oldest', s ? 'xmin_horizon',
		(SELECT count(*) FROM jsonb_array_elements(s -> 'states') b WHERE b ->> 'application' = 'forgotten')
	FROM pganalytics_sample('pg_activity') s});
is($sample, '1|f|t|t|1', 'a session can take a sample of its own');

# ---- a long transaction ----

my $is_long = sub { grep { $_->{pid} == $long_pid } @{ $_[0]{long_transactions} // [] } };
my $metric = $backend->wait_for_metric('pg_activity', undef, where => $is_long);
my ($transaction) = $is_long->($metric);
is(scalar @{ $metric->{long_transactions} }, 1, 'a transaction of a minute is a long one');
is($transaction->{application}, 'forgotten', 'it shows with its application');
is($transaction->{state}, 'idle in transaction', 'its state');
cmp_ok($transaction->{transaction_seconds}, '>=', 60, 'its age');
cmp_ok($transaction->{xmin_age}, '>=', 5, 'the age of its snapshot');
ok(!defined $transaction->{xid_age}, 'and no xid, since it has written nothing');
cmp_ok($metric->{oldest}{transaction_seconds}, '>=', 60, 'it is the oldest transaction');
cmp_ok($metric->{oldest}{idle_in_transaction_seconds}, '>=', 55, 'and the longest idle one');

# ---- off ----

$node->set('pganalytics.enabled_collectors' => 'sysstat');
$after = utc_now();
my @seen;
$backend->wait_for_metric('sysstat', undef, after => $after,
	where => sub { $seen[0] //= $_[0]{timestamp}; $_[0]{timestamp} gt $seen[-1] && push(@seen, $_[0]{timestamp}) > 4 });
pass('without it, another collector goes on');
$node->set('pganalytics.enabled_collectors' => 'sysstat,pg_activity');
$backend->wait_for_metric('pg_activity', undef, after => $seen[-1], where => sub { defined $_[0]{interval_ms} });
my $reports = join ', ', map { "('$_->{timestamp}'::timestamptz, $_->{interval_ms})" }
  grep { $_->{timestamp} gt $seen[-1] && defined $_->{interval_ms} } $backend->metrics('pg_activity');
is($node->safe_psql('postgres', qq{SELECT count(*) FROM (VALUES $reports) r (ended, ms)
	WHERE ended - ms * interval '1 ms' < '$seen[-2]'}), 0, 'and no report spans the time when nobody looked');

$_->quit foreach $long, $holder, $waiter, $idle;
is_deeply([ $backend->collection_errors ], [], 'no collection errors');
is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');
$standby->stop;
$node->check_log;
done_testing();
