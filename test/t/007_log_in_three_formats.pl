
# The server log arrives whatever its format: the entries that log_filters names,
# from the end of the file on, over rotations, with the right time.

use strict;
use warnings;
use utf8;

use POSIX ();
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	start => 0,
	settings => {
		'log_timezone' => 'Asia/Kolkata',    # its abbreviation IST has other meanings
		'log_line_prefix' => '%m [%p] %q%u@%d/%a ',
		'log_rotation_size' => '0',
		'log_min_messages' => 'notice',
		'pganalytics.log_redact' => 'none',
	});

# Entries that were written before the server first started are not ours to send.
PostgreSQL::Test::Utils::append_to_file($node->logfile,
	"2026-01-01 00:00:00.000 IST [1] WARNING:  an old entry\n");
$node->start;
$node->create_extensions;
$node->safe_psql('postgres', 'CREATE DATABASE app');

sub entry_like
{
	my ($pattern, $since) = @_;

	my $metric = $backend->wait_for_metric('pg_log', undef,
		since => $since, where => sub { grep { $_->{message} =~ $pattern } @{ $_[0]{entries} } });
	my ($entry) = grep { $_->{message} =~ $pattern } @{ $metric->{entries} };
	return ($entry, $metric);
}

sub epoch_of { return $node->safe_psql('postgres', "SELECT extract(epoch FROM timestamptz '$_[0]')") }

$node->wait_for_state('ok');
$node->wait_for_status('the log is read', sub { $_->{collectors}{pg_log}{runs} > 0 });

foreach my $format (qw(stderr csvlog jsonlog))
{
	SKIP:
	{
		$node->set('log_destination' => $format);
		$node->poll_query_until('postgres', "SELECT pg_current_logfile('$format') IS NOT NULL");
		$node->wait_for_status("$format: is read", sub { !grep { /log/ } @{ $_->{problems} } });

		my $before = time;
		my $since = $backend->position;
		my $word = "$format-" . int rand 1e9;

		$node->psql('app', qq{
			SET application_name = 'till 7';
			DO \$\$ BEGIN
				RAISE LOG 'not asked for, $word';
				RAISE NOTICE 'nor this, $word';
				RAISE WARNING E'several lines, "quotes", ünïcödé\n2nd line of $word';
			END \$\$;
			SELECT 1/0 AS "$word";
			SELECT pg_backend_pid();
		}, on_error_stop => 0, stdout => \my $stdout);
		my ($pid) = $stdout =~ /(\d+)\s*$/;

		my ($warning, $metric) = entry_like(qr/2nd line of $word/);
		is($metric->{source}, $format, "$format: source");
		is($warning->{message}, qq{several lines, "quotes", ünïcödé\n2nd line of $word}, "$format: message");
		is($warning->{level}, 'WARNING', "$format: level");
		is($warning->{pid}, $pid, "$format: pid");
		is($warning->{user}, $node->safe_psql('postgres', 'SELECT current_user'), "$format: user");
		is($warning->{database}, 'app', "$format: database");
		is($warning->{application}, 'till 7', "$format: application");
		my $seconds = epoch_of($warning->{timestamp});
		cmp_ok($seconds, '>=', $before - 1, "$format: timestamp is not too early");
		cmp_ok($seconds, '<=', time + 1, "$format: timestamp is not too late");

		my ($error) = entry_like(qr/division by zero/, $since);
		is($error->{level}, 'ERROR', "$format: errors too");
		is($error->{sqlstate}, '22012', "$format: SQLSTATE") if $format ne 'stderr';

		# rotation: what is written around it arrives once
		foreach my $i (1 .. 20)
		{
			$node->psql('app', qq{DO \$\$ BEGIN RAISE WARNING 'number $i of $word'; END \$\$});
			$node->safe_psql('postgres', 'SELECT pg_rotate_logfile()') if $i % 5 == 0;
		}
		entry_like(qr/number 20 of $word/);
		my @numbers = map { $_->{message} =~ /^number (\d+) of $word/ ? $1 : () }
		  map { @{ $_->{entries} } } $backend->metrics('pg_log');
		is_deeply(\@numbers, [ 1 .. 20 ], "$format: each entry once and in order, over rotations");

		my @unwanted = grep { $_->{message} =~ /not asked for|nor this|an old entry/ }
		  map { @{ $_->{entries} } } $backend->metrics('pg_log');
		is_deeply(\@unwanted, [], "$format: nothing that was not asked for");
	}
}

# ---- SQLSTATE in the prefix; values stay here ----

$node->set(
	'log_destination' => 'stderr',
	'log_line_prefix' => '%m [%p] %e %q%u@%d ',
	'pganalytics.log_redact' => 'parameters');
$node->poll_query_until('postgres', "SELECT pg_current_logfile('stderr') IS NOT NULL");
$node->wait_until_heard;
$node->psql('postgres', q{SELECT 'a secret value'::int AS prefix});
my ($error) = entry_like(qr/invalid input syntax for type integer/);
is($error->{sqlstate}, '22P02', 'stderr: SQLSTATE where the prefix has it');
is($error->{statement}, 'SELECT $1::int AS prefix', 'the statement without its constants');

# ---- a prefix that is not understood ----

$node->set('log_line_prefix' => '%m [%p] %Y ');
$node->wait_for_problem(qr/log_line_prefix/);
$node->psql('postgres', q{DO $$ BEGIN RAISE WARNING 'without a prefix'; END $$});
my ($bare) = entry_like(qr/without a prefix/);
is($bare->{level}, 'WARNING', 'unknown prefix: level');
is($bare->{message}, 'without a prefix', 'unknown prefix: message');
$node->set('log_line_prefix' => '%m [%p] %q%u@%d ');
ok($node->wait_for_no_problem(qr/log_line_prefix/), 'a prefix that is understood mends it');

# ---- other filters ----

$node->set('pganalytics.log_filters' => 'LOG');
$node->wait_until_heard;
$node->psql('postgres', q{DO $$ BEGIN RAISE WARNING 'unfiltered warning'; RAISE LOG 'filtered log'; END $$});
ok((entry_like(qr/filtered log/))[0], 'log_filters choose the severities');
is(scalar(grep { $_->{message} =~ /unfiltered warning/ } map { @{ $_->{entries} } } $backend->metrics('pg_log')),
	0, 'and leave out the others');

# ---- not a regular file ----

$node->set('pganalytics.log_filters' => 'WARNING');
my $dir = PostgreSQL::Test::Utils::tempdir('fifo');
POSIX::mkfifo("$dir/server.log", 0600) or die "mkfifo: $!";
open my $reader, '+<', "$dir/server.log" or die "open: $!";    # so that the server can write
$node->set('log_directory' => $dir, 'log_filename' => 'server.log');
$node->wait_for_problem(qr/server\.log|regular file/);
pass('a FIFO is a problem, not a place to hang');
my $runs = $node->status->{collectors}{sysstat}{runs};
ok($node->wait_for_status('goes on', sub { $_->{collectors}{sysstat}{runs} > $runs + 1 }),
	'and the other collectors go on');
$node->set($node->log_settings);
$node->wait_for_no_problem(qr/server\.log|regular file/);

is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');
$node->check_log(allowed => [qr/division by zero|invalid input syntax/]);
done_testing();
