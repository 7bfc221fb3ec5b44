
# Tokens from registration: renewed ahead of time, once when they are refused, by
# registering again when an outage outlasted them; and never used after their end.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'pganalytics.jwt_secret_file' => undef,
		'pganalytics.registration_secret_file' => $backend->file('registration.secret') });
my $file = $node->data_dir . '/pg_stat_tmp/pganalytics/credentials';

# Requests to one endpoint.
sub asked
{
	my ($endpoint, $since) = @_;
	return grep { ($_->{path} // '') =~ m{/\Q$endpoint\E$} } $backend->requests($since);
}

# Revokes every token there is until the status says so: one more may have been got with the settings before.
sub revoke_until
{
	my ($what, $condition) = @_;

	return $node->wait_for_status(
		$what,
		sub {
			$backend->order(action => 'revoke');
			return $condition->($_->{delivery});
		});
}

# ---- a server that may register does ----

my $status = $node->wait_for_state('ok');
is(scalar asked('register'), 1, 'a server with a registration secret registers by itself, once');
ok($status->{delivery}{token_expires_at}, 'and has a token');

# ---- ahead of time ----

$backend->order(action => 'registration', token_lifetime => 5);
my $since;
ok( wait_until(
		'two renewals in a row',
		sub {
			$node->safe_psql('postgres', 'SELECT pganalytics_register()');
			$since = $backend->position;
			my $first = $backend->wait_for_request('a renewal',
				sub { ($_[0]{path} // '') =~ /refresh-token$/ && $_[0]{status} == 200 }, $since);
			$backend->wait_for_request('another one',
				sub { ($_[0]{path} // '') =~ /refresh-token$/ && $_[0]{claims}{jti} ne $first->{claims}{jti} }, $since);
			# a machine that stands still for a second lets a token end before it can be renewed
			return !asked('register', $since);
		}),
	'a token is renewed before it ends, without registering');
$status = $node->status;
is($status->{delivery}{state}, 'ok', 'delivery goes on');
is($status->{delivery}{failed}, 0, 'and nothing has failed');
is((stat $file)[2] & 0777, 0600, 'the file is still nobody else\'s');

# ---- refused ----

$backend->order(action => 'registration', token_lifetime => 900);
$node->safe_psql('postgres', 'SELECT pganalytics_register()');
$node->wait_for_state('ok');
my $failed = $node->status->{delivery}{failed};
$since = $backend->position;
$backend->order(action => 'revoke');
my $refusal = $backend->wait_for_request('a refusal', sub { $_[0]{status} && $_[0]{status} == 401 }, $since);
$backend->wait_for_request('a batch with another token', sub { $_[0]{stored} }, $refusal->{n} + 1);
my @order = map { my ($what) = $_->{path} =~ m{/([\w-]+)$}; "$what $_->{status}" }
  grep { $_->{path} && $_->{path} !~ m{/config/} } $backend->requests($since);
shift @order while @order && $order[0] eq 'push 200';
is("@order[0 .. 3]", 'push 401 refresh-token 401 register 201 push 200',
	'one that is refused is renewed once, and the batch sent again');
is($node->status->{delivery}{failed}, $failed, 'which counts as no failure');

# ---- longer away than the token lasts ----

$backend->order(action => 'registration', token_lifetime => 10);
$node->safe_psql('postgres', 'SELECT pganalytics_register()');
$since = $backend->position;
$backend->stop;
$node->wait_for_status('the backend is away', sub { $_->{delivery}{state} eq 'backoff' });
ok( $node->poll_query_until('postgres',
		q{SELECT (pganalytics_status() #>> '{delivery,token_expires_at}')::timestamptz < now()}),
	'the token ends during an outage');
$backend->start;
$node->safe_psql('postgres', q{SELECT pganalytics_flush('1ms')});
$node->wait_for_state('ok');
cmp_ok(scalar asked('register', $since), '>=', 1, 'then the server registers again');
is((grep { $_->{status} == 401 } asked('push', $since)), 0, 'and no old token was tried');
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'all that waited arrives');

# ---- no secret any more ----

$backend->order(action => 'registration', token_lifetime => 3);
$node->safe_psql('postgres', 'SELECT pganalytics_register()');
$backend->order(action => 'status', status => 500, path => '/api/v1/collectors/refresh-token', times => undef);
$node->set('pganalytics.registration_secret_file' => '');
$status = $node->wait_for_state('unauthorized');
like($status->{delivery}{last_error}, qr/has expired: set "pganalytics\.registration_secret_file"/,
	'without a secret the status says what to do');
$node->wait_for_problem(qr/registration_secret_file/);
$since = $backend->position;
$node->safe_psql('postgres', q{SELECT pganalytics_flush('100ms')});
is(scalar asked('push', $since), 0, 'and nothing is sent without a token');
$backend->order(action => 'reset');
$backend->order(action => 'registration', token_lifetime => 900);
$node->set('pganalytics.registration_secret_file' => $backend->file('registration.secret'));
ok($node->wait_for_state('ok'), 'with one it goes on');
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'and all that waited arrives');

# ---- refused, and no secret ----

$node->set('pganalytics.registration_secret_file' => '');
$status = revoke_until('unauthorized', sub { $_[0]{state} eq 'unauthorized' });
like($status->{delivery}{last_error}, qr/does not renew our token.*; set "pganalytics\.registration_secret_file"/,
	'where a token is refused for good and there is no secret the status says what to do, too');
$node->set('pganalytics.registration_secret_file' => $backend->file('registration.secret'));
$node->wait_for_state('ok');

# ---- a secret that cannot be used ----

my $odd = write_file("$backend->{dir}/odd.secret", "not for a header\001\n");
chmod 0600, $odd;
$node->set('pganalytics.registration_secret_file' => $odd);
revoke_until('told of', sub { ($_[0]{last_error} // '') =~ /characters that cannot go into a header/ });
pass('the latest error is that of the secret, not of the request before');
$node->set('pganalytics.registration_secret_file' => $backend->file('registration.secret'));
$node->wait_for_state('ok');

# ---- what comes first ----

$backend->order(action => 'status', status => 503, times => undef, path => '/api/v1/metrics/push');
$node->wait_for_problem(qr/nothing can be sent/);
$node->set('pganalytics.tls_key_file' => '');
$node->wait_for_state('misconfigured');
ok($node->wait_for_no_problem(qr/nothing can be sent/),
	'where the settings keep all from being sent nothing is said of the backend');
$backend->order(action => 'behave');
$node->set('pganalytics.tls_key_file' => $backend->file('client.key'));
$node->wait_for_state('ok');

# ---- clocks that differ ----

$node->safe_psql('postgres', 'SELECT pganalytics_register()');    # the one before ends soon, perhaps
$backend->order(action => 'registration', token_lifetime => -60);
my (undef, undef, $stderr) = $node->psql('postgres', 'SELECT pganalytics_register()');
like($stderr, qr/has expired already: compare the clocks/, 'a token that has ended before it came is refused');
is($node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat'), pganalytics_flush('3min')}), '|t', 'and the one before is used');
$backend->order(action => 'registration', token_lifetime => 900);

# ---- never after its end, but for what was on its way while the machine stood still ----

my @late = grep {
	$_->{claims} && do
	{
		my ($received) = $node->safe_psql('postgres', "SELECT extract(epoch FROM timestamptz '$_->{received}')");
		$received > $_->{claims}{exp} + 30;
	}
} grep { $_->{error} && ref $_->{error} && $_->{error}{message} eq 'token has expired' } $backend->requests;
is(scalar @late, 0, 'no token was used after its end');

$status = $node->status;
is($status->{spool}{$_}, 0, "no batch $_") foreach qw(dropped rejected);
$node->check_log(allowed => [qr/ERROR:  could not register with the backend/]);
done_testing();
