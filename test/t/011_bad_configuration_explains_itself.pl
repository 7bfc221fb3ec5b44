
# A mistake in the configuration is one line in the log, one problem with the way
# out, and the right delivery.state; no batch on disk is lost; mending it and a
# reload heal it.

use strict;
use warnings;

use File::Copy qw(copy);
use JSON::PP;
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Preload;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $disk = full_disk();
my $mounts = mount_table();
my $terminal = terminal();
my $node;
{
	local $ENV{LD_PRELOAD} = "$disk->{library} $mounts->{library} $terminal->{library}";
	$node = PgAnalytics::Cluster->create('main', backend => $backend);
}
my %right = $node->backend_settings($backend);
my $dir = PostgreSQL::Test::Utils::tempdir('wrong');

sub copy_file
{
	my ($name, $mode) = @_;

	copy($backend->file($name), "$dir/$name") or die "copy $name: $!";
	chmod $mode, "$dir/$name";
	return "$dir/$name";
}

# The same file, as if its content were protected by a passphrase.
sub protect_file
{
	my ($name, $mode) = @_;
	my $text = PostgreSQL::Test::Utils::slurp_file($backend->file($name));

	$text =~ s/^(-+BEGIN .*\n)/$1Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n/m;
	return write_file("$dir/protected-$name", $text, $mode);
}

# Lines that we wrote to the log from an offset on, at least one.  A problem is in the status
# before it is in the log, and so is its end: that of the one before may be told late.
sub lines_of_ours
{
	my ($offset, $like) = @_;
	my @lines;

	wait_until(
		'it is in the log',
		sub {
			@lines = grep { $_ =~ ($like // qr/LOG:  pganalytics/) && !/pganalytics: resolved: |parameter "/ }
			  split /\n/, $node->log_text($offset);
			return scalar @lines;
		});
	return @lines;
}

# What a slow machine had no time for is a problem, too, until it has been read.
sub wait_for_only_problem
{
	my ($pattern) = @_;

	return $node->wait_for_status("no problem but one like $pattern",
		sub { @{ $_->{problems} } == 1 && $_->{problems}[0] =~ $pattern });
}

my @mistakes = (
	{
		name => 'an unparsable URL',
		settings => { 'pganalytics.backend_url' => 'htps:/nowhere' },
		state => 'misconfigured',
		problem => qr/backend_url/,
	},
	{
		name => 'a URL with a password',
		settings => { 'pganalytics.backend_url' => 'https://user:opensesame@localhost:1' },
		state => 'misconfigured',
		problem => qr/backend_url.*password.*reload/,
		hidden => 'opensesame',
	},
	{
		name => 'a proxy with a password',
		settings => { 'pganalytics.proxy' => 'http://user:opensesame@localhost:1' },
		state => 'misconfigured',
		problem => qr/proxy.*password.*reload/,
		hidden => 'opensesame',
		mended => { 'pganalytics.proxy' => '' },
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
		settings => { 'pganalytics.tls_key_file' => write_file("$dir/text.key", "not a key\n") },
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
		name => 'a key with a passphrase',
		settings => { 'pganalytics.tls_key_file' => protect_file('client.key', 0600) },
		state => 'misconfigured',
		problem => qr/protected-client\.key.*passphrase/,
	},
	{
		name => 'a certificate with a passphrase',
		settings => { 'pganalytics.tls_cert_file' => protect_file('client.crt', 0644) },
		state => 'misconfigured',
		problem => qr/protected-client\.crt.*no certificate in PEM form/,
	},
	{
		name => 'a CA file with a passphrase',
		settings => { 'pganalytics.tls_ca_file' => protect_file('ca.crt', 0644) },
		state => 'misconfigured',
		problem => qr/protected-ca\.crt.*no certificate in PEM form/,
	},
	{
		name => 'an expired certificate',
		settings => { 'pganalytics.tls_cert_file' => $backend->file('client-expired.crt') },
		state => 'misconfigured',
		problem => qr/expired/,
	},
	{
		name => 'a CA file that is none',
		settings => { 'pganalytics.tls_ca_file' => write_file("$dir/text.crt", "not a certificate\n", 0644) },
		state => 'misconfigured',
		problem => qr/text\.crt/,
	},
	{
		name => 'a short secret',
		settings => { 'pganalytics.jwt_secret_file' => write_file("$dir/short.secret", "too short\n") },
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

$node->wait_for_status('all is well', sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } });

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
	my @lines = lines_of_ours($log, qr/WARNING:|LOG:.*pganalytics/);
	is(scalar @lines, 1, "$name: one line in the log") or diag join "\n", @lines;
	cmp_ok($status->{spool}{batches}, '>', 0, "$name: batches wait");
	if ($mistake->{hidden})
	{
		my $text = JSON::PP->new->encode($status) . join '', @lines;

		unlike($text, qr/$mistake->{hidden}/, "$name: is not repeated in the status or by us in the log");
	}

	$backend->order(action => 'reset');
	$node->set(%right, %{ $mistake->{mended} // {} });
	$node->wait_for_status("$name: heals", sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } });
	is($node->safe_psql('postgres', q{SELECT pganalytics_flush('3min')}), 't', "$name: heals, and what waited arrives");
}
is($node->status->{spool}{$_}, 0, "no batch was $_") foreach qw(dropped rejected);
ok(!-e $terminal->{asked}, 'nobody was asked for a passphrase at the terminal');

# ---- one mistake after the other: each is told ----

my $log = $node->log_size;
foreach my $wrong (
	[ 'pganalytics.jwt_secret_file' => "$dir/short.secret", qr/at least 32/ ],
	[ 'pganalytics.jwt_secret_file' => "$dir/jwt.secret", qr/world access/ ],
	[ 'pganalytics.backend_url' => 'htps:/nowhere', qr/must begin with/ ],
	[ 'pganalytics.backend_url' => 'https://nosuchhost.invalid', qr/could not be resolved/ ],
	[ 'pganalytics.backend_url' => 'https://localhost:1', qr/could not connect/ ])
{
	my ($setting, $value, $text) = @$wrong;

	$node->set(%right, $setting => $value);
	wait_for_only_problem($text);
	pass('after another mistake: it is the only problem');
	$node->wait_for_log(qr/LOG:  pganalytics: (?!resolved).*$text/, $log);
	pass("after another mistake: $text is logged");
	$log = $node->log_size;
}
$node->set(%right);
$node->wait_for_status('all is well', sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } });
$node->wait_for_log(qr/LOG:  pganalytics: resolved/, $log);
is(scalar(() = $node->log_text($log) =~ /LOG:  pganalytics: resolved/g), 1, 'and the end of the last one');

