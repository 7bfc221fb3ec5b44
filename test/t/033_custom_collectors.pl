# Queries of one's own: each runs at its interval, in the databases meant, as the
# role that registered it, and can do nothing but read.

use strict;
use warnings;

use JSON::PP;
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'pganalytics.pg_stats_interval' => '1h',
		'pganalytics.custom_row_limit' => '10',
	});

sub add
{
	my ($name, $query, %options) = @_;
	my $databases = $options{databases} // 'postgres';
	my $role = $options{role} // 'postgres';

	return $node->psql('postgres',
		qq{SET ROLE "$role"; SELECT pganalytics_add_custom_collector('$name', \$q\$$query\$q\$, '1 s', '$databases')});
}

sub add_ok
{
	my ($name, @rest) = @_;
	my ($result, undef, $stderr) = add($name, @rest);

	is($result, 0, "$name is registered") or diag($stderr);
}

sub metric
{
	my ($name, $database, %filters) = @_;

	return $backend->wait_for_metric('custom', $database // 'postgres',
		where => sub { $_[0]{name} eq $name && (!$filters{rows} || $filters{rows}->(@{ $_[0]{rows} })) });
}

sub wait_for_error
{
	my ($name, $like) = @_;

	return wait_until("an error of $name", sub {
		my $error = $node->safe_psql('postgres',
			qq{SELECT last_error FROM pganalytics_custom_collectors WHERE name = '$name'});
		return $error =~ $like ? $error : undef;
	});
}

$node->safe_psql('postgres', q{
	CREATE DATABASE app;
	CREATE DATABASE other;
	CREATE ROLE watcher;
	CREATE ROLE mallory;
	CREATE ROLE climber;
	GRANT EXECUTE ON FUNCTION pganalytics_add_custom_collector(text, text, interval, text),
		pganalytics_remove_custom_collector(text) TO watcher, mallory, climber;
	CREATE TABLE secrets AS SELECT 'hidden' AS word;
	CREATE TABLE things AS SELECT g AS id FROM generate_series(1, 25) g;
	GRANT SELECT ON things TO watcher;
});
$node->safe_psql($_, 'CREATE TABLE orders AS SELECT 3 AS open') foreach qw(app other);

# ---- values ----

add_ok('types', q{
	SELECT 1::smallint AS small, 2 AS whole, 3::bigint AS big, 4.5::numeric AS exact, 'NaN'::numeric AS nan,
		1.25::float8 AS float, 'Infinity'::float4 AS infinite, true AS yes, 'Ärger "x"' AS text,
		'2026-02-20 10:30+00'::timestamptz AS at, NULL::int AS nothing, ARRAY[1, 2] AS list,
		'{"a": [1, {"b": null}]}'::jsonb AS nested, '10.0.0.1'::inet AS address, E'{"a":\n1}'::json AS broken_line});
my $row = metric('types')->{rows}[0];
is($row->{$_->[0]}, $_->[1], "value $_->[0]")
  foreach [ small => 1 ], [ whole => 2 ], [ big => 3 ], [ exact => 4.5 ], [ nan => undef ], [ float => 1.25 ],
  [ infinite => undef ], [ text => "\x{c4}rger \"x\"" ], [ at => '2026-02-20T10:30:00.000000Z' ],
  [ nothing => undef ], [ address => '10.0.0.1' ];
ok($row->{yes}, 'value yes');
is_deeply($row->{list}, [ 1, 2 ], 'value list');
is_deeply($row->{nested}, { a => [ 1, { b => undef } ] }, 'value nested');
is_deeply($row->{broken_line}, { a => 1 }, 'json with a line break');

# JSON that a parser may not take is a text
add_ok('untame', q{
	SELECT (pg_catalog.repeat('[', 33) || pg_catalog.repeat(']', 33))::json AS deep, 1e400::numeric AS large,
		('[' || pg_catalog.repeat('7', 1001) || ']')::jsonb AS long, '"\ud83d"'::json AS half, '["\u0000"]'::json AS nul,
		(pg_catalog.repeat('[', 32) || pg_catalog.repeat(']', 32))::json AS shallow, '"\ud83d\ude00 \\\\u0000 ["'::json AS whole,
		1e300::numeric AS fits});
