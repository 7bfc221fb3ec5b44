
# Settings that are not at their defaults are sent after every reload that
# changed one, with where they come from and what waits for a restart, and
# without the secrets in them.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my %secret = (
	'primary_conninfo' => 'host=primary user=replicator password=geheim1 sslmode=require',
	'archive_command' => 'curl -u backup:geheim2 https://archive/%f',
	'restore_command' => 'fetch --key geheim3 %f %p',
	'archive_cleanup_command' => 'clean geheim4 %r',
	'recovery_end_command' => 'tell geheim5',
	'ssl_passphrase_command' => 'echo geheim6',
	# no setting of the server is meant for these
	'event_source' => 'postgres://app:geheim7@host/db',
	'log_line_prefix' => "host=a password = 'geheim8 with blanks' %m ",
	'bonjour_name' => 'https://host/path?access_key=geheim9&x=1',
);
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'shared_preload_libraries' => 'pganalytics',
		'pganalytics.enabled_collectors' => 'pg_settings',
		'work_mem' => '5MB',
		%secret,
	},
	start => 0);
$node->start;
$backend->wait_for_metric('pg_settings', undef);
$node->safe_psql('postgres', q{
	CREATE EXTENSION pganalytics;
	ALTER DATABASE postgres SET temp_buffers = '7MB';
	ALTER DATABASE postgres SET hash_mem_multiplier = 3;
	ALTER DATABASE postgres SET jit = off;
});

my $file = $node->data_dir . '/postgresql.conf';

# The settings by name.
sub settings_of { return { map { ($_->{name} => $_) } @{ $_[0]{settings} } } }

# Those of a metric that came after now and has some.
sub after
{
	my ($after, $where) = @_;

	return settings_of($backend->wait_for_metric('pg_settings', undef,
		after => $after, where => sub { $_[0]{settings} && $where->(settings_of($_[0])) }));
}

# ---- what there is ----

my $now = $node->utc_now;
$node->safe_psql('postgres', q{SELECT pganalytics_collect('pg_settings')});
my $metric = $backend->wait_for_metric('pg_settings', undef, 
	after => $now, where => sub { $_[0]{settings} });
my $settings = settings_of($metric);

is_deeply(
	$settings->{work_mem},
	{ name => 'work_mem', setting => '5120', unit => 'kB', source => 'configuration file',
		sourcefile => $file, pending_restart => JSON::PP::false },
	q{a setting, the server's and not one of ours});
is($settings->{enable_sort}, undef, 'a default is not sent');
is_deeply([ @{ $settings->{jit} }{qw(setting source)} ], [ 'off', 'database' ], 'a setting of the database');
is($settings->{'data_directory'}{source}, 'override', 'what the server found out is');

is($settings->{$_}{setting}, '********', "$_ is masked")
  foreach grep { /command/ } keys %secret;
is($settings->{primary_conninfo}{setting}, '********', 'so is the connection to the primary');
is($settings->{event_source}{setting}, 'postgres://app:********@host/db', 'and elsewhere the password of a URL');
is($settings->{log_line_prefix}{setting}, 'host=a password = ******** %m ', 'of a connection string');
is($settings->{bonjour_name}{setting}, 'https://host/path?access_key=********&x=1', 'and a key among parameters');

# ---- unchanged ----

$now = $node->utc_now;
$node->safe_psql('postgres', q{SELECT pganalytics_collect('pg_settings')});
my $unchanged = $backend->wait_for_metric('pg_settings', undef, after => $now);
is_deeply([ sort keys %$unchanged ], [qw(hash timestamp type unchanged)], 'unchanged, they are a hash');
is($unchanged->{hash}, $metric->{hash}, 'the one that they had');

# ---- lost on the way ----

$backend->order(action => 'status', status => 400, times => 1, path => '/api/v1/metrics/push');
$node->safe_psql('postgres', q{SELECT pganalytics_collect('pg_settings')});
$node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')});
is($node->status->{spool}{rejected}, 1, 'a batch is rejected');
$now = $node->utc_now;
$node->safe_psql('postgres', q{SELECT pganalytics_collect('pg_settings')});
ok($backend->wait_for_metric('pg_settings', undef, after => $now)->{settings}, '... and then they are sent whole');

# ---- reload ----

$now = $node->utc_now;
$node->set('work_mem' => '6MB', 'max_connections' => '77');
$settings = after($now, sub { $_[0]{work_mem}{setting} eq '6144' });
ok(1, 'a reload is seen at once');
ok($settings->{max_connections}{pending_restart}, 'what waits for a restart is told');
isnt($settings->{max_connections}{setting}, '77', 'and has the value in force');

$now = $node->utc_now;
$node->safe_psql('postgres', q{ALTER SYSTEM SET work_mem = '8MB'; SELECT pg_reload_conf()});
$settings = after($now, sub { $_[0]{work_mem}{setting} eq '8192' });
like($settings->{work_mem}{sourcefile}, qr/postgresql\.auto\.conf$/, 'with the file where it is set');

# ---- what a session sees ----

my $sample = $node->safe_psql('postgres',
	q{SET hash_mem_multiplier = 9; SELECT s ->> 'setting' || ' ' || (s ->> 'source')
	  FROM pganalytics_sample('pg_settings') m, jsonb_array_elements(m -> 'settings') s
	  WHERE s ->> 'name' = 'hash_mem_multiplier'});
is($sample, '3 database', 'what a session has set for itself does not count');

my $everything = join '', map { $_->{body} ? JSON::PP->new->encode($_->{body}) : '' } $backend->requests;
is(() = $everything =~ /geheim/g, 0, 'no secret was sent');
my $plain_strings = $node->safe_psql('postgres', 'SHOW server_version_num') < 190000 ? 'SET standard_conforming_strings = off; SET escape_string_warning = off;' : '';
my $sampled = $node->safe_psql('postgres', "$plain_strings SELECT pganalytics_sample('pg_settings')");
like($sampled, qr/password = \*{8} %m/, 'masked, whatever a backslash means to the session');
is(() = $sampled =~ /geheim/g, 0, 'or sampled');

is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');
$node->check_log;
done_testing();