# ---- texts that are too long end with a whole character ----

foreach my $offset (1 .. 3)
{
	my $start = "$dir/" . 'x' x $offset . "\xe2\x82\xac";

	$node->set(%right, 'pganalytics.tls_key_file' => $start . "\xe2\x82\xac" x 200);
	my $status = $node->wait_for_problem(qr{/x{$offset}\x{20ac}});
	my $text = JSON::PP->new->encode($status);
	like($text, qr/\x{20ac}"/, "a path that is cut, $offset");
	unlike($text, qr/\x{fffd}/, 'is cut between two characters');
}
$node->set(%right);
$node->wait_for_status('all is well', sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } });

# ---- a full disk ----

$log = $node->log_size;
write_file("$dir/full", '');
rename "$dir/full", $disk->{flag};
my $status = $node->wait_for_problem(qr/No space left on device/);
my ($result, undef, $stderr) = $node->psql('postgres', q{SELECT pganalytics_collect('pg_extensions')});
like($stderr, qr/ERROR:.*could not be kept/, 'a full disk: whoever asks for a collection learns of it');
$status = wait_for_only_problem(qr/No space left on device/);
pass('a full disk: is one problem');
is($status->{delivery}{state}, 'misconfigured', 'a full disk: delivery.state');
like($status->{delivery}{last_error}, qr/free disk space/, 'a full disk: the way out is named');
$status = $node->wait_for_status('more batches are lost', sub { $_->{spool}{dropped} > 1 });
pass('a full disk: is a problem, and what is lost is counted');
my @lines = lines_of_ours($log);
is(scalar @lines, 1, 'a full disk: one line in the log') or diag join "\n", @lines;
unlink $disk->{flag};
$node->wait_for_status('it heals', sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } });
pass('a full disk: nothing is left of it, not even of a collector that runs every hour');
my $dropped = $node->status->{spool}{dropped};
my $position = $backend->position;
my $batch = $backend->wait_for_request('after the full disk',
	sub { $_[0]{stored} && $_[0]{body}{dropped_batches} >= $dropped }, $position);
ok($batch, 'a full disk: heals by itself, and the backend learns how much was lost');

# ---- a disk that is nearly full: small batches are kept, large ones are not ----

