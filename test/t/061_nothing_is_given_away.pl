
# No secret is shown or left lying about, files are the server's alone, nobody gets
# a word into our headers, our queries or our memory: neither who may create
# objects, nor who answers.

use strict;
use warnings;

use Fcntl qw(S_IMODE);
use File::Find;
use IO::Uncompress::Gunzip qw(gunzip);
use JSON::PP;
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Preload;
use PgAnalytics::Wait;
use Test::More;

my $PUSH = '/api/v1/metrics/push';

my $backend = PgAnalytics::Backend->new('--issue-certificate');
my $scanner = memory_scanner();
my $node;
{
	local $ENV{LD_PRELOAD} = join ' ', $scanner->{library}, hostile_name();
	$node = PgAnalytics::Cluster->create('main', backend => $backend,
		settings => { 'log_min_messages' => 'debug5', 'pganalytics.interval' => '1h', 'pganalytics.log_filters' => 'all' });
}
my %right = $node->backend_settings($backend);
my $state = $node->data_dir . '/pg_stat_tmp/pganalytics';
my $dir = PostgreSQL::Test::Utils::tempdir('security');

sub flush { return $node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}) }

$node->wait_for_state('ok');

# ---- the name of the host ----

my $since = $backend->position;
my $request = $backend->wait_for_request('a batch', sub { $_[0]{stored} }, $since);
is($request->{headers}{'X-Injected'}, undef, 'the name of the host puts nothing into the headers');
like($request->{body}{hostname} // $node->status->{hostname}, qr/^evil[\w:{}-]+$/, 'and is sent as something harmless');

# ---- each cause of an error, with the log as talkative as it can be ----

my $secret = PostgreSQL::Test::Utils::slurp_file($backend->file('jwt.secret'));
chomp $secret;
foreach my $mistake (
	{ 'pganalytics.jwt_secret_file' => $backend->file('other.secret') },
	{ 'pganalytics.jwt_secret_file' => write_file("$dir/short.secret", 'opensesame') },
	{ 'pganalytics.tls_key_file' => $backend->file('other.key') },
	{ 'pganalytics.tls_key_file' => $backend->file('jwt.secret') },
	{ 'pganalytics.tls_ca_file' => $backend->file('client.key') },
	{ 'pganalytics.backend_url' => 'https://user:opensesame@localhost' },
	{ 'pganalytics.backend_url' => 'https://localhost/?token=opensesame' },
	{ 'pganalytics.proxy' => 'http://user:opensesame@localhost:1' })
{
	$node->set(%right, 'pganalytics.proxy' => '');
	$node->wait_for_state('ok');
	$node->set(%right, %$mistake);
	$node->wait_for_status(join(' ', %$mistake), sub { $_->{delivery}{state} !~ /ok|starting/ });
}

# a registration, which brings a token, a certificate and a key
$node->set(%right, 'pganalytics.proxy' => '',
	'pganalytics.registration_secret_file' => $backend->file('registration.secret'));
ok($node->safe_psql('postgres', 'SELECT pganalytics_register()'), 'it registers');

# a refusal that repeats what it was sent, and a batch that is put aside
$node->set(%right, 'pganalytics.proxy' => '');
flush();
$backend->order(action => 'status', status => 400, path => $PUSH,
	body => { code => 400, message => "do not know eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJ4In0.$secret" });
$node->collect;
wait_until('a batch is rejected', sub { glob "$state/rejected/*" });
$backend->order(action => 'status', status => 503, times => undef, path => $PUSH);
$node->collect;
wait_until('a batch waits', sub { grep { /batch$/ } $node->spool_files });

my %places = (
	'the server log' => join('', map { PostgreSQL::Test::Utils::slurp_file($_) } glob($node->logfile =~ s/log$/*/r)),
	'the status' => $node->safe_psql('postgres', 'SELECT pganalytics_status()'),
	'what has arrived' => PostgreSQL::Test::Utils::slurp_file("$backend->{dir}/requests.jsonl"));
$node->safe_psql('postgres', 'CREATE ROLE nobody; CREATE ROLE monitor IN ROLE pg_monitor');
foreach my $role (qw(nobody monitor postgres))
{
	$places{"pg_settings as $role"} = $node->safe_psql('postgres', "SET ROLE $role; SELECT * FROM pg_settings");
	$places{"the functions as $role"} = $node->safe_psql('postgres',
		"SET ROLE $role; SELECT pganalytics_status(); SELECT * FROM pganalytics_settings; SELECT * FROM pganalytics_collectors")
	  if $role ne 'nobody';
}
like($places{'the server log'}, qr/DEBUG:/, 'the log is as talkative as it can be');

my %modes;
find(
	sub {
		# what a worker has renamed or removed meanwhile is not there any more
		my $mode = S_IMODE((lstat $_)[2] // return);
		my $text;

		push @{ $modes{ sprintf '%s %04o', -d _ ? 'directories' : 'files', $mode } }, $_;
		return if !-f $_ || $_ eq 'credentials';
		open my $file, '<:raw', $_ or return;
		$text = do { local $/; <$file> };
		$places{$File::Find::name} = $text;
		if (/batch$/)
		{
			my $compressed = substr $text, 64;
			gunzip(\$compressed => \$places{"$File::Find::name, inflated"}) or die "$_ cannot be inflated";
		}
	},
	$state);
is_deeply([ sort keys %modes ], [ 'directories 0700', 'files 0600' ], 'all files belong to the server alone')
  or diag explain \%modes;
ok((grep { m{/rejected/.*inflated} } keys %places) && (grep { m{/spool/.*inflated} } keys %places),
	'batches in the spool and put aside are looked at');

my @secrets = ($backend->secrets, 'opensesame');
foreach my $place (sort keys %places)
{
	my @found = grep { index($places{$place}, $_) >= 0 } @secrets;

	push @found, $1 if $places{$place} =~ /(eyJ[\w-]+\.eyJ[\w-]+)/;
	is(scalar @found, 0, 'no secret in ' . $place =~ s{^.*/pganalytics/}{}r);
}

$node->set('log_min_messages' => 'warning');
$backend->order(action => 'behave');
$node->reload;
is(flush(), 't', 'what waited arrives');

# ---- memory ----

sub places_in_memory
{
	my ($text) = @_;
	my $pid = $node->worker_pid('sender');
	my $result = "$scanner->{file}.$pid";

	unlink $result;
	write_file("$scanner->{file}.new", unpack 'H*', $text);
	rename "$scanner->{file}.new", $scanner->{file};
	$node->safe_psql('postgres', q{SELECT pganalytics_flush('0')});
	my $found = wait_until('the sender looks through its memory',
		sub { -s $result && PostgreSQL::Test::Utils::slurp_file($result) });
	unlink $scanner->{file}, $result;
	return $found + 0;
}

# a new token, so the secret has just been read
$node->reload;
$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')});
is(flush(), 't', 'a token is made');
SKIP:
{
	skip 'memory that is checked is not where it is looked for', 2 if $ENV{ASAN_OPTIONS} || $ENV{VALGRIND_OPTS};

	cmp_ok(places_in_memory($backend->file('jwt.secret')), '>', 0,
		"the name of the secret's file is in the sender's memory");
	is(places_in_memory($secret), 0, 'the secret is not');
}

# ---- symbolic links ----

my $victim = write_file("$dir/victim", "untouched\n");
$node->stop;
foreach my $name (qw(counters counters.tmp lock log_position log_position.tmp))
{
	unlink "$state/$name";
	symlink $victim, "$state/$name" or die "$name: $!";
}
symlink $backend->file('client.key'), "$state/spool/00001700000000000000.batch" or die "symlink: $!";
symlink $backend->file('client.key'), "$state/spool/00001700000000000001.plain" or die "symlink: $!";
$node->start;
my $status = $node->wait_for_status('the lock is not followed',
	sub { $_->{delivery}{state} eq 'misconfigured' && grep { /lock/ } @{ $_->{problems} } });
unlink "$state/lock";
$node->wait_for_status('what can be sent is sent', sub { $_->{delivery}{sent} > 0 });
$node->psql('postgres', q{SELECT pganalytics_collect()});
is(PostgreSQL::Test::Utils::slurp_file($victim), "untouched\n", 'no symbolic link is written through');
unlink glob "$state/spool/000017*";
unlink "$state/counters.tmp", "$state/log_position.tmp";
$node->wait_for_state('ok');

# ---- names from the settings ----

foreach my $setting (qw(collector_id hostname))
{
	foreach my $value ("a\r\nX-Injected: yes", 'a b', 'a/b', "a\x{263a}", '"', 'x' x 129)
	{
		my ($result) = $node->psql('postgres', "ALTER SYSTEM SET pganalytics.$setting = E'" . $value =~ s/\r\n/\\r\\n/r . q{'});

		isnt($result, 0, "$setting: " . (substr($value, 0, 10) =~ s/[^ -~]+/?/gr) . ' is refused');
	}
}

# ---- objects that stand in the way of our queries ----

$node->safe_psql('postgres', 'CREATE DATABASE trap');
$node->safe_psql('trap', q{
	CREATE EXTENSION pganalytics;
	CREATE FUNCTION public.trap() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'trapped by %', pg_catalog.current_query(); RETURN 1; END $$;
	DO $$
	DECLARE
		o record;
		n int := 0;
	BEGIN
		-- every operator and function of pg_catalog that takes what catalogues and statistics are made of
		FOR o IN SELECT DISTINCT oprname, oprleft::regtype AS l, oprright::regtype AS r
				 FROM pg_operator
				 WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprleft <> 0
				   AND oprleft IN ('oid'::regtype, 'name'::regtype, 'int4'::regtype, 'int8'::regtype, 'text'::regtype,
								   'bool'::regtype, '"char"'::regtype, 'float8'::regtype, 'timestamptz'::regtype)
				   AND oprright IN ('oid'::regtype, 'name'::regtype, 'int4'::regtype, 'int8'::regtype, 'text'::regtype,
									'bool'::regtype, '"char"'::regtype, 'float8'::regtype, 'timestamptz'::regtype, 'interval'::regtype)
		LOOP
			n := n + 1;
			EXECUTE format('CREATE FUNCTION public.trap_%s(%s, %s) RETURNS bool LANGUAGE sql AS ''SELECT public.trap(); SELECT true''', n, o.l, o.r);
			EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.trap_%s)', o.oprname, o.l, o.r, n);
		END LOOP;
		FOR o IN SELECT DISTINCT ON (proname, proargtypes) proname, pg_get_function_identity_arguments(oid) AS args
				 FROM pg_proc
				 WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND provariadic = 0 AND proargmodes IS NULL
				   AND (proname LIKE 'pg\_%' OR proname IN ('age', 'coalesce', 'date_part', 'format', 'now', 'array_length', 'greatest', 'length', 'current_setting'))
				   AND NOT EXISTS (SELECT FROM unnest(proargtypes) t JOIN pg_type ON pg_type.oid = t WHERE typtype = 'p')
		LOOP
			EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS int LANGUAGE sql AS ''SELECT public.trap(); SELECT 1''', o.proname, o.args);
		END LOOP;
		FOR o IN SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')
		LOOP
			EXECUTE format('CREATE VIEW public.%I AS SELECT public.trap()', o.relname);
		END LOOP;
	END $$;
	ALTER DATABASE trap SET search_path = public, pg_catalog;
	ALTER DATABASE trap SET enable_seqscan = off;
	ALTER ROLE postgres IN DATABASE trap SET search_path = public, pg_catalog;
	ALTER ROLE postgres IN DATABASE trap SET default_transaction_read_only = off});
my ($result, undef, $stderr) = $node->psql('trap', q{SELECT 1::bigint - 1::bigint});
like($stderr, qr/trapped/, 'the trap works');

my $log = $node->log_size;
$since = $backend->position;
$node->collect;
is(flush(), 't', 'everything is collected');
my @types = sort { $a cmp $b } map { $_->{type} }
  grep { ($_->{database} // '') eq 'trap' } map { @{ $_->{metrics} } } map { $_->{body} } grep { $_->{stored} } $backend->requests($since);
ok((grep { $_ eq 'pg_stats' } @types) && (grep { $_ eq 'pg_schema' } @types), "the database with the traps is visited (@types)")
  or diag explain $node->status->{problems};
my @samples = map { $_->{name} } @{ decode_json($node->safe_psql('trap',
	q{SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', collector)) FROM pganalytics_collectors})) };
$stderr = '';
foreach my $type (@samples)
{
	my (undef, undef, $said) = $node->psql('trap', "SELECT pg_catalog.count(*) FROM pganalytics_sample('$type')");
	$stderr .= $said;
}
unlike($node->log_text($log) . $stderr, qr/trapped/, 'no object of others is called in our name');

# ---- who answers ----

sub peak_kb
{
	my ($pid) = @_;

	return (PostgreSQL::Test::Utils::slurp_file("/proc/$pid/status") =~ /^VmHWM:\s+(\d+) kB/m)[0];
}

my $sender = $node->worker_pid('sender');
my $rejected = $node->status->{spool}{rejected};
my $before = peak_kb($sender);
my %bodies = (
	'deep arrays' => '{"message":' . '[' x 100_000,
	'deep objects' => '{"a":' x 50_000 . '1' . '}' x 50_000,
	'the same key' => '{' . join(',', map { '"message":"x"' } 1 .. 20_000) . '}',
	'huge numbers' => '{"next_config_version":1e999999,"next_check_in_seconds":' . '9' x 100_000 . ',"code":-1e-999999}',
	'numbers that are none' => '{"next_config_version":-1,"next_check_in_seconds":"x","metrics_inserted":9223372036854775808}',
	'NUL' => "{\"message\":\"a\0b\",\"x\":\"\\u0000\"}",
	'a NUL first' => "\0{}",
	'no UTF-8' => "{\"message\":\"\x{ff}\x{fe}\"}",
	'control characters' => "{\"message\":\"\\r\\nFATAL:  forged\\u001b[2J\"}");
$log = $node->log_size;
foreach my $name (sort keys %bodies)
{
	foreach my $code (200, 503)
	{
		$backend->order(action => 'status', status => $code, body => $bodies{$name}, path => $PUSH);
		$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')});
		is(flush(), 't', "$name with $code: the batch arrives") or diag explain $node->status->{problems};
	}
}
my %replies = (
	'a thousand interim replies' => "HTTP/1.1 100 Continue\r\n\r\n" x 1000 . "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
	'HTTP/0.9' => '{"status":"success"}',
	'a negative length' => "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
	'a length beyond all' => "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n{}",
	'an endless chunk' => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}",
	'a chunk that is none' => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
	'two lengths' => "HTTP/1.1 503 No\r\nContent-Length: 2\r\nContent-Length: 7\r\n\r\n{}",
	'a status that is none' => "HTTP/1.1 99999 OK\r\nContent-Length: 2\r\n\r\n{}",
	'NUL in a header' => "HTTP/1.1 503 No\r\nRetry-After: 1\0\r\nContent-Length: 2\r\n\r\n{}",
	'another encoding' => "HTTP/1.1 503 No\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}");
foreach my $name (sort keys %replies)
{
	$backend->order(action => 'garbage', bytes => $replies{$name}, path => $PUSH);
	$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')});
	is(flush(), 't', "$name: the batch leaves the spool") or diag explain $node->status->{problems};
}
foreach my $order (
	{ action => 'huge_body', size => 64 * 1024 * 1024 },
	{ action => 'huge_header', size => 10 * 1024 * 1024 },
	{ action => 'trailers', size => 64 * 1024 * 1024 })
{
	$backend->order(%$order, path => $PUSH);
	$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')});
	is(flush(), 't', "$order->{action}: the batch arrives");
}
is($node->worker_pid('sender'), $sender, 'the sender has lived through all of it');
my $growth = peak_kb($sender) - $before;
SKIP:
{
	skip 'memory that is checked is kept when it is freed', 1 if $ENV{ASAN_OPTIONS} || $ENV{VALGRIND_OPTS};

	cmp_ok($growth, '<', 32 * 1024, "and its memory has not grown ($growth kB)");
}
unlike($node->log_text($log), qr/^(?:FATAL|\e)/m, 'nor has the backend written a line of our log');
is($node->status->{spool}{rejected}, $rejected, 'and no batch is rejected');

$node->check_log(
	allowed => [ qr/invalid value for parameter|parameter "pganalytics|database \d+ does not exist|canceling statement due to lock|could not be kept|503: .*forged/ ]);
done_testing();
