
# The disk is full: what cannot be kept is counted and told, what is kept stays
# and is delivered, the server does not care, and all heals by itself.
#
# On a file system of its own, which scripts/test mounts where it may.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Wait;
use Test::More;

my $small = $ENV{PGANALYTICS_SMALL_FILESYSTEM};
plan skip_all => 'no small file system: only root may mount one' unless $small && -w $small;

my $PUSH = '/api/v1/metrics/push';
my $backend = PgAnalytics::Backend->new('--schema' => '');
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'pganalytics.state_directory' => "$small/state",
		'pganalytics.enabled_collectors' => 'sysstat,pg_log',
		(map { ("pganalytics.${_}_interval" => '1h') } qw(sysstat pg_log)) });

sub collect { $node->psql('postgres', qq{SELECT pganalytics_collect('$_[0]')}, stderr => \my $stderr) }

sub flush { $node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}) }

# Some 200 kB that cannot be compressed much.
sub collect_much
{
	$node->safe_psql('postgres', q{DO $$ BEGIN FOR i IN 1 .. 40 LOOP
		RAISE WARNING '%', (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 200)); END LOOP; END $$});
	collect('pg_log');
	return 1;
}

# Batches: one that is just being sealed has two files.
sub files
{
	my %batches = map { sequence_of($_) => 1 } glob "$small/state/spool/[0-9]*.{plain,batch}";

	return keys %batches;
}

$node->wait_for_state('ok');
is(flush(), 't', 'with room on the disk batches are delivered');
is($node->status->{spool}{dropped}, 0, 'and none is dropped');

# ---- full ----

$backend->order(action => 'status', status => 503, times => undef, path => $PUSH);
my $status = $node->wait_for_status('batches are dropped', sub { $_->{spool}{dropped} > 0 or !collect_much() });
ok(scalar(grep { /No space left on device/ } @{ $status->{problems} }), 'the disk is full, and the status says so');
is(scalar(() = $node->log_text =~ /pganalytics: could not .* No space left on device/g), 1, 'the server log once');
my $kept = scalar files();
cmp_ok($kept, '>', 3, 'what was kept before stays');
collect('sysstat') foreach 1 .. 3;
cmp_ok(scalar files(), '>=', $kept, 'nothing of it makes room');
is($node->safe_psql('postgres', 'CREATE TABLE goes_on AS SELECT 1 AS id; SELECT count(*) FROM goes_on'), '1', 'the server does not care');

# ---- and delivered, while it is full ----

my $filler = "$small/filler";
open my $file, '>', $filler or die "$filler: $!";
$file->autoflush(1);
1 while print $file 'x' x 4096;
close $file;
$backend->order(action => 'reset');
is(flush(), 't', 'all that was kept is delivered, though nothing can be written');
is(scalar files(), 0, 'the spool is empty');

# ---- restarted, while it is full ----

$status = $node->status;
my $written = $status->{spool}{written};
$node->restart;
cmp_ok($node->wait_for_status('the spool is open', sub { $_->{spool}{dropped} > 0 })->{spool}{dropped}, '>=', $status->{spool}{dropped}, 'what was dropped is known after a restart');

# ---- healed ----

unlink $filler or die "$filler: $!";
collect_much();
collect('sysstat');
is(flush(), 't', 'with room again');
ok($node->wait_for_no_problem(qr/No space left on device/), 'the problem is over');
$status = $node->status;
my @batches = $backend->batches;
is(scalar @batches, $written + $status->{spool}{written}, 'every batch that was written has arrived, and once');
collect('sysstat');
is(flush(), 't', 'it goes on');
my ($last) = reverse $backend->batches;
is($last->{dropped_batches}, $node->status->{spool}{dropped}, 'the backend learns how many were dropped');

$node->check_log(allowed => [ qr{could not be collected in full} ]);
done_testing();
