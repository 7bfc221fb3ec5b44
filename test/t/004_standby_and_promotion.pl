
# A hot standby reports as the primary does, under an identity of its own, and
# goes on through its promotion with the same workers.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $primary = PgAnalytics::Cluster->create(
	'primary',
	backend => $backend,
	init => { allows_streaming => 1 });

$primary->safe_psql('postgres', 'CREATE TABLE shared_table AS SELECT generate_series(1, 100) AS id');
$primary->wait_for_state('ok');
my $standby = $primary->create_standby('standby');
$primary->wait_for_catchup($standby);
ok(!-e $primary->backup_dir . '/standby/pg_stat_tmp/pganalytics', 'a base backup takes no spool along');

sub wait_for_batch
{
	my ($node, $what, $condition, $since) = @_;
	my $id = $node->status->{collector_id};

	return $backend->wait_for_request(
		$what,
		sub { $_[0]{stored} && $_[0]{body}{collector_id} eq $id && $condition->($_[0]{body}) },
		$since)->{body};
}

# ---- standby ----

my $before = $standby->wait_for_status('all is well', sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } });
my $id = $before->{collector_id};
ok($before->{in_recovery}, 'the standby knows that it is one');
isnt($id, $primary->status->{collector_id}, 'it has an identity of its own');
foreach my $type (qw(pg_stats sysstat disk_usage))
{
	my $batch = wait_for_batch($standby, "$type of the standby",
		sub { grep { $_->{type} eq $type } @{ $_[0]{metrics} } });

	ok($batch->{in_recovery}, "$type arrives from the standby");
}
my $metric = $backend->wait_for_metric('pg_stats', 'postgres', collector => $id, name => 'shared_table');
is($metric->{tables}[0]{size_bytes},
	$standby->safe_psql('postgres', q{SELECT pg_total_relation_size('shared_table')}),
	'with the sizes of its tables');
$standby->safe_psql('postgres', q{DO $$ BEGIN RAISE WARNING 'standing by'; END $$});
ok( $backend->wait_for_metric('pg_log', undef, collector => $id,
		where => sub { grep { $_->{message} =~ /standing by/ } @{ $_[0]{entries} } }),
	'and with its log');
pass('no problems');

# ---- promotion ----

my $since = $backend->position;
$standby->promote;
ok( wait_for_batch($standby, 'from the new primary',
		sub { !$_[0]{in_recovery} && grep { $_->{type} eq 'pg_stats' } @{ $_[0]{metrics} } }, $since),
	'it reports as a primary');

my $after = $standby->status;
ok(!$after->{in_recovery}, 'the status says so');
is($after->{collector_id}, $id, 'it keeps its identity');
is($after->{workers}{$_}{pid}, $before->{workers}{$_}{pid}, "the $_ went on through the promotion")
  foreach qw(collector sender);

$standby->safe_psql('postgres', 'CREATE TABLE own_table AS SELECT 1 AS id');
ok($backend->wait_for_metric('pg_stats', 'postgres', collector => $id, name => 'own_table'),
	'and what is new on it');

is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');

# ---- with one id for both, the status warns ----

$primary->set('pganalytics.collector_id' => 'fixed');
ok($primary->wait_for_status('id is fixed', sub { $_->{collector_id} eq 'fixed' }), 'an id can be given');
ok($primary->wait_for_status('no problems', sub { !@{ $_->{problems} } }), 'which is no problem on a primary');
$primary->set('pganalytics.collector_id' => 'db-%h', 'pganalytics.hostname' => 'alpha');
ok($primary->wait_for_status('%h is replaced', sub { $_->{collector_id} eq 'db-alpha' }),
	'%h is the host name');
ok(wait_for_batch($primary, 'under the new id', sub { $_[0]{hostname} eq 'alpha' }), 'and batches go out under it');

$primary->check_log(allowed => [qr/replication terminated by primary/]);
$standby->check_log(allowed => [qr/could not receive data from WAL stream|terminating walreceiver/]);
done_testing();
