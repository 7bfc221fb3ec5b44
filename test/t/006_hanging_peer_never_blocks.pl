
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
my $node;
{
	local $ENV{LD_PRELOAD} = hanging_resolver();
	$node = PgAnalytics::Cluster->create('main', backend => $backend,
		settings => { 'pganalytics.request_timeout' => '60s', 'pganalytics.connect_timeout' => '60s' });
}
my %right = $node->backend_settings($backend);
$node->wait_for_state('ok');

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

sub sender_works
{
	return $node->status->{workers}{sender}{state};
}

# Hangs the sender; each returns when it does.
my %hangs = (
	'a backend that never answers' => sub {
		my $since = $backend->position;
		$backend->order(action => 'silence', times => undef);
		$backend->wait_for_request('is not answered', sub { ($_[0]{fault} // '') eq 'silence' }, $since);
	},
	'a TLS handshake that never ends' => sub {
		my $since = $backend->position;
		$backend->order(action => 'no_handshake', times => undef);
		$backend->order(action => 'disconnect');
		$backend->wait_for_request('is not greeted', sub { ($_[0]{fault} // '') eq 'no_handshake' }, $since);
	},
	'a reply that comes byte by byte' => sub {
		my $since = $backend->position;
		$backend->order(action => 'drip', seconds => 5, times => undef);
		$backend->wait_for_request('is answered slowly', sub { ($_[0]{fault} // '') eq 'drip' }, $since);
	},
	'a name that is never found' => sub {
		$node->set('pganalytics.backend_url' => 'https://hang.invalid:1');
		$node->wait_for_status('asks the resolver', sub { $_->{workers}{sender}{state} ne 'idle' });
	});

foreach my $name (sort keys %hangs)
{
	$hangs{$name}->();
	my $workers = $node->status->{workers};

	# DROP DATABASE asks every process to absorb a barrier
	$node->safe_psql('postgres', 'CREATE DATABASE doomed');
	my $seconds = seconds_of(
		sub { $node->safe_psql('postgres', q{SET statement_timeout = '5s'; DROP DATABASE doomed}) });
	cmp_ok($seconds, '<', 5, sprintf '%s: DROP DATABASE goes on (%.2f s)', $name, $seconds);

	foreach my $worker (qw(collector sender))
	{
		my $duration = seconds_to_terminate($workers->{$worker}{pid});

		cmp_ok($duration, '<', 1, sprintf '%s: the %s ends (%.2f s)', $name, $worker, $duration);
	}

	$node->wait_for_status("$name: the workers are back",
		sub { $_->{workers}{sender}{pid} && $_->{workers}{collector}{pid} });
	$hangs{$name}->();
	$node->set('pganalytics.sysstat_interval' => '2s');
	ok($node->wait_for_status("$name: reload", sub { $_->{collectors}{sysstat}{interval_seconds} == 2 }),
		"$name: a reload is heard");
	$node->set('pganalytics.sysstat_interval' => '1s');

	$hangs{$name}->() if $name =~ /name/;
	my $stop = seconds_of(sub { $node->stop('fast') });
	cmp_ok($stop, '<', 5, sprintf '%s: the server shuts down (%.2f s)', $name, $stop);

	$backend->order(action => 'reset');
	$node->configure(%right);
	{
		local $ENV{LD_PRELOAD} = hanging_resolver();
		$node->start;
	}
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
