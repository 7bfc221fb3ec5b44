
# Where the library is not preloaded the extension can be created, and its status
# says what is missing.

use strict;
use warnings;

use PgAnalytics::Cluster;
use Test::More;

my $node = PgAnalytics::Cluster->create(
	'main',
	settings => {
		'shared_preload_libraries' => '',
		map { ("pganalytics.${_}_interval" => undef) } qw(pg_stats sysstat disk_usage pg_log),
	});

my $status = $node->status;
is(scalar(grep { /shared_preload_libraries/ } @{ $status->{problems} }), 1,
	'the status names shared_preload_libraries');
foreach my $worker (qw(collector sender))
{
	ok(exists $status->{workers}{$worker}, "the status knows the $worker");
	is($status->{workers}{$worker}{pid}, undef, "which does not run");
}
is($status->{delivery}{state}, 'off', 'nothing is delivered');
my @collectors = sort keys %{ $status->{collectors} };
is(scalar(grep { /^(?:disk_usage|pg_log|pg_stats|sysstat)$/ } @collectors), 4, 'the collectors are listed');

# ---- a sample needs no worker ----

foreach my $type (qw(pg_stats sysstat disk_usage))
{
	is($node->safe_psql('postgres', "SELECT count(*) > 0 AND bool_and(s->>'type' = '$type') FROM pganalytics_sample('$type') s"),
		't', "a sample of $type");
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM pganalytics_collectors}), scalar @collectors,
	'the view of collectors');

# ---- what needs workers says so ----

foreach my $call (q{pganalytics_collect('sysstat')}, 'pganalytics_flush()')
{
	my ($result, $stdout, $stderr) = $node->psql('postgres', "SELECT $call");

	isnt($result, 0, "$call fails");
	like($stderr, qr/shared_preload_libraries/, 'and says why');
}

# ---- settings can be made before the restart that needs them ----

$node->safe_psql('postgres', "LOAD 'pganalytics'; ALTER SYSTEM $_")
  foreach q{SET pganalytics.state_directory = '/nowhere'},
  'RESET pganalytics.state_directory',
  q{SET pganalytics.sysstat_interval = '7s'};
$node->configure('shared_preload_libraries' => 'pg_stat_statements,pganalytics');
$node->restart;
$status = $node->wait_for_status('the workers run',
	sub { $_->{workers}{collector}{pid} && $_->{workers}{sender}{pid} && @{ $_->{problems} } == 1 });
is($status->{collectors}{sysstat}{interval_seconds}, 7, 'and count afterwards');
like(join("\n", @{ $status->{problems} }), qr/^"pganalytics\.backend_url" is not set.*$/,
	'what is still missing is a backend');

$node->safe_psql('postgres', 'DROP EXTENSION pganalytics; CREATE EXTENSION pganalytics');
pass('the extension can be dropped and created while the workers run');

$node->check_log(allowed => [qr/shared_preload_libraries/]);
done_testing();