$row = metric('untame')->{rows}[0];
is($row->{$_->[0]}, $_->[1], "untame value $_->[0]")
  foreach [ deep => '[' x 33 . ']' x 33 ], [ large => '1' . '0' x 400 ], [ long => '[' . '7' x 1001 . ']' ],
  [ half => '"\ud83d"' ], [ nul => '["\u0000"]' ], [ whole => "\x{1F600} \\u0000 [" ];
is(ref $row->{shallow}, 'ARRAY', 'what is nested less is an array');
cmp_ok($row->{fits}, '==', 1e300, 'what a double holds is a number');

# ---- limits and databases ----

add_ok('many', 'SELECT id FROM public.things ORDER BY id');
my $many = metric('many');
is(scalar @{ $many->{rows} }, 10, 'no more than custom_row_limit rows');
ok($many->{truncated}, 'the rest is told of');
add_ok('enough', 'SELECT 1 / (12 - g) AS x FROM pg_catalog.generate_series(1, 20) g');
is(scalar @{ metric('enough')->{rows} }, 10, 'no row is asked for that is not needed');
# large enough for several metrics; the ninth is too large
add_ok('breaks', q{SELECT pg_catalog.repeat('x', CASE g WHEN 9 THEN 2000000 ELSE 60000 END) AS pad
	FROM pg_catalog.generate_series(1, 10) g});
add_ok('orders', 'SELECT open FROM public.orders', databases => 'ap?,nowhere');
is(metric('orders', 'app')->{rows}[0]{open}, 3, 'a database of the pattern');
is(scalar $backend->metrics('custom', database => 'other'), 0, 'no other database');

ok(wait_for_error('breaks', qr/larger than 1 MB/), 'one that fails half-way is an error');

# ---- refused at registration ----

