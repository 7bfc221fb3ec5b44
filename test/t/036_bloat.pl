
# Bloat is estimated from catalogues alone, within 10 points of what pgstattuple
# finds in tables over 1,000 pages; what has no statistics is left out and counted.

use strict;
use warnings;
use utf8;

use JSON::PP;
use PgAnalytics::Cluster;
use Test::More;

my $node = PgAnalytics::Cluster->create(
	'main',
	settings => {
		'shared_preload_libraries' => 'pganalytics',
		'pganalytics.enabled_collectors' => 'sysstat',
		'autovacuum' => 'off',
		'fsync' => 'off',
	},
	start => 0);
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }

my $has_pgstattuple = sql(q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pgstattuple'});
plan skip_all => 'pgstattuple is not there' unless $has_pgstattuple;

# Tables of some 1,500 pages each, with different widths, alignment and nulls.
sql(q{
	CREATE EXTENSION pganalytics;
	CREATE EXTENSION pgstattuple;
	CREATE TABLE full_one AS SELECT g AS a, g::bigint AS b, true AS c FROM generate_series(1, 250000) g;
	CREATE TABLE half AS TABLE full_one;
	DELETE FROM half WHERE a % 2 = 0;
	CREATE TABLE "Mixed ""Case"" Größe" AS
		SELECT true AS "A", g::bigint AS b, 1::smallint AS c, md5(g::text) AS "D"
		FROM generate_series(1, 160000) g;
	DELETE FROM "Mixed ""Case"" Größe" WHERE b % 3 = 0;
	CREATE TABLE nulls AS
		SELECT CASE WHEN g % 2 = 0 THEN g END AS a, CASE WHEN g % 3 = 0 THEN md5(g::text) END AS b,
			NULL::bigint AS c, CASE WHEN g % 5 = 0 THEN now() END AS d
		FROM generate_series(1, 250000) g;
	DELETE FROM nulls WHERE coalesce(a, 1) % 4 < 2;
	CREATE TABLE loose (a int, b text) WITH (fillfactor = 60);
	INSERT INTO loose SELECT g, md5(g::text) FROM generate_series(1, 120000) g;
	CREATE TABLE parted (a int, b text) PARTITION BY RANGE (a);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000000);
	INSERT INTO parted SELECT g, md5(g::text) FROM generate_series(1, 180000) g;
	DELETE FROM parted WHERE a % 3 > 0;
	CREATE TABLE toasted (a int, b text);
	CREATE TABLE emptied AS TABLE full_one;
	DELETE FROM emptied WHERE a < 250000;
	CREATE INDEX half_a ON half (a);
	CREATE INDEX "Half C" ON half (c);
	CREATE TABLE sparse AS SELECT CASE WHEN g % 5 = 0 THEN md5(g::text) END AS a FROM generate_series(1, 100000) g;
	CREATE INDEX sparse_a ON sparse (a);
	ALTER TABLE toasted ALTER b SET STORAGE EXTERNAL;
	INSERT INTO toasted SELECT g, repeat('t', 4000) FROM generate_series(1, 4000) g;
	DELETE FROM toasted WHERE a % 2 = 0;
	DO $$BEGIN
		EXECUTE (SELECT 'CREATE TABLE wide AS SELECT g AS a, ' || string_agg('NULL::int AS n' || i, ', ')
			|| ' FROM generate_series(1, 250000) g' FROM generate_series(1, 60) i);
	END$$;
	DELETE FROM wide WHERE a % 2 = 0;
	VACUUM ANALYZE;
	CREATE TABLE never AS SELECT g AS a FROM generate_series(1, 300000) g;
});

my $metric = decode_json(sql(q{SELECT pganalytics_sample('pg_bloat')}));
my %estimated = map { ($_->{name} => $_) } @{ $metric->{tables} };
my $found = decode_json(sql(q{
	SELECT json_object_agg(relname, json_build_object('pages', pages, 'ratio',
		greatest(0, 1 - (1 - (free + dead) / nullif(len, 0)::float8) * 100 / fill)))
	FROM (SELECT c.relname, pg_relation_size(c.oid) / current_setting('block_size')::int AS pages,
			s.approx_free_space AS free, s.dead_tuple_len AS dead, s.table_len AS len,
			CASE WHEN c.reloptions::text ~ 'fillfactor=60' THEN 60 ELSE 100 END AS fill
		FROM pg_class c, pgstattuple_approx(c.oid) s
		WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'never') t}));

foreach my $table (sort keys %$found)
{
	next if $found->{$table}{pages} <= 1000;
	my $difference = $estimated{$table}{bloat_ratio} - $found->{$table}{ratio};

	cmp_ok(abs $difference, '<=', 0.1, sprintf '%s: %.2f, %.2f from pgstattuple',
		$table, $estimated{$table}{bloat_ratio} // -1, $difference);
	my $size = $estimated{$table}{size_bytes} / 8192;    # with free space and visibility map
	ok($size >= $found->{$table}{pages} && $size < $found->{$table}{pages} + 10, "$table: its size");
}
is(scalar(grep { $found->{$_}{pages} > 1000 } keys %$found), 8, 'all of them have over 1,000 pages');

is($estimated{parted}, undef, 'a partitioned table has no bloat of its own');
is($estimated{never}, undef, 'a table that was never analysed is left out');
is($metric->{not_analyzed}, 1, 'and counted');
cmp_ok($estimated{toasted}{toast_bloat_bytes}, '>', 0.4 * $estimated{toasted}{toast_size_bytes},
	'bloat of a TOAST table is told with its owner');

# ---- indexes, by what REINDEX makes of them ----

my %index = map { ($_->{name} => $_) } @{ $metric->{indexes} };

foreach my $name ('half_a', 'Half C', 'sparse_a')
{
	my ($table) = lc($name) =~ /^([a-z]+)/;
	my $after = sql(qq{REINDEX INDEX "$name"; SELECT pg_relation_size('"$name"')});
	my $ratio = 1 - $after / $index{$name}{size_bytes};

	cmp_ok(abs($index{$name}{bloat_ratio} - $ratio), '<=', 0.1, "index $name");
	is($index{$name}{table}, $table, 'with its table');
}

# ---- nothing is opened ----

my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE half IN ACCESS EXCLUSIVE MODE');
$metric = decode_json(sql(q{SELECT pganalytics_sample('pg_bloat')}));
is(scalar(grep { $_->{name} eq 'half' } @{ $metric->{tables} }), 1, 'a locked table is estimated, too');
$holder->query_safe('ROLLBACK');
$holder->quit;

$node->check_log;
done_testing();
