
# Whatever the backend or the resolver does, a worker ends within a second of
# SIGTERM, the server shuts down, and neither DROP DATABASE nor CREATE DATABASE
# nor a reload waits.  A request hangs for five minutes here, so the bounds may
# be generous and still tell.

use strict;
use warnings;

use IO::Socket::INET;
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Preload;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $resolver = hanging_resolver();
my $node;
{
	local $ENV{LD_PRELOAD} = $resolver;
	$node = PgAnalytics::Cluster->create('main', backend => $backend,
		settings => { 'pganalytics.request_timeout' => '5min', 'pganalytics.connect_timeout' => '5min' });
}
my %right = $node->backend_settings($backend);
$node->wait_for_state('ok');

sub start_server
{
	local $ENV{LD_PRELOAD} = $resolver;

	return $node->start;
}

sub is_gone
{
	my ($pid) = @_;

	return !kill 0, $pid;
}

# Seconds until the process is gone.
sub seconds_to_terminate
{
	my ($pid) = @_;

	return seconds_of(
		sub {
			$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
			wait_until("process $pid ends", sub { is_gone($pid) });
		});
}

# Waits for a request or connection, from a position on, that the backend lets hang.
sub wait_for_fault
{
	my ($since) = @_;

	return $backend->wait_for_request('hangs', sub { $_[0]{fault} }, $since);
}

# A listener whose queue is full: the kernel drops every further SYN.
my $black_hole = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1, Proto => 'tcp') or die "listen: $!";
my @queued = map {
	IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $black_hole->sockport, Proto => 'tcp', Blocking => 0)
} 1 .. 8;

sub wait_until_sending
{
	return $node->wait_for_status('sends', sub { ($_->{workers}{sender}{state} // '') !~ /^(?:|idle|starting|compressing|not running)$/ });
}

# How to make the sender hang, and how to see that it does.
my %hangs = (
	'a backend that never answers' => {
		hang => sub { $backend->order(action => 'silence', times => undef) },
		wait => \&wait_for_fault,
	},
	'a TLS handshake that never ends' => {
		hang => sub { $backend->order(action => $_, times => undef) foreach qw(no_handshake disconnect) },
		wait => \&wait_for_fault,
	},
	'session tickets without end' => {
		hang => sub {
			$backend->order(action => 'tickets', certs => $backend->{certs}, times => undef);
			$backend->order(action => 'disconnect');
		},
		wait => \&wait_for_fault,
	},
	'a reply that comes byte by byte' => {
		hang => sub { $backend->order(action => 'drip', seconds => 5, times => undef) },
		wait => \&wait_for_fault,
	},
	'a black hole' => {
		hang => sub { $node->set('pganalytics.backend_url' => 'https://127.0.0.1:' . $black_hole->sockport) },
		wait => \&wait_until_sending,
	},
	'a name that is never found' => {
		hang => sub { $node->set('pganalytics.backend_url' => 'https://hang.invalid:1') },
		wait => \&wait_until_sending,
	});

foreach my $name (sort keys %hangs)
{
	my ($hang, $wait) = @{ $hangs{$name} }{qw(hang wait)};
	my $since = $backend->position;

	$hang->();
	$wait->($since);
	my $workers = $node->status->{workers};

	# no query, nothing to cancel: an error would stand in the log
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($workers->{sender}{pid})");

	# DROP DATABASE asks every process to absorb a barrier
	$node->safe_psql('postgres', 'CREATE DATABASE doomed');
	my $seconds = seconds_of(sub { $node->safe_psql_alone('postgres', 'CREATE DATABASE copied TEMPLATE doomed') });
	cmp_ok($seconds, '<', 60, sprintf '%s: CREATE DATABASE TEMPLATE goes on (%.2f s)', $name, $seconds);
	$seconds = seconds_of(sub { $node->safe_psql_alone('postgres', "DROP DATABASE $_") foreach qw(copied doomed) });
	cmp_ok($seconds, '<', 60, sprintf '%s: DROP DATABASE goes on (%.2f s)', $name, $seconds);
	is($node->safe_psql('postgres',
			q{SELECT count(backend_xmin) FROM pg_stat_activity WHERE backend_type = 'pganalytics sender'}),
		0, "$name: no xmin");

	$since = $backend->position;
	foreach my $worker (qw(collector sender))
	{
		my $duration = seconds_to_terminate($workers->{$worker}{pid});

		cmp_ok($duration, '<', 60, sprintf '%s: the %s ends (%.2f s)', $name, $worker, $duration);
	}
	$node->wait_for_status("$name: the workers are back",
		sub { $_->{workers}{sender}{pid} && $_->{workers}{collector}{pid} });

	$wait->($since);
	$since = $backend->position;
	$node->set('pganalytics.request_timeout' => '4min');
	$wait->($since) if $name !~ /byte/;
	pass("$name: a reload ends the request");

	my $stop = seconds_of(sub { $node->stop('fast') });
	cmp_ok($stop, '<', 60, sprintf '%s: the server shuts down (%.2f s)', $name, $stop);

	$backend->order(action => 'reset');
	$node->configure(%right, 'pganalytics.request_timeout' => '5min');
	start_server();
	ok($node->wait_for_state('ok'), "$name: afterwards all is well");
}

# ---- a visitor that waits ----

$node->safe_psql('postgres', 'CREATE TABLE locked AS SELECT 1 AS id');
my $visitors = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pganalytics visitor'};
my $pid;
wait_until('a visitor runs', sub { ($pid) = $node->safe_psql('postgres', $visitors) =~ /(\d+)/ });
cmp_ok(seconds_to_terminate($pid), '<', 60, 'a visitor ends');

$backend->order(action => 'reset');
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'all arrives in the end');
# A visitor may have been on its way to the database that was dropped.
$node->check_log(
	allowed => [ qr/terminating background worker|due to administrator command/, qr/database \d+ does not exist/,
		qr/canceling statement due to lock timeout/ ]);
done_testing();
