
# Destinations and prefixes of the server log are changed by reload while sessions write to
# it: every entry arrives once, whichever files it was written to, and is understood.

use strict;
use warnings;

use IPC::Run qw(start finish);
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use PostgreSQL::Test::Utils qw(append_to_file);
use Test::More;

my $ENTRIES = 40;    # of each session, around each change

my @changes = (
	{ 'log_line_prefix' => '%t %u@%d:[%p] ' },
	{ 'log_destination' => 'stderr,jsonlog' },
	{ 'log_line_prefix' => '<%m|%p> %q%a ' },
	{ 'log_destination' => 'stderr' },
	{ 'log_line_prefix' => '%n %p ', 'log_timezone' => 'Asia/Tokyo' },
	{ 'log_destination' => 'csvlog' },
	{ 'log_destination' => 'csvlog,stderr', 'log_timezone' => 'UTC' },
	{ 'log_destination' => 'stderr', 'log_line_prefix' => '%m [%p] ' },
	{ 'log_destination' => 'jsonlog' },
	{ 'log_destination' => 'csvlog' },
	{ 'log_destination' => 'stderr', 'log_error_verbosity' => 'verbose' });

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => { 'log_rotation_size' => '0', 'log_line_prefix' => '%m [%p] ', 'log_timezone' => 'UTC' });

$node->wait_for_state('ok');
$node->wait_for_status('the log is read', sub { $_->{collectors}{pg_log}{runs} > 0 });
my $begun = $node->utc_now;

# Settings take effect between two statements; some statements write for longer than others.
my $number = 0;
my $directory = PostgreSQL::Test::Utils::tempdir('scripts');

sub start_session
{
	my ($name, $each) = @_;
	my $script = "SET client_min_messages = error;\n";

	for (my $i = $number + 1; $i <= $number + $ENTRIES; $i += $each)
	{
		my $to = $i + $each - 1;
		$script .= qq{DO \$\$ BEGIN FOR i IN $i .. $to LOOP RAISE WARNING 'number % of $name', i; PERFORM pg_sleep(0.02); END LOOP; END \$\$;\n};
	}
	append_to_file("$directory/$name.$number", $script);
	return start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', "$directory/$name.$number" ]);
}

my %sessions = (session1 => 1, session2 => 2, session10 => 10);

foreach my $change (@changes)
{
	my @running = map { start_session($_, $sessions{$_}) } sort keys %sessions;
	my $status = $node->status;

	$node->set(%$change);
	$node->wait_for_status('it is read', sub { $_->{collectors}{pg_log}{runs} > $status->{collectors}{pg_log}{runs} });
	finish($_) or BAIL_OUT('a session failed') foreach @running;
	$number += $ENTRIES;
}
$node->safe_psql('postgres', q{SET client_min_messages = error; DO $$ BEGIN RAISE WARNING 'the last one'; END $$});
$backend->wait_for_metric('pg_log', undef, where => sub { grep { $_->{message} eq 'the last one' } @{ $_[0]{entries} } });
$node->safe_psql('postgres', q{SELECT pganalytics_collect('pg_log'); SELECT pganalytics_flush('3min')});

my @metrics = $backend->metrics('pg_log');
my @entries = grep { $_->{message} =~ /^number \d+ of session/ } map { @{ $_->{entries} } } @metrics;
my $ended = $node->utc_now;
foreach my $session (sort keys %sessions)
{
	my %count;

	$count{$_}++ foreach map { $_->{message} =~ /^number (\d+) of $session$/ ? $1 : () } @entries;
	is(join(' ', grep { !$count{$_} } 1 .. $number), '', "$session: nothing is missing");
	is(join(' ', grep { $count{$_} > 1 } sort { $a <=> $b } keys %count), '', "$session: nothing is there twice");
}
is(scalar(grep { !$_->{pid} } @entries), 0, 'each is read by the prefix that it was written with');
is(scalar(grep { !defined $_->{timestamp} || $_->{timestamp} lt substr($begun, 0, 19) || $_->{timestamp} gt $ended } @entries),
	0, 'and in the time zone');
is(join(' ', sort keys %{ { map { $_->{source} => 1 } @metrics } }), 'csvlog jsonlog stderr', 'from all formats');
is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');
$node->check_log;
done_testing();
