
# A live server's metrics arrive at the backend over TLS 1.3 with a client
# certificate and a token, each request as docs/api.md describes it.

use strict;
use warnings;

use JSON::PP;
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
# a machine that stands still for some seconds is no failure
my $node = PgAnalytics::Cluster->create('main', backend => $backend,
	settings => { 'pganalytics.connect_timeout' => '2min', 'pganalytics.request_timeout' => '3min' });

$node->safe_psql('postgres', q{
	CREATE TABLE parcels (id int PRIMARY KEY, label text) WITH (autovacuum_enabled = off);
	INSERT INTO parcels SELECT i, repeat('x', 3000) FROM generate_series(1, 500) i;
	DELETE FROM parcels WHERE id <= 20;
	VACUUM ANALYZE parcels;
	DO $$ BEGIN RAISE WARNING 'a parcel is late'; END $$;
});

# ---- what arrives is true ----

my $stats = $backend->wait_for_metric(
	'pg_stats',
	'postgres',
	name => 'parcels',
	where => sub { $_[0]{tables}[0]{n_tup_del} == 20 && $_[0]{tables}[0]{analyze_count} == 1 });
my $table = $stats->{tables}[0];
my %psql = %{ decode_json($node->safe_psql('postgres', q{
	SELECT json_build_object('relid', c.oid::bigint, 'kind', relkind, 'schema', nspname,
		'size_bytes', pg_total_relation_size(c.oid), 'index_bytes', pg_indexes_size(c.oid),
		'pages', relpages, 'n_tup_ins', n_tup_ins, 'n_tup_del', n_tup_del, 'rows', n_live_tup,
		'vacuum_count', vacuum_count, 'analyze_count', analyze_count)
	FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		JOIN pg_stat_user_tables s ON s.relid = c.oid
	WHERE c.relname = 'parcels'})) };

is($table->{$_}, $psql{$_}, "pg_stats: $_ of a table is what psql shows") foreach sort keys %psql;
is($table->{heap_bytes} + $table->{index_bytes} + $table->{toast_bytes},
	$table->{size_bytes}, 'pg_stats: the parts of a size add up');

my $indexes = $backend->wait_for_metric('pg_stats', 'postgres', name => 'parcels_pkey');
ok($indexes->{indexes}[0]{is_primary}, 'pg_stats: its primary key is there');

my $host = $backend->wait_for_metric('sysstat', undef, where => sub { exists $_[0]{cpu}{user} });
my ($mem_total) = PostgreSQL::Test::Utils::slurp_file('/proc/meminfo') =~ /MemTotal: +(\d+)/;
cmp_ok(abs($host->{memory}{total_mb} - $mem_total / 1024), '<', 1, 'sysstat: memory of this host');

my $disks = $backend->wait_for_metric('disk_usage', undef);
my %purposes = map { $_ => 1 } map { @{ $_->{purposes} } } @{ $disks->{filesystems} };
ok($purposes{data} && $purposes{wal}, 'disk_usage: data and WAL have a file system');

my $log = $backend->wait_for_metric('pg_log', undef,
	where => sub { grep { $_->{message} =~ /a parcel is late/ } @{ $_[0]{entries} } });
ok($log, 'pg_log: the warning is there');

# ---- how it arrives ----

is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'flush: nothing is left');

my @requests = $backend->requests;
my @pushes = grep { ($_->{path} // '') eq '/api/v1/metrics/push' } @requests;
my $push = $pushes[-1];
my $status = $node->wait_for_status('all replies are counted', sub { $_->{delivery}{sent} >= @pushes && !@{ $_->{problems} } });
my ($version) = $node->safe_psql('postgres', 'SHOW server_version') =~ /^(\S+)/;

is_deeply([ grep { $_->{error} || $_->{event} } @requests ], [], 'no request was refused');
is_deeply(
	{ map { $_->{tls} . ' ' . $_->{client} => 1 } @pushes },
	{ 'TLSv1.3 commonName=pganalytics-collector' => 1 },
	'every request came over TLS 1.3 with the client certificate');
is(scalar(keys %{ { map { $_->{connection} => 1 } @pushes } }), 1, 'one connection serves them all');

my %headers = (
	'Authorization' => qr/^present$/,
	'Content-Type' => qr{^application/json$},
	'Content-Encoding' => qr/^gzip$/,
	'Idempotency-Key' => qr/^\Q$push->{body}{batch_id}\E$/,
	'User-Agent' => qr{^pganalytics/\Q$status->{version}\E \(PostgreSQL \Q$version\E\)$});
like($push->{headers}{$_}, $headers{$_}, "header $_") foreach sort keys %headers;
ok(!exists $push->{headers}{Expect}, 'no header Expect');
is($push->{headers}{'Accept-Encoding'}, 'identity', 'no compressed reply is asked for');

my $claims = $push->{claims};
is($claims->{exp} - $claims->{iat}, 900, 'token: lives for jwt_lifetime');
is($claims->{iat} - $claims->{nbf}, 30, 'token: clocks may differ');
is($claims->{collector_id}, $status->{collector_id}, 'token: is for this collector');
like($status->{collector_id}, qr/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
	'collector id is a UUIDv5');

# ---- what the status says ----

is($status->{delivery}{state}, 'ok', 'status: delivery is ok');
is($status->{delivery}{tls_version}, 'TLSv1.3', 'status: TLS version');
is($status->{delivery}{last_status}, 200, 'status: last reply');
is($status->{delivery}{last_error}, undef, 'status: no error');
is($status->{delivery}{failed}, 0, 'status: no attempt failed');
cmp_ok($status->{delivery}{sent}, '>=', scalar @pushes, 'status: sent batches are counted');
cmp_ok($status->{delivery}{compression_ratio}, '<', 0.5, 'status: bodies are compressed');
is($status->{spool}{$_}, 0, "status: no batch $_") foreach qw(dropped rejected);
is_deeply($status->{problems}, [], 'status: no problems');
foreach my $type (qw(pg_stats sysstat disk_usage pg_log))
{
	my $collector = $status->{collectors}{$type};

	cmp_ok($collector->{runs}, '>', 0, "status: $type has run");
	is($collector->{errors}, 0, "status: $type without errors")
	  unless ($collector->{last_error} // '') =~ $PgAnalytics::Backend::NO_TIME;
	like($collector->{last_error} // '', qr/^$|$PgAnalytics::Backend::NO_TIME/, "status: $type has no last error");
}
my $text = encode_json($status);
is(scalar(grep { index($text, $_) >= 0 } $backend->secrets), 0, 'status: no secret');

# ---- a new connection resumes the TLS session ----

my $since = $backend->position;
my ($last) = reverse sort { $a <=> $b } map { $_->{connection} } $backend->requests(0);
$backend->order(action => 'disconnect');
my $next = $backend->wait_for_request('on a new connection', sub { $_[0]{stored} && $_[0]{connection} > $last }, $since);
ok($next->{resumed}, 'the TLS session is resumed');

# ---- on request ----

$node->set(map { ("pganalytics.${_}_interval" => '1h') } qw(pg_stats sysstat disk_usage pg_log));
$node->wait_for_status('intervals are long', sub { $_->{collectors}{sysstat}{interval_seconds} == 3600 });
$node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')});
$since = $backend->position;
$node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')});
is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', 'collect and flush');
cmp_ok(scalar($backend->metrics('sysstat', since => $since)), '>=', 1, 'what was asked for has arrived');

$node->check_log;
done_testing();
