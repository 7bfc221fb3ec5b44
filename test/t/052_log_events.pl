
# What the server writes is understood, in every format, and nobody's data leaves:
# no constant, no bind value, no password.

use strict;
use warnings;

use JSON::PP ();
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use PostgreSQL::Test::Utils ();
use Test::More;

# Stands for the data of people in all that follows.
my $SECRET = 'Zx9secret';
my $NUMBER = '4711081516';

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'log_line_prefix' => '%m [%p] %e %q%u@%d/%a ',
		'log_rotation_size' => '0',
		'log_checkpoints' => 'on',
		'log_connections' => 'on',
		'log_disconnections' => 'on',
		'log_lock_waits' => 'on',
		'log_temp_files' => '0',
		'log_autovacuum_min_duration' => '0',
		'autovacuum_naptime' => '1s',
		'deadlock_timeout' => '100ms',
		'pganalytics.log_max_rate' => '100000',
		'pganalytics.pg_stats_interval' => '1h',
	});
# from 19 on the setting above is for vacuum only
$node->set('log_autoanalyze_min_duration' => '0')
  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'log_autoanalyze_min_duration'});
my $user = $node->safe_psql('postgres', 'SELECT current_user');

# Somebody who has to say a password
$node->safe_psql('postgres', "CREATE ROLE careful LOGIN PASSWORD 'right'; CREATE DATABASE app");
$node->safe_psql('app', q{
	CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE, age int CHECK (age > 0));
	CREATE TABLE visits (id int REFERENCES users);
	CREATE TABLE wide (note text);
	INSERT INTO users VALUES (1, 'a', 1), (2, 'b', 1);
	ANALYZE users});
my $hba = $node->data_dir . '/pg_hba.conf';
my $text = PostgreSQL::Test::Utils::slurp_file($hba);
unlink $hba;
PostgreSQL::Test::Utils::append_to_file($hba, "local all careful scram-sha-256\n$text");
$node->reload;

sub entries
{
	my ($source) = @_;

	return map { @{ $_->{entries} } } grep { !$source || $_->{source} eq $source } $backend->metrics('pg_log');
}

# The first entry of this event, in this format, that "where" is true for.
my @found;

