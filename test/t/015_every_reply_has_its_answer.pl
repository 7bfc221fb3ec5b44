
# What the collector does with each kind of reply: the table of docs/api.md.

use strict;
use warnings;

use JSON::PP;
use POSIX ();
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'autovacuum' => 'off',
		'pganalytics.enabled_collectors' => 'pg_stats,sysstat,disk_usage,pg_log',
		map { ("pganalytics.${_}_interval" => '1h') } qw(pg_stats sysstat disk_usage pg_log),
	});

sub collect { return $node->safe_psql('postgres', q{SELECT pganalytics_collect('sysstat')}) }

sub flush { return $node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}) }

# The pushes since a position, in order.
sub pushes { return grep { ($_->{path} // '') =~ /push$/ } $backend->requests($_[0]) }

# Sends one batch while the backend misbehaves; the pushes that it took.
sub pushes_under
{
	my (@orders) = @_;

	$node->wait_for_status('idle', sub { $_->{spool}{batches} == 0 });
	my $since = $backend->position;
	$backend->order(%$_, path => '/api/v1/metrics/push') foreach @orders;
	collect();
	is(flush(), 't', 'the batch leaves the spool');
	return pushes($since);
}

$node->wait_for_state('ok');
$node->wait_for_status('first collection', sub { $_->{collectors}{pg_stats}{runs} > 0 });
flush();

# ---- delivered ----

foreach my $order ({ action => 'status', status => 200, body => '' }, { action => 'status', status => 204, body => '' },
	{ action => 'status', status => 202, body => {} })
{
	is(scalar pushes_under($order), 1, "$order->{status}: delivered");
}

# ---- not delivered: sent again ----

foreach my $order (
	(map { { action => 'status', status => $_ } } 408, 425, 429, 500, 502, 503, 504),
	(map { { action => 'status', status => 400, body => $_ } } '<html><head><title>400 The SSL certificate error</title></head></html>',
		"Client sent an HTTP request to an HTTPS server.\n"),
	{ action => 'html' }, { action => 'garbage' }, { action => 'cut' },
	{ action => 'redirect', location => 'https://localhost:1/' },
	{ action => 'huge_header' },
	# nothing that takes hours to uncompress is uncompressed
	(map { { action => 'bomb', layers => 4, header => $_ } } 'Content-Encoding', 'Transfer-Encoding'))
{
	my $name = join ' ', map { $order->{$_} // () } qw(action status header);
	my @pushes = pushes_under($order);

	is(scalar @pushes, 2, "$name: sent again");
	is($pushes[0]{headers}{'Idempotency-Key'}, $pushes[1]{headers}{'Idempotency-Key'}, "$name: the same batch");
	ok($pushes[1]{stored}, "$name: arrives");
}

# ---- and told with what to do ----

$backend->order(action => 'status', status => 400, body => '<html>400 The SSL certificate error</html>', times => undef);
collect();
ok( $node->wait_for_status('told',
		sub { ($_->{delivery}{last_error} // '') =~ /^the backend refused our client certificate; look at "pganalytics\.tls_cert_file"/ }),
	"a web server's page about the certificate: the status says where to look");
$backend->order(action => 'behave');
flush();

# ---- a reply that is too long is still a reply ----

is(scalar pushes_under({ action => 'huge_body', size => 4 * 1024 * 1024 }), 1, 'huge body: delivered');
is(scalar pushes_under({ action => 'endless' }), 1, 'a body without an end: delivered');
is(scalar pushes_under({ action => 'compressed' }), 1, 'a compressed reply is understood');

# ---- a reply that comes before its request is none ----

foreach my $status (200, 400)
{
	my $since = $backend->position;

	is(scalar pushes_under({ action => 'unasked', status => $status }), 1, "$status unasked: the batch before it is delivered");
	$backend->wait_for_request("$status unasked: it is there", sub { ($_[0]{event} // '') eq 'unasked' }, $since);
	my @pushes = pushes_under({ action => 'status', status => 503 });
	is(scalar @pushes, 2, "$status unasked: it says nothing of the next batch");
	ok($pushes[1]{stored}, "$status unasked: which arrives");
}
is($node->status->{spool}{rejected}, 0, 'and none is rejected');

# ---- Retry-After ----

my $in_ten_minutes = POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + 600));
my $status;
foreach my $case (
	[ 429, '600', 300, 600 ],
	[ 503, $in_ten_minutes, 300, 600 ],
	[ 429, '999999999999999999999', 3000, 3600 ],
	[ 429, 'Fri, 31 Dec 9999 23:59:59 GMT', 3000, 3600 ],
	# no pause at all: that of a first failure, at most a second
	[ 429, '-1', -60, 2 ],
	[ 429, 'soon', -60, 2 ],
	[ 429, 'Thu, 01 Jan 1970 00:00:00 GMT', -60, 2 ],
	[ 429, '1' x 5000, -60, 2 ])
{
	my ($code, $value, $least, $most) = @$case;
	my $name = 'Retry-After: ' . substr $value, 0, 40;

	$node->wait_for_status('idle', sub { $_->{spool}{batches} == 0 });
	my $failed = $node->status->{delivery}{failed};
	$backend->order(action => 'status', status => $code, headers => { 'Retry-After' => $value }, path => '/api/v1/metrics/push');
	collect();
	if ($most > 2)
	{
		$status = $node->wait_for_status("$name: backs off",
			sub { $_->{delivery}{state} eq 'backoff' && $_->{delivery}{last_error} =~ /answered $code/ });
		my $wait = $node->safe_psql('postgres',
			"SELECT ceil(extract(epoch FROM timestamptz '$status->{delivery}{next_attempt}' - now()))");
		ok($wait > $least && $wait <= $most, "$name is obeyed, to an hour at most ($wait s)");
		is(flush(), 't', "$name: a flush does not wait");
	}
	else
	{
		$node->wait_for_status('sent again', sub { $_->{spool}{batches} == 0 && $_->{delivery}{failed} > $failed });
		pass("$name is not obeyed");
	}
}

# ---- the token is renewed once ----

my @pushes = pushes_under({ action => 'status', status => 401 });
is(scalar @pushes, 2, '401: sent again');
$node->wait_for_status('idle', sub { $_->{spool}{batches} == 0 });
foreach my $code (401, 403)
{
	$backend->order(action => 'status', status => $code, times => undef, path => '/api/v1/metrics/push');
	collect();
	$status = $node->wait_for_state('unauthorized');
	like($status->{delivery}{last_error}, qr/$code/, "$code for ever: unauthorized");
	$backend->order(action => 'reset');
	flush();
	ok($node->wait_for_state('ok'), "$code: is over");
}

# ---- a clock that is wrong ----

foreach my $case ([ -3600, qr/its clock is \d+ s behind ours: set the one that is wrong/ ],
	[ 7200, qr/its clock is \d+ s ahead of ours/ ],
	[ 0, qr/accept our token, compare "pganalytics.jwt_secret_file"/ ])
{
	my ($ahead, $meaning) = @$case;
	my $date = POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + $ahead));

	$backend->order(action => 'status', status => 401, headers => $ahead ? { Date => $date } : {}, times => undef, path => '/api/v1/metrics/push');
	collect();
	$status = $node->wait_for_state('unauthorized');
	like($status->{delivery}{last_error}, $meaning, "a token that is refused by a clock $ahead s ahead");
	$backend->order(action => 'reset');
	flush();
	$node->wait_for_state('ok');
}

# ---- too large ----

$node->safe_psql('postgres', 'CREATE DATABASE second');
$node->safe_psql('second', 'CREATE TABLE t AS SELECT 1 AS id');
my $since = $backend->position;
$backend->order(action => 'status', status => 413, path => '/api/v1/metrics/push');
$node->collect;
is(flush(), 't', '413: the batch leaves the spool');
my ($parent) = grep { $_->{fault} } pushes($since);
my @halves = grep { $_->{stored} } pushes($since);
my %whole = map { JSON::PP->new->canonical->encode($_) => 1 } @{ $parent->{body}{metrics} };
my @found = grep { $whole{$_} } map { JSON::PP->new->canonical->encode($_) } map { @{ $_->{body}{metrics} } } @halves;
if (@{ $parent->{body}{metrics} } > 1)
{
	is(scalar @found, scalar keys %whole, '413: the halves hold the whole, each metric once');
	ok(!(grep { $_->{headers}{'Idempotency-Key'} eq $parent->{headers}{'Idempotency-Key'} } @halves),
		'413: under sequences of their own');
}
else
{
	is($node->status->{spool}{rejected}, 1, '413: a single metric is rejected');
}

# ---- gzip is not understood ----

@pushes = pushes_under({ action => 'status', status => 415 });
is(scalar @pushes, 2, '415: sent again');
is($pushes[1]{headers}{'Content-Encoding'}, undef, '415: without gzip');
is((pushes_under())[0]{headers}{'Content-Encoding'}, undef, '415: and so are later ones');
$node->reload;
wait_until('gzip again', sub { ((pushes_under())[-1]{headers}{'Content-Encoding'} // '') eq 'gzip' });
pass('415: until a reload');

# ---- refused, but perhaps not by the backend ----

my $rejected = $node->status->{spool}{rejected};
foreach my $order ({ status => 404, body => '<html>default backend</html>' }, { status => 405 }, { status => 415 }, { status => 400, body => 'Bad Request' })
{
	my $name = "$order->{status} of a proxy that has lost the backend";

	$node->wait_for_state('ok');
	$backend->order(%$order, action => 'status', path => '/api/v1/metrics/push', times => undef);
	collect() foreach 1 .. 4;
	$status = $node->wait_for_state('backoff');
	foreach my $pass (1 .. 2)
	{
		my $from = $backend->position;
		$node->reload;
		$backend->wait_for_request("pass $pass", sub { $_[0]{fault} }, $from);
	}
	is($node->status->{spool}{rejected}, ++$rejected, "$name: one batch is rejected, and no other behind it");
	cmp_ok($node->status->{spool}{batches}, '>=', 3, "$name: they wait");
	like($status->{delivery}{last_error}, qr/check "pganalytics.backend_url"/, "$name: the status says what to look at")
	  if $order->{status} =~ /40[45]/;
	$backend->order(action => 'behave');
	is(flush(), 't', "$name: and arrive when it is back");
}

# ---- the same of some of them ----

$since = $backend->position;
$node->set('pganalytics.backend_url' => 'https://localhost:1');
collect() foreach 1 .. 5;
$node->wait_for_state('backoff');
my $id = $node->status->{collector_id};
my @waiting = map { "$id/" . sequence_of($_) } $node->spool_files;
$backend->order(action => 'status', status => 404, key => $_, times => undef) foreach @waiting[0, 1, 4];
$node->set('pganalytics.backend_url' => $backend->url);
# each flush begins another pass, which need not wait for its time
ok(wait_until('all have left', sub { $node->safe_psql('postgres', q{SELECT pganalytics_flush('500ms')}) eq 't' }),
	'the oldest and the newest, which nobody takes, do not hold up the others');
is($node->status->{spool}{rejected}, $rejected += 3, 'and are rejected');
is(join(' ', sort map { key_of($_) } grep { $_->{stored} } pushes($since)), "@waiting[2 .. 3]", 'which arrive');
$backend->order(action => 'behave');

# ---- refused ----

@pushes = pushes_under({ action => 'status', status => 400 });
is(scalar @pushes, 1, '400: not sent again');
is($node->status->{spool}{rejected}, $rejected + 1, '400: rejected and counted');
ok($node->wait_for_problem(qr/400|rejected/), '400: is a problem');
is((pushes_under())[0]{status}, 200, '400: the next one follows');

$node->check_log;
done_testing();
