
# A process is killed while the sender compresses, sends, acknowledges, rejects or
# splits a batch: it is delivered, once, or counted as what became of it.

use strict;
use warnings;

use JSON::PP;
use PgAnalytics::Backend;
use PgAnalytics::Crash;
use Test::More;

my $PUSH = '/api/v1/metrics/push';
my $backend = PgAnalytics::Backend->new;
my $crash = PgAnalytics::Crash->create($backend);
my $node = $crash->node;
my %target_name = (
	self => 'kill -9 of the sender',
	backend => 'kill -9 of a backend',
	postmaster => 'kill -9 of all',
	orphan => 'kill -9 of the postmaster',
	wait => 'an immediate shutdown',
	term => 'SIGTERM to it');

sub names
{
	my ($what, $point, $other) = @_;

	return join(' and ', map { $target_name{$_} } 'self', $other // ()) . " while it $what ($point)";
}

# [what the sender does, point, skip, other target]
my @steps = (
	[ 'compresses', 'create', 0 ],
	[ 'compresses', 'write', 0 ],
	[ 'compresses', 'header', 0 ],
	[ 'compresses', 'rename', 0, 'backend' ],
	[ 'compresses', 'renamed', 0, 'postmaster' ],
	[ 'compresses', 'tidy', 0 ],
	[ 'compresses', 'tidied', 0, 'wait' ],
	[ 'connects', 'send', 0 ],
	[ 'connects', 'sent', 0 ],
	[ 'connects', 'reply', 0, 'term' ],
	[ 'sends', 'send', 2 ],
	[ 'sends', 'sent', 2, 'orphan' ],
	[ 'is answered', 'reply', 6, 'wait' ],
	[ 'acknowledges', 'remove', 0, 'backend' ],
	[ 'acknowledges', 'removed', 0, 'postmaster' ],
	[ 'acknowledges', 'count', 0 ],
	[ 'acknowledges', 'counted', 0, 'orphan' ]);

foreach my $step (@steps)
{
	my ($what, $point, $skip, $other) = @$step;

	foreach my $target ('self', $other // ())
	{
		$backend->order(action => 'disconnect') if $what =~ /connects|sends|answered/;
		$crash->strike($point, 'sender', skip => $skip, target => $target, by => sub { $crash->collect('sysstat') });
	}
	$crash->balance(names($what, $point, $other));
}

# ---- rejected, split ----

foreach my $case (
	[ 422, 'rejects', [ 'count' ], [ 'counted', 'postmaster' ], [ 'reject' ], [ 'rejected', 'wait' ] ],
	[ 413, 'splits', [ 'half' ], [ 'halves', 'backend' ], [ 'count', 'orphan' ], [ 'counted', 'postmaster' ],
		[ 'halve' ], [ 'halved', 'wait' ], [ 'remove', 'postmaster' ], [ 'removed', 'orphan' ] ])
{
	my ($status, $what, @points) = @$case;

	foreach (@points)
	{
		my ($point, $other) = @$_;

		foreach my $target ('self', $other // ())
		{
			$backend->order(action => 'status', status => $status, path => $PUSH, times => undef);
			$crash->strike($point, 'sender', target => $target, by => sub { $crash->collect('all') });
			$backend->order(action => 'reset');
			# or one that has arrived, the reply being lost, is refused the next time
			$crash->flush;
		}
		$crash->balance(names("$what a batch", $point, $other));
	}
}
# the second of the halves
foreach my $point (qw(half halve halved))
{
	$backend->order(action => 'status', status => 413, path => $PUSH, times => undef);
	$crash->strike($point, 'sender', skip => 1, by => sub { $crash->collect('all') });
	$backend->order(action => 'reset');
	$crash->balance("kill -9 of the sender at the second half of a batch ($point)");
}
cmp_ok($node->status->{spool}{$_}, '>', 0, "batches were $_") foreach qw(rejected split);

$node->check_log(allowed => \@PgAnalytics::Crash::SAYS);
done_testing();