my $number = 0;
foreach my $refused (
	[ 'SELEC 1' => qr/syntax error at or near "SELEC"/ ],
	[ 'SELECT nowhere.x' => qr/missing FROM-clause entry for table "nowhere"/ ],
	[ 'SELECT 1; SELECT 2' => qr/must be one SELECT/ ],
	[ 'DELETE FROM public.things' => qr/must be one SELECT/ ],
	[ 'SELECT 1 INTO public.copy' => qr/must be one SELECT/ ],
	[ 'WITH d AS (DELETE FROM public.things RETURNING id) SELECT id FROM d' => qr/must be one SELECT/ ],
	[ 'SELECT id FROM things' => qr/relation "things" does not exist/ ],
	[ 'SELECT 1 AS a, 2 AS a' => qr/two columns "a"/ ],
	[ q{SELECT pg_catalog.set_config('role', 'postgres', false)}, qr/cannot set parameter "role"/ ],
	[ q{SELECT pg_catalog.lo_create(0)} => qr/read-only transaction/, 'postgres', 16 ],
	[ 'SELECT word FROM public.secrets' => qr/permission denied for table secrets/, 'watcher' ],
	[ 'SELECT pg_catalog.pg_sleep(60)' => qr/statement timeout/ ],
	[ 'SELECT 1/0 AS x' => qr/division by zero/ ])
{
	my ($query, $like, $role, $since) = @$refused;

	next if $since && $node->pg_version < $since;
	my ($result, undef, $stderr) = add('refused' . ++$number, $query, role => $role);
	isnt($result, 0, "refused: $query");
	like($stderr, $like, '... with the reason');
}
foreach my $call (
	[ q{pganalytics_add_custom_collector('bad name', 'SELECT 1 AS x', '1 min')} => qr/invalid name/ ],
	[ q{pganalytics_add_custom_collector('', 'SELECT 1 AS x', '1 min')} => qr/1 to 63 bytes/ ],
	[ q{pganalytics_add_custom_collector('n', 'SELECT 1 AS x', '-1 s')} => qr/from 1 second to 1 day/ ],
	[ q{pganalytics_add_custom_collector('n', 'SELECT 1 AS x', '2 days')} => qr/from 1 second to 1 day/ ],
	[ q{pganalytics_add_custom_collector('many', 'SELECT 1 AS x', '1 min')} => qr/already exists/ ])
{
	my ($result, undef, $stderr) = $node->psql('postgres', "SELECT $call->[0]");
	like($stderr, $call->[1], "refused: $call->[0]");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM things'), 25, 'nothing was deleted');
my (undef, undef, $elsewhere) = $node->psql('app',
	q{CREATE EXTENSION pganalytics; SELECT pganalytics_add_custom_collector('x', 'SELECT 1 AS x', '1 min')});
like($elsewhere, qr/in database "postgres" only/, 'another database says where to go');

add_ok('read_only', q{SELECT pg_catalog.set_config('transaction_read_only', 'on', false) AS x}, role => 'watcher');

# ---- as the role that registered it ----

add_ok('who', q{SELECT current_user AS me, pg_catalog.current_setting('is_superuser') AS super}, role => 'watcher');
is(metric('who')->{rows}[0]{me}, 'watcher', 'it runs as its role');
add_ok('read_all', 'SELECT id FROM public.things', role => 'watcher');
$node->safe_psql('postgres', 'REVOKE SELECT ON things FROM watcher');
ok(wait_for_error('read_all', qr/permission denied for table things/),
	'a right that was withdrawn is missing');
my (undef, undef, $not_own) = $node->psql('postgres',
	q{SET ROLE mallory; SELECT pganalytics_remove_custom_collector('who')});
like($not_own, qr/registered by another role/, 'nobody removes what is of others');

# nor does it come to where its role may not connect
$node->safe_psql('postgres', $_) foreach 'CREATE DATABASE walled', 'REVOKE CONNECT ON DATABASE walled FROM PUBLIC';
add_ok('outside', 'SELECT pg_catalog.current_database() AS here', databases => 'walled', role => 'watcher');
ok(wait_for_error('outside', qr/permission denied for database "walled"/), 'a database that keeps its role out');
$node->safe_psql('postgres', 'GRANT CONNECT ON DATABASE walled TO watcher');
is(metric('outside', 'walled')->{rows}[0]{here}, 'walled', 'lets it in when it may connect');

# a role that becomes a superuser afterwards
add_ok('climb', 'SELECT 1 AS x', role => 'climber');
metric('climb');
$node->safe_psql('postgres', 'ALTER ROLE climber SUPERUSER');
ok(wait_for_error('climb', qr/was no superuser when it registered/), 'never as superuser by surprise');

# ---- the code of others does not run as a superuser ----

$node->safe_psql('app', q{
	GRANT CREATE ON SCHEMA public TO mallory;
	SET ROLE mallory;
	CREATE TABLE public.trap (id int);
	CREATE FUNCTION public.bite(i int) RETURNS int LANGUAGE plpgsql STABLE AS
		'BEGIN COPY (SELECT 1) TO ''/tmp/pganalytics_bitten''; RETURN i; END';
	CREATE FUNCTION public.inlined() RETURNS boolean LANGUAGE sql AS 'SELECT pg_catalog.pg_reload_conf()';
	CREATE VIEW public.view_of_others AS SELECT public.bite(1) AS id;
	CREATE VIEW public.view_of_functions AS SELECT pg_catalog.pg_reload_conf() AS id;
	CREATE TYPE public.mood AS ENUM ('fine');
	CREATE FUNCTION public.cast_of_others(public.mood) RETURNS json LANGUAGE plpgsql AS
		'BEGIN COPY (SELECT 1) TO ''/tmp/pganalytics_bitten''; RETURN ''1''; END';
	CREATE CAST (public.mood AS json) WITH FUNCTION public.cast_of_others(public.mood);
	CREATE TABLE public.moods AS SELECT 'fine'::public.mood AS mood;
	CREATE TYPE public.temper AS ENUM ('fine');
	CREATE FUNCTION public.set_cast_of_others(public.temper) RETURNS json LANGUAGE plpgsql SET search_path = '' AS
		'BEGIN COPY (SELECT 1) TO ''/tmp/pganalytics_bitten''; RETURN ''1''; END';
	CREATE CAST (public.temper AS json) WITH FUNCTION public.set_cast_of_others(public.temper);
	CREATE TABLE public.tempers AS SELECT 'fine'::public.temper AS temper;
	RESET ROLE;
	CREATE FOREIGN DATA WRAPPER nothing;
	CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing;
	GRANT USAGE ON FOREIGN SERVER elsewhere TO mallory;
	SET ROLE mallory;
	CREATE FOREIGN TABLE public.far (id int) SERVER elsewhere;
	CREATE TABLE public.parted (id int) PARTITION BY LIST (id);
	CREATE FOREIGN TABLE public.far_part PARTITION OF public.parted DEFAULT SERVER elsewhere;
	RESET ROLE;
	CREATE EXTENSION file_fdw;
	CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
	CREATE FOREIGN TABLE public.file (line text) SERVER files OPTIONS (filename '/dev/null');
	ALTER FOREIGN TABLE public.file OWNER TO mallory;
	CREATE FUNCTION public.lines() RETURNS bigint LANGUAGE plpgsql STABLE AS
		'BEGIN RETURN (SELECT pg_catalog.count(*) FROM public.file); END';
	CREATE FUNCTION public.through() RETURNS bigint LANGUAGE plpgsql STABLE AS
		'BEGIN RETURN (SELECT pg_catalog.count(id) FROM public.view_of_functions); END';
	CREATE FUNCTION public.through_set() RETURNS SETOF boolean LANGUAGE sql STABLE AS
		'SELECT id FROM public.view_of_functions';
});
foreach my $trap (
	[ bite => 'SELECT public.bite(1) AS id', qr/function public.bite\(integer\) is not owned by a superuser/ ],
	[ inlined => 'SELECT public.inlined() AS id', qr/function public.inlined\(\) is not owned/ ],
	[ viewed => 'SELECT id FROM public.view_of_others', qr/is not owned by a superuser/ ],
	[ nested => 'SELECT (SELECT pg_catalog.count(*) FROM (SELECT id FROM public.view_of_functions) q) AS n',
		qr/view view_of_functions is not owned/ ],
	[ cast_of_list => 'SELECT ARRAY[mood] AS moods FROM public.moods', qr/function public.cast_of_others\(public.mood\) is not owned/ ],
	[ cast_of_row => 'SELECT m FROM public.moods m', qr/function public.cast_of_others\(public.mood\) is not owned/ ],
	[ set_cast_of_list => 'SELECT ARRAY[temper] AS tempers FROM public.tempers',
		qr/function public.set_cast_of_others\(public.temper\) is not owned/ ],
	[ set_cast_of_row => 'SELECT t FROM public.tempers t',
		qr/function public.set_cast_of_others\(public.temper\) is not owned/ ],
	[ through => 'SELECT public.through() AS n', qr/view view_of_functions is not owned/ ],
	[ through_set => 'SELECT id FROM public.through_set() id', qr/view view_of_functions is not owned/ ],
	[ far => 'SELECT id FROM public.far', qr/foreign table far is not owned/ ],
	[ lines => 'SELECT public.lines() AS n', qr/foreign table file is not owned/ ],
	[ far_part => 'SELECT id FROM public.parted', qr/foreign table far_part is not owned/ ])
{
	my ($name, $query, $like) = @$trap;

	add_ok($name, $query, databases => 'app');
	ok(wait_for_error($name, $like), "$name is not run");
}
# what the session planned before the guard was up, with the search_path of custom collectors
$node->safe_psql('postgres', q{
	CREATE VIEW view_of_others AS SELECT 1 AS id;
	ALTER VIEW view_of_others OWNER TO mallory;
	CREATE FUNCTION planned() RETURNS bigint LANGUAGE plpgsql STABLE AS
		'BEGIN RETURN (SELECT pg_catalog.count(*) FROM public.view_of_others); END';
});
my (undef, undef, $planned) = $node->psql('postgres',
	q{SET search_path = ''; SELECT public.planned();
	SELECT public.pganalytics_add_custom_collector('planned', 'SELECT public.planned() AS n', '1 s')});
like($planned, qr/view view_of_others is not owned/, 'a plan that was there already is not used');
add_ok('own', 'SELECT id FROM public.view_of_functions', databases => 'app', role => 'watcher');
ok(wait_for_error('own', qr/permission denied/), 'another role runs into its own rights');

# ---- a query that cannot be stopped ends with its process, and costs nobody else anything ----

$node->safe_psql('app', q{
	GRANT CREATE ON SCHEMA public TO watcher;
	SET ROLE watcher;
	CREATE FUNCTION public.stubborn() RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		RAISE LOG 'stubborn in %', pg_catalog.pg_backend_pid();
		LOOP
			BEGIN
				PERFORM pg_catalog.pg_sleep(3600);
			EXCEPTION WHEN query_canceled THEN NULL;
			END;
		END LOOP;
	END $$;
});
my $since = $backend->position;
add_ok('before', 'SELECT pg_catalog.pg_backend_pid() AS pid', databases => 'app', role => 'watcher');
add_ok('stubborn', 'SELECT public.stubborn() AS x', databases => 'app', role => 'watcher');
$node->wait_for_problem('custom collector "stubborn" takes no cancellation in database "app"');
wait_for_error('stubborn', qr/left alone until/);
ok( $backend->wait_for_request(
		'an error that names it',
		sub {
			$_[0]{stored} && grep { $_->{type} eq 'custom' && $_->{error} =~ /^stubborn: it took no cancellation/ }
			  @{ $_[0]{body}{collection_errors} };
		},
		$since),
	'the backend is told which one it was');
# visits begin anywhere: mostly not between the two
ok( wait_until(
		'what was read before',
		sub {
			$node->psql('postgres', q{SELECT pganalytics_collect('custom')});
			my %ended = map { ($_ => 1) } $node->log_text =~ /stubborn in (\d+)/g;
			return grep { $_->{name} eq 'before' && $ended{ $_->{rows}[0]{pid} } }
			  $backend->metrics('custom', database => 'app', since => $since);
		}),
	'what the visit had read before is not lost');
# another one in its place, of which the collector sees only that it has changed
$node->safe_psql('postgres', q{BEGIN; SELECT pganalytics_remove_custom_collector('stubborn');
	SELECT pganalytics_add_custom_collector('stubborn', 'SELECT 42 AS x', '1 s', 'app'); COMMIT});
is(metric('stubborn', 'app')->{rows}[0]{x}, 42, 'another one of its name runs at once');
is($node->safe_psql('postgres', q{SELECT errors, last_error FROM pganalytics_custom_collectors WHERE name = 'stubborn'}),
	'0|', 'and inherits nothing');
is($node->safe_psql('postgres', q{SELECT pganalytics_remove_custom_collector('stubborn')}), 't', 'it can be removed');
is($node->safe_psql('postgres', q{SELECT pganalytics_remove_custom_collector('stubborn')}), 'f', 'once');
$node->wait_for_no_problem('takes no cancellation');
ok($backend->wait_for_metric('custom', 'app', since => $backend->position, where => sub { $_[0]{name} eq 'orders' }),
	'the others go on');

# ---- one that takes all the time of a visit leaves some to the others at another one ----

$node->safe_psql('app', 'CREATE TABLE late AS SELECT 0 AS seconds');
$node->safe_psql('postgres', "ALTER SYSTEM SET pganalytics.statement_timeout = '1min'");
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
add_ok('late', 'SELECT pg_catalog.pg_sleep(seconds) AS slept FROM public.late', databases => 'app');
$node->safe_psql('app', 'UPDATE late SET seconds = 3600');
add_ok('after_late', 'SELECT 1 AS x', databases => 'app');
is(metric('after_late', 'app')->{rows}[0]{x}, 1, 'one behind it has its turn');
ok(wait_for_error('late', qr/statement timeout|running out of time/), 'though it took all of the time');
$node->safe_psql('postgres', q{SELECT pganalytics_remove_custom_collector('late')});

# ---- more than a visit has time for ----

$node->safe_psql('postgres', q{SELECT pganalytics_add_custom_collector(
	'slow' || g, 'SELECT pg_catalog.pg_sleep(0.5) AS slept', '1 h', 'other') FROM generate_series(1, 8) g});
ok(metric("slow$_", 'other'), "all have their turn: $_ of 8") foreach 1 .. 8;

# ---- one that nobody told of: on a standby, by pg_restore ----

$node->safe_psql('postgres', q{INSERT INTO pganalytics_custom_collector
	VALUES ('restored', 'SELECT 7 AS x', '1 h', 'other', 'watcher', false)});
ok( wait_until(
		'a run that was asked for',    # of all there are, which a visit may have no time for
		sub {
			$node->psql('postgres', q{SELECT pganalytics_collect('custom')});    # others fail
			return $node->safe_psql('postgres', q{SELECT runs > 0 FROM pganalytics_custom_collectors WHERE name = 'restored'}) eq 't';
		}),
	'who asks for a run gets it');

# ---- whoever owns the table could write it, and be anybody ----

$node->safe_psql('postgres', 'ALTER TABLE pganalytics_custom_collector OWNER TO mallory');
$since = $backend->position;
$node->psql('postgres', q{SELECT pganalytics_collect('custom')});    # others fail
$node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')});
ok((grep { $_->{error} =~ /belongs to role "mallory", who is no superuser/ } $backend->collection_errors($since)),
	'a table that is not a superuser\'s is not believed');
my (undef, undef, $owned) = $node->psql('postgres', q{SELECT pganalytics_sample('custom')});
like($owned, qr/belongs to role "mallory"/, '... nor in a session');
$node->safe_psql('postgres', 'ALTER TABLE pganalytics_custom_collector OWNER TO postgres');

# ---- samples, dump, the view ----

$node->safe_psql('postgres', "SELECT pganalytics_remove_custom_collector('$_')") foreach qw(read_all climb breaks);

is($node->safe_psql('postgres', q{SELECT count(*) FROM pganalytics_sample('custom') s WHERE s ->> 'name' = 'many'}), 1,
	'a sample shows them');
is($node->safe_psql('postgres',
		q{SET ROLE pg_monitor; SELECT count(*) FROM pganalytics_sample('custom')}), 0,
	'but not to those who do not belong to the role');
my ($dump) = PostgreSQL::Test::Utils::run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, 'postgres' ]);
like($dump, qr/^orders\tSELECT open FROM public.orders\t00:00:01\tap\?,nowhere\tpostgres\tt$/m, 'pg_dump keeps them');

is(scalar(grep { $_->{name} eq 'breaks' } $backend->metrics('custom')), 0, 'no rows of a query that fails half-way');
is_deeply([ map { encode_json($_->{error}) } grep { $_->{error} && !$_->{event} } $backend->requests ], [],
	'one that fails spoils no batch of the others');
$node->check_log(allowed => [ qr/terminating (?:connection|background worker "pganalytics visitor[^"]*") due to administrator command/,
	qr/view view_of_others is not owned|syntax error|missing FROM-clause|must be one SELECT|does not exist|two columns|cannot set parameter|read-only transaction|permission denied|statement timeout|division by zero|invalid name|1 to 63 bytes|from 1 second|already exists|only$|registered by another role|belongs to role|could not be collected in full|in database "postgres" only/ ]);
done_testing();
