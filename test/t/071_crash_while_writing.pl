
# A process is killed while a batch is written or makes room for another: the
# batch is there as a whole or not at all, nothing that was there before is lost,
# and what was dropped is counted.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Crash;
use Test::More;

my $PUSH = '/api/v1/metrics/push';
my $backend = PgAnalytics::Backend->new('--schema' => '');
my $crash = PgAnalytics::Crash->create($backend);
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
