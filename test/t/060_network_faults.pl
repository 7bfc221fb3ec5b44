
# Whatever happens to a connection, the batch is sent again and arrives once; the
# status says what is wrong, the log has one line for the change and one for its
# end; nobody waits: DROP DATABASE and CREATE DATABASE go on, and the sender holds
# no xmin.  The environment's proxies are not obeyed.

use strict;
use warnings;

use IO::Socket::INET;
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Preload;
use PgAnalytics::Proxy;
use PgAnalytics::Wait;
use Test::More;

my $PUSH = '/api/v1/metrics/push';

my $backend = PgAnalytics::Backend->new;
my $moving = moving_resolver();
my $dir = PostgreSQL::Test::Utils::tempdir('network');
my $node;

# Whoever looks sees the old content or the new.
sub replace_file
{
	my ($path, $text) = @_;

	rename write_file("$path.new", $text), $path or die "$path: $!";
	return $path;
}

sub copy_file { return replace_file($_[1], PostgreSQL::Test::Utils::slurp_file($_[0])) }

# ---- an environment that would lead elsewhere, or give keys away ----

my $keys = "$dir/keys";
{
	local $ENV{LD_PRELOAD} = $moving->{library};
	local $ENV{SSLKEYLOGFILE} = $keys;
	local @ENV{qw(http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY)} = ('http://127.0.0.1:1') x 5;

	$node = PgAnalytics::Cluster->create(
		'main',
		backend => $backend,
		settings => {
			'pganalytics.enabled_collectors' => 'sysstat',
			'pganalytics.tls_ca_file' => copy_file($backend->file('ca.crt'), "$dir/ca.crt"),
		});
}
my %patient = ('pganalytics.connect_timeout' => '60s', 'pganalytics.request_timeout' => '60s');
my %impatient = ('pganalytics.connect_timeout' => '500ms', 'pganalytics.request_timeout' => '1s');
my %right = ($node->backend_settings($backend), %patient, 'pganalytics.tls_ca_file' => "$dir/ca.crt");

$node->wait_for_state('ok');
my ($postmaster) = PostgreSQL::Test::Utils::slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
like(PostgreSQL::Test::Utils::slurp_file("/proc/$postmaster/environ"), qr/https_proxy=/,
	'proxies of the environment: are not obeyed');

sub flush { return $node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}) }

sub lines_since { return grep { /LOG:  pganalytics/ } split /\n/, $node->log_text($_[0]) }

# ---- a listener that cannot take a connection, and one where nobody listens ----

# Its queue is full, so the kernel drops every further SYN.
my $black_hole = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1, Proto => 'tcp') or die "listen: $!";
my @queued = map {
	IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $black_hole->sockport, Proto => 'tcp', Blocking => 0)
} 1 .. 8;

# Bound, but does not listen.
my $closed = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'tcp', Type => SOCK_STREAM) or die "bind: $!";

# ---- what can happen ----

my @faults = (
	{ name => 'refused', url => 'https://127.0.0.1:' . $closed->sockport, error => qr/connect.*refused/i },
	{ name => 'black hole', hangs => 1, url => 'https://127.0.0.1:' . $black_hole->sockport, error => qr/timed out connecting/ },
	{ name => 'closed at once', order => { action => 'refuse' }, error => qr/cut|reset|handshake|TLS/i },
	{ name => 'reset at once', order => { action => 'refuse', reset => JSON::PP::true }, error => qr/cut|reset|handshake|TLS/i },
	{ name => 'accepted, then silence', hangs => 1, order => { action => 'no_handshake' }, error => qr/timed out in the TLS handshake/ },
	{ name => 'no TLS', order => { action => 'no_tls' }, error => qr/TLS/ },
	{ name => 'a request without reply', hangs => 1, order => { action => 'silence' }, error => qr/timed out waiting for the reply/ },
	{ name => 'a reply byte by byte', hangs => 1, order => { action => 'drip', seconds => 0.03 }, error => qr/timed out (?:receiving|waiting for) the reply/ },
	(map {
		{
			name => join(' ', @$_),
			order => { action => 'cut', after => $_->[-1], reset => $_->[0] eq 'reset' ? JSON::PP::true : JSON::PP::false },
			error => qr/cut (?:before the reply was complete|the connection)/,
		}
	} [ reset => after => 'head' ], [ reset => after => 'request' ],
		map { ([ reset => after => $_ ], [ closed => after => $_ ]) } qw(headers body)),
	{ name => 'a huge header', order => { action => 'huge_header', size => 10 * 1024 * 1024 }, error => qr/header/i },
	{ name => 'a redirect', order => { action => 'redirect', location => 'https://localhost:1/' }, error => qr/redirect|307/ });

my $databases = 0;

