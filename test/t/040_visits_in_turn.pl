
# Databases are visited one after the other, spread over the interval; all of
# them are asked for by pganalytics_collect() at once; a new one is not forgotten,
# and the status says how long the longest wait was.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

use constant DATABASES => 12;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'fsync' => 'off',
		'autovacuum' => 'off',
		'pganalytics.pg_stats_interval' => '4s',
		'pganalytics.enabled_collectors' => 'pg_stats, pg_cache',
		'pganalytics.pg_cache_interval' => '4s',
	});
my @databases = ('postgres', map { "db$_" } 1 .. DATABASES);

$node->safe_psql('postgres', "CREATE DATABASE db$_ STRATEGY file_copy") foreach 1 .. DATABASES;

sub seconds_in_hour
{
	my ($timestamp) = @_;
	my ($minute, $second) = $timestamp =~ /:(\d\d):([\d.]+)Z$/;

	return $minute * 60 + $second;
}

# ---- on request: all of them, now ----

my $before = $backend->position;
$node->collect;
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'what was asked for has arrived');
my %visited = map { $_->{database} => 1 } $backend->metrics('pg_stats', since => $before);
is_deeply([ sort keys %visited ], [ sort @databases ], 'all databases are visited on request');

# ---- in turn ----

# Every database twice more, so that each has found its place.
my %visits;
my $seen = $before;
wait_until(
	'every database is visited again and again',
	sub {
		my $next = $backend->position;

		$visits{ $_->{database} }{ $_->{timestamp} } = 1
		  foreach $backend->metrics('pg_stats', since => $seen);
		$seen = $next;
		return !grep { keys %{ $visits{$_} // {} } < 4 } @databases;
	});
my %tenths = map { int(seconds_in_hour((sort keys %{$_})[-1]) * 10) => 1 } values %visits;
cmp_ok(scalar keys %tenths, '>=', DATABASES / 2, 'visits are not made in one burst');

my %by_batch;
foreach my $batch ($backend->batches($before))
{
	my %types = map { $_->{type} => 1 } @{ $batch->{metrics} };

	$by_batch{ join ' ', sort keys %types }++;
}
SKIP:
{
	skip 'with AddressSanitizer every visit is a large one', 1 if $ENV{ASAN_OPTIONS};

	cmp_ok($by_batch{'pg_cache pg_stats'} // 0, '>=', DATABASES, 'collectors share a visit')
	  or diag explain \%by_batch;
}

# ---- the status ----

my $status = $node->wait_for_status(
	'the status knows all databases',
	sub { $_->{visits}{databases} == @databases });
ok($status->{visits}{longest_gap_seconds} > 0, 'the status says how long the longest gap was');
ok((grep { $_ eq $status->{visits}{longest_gap_database} } @databases), '... and in which database');
ok($status->{visits}{longest_visit_ms} > 0, '... and how long a visit took');

# ---- coming and going ----

$node->safe_psql('postgres', 'CREATE DATABASE late');
ok($backend->wait_for_metric('pg_stats', 'late'), 'a new database is visited');
$node->safe_psql_alone('postgres', 'DROP DATABASE late');
$node->wait_for_status('a dropped database is forgotten',
	sub { $_->{visits}{databases} == @databases });

# ---- one that is being copied, altered or dropped ----

my $owner = $node->background_psql('postgres', on_error_stop => 0);
wait_until(
	'the database is locked',    # who is there is waited for, five seconds
	sub {
		$owner->query('BEGIN; ALTER DATABASE db1 RENAME TO db1_renamed');
		return 1 if $owner->query('SELECT 1') eq '1';
		$node->{was_in_use} = 1;
		$owner->query('ROLLBACK');
		return 0;
	});
my $stderr;
$node->psql('postgres', 'SELECT pganalytics_collect()', stderr => \$stderr);    # a visitor may have been on its way
$node->{had_no_time} = 1 if $stderr =~ $PgAnalytics::Backend::NO_TIME;
my $offset = $node->log_size;
$before = $backend->position;
ok( wait_until(
		'a collection that tells',
		sub {
			$node->psql('postgres', 'SELECT pganalytics_collect()', stderr => \$stderr);
			# where there was no time for another one, that may be told instead
			$node->{had_no_time} = 1 if $stderr =~ $PgAnalytics::Backend::NO_TIME;
			return $stderr =~ /it is not visited while somebody else has it locked/;
		},
		otherwise => sub { $stderr }),
	'a database that is locked: who asks is told');
$node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')});
ok(scalar($backend->metrics('pg_stats', database => 'db2', since => $before)), '... and the others are visited');
unlike($node->log_text($offset), qr/ERROR:  canceling statement due to lock timeout/, '... and nobody waits there in vain');
$owner->query('ROLLBACK');
$owner->quit;
$node->collect;
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'what was asked for has arrived, once more');
ok(scalar($backend->metrics('pg_stats', database => 'db1', since => $before)), 'it is visited when that is over');

# ---- several at a time ----

$node->set('pganalytics.visitors' => 4);
my $after = $node->utc_now;
$before = $backend->position;
$node->collect;
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', '... and again');
%visited = map { $_->{database} => 1 }
  grep { $_->{timestamp} ge $after } $backend->metrics('pg_stats', since => $before);
is_deeply([ sort keys %visited ], [ sort @databases ], 'four visitors leave none out');

# A visitor may be on its way to the database that is just being dropped.
$node->check_log(allowed => [qr/database (?:\d+|"late") does not exist|canceling statement due to lock timeout|could not be collected in full: .*has it locked|current transaction is aborted/]);
done_testing();
