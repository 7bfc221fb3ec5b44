
# A server with 1,000 tables and default settings holds 72 hours without a
# backend, then everything goes out, oldest first.  The clock may jump meanwhile.
#
# Minutes pass by setting the clock, in steps of ten seconds: as many as
# PGANALYTICS_OUTAGE_MINUTES says (12; 4320 are the three days, in an hour or so),
# the rest of the three days is a jump.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Clock;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Wait;
use Test::More;

my $MINUTES = $ENV{PGANALYTICS_OUTAGE_MINUTES} // 12;
my $THREE_DAYS_S = 72 * 3600;
my $YEAR_S = 365 * 86400;
my $STEP_S = 10;
my $PUSH = '/api/v1/metrics/push';

my $backend = PgAnalytics::Backend->new('--schema' => '');
my $clock = PgAnalytics::Clock->new;
$ENV{LD_PRELOAD} = $clock->library;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'autovacuum' => 'off',
		(map { ("pganalytics.$_" => undef) } qw(push_interval spool_min_free
			pg_stats_interval sysstat_interval disk_usage_interval pg_log_interval pg_query_stats_interval)) });
delete $ENV{LD_PRELOAD};

# Visits and batches that were begun are over.
sub wait_until_idle
{
	return $node->wait_for_status('collector and sender are idle',
		sub { $_->{workers}{collector}{state} eq 'idle' && $_->{workers}{sender}{state} eq 'idle' && keys %{ $_->{workers} } == 2 });
}

$node->safe_psql('postgres', q{
	DO $$ BEGIN FOR i IN 1 .. 1000 LOOP
		EXECUTE format('CREATE TABLE measured_%s (id int PRIMARY KEY, at timestamptz DEFAULT now(), value float)', i);
	END LOOP; END $$});
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'the backend is there');
$backend->order(action => 'status', status => 503, times => undef, path => $PUSH);

sub collect { return $node->collect('sysstat') }

# ---- three days ----

my $status = wait_until_idle();
my $before = $status->{spool};
my $since = $backend->position;
my $started = time;
my $passed = 0;

# So many seconds have passed since the start, those included that the test takes.
sub let_pass
{
	my ($seconds) = @_;

	$clock->set_ahead($seconds - (time - $started));
	return;
}

foreach my $minute (1 .. $MINUTES)
{
	# some of them are in use
	$node->safe_psql('postgres', q{
		DO $$ BEGIN FOR i IN 1 .. 50 LOOP
			EXECUTE format('INSERT INTO measured_%s (id) SELECT coalesce(max(id), 0) + 1 FROM measured_%s', 20 * i, 20 * i);
		END LOOP; END $$});
	foreach (1 .. 60 / $STEP_S)
	{
		let_pass($passed += $STEP_S);
		$node->collect('pg_activity');
	}
	wait_until_idle();
}
$status = wait_until_idle();
my $batches = $status->{spool}{batches} - $before->{batches};
my $bytes = $status->{spool}{bytes} - $before->{bytes};
my $all_bytes = $bytes * 72 * 60 / $MINUTES;
my ($limit) = $node->safe_psql('postgres', q{SELECT setting::bigint * 1024 * 1024 FROM pg_settings WHERE name = 'pganalytics.spool_max_size'});
cmp_ok($batches, '>=', 6 * $MINUTES, "every wakeup of $MINUTES minutes has left a batch");
cmp_ok($all_bytes, '<', $limit,
	sprintf '%d batches and %d bytes are held after %d minutes, which makes %.1f MB in 72 hours', $batches, $bytes, $MINUTES, $all_bytes / 1048576);

# the oldest is nearly as old as a batch may be
let_pass($THREE_DAYS_S - 300);
collect();
$status = wait_until_idle();
is($status->{spool}{dropped}, 0, 'nothing is dropped in three days');
cmp_ok($status->{spool}{batches}, '>', $batches, 'all of it waits, and what is new as well');

# ---- the backend is back, and so is the time ----

$clock->set_ahead(0);
my $newest = (map { sequence_of($_) } $node->spool_files)[-1];
collect();
my @waiting = map { sequence_of($_) } $node->spool_files;
cmp_ok($waiting[-1], '>', $newest, 'what is collected after the clock was set back joins the end');
$backend->order(action => 'reset');
my $patience = 3 + int($MINUTES / 100);    # "drain_rate" takes its time
is($node->safe_psql('postgres', qq{SELECT pganalytics_flush('${patience}min')}), 't', 'everything is delivered');
my @stored = map { sequence_of($_->{batch_id}) } $backend->batches($since);
my %stored = map { $_ => 1 } @stored;
is_deeply([ grep { !$stored{$_} } @waiting ], [], 'every batch that waited is in the store');
my %waiting = map { $_ => 1 } @waiting;
my @in_turn = grep { $waiting{$_} } @stored;
is_deeply(\@in_turn, [ sort { $a <=> $b } @in_turn ], 'strictly the oldest first');
is($node->status->{spool}{$_}, 0, "none was $_") foreach qw(dropped rejected);

