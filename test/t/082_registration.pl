
# Registration: one call, and the server is known to the backend from then on;
# what it was given is nobody else's, survives a restart, and is got again by
# itself when it is lost.

use strict;
use warnings;

use JSON::PP;
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'pganalytics.jwt_secret_file' => undef,
		'pganalytics.enabled_collectors' => 'sysstat',
		'pganalytics.sysstat_interval' => '1h',
		'pganalytics.push_interval' => '1h' });
my $state = $node->data_dir . '/pg_stat_tmp/pganalytics';
my $file = "$state/credentials";

sub registrations
{
	my ($since) = @_;
	return grep { ($_->{path} // '') =~ m{/register$} } $backend->requests($since);
}

sub collect_and_flush
{
	$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')});
	return $node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')});
}

sub register
{
	my ($name) = @_;
	return $node->safe_psql('postgres', 'SELECT pganalytics_register(' . ($name ? "'$name'" : '') . ')');
}

# ---- what it takes ----

my (undef, undef, $stderr) = $node->psql('postgres', 'SELECT pganalytics_register()');
like($stderr, qr/"pganalytics\.registration_secret_file" is not set/, 'without a secret nobody registers');
my $id_before = $node->status->{collector_id};

$node->set('pganalytics.registration_secret_file' => '/nonexistent/secret');
my $misconfigured = $node->wait_for_state('misconfigured');
like($misconfigured->{delivery}{last_error}, qr/"pganalytics\.registration_secret_file".*cannot be read/, 'a file that is not there is told');
(undef, undef, $stderr) = $node->psql('postgres', 'SELECT pganalytics_register()');
like($stderr, qr/"pganalytics\.registration_secret_file".*cannot be read/, 'also to whoever registers');

$node->set('pganalytics.registration_secret_file' => $backend->file('other.secret'));
(undef, undef, $stderr) = $node->psql('postgres', 'SELECT pganalytics_register()');
like($stderr, qr/the backend answered 401: .*wrong registration secret/, 'a refusal is an error with the status');
ok(!-e $file, 'and leaves nothing behind');

# check_log looks whether the secret is in the log
my $secret = PostgreSQL::Test::Utils::slurp_file($backend->file('registration.secret')) =~ s/\s+$//r;
$node->set('pganalytics.registration_secret_file' => $backend->file('registration.secret'));
$backend->order(action => 'status', status => 403, path => '/api/v1/collectors/register', times => undef,
	body => { code => 403, message => "$secret is not known" });
(undef, undef, $stderr) = $node->psql('postgres', 'SELECT pganalytics_register()');
like($stderr, qr/the backend answered 403: it does not accept our secret$/m, 'a backend that repeats the secret is not repeated');
unlike(encode_json($node->status), qr/\Q$secret/, 'not in the status either');
$backend->order(action => 'reset');

$backend->order(action => 'redirect', location => 'https://localhost:1/', path => '/api/v1/collectors/register', times => undef);
(undef, undef, $stderr) = $node->psql('postgres', 'SELECT pganalytics_register()');
like($stderr, qr/answered 307: redirects are not followed, correct "pganalytics\.backend_url"/, 'a redirect is told for what it is');
$backend->order(action => 'reset');

# ---- a backend that does not answer ----

$backend->order(action => 'silence', path => '/api/v1/collectors/register', times => undef);
(undef, undef, $stderr) = $node->psql('postgres', q{SET statement_timeout = '500ms'; SELECT pganalytics_register()});
like($stderr, qr/canceling statement due to statement timeout/, 'whoever waits can give up');
$backend->order(action => 'reset');

# ---- it works ----

my $since = $backend->position;
$node->set('pganalytics.registration_secret_file' => $backend->file('registration.secret'));
my $id = register('The Server');
my ($request) = reverse grep { $_->{status} == 201 } registrations($since);
is($request->{body}{name}, 'The Server', 'the backend is told the name');
is($request->{body}{collector_id}, $id_before, 'and the id used so far');
is($request->{body}{system_identifier},
	$node->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()'),
	'and the system identifier');
is($request->{headers}{'X-Registration-Secret'}, 'present', 'and the secret');
is($id, $id_before, 'the backend lets us keep the id');
is($node->status->{collector_id}, $id, 'the status has it');

is((stat $file)[2] & 0777, 0600, 'the credentials are nobody else\'s');
my $text = PostgreSQL::Test::Utils::slurp_file($file);
like($text, qr/^system_identifier $request->{body}{system_identifier}$/m, 'they name the server');
like($text, qr/^hostname \Q$request->{body}{hostname}\E$/m, 'and the host');
ok(!glob("$file*.tmp"), 'no other file is left');

is(collect_and_flush(), 't', 'batches arrive with the token');
my ($push) = grep { $_->{stored} } $backend->requests($since);
is($push->{claims}{collector_id}, $id, 'which is of that collector');
my $status = $node->status;
ok($status->{delivery}{token_expires_at}, 'the status says how long it is good for');

# ---- a restart needs no registration ----

$since = $backend->position;
$node->restart;
is(collect_and_flush(), 't', 'after a restart batches arrive');
is(scalar registrations($since), 0, 'with the token that was kept');
is($node->status->{collector_id}, $id, 'under the same id');

# ---- again ----

is(register(), $id, 'registering again gives the same id');
is((registrations($since))[0]{body}{name}, 'The Server', 'under the same name');

# ---- a token need not look like one ----

my $token = 'not-a-jwt-but-a-secret-all-the-same';
$backend->order(action => 'status', status => 403, path => '/api/v1/metrics/push', times => undef,
	body => { code => 403, message => "do not know $token" });
$backend->order(action => 'status', status => 200, path => '/api/v1/collectors/register',
	body => { collector_id => $id, token => $token, expires_at => '2099-01-01T00:00:00Z' });
register();
$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat'), pganalytics_flush('0s')});
$node->wait_for_status('a backend that repeats it is not repeated',
	sub { ($_->{delivery}{last_error} // '') =~ /answered 403: this collector is not allowed to push$/ });
$backend->order(action => 'reset');
register();
is(collect_and_flush(), 't', 'with another token batches arrive');

# ---- another id ----

$backend->order(action => 'registration', new_ids => JSON::PP::true);
$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')});
$since = $backend->position;
my $new_id = register();
isnt($new_id, $id, 'a backend may give another id');
is($node->status->{collector_id}, $new_id, 'which counts from now on');
is(collect_and_flush(), 't', 'what waited under the old one arrives');
my %batches;
$batches{ $_->{collector_id} }++ foreach $backend->batches($since);
is_deeply([ sort keys %batches ], [ sort $id, $new_id ], 'each batch under the id it was written with');
$backend->order(action => 'registration', new_ids => JSON::PP::false);

# ---- a fixed id ----

$node->set('pganalytics.collector_id' => 'my-own-id');
$node->wait_for_status('a fixed id', sub { $_->{collector_id} eq 'my-own-id' });
is(register(), 'my-own-id', 'an id that is set comes first');
is(collect_and_flush(), 't', 'and arrives');
$node->set('pganalytics.collector_id' => '');
is($node->status->{collector_id}, 'my-own-id', 'it stays, as the one that is registered');

# ---- another one, by a reload ----

$backend->order(action => 'status', status => 503, times => undef, path => '/api/v1/metrics/push');
$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')});
$since = $backend->position;
$node->set('pganalytics.collector_id' => 'renamed-id');
$node->wait_for_status('another id', sub { $_->{collector_id} eq 'renamed-id' });
$node->wait_until_heard;
$backend->order(action => 'reset');
is(collect_and_flush(), 't', 'after another id was set all is delivered, without a call');
%batches = ();
$batches{ $_->{collector_id} }++ foreach $backend->batches($since);
is_deeply([ sort keys %batches ], [qw(my-own-id renamed-id)], 'also what waited under the former one');
is_deeply([ map { $_->{body}{collector_id} } registrations($since) ], ['renamed-id'], 'the server has registered, once');

# ---- another host name, by a reload ----

$since = $backend->position;
$node->set('pganalytics.collector_id' => '', 'pganalytics.hostname' => 'renamed.example.net');
$node->wait_for_status('another host name', sub { $_->{hostname} eq 'renamed.example.net' });
$node->wait_until_heard;
is(collect_and_flush(), 't', 'under another host name batches arrive');
is_deeply([ map { "$_->{body}{hostname} $_->{body}{collector_id}" } registrations($since) ],
	['renamed.example.net renamed-id'], 'the server has registered, once, and under the same id');
($push) = reverse grep { $_->{stored} } $backend->requests($since);
is($push->{claims}{hostname}, 'renamed.example.net', 'the token is of that host');
$node->set('pganalytics.hostname' => '');
$node->wait_for_status('the own name', sub { $_->{hostname} ne 'renamed.example.net' });
$node->wait_until_heard;
is(collect_and_flush(), 't', 'and back');
like(PostgreSQL::Test::Utils::slurp_file($file), qr/^hostname \Q$request->{body}{hostname}\E$/m, 'the credentials name the host again');

# ---- a copy is a stranger ----

$node->stop;
$text = PostgreSQL::Test::Utils::slurp_file($file);
$text =~ s/^system_identifier \d+$/system_identifier 1234567890/m;
open my $copy, '>', $file or die "$file: $!";
print $copy $text;
close $copy;
$since = $backend->position;
$node->start;
$backend->wait_for_request('registers again', sub { ($_[0]{path} // '') =~ m{/register$} }, $since);
is((registrations($since))[0]{body}{collector_id}, $id_before, 'the credentials of another server are not used');
$node->wait_for_status('goes on', sub { $_->{delivery}{token_expires_at} });
like($node->log_text, qr/credentials from registration are not used.*another server/, 'the log says so');
is(collect_and_flush(), 't', 'it registers by itself');

# ---- lost ----

$node->stop;
PostgreSQL::Test::Utils::system_or_bail('rm', '-rf', $state);
$since = $backend->position;
$node->start;
is(collect_and_flush(), 't', 'a registration that was lost is got again');
is(scalar registrations($since), 1, 'once');
is((stat $file)[2] & 0777, 0600, 'and kept');

# ---- files of others ----

$node->stop;
chmod 0644, $file;
$since = $backend->position;
$node->start;
is(collect_and_flush(), 't', 'a file that others can read');
is(scalar registrations($since), 1, 'is not used');
is((stat $file)[2] & 0777, 0600, 'and replaced');

$status = $node->status;
is($status->{delivery}{state}, 'ok', 'delivery is all right');
is($status->{spool}{$_}, 0, "no batch $_") foreach qw(dropped rejected);
$node->check_log(allowed => [qr/ERROR:  (?:could not register with the backend|canceling statement due to statement timeout)/]);
done_testing();
