package PgAnalytics::Clock;

# A server's clock that a test sets.
#
#   my $clock = PgAnalytics::Clock->new;
#   local $ENV{LD_PRELOAD} = $clock->library;    # while the server is started
#   $clock->set_ahead(3600);

use strict;
use warnings;

use Carp;
use File::Basename qw(dirname);
use File::Spec;
use PgAnalytics::Files;
use PgAnalytics::Preload;
use PostgreSQL::Test::Utils ();

my $SOURCE = File::Spec->rel2abs(dirname(__FILE__) . '/../../preload/clock.c');

sub new
{
	my ($class) = @_;
	my $file = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir('clock')) . '/seconds';
	my $self = bless { file => $file }, $class;

	$self->{library} = PgAnalytics::Preload::build(PostgreSQL::Test::Utils::slurp_file($SOURCE), qq{-DCLOCK="$file"});
	$self->set_ahead(0);
	return $self;
}

sub library { return $_[0]{library} }

# By so many seconds of the real time; behind where negative.
sub set_ahead
{
	my ($self, $seconds) = @_;

	rename write_file("$self->{file}.new", "$seconds\n"), $self->{file} or croak "$self->{file}: $!";
	return;
}

1;
