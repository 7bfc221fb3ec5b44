
# A batch that cannot be read, or cut in two, because of the disk is neither lost
# nor in the way of others: it is told of, kept, and sent when the disk is well again.

use strict;
use warnings;

use IO::Uncompress::Gunzip qw(gunzip);
use List::Util qw(max);
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Preload;
use PgAnalytics::Wait;
use PostgreSQL::Test::Utils ();
use Test::More;

my $PUSH = '/api/v1/metrics/push';
my $HEADER_SIZE = 112;
my $backend = PgAnalytics::Backend->new;
my $bad = bad_disk();
my $full = full_disk();
my $node;
{
	local $ENV{LD_PRELOAD} = "$bad->{library} $full->{library}";
	$node = PgAnalytics::Cluster->create(
		'main',
		backend => $backend,
		settings => {
			'pganalytics.enabled_collectors' => 'sysstat,disk_usage,pg_connections',
			'pganalytics.push_interval' => '1h',
			map { ("pganalytics.${_}_interval" => '1h') } qw(sysstat disk_usage pg_connections) });
}

sub collect { return $node->collect(@_) }

sub flush { $node->safe_psql('postgres', qq{SELECT pganalytics_flush('$_[0]')}) }

sub hold { $backend->order(action => 'status', status => 503, times => undef, path => $PUSH) }

sub sealed { return grep { /\.batch$/ } $node->spool_files }

sub body_of
{
	my ($path) = @_;
	my $body = substr PostgreSQL::Test::Utils::slurp_file($path), $HEADER_SIZE;

	gunzip(\$body => \my $json) or return '';
	return $json;
}

sub metrics_in { return body_of($_[0]) =~ /"metrics_count":(\d+)/ ? $1 : 0 }

$node->wait_for_status('each has run', sub { my $of = $_->{collectors}; !grep { !$of->{$_}{runs} } qw(sysstat disk_usage pg_connections) });
collect('sysstat');
is(flush('3min'), 't', 'the spool is empty');
my $id = $node->wait_for_state('ok')->{collector_id};

# ---- it was not whole yet when somebody asked to send now ----

collect('sysstat');
my ($late) = wait_until('a batch', sub { (sealed())[0] });
my $aside = $node->data_dir . '/late';
rename $late, $aside or die "$late: $!";
collect('sysstat');
wait_until('a younger one', sub { sealed() == 1 });
my $before = $backend->position;
$backend->order(action => 'delay', seconds => 2, path => $PUSH);
flush('1ms');
$backend->wait_for_request('on its way', sub { ($_[0]{fault} // '') eq 'delay' }, $before);
rename $aside, $late or die "$aside: $!";
$backend->wait_for_request('the late one', sub { $_[0]{stored} && sequence_of(key_of($_[0])) == sequence_of($late) }, $before);
pass('a batch that is whole later than a younger one is sent with it');
$node->set('pganalytics.push_interval' => '0');
is(flush('3min'), 't', 'the spool is empty again');

# ---- it cannot be read ----

hold();
collect('sysstat') foreach 1 .. 2;
my ($unreadable, $next) = @{ wait_until('two sealed batches', sub { my @f = sealed(); @f == 2 && \@f }) };
write_file($bad->{flag}, sequence_of($unreadable));
my $since = $backend->position;
$backend->order(action => 'reset');
flush('0s');
my $key = "$id/" . sequence_of($next);
ok($backend->wait_for_request('the next one', sub { $_[0]{stored} && key_of($_[0]) eq $key }, $since),
	'one that cannot be read does not hold up the next');
my $status = $node->wait_for_problem(qr{cannot be read: Input/output error; it is kept});
is($status->{spool}{rejected}, 0, 'it is no damage');
ok(-e $unreadable, 'and it stays where it is');
unlink $bad->{flag} or die "unlink: $!";
is(flush('3min'), 't', 'once it can be read it is sent');
$key = "$id/" . sequence_of($unreadable);
ok($backend->wait_for_request('the first one', sub { $_[0]{stored} && key_of($_[0]) eq $key }, $since), 'and arrives');
ok($node->wait_for_no_problem(qr/cannot be read/), 'which ends the problem');

# ---- it is too large for the backend, and the disk is full ----

hold();
my $large = wait_until(
	'a batch of several metrics',
	sub {
		collect();
		(grep { metrics_in($_) > 1 } sealed())[0];
	});
collect('pg_connections');
wait_until('all are sealed', sub { my @plain = grep { !/\.batch$/ } $node->spool_files; !@plain });
my @behind = grep { $_ gt $large } sealed();
my %key = map { $_ => "$id/" . sequence_of($_) } $large, @behind;
write_file($full->{flag}, '');
$since = $backend->position;
$backend->order(action => 'status', status => 413, times => undef, key => $key{$large}, instead => 1);
flush('0s');
foreach my $file (@behind)
{
	ok($backend->wait_for_request('one behind it', sub { $_[0]{stored} && key_of($_[0]) eq $key{$file} }, $since),
		'one that cannot be cut in two does not hold up those behind it');
}
ok($backend->wait_for_request('too large', sub { $_[0]{status} == 413 }, $since), 'it is too large for the backend');
$status = $node->wait_for_problem(qr/too large for the backend, but cannot be split: No space left on device; it is kept/);
is($status->{spool}{rejected}, 0, 'it is not rejected');
is($status->{spool}{split}, 0, 'nor split');
ok(-e $large, 'it waits');

# room for a small batch, but not for the half with the largest metric and what is around it
my $largest = max map { length } split /\n/, body_of($large);
write_file($full->{flag}, $HEADER_SIZE + $largest + 200);
my $overtaken = 0;
foreach (1 .. 20)
{
	my ($newest) = reverse sealed();
	my $from = $backend->position;

	collect('pg_connections');
	my $new = $backend->wait_for_request('a new one', sub { $_[0]{stored} && sequence_of(key_of($_[0])) > sequence_of($newest) }, $from);
	my ($first) = grep { $_->{status} == 413 || $_->{stored} } $backend->requests($from);
	$overtaken = key_of($first) eq key_of($new) and last;
}
ok($overtaken, 'new ones do not wait until it is tried again');
is($node->status->{spool}{split}, 0, 'while it cannot be split');
ok(scalar(grep { /cannot be split/ } @{ $node->status->{problems} }), 'which is still a problem');

my $whole = metrics_in($large);
$since = $backend->position;
unlink $full->{flag} or die "unlink: $!";
is(flush('3min'), 't', 'once the disk has room it is sent');
$status = $node->status;
is($status->{spool}{split}, 1, 'in two halves');
is($status->{spool}{rejected} + $status->{spool}{dropped}, 0, 'nothing is lost');
my $arrived = 0;
$arrived += $_->{metrics_count} foreach $backend->batches($since);
is($arrived, $whole, 'which hold all of it');
ok($node->wait_for_no_problem(qr/cannot be split/), 'and that is no problem any more');

$node->check_log;
done_testing();
