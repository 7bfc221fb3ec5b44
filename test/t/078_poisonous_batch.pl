
# A batch that the backend fails on holds up none of the others, and is rejected
# after five refusals while others were accepted.  An outage rejects nothing,
# however long.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Wait;
use Test::More;

my $PUSH = '/api/v1/metrics/push';
my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'pganalytics.enabled_collectors' => 'sysstat',
		'pganalytics.sysstat_interval' => '1h' });

sub collect { $node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')}) }

sub flush { $node->safe_psql('postgres', qq{SELECT pganalytics_flush('$_[0]')}) }

my $id = $node->wait_for_state('ok')->{collector_id};
is(flush('3min'), 't', 'the spool is empty');

# ---- an outage ----

$backend->order(action => 'status', status => 500, times => undef, path => $PUSH);
collect() foreach 1 .. 3;
foreach my $pass (1 .. 8)
{
	my $since = $backend->position;
	$node->reload;
	$backend->wait_for_request("pass $pass", sub { $_[0]{fault} }, $since);
}
my $status = $node->wait_for_state('backoff');
is($status->{spool}{rejected}, 0, 'while nothing is accepted, nothing is rejected');
my @waiting = map { sequence_of($_) } $node->spool_files;
is(scalar @waiting, 3, 'all of it waits');

# ---- one of them is poisonous ----

my $poison = "$id/$waiting[1]";
my $since = $backend->position;
$backend->order(action => 'status', status => 500, times => undef, key => $poison, instead => 1);
flush('1s');
$backend->wait_for_request('the last one', sub { $_[0]{stored} && key_of($_[0]) eq "$id/$waiting[2]" }, $since);
my %stored = map { sequence_of(key_of($_)) => 1 } grep { $_->{stored} } $backend->requests($since);
is_deeply([ map { $stored{$_} // 0 } @waiting ], [ 1, 0, 1 ], 'one that the backend fails on does not hold up those behind it');
wait_until('the others are removed', sub { 1 == (() = $node->spool_files) });
is_deeply([ map { sequence_of($_) } $node->spool_files ], [ $waiting[1] ], 'it waits');

my $passes = 0;
until ($node->status->{spool}{rejected} > 0 or $passes++ == 20)
{
	my $before = $backend->position;
	collect();
	flush('1s');
	ok($backend->wait_for_request('a new batch', sub { $_[0]{stored} }, $before), 'what is new arrives');
}
my @refused = grep { key_of($_) eq $poison && $_->{status} == 500 } $backend->requests($since);
cmp_ok(scalar @refused, '>=', 5, 'it is not given up before five refusals');
$status = $node->status;
is($status->{spool}{rejected}, 1, 'then it is rejected, it alone');
ok(scalar(grep { /$waiting[1] was put aside: refused 5 times/ } @{ $status->{problems} }), 'and the status says why');
ok(scalar(glob $node->data_dir . "/pg_stat_tmp/pganalytics/rejected/*$waiting[1].*"), 'it is put aside');
is(flush('3min'), 't', 'nothing waits any more');

# ---- and a restart does not make it forgotten ----

$node->restart;
ok($node->wait_for_problem(qr/rejected" holds 1 of the batches that were put aside before/), 'after a restart the status still names it');
unlink glob $node->data_dir . '/pg_stat_tmp/pganalytics/rejected/*';
collect();
ok($node->wait_for_no_problem(qr/put aside/), 'until it is removed');

$node->check_log;
done_testing();
