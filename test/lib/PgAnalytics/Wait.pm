package PgAnalytics::Wait;

# Waiting for a condition, the only kind of waiting there is in the tests.

use strict;
use warnings;

use Carp;
use Exporter 'import';
use PostgreSQL::Test::Utils ();
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(wait_until seconds_of);

my $PAUSE = 0.05;

# wait_until("what is waited for", sub { … }, %options): the first true value that
# the sub returns; dies when there is none within the time.
#
#   timeout     in seconds
#   otherwise   sub whose text goes with the failure
sub wait_until
{
	my ($what, $condition, %options) = @_;
	my $timeout = $options{timeout} // $PostgreSQL::Test::Utils::timeout_default;
	my $end = time + $timeout;

	while (1)
	{
		my $value = $condition->();
		return $value if $value;
		last if time > $end;
		select(undef, undef, undef, $PAUSE);
	}
	diag "waited in vain for $timeout s: $what";
	diag $options{otherwise}->() if $options{otherwise};
	croak "waited in vain: $what";
}

# How long something takes.
sub seconds_of
{
	my ($action) = @_;
	my $start = time;

	$action->();
	return time - $start;
}

1;
