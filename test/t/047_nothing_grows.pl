
# However often everything is collected, the workers have as many files open, as
# much memory in use and as many files in the state directory as before.
# PGANALYTICS_CYCLES=1000 makes it a thousand cycles.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use PostgreSQL::Test::Utils ();
use Test::More;

plan skip_all => 'needs /proc' unless -d '/proc/self/fd';

use constant CYCLES => $ENV{PGANALYTICS_CYCLES} // 40;
use constant ROOM => 256 * 1024;    # caches of the server may still fill up

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => { 'autovacuum' => 'off', 'pganalytics.full_snapshot_interval' => '10s' });

$node->safe_psql('postgres', 'CREATE DATABASE other');

sub cycles
{
	my ($count) = @_;

	# a visit has three seconds, which may be too few on a busy machine
	$node->safe_psql('postgres', qq{
		DO \$\$ BEGIN
			FOR i IN 1 .. $count LOOP
				BEGIN
					PERFORM pganalytics_collect();
				EXCEPTION WHEN external_routine_exception THEN
					IF sqlerrm !~ 'out of time|timeout|left alone' THEN RAISE; END IF;
				END;
			END LOOP;
		END \$\$});
	$node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')});
	return;
}

# Bytes in use, as the server accounts for them.
sub memory_of
{
	my ($pid) = @_;
	my $offset = $node->log_size;

	$node->safe_psql('postgres', "SELECT pg_log_backend_memory_contexts($pid)");
	return wait_until(
		"the memory contexts of $pid are logged",
		sub { $node->log_text($offset) =~ /\[$pid\].*Grand total: .*; (\d+) used/ && $1 });
}

sub files_of
{
	my ($pid) = @_;
	my @files = glob "/proc/$pid/fd/*";

	return scalar @files;
}

# The collectors go on, and a file that is just being written has another name for a moment.
sub kept_files
{
	my $before = '';

	return wait_until(
		'the files that are kept',
		sub {
			my ($found) = PostgreSQL::Test::Utils::run_command([ 'find', $node->data_dir . '/pg_stat_tmp/pganalytics' ]);
			my $kept = join ' ', sort map { s{.*/pganalytics/?}{}r } grep { !m{/spool/} } split /\n/, $found;
			my $is_same = $kept eq $before;

			$before = $kept;
			return $is_same && $kept;
		});
}

sub measure
{
	my $workers = $node->status->{workers};
	my %figures;

	foreach my $name (qw(collector sender))
	{
		my $pid = $workers->{$name}{pid};

		$figures{"memory of the $name"} = memory_of($pid);
		$figures{"open files of the $name"} = files_of($pid);
	}
	return %figures;
}

# The collectors go on: the least of several looks is the one between collections.
sub least
{
	my ($looks, $is_enough) = @_;
	my %least;

	foreach my $look (1 .. $looks)
	{
		my %figures = measure();

		foreach my $figure (keys %figures)
		{
			$least{$figure} = $figures{$figure} unless ($least{$figure} // 'inf') < $figures{$figure};
		}
		last if $is_enough && $is_enough->(%least);
	}
	return %least;
}

cycles(20);
my %most = least(5);
$most{$_} += /^memory/ ? ROOM : 3 foreach keys %most;    # a connection, a log file
my $kept = kept_files();
my $runs = $node->status->{collectors}{pg_stats}{runs};
cycles(CYCLES);
my %after = least(50, sub { my %found = @_; !grep { $found{$_} > $most{$_} } keys %most });

cmp_ok($node->status->{collectors}{pg_stats}{runs}, '>=', $runs + CYCLES, CYCLES . ' cycles');
cmp_ok($after{$_}, '<=', $most{$_}, $_) foreach sort keys %most;
is(kept_files(), $kept, 'files that are kept');
is($node->status->{spool}{dropped}, 0, 'nothing was dropped');
$node->check_log;
done_testing();
