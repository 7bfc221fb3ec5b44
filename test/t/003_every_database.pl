
# Every database reports, whatever its name and its settings are; those that are
# left out are never connected to; and nobody who drops or copies a database
# waits for a visitor.

use strict;
use warnings;
use utf8;

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
		'pganalytics.exclude_databases' => 'skip*',
		'log_connections' => 'on',
		'autovacuum' => 'off',
	});

# Creates a database with a table that is called like it.
sub create_database
{
	my ($name, $options) = @_;

	$name =~ s/"/""/g;
	$node->safe_psql_alone('postgres', qq{CREATE DATABASE "$name" } . ($options // ''));
	return;
}

sub has_table
{
	my ($name) = @_;

	return (name => $name, where => sub { @{ $_[0]{tables} // [] } });
}

# ---- which ones ----

create_database($_) foreach 'app', 'Ärger "&\\ x', 'skip_me';
create_database('a_template', 'IS_TEMPLATE true');
create_database('closed', 'ALLOW_CONNECTIONS false');
$node->safe_psql('app', 'CREATE TABLE things AS SELECT 1 AS id');
$backend->wait_for_metric('pg_stats', 'app', has_table('things'));
$backend->wait_for_metric('pg_stats', 'postgres');
ok($backend->wait_for_metric('pg_stats', 'Ärger "&\\ x', where => sub { $_[0]{tables} }),
	'a database with a difficult name reports');

foreach my $left_out (qw(skip_me a_template closed template0 template1))
{
	my @tables = grep { $_->{tables} } $backend->metrics('pg_stats', database => $left_out);

	is(scalar @tables, 0, "$left_out is not looked into");
}

# but what its old transactions threaten is the whole server
my $ages = decode_json($node->safe_psql('postgres', q{
	SELECT jsonb_object_agg(d ->> 'name', jsonb_build_object('metric', d -> 'xid_age', 'view', age(datfrozenxid),
		'open', d -> 'allows_connections', 'template', d -> 'is_template'))
	FROM pganalytics_sample('pg_server') m, jsonb_array_elements(m -> 'databases') d
		JOIN pg_database ON datname = d ->> 'name'}));
is_deeply([ sort grep { !$ages->{$_}{open} } keys %$ages ], [ 'closed', 'template0' ], 'databases without connections');
is_deeply([ sort grep { $ages->{$_}{template} } keys %$ages ], [qw(a_template template0 template1)], 'templates');
is($ages->{$_}{metric}, $ages->{$_}{view}, "the age of $_") foreach qw(closed a_template template0 app);

# ---- settings of a database or a role do not reach us ----

create_database('hostile');
$node->safe_psql('hostile', q{
	CREATE TABLE victim AS SELECT generate_series(1, 10000) AS id;
	ANALYZE victim;
	CREATE SCHEMA evil;
	CREATE VIEW evil.pg_class AS SELECT 1/0 AS oid;
	CREATE VIEW evil.pg_database AS SELECT 1/0 AS oid;
	CREATE FUNCTION evil.int8_add(bigint, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 1/0::bigint';
	CREATE OPERATOR evil.+ (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.int8_add);
	ALTER DATABASE hostile SET search_path = evil, pg_catalog;
	ALTER DATABASE hostile SET statement_timeout = 1;
	ALTER DATABASE hostile SET default_transaction_isolation = 'serializable';
	ALTER DATABASE hostile SET datestyle = 'German';
	ALTER DATABASE hostile SET timezone = 'Asia/Kolkata';
	ALTER DATABASE hostile SET extra_float_digits = -15;
	ALTER DATABASE hostile SET enable_hashjoin = off;
	ALTER DATABASE hostile SET jit_above_cost = 0;
	CREATE ROLE nobody;
	ALTER DATABASE hostile SET session_authorization = nobody;
});
my $metric = $backend->wait_for_metric('pg_stats', 'hostile', has_table('victim'));
like($metric->{timestamp}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/,
	'a database with hostile settings reports');
my $after = $node->utc_now;
$node->collect('pg_bloat');
ok($backend->wait_for_metric('pg_bloat', 'hostile', has_table('victim'), after => $after),
	'and tells what only a superuser sees');

is_deeply([ $backend->collection_errors ], [], 'no collection errors');

# ---- coming and going ----

create_database('late');
$node->safe_psql('late', 'CREATE TABLE newcomer AS SELECT 1 AS id');
ok($backend->wait_for_metric('pg_stats', 'late', has_table('newcomer')),
	'a new database reports without a reload');

my @slow;
foreach my $round (1 .. 5)
{
	my $seconds = seconds_of(
		sub {
			create_database("copy$round", 'TEMPLATE app');
			$node->safe_psql_alone('postgres', qq{DROP DATABASE copy$round});
		});
	push @slow, $seconds if $seconds > 60;
}
is_deeply(\@slow, [], 'databases can be copied and dropped at any time');
$node->safe_psql_alone('postgres', 'ALTER DATABASE late RENAME TO later');
ok($backend->wait_for_metric('pg_stats', 'later'), 'a renamed database reports');
$node->safe_psql_alone('postgres', 'DROP DATABASE later');

# ---- patterns ----

$node->set('pganalytics.databases' => 'app, host?le', 'pganalytics.exclude_databases' => '');
$node->collect foreach 1 .. 2;    # heard, and ended
$after = $node->utc_now;
$backend->wait_for_metric('pg_stats', $_, after => $after, where => sub { $_[0]{tables} })
  foreach qw(app hostile);
foreach my $database (qw(postgres skip_me))
{
	my @visits = grep { $_->{tables} && $_->{timestamp} gt $after }
	  $backend->metrics('pg_stats', database => $database);

	is(scalar @visits, 0, "$database is not visited any more");
}

is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');

# A visitor may meet a database that is just being dropped or renamed.
$node->check_log(allowed => [qr/database (?:\d+|"late") does not exist|canceling statement due to lock timeout/]);
done_testing();
