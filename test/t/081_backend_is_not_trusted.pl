
# A backend is not trusted with the server: whatever it puts into the remote
# configuration, no setting changes but those that are its to decide, nothing is
# switched on that is off here, and no document costs more than a little memory.

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
		'pganalytics.enabled_collectors' => 'sysstat, disk_usage',
		'pganalytics.disk_usage_interval' => '60s',
		'pganalytics.log_filters' => 'ERROR,FATAL,PANIC',
		'pganalytics.config_pull_interval' => '0' });
my $pid = $node->wait_for_state('ok')->{workers}{sender}{pid};
my $version = 0;

# Offers a document and pulls it; the error, "" if it was accepted.
sub offer
{
	my ($document, %reply) = @_;

	$document->{version} = ++$version unless exists $document->{version};
	$backend->order(action => 'config', document => $document, %reply);
	my ($result, undef, $stderr) = $node->psql('postgres', 'SELECT pganalytics_pull_config()');
	return $result == 0 ? '' : $stderr;
}

# Every setting, as PostgreSQL has it and as the extension obeys it.
sub settings
{
	return $node->safe_psql('postgres', 'SELECT name, setting FROM pg_settings ORDER BY name');
}

sub in_force
{
	return $node->safe_psql('postgres', 'SELECT name, value_in_force FROM pganalytics_settings ORDER BY name');
}

my $settings = settings();
my $in_force = in_force();
my @names = split /\n/, $node->safe_psql('postgres', q{SELECT name FROM pg_settings WHERE name LIKE 'pganalytics.%' ORDER BY name});
my @types = split /\n/, $node->safe_psql('postgres', 'SELECT collector FROM pganalytics_collectors ORDER BY 1');
cmp_ok(scalar @names, '>', 40, 'there are many settings');

# ---- every setting, under every name, with values that would hurt ----

# the names that are its own are tried below
my @others = grep { !/\.(?:enabled_collectors|log_filters)$/ } @names;
foreach my $value ('https://evil.example', 1, JSON::PP::true, ['all'], { a => 1 })
{
	my %everywhere = map { my ($short) = /\.(.*)/; ($_ => $value, $short => $value) } @others;

	is(offer({ %everywhere, settings => {%everywhere}, parameters => [ {%everywhere} ] }),
		'', 'every setting as ' . JSON::PP->new->allow_nonref->encode($value) . ': is ignored');
	is(offer({ intervals => {%everywhere} }), '', 'and among the intervals as well');
	is(settings(), $settings, 'no setting of the server has changed');
	is(in_force(), $in_force, 'and none is another one in force');
}
like($node->status->{config}{ignored}, qr/intervals\.pganalytics\./, 'what was ignored is reported');

# ---- the limits of what is its to decide ----

foreach my $type (@types)
{
	my ($floor) = sort { $a <=> $b } 10, $node->status->{collectors}{$type}{interval_seconds};

	like(offer({ intervals => { $type => $floor - 1 } }), qr/allowed are $floor s/, "$type: not below $floor s");
	like(offer({ intervals => { $type => 86401 } }), qr/allowed are/, "$type: not above a day");
}
is(in_force(), $in_force, 'nothing of it is in force');

is(offer({ enabled_collectors => [ 'all', @types ], log_filters => [qw(all DEBUG LOG INFO NOTICE WARNING ERROR)] }),
	'', 'a longer list than that of the server is no mistake');
my $status = $node->status;
my @enabled = grep { $status->{collectors}{$_}{enabled} } sort keys %{ $status->{collectors} };
is("@enabled", 'disk_usage sysstat', 'but switches no collector on');
is($node->safe_psql('postgres', q{SELECT value_in_force FROM pganalytics_settings WHERE name = 'pganalytics.log_filters'}),
	'ERROR,FATAL,PANIC', 'and no severity');
