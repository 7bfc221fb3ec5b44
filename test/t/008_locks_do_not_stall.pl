
# Who holds a lock does not hold up the collection: sizes are read without locks,
# and what does need one gives up soon and says so.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create('main', backend => $backend);

# ---- a table ----

$node->safe_psql('postgres', q{
	CREATE TABLE busy (id int PRIMARY KEY);
	INSERT INTO busy SELECT generate_series(1, 1000);
	CREATE DATABASE blocked;
});
my $holder = $node->background_psql('postgres');
$holder->query_safe(q{BEGIN; LOCK TABLE busy IN ACCESS EXCLUSIVE MODE; ALTER INDEX busy_pkey SET (fillfactor = 80)});

my $metric = $backend->wait_for_metric('pg_stats', 'postgres',
	after => $node->utc_now, name => 'busy', where => sub { $_[0]{tables} });
cmp_ok($metric->{tables}[0]{size_bytes}, '>', 0, 'a table that is locked has its size');
my $waiting = $node->safe_psql('postgres', q{
	SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
	WHERE NOT granted AND backend_type LIKE 'pganalytics%'});
is($waiting, 0, 'nobody of us waits for the lock');
$holder->query_safe('ROLLBACK');

# ---- a catalogue that the probes need ----

sub is_of_blocked
{
	return $_[0]{database} eq 'blocked' && $_[0]{type} eq 'pg_stats' && $_[0]{error} !~ $PgAnalytics::Backend::NO_TIME;
}

my $other = $node->background_psql('blocked');
$other->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_namespace IN ACCESS EXCLUSIVE MODE');
my $after = $node->utc_now;
my $since = $backend->position;

my $batch = $backend->wait_for_request(
	'with a collection error',
	sub { $_[0]{stored} && grep { is_of_blocked($_) } @{ $_[0]{body}{collection_errors} } },
	$since)->{body};
my ($error) = grep { is_of_blocked($_) } @{ $batch->{collection_errors} };
is($error->{type}, 'pg_stats', 'what could not be read is an error of its collector');
is($error->{sqlstate}, '55P03', 'with its SQLSTATE');
my $status = $node->status;
cmp_ok($status->{collectors}{pg_stats}{errors}, '>', 0, 'which the status counts');
ok($backend->wait_for_metric('pg_stats', 'postgres', after => $after), 'other databases go on');
ok($backend->wait_for_metric('sysstat', undef, after => $after), 'other collectors go on');
$other->query_safe('ROLLBACK');

$after = $node->utc_now;
ok( $backend->wait_for_metric('pg_stats', 'blocked',
		after => $after, where => sub { @{ $_[0]{tables} // [] } }),
	'the database reports as soon as it can');

# ---- a catalogue that already the connection needs ----

$other->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_index IN ACCESS EXCLUSIVE MODE');
$since = $backend->position;
my $log = $node->log_size;
ok( $backend->wait_for_request(
		'with a failed visit',
		sub {
			$_[0]{stored} && grep { $_->{database} eq 'blocked' && $_->{error} =~ /the visit ended early/ }
			  @{ $_[0]{body}{collection_errors} };
		},
		$since),
	'a database that cannot be connected to is an error too');
$node->wait_for_log(qr/LOG:  pganalytics: the visit to database "blocked" ended early/, $log);
my $runs = $node->status->{collectors}{pg_stats}{runs};
$node->wait_for_status('some more rounds', sub { $_->{collectors}{pg_stats}{runs} > $runs + 3 });
ok($backend->wait_for_metric('pg_stats', 'postgres', after => $node->utc_now), 'other databases go on');
my @lines = grep { /LOG:  pganalytics: the visit/ } split /\n/, $node->log_text($log);
is(scalar @lines, 1, 'a state that lasts is one line in the log') or diag join "\n", @lines;
$other->query_safe('ROLLBACK');
$after = $node->utc_now;
ok( $backend->wait_for_metric('pg_stats', 'blocked',
		after => $after, where => sub { @{ $_[0]{tables} // [] } }),
	'and it reports as soon as it can');

$_->quit foreach $holder, $other;
is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');
$node->check_log(allowed => [qr/canceling statement due to lock timeout/]);
done_testing();
