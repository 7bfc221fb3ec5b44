
# The spool keeps within its limits: the oldest goes first, what goes is counted,
# and the backend learns of it.

use strict;
use warnings;

use List::Util qw(sum0 uniq);
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Wait;
use Test::More;

# Many large batches: the backend does not check them against the schema here.
my $backend = PgAnalytics::Backend->new('--schema' => '');
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => { 'pganalytics.pg_stats_interval' => '1h' });

sub sequences { return uniq(map { sequence_of($_) } $node->spool_files) }

sub spooled_bytes
{
	# one that is just being compressed may be listed in both forms
	my %size = map { sequence_of($_) => -s $_ // 0 } $node->spool_files;

	return sum0(values %size);
}

$node->wait_for_state('ok');

# ---- size ----

$node->safe_psql('postgres', q{
	DO $$ BEGIN FOR i IN 1 .. 200 LOOP EXECUTE format('CREATE TABLE filler_%s (id int PRIMARY KEY)', i); END LOOP; END $$;
});
my ($smallest) = $node->safe_psql('postgres',
	q{SELECT min_val FROM pg_settings WHERE name = 'pganalytics.spool_max_size'});
my $limit = $smallest * 1024 * 1024;
$backend->stop;
$node->set('pganalytics.spool_max_size' => "${smallest}MB");
my $status = $node->wait_for_status(
	'batches are dropped',
	sub {
		$node->safe_psql('postgres', q{SELECT pganalytics_collect('pg_stats')});
		$_->{spool}{dropped} > 2;
	});
cmp_ok(spooled_bytes(), '<=', $limit, 'spool_max_size is kept');
ok(scalar(grep { /spool_max_size/ } @{ $status->{problems} }), 'the problem names spool_max_size');
my @left = sequences();
$node->safe_psql('postgres', q{SELECT pganalytics_collect('pg_stats')}) foreach 1 .. 5;
my %still = map { $_ => 1 } sequences();
my @gone = grep { !$still{ $left[$_] } } 0 .. $#left;
cmp_ok(scalar @gone, '>', 0, 'some go to make room for new ones');
my @passed_over = grep { $still{ $left[$_] } } 0 .. $gone[-1];
cmp_ok(scalar @passed_over, '<=', 1, 'the oldest first, but for one that the sender has in hand');
is($node->status->{spool}{oldest} =~ /^\d{4}-/ ? 1 : 0, 1, 'the status shows the time of the oldest');

# ---- what was dropped is known after a restart, and to the backend ----

my $dropped = $node->status->{spool}{dropped};
$node->restart;
ok($node->wait_for_status('the count is read', sub { $_->{spool}{dropped} >= $dropped }), 'the count survives a restart');
$backend->start;
my $since = $backend->position;
$node->set('pganalytics.spool_max_size' => '256MB');
ok( $backend->wait_for_request('that tells', sub { $_[0]{stored} && $_[0]{body}{dropped_batches} >= $dropped }, $since),
	'the next envelopes tell the backend');
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'the rest is delivered');
ok($node->wait_for_no_problem(qr/spool_max_size/), 'the problem is over');

# ---- free space ----

my ($largest) = $node->safe_psql('postgres',
	q{SELECT max_val FROM pg_settings WHERE name = 'pganalytics.spool_min_free'});
$backend->stop;
$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')}) foreach 1 .. 3;
$dropped = $node->status->{spool}{dropped};
$node->set('pganalytics.spool_min_free' => "${largest}MB");
$node->wait_for_problem(qr/spool_min_free/);
my @kept = sequences();
$status = $node->wait_for_status('nothing is kept', sub { $_->{spool}{dropped} > $dropped + 2 });
pass('below spool_min_free nothing is kept, which is a problem and counted');
%still = map { $_ => 1 } sequences();
is_deeply([ grep { !$still{$_} } @kept ], [], 'but what lies in the spool stays, where that would not be enough');
cmp_ok(scalar @kept, '>=', 3, 'and that is something');
$node->set('pganalytics.spool_min_free' => '0');
ok($node->wait_for_no_problem(qr/spool_min_free/), 'and over when there is space');
$backend->start;
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'all of it is delivered');

# ---- age ----

