# docs/configuration.md and docs/pganalytics.conf.sample say what the library declares, and
# the sample is a configuration that a server starts with.

use strict;
use warnings;

use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils qw(slurp_file run_command);
use Test::More;

my $tree = dirname(__FILE__) . '/../..';
my $node = PostgreSQL::Test::Cluster->new('main');

$node->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pganalytics'");
$node->start;

my @print = ('psql', '-X', '-d', $node->connstr('postgres'), '-f', "$tree/scripts/settings.sql");
foreach my $document ([ 'configuration.md' ], [ 'pganalytics.conf.sample', '-v', 'sample=1' ])
{
	my ($name, @options) = @$document;
	my ($printed, $errors) = run_command([ @print, @options ]);

	is($errors, '', "$name: no error");
	is($printed, slurp_file("$tree/docs/$name") =~ s/\n\z//r, "$name: as scripts/print-settings writes it");
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings
	WHERE name LIKE 'pganalytics.%' AND short_desc = ''}), 0, 'every setting is described');

# ---- with every line of the sample in force ----

my $sample = slurp_file("$tree/docs/pganalytics.conf.sample") =~ s/^#(pganalytics\.)/$1/mgr;
my @set = $sample =~ /^(pganalytics\.\w+) = /mg;
$node->append_conf('postgresql.conf', $sample);
$node->restart;
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_file_settings
	WHERE name LIKE 'pganalytics.%' AND applied AND error IS NULL}), scalar @set, 'the sample is accepted whole');
is($node->safe_psql('postgres', q{SELECT string_agg(name, ', ') FROM pg_settings
	WHERE name LIKE 'pganalytics.%' AND setting IS DISTINCT FROM boot_val}), '', 'and changes nothing');
$node->stop;
done_testing();
