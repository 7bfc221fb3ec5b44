
# Whatever names and values a server has, every collector reads it, the JSON is
# UTF-8, and what vanishes or breaks while it is looked at is nobody else's problem.

use strict;
use warnings;
use utf8;

use JSON::PP;
use List::Util qw(first sum0);
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use PostgreSQL::Test::Utils ();
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'max_connections' => 40,
		'max_locks_per_transaction' => 2600,    # room for 100,000
		'autovacuum' => 'off',
		'fsync' => 'off',
		map { ("pganalytics.${_}_interval" => undef) } qw(pg_stats sysstat disk_usage pg_log pg_query_stats),
	});

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Collects everything; returns what arrived.
sub collect
{
	my ($type) = @_;
	my $since = $backend->position;
	my ($code, undef, $error) =
	  $node->psql('postgres', sprintf(
		q{SET statement_timeout = '100s'; SELECT pganalytics_collect('%s')}, $type // 'all'));

	sql(q{SELECT pganalytics_flush('100s')});
	return {
		error => $error,
		# a slow machine has no time for some of it, and does it at the next visit
		errors => [ $backend->collection_errors($since) ],
		since => $since,
	};
}

sub metrics
{
	my ($collected, $type, $database) = @_;

	return $backend->metrics($type, since => $collected->{since}, $database ? (database => $database) : ());
}

sub rows
{
	my ($key, @metrics) = @_;

	return map { @{ $_->{$key} // [] } } @metrics;
}

# ---- names ----

my $long = 'Ä' x 31 . 'x';    # 63 bytes
my $quoted = q(He said "no", 'twice'\\ );

sub create_objects
{
	my ($database, @names) = @_;

	foreach my $name (@names)
	{
		my $id = '"' . ($name =~ s/"/""/gr) . '"';
		$node->safe_psql($database, qq{
			CREATE SCHEMA $id;
			CREATE TABLE $id.$id ($id serial PRIMARY KEY, b text DEFAULT 'x');
			CREATE INDEX ON $id.$id (lower(b));
			CREATE VIEW $id.v AS SELECT * FROM $id.$id;
			CREATE FUNCTION $id.$id() RETURNS int LANGUAGE sql AS 'SELECT 1';
			INSERT INTO $id.$id (b) SELECT g FROM generate_series(1, 1000) g;
			ANALYZE $id.$id;
			SELECT count(*) FROM $id.$id;
		});
	}
	return;
}

foreach my $name ($long, $quoted)
{
	$node->safe_psql('postgres', 'CREATE DATABASE "' . ($name =~ s/"/""/gr) . '"');
	create_objects($name, 'Mixed', $long, $quoted, 'select');
}
# a keyword and what is not UTF-8 as names of roles
sql(q{CREATE ROLE "user" LOGIN SUPERUSER; CREATE ROLE "select"; ALTER ROLE "user" SET work_mem = '6MB'});
sql(q{CREATE DATABASE bytes ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0 OWNER "user"});
my $path = $node->basedir . '/bytes.sql';
PostgreSQL::Test::Utils::append_to_file($path, <<"SQL");
SET client_encoding = 'SQL_ASCII';
CREATE ROLE "r\xe9\xff" LOGIN SUPERUSER;
CREATE DATABASE "d\xe9\xff" ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
CREATE DATABASE "l\xe9" ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
CREATE SCHEMA "s\xff" AUTHORIZATION "r\xe9\xff";
CREATE TABLE "s\xff"."t\xc3" ("c\xf0\x90" serial, b text DEFAULT '\xc3\x28' CHECK (b <> '\xe2\x82'));
CREATE VIEW "s\xff".v AS SELECT '\xfe'::text AS "\xfe";
CREATE FUNCTION "s\xff"."f\xff"() RETURNS text LANGUAGE sql AS 'SELECT ''\xff''::text';
INSERT INTO "s\xff"."t\xc3" (b) VALUES ('\xff');
COMMENT ON DATABASE bytes IS '\xff';
SQL
$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('bytes'), '-f', $path ],
	'names that are not UTF-8');

my $user = $node->background_psql('postgres', extra_params => [ '-U', 'user' ]);
$user->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_largeobject IN SHARE MODE');

my $collected = collect();
is_deeply($collected->{errors}, [], 'everything is collected');

# A large schema takes more than one visit where the machine is slow; then it is unchanged.
sub schema_is_complete
{
	foreach my $database ('postgres', 'bytes', $long, $quoted)
	{
		my ($newest) = reverse metrics($collected, 'pg_schema', $database);
		return 0 unless $newest && $newest->{unchanged};
	}
	return 1;
}
wait_until('the schemas are complete', sub { collect('pg_schema'); schema_is_complete() }, timeout => 180);

# The rows of a table in all metrics of a database, the newest first.
sub rows_of_table
{
	my ($type, $database, $name) = @_;

	return grep { $_->{schema} eq $name && $_->{name} eq $name }
	  rows('tables', reverse metrics($collected, $type, $database));
}

# Counters arrive as soon as the session that counted has ended.
sub statistics_are_complete
{
	foreach my $database ($long, $quoted)
	{
		foreach my $name ('Mixed', $long, $quoted, 'select')
		{
			my $table = first { 1 } rows_of_table('pg_stats', $database, $name);
			return 0 unless $table && $table->{n_tup_ins} == 1000 && rows_of_table('pg_bloat', $database, $name);
		}
	}
	return 1;
}
wait_until('the statistics are complete', sub { statistics_are_complete() || do { collect($_) foreach qw(pg_stats pg_bloat); 0 } });

foreach my $database ($long, $quoted)
{
	my @schema = metrics($collected, 'pg_schema', $database);
	my $what = substr $database, 0, 9;

	foreach my $name ('Mixed', $long, $quoted, 'select')
	{
		my $table = first { 1 } rows_of_table('pg_stats', $database, $name);
		is($table->{n_tup_ins}, 1000, "$what: statistics of a table");
		ok((first { $_->{schema} eq $name && $_->{table} eq $name && $_->{name} eq $name }
				rows('columns', @schema)), "$what: its column");
		ok((first { $_->{schema} eq $name && $_->{kind} eq 'view' } rows('definitions', @schema)),
			"$what: the definition of a view");
		ok((first { 1 } rows_of_table('pg_bloat', $database, $name)), "$what: its bloat");
	}
}
my @bytes = metrics($collected, 'pg_schema', 'bytes');
my $table = first { $_->{name} =~ /^t/ } rows('tables', @bytes);
is_deeply([ @{$table}{qw(schema name)} ], [ "s\x{FFFD}", "t\x{FFFD}" ], 'what is not UTF-8 is marked');
like((first { $_->{kind} eq 'function' } rows('definitions', @bytes))->{definition}, qr/\x{FFFD}/, 'in texts, too');
ok((first { $_->{database} =~ /^d/ } metrics($collected, 'pg_stats')), 'so is the name of a database');
ok((first { ($_->{user} // '') eq 'user' } rows('by', metrics($collected, 'pg_connections'))), 'a role that is called like a keyword');

# ---- values ----

sql(q{SELECT pganalytics_add_custom_collector('odd', $$
	SELECT 'NaN'::float8 AS a, 'Infinity'::float4 AS b, '-Infinity'::numeric AS c,
		'infinity'::timestamptz AS d, 'infinity'::date AS e, E'\x01"'::text AS f$$, '1h', 'postgres, l?')});
my $odd = wait_until(
	'the odd values',
	sub {
		$collected = collect('custom');
		return (metrics($collected, 'custom', "l\x{e9}"))[0] && (rows('rows', metrics($collected, 'custom', 'postgres')))[0];
	});
is_deeply($collected->{errors}, [], 'NaN and infinity are collected');
is_deeply([ @{$odd}{qw(a b)} ], [ undef, undef ], 'they are null: JSON has no number for them');

pass('also where the database is called as nobody would in UTF-8');

# ---- 100,000 locks ----

my $locks = $node->background_psql('postgres');
$locks->query_safe('SELECT count(pg_advisory_lock(g)) FROM generate_series(1, 100000) g');
my $count = wait_until(
	'the locks',
	sub {
		$collected = collect('pg_locks');
		return sum0(map { $_->{count} } grep { $_->{locktype} eq 'advisory' } rows('locks', metrics($collected, 'pg_locks')));
	});
is_deeply($collected->{errors}, [], '100,000 locks are collected');
cmp_ok($count, '>=', 100000, 'and counted');
$locks->query_safe('SELECT pg_advisory_unlock_all()');
$locks->quit;
$user->query_safe('ROLLBACK');
$user->quit;

# ---- what goes away ----

my $restarts = sum0(map { $_->{restarts} // 0 } values %{ $node->status->{workers} });
my $churn = $node->background_psql('postgres');
$churn->query_until(qr/begun/, <<'SQL');
\echo begun
DO $$BEGIN
	FOR i IN 1 .. 400 LOOP
		CREATE TABLE here_today (id serial PRIMARY KEY, t text DEFAULT 'x');
		CREATE VIEW gone_tomorrow AS SELECT * FROM here_today;
		COMMIT;
		DROP TABLE here_today CASCADE;
		COMMIT;
	END LOOP;
END$$;
\echo ended
SQL
my @vanished;
foreach my $round (1 .. 4)
{
	sql("CREATE DATABASE passing$round");
	$collected = collect();
	push @vanished, @{ $collected->{errors} };
	$node->safe_psql_alone('postgres', "DROP DATABASE passing$round");
}
$churn->quit;
is_deeply([ grep { !/is being dropped|does not exist/ } map { "$_->{type}: $_->{error}" } @vanished ], [],
	'objects that are dropped meanwhile are no error');
is(sum0(map { $_->{restarts} // 0 } values %{ $node->status->{workers} }), $restarts, 'and nobody fails over them');

# ---- a database that cannot be connected to ----

my $oid = sql(q{SELECT oid FROM pg_database WHERE datname = 'bytes'});
my $version = $node->data_dir . "/base/$oid/PG_VERSION";
rename $version, "$version.away" or die $!;
$collected = collect();
my @of_bytes = grep { ($_->{database} // '') eq 'bytes' } @{ $collected->{errors} };
cmp_ok(scalar @of_bytes, '>', 0, 'a database that refuses connections is an error');
is_deeply([ grep { ($_->{database} // '') ne 'bytes' } @{ $collected->{errors} } ], [], 'of its own');
ok((metrics($collected, 'pg_stats', $long))[0], 'the others report');
rename "$version.away", $version or die $!;
is_deeply(collect()->{errors}, [], 'and it does, as soon as it can');

# ---- a view that cannot be read ----

my $mods = 'SET allow_system_table_mods = on; ALTER VIEW pg_catalog';
sql("$mods.pg_stat_archiver RENAME TO pg_stat_archiver_away");
$collected = collect('pg_server');
is_deeply([ map { [ @{$_}{qw(type sqlstate)} ] } @{ $collected->{errors} } ], [ [ 'pg_server', '42P01' ] ],
	'a view that cannot be read is an error');
my ($server) = metrics($collected, 'pg_server');
ok(!exists $server->{archiver}, 'what it would tell is absent, not 0');
ok($server->{wal}{wal_records}, 'all else is there');
sql("$mods.pg_stat_archiver_away RENAME TO pg_stat_archiver");
$collected = collect('pg_server');
is_deeply($collected->{errors}, [], 'it is no error as soon as it can be read');
is((metrics($collected, 'pg_server'))[0]{archiver}{archived_count}, 0, 'and tells what it knows');

is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');

# ---- what the encoding of a database has not ----

sql(q{CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0});
$node->safe_psql('latin', 'CREATE EXTENSION pganalytics');
sql(q{CREATE TABLE ids (id int);
	SELECT pganalytics_add_custom_collector('greek', $$SELECT ('Ω' || id)::int AS x FROM public.ids$$, '1h', 'postgres');
	INSERT INTO ids VALUES (1)});
is( wait_until(
		'an error',
		sub {
			collect('custom');
			my $error = $node->safe_psql('latin', q{SELECT pganalytics_status() #>> '{custom,greek,last_error}'});
			return $error =~ $PgAnalytics::Backend::NO_TIME ? '' : $error;
		}),
	'invalid input syntax for type integer: "?1"', 'does not keep the status from being read there');

# but what it has is what it is there
sql(q{SELECT pganalytics_add_custom_collector('greeting', $$SELECT 'Grüß' = U&'Gr\00fc\00df' AS same, 'Grüß'::text AS word$$, '1h', 'latin');
	SELECT pganalytics_add_custom_collector('omega', $$SELECT 'Ω'::text AS x$$, '1h', 'latin')});
my $greeting = wait_until(
	'the greeting',
	sub {
		$collected = collect('custom');
		return (rows('rows', grep { $_->{name} eq 'greeting' } metrics($collected, 'custom', 'latin')))[0];
	});
is_deeply($greeting, { same => JSON::PP::true, word => 'Grüß' }, 'a query is in the encoding of the database');
is(sql(q{SELECT pganalytics_status() #>> '{custom,omega,last_error}' LIKE '%no equivalent in encoding "LATIN1"'}), 't',
	'or not run');

# names that all databases share are in the encoding of the one that they were made in
my %umlauts = (database => "d\xc3\xbc", user => "r\xc3\xbc");
sql($_) foreach qq{CREATE DATABASE "$umlauts{database}" TEMPLATE template0}, qq{CREATE ROLE "$umlauts{user}" LOGIN SUPERUSER};
my $umlaut = $node->background_psql($umlauts{database}, extra_params => [ '-U', $umlauts{user} ]);
$umlaut->query_safe('CREATE TABLE written (id int)');
$umlaut->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_class IN ACCESS SHARE MODE; INSERT INTO written VALUES (1)');
my $index = $node->background_psql($umlauts{database}, extra_params => [ '-U', $umlauts{user} ]);
$index->query_until(qr/begun/, "\\echo begun\nCREATE INDEX CONCURRENTLY ON written (id);\n");
wait_until('an index waits for a writer', sub { sql('SELECT count(*) FROM pg_stat_progress_create_index') });
foreach my $shared ([ pg_connections => qw(database user) ], [ pg_activity => qw(database user) ], [ pg_locks => 'database' ],
	[ pg_server => 'database' ])
{
	my ($collector, @fields) = @$shared;
	my $sample = $node->safe_psql('latin', qq{SET client_encoding = 'UTF8'; SELECT pganalytics_sample('$collector')::jsonb});

	like($sample, qr/"$_": "$umlauts{$_}"/, "the $_ of others in $collector") foreach @fields;
}
$umlaut->quit;
$index->quit;
sql(qq{CREATE DATABASE "l\xc3\xbc" ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0});
$node->safe_psql("l\xc3\xbc", 'CREATE EXTENSION pganalytics');
like($node->safe_psql("l\xc3\xbc", q{SET client_encoding = 'UTF8'; SELECT pganalytics_sample('pg_cache')}),
	qr/"databases": \[\{"hit": \d+, "name": "l\xc3\xbc"/, 'the name of a database in its pg_cache');

$node->check_log(
	allowed => [
		qr/could not be collected in full/, qr/is not a valid data directory/, qr/canceling statement due to lock timeout/,
		qr/database .* (?:is being dropped|does not exist)/ ]);
done_testing();
