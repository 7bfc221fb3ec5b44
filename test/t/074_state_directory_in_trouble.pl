
# The state directory is removed under us, cannot be written, is a symbolic link,
# belongs to somebody else, is in memory or full: the status says so, the server
# does not care, what is lost is counted, and once it is mended all goes on.

use strict;
use warnings;

use Fcntl qw(:flock);
use File::Path qw(make_path remove_tree);
use File::Spec;
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Wait;
use PostgreSQL::Test::Utils ();
use Test::More;

my $PUSH = '/api/v1/metrics/push';
my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'pganalytics.enabled_collectors' => 'sysstat',
		'pganalytics.sysstat_interval' => '1s' });
my $default = $node->data_dir . '/pg_stat_tmp/pganalytics';

sub flush { $node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}) }

sub all_is_well
{
	my ($name) = @_;
	my $since = $backend->position;

	ok($node->wait_for_status("$name: no problem is left", sub { !@{ $_->{problems} } }), "$name: the problem is over");
	ok($backend->wait_for_request('sysstat arrives', sub { $_[0]{stored} }, $since), "$name: batches arrive");
	return;
}

sub use_directory
{
	my ($path) = @_;

	$node->configure('pganalytics.state_directory' => $path);
	$node->restart;
	return;
}

$node->wait_for_state('ok');

# ---- removed under us, with batches in it ----

$backend->order(action => 'status', status => 503, times => undef, path => $PUSH);
my $status = $node->wait_for_status('batches wait', sub { $_->{spool}{batches} >= 3 });
my $dropped = $status->{spool}{dropped};
rename $default, "$default.gone" or die "rename: $!";
$status = $node->wait_for_status('what was in it is counted as dropped', sub { $_->{spool}{dropped} >= $dropped + 3 });
my @lost = keys %{ { map { sequence_of($_) => 1 } glob "$default.gone/spool/[0-9]*.{plain,batch}" } };
my $counted = $status->{spool}{dropped} - $dropped;
cmp_ok($counted, '>=', @lost, 'a state directory that was removed: each batch in it is counted as dropped');
cmp_ok($counted, '<=', @lost + 2, 'and no more, but what was being written');
$backend->order(action => 'reset');
all_is_well('removed');
is((stat $_)[2] & 07777, 0700, "$_ is there again, for us only") foreach $default, "$default/spool";
ok(-e "$default/lock", 'and locked');
remove_tree("$default.gone");

# ---- removed, and not to be made again ----

SKIP:
{
	skip 'root may write everywhere', 4 if $> == 0;

	my $log_size;
	my $above = $default =~ s{/[^/]+$}{}r;
	$dropped = $node->status->{spool}{dropped};
	# somebody may just be writing there, or make it again
	wait_until(
		'it is removed',
		sub {
			$log_size = $node->log_size;
			chmod 0500, $above or die "chmod: $!";
			remove_tree($default, { keep_root => 1, error => \my $left });
			chmod 0700, $above or die "chmod: $!";
			rmdir $default;
			chmod 0500, $above or die "chmod: $!";
			return !-e $default;
		});
	$node->wait_for_status('drops', sub { $_->{spool}{dropped} > $dropped + 1 });
	my @told = $node->log_text($log_size) =~ /pganalytics: could not .*/g;
	cmp_ok(scalar @told, '<=', 2, 'a directory that cannot be made again is told once, not each time') or diag join "\n", @told;
	chmod 0700, $above or die "chmod: $!";
	all_is_well('made again');
}

# ---- the lock alone ----

unlink "$default/lock" or die "unlink: $!";
ok(wait_until('it is locked again', sub {
	open my $file, '+<', "$default/lock" or return 0;
	return !flock $file, LOCK_EX | LOCK_NB;
}), 'a lock that somebody has removed lets no other server in');
all_is_well('locked again');

# ---- in use by another server, with batches in it ----

