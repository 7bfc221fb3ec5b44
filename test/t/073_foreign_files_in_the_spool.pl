
# What somebody else, a bad disk or another version leaves in the spool stops
# nothing: it is put aside and counted, or left alone, and all else is delivered.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Wait;
use POSIX qw(mkfifo);
use PostgreSQL::Test::Utils ();
use Test::More;

my $PUSH = '/api/v1/metrics/push';
my $SECOND = 1_000_000;
my $YEAR = 365 * 86400 * $SECOND;
my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'pganalytics.enabled_collectors' => 'sysstat',
		'pganalytics.sysstat_interval' => '1h' });
my $state = $node->data_dir . '/pg_stat_tmp/pganalytics';
my $spool = "$state/spool";

sub collect { $node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')}) }

sub flush { $node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}) }

sub path_of { return sprintf '%s/%020d%s', $spool, @_ }

# Good batches that wait, sealed, the oldest first.
sub waiting_batches
{
	my ($count) = @_;

	$backend->order(action => 'status', status => 503, times => undef, path => $PUSH);
	collect() foreach 1 .. $count;
	return @{ wait_until('sealed batches', sub { my @f = grep { /\.batch$/ } $node->spool_files; @f == $count && \@f }) };
}

$node->wait_for_state('ok');
is(flush(), 't', 'the spool is empty');

# ---- damaged in every way ----

my @good = waiting_batches(3);
my $bytes = PostgreSQL::Test::Utils::slurp_file($good[0]);
my $sequence = sequence_of($good[0]) - 100 * $SECOND;
my $rejected = $node->status->{spool}{rejected};
$node->stop;
my %damage = (
	'of zero length' => '',
	'shorter than a header' => substr($bytes, 0, 40),
	'truncated' => substr($bytes, 0, length($bytes) - 10),
	'with more than belongs to it' => $bytes . 'more',
	'with a wrong checksum' => substr($bytes, 0, length($bytes) - 8) . 'damaged!',
	'of something else' => 'PK' . 'x' x 500,
	'of a future version' => substr($bytes, 0, 8) . "\xff\x00" . substr($bytes, 10),
	'with unknown flags' => substr($bytes, 0, 12) . "\xff\x00\x00\x00" . substr($bytes, 16),
	'of another sequence number' => $bytes);
my %path;

foreach my $what (sort keys %damage)
{
	$path{$what} = path_of($sequence++, '.batch');
	write_file($path{$what}, $damage{$what});
}
$path{'that is a symbolic link'} = path_of($sequence++, '.batch');
symlink "$spool/../counters", $path{'that is a symbolic link'} or die "symlink: $!";
$path{'that is a directory'} = path_of($sequence++, '.batch');
mkdir $path{'that is a directory'} or die "mkdir: $!";
$path{'that is a plain one and garbage'} = path_of($sequence++, '.plain');
write_file($path{'that is a plain one and garbage'}, "{}\n" x 100);

# nobody reads from it: who opens it to write waits for ever
mkfifo("$state/counters.tmp", 0600) or die "mkfifo: $!";

# not ours at all
my @foreign = map { "$spool/$_" } 'README', '123.batch', path_of(1, '.batch.bak') =~ s{.*/}{}r, 'lost+found';
write_file($_, 'not ours') foreach @foreign;

my $since = $backend->position;
$backend->order(action => 'reset');
$node->start;
is(flush(), 't', 'with all of them in the spool the rest is delivered') or diag join "\n", glob "$spool/*";
foreach my $what (sort keys %path)
{
	ok(!-e $path{$what} && !-l $path{$what}, "a file $what leaves the spool");
}
my $status = $node->status;
is($status->{spool}{rejected} - $rejected, scalar keys %path, 'each is counted as rejected');
my @aside = grep { -e $_ || -l $_ } map { s{/spool/}{/rejected/}r } values %path;
is(scalar @aside, scalar keys %path, 'and put aside');
ok(scalar(grep { /put aside/ } @{ $status->{problems} }), 'which is a problem');
is(scalar(grep { -e $_ } @foreign), scalar @foreign, 'files of other names are left alone');
my %stored = map { sequence_of($_->{batch_id}) => 1 } $backend->batches($since);
is_deeply([ grep { !$stored{ sequence_of($_) } } @good ], [], 'the good ones are in the store');
unlink @foreign;
ok(!-p "$state/counters.tmp", 'a FIFO where the counters are written is no place to hang');
ok(-f "$state/counters", 'the file that the link pointed to is as it was');

unlink grep { -f $_ || -l $_ } glob "$state/rejected/*";
rmdir $_ foreach glob "$state/rejected/*";
collect();
ok($node->wait_for_no_problem(qr/put aside/), 'when somebody has looked at them and removed them, it is none any more');

