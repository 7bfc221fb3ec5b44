
# The server writes over its oldest log file (log_truncate_on_rotation) while there are
# entries in it that wait for log_max_rate: they wait as long as they can, and of each
# that does not arrive there is a count.
#
# The files are called after the minute, so that they are written over after an hour. The
# server's clock is set to jump over most of it, and begins that much behind; certificates
# are not valid by it, so batches wait until it is right.

use strict;
use warnings;

use List::Util qw(sum0);
use PgAnalytics::Backend;
use PgAnalytics::Clock;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use PostgreSQL::Test::Utils qw(slurp_file);
use Test::More;

my $AGE_S = 600;          # of a file
my $FILES = 6;            # in an hour
my $ENTRIES = 300;

my $backend = PgAnalytics::Backend->new;
my $clock = PgAnalytics::Clock->new;
my $now = time;

# in the middle of a file's time; that file is called after the minute of the start
my $begin = int($now / $AGE_S) * $AGE_S - ($FILES + 1) * $AGE_S + $AGE_S / 2;

# The server's time, in seconds after that.
sub set_time { my ($seconds) = @_; return $clock->set_ahead($begin - $now + $seconds) }

set_time(0);
$ENV{LD_PRELOAD} = $clock->library;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'log_filename' => '056_log_written_over_main.%M.log',
		'log_rotation_age' => '10min',
		'log_rotation_size' => '0',
		'log_truncate_on_rotation' => 'on',
		'log_timezone' => 'UTC',
		'log_line_prefix' => '%m [%p] ' });
delete $ENV{LD_PRELOAD};

# The name of the log file that is begun as many files later.
sub name_of
{
	my ($number) = @_;
	my $minute = (gmtime($begin + $number * $AGE_S))[1];

	return sprintf '056_log_written_over_main.%02d.log', $minute - $minute % 10;
}

sub write_entries
{
	my ($word, $count) = @_;

	$node->safe_psql('postgres', qq{
		SET client_min_messages = error;
		DO \$\$ BEGIN
			FOR i IN 1 .. $count LOOP RAISE WARNING 'number % of $word', i; END LOOP;
		END \$\$;});
	return;
}

sub numbers
{
	my ($word) = @_;

	return map { $_->{message} =~ /^number (\d+) of $word$/ ? $1 : () }
	  map { @{ $_->{entries} // [] } } $backend->metrics('pg_log');
}

# The logging collector looks at the time when there is something to write, and goes on by
# one file at a time. When it has written to it, it is ready for the next one.
sub rotate_to
{
	my ($number) = @_;
	my $file = name_of($number);

	return wait_until("the server logs to $file",
		sub {
			$node->safe_psql('postgres', q{DO $$ BEGIN RAISE LOG 'the time has come'; END $$});
			return slurp_file($node->data_dir . '/current_logfiles') =~ m{(\S+/\Q$file\E)$}m && -s $1;
		});
}

$node->wait_for_status('the log is read', sub { $_->{collectors}{pg_log}{runs} > 0 });

# ---- a backlog ----

set_time($AGE_S);
rotate_to(1);
$node->wait_for_status('that file is read', sub { $_->{log}{file} eq name_of(1) });
$node->set('pganalytics.log_max_rate' => '1');
$node->wait_until_heard;
write_entries('many', $ENTRIES);
$node->wait_for_status('a backlog', sub { $_->{log}{backlog_bytes} > 0 });

# ---- an hour later, but for some minutes ----

foreach my $file (2 .. $FILES)
{
	set_time($file * $AGE_S);
	rotate_to($file);
}
my $runs = $node->status->{collectors}{pg_log}{runs};
my $status = $node->wait_for_status('it is read on', sub { $_->{collectors}{pg_log}{runs} > $runs + 2 });
is($status->{log}{dropped}, 0, 'as long as the file stays nothing is dropped');
cmp_ok($status->{log}{backlog_bytes}, '>', 0, 'it waits');
is($status->{log}{file}, name_of(1), 'in its file');

# ---- less than a minute before the file is written over ----

set_time(($FILES + 0.5) * $AGE_S - 55);
$status = $node->wait_for_status('the rest is read and counted',
	sub { $_->{log}{dropped} > 0 && $_->{log}{file} ne name_of(1) });
$node->set('pganalytics.log_max_rate' => '1000');

# ---- it is written over ----

set_time(($FILES + 0.5) * $AGE_S + 5);
is(name_of($FILES + 1), name_of(1), 'the next file is the first one');
rotate_to($FILES + 1);
write_entries('new', 20);
$clock->set_ahead(0);
wait_until('what is written there now arrives', sub { numbers('new') == 20 });
is(join(' ', numbers('new')), join(' ', 1 .. 20), 'each entry once, in order');

my @arrived = numbers('many');
my @dropped = map { $_->{dropped} // () } $backend->metrics('pg_log');
my $dropped = sum0(map { $_->{WARNING} // 0 } @dropped);
is(join(' ', @arrived), join(' ', 1 .. @arrived), 'of the backlog, what was read in time has arrived');
is(@arrived + $dropped, $ENTRIES, 'the rest is counted by severity');
$status = $node->status;
is($status->{log}{dropped}, sum0(map { values %$_ } @dropped), 'the status counts it, too');
is($status->{log}{lost_bytes}, 0, 'no byte is lost');

$node->check_log;
done_testing();
