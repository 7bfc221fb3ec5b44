
# What is copied from a server takes neither its spool nor its credentials along,
# and what waits is delivered by the server that wrote it: base backup, point-in-time
# clone, promotion, pg_rewind.

use strict;
use warnings;

use File::Path qw(make_path);
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Wait;
use PostgreSQL::Test::Utils ();
use Test::More;

my $PUSH = '/api/v1/metrics/push';
my $STATE = 'pg_stat_tmp/pganalytics';
my $backend = PgAnalytics::Backend->new('--schema' => '');
my $primary = PgAnalytics::Cluster->create(
	'primary',
	backend => $backend,
	init => { allows_streaming => 1, has_archiving => 1 },
	settings => {
		'wal_log_hints' => 'on',
		'wal_keep_size' => '512MB',
		'pganalytics.enabled_collectors' => 'sysstat,pg_stats' });

sub flush { $_[0]->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}) }

sub files_in
{
	my ($folder) = @_;

	return grep { -f } map { glob "$folder/$_" } '*', '*/*', '*/*/*';
}

# Sequence numbers that are in the store, of that collector.
sub stored
{
	my ($id) = @_;

	return map { sequence_of($_->{batch_id}) => 1 } grep { $_->{collector_id} eq $id } $backend->batches;
}

sub hold_back { $backend->order(action => 'status', status => 503, times => undef, path => $PUSH) }

sub id_of { return $_[0]->status->{collector_id} }

my %id = (primary => $primary->wait_for_state('ok')->{collector_id});

# ---- a base backup, with batches in the spool and credentials beside it ----

my $state = $primary->data_dir . "/$STATE";
make_path("$state/credentials", { mode => 0700 });
open my $file, '>', "$state/credentials/token" or die "token: $!";
print $file 'a secret';
close $file;
hold_back();
my $status = $primary->wait_for_status('batches wait', sub { $_->{spool}{batches} >= 3 });
$primary->backup('copy');
my $copy = $primary->backup_dir . '/copy';
ok(-d "$copy/pg_stat_tmp", 'a base backup is taken while batches wait');
is_deeply([ files_in("$copy/pg_stat_tmp") ], [], 'it takes neither spool nor credentials along');
unlink "$state/credentials/token";
rmdir "$state/credentials";
my @waiting = map { sequence_of($_) } $primary->spool_files;

# ---- a point-in-time clone ----

$primary->safe_psql('postgres', 'CREATE TABLE before_the_point (id int)');
my $point = $primary->safe_psql('postgres', q{SELECT pg_create_restore_point('the point')});
$primary->safe_psql('postgres', 'CREATE TABLE after_the_point (id int); SELECT pg_switch_wal()');
my $clone = PgAnalytics::Cluster->new('clone');
$clone->{backend} = $backend;
$clone->init_from_backup($primary, 'copy', has_restoring => 1, standby => 0);
$clone->configure($clone->log_settings,
	'recovery_target_name' => 'the point',
	'recovery_target_action' => 'promote');
$clone->start;
ok($clone->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'), 'a clone to a point in time is up');
is($clone->safe_psql('postgres', q{SELECT to_regclass('after_the_point') IS NULL}), 't', 'without what came after the point');
$id{clone} = id_of($clone);
isnt($id{clone}, $id{primary}, 'it has an identity of its own');
$clone->wait_for_status('batches of its own', sub { $_->{spool}{batches} > 0 });
my @of_clone = map { sequence_of($_) } $clone->spool_files;
$backend->order(action => 'reset');
is(flush($_), 't', $_->name . ': all is delivered') foreach $primary, $clone;
my %stored = stored($id{primary});
is_deeply([ grep { !$stored{$_} } @waiting ], [], 'what waited on the primary has arrived, as the primary\'s');
%stored = stored($id{clone});
is_deeply([ grep { !$stored{$_} } @of_clone ], [], 'what waited on the clone as the clone\'s');
is_deeply([ grep { $stored{$_} } @waiting ], [], 'and nothing of the primary\'s');
$clone->check_log(allowed => [ qr/does not exist|could not find|cp: / ]);
$clone->stop;

# ---- promotion, while batches wait ----

my $standby = $primary->create_standby('standby');
$primary->wait_for_catchup($standby);
$id{standby} = $standby->wait_for_state('ok')->{collector_id};
hold_back();
$standby->wait_for_status('batches wait', sub { $_->{spool}{batches} >= 2 });
@waiting = map { sequence_of($_) } $standby->spool_files;
$standby->promote;
$standby->wait_for_status('batches of the new primary', sub { $_->{spool}{batches} >= @waiting + 2 });
push @waiting, map { sequence_of($_) } $standby->spool_files;
$backend->order(action => 'reset');
is(flush($standby), 't', 'promotion: all is delivered');
%stored = stored($id{standby});
is_deeply([ grep { !$stored{$_} } @waiting ], [], 'what waited before and after, under the same id');

# ---- pg_rewind of the old primary ----

hold_back();
$primary->safe_psql('postgres', 'CREATE TABLE diverged (id int)');
$primary->wait_for_status('batches wait', sub { $_->{spool}{batches} > 0 });
$primary->stop;
ok(scalar files_in($state), 'the old primary stops with batches that wait');
$standby->safe_psql('postgres', 'CHECKPOINT');
my $conf = PostgreSQL::Test::Utils::slurp_file($primary->data_dir . '/postgresql.conf');
PostgreSQL::Test::Utils::command_ok(
	[ 'pg_rewind', '--target-pgdata' => $primary->data_dir, '--source-server' => $standby->connstr('postgres'), '--no-sync' ],
	'pg_rewind succeeds');
is_deeply([ files_in($state) ], [], 'it empties the default state directory');
open $file, '>', $primary->data_dir . '/postgresql.conf' or die "postgresql.conf: $!";
print $file $conf;
close $file;
unlink $primary->data_dir . '/standby.signal';
$primary->enable_streaming($standby);
$primary->start;
$backend->order(action => 'reset');
my $since = $backend->position;
$status = $primary->wait_for_status('all is well', sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } });
ok($status->{in_recovery}, 'the old primary is a standby now');
is($status->{collector_id}, $id{primary}, 'under the same id');
ok($backend->wait_for_request('its batches', sub { $_[0]{stored} && $_[0]{body}{collector_id} eq $id{primary} && $_[0]{body}{in_recovery} }, $since),
	'and its batches arrive');
pass('without a problem');

my %count;
$count{ $_->{batch_id} }++ foreach $backend->batches;
is_deeply([ grep { $count{$_} > 1 } sort keys %count ], [], 'no batch id was used twice');
is_deeply([ map { $_->{error} } grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused by itself');

my @replication = (qr/replication terminated by primary|could not receive data from WAL stream|terminating walreceiver|requested WAL segment|could not connect to the primary/);
$_->check_log(allowed => \@replication) foreach $primary, $standby;
done_testing();
