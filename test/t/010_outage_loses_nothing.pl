
# The backend is away, the server crashes, the reply is lost: what was collected
# arrives nevertheless, oldest first, and is stored once.

use strict;
use warnings;

use JSON::PP;
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create('main', backend => $backend);

sub collect { $node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')}) }

$node->wait_for_state('ok');

# ---- the backend is away ----

$backend->stop;
collect() foreach 1 .. 5;
my $status = $node->wait_for_status('batches wait', sub { $_->{spool}{batches} >= 5 && $_->{delivery}{state} ne 'ok' });
is($status->{delivery}{state}, 'backoff', 'the status says that the backend is away');
like($status->{delivery}{last_error}, qr/\S/, "with the reason: $status->{delivery}{last_error}");
ok($status->{delivery}{next_attempt}, 'and when it will be tried again');
ok(scalar @{ $status->{problems} }, 'it is a problem');

# ---- the server crashes meanwhile ----

my %waiting = map { sequence_of($_) => 1 } $node->spool_files;
cmp_ok(scalar keys %waiting, '>=', 5, 'batches are on disk');
$node->kill9;
$node->start;
my %after = map { sequence_of($_) => 1 } $node->spool_files;
is_deeply([ grep { !$after{$_} } sort keys %waiting ], [], 'all of them survive a kill -9 of the server');
collect();
%waiting = (%waiting, map { sequence_of($_) => 1 } $node->spool_files);

# ---- it comes back ----

my $since;
$backend->start;
$node->wait_for_state('ok');
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'all is delivered');

my @stored = map { $_->{batch_id} } $backend->batches;
my %stored = map { sequence_of($_) => 1 } @stored;
is_deeply([ grep { !$stored{$_} } sort keys %waiting ], [], 'every batch that waited is in the store');
my @late = grep { $waiting{$_} } map { sequence_of($_) } @stored;
is_deeply(\@late, [ sort { $a <=> $b } @late ], 'oldest first');
is(scalar @stored, scalar keys %{ { map { $_ => 1 } @stored } }, 'each once');
$status = $node->wait_for_status('no problems', sub { !@{ $_->{problems} } });
is($status->{spool}{$_}, 0, "none was $_") foreach qw(dropped rejected);
pass('the problem is over');

# ---- the reply is lost ----

foreach my $fault ({ action => 'cut', after => 'request' }, { action => 'cut', after => 'body' },
	{ action => 'status', status => 503 }, { action => 'status', status => 408 })
{
	my $name = join ' ', grep { defined } @$fault{qw(action after status)};

	$since = $backend->position;
	$backend->order(%$fault, process => JSON::PP::true, path => '/api/v1/metrics/push');
	my $lost = $backend->wait_for_request("$name: lost", sub { $_[0]{fault} }, $since);
	my $again = $backend->wait_for_request("$name: sent again",
		sub { !$_[0]{fault} && ($_[0]{headers}{'Idempotency-Key'} // '') eq $lost->{headers}{'Idempotency-Key'} },
		$since);
	ok($lost->{stored}, "$name: was stored though the reply was lost");
	ok(!$again->{stored}, "$name: is sent again and stored once");
	is($again->{bytes}, $lost->{bytes}, "$name: the same bytes");
	is_deeply($again->{body}, $lost->{body}, "$name: the same body");
}

# ---- a crash between sealing and sending ----

$backend->order(action => 'silence', times => undef);
collect();
%waiting = map { sequence_of($_) => 1 } $node->spool_files;
$node->stop('immediate');
$backend->order(action => 'reset');
$node->start;
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'all is delivered after a crash');
%stored = map { sequence_of($_->{batch_id}) => 1 } $backend->batches;
is_deeply([ grep { !$stored{$_} } sort keys %waiting ], [], 'a batch in flight survives a crash');

$node->check_log;
done_testing();