$node->set('pganalytics.enabled_collectors' => 'sysstat,pg_stats', 'pganalytics.full_snapshot_interval' => '0');
$status = $node->wait_for_status('full snapshots', sub { $_->{collectors}{pg_stats}{rows} > 100 });
$log = $node->log_size;
write_file("$dir/full", '30000');
rename "$dir/full", $disk->{flag};
my %before = map { $_ => $node->status->{collectors}{$_}{runs} } qw(sysstat pg_stats);
$status = $node->wait_for_status('both run for a while', sub {
	my $status = $_;
	$status->{spool}{dropped} > $dropped + 2 && !grep { $status->{collectors}{$_}{runs} < $before{$_} + 4 } keys %before;
});
ok($backend->wait_for_metric('sysstat', undef, after => $node->utc_now), 'a nearly full disk: small batches arrive');
is($node->status->{delivery}{state}, 'misconfigured', 'a nearly full disk: is no good');
@lines = lines_of_ours($log);
is(scalar @lines, 1, 'a nearly full disk: the log is not told again and again') or diag join "\n", @lines;
unlink $disk->{flag};
$node->wait_for_status('it heals', sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } });
$node->set('pganalytics.enabled_collectors' => 'all', 'pganalytics.full_snapshot_interval' => '10min');

# ---- a root that is in no mount table, as under chroot ----

sub filesystem_of_data
{
	my $sample = decode_json($node->safe_psql('postgres', q{SELECT pganalytics_sample('disk_usage')}));

	return (grep { grep { $_ eq 'data' } @{ $_->{purposes} } } @{ $sample->{filesystems} })[0];
}

my $listed = filesystem_of_data();
write_file("$dir/mounts", '');
rename "$dir/mounts", $mounts->{flag};
my $unlisted = filesystem_of_data();
ok($unlisted && !exists $unlisted->{fstype}, 'without a mount table the filesystem of the data is reported all the same');
is($unlisted->{total_bytes}, $listed->{total_bytes}, 'and its size is known');
unlink $mounts->{flag};

# ---- a state directory that cannot be used ----

my $outside = PostgreSQL::Test::Utils::tempdir('state');

sub state_directory_is_unusable
{
	my ($name, $log) = @_;

	my $status = $node->wait_for_status(
		"$name: is noticed",
		sub {
			$_->{workers}{collector}{pid} && $_->{workers}{sender}{pid} && grep { /\Q$outside\E/ } @{ $_->{problems} };
		});
	is($status->{delivery}{state}, 'misconfigured', "$name: delivery.state");
	# what names it first is a batch that cannot be written, or one that has arrived and cannot be removed
	like($status->{delivery}{last_error}, qr/give the server's user (?:read and )?write access/, "$name: the way out is named");
	my %before = %{ $status->{workers} };
	my $runs = $status->{collectors}{pg_stats}{runs};
	$status = $node->wait_for_status("$name: more is read", sub { $_->{collectors}{pg_stats}{runs} > $runs + 1 });
	is($status->{workers}{$_}{pid}, $before{$_}{pid}, "$name: no reason for the $_ to end") foreach qw(collector sender);
	wait_for_only_problem(qr/\Q$outside\E/);
	pass("$name: is one problem");
	my @lines = lines_of_ours($log);
	is(scalar @lines, 1, "$name: one line in the log") or diag join "\n", @lines;
	return;
}

chmod 0500, $outside;
$node->configure('pganalytics.state_directory' => "$outside/pganalytics");
$log = $node->log_size;
$node->restart;
state_directory_is_unusable('an unwritable state directory', $log);
chmod 0700, $outside;
$node->reload;
$node->wait_for_status('it heals', sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } });
pass('once it can be written to all is well');
is((stat "$outside/pganalytics")[2] & 07777, 0700, 'it belongs to the server alone');

$log = $node->log_size;
chmod 0500, "$outside/pganalytics/spool";
state_directory_is_unusable('a spool that becomes unwritable', $log);
chmod 0700, "$outside/pganalytics/spool";
$node->wait_for_status('it heals', sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } });

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
	($result, undef, $stderr) = $node->psql('postgres', "ALTER SYSTEM SET $setting = '$value'");

	isnt($result, 0, "ALTER SYSTEM SET $setting = '$value' is refused");
	like($stderr, qr/ERROR:  .*$setting/, "and names $setting");
}

unlike($node->log_text, qr/opensesame/, 'the password in a URL is nowhere in the log');

# one in the file when the server starts
$node->configure('pganalytics.backend_url' => 'https://user:opensesame@localhost:1');
$node->restart;
$status = $node->wait_for_state('misconfigured');
like($status->{delivery}{last_error}, qr/password/, 'a URL with a password at the start is reported');
$status = $node->wait_for_status('batches wait', sub { $_->{spool}{batches} > 0 });
unlike(JSON::PP->new->encode($status)
	  . $node->safe_psql('postgres', 'SELECT * FROM pg_settings') . $node->log_text, qr/opensesame/, 'but not shown');

$node->check_log(allowed => [qr/parameter "pganalytics|ALTER SYSTEM|ERROR:  .*pganalytics\.|ERROR:  pg_extensions could not be collected/]);
done_testing();
