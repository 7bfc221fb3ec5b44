
# Each command of docs/troubleshooting.md and docs/security.md is run as it is written
# there, but for the names of host and files, and of docs/deployment.md those on
# certificates (the others are for root, or another distribution).

use strict;
use warnings;

use File::Basename qw(dirname);
use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create('main', backend => $backend,
	settings => { 'pganalytics.pg_schema_interval' => '1h', 'pganalytics.pg_bloat_interval' => '1h' });
my $docs = dirname(__FILE__) . '/../../docs';
my $dir = PostgreSQL::Test::Utils::tempdir('documentation');

$node->wait_for_status('all is well', sub { $_->{delivery}{state} eq 'ok' && !@{ $_->{problems} } });

# What the texts call by names of their own, the longest first.
my $port = $backend->port;
my ($certs) = $backend->file('ca.crt') =~ m{^(.*)/};
my @names = (
	[ 'https://backend.example.net' => "https://localhost:$port" ],
	[ 'backend.example.net:443' => "localhost:$port" ],
	[ 'backend.example.net' => 'localhost' ],
	[ '/etc/pganalytics' => $certs ]);

# What a block must print, by a part of its text.
my %prints = (
	'/api/v1/health' => qr/"status": "ok"/,
	'-verify_return_error' => qr/Protocol version: TLSv1\.3.*Verification: OK|Verification: OK.*Protocol version: TLSv1\.3/s,
	'-pubkey' => qr/^(\w{64})\b.*\n\1/m,
	'smaps_rollup' => qr/^\d+ kB$/m,
	'openssl verify' => qr/: OK$/m,
	"-> 'problems'" => qr/^$/,
	'pganalytics_flush' => qr/^t$/m,
	'may_execute' => qr/^pganalytics_status\(\)\|pg_monitor$/m);

sub blocks_of
{
	my ($document) = @_;
	my $text = PostgreSQL::Test::Utils::slurp_file("$docs/$document");

	return $text =~ /^```(sh|sql)\n(.*?)^```$/msg;
}

sub is_there
{
	my ($program) = @_;

	return grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

sub run
{
	my ($language, $text) = @_;
	my ($output, $errors) = ('', '');

	if ($language eq 'sql')
	{
		my ($result) = $node->psql('postgres', $text, stdout => \$output, stderr => \$errors, on_error_stop => 1);
		return ($result == 0, $output, $errors);
	}
	open my $file, '>', "$dir/script" or die "$dir/script: $!";
	print $file "cd '$dir'\n$text";
	close $file;
	local @ENV{qw(PGHOST PGPORT PGDATABASE PGDATA)} = ($node->host, $node->port, 'postgres', $node->data_dir);
	my $done = IPC::Run::run([ 'sh', '-e', "$dir/script" ], '>' => \$output, '2>' => \$errors);
	return ($done, "$output$errors", $errors);
}

foreach my $document (qw(troubleshooting.md security.md deployment.md))
{
	my @blocks = blocks_of($document);

	cmp_ok(scalar @blocks, '>', 4, "$document has commands");
	while (my ($language, $text) = splice @blocks, 0, 2)
	{
		next if $document eq 'deployment.md' && $text !~ /^openssl /m;

		my ($first) = $text =~ /^(.{1,60})/;

	  SKIP:
		{
			my @missing = $language eq 'sh' ? grep { $text =~ /^(?:\w+=\$\()?$_ /m && !is_there($_) } qw(curl openssl ps getent) : ();
			skip "there is no @missing here", 1 if @missing;

			$text =~ s/\Q$_->[0]\E/$_->[1]/g foreach @names;
			my ($done, $output, $errors) = run($language, $text);
			ok($done, "$document: $first") or diag $errors;
			foreach my $part (sort keys %prints)
			{
				like($output, $prints{$part}, "$document: \"$part\" prints what it must") if index($text, $part) >= 0;
			}
		}
	}
}

$node->check_log;
done_testing();
