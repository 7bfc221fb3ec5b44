
# Whoever is not who he should be gets nothing: neither a backend with a wrong
# certificate or an old TLS, nor a collector with a wrong certificate or secret.
# The status says which it is, nothing is lost, and a reload mends it.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Preload;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node;
{
	# the other CA is one that the operating system believes
	local $ENV{LD_PRELOAD} = system_authority($backend->file('stranger.crt'));
	$node = PgAnalytics::Cluster->create('main', backend => $backend);
}
my %right = $node->backend_settings($backend);

# what is wrong: the order to the backend, the settings of the collector, what
# the status says, in which state, and what the backend saw.  TLS 1.3 tells a client
# after the handshake that its certificate is refused: where it is sending already,
# it may see no more than that the connection is cut.
my @cases = (
	{
		name => 'certificate of another CA, which the operating system knows',
		order => { action => 'certificate', name => 'other-ca' },
		error => qr/certificate/i,
	},
	{
		name => 'an authority of its own, that nobody has named',
		settings => { 'pganalytics.tls_ca_file' => '' },
		# which may know of none at all
		error => qr/authority that the operating system does not know|authorities .* cannot be read/,
	},
	{
		name => 'self-signed certificate',
		order => { action => 'certificate', name => 'self-signed' },
		error => qr/self.?signed/i,
	},
	{
		name => 'expired certificate',
		order => { action => 'certificate', name => 'expired' },
		error => qr/expired/i,
	},
	{
		name => 'certificate of another host',
		order => { action => 'certificate', name => 'other-host' },
		error => qr/host|subject/i,
	},
	{
		name => 'TLS 1.2 only',
		order => { action => 'tls_max', version => '1.2' },
		error => qr/TLS|protocol/i,
		seen => qr/protocol/i,
	},
	{
		name => 'no client certificate',
		settings => { 'pganalytics.tls_cert_file' => '', 'pganalytics.tls_key_file' => '' },
		error => qr/certificate|connection was cut/i,
		seen => qr/did not return a certificate/i,
	},
	{
		name => 'client certificate of another CA',
		settings => { 'pganalytics.tls_cert_file' => $backend->file('client-other-ca.crt') },
		error => qr/certificate|CA|connection was cut/i,
		seen => qr/verify failed/i,
	},
	{
		name => 'wrong JWT secret',
		settings => { 'pganalytics.jwt_secret_file' => $backend->file('other.secret') },
		error => qr/401/,
		state => qr/^unauthorized$/,
		seen => qr/bad signature/,
	});

$node->wait_for_state('ok');

foreach my $case (@cases)
{
	my $name = $case->{name};
	my $since = $backend->position;

	$backend->order(%{ $case->{order} }) if $case->{order};
	$backend->order(action => 'disconnect');
	$node->set(%{ $case->{settings} // {} });

	my $status = $node->wait_for_status(
		"$name: is noticed",
		sub {
			my $delivery = $_->{delivery};
			$delivery->{state} ne 'ok' && $delivery->{consecutive_failures} > 0
			  && ($delivery->{last_error} // '') =~ $case->{error};
		});
	pass("$name: last_error is \"$status->{delivery}{last_error}\"");
	like($status->{delivery}{state}, $case->{state} // qr/^(?:backoff|unauthorized|misconfigured)$/,
		"$name: state");
	ok(scalar @{ $status->{problems} }, "$name: is a problem");

	# A request that the change interrupted may still be worked on: what counts is what is written
	# after an attempt is known to have failed.
	my $newest = (sort { $a <=> $b } map { sequence_of($_) } $node->spool_files)[-1];
	$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')});
	is($node->safe_psql('postgres', q{SELECT pganalytics_flush('500 ms')}), 'f', "$name: flush says no");
	my @accepted = grep { sequence_of($_->{batch_id}) > $newest } $backend->batches($since);
	is(scalar @accepted, 0, "$name: nothing is accepted");
	$backend->wait_for_request("$name: is seen by the backend",
		sub { ($_[0]{error} && "$_[0]{error}" !~ /^HASH/ ? $_[0]{error} : $_[0]{error}{message} // '') =~ $case->{seen} },
		$since)
	  if $case->{seen};
	cmp_ok($node->status->{spool}{batches}, '>', 0, "$name: batches wait");

	$backend->order(action => 'reset');
	$node->set(%right);
	$node->wait_for_status("$name: is mended",
		sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } });
	is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', "$name: what waited arrives");
}

my $status = $node->status;
is($status->{spool}{$_}, 0, "no batch $_") foreach qw(dropped rejected);

# ---- verification can be switched off, but not silently ----

$backend->order(action => 'certificate', name => 'self-signed');
$backend->order(action => 'disconnect');
$node->set('pganalytics.tls_verify' => 'off');
my $position = $backend->position;
$backend->wait_for_request('with tls_verify = off', sub { $_[0]{stored} }, $position);
$node->wait_for_problem(qr/tls_verify/);

$node->check_log;
done_testing();
