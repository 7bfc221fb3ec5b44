
# Whatever the backend or the resolver does, a worker ends within a second of
# SIGTERM, the server shuts down, and DROP DATABASE does not wait.

use strict;
use warnings;

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
		settings => { 'pganalytics.request_timeout' => '60s', 'pganalytics.connect_timeout' => '60s' });
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
	'a reply that comes byte by byte' => {
		hang => sub { $backend->order(action => 'drip', seconds => 5, times => undef) },
		wait => \&wait_for_fault,
	},
	'a name that is never found' => {
		hang => sub { $node->set('pganalytics.backend_url' => 'https://hang.invalid:1') },
		wait => sub {
			$node->wait_for_status('asks the resolver', sub { $_->{workers}{sender}{state} eq 'sending' });
		},
	});

foreach my $name (sort keys %hangs)
{
	my ($hang, $wait) = @{ $hangs{$name} }{qw(hang wait)};
	my $since = $backend->position;

	$hang->();
	$wait->($since);
	my $workers = $node->status->{workers};

	# DROP DATABASE asks every process to absorb a barrier
	$node->safe_psql('postgres', 'CREATE DATABASE doomed');
	my $seconds = seconds_of(
		sub { $node->safe_psql('postgres', q{SET statement_timeout = '5s'; DROP DATABASE doomed}) });
	cmp_ok($seconds, '<', 5, sprintf '%s: DROP DATABASE goes on (%.2f s)', $name, $seconds);

	$since = $backend->position;
	foreach my $worker (qw(collector sender))
	{
		my $duration = seconds_to_terminate($workers->{$worker}{pid});

		cmp_ok($duration, '<', 1, sprintf '%s: the %s ends (%.2f s)', $name, $worker, $duration);
	}
	$node->wait_for_status("$name: the workers are back",
		sub { $_->{workers}{sender}{pid} && $_->{workers}{collector}{pid} });

	$wait->($since);
	$node->set('pganalytics.request_timeout' => '59s');
	$wait->($backend->position) if $name !~ /byte/;
	pass("$name: a reload ends the request");

	my $stop = seconds_of(sub { $node->stop('fast') });
	cmp_ok($stop, '<', 5, sprintf '%s: the server shuts down (%.2f s)', $name, $stop);

	$backend->order(action => 'reset');
	$node->configure(%right, 'pganalytics.request_timeout' => '60s');
	start_server();
	ok($node->wait_for_state('ok'), "$name: afterwards all is well");
}

# ---- a visitor that waits ----

$node->safe_psql('postgres', 'CREATE TABLE locked AS SELECT 1 AS id');
my $visitors = q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pganalytics visitor'};
my $pid;
wait_until('a visitor runs', sub { ($pid) = $node->safe_psql('postgres', $visitors) =~ /(\d+)/ });
cmp_ok(seconds_to_terminate($pid), '<', 1, 'a visitor ends');

# ---- nor does a request hold back the horizon ----

$backend->order(action => 'silence', times => undef);
$backend->wait_for_request('hangs', sub { ($_[0]{fault} // '') eq 'silence' });
ok( $node->poll_query_until('postgres',
		q{SELECT bool_and(backend_xmin IS NULL) FROM pg_stat_activity WHERE backend_type = 'pganalytics sender'}),
	'the sender has no xmin');

$backend->order(action => 'reset');
is($node->safe_psql('postgres', 'SELECT pganalytics_flush()'), 't', 'all arrives in the end');
$node->check_log(allowed => [qr/terminating background worker|due to administrator command/]);
done_testing();
