
# A mistake in the configuration is one line in the log, one problem with the way
# out, and the right delivery.state; no batch on disk is lost; mending it and a
# reload heal it.

use strict;
use warnings;

use File::Copy qw(copy);
use JSON::PP;
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Preload;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $disk = full_disk();
my $node;
{
	local $ENV{LD_PRELOAD} = $disk->{library};
	$node = PgAnalytics::Cluster->create('main', backend => $backend);
}
my %right = $node->backend_settings($backend);
my $dir = PostgreSQL::Test::Utils::tempdir('wrong');

sub write_file
{
	my ($name, $text, $mode) = @_;

	open my $file, '>', "$dir/$name" or die "$dir/$name: $!";
	print $file $text;
	close $file;
	chmod $mode // 0600, "$dir/$name";
	return "$dir/$name";
}

sub copy_file
{
	my ($name, $mode) = @_;

	copy($backend->file($name), "$dir/$name") or die "copy $name: $!";
	chmod $mode, "$dir/$name";
	return "$dir/$name";
}

my @mistakes = (
	{
		name => 'an unparsable URL',
		settings => { 'pganalytics.backend_url' => 'htps:/nowhere' },
		state => 'misconfigured',
		problem => qr/backend_url/,
	},
	{
		name => 'a URL without TLS',
		settings => { 'pganalytics.backend_url' => 'http://localhost:1' },
		state => 'misconfigured',
		problem => qr/allow_http/,
	},
	{
		name => 'a key that is not there',
		settings => { 'pganalytics.tls_key_file' => "$dir/none.key" },
		state => 'misconfigured',
		problem => qr/none\.key.*No such file/,
	},
	{
		name => 'a key that everybody can read',
		settings => { 'pganalytics.tls_key_file' => copy_file('client.key', 0644) },
		state => 'misconfigured',
		problem => qr/client\.key.*(?:permission|access|mode)/i,
	},
	{
		name => 'a key that does not match',
		settings => { 'pganalytics.tls_key_file' => $backend->file('other.key') },
		state => 'misconfigured',
		problem => qr/match|belong/,
	},
	{
		name => 'a key that is none',
		settings => { 'pganalytics.tls_key_file' => write_file('text.key', "not a key\n") },
		state => 'misconfigured',
		problem => qr/text\.key/,
	},
	{
		name => 'a certificate without a key',
		settings => { 'pganalytics.tls_key_file' => '' },
		state => 'misconfigured',
		problem => qr/tls_key_file/,
	},
	{
		name => 'an expired certificate',
		settings => { 'pganalytics.tls_cert_file' => $backend->file('client-expired.crt') },
		state => 'misconfigured',
		problem => qr/expired/,
	},
	{
		name => 'a CA file that is none',
		settings => { 'pganalytics.tls_ca_file' => write_file('text.crt', "not a certificate\n", 0644) },
		state => 'misconfigured',
		problem => qr/text\.crt/,
	},
	{
		name => 'a short secret',
		settings => { 'pganalytics.jwt_secret_file' => write_file('short.secret', "too short\n") },
		state => 'misconfigured',
		problem => qr/at least 32/,
		hidden => 'too short',
	},
	{
		name => 'a secret that everybody can read',
		settings => { 'pganalytics.jwt_secret_file' => copy_file('jwt.secret', 0644) },
		state => 'misconfigured',
		problem => qr/jwt\.secret.*(?:permission|access|mode)/i,
	},
	{
		name => 'no secret at all',
		settings => { 'pganalytics.jwt_secret_file' => '' },
		state => qr/^(?:misconfigured|unauthorized)$/,
		problem => qr/jwt_secret_file|register/,
	},
	{
		name => 'a name that does not exist',
		settings => { 'pganalytics.backend_url' => 'https://nosuchhost.invalid' },
		state => 'backoff',
		problem => qr/nosuchhost\.invalid/,
	},
	{
		name => 'a port where nobody listens',
		settings => { 'pganalytics.backend_url' => 'https://localhost:1' },
		state => 'backoff',
		problem => qr/localhost|connect/i,
	},
	{
		name => 'a proxy that is none',
		settings => { 'pganalytics.proxy' => 'http://localhost:1' },
		state => 'backoff',
		problem => qr/proxy|connect/i,
		mended => { 'pganalytics.proxy' => '' },
	},
	{
		name => 'a backend that talks nonsense',
		order => { action => 'garbage', times => undef },
		state => 'backoff',
		problem => qr/HTTP|reply|response/i,
	},
	{
		name => 'a web server that is no backend',
		order => { action => 'html', times => undef },
		state => 'backoff',
		problem => qr/backend/i,
	},
	{
		name => 'a redirect',
		order => { action => 'redirect', location => 'https://localhost:1/', times => undef },
		state => 'backoff',
		problem => qr/redirect|30[78]/i,
	});

