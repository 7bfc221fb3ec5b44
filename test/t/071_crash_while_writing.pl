
# A process is killed while a batch is written or makes room for another: the
# batch is there as a whole or not at all, nothing that was there before is lost,
# and what was dropped is counted.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Crash;
use PgAnalytics::Files;
use PgAnalytics::Wait;
use Test::More;

my $PUSH = '/api/v1/metrics/push';
my $backend = PgAnalytics::Backend->new('--schema' => '');
my $crash = PgAnalytics::Crash->create($backend, max_prepared_transactions => 1);
my $node = $crash->node;

# ---- each point, by kill -9 of the writer; at one of them everybody else ----

my @points = qw(create write header rename renamed);
my %collect = (
	collector => sub { $crash->collect('sysstat') },
	visitor => sub { $crash->collect('pg_stats') });

foreach my $who (sort keys %collect)
{
	foreach my $point (@points)
	{
		$crash->strike($point, $who, by => $collect{$who});
	}
	$crash->balance("kill -9 of the $who at each step");
}
foreach my $target (qw(backend postmaster orphan wait term))
{
	my %name = (
		backend => 'kill -9 of a backend',
		postmaster => 'kill -9 of all',
		orphan => 'kill -9 of the postmaster',
		wait => 'an immediate shutdown',
		term => 'SIGTERM to them');

	$crash->strike('rename', 'collector', target => $target, by => $collect{collector});
	$crash->strike('renamed', 'visitor', target => $target, by => $collect{visitor});
	$crash->balance("$name{$target} while collector and visitor write");
}

# ---- the end of the collector while it reads, in whatever way ----

# All of this with fsync, which tests are without otherwise: a server that comes up again after a
# crash forces its whole data directory to disk, and that takes its time.

# At its start all is due; a transaction of nobody is in the way of the last of that.
$node->safe_psql('postgres', q{
	BEGIN;
	LOCK TABLE pganalytics_custom_collector IN ACCESS EXCLUSIVE MODE;
	PREPARE TRANSACTION 'in the way'});
$node->stop;
$node->configure(
	'fsync' => 'on',
	'pganalytics.enabled_collectors' => 'pg_stats,sysstat,disk_usage,pg_log,custom',
	'pganalytics.lock_timeout' => '60s',
	'pganalytics.statement_timeout' => '10min');
$crash->start;
my $collector = wait_until('the collector waits', sub {
	$node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pganalytics collector' AND wait_event_type = 'Lock'}) });
my ($in_hand) = glob $node->data_dir . "/pg_stat_tmp/pganalytics/spool/*.tmp.$collector";
ok($in_hand, 'the collector has something in hand');
$node->kill9;
my $kept = $in_hand =~ s/\.tmp\..*/.plain/r;
ok(-e $kept, 'which it leaves in the spool');
$crash->start;
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'in the way'});
$crash->wait_until_up;
$crash->balance('the end of the postmaster while the collector reads');
ok(scalar(grep { sequence_of($_->{batch_id}) == sequence_of($kept) } $backend->batches), 'it arrives');

$crash->strike('renamed', 'collector', by => $collect{collector});
$crash->balance('kill -9 of the collector, with fsync');
$node->set('fsync' => 'off');

# ---- eviction ----

# Some 200 kB that cannot be compressed much.
sub write_large_batch
{
	$crash->try(q{DO $$ BEGIN FOR i IN 1 .. 40 LOOP
		RAISE WARNING '%', (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 200)); END LOOP; END $$});
	$crash->collect('pg_log');
	return;
}

$backend->order(action => 'status', status => 503, times => undef, path => $PUSH);
$node->set('pganalytics.spool_max_size' => '1MB');
my $dropped = $node->status->{spool}{dropped};
for (1 .. 30)
{
	write_large_batch();
	last if $node->status->{spool}{dropped} > $dropped;
}
cmp_ok($node->status->{spool}{dropped}, '>', $dropped, 'the spool is full, and the oldest batches are dropped');
foreach my $point (qw(count counted remove removed))
{
	$crash->strike($point, 'collector', by => \&write_large_batch);
}
foreach my $target (qw(postmaster wait))
{
	$crash->strike('counted', 'collector', target => $target, by => \&write_large_batch);
	$crash->strike('removed', 'collector', target => $target, by => \&write_large_batch);
}
# from here on nothing is dropped that may have arrived, the reply being lost
$node->set('pganalytics.spool_max_size' => '256MB');
$crash->collect('sysstat') foreach 1, 2;    # the first one may have begun before that was known
$backend->order(action => 'reset');
$crash->balance('crashes at each step of an eviction');

$node->check_log(allowed => \@PgAnalytics::Crash::SAYS);
done_testing();
