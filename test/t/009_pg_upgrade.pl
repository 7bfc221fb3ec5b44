
# pg_upgrade works with the library preloaded on both sides, and the new cluster
# reports.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $old = PgAnalytics::Cluster->create('old', backend => $backend);
my $new = PgAnalytics::Cluster->create('new', backend => $backend, start => 0);
my ($bin) = PostgreSQL::Test::Utils::run_command([ 'pg_config', '--bindir' ]);

$old->safe_psql('postgres', 'CREATE DATABASE app');
$old->safe_psql('app', 'CREATE EXTENSION pganalytics; CREATE TABLE kept AS SELECT 1 AS id');
$backend->wait_for_metric('pg_stats', 'app');
$old->stop;

my @upgrade = (
	'pg_upgrade', '--no-sync',
	'-b' => $bin, '-B' => $bin,
	'-d' => $old->data_dir, '-D' => $new->data_dir,
	'-s' => $new->host,
	'-p' => $old->port, '-P' => $new->port);

chdir $PostgreSQL::Test::Utils::tmp_check;
PostgreSQL::Test::Utils::command_ok([ @upgrade, '--check' ], 'pg_upgrade --check is content');
PostgreSQL::Test::Utils::command_ok(\@upgrade, 'pg_upgrade succeeds');

$new->start;
my $status = $new->wait_for_status('all is well', sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } });
pass('the new cluster has no problems');
ok( $backend->wait_for_metric('pg_stats', 'app',
		collector => $status->{collector_id}, name => 'kept'),
	'and its tables arrive');
is($new->safe_psql('app', 'SELECT pganalytics_version() IS NOT NULL'), 't', 'the extension is there');

$new->check_log;
done_testing();
