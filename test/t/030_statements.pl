
# Statements: those that did most lately come first, each text comes once and
# without passwords, and neither resets nor evictions make growth of nothing.

use strict;
use warnings;
use utf8;

use JSON::PP;
use List::Util qw(first);
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'shared_preload_libraries' => 'pganalytics',
		'pg_stat_statements.max' => '100',
		'pganalytics.enabled_collectors' => 'pg_query_stats',
		'pganalytics.pg_query_stats_interval' => '1s',
		'pganalytics.max_statements' => '5',
	});

sub problems { return grep { /pg_stat_statements/ } @{ $node->status->{problems} } }

sub sql { return $node->safe_psql('postgres', $_[0]) }

# The next metric that was read after now and that the sub is true of.
sub next_metric
{
	my ($where, $database) = @_;
	my $now = sql(q{SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')});

	return $backend->wait_for_metric('pg_query_stats', $database // 'postgres',
		after => $now, where => $where // sub { 1 });
}

sub query_id
{
	return sql(qq{SELECT queryid FROM stat.pg_stat_statements WHERE query LIKE '$_[0]%'});
}

# All that has arrived, and of it what is about one statement.
sub queries { return map { @{ $_->{queries} } } $backend->metrics('pg_query_stats') }

sub reports
{
	my ($id) = @_;

	return grep { $_->{queryid} eq $id } queries();
}

# Statements that differ in more than their constants.
sub run_shapes
{
	my ($count) = @_;

	sql(join '', map { 'SELECT ' . join(', ', map { $_ ? '1' : 'true' } split //, sprintf '%09b', $_) . ';' } 1 .. $count);
	return;
}

# ---- not installed ----

$node->wait_for_problem(qr/pg_stat_statements is created but not loaded/);
my $offset = $node->log_size;
$node->safe_psql($_, 'DROP EXTENSION pg_stat_statements') foreach qw(template1 postgres);

$node->wait_for_problem(qr/pg_stat_statements is not installed/);
my ($problem) = problems();
like($problem, qr/shared_preload_libraries = 'pg_stat_statements,pganalytics'/, 'not installed: the line for the configuration');
like($problem, qr/CREATE EXTENSION pg_stat_statements in database "postgres"/, 'and the one for the database');
my $runs = $node->status->{collectors}{pg_query_stats}{runs};
my $status = $node->wait_for_status('more runs', sub { $_->{collectors}{pg_query_stats}{runs} >= $runs + 3 });
is($status->{collectors}{pg_query_stats}{errors}, 0, 'it is no error');
is(scalar(() = $node->log_text($offset) =~ /LOG:.*pg_stat_statements is not installed/g), 1, 'and is said once');

sql('CREATE SCHEMA stat; CREATE EXTENSION pg_stat_statements SCHEMA stat');
$node->wait_for_problem(qr/pg_stat_statements is created but not loaded/);
sql('DROP EXTENSION pg_stat_statements');
$node->configure('shared_preload_libraries' => 'pg_stat_statements,pganalytics');
$node->restart;
$node->wait_for_problem(qr/pg_stat_statements is loaded but not created/);
sql(q{CREATE EXTENSION pg_stat_statements SCHEMA stat VERSION '1.9'});
$node->wait_for_problem(qr/ALTER EXTENSION pg_stat_statements UPDATE in database "postgres"/);
sql('ALTER EXTENSION pg_stat_statements UPDATE');
ok($node->wait_for_no_problem(qr/pg_stat_statements/), 'installed: the problem is over');

# ---- what did most lately ----

sql('SELECT sum(i * 2) FROM generate_series(1, 1000000) i') for 1 .. 3;
my $heavy = query_id('SELECT sum(i *');
ok(next_metric(sub { grep { $_->{queryid} eq $heavy } @{ $_[0]{queries} } }), 'a statement is reported');
my $before = sql(qq{SELECT total_plan_time + total_exec_time FROM stat.pg_stat_statements(false) WHERE queryid = $heavy});
my $metric = $backend->wait_for_metric('pg_query_stats', 'postgres',
	where => sub { $_[0]{queries}[0]{queryid} ne $heavy && @{ $_[0]{queries} } == 5 });
ok($metric, 'once it rests, another comes first');
my ($light, $function);
foreach (qw(max min avg))    # the next one if the machine stood still meanwhile
{
	$function = $_;
	sql("SELECT $function(i * 2) FROM generate_series(1, 300000) i");
	$light = query_id("SELECT $function(i *");
	$metric = $backend->wait_for_metric('pg_query_stats', 'postgres', where => sub { $_[0]{queries}[0]{queryid} eq $light });
	last if $metric->{queries}[0]{total_time} < $before;
}
cmp_ok($metric->{queries}[0]{total_time}, '<', $before, 'what grew most comes first, though others took longer in all');
is($metric->{queries}[0]{calls}, 1, 'calls');
is($metric->{queries}[0]{toplevel}, JSON::PP::true, 'toplevel');
is($metric->{queries}[0]{user}, sql('SELECT current_user'), 'user');
is($metric->{queries}[0]{rows}, 1, 'rows');
ok(!exists $metric->{queries}[0]{hash}, 'no hash where a double does not hold it');
is(scalar @{ $metric->{queries} }, 5, 'max_statements of them');
cmp_ok($metric->{skipped}, '>', 0, 'the others are counted');

# ---- texts ----

$node->set('pganalytics.max_statements' => '0');
my $secret = 'öpen' . int rand 1e9;
sql(qq{
	CREATE ROLE bob PASSWORD '$secret';
	ALTER ROLE bob ENCRYPTED PASSWORD \$pw\$$secret\$pw\$;
	CREATE SUBSCRIPTION sub CONNECTION 'host=localhost password=$secret' PUBLICATION p WITH (connect = false, slot_name = NONE);
	DO \$\$ BEGIN EXECUTE 'ALTER ROLE bob PASSWORD ''$secret'''; END \$\$;
	DROP SUBSCRIPTION sub;
});
my @masked = (
	q{CREATE ROLE bob PASSWORD '********'},
	q{ALTER ROLE bob ENCRYPTED PASSWORD $pw$********$pw$},
	q{CREATE SUBSCRIPTION sub CONNECTION 'host=localhost password=********' PUBLICATION p WITH (connect = false, slot_name = NONE)},
	q{DO $$ BEGIN EXECUTE '********'; END $$});

# The file of texts is read once a minute at most.
my $heavy_text = 'SELECT sum(i * $1) FROM generate_series($2, $3) i';
my $sent = wait_until(
	'the texts arrive',
	sub {
		my %texts = map { $_->{text} => 1 } grep { defined $_->{text} } queries();
		return !(grep { !$texts{$_} } @masked, $heavy_text) && [ keys %texts ];
	});
foreach my $text (@masked)
{
	is(scalar(grep { $_ eq $text } @$sent), 1, "masked: $text");
}
next_metric();
is_deeply([ grep { defined } map { $_->{text} } reports($heavy) ], [$heavy_text], 'a text comes once');
is(scalar(grep { /\Q$secret\E/ } @$sent), 0, 'no password in any text');
is(scalar(grep { /pg_stat_statements(?:_info)?\((?:false|true)?\)/ } @$sent), 0, 'none of our own statements');

# The statements of a sample.
sub sampled
{
	return map { @{ $_->{queries} } } map { JSON::PP->new->decode($_) }
	  split /\n/, sql(q{SELECT pganalytics_sample('pg_query_stats')});
}

$node->set('pganalytics.query_text_size' => '10');
$node->poll_query_until('postgres', q{SELECT current_setting('pganalytics.query_text_size') = '10B'});
my $cut = first { $_->{queryid} eq $heavy } sampled();
is($cut->{text}, 'SELECT sum', 'query_text_size cuts');
is($cut->{text_truncated}, JSON::PP::true, 'and that is said');
$node->set('pganalytics.query_text_size' => '0');
$node->poll_query_until('postgres', q{SELECT current_setting('pganalytics.query_text_size') = '0'});
is(scalar(grep { defined $_->{text} } sampled()), 0, 'query_text_size = 0: no text at all');
$node->set('pganalytics.query_text_size' => '2kB');
$node->poll_query_until('postgres', q{SELECT current_setting('pganalytics.query_text_size') = '2kB'});

# ---- bytes that are no text ----

$node->safe_psql('postgres',
	q{CREATE DATABASE bytes ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0});
my $path = PostgreSQL::Test::Utils::tempdir . '/bytes.sql';
PostgreSQL::Test::Utils::append_to_file($path, qq{SET client_encoding = 'SQL_ASCII'; SELECT 1 AS "caf\xe9";});
PostgreSQL::Test::Utils::system_or_bail('psql', '-X', '-q', '-o', '/dev/null', '-f', $path, '-d', $node->connstr('bytes'));
is(scalar(grep { ($_->{text} // '') eq qq{SELECT \$1 AS "caf\x{fffd}"} }
		map { @{ $_->{queries} } }
		map { JSON::PP->new->utf8->decode($_) }
		grep { /"database": "bytes"/ } split /\n/, sql(q{SELECT pganalytics_sample('pg_query_stats')})),
	1, 'a text with bytes that are no UTF-8 is sent, and costs no other its text');

# ---- reset ----

my $id = $light;
sql("SELECT $function(i * 2) FROM generate_series(1, 1000) i") for 1 .. 5;
$metric = next_metric(sub { my $q = first { $_->{queryid} eq $id } @{ $_[0]{queries} }; $q && $q->{calls} == 6 });
my $reset = $metric->{stats_reset};
sql('SELECT stat.pg_stat_statements_reset()');
sql("SELECT $function(i * 2) FROM generate_series(1, 1000) i");
$metric = next_metric(sub { my $q = first { $_->{queryid} eq $id } @{ $_[0]{queries} }; $q && $q->{calls} == 1 });
ok($metric, 'after a reset counters begin anew');
cmp_ok($metric->{stats_reset}, 'gt', $reset, 'and stats_reset says so');
is($metric->{ranked_by_total}, 0, 'all of it is growth');

# ---- eviction ----

$node->set('pganalytics.max_statements' => '20');
run_shapes(300);
$metric = next_metric(sub { $_[0]{deallocated} > 0 && @{ $_[0]{queries} } == 20 });
ok($metric, 'evictions are counted');
cmp_ok($metric->{skipped} + 20, '<=', 100, 'what was evicted is not there');
run_shapes(300);
my $evicted = $metric->{deallocated};
ok(next_metric(sub { $_[0]{deallocated} > $evicted }), 'and it goes on');

# ---- dropped databases and roles ----

$node->set('pganalytics.max_statements' => '0');
sql('CREATE DATABASE gone');
sql('CREATE ROLE gone SUPERUSER');
$node->safe_psql('gone', q{SELECT 'in a database that goes'});
ok(next_metric(undef, 'gone'), 'each database has a metric of its own');
sql(q{SET ROLE gone; SELECT 1 AS by_a_role_that_goes});
my $orphan = query_id('SELECT $1 AS by_a_role');
sql('DROP DATABASE gone');
sql('DROP ROLE gone');
$metric = next_metric(sub { my $q = first { $_->{queryid} eq $orphan } @{ $_[0]{queries} }; $q && !exists $q->{user} });
ok($metric, 'a dropped role leaves no user');
my $since = $backend->position;
next_metric();
is(scalar $backend->metrics('pg_query_stats', database => 'gone', since => $since), 0, 'a dropped database is left out');

# ---- in a session ----

sql('CREATE ROLE watcher; GRANT pg_monitor TO watcher; GRANT USAGE ON SCHEMA stat TO watcher');
like(sql(q{SET ROLE watcher; SELECT s FROM pganalytics_sample('pg_query_stats') s WHERE s ->> 'database' = 'postgres'}),
	qr/"text": "/, 'a sample has texts, for pg_monitor');

is( sql(q{SET pg_stat_statements.track = 'all';
		DO 'BEGIN PERFORM pganalytics_sample(''pg_connections''); END';
		SELECT string_agg(query, '; ') FROM stat.pg_stat_statements WHERE NOT toplevel AND query LIKE '%client backend%';
		SHOW pg_stat_statements.track}),
	"\nall", 'and leaves no trace');

$node->set('compute_query_id' => 'off');
$node->collect('pg_query_stats') foreach 1 .. 2;    # from then on nobody is counted
sql('SELECT stat.pg_stat_statements_reset()');
$node->wait_for_problem(qr/compute_query_id/);
$node->set('compute_query_id' => 'auto');
ok($node->wait_for_no_problem(qr/compute_query_id/), 'without query ids nothing is counted: said, and over');

$node->set('pg_stat_statements.track' => 'none');
$node->collect('pg_query_stats') foreach 1 .. 2;
sql('SELECT stat.pg_stat_statements_reset()');
$node->wait_for_problem(qr/"pg_stat_statements.track" is none/);
$node->set('pg_stat_statements.track' => 'top');
ok($node->wait_for_no_problem(qr/pg_stat_statements.track/), 'nor where they are not tracked');

# ... by a setting of the database: what postgresql.conf says is right
sql('ALTER DATABASE postgres SET compute_query_id = off; ALTER DATABASE postgres SET track_io_timing = off');
sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pganalytics collector'});
sql('SELECT stat.pg_stat_statements_reset()');
ok($node->wait_for_problem(qr/"compute_query_id" is off: RESET it where ALTER ROLE/), 'a setting of the database is named as such');
ok((grep { /"track_io_timing" is off in database "postgres" .*RESET it/ } @{ $node->status->{problems} }), '... here, too');
sql('ALTER DATABASE postgres RESET compute_query_id; ALTER DATABASE postgres RESET track_io_timing');
ok($node->wait_for_no_problem(qr/track_io_timing/), '... and over');

$node->set('pganalytics.enabled_collectors' => '');
sql('DROP EXTENSION pg_stat_statements');
ok($node->wait_for_no_problem(qr/pg_stat_statements/), 'switched off: no problem');

is_deeply([ $backend->collection_errors ], [], 'no collection errors');
is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');
is(scalar(grep { $_->{total_time} < 0 || $_->{calls} < 0 } queries()), 0, 'nothing is negative');
$node->check_log;
done_testing();