sub event
{
	my ($event, $where) = @_;

	my ($entry) = grep { ($_->{event} // '') eq $event && (!$where || $where->()) } @found;
	ok($entry, "there is a $event") or return {};
	return $entry;
}

sub psql
{
	my ($sql) = @_;

	$node->psql('app', $sql, on_error_stop => 0);
	return;
}

# Waits until the entry of a statement with this word arrives in this format.
sub wait_for_word
{
	my ($format, $word) = @_;

	wait_until("$format: $word", sub {
		psql(qq{SELECT 1/0 AS "$word"});
		grep { ($_->{statement} // '') =~ /$word/ } entries($format);
	});
	return;
}

sub session
{
	my $session = $node->background_psql('app', on_error_stop => 0);

	return { session => $session, pid => $session->query_safe('SELECT pg_backend_pid()') };
}

# Two sessions that wait for each other; one of them is aborted, whichever looks first.
sub deadlock
{
	my ($word) = @_;
	my @sessions = map { session() } 1, 2;

	foreach my $i (0, 1)
	{
		$sessions[$i]{session}->query_safe("BEGIN; UPDATE users SET email = '$SECRET-$word-$i' WHERE id = " . ($i + 1));
	}
	foreach my $i (0, 1)
	{
		$sessions[$i]{session}->query_until(qr/begun/,
			"\\echo begun\nUPDATE users SET email = '$SECRET-$word-x' WHERE id = " . (2 - $i) . ";\n");
	}
	wait_until('the deadlock is resolved', sub {
		$node->safe_psql('app', q{SELECT count(*) FROM pg_stat_activity
			WHERE pid IN (} . join(',', map { $_->{pid} } @sessions) . q{) AND state LIKE 'idle in transaction%'}) eq '2';
	});
	$_->{session}->quit foreach @sessions;
	return map { $_->{pid} } @sessions;
}

sub cause_errors
{
	my ($word) = @_;

	psql(qq{
		INSERT INTO users VALUES (1, '$SECRET $word', 1);
		INSERT INTO visits VALUES ($NUMBER - 4711000000);
		INSERT INTO users VALUES (9, '$SECRET', -5);
		SELECT '$SECRET'::int AS $word;
		ALTER ROLE careful PASSWORD "$SECRET-$word";
		DO \$\$ BEGIN PERFORM 1 FROM (SELECT '$SECRET'::date) x; END \$\$;
		SET log_min_duration_statement = 0;
		SELECT '$SECRET' AS $word, $NUMBER;
		RESET log_min_duration_statement;
		SET work_mem = '64kB';
		SELECT g AS $word, '$SECRET' FROM generate_series(1, 20000) g ORDER BY g % 7, g::text;
		LOAD 'auto_explain';
		SET auto_explain.log_min_duration = 0;
		SELECT count(*) AS text$word FROM users WHERE email = '$SECRET' AND age > $NUMBER / 1000;
		SET auto_explain.log_format = json;
		SELECT count(*) AS json$word FROM users WHERE email = '$SECRET' AND age > $NUMBER / 1000});
	{
		local ($ENV{PGUSER}, $ENV{PGPASSWORD}) = ('careful', "$SECRET-$word");
		$node->command_fails([ 'psql', '-X', '-w', '-c', 'SELECT 1', 'app' ], 'a wrong password');
	}

	my $script = PostgreSQL::Test::Utils::tempdir('bind') . '/bind.sql';
	PostgreSQL::Test::Utils::append_to_file($script, "SELECT id AS $word FROM users WHERE email = :email AND age < 5;\n");
	local $ENV{PGOPTIONS} = '-c log_min_duration_statement=0';
	$node->command_ok([ 'pgbench', '-n', '-t', '1', '-M', 'extended', '-D', "email=$SECRET-$word", '-f', $script, 'app' ],
		'a statement with bind parameters');
	return;
}

sub check_errors
{
	my ($format, $word) = @_;

	my $entry = event('unique_violation');
	is($entry->{fields}{constraint}, 'users_pkey', 'constraint');
	is($entry->{fields}{columns}, 'id', 'columns');
	is($entry->{detail}, 'Key (id)=(?) already exists.', 'DETAIL without values');
	is($entry->{statement}, 'INSERT INTO users VALUES ($1, $2, $3);', 'statement without constants');
	is($entry->{sqlstate}, '23505', 'SQLSTATE');
	is($entry->{user}, $user, 'user');
	is($entry->{database}, 'app', 'database');
	if ($format ne 'stderr')
	{
		like($entry->{session_id}, qr/^[0-9a-f]+\.[0-9a-f]+$/, 'session');
		like($entry->{line}, qr/^\d+$/, 'line');
		is($entry->{backend_type}, 'client backend', 'kind of process');
	}
	is(event('foreign_key_violation')->{fields}{table}, 'visits', 'foreign key: table');
	is(event('check_violation')->{fields}{constraint}, 'users_age_check', 'check: constraint');
	is(event('invalid_text')->{message} =~ s/ at character.*//r, 'invalid input syntax for type integer: "?"',
		'values in messages');
	is(event('syntax_error')->{statement}, 'ALTER ROLE careful PASSWORD $1;', 'a password with the wrong quotes');
	like(event('invalid_datetime')->{context}, qr/PL\/pgSQL function inline_code_block line 1 at PERFORM/, 'CONTEXT');
	return;
}

sub check_sessions
{
	my ($format, $word) = @_;

	my $entry = event('authentication_failed');
	is($entry->{fields}{user}, 'careful', 'authentication: user');
	is($entry->{level}, 'FATAL', 'authentication: severity');
	is(event('connection_authorized', sub { $_->{fields}{database} eq 'app' })->{fields}{user}, $user, 'connection: user');
	cmp_ok(event('connection_closed')->{fields}{session_ms}, '>=', 0, 'session time');

	$entry = event('slow_statement', sub { $_->{message} =~ /statement: .*$word/ });
	is($entry->{fields}{query}, "SELECT \$1 AS $word, \$2;", 'slow statement: query');
	cmp_ok($entry->{fields}{duration_ms}, '>', 0, 'slow statement: duration');
	$entry = event('slow_statement', sub { $_->{message} =~ / execute .*$word/s });
	is(lcfirst $entry->{detail}, 'parameters: $1 = ?', 'bind values are masked');
	is($entry->{fields}{phase}, 'execute', 'phase');
	cmp_ok(event('temporary_file')->{fields}{bytes}, '>', 1000, 'temporary file: size');

	foreach my $plan_format (qw(text json))
	{
		$entry = event('auto_explain', sub { $_->{fields}{query} =~ /$plan_format$word/ });
		is($entry->{fields}{plan_format}, $plan_format, "plan as $plan_format");
		like($entry->{fields}{plan}, qr/Filter|Index Cond|Recheck Cond/, "plan as $plan_format: whole");
		ok(eval { JSON::PP::decode_json($entry->{fields}{plan}); 1 }, 'valid JSON') if $plan_format eq 'json';
		cmp_ok($entry->{fields}{duration_ms}, '>=', 0, "plan as $plan_format: duration");
	}
	return;
}

sub check_locks
{
	my @pids = @_;

	my $entry = event('deadlock');
	is_deeply([ sort map { $entry->{fields}{"process_$_"} } 1, 2 ], [ sort @pids ], 'deadlock: both processes');
	is_deeply([ map { $entry->{fields}{"query_$_"} } 1, 2 ], [ ('UPDATE users SET email = $1 WHERE id = $2;') x 2 ],
		'deadlock: both queries');
	# whichever looked first is in a deadlock, the other one waited, or obtained the lock before it had to look
	$entry = event('deadlock_found');
	is($entry->{fields}{mode}, 'ShareLock', 'lock: mode');
	cmp_ok($entry->{fields}{waited_ms}, '>=', 50, 'lock: time');
	like($entry->{fields}{holders}, qr/^(?:$pids[0]|$pids[1])$/, 'lock: who holds it');
	return;
}

sub check_maintenance
{
	my $entry = event('checkpoint_complete', sub { $_->{fields}{buffers} > 0 });
	cmp_ok($entry->{fields}{total_ms}, '>=', 0, 'checkpoint: time');
	ok(exists $entry->{fields}{wal_added} && exists $entry->{fields}{distance_bytes}, 'checkpoint: WAL');
	$entry = event('autovacuum', sub { $_->{fields}{table} eq 'wide' });
	is("$entry->{fields}{database}.$entry->{fields}{schema}", 'app.public', 'autovacuum: table');
	ok(exists $entry->{fields}{$_}, "autovacuum: $_")
	  foreach qw(pages tuples_removed buffers_hit wal_bytes elapsed_ms read_rate_mb);
	ok(exists event('autoanalyze', sub { $_->{fields}{table} eq 'wide' })->{fields}{elapsed_ms}, 'autoanalyze: time');
	return;
}

foreach my $format (qw(stderr csvlog jsonlog))
{
	my $word = 'w' . int rand 1e9;

	$node->set('log_destination' => $format);
	$node->poll_query_until('postgres', "SELECT pg_current_logfile('$format') IS NOT NULL");
	wait_for_word($format, "begin$word");

	$node->safe_psql('app', "INSERT INTO wide SELECT '$SECRET' FROM generate_series(1, 5000); DELETE FROM wide");
	cause_errors($word);
	my @pids = deadlock($word);
	$node->safe_psql('app', 'CHECKPOINT');
	wait_until("$format: autovacuum has been there", sub {
		my %seen = map { $_->{event} => 1 }
		  grep { ($_->{event} // '') =~ /^auto/ && ($_->{fields}{table} // '') eq 'wide' } entries($format);
		$seen{autovacuum} && $seen{autoanalyze};
	});
	wait_for_word($format, "end$word");

	@found = entries($format);
	subtest "$format: errors" => sub { check_errors($format, $word); };
	subtest "$format: sessions and statements" => sub { check_sessions($format, $word); };
	subtest "$format: locks" => sub { check_locks(@pids); };
	subtest "$format: maintenance" => sub { check_maintenance(); };
}

# ---- nobody's data ----

my @leaks = grep { /$SECRET|$NUMBER/ } map { JSON::PP->new->encode($_) } entries();
is_deeply(\@leaks, [], 'no constant, bind value or password in any entry');

# ---- passwords are masked even where nothing else is ----

$node->set('pganalytics.log_redact' => 'none');
wait_until('values are sent', sub {
	psql("SELECT 'public value'::int");
	grep { $_->{message} =~ /public value/ } entries();
});
psql(qq{
	ALTER ROLE careful PASSWORD '$SECRET' nonsense;
	ALTER ROLE careful PASSWORD $SECRET;
	CREATE SUBSCRIPTION s CONNECTION 'host=h password=$SECRET' PUBLICATION p, nonsense nonsense});
wait_for_word('jsonlog', 'none_is_over');
@found = entries();
is(event('syntax_error', sub { $_->{statement} =~ /CREATE SUBSCRIPTION/ })->{statement},
	"CREATE SUBSCRIPTION s CONNECTION 'host=h password=********' PUBLICATION p, nonsense nonsense",
	'none: a connection string');
@leaks = grep { /$SECRET/ } map { JSON::PP->new->encode($_) } entries();
is_deeply(\@leaks, [], 'none: no password in any entry');

$node->set('pganalytics.log_redact' => 'statements');
wait_until('statements are left out', sub {
	psql('SELECT 1/0');
	my ($last) = grep { ($_->{event} // '') eq 'division_by_zero' } reverse entries();
	return $last && !exists $last->{statement};
});
pass('statements: no statement is sent');

# ---- only English is understood ----

ok(!(grep { /lc_messages/ } @{ $node->status->{problems} }), 'English is no problem');

is_deeply([ grep { $_->{error} && $_->{path} =~ /push/ } $backend->requests ], [], 'no request was refused');
$node->check_log(allowed => [qr/ERROR:  |FATAL:  password authentication failed/]);
done_testing();
