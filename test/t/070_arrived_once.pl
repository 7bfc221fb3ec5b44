
# What has arrived is not sent again: neither a batch that cannot be removed from
# the spool, nor what a batch that was too large held.  Whoever waits in
# pganalytics_flush() gets the halves, too.

use strict;
use warnings;

use JSON::PP;
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Preload;
use PgAnalytics::Wait;
use Test::More;

my $PUSH = '/api/v1/metrics/push';
my $backend = PgAnalytics::Backend->new;
my ($kept, $full) = (kept_files(), full_disk());
my $node;
{
	local $ENV{LD_PRELOAD} = "$kept->{library} $full->{library}";
	$node = PgAnalytics::Cluster->create(
		'main',
		backend => $backend,
		settings => {
			'pganalytics.enabled_collectors' => 'pg_stats,sysstat,disk_usage,pg_log',
			map { ("pganalytics.${_}_interval" => '1h') } qw(pg_stats sysstat disk_usage pg_log) });
}
my $spool = $node->data_dir . '/pg_stat_tmp/pganalytics/spool';

sub flush { $node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}) }

$node->wait_for_state('ok');
$node->collect;    # the first visit is over, too
is(flush(), 't', 'the first batches are delivered');

# ---- a batch that cannot be removed ----

SKIP:
{
	skip 'root may remove anything', 5 if $> == 0;

	$backend->order(action => 'status', status => 503, times => undef, path => $PUSH);
	$node->collect('sysstat');
	my ($file) = @{ wait_until('the batch is sealed', sub { my @f = grep { /\.batch$/ } $node->spool_files; @f == 1 && \@f }) };
	chmod 0500, $spool or die "$spool: $!";
	my $since = $backend->position;
	$backend->order(action => 'reset');
	$node->reload;
	$node->wait_for_problem(qr/has arrived but cannot be removed/);
	my $first = $backend->wait_for_request('the batch', sub { $_[0]{stored} }, $since);
	ok(-e $file, 'a batch has arrived and cannot be removed');

	# the sender starts anew, and is told to send
	my $sender = $node->worker_pid('sender');
	kill 'TERM', $sender;
	$node->wait_for_status('another sender', sub { ($_->{workers}{sender}{pid} // $sender) != $sender });
	is($node->safe_psql('postgres', q{SELECT pganalytics_flush('2s')}), 'f', 'it is still in the spool');
	my @again = grep { key_of($_) eq key_of($first) && !$_->{fault} } $backend->requests($since);
	is(scalar @again, 1, 'but is not sent again, not even by another sender');

	chmod 0700, $spool or die "$spool: $!";
	is(flush(), 't', 'it goes when it can be removed');
	$node->wait_for_no_problem(qr/has arrived but cannot be removed/);
	@again = grep { key_of($_) eq key_of($first) && !$_->{fault} } $backend->requests($since);
	is(scalar @again, 1, 'and has been sent once');
}

# ---- one that the disk does not let go, while it is full as well ----

write_file($kept->{flag}, '');
$node->collect('sysstat');
ok($node->wait_for_problem(qr/has arrived but cannot be removed/), 'another one has arrived and cannot be removed');
write_file($full->{flag}, '');
$node->psql('postgres', q{SELECT pganalytics_collect('sysstat')}, stderr => \my $stderr);
like($stderr, qr/could not be kept/, 'then nothing can be written any more');
$node->wait_for_problem(qr/could not keep a batch.*No space left on device/);
unlink $kept->{flag} or die "unlink: $!";
is(flush(), 't', 'it goes when the disk lets it go');
my $status = $node->status;
ok(scalar(grep { /No space left on device/ } @{ $status->{problems} }), 'which does not end the other problem');
unlink $full->{flag} or die "unlink: $!";
$node->collect('sysstat');
ok($node->wait_for_no_problem(qr/No space left on device/), 'a batch that is kept does');
is(flush(), 't', 'and it is delivered');

# ---- halves ----

my $since = $backend->position;
my $split = $node->status->{spool}{split};
$backend->order(action => 'status', status => 503, times => undef, path => $PUSH);
# one of several metrics: what is asked for in one breath may be read in two
my $whole = wait_until(
	'a batch that can be split is refused',
	sub {
		$node->collect;
		$node->safe_psql('postgres', q{SELECT pganalytics_flush('1s')});
		my ($request) = grep { $_->{fault} && @{ $_->{body}{metrics} } > 1 } $backend->requests($since);
		return $request && key_of($request);
	});
my %waiting = map { sequence_of($_) => 1 } $node->spool_files;
$backend->order(action => 'status', status => 413, key => $whole, instead => 1);
is(flush(), 't', 'a batch is split while pganalytics_flush() waits');
is($node->status->{spool}{split}, $split + 1, 'which is counted');
is(scalar(() = $node->spool_files), 0, 'it waits for the halves, too');

my @stored = grep { $_->{stored} } $backend->requests($since);
my %sequence = map { m{/(\d+)$} ? ($1 => 1) : () } map { key_of($_) } @stored;
is_deeply([ grep { !$sequence{$_} } sort keys %waiting ], [ sequence_of($whole) ], 'all but the whole are in the store');
my %metrics;
$metrics{ join ' ', $_->{type}, $_->{database} // '', $_->{timestamp} }++ foreach map { @{ $_->{body}{metrics} } } @stored;
is_deeply([ grep { $metrics{$_} > 1 } sort keys %metrics ], [], 'no metric is there twice');

$node->check_log(allowed => [ qr/the batch could not be kept in the spool/ ]);
done_testing();