$backend->stop;
$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')});
wait_until('a sealed batch', sub { grep { /\.batch$/ } $node->spool_files });
my $before = $node->status->{spool};
$node->stop;
my ($aged) = grep { /\.batch$/ } $node->spool_files;
# more than go in one turn
my @two_hours_older = map { my $n = $_; $aged =~ s/(\d{20})/sprintf '%020d', $1 - 2 * 3600 * 1e6 + $n/er } 1 .. 100;
link $aged, $_ or die "$_: $!" foreach @two_hours_older;
unlink $aged or die "$aged: $!";
$node->configure('pganalytics.spool_max_age' => '1h');
$node->start;
$node->wait_for_problem(qr/spool_max_age/);
wait_until('what is older than spool_max_age goes', sub { !grep { -e } @two_hours_older });
$status = $node->status;
cmp_ok($status->{spool}{dropped}, '>', $before->{dropped}, 'what is older than spool_max_age is dropped');
# one that the sender looked at first is no batch of its name
is(sum0(map { $status->{spool}{$_} - $before->{$_} } qw(dropped rejected)), scalar @two_hours_older, 'each is counted once');
$backend->start;
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'what is younger is delivered');

# ---- age, of small ones by the thousand: who writes is not to wait for all of them ----

$node->stop;
my @small = map { sprintf '%s/pg_stat_tmp/pganalytics/spool/%020d.batch', $node->data_dir, (time - 2 * 3600) * 1e6 + $_ } 1 .. 2000;
write_file($_, 'x') foreach @small;
$node->configure('pganalytics.backend_url' => '', 'pganalytics.spool_max_age' => '3d');
$node->start;
$node->wait_for_status('they are there', sub { $_->{spool}{batches} == @small });
my $sender = $node->wait_for_status('the sender rests', sub { ($_->{workers}{sender}{state} // '') eq 'idle' })->{workers}{sender}{pid};
kill 'STOP', $sender;    # it would drop some itself
$node->set('pganalytics.backend_url' => $backend->url, 'pganalytics.spool_max_age' => '1h');
my $spool = $node->wait_for_status('something is written', sub { $_->{spool}{written} > 0 or !$node->collect('sysstat') })->{spool};
cmp_ok($spool->{dropped} - $status->{spool}{dropped}, '<=', 20 * ($spool->{written} + 1), 'a writer drops some that are too old, and leaves the rest for later');
kill 'CONT', $sender;
wait_until('the rest goes as well', sub { !grep { -e } @small });

# ---- damaged files ----

$backend->stop;
$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')}) foreach 1 .. 3;
my ($victim) = grep { /\.batch$/ } wait_until('sealed batches', sub { my @f = grep { /\.batch$/ } $node->spool_files; @f > 2 && \@f })->@*;
my $rejected = $node->status->{spool}{rejected};
open my $file, '+<', $victim or die "$victim: $!";
seek $file, -8, 2;
print $file 'damaged!';
close $file;
$backend->start;
$node->reload;
$status = $node->wait_for_status('the damaged batch is put aside', sub { $_->{spool}{rejected} > $rejected });
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'a damaged batch does not stop the others');
ok(scalar(grep { /rejected/ } @{ $status->{problems} }), 'and is a problem');

# ---- rejected batches are bounded ----

my $directory = $node->data_dir . '/pg_stat_tmp/pganalytics/rejected/' . sprintf '%020d.batch', 1;
mkdir $directory or die "$directory: $!";
$backend->order(action => 'status', status => 422, times => undef, path => '/api/v1/metrics/push');
foreach my $i (1 .. 110)
{
	$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')});
}
$node->wait_for_status('many are rejected', sub { $_->{spool}{rejected} > $rejected + 105 });
$backend->order(action => 'reset');
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'what is accepted arrives again');
my @rejected = grep { -f } glob($node->data_dir . '/pg_stat_tmp/pganalytics/rejected/*');
is(scalar @rejected, 100, 'rejected/ is bounded, whatever else lies there');

# three that are too large together: the oldest goes
unlink @rejected;
my @large = map { $directory =~ s/\d{20}/sprintf '%020d', $_/er } 2 .. 4;
foreach my $path (@large)
{
	open my $sparse, '>', $path or die "$path: $!";
	truncate $sparse, $limit * 2 / 5 or die "$path: $!";
	close $sparse;
}
$node->set('pganalytics.spool_max_size' => "${smallest}MB");
$backend->order(action => 'status', status => 422, path => '/api/v1/metrics/push');
$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')});
wait_until('it goes', sub { !-e $large[0] });
is(join(' ', map { -e $_ ? 'there' : 'gone' } @large), 'gone there there', 'and has no more bytes than may wait');
$backend->order(action => 'reset');
rmdir $directory or die "$directory: $!";

$node->check_log;
done_testing();