# ---- names of other times ----

is(flush(), 't', 'the spool is empty again');
$rejected = $node->status->{spool}{rejected};
my ($now) = $node->safe_psql('postgres', 'SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::bigint');
$node->stop;
write_file(path_of($_, '.batch'), 'x') foreach $now + $YEAR, $now + 100 * $YEAR;
write_file("$spool/18446744073709551615.batch", 'x');
$node->configure('pganalytics.backend_url' => '');
$node->start;
$status = $node->wait_for_status('the spool is looked through', sub { $_->{spool}{batches} == 3 });
like($status->{spool}{oldest}, qr/^\d{4}-/, 'the status copes with files of the future');
$node->set('pganalytics.backend_url' => $backend->url);
$node->wait_for_status('it sends', sub { $_->{delivery}{state} =~ /ok|starting/ });
collect();
is(flush(), 't', 'what is collected behind them is delivered');
# one of them is called so that nobody waits for it
$node->wait_for_status('all three', sub { $_->{spool}{rejected} - $rejected >= 3 });
is($node->status->{spool}{rejected} - $rejected, 3, 'they are rejected');
collect();
is(flush(), 't', 'and it goes on');
my %count;
$count{ $_->{batch_id} }++ foreach $backend->batches;
is(scalar(grep { $_ > 1 } values %count), 0, 'no sequence number is used twice');

# ---- the server's user may not read it ----

SKIP:
{
	skip 'root may read all files', 6 if $> == 0;
	my ($hidden, $next) = waiting_batches(2);

	chmod 0, $hidden or die "chmod: $!";
	$rejected = $node->status->{spool}{rejected};
	$since = $backend->position;
	$backend->order(action => 'reset');
	is($node->safe_psql('postgres', q{SELECT pganalytics_flush('0s')}), 'f', 'a batch without read permission is not sent');
	ok($node->wait_for_problem(qr{cannot be read: Permission denied; it is kept}), 'which is a problem');
	wait_until('the next one is sent', sub { !-e $next });
	is($node->status->{spool}{rejected}, $rejected, 'but no damage');
	ok(-e $hidden, 'it stays where it is');
	chmod 0600, $hidden or die "chmod: $!";
	is(flush(), 't', 'with the permission it is sent');
	ok(scalar(grep { sequence_of($_->{batch_id}) eq sequence_of($hidden) } $backend->batches($since)), 'and arrives');
}

# ---- the counters tell of two halves that are not there ----

my ($whole) = map { sequence_of($_) } waiting_batches(1);
$node->stop;
my $counters = PostgreSQL::Test::Utils::slurp_file("$state/counters");
ok($counters =~ s/splitting \d+ into \d+ \d+/splitting $whole into 5 6/, 'the counters say that it was split');
write_file("$state/counters", $counters);
$backend->order(action => 'reset');
$node->start;
is(flush(), 't', 'it is sent');
ok(scalar(grep { sequence_of($_->{batch_id}) eq $whole } $backend->batches), 'and arrives as a whole');

# ---- the counters cannot be read ----

my $unknown = qr{pganalytics: "[^"]*/counters" cannot be read: };
foreach my $case ([ 'damaged', sub { write_file("$state/counters", substr $counters, 0, 60) }, qr/it is damaged/ ],
	[ 'a symbolic link', sub { unlink "$state/counters"; symlink '/dev/null', "$state/counters" or die "symlink: $!" }, qr/.*symbolic links/ ])
{
	my ($what, $spoil, $why) = @$case;

	$node->stop;
	my $log_size = -s $node->logfile;
	$spoil->();
	$node->start;
	collect();
	is(flush(), 't', "with counters that are $what it goes on");
	my @lines = grep { $_ =~ $unknown } split /\n/, $node->log_text($log_size);
	is(scalar @lines, 1, 'the log says so once');
	like($lines[0], qr/$unknown$why.*not known, and counted from zero/, 'and why, and what it means');
	is($node->status->{spool}{$_}, 0, "$_ begins at zero") foreach qw(dropped rejected split);
}
$node->stop;
my $log_size = -s $node->logfile;
$node->start;
is(flush(), 't', 'a restart later');
unlike($node->log_text($log_size), $unknown, 'they can be read again');

# ---- a name after which there are hardly any numbers left ----

my $dropped = $node->status->{spool}{dropped};
$node->stop;
write_file("$spool/18446744073709551000.batch", 'x');
$backend->order(action => 'status', status => 503, times => undef, path => $PUSH);
$node->start;
collect() foreach 1 .. 3;
$backend->order(action => 'reset');
is(flush(), 't', 'what is collected after it is delivered');
is($node->status->{spool}{dropped}, $dropped, 'and none of it is taken for old and dropped');

$node->check_log;
done_testing();
