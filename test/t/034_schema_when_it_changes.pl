
# The schema is sent whole when it has changed, soon and unasked, and else as a
# hash; no lock keeps it waiting, and it goes on where a visit had to stop.

use strict;
use warnings;
use utf8;

use List::Util qw(first sum0);
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
		'shared_preload_libraries' => 'pganalytics',
		'pganalytics.enabled_collectors' => 'pg_stats, pg_schema',
		'autovacuum' => 'off',
	});
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }

# All metrics of pg_schema that arrived for the newest hash, unless it is older than "after".
my $from = 0;

sub newest
{
	my ($database, $after) = @_;
	my @all = grep { !$_->{unchanged} }
	  $backend->metrics('pg_schema', database => $database, since => $from);

	return unless @all && $all[-1]{timestamp} ge ($after // '');
	return grep { $_->{hash} eq $all[-1]{hash} } @all;
}

# The rows of one kind in them.
sub rows
{
	my ($key, @metrics) = @_;

	return map { @{ $_->{$key} // [] } } @metrics;
}

# Waits for a snapshot with such a row; returns the row.
sub wait_for_row
{
	my ($key, $condition, $database, $after) = @_;

	return wait_until("a row of $key",
		sub { first { $condition->() } rows($key, newest($database // 'postgres', $after)) },
		timeout => 180);
}

sub named
{
	my ($name) = @_;

	return sub { $_->{name} eq $name };
}

# ---- what it holds ----

sql(q{
	CREATE EXTENSION pganalytics;
	CREATE SCHEMA "Größe";
	CREATE TABLE "Größe"."Order" (
		id serial PRIMARY KEY, "Label" text DEFAULT 'none' CHECK ("Label" <> 'bad'),
		parent int REFERENCES "Größe"."Order" ON DELETE CASCADE);
	CREATE INDEX "By Label" ON "Größe"."Order" (lower("Label"), parent DESC) WHERE parent > 3;
	CREATE VIEW labels AS SELECT "Label" FROM "Größe"."Order";
	CREATE FUNCTION connect() RETURNS trigger LANGUAGE plpgsql AS
		$$BEGIN PERFORM dblink('host=a password=geheim'); RETURN NEW; END$$;
	CREATE TRIGGER connects BEFORE INSERT ON "Größe"."Order"
		FOR EACH ROW WHEN (NEW.parent > 2) EXECUTE FUNCTION connect();
	CREATE TABLE parts (id int, at date) PARTITION BY RANGE (id);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
	CREATE TEMPORARY TABLE passing (id int);
});
wait_for_row('tables', named('parts_1'));    # the last of them
wait_for_row('definitions', named('connect'));
my @first = newest('postgres');

is(scalar(grep { $_->{name} eq 'passing' } rows('tables', @first)), 0, 'temporary tables are not part of it');
my $table = first { $_->{name} eq 'Order' } rows('tables', @first);
is_deeply([ @{$table}{qw(schema kind owner)} ], [ 'Größe', 'r', 'postgres' ], 'a table');
my $part = first { $_->{name} eq 'parts_1' } rows('tables', @first);
is($part->{partition_of}, 'public.parts', 'a partition');
my $column = first { $_->{name} eq 'Label' && $_->{table} eq 'Order' } rows('columns', @first);
is_deeply([ @{$column}{qw(schema type position)} ], [ 'Größe', 'text', 2 ], 'a column');
my $key = first { $_->{type} eq 'foreign key' } rows('constraints', @first);
is_deeply([ @{$key}{qw(table columns referenced_table referenced_columns on_delete)} ],
	[ 'Order', 'parent', '"Größe"."Order"', 'id', 'cascade' ], 'a constraint');
my $index = first { $_->{name} eq 'By Label' } rows('indexes', @first);
is_deeply([ @{$index}{qw(table columns method)}, $index->{is_partial} ? 1 : 0 ],
	[ 'Order', '(lower), parent DESC', 'btree', 1 ], 'an index');
my $trigger = first { $_->{name} eq 'connects' } rows('triggers', @first);
is_deeply([ @{$trigger}{qw(table timing events for_each function enabled)} ],
	[ 'Order', 'before', 'insert', 'row', 'public.connect', 'origin' ], 'a trigger');
ok((first { $_->{name} eq 'connect' && $_->{kind} eq 'function' } rows('functions', @first)), 'a function');

my %definitions = map { ("$_->{kind} $_->{name}" => $_->{definition}) } rows('definitions', @first);
like($definitions{'view labels'}, qr/SELECT (?:"Order"\.)?"Label"\s+FROM "Größe"\."Order"/, 'the definition of a view');
like($definitions{'index By Label'}, qr/lower\("Label"\), parent DESC\) WHERE \(parent > 3\)/, 'of an index');
is($definitions{'default Label'}, q('none'::text), 'of a default');
like($definitions{'constraint Order_Label_check'}, qr/CHECK \(\("Label" <> 'bad'::text\)\)/, 'of a constraint');
like($definitions{'trigger connects'}, qr/WHEN \(\(new\.parent > 2\)\)/, 'of a trigger');
like($definitions{'function connect'}, qr/password=\*+'/, 'and of a function, without its password');

# ---- unchanged ----

# On a slow machine it may not come to all of it; the next time it does.
sub collect { return $node->psql('postgres', q{SELECT pganalytics_collect('pg_schema')}) }

my $hash = $first[0]{hash};
my $before = $node->utc_now;
collect();
my $metric = $backend->wait_for_metric('pg_schema', 'postgres', after => $before);
is_deeply([ sort keys %$metric ], [qw(database hash timestamp type unchanged)], 'unchanged, it is a hash');
is($metric->{hash}, $hash, 'the one that it had');

# ---- changes ----

sql('ALTER TABLE parts ADD COLUMN added bigint');
ok(wait_for_row('columns', sub { $_->{name} eq 'added' && $_->{table} eq 'parts_1' }),
	'a change is seen by itself');
my $changed = (newest('postgres'))[0]{hash};
isnt($changed, $hash, 'and has another hash');
sql('CREATE OR REPLACE FUNCTION connect() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN OLD; END$$');
ok(wait_for_row('definitions', sub { $_->{definition} =~ /RETURN OLD/ }), 'so is one of a function');
sql('ALTER TABLE parts DROP COLUMN added');
wait_until('it is dropped', sub { !first { $_->{name} eq 'added' } rows('columns', newest('postgres')) },
	timeout => 180);

# ---- locks ----

my $holder = $node->background_psql('postgres');
$holder->query_safe(q{BEGIN; LOCK TABLE "Größe"."Order" IN ACCESS EXCLUSIVE MODE});
sql('CREATE VIEW more AS SELECT id FROM parts');
ok(wait_for_row('definitions', named('more')), 'a definition, while another table is locked');
my @locked;
wait_until(
	'all of it',    # which may take more than one visit
	sub { sum0(map { $_->{definitions_skipped} // 0 } @locked = newest('postgres')) >= 6 });
ok((first { $_->{name} eq 'By Label' } rows('indexes', @locked)), 'what is in the catalogues is there');
is(scalar(grep { $_->{name} eq 'labels' } rows('definitions', @locked)), 0, 'what would wait is left out');
is(sum0(map { $_->{definitions_skipped} // 0 } @locked), 6, 'and counted');
is(sql(q{SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		 WHERE NOT granted AND backend_type LIKE 'pganalytics%'}), 0, 'nobody waits');
$holder->query_safe('ROLLBACK');
$before = $node->utc_now;
collect();
ok(wait_for_row('definitions', named('labels'), 'postgres', $before), 'the next time it is there');
is(rows('tables', grep { $_->{timestamp} ge $before } newest('postgres')), 0, 'without the rest');

# ---- sequences ----

sql(q{
	CREATE SEQUENCE fresh;
	CREATE SEQUENCE down INCREMENT -1 MINVALUE -10 MAXVALUE -1;
	CREATE TABLE small (id smallint);
	CREATE SEQUENCE small_id OWNED BY small.id;
	CREATE SEQUENCE beyond MINVALUE 32768 OWNED BY small.id;
	SELECT setval('small_id', 30000), nextval('down'), nextval('down'), nextval('beyond');
});
my $small = wait_for_row('sequences', sub { $_->{name} eq 'small_id' && defined $_->{last_value} });
my %sequence = map { ($_->{name} => $_) } rows('sequences', newest('postgres'));
is($small->{last_value}, 30000, 'the last value of a sequence');
is($small->{owned_by}, 'public.small.id', 'its column');
cmp_ok(abs($small->{used_ratio} - 30000 / 32767), '<', 0.0001, 'whose type decides what is used up');
is_deeply([ @{ $sequence{down} }{qw(last_value used_ratio)} ], [ -2, 0.2 ], 'one that counts down');
is_deeply([ @{ $sequence{fresh} }{qw(last_value used_ratio)} ], [ undef, 0 ], 'one that was never used');
is_deeply([ @{ $sequence{beyond} }{qw(last_value used_ratio)} ],
	[ 32768, undef ], 'one whose column holds none of its values');

$holder->query_safe('BEGIN; DROP SEQUENCE small_id');
sql('CREATE SEQUENCE other');
wait_for_row('sequences', named('other'));
$small = first { $_->{name} eq 'small_id' } rows('sequences', newest('postgres'));
is_deeply([ @{$small}{qw(last_value used_ratio)} ], [ undef, undef ], 'one that is locked has no value');
$holder->query_safe('ROLLBACK');
$holder->quit;

# ---- more tables than one slice, and than the limit ----

sql('CREATE DATABASE many');
$node->safe_psql('many', q{
	DO $$BEGIN
		FOR i IN 1 .. 650 LOOP
			EXECUTE format('CREATE TABLE t%s (id int)', i);
			IF i % 100 = 0 THEN COMMIT; END IF;
		END LOOP;
	END$$});
my @many;
wait_until('all tables', sub { collect(); rows('columns', @many = newest('many')) == 650 },
	timeout => 180);
my %count;
$count{ $_->{name} }++ foreach rows('tables', @many);
is_deeply([ grep { $count{$_} != 1 } keys %count ], [], 'each table comes once');
is(scalar rows('tables', @many), 650, 'and all of them');
cmp_ok(scalar(grep { $_->{tables} } @many), '>=', 2, 'in slices');

$from = $backend->position;
$node->set('pganalytics.max_relations' => 600);
wait_until('fewer tables', sub {
	collect();
	@many = newest('many');
	@many && $many[0]{skipped} == 50 && rows('columns', @many) == 600;
}, timeout => 180);
is(scalar rows('tables', @many), 600, 'what is beyond the limit is left out and counted');

is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');
$node->check_log(allowed => [qr/could not be collected in full/]);
done_testing();
