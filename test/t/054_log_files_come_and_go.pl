
# Whatever happens to the files of the server log (renamed, copied and truncated, removed,
# in another directory, torn, too long for the rate): each entry arrives once, and what
# cannot is counted.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Copy qw(copy);
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Wait;
use PostgreSQL::Test::Utils qw(append_to_file);
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => { 'log_rotation_size' => '0', 'log_line_prefix' => '%m [%p] ' });
my $log = $node->logfile;
my $log_directory = dirname($log);

$node->wait_for_state('ok');
$node->wait_for_status('the log is read', sub { $_->{collectors}{pg_log}{runs} > 0 });

my $word = 'none';
my $number = 0;

# Begins a scenario: numbers start again, under another word.
sub begin
{
	($word) = @_;
	$number = 0;
	return;
}

sub write_entries
{
	my ($count) = @_;
	my ($from, $to) = ($number + 1, $number += $count);

	$node->safe_psql('postgres', qq{
		SET client_min_messages = error;
		DO \$\$ BEGIN
			FOR i IN $from .. $to LOOP RAISE WARNING 'number % of $word', i; END LOOP;
		END \$\$;});
	return;
}

sub entries { return map { @{ $_->{entries} } } $backend->metrics('pg_log') }

sub numbers { return map { $_->{message} =~ /^number (\d+) of \Q$word\E$/ ? $1 : () } entries() }

sub all_arrive_once
{
	my ($what) = @_;

	wait_until("$what: the last entry", sub { grep { $_ == $number } numbers() });
	is(join(' ', numbers()), join(' ', 1 .. $number), "$what: each entry once, in order");
	return;
}

sub rotate { $node->safe_psql('postgres', 'SELECT pg_rotate_logfile()') }

sub wait_for_file { my ($file) = @_; wait_until("$file is there", sub { -e $file }) }

# Lets the server log to a file of another name, which is looked at while it is empty.
sub begin_file
{
	my ($name) = @_;

	$node->set('log_filename' => "$name.log");
	wait_until("$name.log is current", sub { $node->safe_psql('postgres', 'SELECT pg_current_logfile()') =~ /\b$name\.log$/ });
	return collect_log();
}

# Returns 0: what was read could be kept.
sub collect_log { return $node->psql('postgres', q{SELECT pganalytics_collect('pg_log')}, stderr => \my $stderr) }

sub wait_for_run
{
	my $runs = $node->status->{collectors}{pg_log}{runs};

	return $node->wait_for_status('another run', sub { $_->{collectors}{pg_log}{runs} > $runs + 1 });
}

# ---- logrotate with rename ----

begin('renamed');
write_entries(5);
rename $log, "$log.1" or die "rename: $!";
write_entries(5);
my $status = $node->wait_for_problem(qr/moved away/);
like(join("\n", @{ $status->{problems} }), qr/pg_rotate_logfile/, 'renamed: the problem says what to do');
write_entries(5);
wait_until('renamed: it is still read', sub { grep { $_ == 15 } numbers() });
rotate();
wait_for_file($log);
write_entries(5);
all_arrive_once('renamed');
ok($node->wait_for_no_problem(qr/moved away/), 'renamed: rotation mends it');

# ---- renamed while the server is down ----

begin('down');
write_entries(300);
$node->log_size;    # they are in the file
$node->stop('immediate');
rename $log, "$log.2" or die "rename: $!";
$node->start;
write_entries(5);
all_arrive_once('renamed while the server is down');

# ---- logrotate with copytruncate ----

begin('truncated');
write_entries(5);
wait_until('truncated: all is read', sub { grep { $_ == 5 } numbers() });
copy($log, "$log.3") or die "copy: $!";
truncate $log, 0 or die "truncate: $!";
write_entries(5);
all_arrive_once('copied and truncated');

# ---- removed ----

begin('removed');
write_entries(5);
unlink $log or die "unlink: $!";
write_entries(5);
wait_until('removed: it is still read', sub { grep { $_ == 10 } numbers() });
rotate();
wait_for_file($log);
write_entries(5);
all_arrive_once('removed');

# ---- another directory ----

my $directory = PostgreSQL::Test::Utils::tempdir('log');
begin('moved');
write_entries(5);
$node->set('log_directory' => File::Spec->rel2abs($directory));
wait_until('another directory', sub { glob "$directory/*" });
write_entries(5);
wait_until('another directory: it is read', sub { grep { $_ == 10 } numbers() });
$node->set($node->log_settings);
wait_until('back', sub { $node->safe_psql('postgres', 'SELECT pg_current_logfile()') eq $log });
write_entries(5);
all_arrive_once('another directory and back to the file of before');

# ---- other names, one soon after the other, and what was read of them cannot be kept ----