$node->wait_for_state('ok');

foreach my $mistake (@mistakes)
{
	my $name = $mistake->{name};
	my $state = ref $mistake->{state} ? $mistake->{state} : qr/^$mistake->{state}$/;
	my $log = $node->log_size;

	$backend->order(%{ $mistake->{order} }) if $mistake->{order};
	$node->set(%{ $mistake->{settings} // {} });
	my $status = $node->wait_for_status(
		"$name: is noticed",
		sub { $_->{delivery}{state} =~ $state && grep { /$mistake->{problem}/ } @{ $_->{problems} } });
	my ($problem) = grep { /$mistake->{problem}/ } @{ $status->{problems} };
	pass("$name: \"$problem\"");

	# it lasts for some attempts
	my $runs = $status->{collectors}{sysstat}{runs};
	$status = $node->wait_for_status("$name: collectors go on", sub { $_->{collectors}{sysstat}{runs} > $runs + 1 });
	my @lines = grep { /WARNING:|LOG:.*pganalytics/ && !/parameter "/ } split /\n/, $node->log_text($log);
	cmp_ok(scalar @lines, '<=', 1, "$name: one line in the log") or diag join "\n", @lines;
	cmp_ok(scalar @lines, '>=', 1, "$name: and not none");
	cmp_ok($status->{spool}{batches}, '>', 0, "$name: batches wait");
	if ($mistake->{hidden})
	{
		my $text = JSON::PP->new->encode($status) . join '', @lines;

		unlike($text, qr/$mistake->{hidden}/, "$name: is not repeated in the status or by us in the log");
	}

	$backend->order(action => 'reset');
	$node->set(%right, %{ $mistake->{mended} // {} });
	$node->wait_for_status("$name: heals", sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } });
	is($node->safe_psql('postgres', 'SELECT pganalytics_flush()'), 't', "$name: heals, and what waited arrives");
}
is($node->status->{spool}{$_}, 0, "no batch was $_") foreach qw(dropped rejected);

# ---- a full disk ----

my $log = $node->log_size;
write_file('full', '');
rename "$dir/full", $disk->{flag};
my $status = $node->wait_for_problem(qr/No space left on device/);
$status = $node->wait_for_status('more batches are lost', sub { $_->{spool}{dropped} > 1 });
pass('a full disk: is a problem, and what is lost is counted');
my @lines = grep { /No space left/ } split /\n/, $node->log_text($log);
is(scalar @lines, 1, 'a full disk: one line in the log');
unlink $disk->{flag};
$node->wait_for_no_problem(qr/No space left/);
my $dropped = $node->status->{spool}{dropped};
my $position = $backend->position;
my $batch = $backend->wait_for_request('after the full disk',
	sub { $_[0]{stored} && $_[0]{body}{dropped_batches} >= $dropped }, $position);
ok($batch, 'a full disk: heals by itself, and the backend learns how much was lost');

# ---- a state directory that cannot be used ----

my $outside = PostgreSQL::Test::Utils::tempdir('state');
chmod 0500, $outside;
$node->configure('pganalytics.state_directory' => "$outside/pganalytics");
$node->restart;
$status = $node->wait_for_problem(qr{state_directory|\Q$outside\E});
pass('an unwritable state directory is a problem');
ok($status->{workers}{collector}{pid} && $status->{workers}{sender}{pid}, 'and no reason to end');
chmod 0700, $outside;
$node->reload;
$node->wait_for_status('it heals', sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } });
pass('once it can be written to all is well');
is((stat "$outside/pganalytics")[2] & 07777, 0700, 'it belongs to the server alone');

# ---- ALTER SYSTEM refuses at once what can never be right ----

foreach my $wrong (
	[ 'pganalytics.backend_url' => 'ftp://example.net' ],
	[ 'pganalytics.backend_url' => 'https://user:opensesame@example.net' ],
	[ 'pganalytics.enabled_collectors' => 'sysstat, nonsense' ],
	[ 'pganalytics.log_filters' => 'LOUD' ],
	[ 'pganalytics.pg_stats_interval' => '2d' ],
	[ 'pganalytics.no_such_setting' => 'x' ])
{
	my ($setting, $value) = @$wrong;
	my ($result, $stdout, $stderr) = $node->psql('postgres', "ALTER SYSTEM SET $setting = '$value'");

	isnt($result, 0, "ALTER SYSTEM SET $setting = '$value' is refused");
	like($stderr, qr/ERROR:  .*$setting/, "and names $setting");
}

$node->check_log(allowed => [qr/parameter "pganalytics|ALTER SYSTEM|ERROR:  .*pganalytics\./]);
done_testing();
