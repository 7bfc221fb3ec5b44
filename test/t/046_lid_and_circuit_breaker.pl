
# The extension keeps below pganalytics.max_cpu_percent: collectors are delayed,
# which the status says, and none is left out. A probe that keeps timing out is
# left alone for a while, where it does, and recovers by itself.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'autovacuum' => 'off',
		'pganalytics.enabled_collectors' => 'pg_stats, sysstat, pg_cache',
		'pganalytics.pg_cache_interval' => '1s',
	});

$node->safe_psql('postgres', 'CREATE DATABASE blocked');
$node->safe_psql('postgres', 'ALTER DATABASE blocked SET exit_on_error = on');    # visitors have to take errors

# ---- the circuit breaker ----

sub breaker { return $node->safe_psql('postgres',
	q{SELECT circuit_breaker FROM pganalytics_collectors WHERE collector = 'pg_stats'}) }

$backend->wait_for_metric('pg_stats', 'blocked');
is(breaker(), 'closed', 'the circuit breaker is closed');

my $holder = $node->background_psql('blocked');
$holder->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_namespace IN ACCESS EXCLUSIVE MODE');
$node->wait_for_status('the circuit breaker opens',
	sub { $_->{collectors}{pg_stats}{circuit_breaker} eq 'open' });
ok($node->status->{collectors}{pg_stats}{circuit_breaker_until}, '... and says until when');
my $after = $node->utc_now;
ok($backend->wait_for_metric('pg_stats', 'postgres', after => $after), 'other databases go on');
my $told = $backend->wait_for_request(
	'an error that says so',
	sub {
		$_[0]{stored} && grep { $_->{database} eq 'blocked' && $_->{error} =~ /in a row and is left alone/ }
		  @{ $_[0]{body}{collection_errors} };
	});
ok($told, 'what is left alone is an error of the collection');
$holder->query_safe('ROLLBACK');
$holder->quit;
$node->wait_for_status('the circuit breaker closes by itself',
	sub { $_->{collectors}{pg_stats}{circuit_breaker} eq 'closed' });
$after = $node->utc_now;
ok( $backend->wait_for_metric('pg_stats', 'blocked', after => $after, where => sub { $_[0]{tables} }),
	'the database reports again');

# ---- who begins when others have taken most of a visit ----

SKIP:
{
	skip 'with valgrind a visit takes its time', 1 if $ENV{VALGRIND_OPTS};

	# Both wait for the lock: one takes two seconds, the other has less than one.
	$node->set('pganalytics.statement_timeout' => '2s', 'pganalytics.lock_timeout' => '1min');
	$node->wait_until_heard;
	$holder = $node->background_psql('blocked');
	$holder->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_namespace IN ACCESS EXCLUSIVE MODE');
	my $first = $backend->position;
	isnt($node->psql('postgres', 'SELECT pganalytics_collect()'), 0, 'what takes too long is an error');
	$node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')});
	my @blamed;
	foreach my $batch ($backend->batches($first))
	{
		my %types = map { $_->{type} => 1 } grep { $_->{error} !~ /left alone/ } @{ $batch->{collection_errors} };
		push @blamed, join ' ', sort keys %types if %types;
	}
	ok((grep { $_ eq 'pg_stats' } @blamed), '... told of one');
	is_deeply([ grep { / / } @blamed ], [], '... and not of what had no time left in a visit: it has its turn at another one');
	$holder->query_safe('ROLLBACK');
	$holder->quit;
	$node->set('pganalytics.statement_timeout' => '5s', 'pganalytics.lock_timeout' => '100ms');
}

# ---- the lid ----

$node->set('pganalytics.max_cpu_percent' => 1, 'pganalytics.visitors' => 2);
my $status = $node->wait_for_status(
	'collectors are delayed',
	sub { grep { /collectors are delayed/ } @{ $_->{problems} } });
cmp_ok($status->{cpu}{percent}, '>', 0, 'the status says what is used');
is($status->{cpu}{max_percent}, 1, '... and what may be');
$node->wait_for_status('the delay adds up', sub { $_->{cpu}{delayed_seconds} > 0 });
my $since = $backend->position;
$node->collect;
$node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')});
ok(scalar($backend->metrics('pg_stats', since => $since)), 'what is asked for is read nevertheless');

$node->set('pganalytics.max_cpu_percent' => 0);
$node->wait_for_status('without a lid nothing is delayed',
	sub { !grep { /collectors are delayed/ } @{ $_->{problems} } });
$after = $node->utc_now;
ok($backend->wait_for_metric($_, undef, after => $after), "$_ goes on") foreach qw(sysstat);
ok($backend->wait_for_metric('pg_stats', $_, after => $after), "visits of $_ go on")
  foreach qw(postgres blocked);

$node->check_log(allowed => [qr/could not be collected in full: .*(?:statement timeout|time|left alone)/]);
done_testing();