is(offer({ enabled_collectors => ['pg_stats'] }), '', 'one that is off here may be the only one asked for');
$status = $node->status;
@enabled = grep { $status->{collectors}{$_}{enabled} } keys %{ $status->{collectors} };
is("@enabled", '', 'then none runs');
ok($node->wait_for_problem(qr/version $status->{config}{version} of the remote configuration leaves no collector switched on/),
	'which is a problem');
$node->set('pganalytics.enabled_collectors' => '');
ok($node->wait_for_no_problem(qr/leaves no collector switched on/), 'but not where all are off here');
$node->set('pganalytics.enabled_collectors' => 'sysstat,disk_usage');

# ---- an interval that was good becomes too short ----

$node->set('pganalytics.disk_usage_interval' => '2s');
$node->wait_for_status('2 s', sub { $_->{collectors}{disk_usage}{interval_seconds} == 2 });
is(offer({ intervals => { disk_usage => 3 } }), '', 'where the server itself reads every 2 s, 3 s are good');
$node->set('pganalytics.disk_usage_interval' => '5min');
ok($node->wait_for_status('the floor', sub { $_->{collectors}{disk_usage}{interval_seconds} == 10 }),
	'when that changes, they are 10 s');
like($node->safe_psql('postgres', q{SELECT why FROM pganalytics_settings WHERE name = 'pganalytics.disk_usage_interval'}),
	qr/not below the limit of 10 s/, 'and the view says why');

# ---- documents made to hurt ----

sub peak_memory_kb
{
	my ($peak) = PostgreSQL::Test::Utils::slurp_file("/proc/$pid/status") =~ /^VmHWM:\s*(\d+) kB/m;
	return $peak;
}

my $before = peak_memory_kb();
my $last_good = $node->status->{config}{version};
my %hostile = (
	'deep' => '[' x 100_000,
	'deep and whole' => '{"version":1,"x":' . ('[' x 20_000) . (']' x 20_000) . '}',
	'deep objects' => '{"a":' x 10_000 . '1' . '}' x 10_000,
	'many values' => '{"version":1,"x":[' . ('{},' x 20_000) . '{}]}',
	'keys twice' => '{"version":1,"version":2}',
	'huge number' => '{"version":' . ('9' x 10_000) . '}',
	'huge exponent' => '{"version":1e999999}',
	'NUL' => qq({"version":1,"a\\u0000b":1}),
	'NUL byte' => qq({"version":1,"a":"\0"}),
	'nothing' => '',
	'10 MB' => '{"version":1,"x":"' . ('x' x 10_000_000) . '"}',
	'HTML' => '<html>{"version":1}</html>');

foreach my $name (sort keys %hostile)
{
	isnt(offer({ version => 1_000_000 }, body => $hostile{$name}), '', "$name: is refused");
}
isnt(offer({ version => 1_000_000 }, body => '{}', headers => { 'ETag' => 'x' x 100_000 }), '', 'huge headers');
isnt(offer({ version => 1_000_000 }, body => '{"intervals":{"sysstat":1}}', headers => { 'X-Config-Version' => '1' x 500, 'ETag' => '"x"' }),
	'', 'a huge version');
is($node->status->{config}{version}, $last_good, 'the last good one is in force all the time');
SKIP:
{
	skip 'memory that is checked is kept when it is freed', 1 if $ENV{ASAN_OPTIONS} || $ENV{VALGRIND_OPTS};

	cmp_ok(peak_memory_kb() - $before, '<', 16 * 1024, 'and the sender took less than 16 MB more for all of it');
}
is($node->status->{workers}{sender}{pid}, $pid, 'the sender is the same process');

is(offer({ intervals => { sysstat => 1 }, enabled_collectors => ['sysstat'] }, headers => { 'ETag' => "\"a\tb\"" }), '', 'an odd ETag');
is(offer({ intervals => { sysstat => 2 } }), '', 'is not sent back');

$status = $node->status;
is($status->{delivery}{state}, 'ok', 'delivery did not mind any of it');
is($status->{spool}{$_}, 0, "no batch $_") foreach qw(dropped rejected);
$node->check_log(allowed => [qr/ERROR:  could not pull the configuration/]);
done_testing();