$backend->order(action => 'status', status => 503, times => undef, path => $PUSH);
$node->wait_for_status('batches wait', sub { $_->{spool}{batches} > 1 });
$node->stop;
open my $lock, '+<', "$default/lock" or die "$default/lock: $!";
flock $lock, LOCK_EX or die "flock: $!";
$node->start;
ok($node->wait_for_problem(qr/is in use by another server/), 'a directory of another server is left alone');
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('0s')}), 'f', 'and not taken for empty');
$backend->order(action => 'reset');
close $lock;
all_is_well('given up by the other server');
is(flush(), 't', 'what waited in it is sent');

# ---- read-only ----

SKIP:
{
	skip 'root may write everywhere', 7 if $> == 0;

	$backend->order(action => 'status', status => 503, times => undef, path => $PUSH);
	$node->wait_for_status('batches wait', sub { $_->{spool}{batches} > 1 });
	$dropped = $node->status->{spool}{dropped};
	chmod 0500, "$default/spool" or die "chmod: $!";
	$node->wait_for_problem(qr/pg_stat_tmp\/pganalytics\/spool.*Permission denied/);
	ok($node->wait_for_status('drops', sub { $_->{spool}{dropped} > $dropped }), 'read-only: what cannot be kept is counted as dropped');

	# refused for good, but it cannot be put aside either
	$backend->order(action => 'status', status => 400, times => undef, path => $PUSH, instead => 1);
	my $began = time;
	my $before = $node->status;
	$node->safe_psql('postgres', q{SELECT pganalytics_flush('0s')});
	$node->wait_for_status('it is refused', sub { $_->{delivery}{failed} > $before->{delivery}{failed} });
	$dropped = $node->status->{spool}{dropped};
	$status = $node->wait_for_status('time goes by', sub { $_->{spool}{dropped} > $dropped + 2 });
	my $passes = (time - $began) / 10 + 3;
	cmp_ok($status->{delivery}{failed} - $before->{delivery}{failed}, '<=', $before->{spool}{batches} * $passes, 'a refused batch that cannot be moved is not sent over and over');
	is($status->{spool}{rejected}, $before->{spool}{rejected}, 'nor counted as rejected');
	$backend->order(action => 'reset');
	chmod 0700, "$default/spool" or die "chmod: $!";
	all_is_well('read-only');
}

# ---- a symbolic link, a file, of somebody else ----

my $elsewhere = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir('elsewhere'));
make_path("$elsewhere/target");
symlink "$elsewhere/target", "$elsewhere/link" or die "symlink: $!";
open my $file, '>', "$elsewhere/file";
close $file;
my %unusable = (
	"$elsewhere/link" => qr/symbolic links are not followed/,
	"$elsewhere/file" => qr/is not a directory/,
	"$elsewhere/missing/below" => qr/could not create directory/);
$unusable{'/'} = qr/is not a directory of the server's user/ if $> != 0;

foreach my $path (sort keys %unusable)
{
	use_directory($path);
	$status = $node->wait_for_problem($unusable{$path});
	ok($status, "\"$path\" is refused, and the status says why");
	$node->wait_for_status('drops', sub { $_->{spool}{dropped} > 0 });
}
is_deeply([ glob "$elsewhere/target/*" ], [], 'nothing was written through the link');

# ---- absolute, open to others ----

chmod 0755, "$elsewhere/target" or die "chmod: $!";
use_directory("$elsewhere/target");
all_is_well('absolute');
is((stat "$elsewhere/target")[2] & 07777, 0700, 'the access of others is taken away');

# ---- another file system, in memory ----

SKIP:
{
	my $memory = '/dev/shm';

	skip 'no tmpfs', 5 unless -w $memory && (stat $memory)[0] != (stat $node->data_dir)[0] && `stat -f -c %T $memory` =~ /tmpfs/;
	my $path = "$memory/pganalytics-test.$$";
	use_directory($path);
	$status = $node->wait_for_problem(qr/in memory \(tmpfs\)/);
	like((grep { /tmpfs/ } @{ $status->{problems} })[0], qr/a reboot loses.*batches/, 'the status says what a reboot loses');
	is(flush(), 't', 'batches are delivered from another file system');
	my $since = $backend->position;
	ok($backend->wait_for_request('sysstat arrives', sub { $_[0]{stored} }, $since), 'and go on to');
	use_directory("$elsewhere/target");
	remove_tree($path);
	all_is_well('back on disk');
}

$node->check_log;
done_testing();
