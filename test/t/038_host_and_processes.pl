
# What sysstat tells of the machine is what the kernel tells, and the server's own
# processes are found, with those that use most.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use PostgreSQL::Test::Utils;
use Test::More;

sub first_line
{
	my ($file) = @_;

	open my $handle, '<', $file or return;
	my $line = <$handle>;
	return $line;
}

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create('main', backend => $backend,
	settings => { 'pganalytics.enabled_collectors' => 'sysstat' });
my $metric = $backend->wait_for_metric('sysstat', undef, where => sub { exists $_[0]{cpu}{user} });

# ---- the machine ----

my $meminfo = slurp_file('/proc/meminfo');
my ($total) = $meminfo =~ /^MemTotal: +(\d+)/m;
is($metric->{memory}{total_mb}, int($total / 1024), 'memory');
is($metric->{cpu}{count}, scalar(() = slurp_file('/proc/stat') =~ /^cpu\d/mg), 'CPUs');
is($metric->{system}{kernel}, 'Linux ' . (split ' ', first_line('/proc/sys/kernel/osrelease'))[0], 'kernel');
is($metric->{kernel}{pid_max}, first_line('/proc/sys/kernel/pid_max') + 0, 'limits of the kernel');
my ($established) = $node->safe_psql('postgres', q{SELECT pganalytics_sample('sysstat') -> 'tcp' ->> 'established'});
like($established, qr/^\d+$/, 'connections');

foreach my $resource (qw(cpu io memory))
{
	is(exists $metric->{pressure}{$resource}, defined first_line("/proc/pressure/$resource"),
		"pressure of $resource, where the kernel tells");
}

my $later = $backend->wait_for_metric('sysstat', undef,
	where => sub { $_[0]{timestamp} gt $metric->{timestamp} });
foreach my $counter (qw(ctxt processes pgfault))
{
	cmp_ok($later->{vm}{$counter}, '>=', $metric->{vm}{$counter}, "$counter grows");
}

# ---- the control group ----

my $groups = slurp_file('/proc/self/cgroup');
is($metric->{cgroup}{version}, $groups =~ /:(?:[\w,]+,)?(?:memory|cpu)(?:,[\w,]+)?:/ ? 1 : 2,
	'version of the control groups')
  if $groups =~ /\S/;
cmp_ok($metric->{cgroup}{memory_current}, '<=', $metric->{cgroup}{memory_max}, 'a limit is not below what is used')
  if defined $metric->{cgroup}{memory_current} && defined $metric->{cgroup}{memory_max};

# ---- the server's own processes ----

my $server = $metric->{postgres};
cmp_ok($server->{processes}, '>=', 6, 'processes of the server');
cmp_ok($server->{rss_mb}, '>', $server->{private_mb}, 'their memory, shared and not');
cmp_ok($server->{private_mb}, '>', 0, 'private memory');
cmp_ok($server->{open_files}, '>', $server->{processes}, 'their open files');

my $busy = $node->background_psql('postgres');
my $pid = $busy->query_safe('SELECT pg_backend_pid()');
$busy->query_safe('SELECT count(*) FROM generate_series(1, 3000000)');
my $of_busy = sub {
	my ($found) = grep { $_->{pid} == $pid } @{ $_[0]{postgres}{top} // [] };
	return $found;
};
my ($row) = $of_busy->($backend->wait_for_metric('sysstat', undef, where => $of_busy));
cmp_ok($row->{cpu_seconds}, '>', 0, 'a backend that uses the CPU is shown');
is($row->{backend_type}, 'client backend', 'with what it is');
cmp_ok($row->{rss_mb}, '>', 0, 'its memory');
cmp_ok($row->{read_bytes}, '>=', 0, 'and its I/O');
$busy->quit;
$backend->wait_for_metric('sysstat', undef, after => $node->utc_now, where => sub { exists $_[0]{postgres} });
my @seconds = map { $_->{postgres}{cpu_seconds} // () } $backend->metrics('sysstat');
is_deeply(\@seconds, [ sort { $a <=> $b } @seconds ], 'CPU time never decreases, though processes end');

is_deeply([ $backend->collection_errors ], [], 'nothing was an error');
is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');
$node->check_log;
done_testing();
