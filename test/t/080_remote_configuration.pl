
# Remote configuration: pulled when it is announced, on schedule and on demand,
# in force at once, kept over a restart without a backend, and gone at a word of
# the person who runs the server.

use strict;
use warnings;

use JSON::PP;
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create('main', backend => $backend);
my $workers = $node->wait_for_state('ok')->{workers};
my $kept = $node->data_dir . '/pg_stat_tmp/pganalytics/config';

sub pull { return decode_json($node->safe_psql('postgres', 'SELECT pganalytics_pull_config()')) }

sub setting
{
	my ($name) = @_;
	my %row;

	@row{qw(local remote in_force why)} = split /\|/,
	  $node->safe_psql('postgres',
		"SELECT local_value, remote_value, value_in_force, why FROM pganalytics_settings WHERE name = 'pganalytics.$name'"),
	  -1;
	return \%row;
}

sub config_requests
{
	my ($since) = @_;
	return grep { ($_->{path} // '') =~ m{/config/} } $backend->requests($since);
}

# ---- nothing there ----

$backend->wait_for_request('the first look', sub { ($_[0]{path} // '') =~ m{/config/} });
my $config = $node->wait_for_status('has looked', sub { $_->{config}{pulled_at} })->{config};
is($config->{source}, 'local', 'without a remote configuration the local settings are in force');
is($config->{version}, undef, 'which have no version');

# ---- announced ----

my %document = (
	version => 7,
	intervals => { disk_usage => 77, pg_logs => 33 },
	enabled_collectors => [qw(sysstat disk_usage pg_log)],
	log_filters => [qw(ERROR FATAL LOG)],
	retention_days => 30);
$backend->order(action => 'config', document => {%document});
my $status = $node->wait_for_status('an announced configuration is pulled',
	sub { ($_->{config}{version} // 0) == 7 });
is($status->{config}{source}, 'remote', 'it is in force');
is($status->{config}{last_error}, undef, 'without an error');
is($status->{collectors}{disk_usage}{interval_seconds}, 77, 'an interval is another one');
is($status->{collectors}{pg_log}{interval_seconds}, 33, 'pg_logs is another name of pg_log');
is($status->{collectors}{sysstat}{interval_seconds}, 1, 'an interval that is not mentioned is as before');
ok(!$status->{collectors}{pg_stats}{enabled}, 'a collector is switched off');
ok($status->{collectors}{sysstat}{enabled}, 'one that is listed is not');
is($status->{workers}{$_}{pid}, $workers->{$_}{pid}, "the $_ did not restart for it") foreach qw(collector sender);
my $runs = $status->{collectors}{pg_stats}{runs};

# ---- the view ----

is_deeply(
	setting('disk_usage_interval'),
	{ local => '1s', remote => '77s', in_force => '77s', why => 'remote configuration' },
	'the view shows what is asked for, what is in force and why');
is(setting('log_filters')->{in_force}, 'ERROR,FATAL', 'severities can only become fewer');
like(setting('log_filters')->{why}, qr/without what is switched off here: LOG/, 'and the view says so');
is(setting('sysstat_interval')->{remote}, '', 'of what is not mentioned there is no remote value');
is(setting('sysstat_interval')->{in_force}, '1s', 'and the local one is in force');

# ---- on demand ----

my $since = $backend->position;
my $in_force = pull();
is($in_force->{version}, 7, 'pganalytics_pull_config() returns the version');
is($in_force->{intervals}{disk_usage}, 77, 'and what is in force');
is_deeply([ sort @{ $in_force->{enabled_collectors} } ], [qw(disk_usage pg_log sysstat)], 'collectors, too');
is((config_requests($since))[0]{status}, 304, 'what is known already is not sent again');

# ---- reloads that come faster than it does ----

$backend->order(action => 'delay', seconds => 1, path => '/api/v1/config/', times => undef);
$since = $backend->position;
wait_until(
	'batches arrive all the same',
	sub {
		$node->reload;
		return (grep { $_->{stored} } $backend->requests($since)) >= 3;
	});
pass('reloads that come faster than the configuration do not keep batches from being sent');
$backend->order(action => 'behave'); # "reset" would take the configuration away

# ---- refused whole ----

$backend->order(action => 'config', document => { version => 8, intervals => { disk_usage => 5, sysstat => 0 } });
$node->wait_for_problem(qr/remote configuration is refused: "intervals\.sysstat" is 0 s, allowed are 1 s to 86400 s; version 7 stays/);
$status = $node->status;
is($status->{config}{version}, 7, 'one bad value refuses all of it');
is($status->{collectors}{disk_usage}{interval_seconds}, 77, 'the good ones as well');
like($status->{config}{last_error}, qr/refused/, 'the status says why');
my ($result, undef, $stderr) = $node->psql('postgres', 'SELECT pganalytics_pull_config()');
isnt($result, 0, 'pganalytics_pull_config() raises an error');
like($stderr, qr/intervals\.sysstat/, 'that says why');
is(() = $node->log_text =~ /remote configuration is refused/g, 2, 'the server log has it once, besides that error');

$document{version} = 9;
$document{surprise} = 1;
$backend->order(action => 'config', document => {%document});
$status = $node->wait_for_status('the next one is good', sub { $_->{config}{version} == 9 });
is($status->{config}{last_error}, undef, 'nothing is wrong any more');
is($status->{config}{ignored}, 'surprise', 'what means nothing here is reported');
$node->wait_for_no_problem(qr/remote configuration/);

# ---- a restart without the backend ----

is((stat $kept)[2] & 0777, 0600, 'the file is nobody else\'s');
$backend->stop;
$node->restart;
$status = $node->wait_for_status('delivery waits', sub { $_->{delivery}{state} eq 'backoff' });
is($status->{config}{source}, 'remote', 'it is in force after a restart without the backend');
is($status->{config}{version}, 9, 'the last one');
ok($status->{config}{pulled_at}, 'and when it came is known');
is($status->{collectors}{disk_usage}{interval_seconds}, 77, 'with its intervals');
is($status->{collectors}{pg_stats}{runs}, 0, 'what it switches off has not run for a moment');

# ---- off ----

$node->set('pganalytics.remote_config' => 'off');
$status = $node->wait_for_status('off', sub { $_->{config}{source} eq 'local' });
is($status->{collectors}{disk_usage}{interval_seconds}, 1, 'off returns to the local settings');
$node->wait_for_status('and its collectors', sub { $_->{collectors}{pg_stats}{runs} > 1 });
is(setting('disk_usage_interval')->{in_force}, '1s', 'the view shows it');
is(setting('disk_usage_interval')->{remote}, '77s', 'and what the backend would have');
like(setting('disk_usage_interval')->{why}, qr/remote_config" is off/, 'and why it has not');
($result, undef, $stderr) = $node->psql('postgres', 'SELECT pganalytics_pull_config()');
like($stderr, qr/"pganalytics.remote_config" to on/, 'pulling says that it is off');

$backend->start;
$backend->order(action => 'config', document => {%document});
$node->wait_for_state('ok');
$since = $backend->position;
$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat'), pganalytics_flush()});
is(scalar config_requests($since), 0, 'then nothing is pulled');
$node->set('pganalytics.remote_config' => 'on');
ok($node->wait_for_status('on', sub { ($_->{config}{version} // 0) == 9 }), 'on brings it back');

# ---- on schedule; the version in a header ----

$node->set('pganalytics.config_pull_interval' => '1s');
$backend->order(
	action => 'config',
	document => { intervals => { disk_usage => 66 }, log_filters => [] },
	headers => { 'X-Config-Version' => '12', 'ETag' => '"twelve"' });
$status = $node->wait_for_status('pulled on schedule', sub { ($_->{config}{version} // 0) == 12 });
is($status->{collectors}{disk_usage}{interval_seconds}, 66, 'what is not announced is found by the clock');
ok($status->{collectors}{pg_stats}{enabled}, 'what is no longer mentioned is as it is set here');
is(setting('log_filters')->{in_force}, '', 'an empty list is one');

# ---- withdrawn ----

$backend->order(action => 'config', document => undef);
$status = $node->wait_for_status('withdrawn', sub { $_->{config}{source} eq 'local' });
is($status->{collectors}{disk_usage}{interval_seconds}, 1, 'when it is withdrawn the local settings are in force');
ok(!-e $kept, 'and nothing is kept');

# ---- the backend has trouble ----

$node->set('pganalytics.config_pull_interval' => '1h');
$backend->order(action => 'config', document => { version => 20, intervals => { disk_usage => 55 } });
$node->wait_for_status('there', sub { ($_->{config}{version} // 0) == 20 });
foreach my $fault (
	{ action => 'status', status => 503 },
	{ action => 'html' },
	{ action => 'cut', after => 'body' },
	{ action => 'status', status => 403 })
{
	my $name = join ' ', map { $fault->{$_} } sort keys %$fault;

	# the sender tries again by itself, and takes some of them
	$backend->order(%$fault, path => '/api/v1/config/', times => undef, instead => 1);
	($result, undef, $stderr) = $node->psql('postgres', 'SELECT pganalytics_pull_config()');
	isnt($result, 0, "$name is an error");
	is($node->status->{config}{version}, 20, "$name: what was in force stays so");
}
$backend->order(action => 'behave');
ok( wait_until(
		'a good answer',
		sub { ($node->psql('postgres', 'SELECT pganalytics_pull_config()'))[0] == 0 }),
	'after it all is well');
is($node->status->{config}{last_error}, undef, 'and the status knows of no error');

# ---- refused, and not wanted any more ----

$backend->order(action => 'config', document => { version => 21, intervals => { sysstat => 0 } });
$node->wait_for_problem(qr/remote configuration is refused/);
$node->set('pganalytics.remote_config' => 'off');
$status = $node->wait_for_no_problem(qr/remote configuration/);
is($status->{config}{last_error}, undef, 'off: what was wrong with it is forgotten');
$backend->order(action => 'config', document => { version => 22 });
$node->set('pganalytics.remote_config' => 'on');
$node->wait_for_status('on', sub { ($_->{config}{version} // 0) == 22 });

# ---- announced anew with each reply ----

$node->set('pganalytics.backend_url' => 'https://localhost:1');
$node->wait_for_state('backoff');
$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')}) foreach 1 .. 16;
$backend->order(action => 'status', status => 200, body => { next_config_version => 1000 + $_ }, path => '/api/v1/metrics/push',
	process => JSON::PP::true)
  foreach 1 .. 16;
$since = $backend->position;
$node->set('pganalytics.backend_url' => $backend->url);
wait_until('they are announced', sub { 16 <= grep { ($_->{fault} // '') eq 'status' } $backend->requests($since) });
cmp_ok(scalar config_requests($since), '<', 16, 'a version that is announced anew with each reply is not looked for after each');
$backend->order(action => 'behave');

$status = $node->wait_for_state('ok');
is($status->{delivery}{state}, 'ok', 'delivery did not mind');
is($status->{spool}{$_}, 0, "no batch $_") foreach qw(dropped rejected);

$node->check_log(allowed => [qr/ERROR:  (?:could not pull the configuration|remote configuration is not accepted)/]);
done_testing();