SKIP:
{
	skip 'root may write everywhere', 5 if $> == 0;
	my $spool = $node->data_dir . '/pg_stat_tmp/pganalytics/spool';

	begin('unkept');
	$node->set('pganalytics.pg_log_interval' => '1h');
	$node->wait_until_heard;
	is(collect_log(), 0, 'the next run is far off');
	my $runs = $node->status->{collectors}{pg_log}{runs};
	$node->set('log_filename' => 'zero.log');
	ok($node->wait_for_status('a run', sub { $_->{collectors}{pg_log}{runs} > $runs }), 'but another file is looked at soon');
	chmod 0500, $spool or die "chmod: $!";
	$node->wait_for_problem(qr/Permission denied/);
	foreach (qw(four five six))
	{
		begin_file($_);
		write_entries(5);
	}
	# long enough for the first ones to be left
	my $changed = (stat "$log_directory/five.log")[9];
	wait_until('they are old', sub { time > $changed + 3 });
	isnt(collect_log(), 0, 'what is read of them cannot be kept');
	chmod 0700, $spool or die "chmod: $!";
	$node->set('pganalytics.pg_log_interval' => '1s');
	all_arrive_once('read again, since no batch could be kept');
	ok($node->wait_for_no_problem(qr/Permission denied/), 'the problem is over');
}
$node->set($node->log_settings);
wait_until('back', sub { $node->safe_psql('postgres', 'SELECT pg_current_logfile()') eq $log });

# ---- a torn line ----

begin('torn');
my $time = $node->safe_psql('postgres', q{SELECT to_char(now(), 'YYYY-MM-DD HH24:MI:SS')});
append_to_file($log, "$time.000 UTC [1] WARNING:  number 1 of to");
wait_for_run();
is_deeply([ grep { $_->{message} =~ /number 1 of to/ } entries() ], [], 'torn: it is waited for');
append_to_file($log, "rn\n");
$number = 1;
all_arrive_once('torn');

# ---- more than the rate allows: it waits ----

begin('waiting');
$node->set('pganalytics.log_max_rate' => '1');
$node->wait_until_heard;
write_entries(100);
$node->wait_for_status('a backlog', sub { $_->{log}{backlog_bytes} > 0 });
$node->set('pganalytics.log_max_rate' => '40');
all_arrive_once('more than the rate');
is($node->status->{log}{dropped}, 0, 'more than the rate: none is dropped');

# ---- but not in a file that is about to go ----

begin('going');
$node->set('pganalytics.log_max_rate' => '1');
$node->wait_until_heard;
write_entries(300);
$node->wait_for_status('a backlog', sub { $_->{log}{backlog_bytes} > 0 });
unlink $log or die "unlink: $!";
$status = $node->wait_for_status('the rest is dropped', sub { $_->{log}{dropped} > 200 && $_->{log}{backlog_bytes} == 0 });
$node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')});
my $dropped = 0;
$dropped += $_->{dropped}{WARNING} // 0 foreach $backend->metrics('pg_log');
is(scalar(numbers()) + $dropped, 300, 'going: each entry has arrived or is counted by severity');
is($dropped, $status->{log}{dropped}, 'going: the status counts them, too');
rotate();
wait_for_file($log);
begin('gone');
write_entries(1);
all_arrive_once('gone: from the new file');

# ---- bytes that were seen but not read ----

begin('lost');
write_entries(300);
$node->wait_for_status('a backlog', sub { $_->{log}{backlog_bytes} > 0 });
truncate $log, 0 or die "truncate: $!";
$status = $node->wait_for_status('a loss', sub { $_->{log}{lost_bytes} > 0 });
like($status->{collectors}{pg_log}{last_error}, qr/truncated .* bytes .* lost/, 'lost: it is told');
my %count;
$count{$_}++ foreach numbers();
is_deeply([ grep { $count{$_} > 1 } keys %count ], [], 'lost: nothing arrives twice');
$node->set('pganalytics.log_max_rate' => '1000');
begin('afterwards');
write_entries(5);
all_arrive_once('afterwards');

# ---- the position cannot be read any more ----

begin('forgotten');
my $position = $node->data_dir . '/pg_stat_tmp/pganalytics/log_position';
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'no batch tells the position');
$node->stop;
write_file($position, 'damaged', 0);
$node->start;
$node->wait_for_status('the log is read', sub { $_->{collectors}{pg_log}{runs} > 0 });
like($node->log_text, qr{pganalytics: "[^"]*/log_position" cannot be read: .*; the server log is read from its end on}, 'a position that cannot be read: the log says what is not sent');
write_entries(5);
all_arrive_once('after a position that could not be read');

is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');
$node->check_log;
done_testing();
