
# A backend may issue the client certificate: it comes with the registration, is
# used from then on, and is renewed in good time by registering again.

use strict;
use warnings;

use JSON::PP;
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new('--enrol', '--issue-certificate');
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'pganalytics.jwt_secret_file' => undef,
		'pganalytics.tls_cert_file' => undef,
		'pganalytics.tls_key_file' => undef });
my $file = $node->data_dir . '/pg_stat_tmp/pganalytics/credentials';
my $expiry = 'openssl x509 -noout -enddate -in';

# ---- without a certificate nothing goes ----

my $status = $node->wait_for_status('nothing goes', sub { $_->{delivery}{consecutive_failures} > 0 });
is($status->{delivery}{sent}, 0, 'without certificate and token nothing is accepted');

# ---- with the one from registration all goes ----

$node->set('pganalytics.registration_secret_file' => $backend->file('registration.secret'));
$node->safe_psql('postgres', 'SELECT pganalytics_register()');
$status = $node->wait_for_state('ok');
my ($push) = grep { $_->{stored} } $backend->requests;
is($push->{client}, 'commonName=pganalytics-collector', 'the certificate from registration is used');
is((stat $file)[2] & 0777, 0600, 'it is kept where nobody else can read it');
is(`$expiry $file`, `$expiry @{[ $backend->file('client.crt') ]}`, 'openssl finds it in the file of credentials');
my @files = grep { !/^\.\.?$/ } map { (split m{/})[-1] } glob($node->data_dir . '/pg_stat_tmp/pganalytics/*');
is((grep { /pem|key|crt|tmp/ } @files), 0, 'and there is no other file with it');

my $since = $backend->position;
$node->restart;
$node->wait_for_state('ok');
is((grep { ($_->{path} // '') =~ /register/ } $backend->requests($since)), 0, 'after a restart it is used without registering again');

$node->stop;
unlink $file or die "$file: $!";
$since = $backend->position;
$node->start;
$node->wait_for_state('ok');
is(scalar(grep { ($_->{status} // 0) == 403 } $backend->requests($since)), 0,
	'one that comes with a registration by itself is used from the next request on');

# ---- it is renewed when two thirds of its life are over ----

$backend->order(action => 'registration', certificate => 'client-old');
$node->safe_psql('postgres', 'SELECT pganalytics_register()');
$since = $backend->position;
$backend->order(action => 'registration', certificate => 'client');
$node->reload;
$backend->wait_for_request('a renewal', sub { ($_[0]{path} // '') =~ /register/ && $_[0]{status} == 201 }, $since);
ok(wait_until('the new certificate', sub { `$expiry $file` eq `$expiry @{[ $backend->file('client.crt') ]}` }),
	'a certificate near its end is renewed by itself');
my $position = $backend->position;
$backend->wait_for_request('goes on', sub { $_[0]{stored} }, $position);
is($node->status->{delivery}{state}, 'ok', 'deliveries go on');

# ---- a backend need not issue it again ----

$backend->order(action => 'registration', certificate => undef);
$node->safe_psql('postgres', 'SELECT pganalytics_register()');
is(`$expiry $file`, `$expiry @{[ $backend->file('client.crt') ]}`, 'a registration that brings no certificate leaves the one there is');
$backend->order(action => 'disconnect');
$position = $backend->position;
$push = $backend->wait_for_request('goes on', sub { $_[0]{stored} }, $position);
is($push->{client}, 'commonName=pganalytics-collector', 'and it goes on being used');
$backend->order(action => 'registration', certificate => 'client');

# ---- a person is told where it cannot be ----

$backend->order(action => 'registration', certificate => 'client-old');
$node->safe_psql('postgres', 'SELECT pganalytics_register()');
$node->set('pganalytics.registration_secret_file' => '');
$node->wait_for_problem(qr/certificate from registration expires in \d+ days: set "pganalytics\.registration_secret_file"/);
pass('without a secret to renew it the status warns');
$node->set('pganalytics.registration_secret_file' => $backend->file('registration.secret'));
$backend->order(action => 'registration', certificate => 'client');
$node->reload;
$node->wait_for_no_problem(qr/certificate/);
pass('and the warning goes when it is renewed');

# ---- the settings come first ----

$node->set(
	'pganalytics.tls_cert_file' => $backend->file('client-other-ca.crt'),
	'pganalytics.tls_key_file' => $backend->file('client.key'));
$node->wait_for_status('the file that is set', sub { $_->{delivery}{state} ne 'ok' });
pass('a certificate that is set is used instead');
$node->set('pganalytics.tls_cert_file' => '', 'pganalytics.tls_key_file' => '');
$node->wait_for_state('ok');
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'all that waited arrives');

# ---- one that the backend does not accept any more is in nobody's way ----

$backend->order(action => 'registration', certificate => 'client-other-ca');
$node->safe_psql('postgres', 'SELECT pganalytics_register()');
ok($node->wait_for_problem(qr/client certificate.*pganalytics_register\(\) gets another one/),
	'a certificate that is not accepted is a problem');
$backend->order(action => 'registration', certificate => 'client');
$node->safe_psql('postgres', 'SELECT pganalytics_register()');
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'with another one all that waited arrives');
$node->wait_for_no_problem(qr/client certificate/);

# ---- a useless certificate is refused before it replaces a good one ----

$backend->order(action => 'registration', certificate => 'server');
my (undef, undef, $stderr) = $node->psql('postgres', 'SELECT pganalytics_register()');
like($stderr, qr/the certificate from registration and its key are not usable/, 'a certificate of another key is refused');
is(`$expiry $file`, `$expiry @{[ $backend->file('client.crt') ]}`, 'the good one is still there');
$node->wait_for_state('ok');

$status = $node->status;
is($status->{spool}{$_}, 0, "no batch $_") foreach qw(dropped rejected);
$node->check_log(allowed => [qr/ERROR:  could not register with the backend/]);
done_testing();