# With the fault in force: nobody waits for the sender.
sub nobody_waits
{
	my ($name) = @_;
	my $db = 'doomed' . ++$databases;
	my $seconds = seconds_of(
		sub {
			$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0");
			$node->safe_psql('postgres', "CREATE DATABASE ${db}_copy TEMPLATE $db");
			$node->safe_psql('postgres', "DROP DATABASE $_") foreach $db, "${db}_copy";
		});
	cmp_ok($seconds, '<', 120, sprintf '%s: CREATE and DROP DATABASE go on (%.1f s)', $name, $seconds);
	is($node->safe_psql('postgres',
			q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pganalytics sender' AND backend_xmin IS NOT NULL}),
		0, "$name: no xmin");
	return;
}

foreach my $fault (@faults)
{
	my $name = $fault->{name};

	is(flush(), 't', "$name: before it, all has arrived");
	$node->wait_for_status('nothing waits for another try', sub { $_->{delivery}{state} eq 'ok' });
	my $log = $node->log_size;

	$backend->order(%{ $fault->{order} }, times => undef) if $fault->{order};
	# where there is a reload it ends the connection: a request that is cut now would be another fault
	$backend->order(action => 'disconnect') if $fault->{order} && !$fault->{hangs};
	$node->set($fault->{url} ? ('pganalytics.backend_url' => $fault->{url}) : (), $fault->{hangs} ? %impatient : %patient)
	  if $fault->{url} || $fault->{hangs};
	my $status = $node->wait_for_status("$name: is noticed",
		sub { $_->{delivery}{state} eq 'backoff' && $_->{delivery}{last_error} =~ $fault->{error} });
	pass("$name: \"$status->{delivery}{last_error}\"");
	nobody_waits($name) if $fault->{hangs} || $fault->{url} || $name =~ /body/;

	# it lasts for some tries
	my $tried = $node->status->{delivery}{failed};
	$node->safe_psql('postgres', q{SELECT pganalytics_flush('0')});
	$node->wait_for_status("$name: is tried again", sub { $_->{delivery}{failed} > $tried });
	my @lines = lines_since($log);
	is(scalar @lines, 1, "$name: one line in the log") or diag join "\n", @lines;

	$backend->order(action => 'behave');
	$node->set(%right);
	is(flush(), 't', "$name: afterwards all arrives");
	$node->wait_for_state('ok');
	@lines = lines_since($log);
	is(scalar @lines, 2, "$name: and one at its end") or diag join "\n", @lines;
}

# ---- a connection that ends when it has done its work is no fault ----

my $log = $node->log_size;
my $failed = $node->status->{delivery}{failed};
foreach my $reset (JSON::PP::false, JSON::PP::true)
{
	my $since = $backend->position;

	$backend->order(action => 'cut', after => 'reply', process => JSON::PP::true, reset => $reset, path => $PUSH);
	my $cut = $backend->wait_for_request('a batch', sub { $_[0]{stored} && $_[0]{fault} }, $since);
	$backend->wait_for_request('the next batch', sub { $_[0]{stored} && !$_[0]{fault} }, $cut->{n} + 1);
}
is($node->status->{delivery}{failed}, $failed, 'ended after the full reply: nothing has failed');
is(scalar lines_since($log), 0, 'and nothing is logged');

# ---- the address of the name changes ----

replace_file($moving->{address}, '127.0.0.1');
my $since = $backend->position;
$node->set('pganalytics.backend_url' => $backend->url('moving.test'));
$backend->wait_for_request('at the first address', sub { $_[0]{stored} && ($_[0]{headers}{Host} // '') =~ /moving/ }, $since);
replace_file($moving->{address}, '127.0.0.2');
$backend->order(action => 'disconnect');
$node->wait_for_status('nobody at the second', sub { $_->{delivery}{state} eq 'backoff' });
replace_file($moving->{address}, '127.0.0.1');
$since = $backend->position;
is(flush(), 't', 'an address that changes: is looked up for each new connection');
$node->set(%right);

# ---- the authority is taken away, under the same name, while a connection is open and a session cached ----

$since = $backend->position;
my $session = $backend->wait_for_request('a connection', sub { $_[0]{stored} }, $since)->{connection};
copy_file($backend->file('other-ca.crt'), "$dir/ca.crt");
my $status = $node->wait_for_status('the authority is gone',
	sub { $_->{delivery}{state} eq 'backoff' && $_->{delivery}{last_error} =~ /authority/ });
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('500ms')}), 'f', 'a CA file that is replaced: nothing is sent any more');
unlink "$dir/ca.crt";
$node->wait_for_status('there is no file', sub { $_->{delivery}{state} eq 'misconfigured' });
pass('a CA file that is removed: misconfigured');
copy_file($backend->file('ca.crt'), "$dir/ca.crt");
is(flush(), 't', 'a CA file that is back: no reload is needed');

# ---- a proxy ----

my $proxy = PgAnalytics::Proxy->new;
$since = $backend->position;
$node->set('pganalytics.proxy' => $proxy->url);
wait_until('the proxy is asked', sub { $proxy->requests =~ /CONNECT localhost:\d+ HTTP/ });
is(flush(), 't', 'a proxy: all arrives through it');
unlike($proxy->requests, qr/authorization|bearer|idempotency/i, 'and it sees neither token nor batch');
$proxy->refuse(407);
$backend->order(action => 'disconnect');
$node->wait_for_status('it refuses', sub { ($_->{delivery}{last_error} // '') =~ /the proxy refused to connect, with status 407/ });
pass('a proxy that refuses: is told apart from the backend');
$proxy->refuse(undef);
is(flush(), 't', 'and heals');
$node->set(%right, 'pganalytics.proxy' => '');

# ---- IPv6 ----

SKIP:
{
	my $v6 = eval { PgAnalytics::Backend->new('--host' => '::1', '--ca' => $backend->file('ca.crt')) }
	  or skip 'no IPv6 here', 1;

	$node->set('pganalytics.backend_url' => $v6->url('[::1]'), 'pganalytics.tls_ca_file' => $v6->file('ca.crt'),
		'pganalytics.jwt_secret_file' => $v6->file('jwt.secret'));
	ok($v6->wait_for_request('over IPv6', sub { $_[0]{stored} }), 'IPv6: arrives');
	$node->set(%right);
}

# ---- the whole account ----

is(flush(), 't', 'in the end all has arrived');
$status = $node->status;
is($status->{spool}{$_}, 0, "no batch was $_") foreach qw(dropped rejected);
ok(!-e $keys, 'no keys of connections are written to SSLKEYLOGFILE');

$node->check_log(allowed => [qr/database \d+ does not exist/]);
done_testing();
