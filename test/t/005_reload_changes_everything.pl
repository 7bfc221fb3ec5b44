
# Every setting that a person needs at night takes effect by reload, and files
# that are replaced by their next use; no worker restarts for it.

use strict;
use warnings;

use File::Copy qw(copy);
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Wait;
use Test::More;

my $first = PgAnalytics::Backend->new;
my $second = PgAnalytics::Backend->new;
my $dir = PostgreSQL::Test::Utils::tempdir('own');

# Puts a file in place of another, as a renewal would.
sub install
{
	my ($from, $to) = @_;

	copy($from, "$dir/new") or die "copy $from: $!";
	chmod 0600, "$dir/new";
	rename "$dir/new", "$dir/$to" or die "rename $to: $!";
	return;
}

install($first->file($_), $_) foreach qw(ca.crt client.crt client.key jwt.secret);
my %own_files = (
	'pganalytics.tls_ca_file' => "$dir/ca.crt",
	'pganalytics.tls_cert_file' => "$dir/client.crt",
	'pganalytics.tls_key_file' => "$dir/client.key",
	'pganalytics.jwt_secret_file' => "$dir/jwt.secret");
my $node = PgAnalytics::Cluster->create('main', backend => $first, settings => \%own_files);
my $workers = $node->wait_for_state('ok')->{workers};

# ---- intervals and collectors ----

$node->set('pganalytics.interval' => '1h', map { ("pganalytics.${_}_interval" => '0') } qw(pg_stats sysstat));
my $status = $node->wait_for_status('long intervals', sub { $_->{collectors}{sysstat}{interval_seconds} == 3600 });
is($status->{collectors}{pg_stats}{interval_seconds}, 3600, 'interval is the lower bound of all');
is($status->{collectors}{disk_usage}{interval_seconds}, 1, 'but of those with one of their own');

my $runs = $status->{collectors}{sysstat}{runs};
$node->set('pganalytics.sysstat_interval' => '1s');
ok($node->wait_for_status('sysstat runs again', sub { $_->{collectors}{sysstat}{runs} > $runs + 2 }),
	'a shorter interval counts at once');

$node->set('pganalytics.enabled_collectors' => 'sysstat, pg_log');
$status = $node->wait_for_status('fewer collectors', sub { !$_->{collectors}{disk_usage}{enabled} });
ok($status->{collectors}{sysstat}{enabled}, 'collectors can be switched off one by one');
$node->set('pganalytics.enabled_collectors' => 'all', 'pganalytics.pg_stats_interval' => '1s');
$node->wait_for_status('all collectors', sub { $_->{collectors}{disk_usage}{enabled} });

# ---- another backend, with files of its own ----

my $since = $second->position;
install($second->file($_), $_) foreach qw(ca.crt client.crt client.key jwt.secret);
$node->set('pganalytics.backend_url' => $second->url . '/');
$second->wait_for_request('at the second backend', sub { $_[0]{stored} }, $since);
$status = $node->wait_for_state('ok');
like($status->{delivery}{backend_url}, qr/:@{[ $second->port ]}\b/, 'the status names the new one');
$since = $first->position;
# what the change interrupted may still be worked on there, but it is not what is written from now on
my $newest = $node->safe_psql('postgres', q{SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::bigint});
$node->collect('sysstat');
$node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')});
is(scalar(grep { (sequence_of(key_of($_)) // 0) > $newest } $first->requests($since)), 0, 'the first one is left alone');

# ---- files that change without a reload ----

install($second->file('other.secret'), 'jwt.secret');
$node->wait_for_status('the new secret is used', sub { $_->{delivery}{state} eq 'unauthorized' });
pass('a new secret is noticed without a reload');
install($second->file('jwt.secret'), 'jwt.secret');
ok($node->wait_for_state('ok'), 'and so is the right one');

install($first->file('ca.crt'), 'ca.crt');
$node->wait_for_status('the new CA is used', sub { $_->{delivery}{state} ne 'ok' });
pass('a new CA is noticed without a reload, kept connections and sessions notwithstanding');
install($second->file('ca.crt'), 'ca.crt');
ok($node->wait_for_state('ok'), 'and so is the right one');

# ---- a request that takes longer than the next reload ----

$second->order(action => 'delay', seconds => 4, times => undef, path => '/api/v1/metrics/push');
my $sent = $node->status->{delivery}{sent};
my $reloads = 0;
my $seen = -1;
ok( $node->wait_for_status(
		'a batch is delivered',
		sub {
			if ($_->{collectors}{sysstat}{runs} != $seen)    # once a second
			{
				$seen = $_->{collectors}{sysstat}{runs};
				$node->reload;
				$reloads++;
			}
			$_->{delivery}{sent} > $sent + 1;
		}),
	"reloads that change nothing do not end a request ($reloads of them)");
$second->order(action => 'reset');
ok($node->wait_for_state('ok'), 'and what waited is delivered');

# ---- no backend ----

$node->set('pganalytics.backend_url' => '');
$status = $node->wait_for_state('off');
$node->collect foreach 1 .. 2;    # visitors, too, have heard of it, and what was under way is written
$status = $node->status;
$runs = $status->{collectors}{sysstat}{runs};
my $written = $status->{spool}{written};
$status = $node->wait_for_status('goes on', sub { $_->{collectors}{sysstat}{runs} > $runs + 2 });
is($status->{spool}{written}, $written, 'without a backend the collectors run and nothing is spooled');
$node->set('pganalytics.backend_url' => $second->url);
$node->wait_for_state('ok');

# ---- nobody restarted ----

$status = $node->status;
is($status->{workers}{$_}{pid}, $workers->{$_}{pid}, "the $_ is the same process") foreach qw(collector sender);
is($status->{spool}{$_}, 0, "no batch $_") foreach qw(dropped rejected);

# ---- the collector's database ----

$node->safe_psql('postgres', 'CREATE DATABASE home');
$node->set('pganalytics.database' => 'home');
ok( $node->poll_query_until('postgres',
		q{SELECT datname = 'home' FROM pg_stat_activity WHERE backend_type = 'pganalytics collector'}),
	'the collector moves to another database');
$node->safe_psql_alone('home', 'ALTER DATABASE postgres RENAME TO former');
pass('the former one is free');
ok($second->wait_for_metric('pg_stats', 'former'), 'and reports under its new name');

$node->safe_psql('home', 'CREATE EXTENSION pganalytics');
$node->safe_psql_alone('home', 'ALTER DATABASE former RENAME TO postgres');
# A visitor may be on its way to a database that is just being renamed.
$node->check_log(allowed => [qr/database "(?:postgres|former)" does not exist|canceling statement due to lock timeout/]);
done_testing();