# ---- the oldest gets too old while it is being sent ----

# later than all sequence numbers so far, which do not go back with the clock
my $dropped = $node->status->{spool}{dropped};
$clock->set_ahead($THREE_DAYS_S);
$backend->order(action => 'status', status => 503, times => undef, path => $PUSH);
collect();
wait_until_idle();
# what is due after three days may have come along
my %oldest = map { sequence_of($_) => 1 } $node->spool_files;
$clock->set_ahead($THREE_DAYS_S + 3600);
collect() foreach 1 .. 3;
wait_until_idle();
my @younger = grep { !$oldest{$_} } map { sequence_of($_) } $node->spool_files;
$backend->order(action => 'silence', times => undef, path => $PUSH, instead => 1);
$since = $backend->position;
$node->safe_psql('postgres', q{SELECT pganalytics_flush('0s')});
$backend->wait_for_request('that is not answered', sub { $_[0]{fault} }, $since);
$clock->set_ahead(2 * $THREE_DAYS_S + 1800);
collect();
my %left = map { sequence_of($_) => 1 } $node->spool_files;
is_deeply([ grep { !$left{$_} } @younger ], [], 'a batch that is too old but being sent costs none of the younger ones');
cmp_ok(scalar @younger, '>=', 3, 'of which there are some');
cmp_ok($node->status->{spool}{dropped} - $dropped, '<=', keys %oldest, 'nor is one counted as dropped');
$clock->set_ahead(0);
$backend->order(action => 'reset');
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'they are delivered');

# ---- a clock that jumps by a year ----

$backend->order(action => 'status', status => 503, times => undef, path => $PUSH);
collect() foreach 1 .. 3;
wait_until_idle();
$dropped = $node->status->{spool}{dropped};
$clock->set_ahead($YEAR_S);
$status = $node->wait_for_status('what is too old now is dropped', sub { collect(); $_->{spool}{dropped} >= $dropped + 3 });
ok(scalar(grep { /spool_max_age/ } @{ $status->{problems} }), 'a clock that jumps ahead: what is too old by it is dropped, counted and told');
$clock->set_ahead(-$YEAR_S);
collect() foreach 1 .. 3;
$clock->set_ahead(0);
collect();
wait_until_idle();

# their numbers are those of the next year; the time of the oldest is such a one, too
my %ahead = map { sequence_of($_) => 1 } $node->spool_files;
my ($oldest) = $node->spool_files;
utime time + $YEAR_S, time + $YEAR_S, $oldest or die "$oldest: $!";
wait_until('it counts as written now', sub { collect(); ((stat $oldest)[9] // 0) < time + $YEAR_S / 2 });
ok(-e $oldest, 'what was written while the clock was ahead is not too old');
$clock->set_ahead($THREE_DAYS_S + 3600);
wait_until('they get too old', sub { collect(); !grep { $ahead{ sequence_of($_) } } $node->spool_files });
pass('but gets so in its time, and what was written afterwards as well');
$clock->set_ahead(0);
collect();
wait_until_idle();
$backend->order(action => 'reset');
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'all else is delivered when it has come back');
$node->set('pganalytics.interval' => '1d', 'pganalytics.pg_activity_interval' => '1d');
$node->wait_for_status('nothing is due any more', sub { !grep { $_->{enabled} && $_->{interval_seconds} < 86400 } values %{ $_->{collectors} } });
$node->wait_until_heard;
wait_until_idle();
# what was due already comes once more
wait_until(
	'the account',
	sub {
		$node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')});
		$status = $node->status;
		@stored = map { sequence_of($_->{batch_id}) } $backend->batches;
		return $status->{spool}{written} == @stored + $status->{spool}{dropped};
	},
	otherwise => sub { "$status->{spool}{written} written, " . @stored . " stored, $status->{spool}{dropped} dropped" });
pass('every batch that was written is delivered or counted as dropped');
is(scalar keys %{ { map { $_ => 1 } @stored } }, scalar @stored, 'no sequence number was used twice');

$node->check_log;
done_testing();
