
# A process killed at any moment: every entry of the server log arrives, and arrives once.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Preload;
use PgAnalytics::Wait;
use PostgreSQL::Test::Utils qw(append_to_file);
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $killer = killer();
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	start => 0,
	settings => {
		'restart_after_crash' => 'on',
		'log_rotation_size' => '0',
		# parts of one run in several batches
		'pganalytics.batch_max_size' => '64kB',
	});
{
	local $ENV{LD_PRELOAD} = $killer->{library};
	$node->start;
}
$node->create_extensions;
$node->wait_for_state('ok');
$node->wait_for_status('the log is read', sub { $_->{collectors}{pg_log}{runs} > 0 });

my $number = 0;

# Writes entries with numbers that go on; a server that crashes meanwhile may write fewer, and
# the result is false.
sub write_entries
{
	my ($count) = @_;
	my ($from, $to) = ($number + 1, $number += $count);

	return $node->psql('postgres', qq{
		DO \$\$ BEGIN
			FOR i IN $from .. $to LOOP RAISE WARNING 'number % %', i, repeat('.', 100); END LOOP;
		END \$\$;}) == 0;
}

# That many at least: where the server is not back yet, with other numbers again.
sub write_all_entries
{
	my ($count) = @_;

	return wait_until("$count entries are written", sub { write_entries($count) });
}

sub numbers_in { return map { /number (\d+) \.\.\./ ? $1 : () } @_ }

# ---- at each step of keeping a batch, and of what happens to it afterwards ----

foreach my $moment (
	'before pwrite .tmp.', 'after pwrite .tmp.',
	'before rename log_position', 'after rename log_position',
	'before rename .plain', 'after rename .plain',
	'before rename .batch', 'after rename .batch',
	'before rename log_position', 'after rename log_position')
{
	write_all_entries(400);
	append_to_file($killer->{flag}, $moment);
	write_entries(400);
	ok( wait_until(
			"killed $moment",
			sub {
				write_entries(1);
				return !-e $killer->{flag};
			}),
		"killed $moment");
}

# ---- and whenever it happens to be ----

foreach my $i (1 .. 3)
{
	my $pid = wait_until('the collector runs',
		sub { $node->psql('postgres', q{SELECT pganalytics_status() #>> '{workers,collector,pid}'}, stdout => \my $pid); $pid });

	write_all_entries(300);
	kill 'KILL', $pid;
	wait_until('the server has noticed',
		sub { $node->psql('postgres', q{SELECT pganalytics_status() #>> '{workers,collector,pid}'}, stdout => \my $now); $now && $now ne $pid });
}
write_all_entries(10);

# ---- nothing is missing, nothing is there twice ----

my @written = numbers_in(split /\n/, $node->log_text);
cmp_ok(scalar @written, '>', 3000, scalar(@written) . ' entries were written');
$backend->wait_for_metric('pg_log', undef,
	where => sub { grep { $_->{message} =~ /^number $number / } @{ $_[0]{entries} } });
$node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')});

my %count;
my @arrived = numbers_in(map { $_->{message} } map { @{ $_->{entries} } } $backend->metrics('pg_log'));
$count{$_}++ foreach @arrived;
my %written = map { $_ => 1 } @written;
is(join(' ', grep { !$count{$_} } @written), '', 'every entry has arrived');
is(join(' ', grep { $count{$_} > 1 } sort { $a <=> $b } keys %count), '', 'each once');
is(join(' ', grep { !$written{$_} } @arrived), '', 'and nothing else');

my $status = $node->wait_for_status('the log is read to its end', sub { $_->{log}{backlog_bytes} == 0 });
pass('status: nothing of the log is left');
is($status->{log}{source}, 'stderr', 'status: where it is read');
is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');
$node->check_log(allowed => [ qr/terminated by signal 9|in recovery mode|terminating connection|the database system is/ ]);
done_testing();
