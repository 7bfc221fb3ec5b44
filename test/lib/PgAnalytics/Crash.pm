package PgAnalytics::Crash;

# A server whose processes are killed at named points of a batch's way, and the
# account of every batch that was ever written; the points: test/preload/crash.c.
#
#   my $crash = PgAnalytics::Crash->create($backend, %settings);
#   $crash->strike('rename', 'collector', target => 'self', by => sub { … });
#   $crash->balance('a crash before the rename');

use strict;
use warnings;

use Carp;
use File::Basename qw(dirname);
use File::Spec;
use PgAnalytics::Cluster;
use PgAnalytics::Files;
use PgAnalytics::Preload;
use PgAnalytics::Wait;
use POSIX ();
use PostgreSQL::Test::Utils ();
use Test::More;

my $SOURCE = File::Spec->rel2abs(dirname(__FILE__) . '/../../preload/crash.c');

# What a server says that a process was taken from.
our @SAYS = (
	qr/terminated by signal 9: Killed/,
	qr/terminating connection (?:because of crash|due to unexpected postmaster exit)/,
	qr/the database system is (?:starting up|in recovery mode|not yet accepting connections|shutting down)/);

sub create
{
	my ($class, $backend, %settings) = @_;
	my $folder = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir('crash'));
	my $self = bless { backend => $backend, folder => $folder }, $class;

	$ENV{PGANALYTICS_CRASH} = $folder;
	$ENV{LD_PRELOAD} = PgAnalytics::Preload::build(PostgreSQL::Test::Utils::slurp_file($SOURCE));
	$self->{node} = PgAnalytics::Cluster->create(
		'main',
		backend => $backend,
		settings => {
			'restart_after_crash' => 'on',
			'pganalytics.enabled_collectors' => 'pg_stats,sysstat,disk_usage,pg_log',
			(map { ("pganalytics.${_}_interval" => '1h') } qw(pg_stats sysstat disk_usage pg_log)),
			%settings
		});
	$self->{library} = delete $ENV{LD_PRELOAD};
	$self->wait_until_up;
	return $self;
}

sub node { return $_[0]{node} }

sub start
{
	my ($self) = @_;

	local $ENV{LD_PRELOAD} = $self->{library};
	$self->{node}->start;
	return;
}

# SQL that may fail, because the server goes down under it.
sub try
{
	my ($self, $sql) = @_;
	my ($stdout, $stderr);

	return $self->{node}->psql('postgres', $sql, stdout => \$stdout, stderr => \$stderr) == 0;
}

sub collect
{
	my ($self, @types) = @_;

	return $self->try(join '; ', map { "SELECT pganalytics_collect('$_')" } @types);
}

sub flush
{
	my ($self) = @_;

	return $self->{node}->safe_psql('postgres', q{SELECT pganalytics_flush('2min')}) eq 't';
}

# ---- crashes ----

# Has a process of that kind ("collector", "sender", "visitor") struck when it
# reaches the point; "by" makes it get there.  Returns when the server is back.
#
#   target   see crash.c (self)
#   skip     how often it passes the point first (0)
#   by       sub, called until it happens, in a process of its own: it may wait until the
#            server is gone
sub strike
{
	my ($self, $point, $who, %options) = @_;
	my $target = $options{target} // 'self';
	my $folder = $self->{folder};
	my $victim;

	unlink "$folder/fired";
	$victim = $self->_start_victim if $target eq 'backend';
	write_file("$folder/order.new", join(' ', $point, $who, $options{skip} // 0, $target) . "\n");
	rename "$folder/order.new", "$folder/order" or croak "$folder/order: $!";
	my $cause = _in_background(sub { $options{by}->() until -s "$folder/fired" });
	my $fired = eval { wait_until("$who reaches $point", sub { -s "$folder/fired" }) };
	if (!$fired)
	{
		kill 'KILL', $cause;
		croak "$who does not reach $point";
	}

	if ($target eq 'wait')
	{
		$self->{node}->stop('immediate');
		$self->start;
	}
	elsif ($target eq 'postmaster' or $target eq 'orphan')
	{
		$self->{node}->wait_until_dead;
		$self->start;
	}
	elsif ($target ne 'term')
	{
		my $fired = PostgreSQL::Test::Utils::slurp_file("$folder/fired") + 0;
		wait_until('the process is gone', sub { !kill 0, $fired });
	}
	waitpid $_, 0 foreach grep { defined } $cause, $victim;
	$self->wait_until_up;
	return;
}

# New workers, with the spool looked through.
sub wait_until_up
{
	my ($self) = @_;

	my ($stdout, $stderr);

	wait_until(
		'the workers are back',
		sub {
			$self->{node}->psql('postgres',
				q{SELECT w -> 'collector' ->> 'state', w -> 'sender' ->> 'pid' IS NOT NULL
				  FROM pganalytics_status() AS s, jsonb_path_query(s, '$.workers') AS w},
				stdout => \$stdout, stderr => \$stderr) == 0 && $stdout eq 'idle|t';
		});
	return;
}

sub _in_background
{
	my ($action) = @_;
	my $process = fork // croak "fork: $!";

	return $process if $process;
	eval { $action->() };
	POSIX::_exit(0);
}

# A backend that does nothing; returns the process of its client.
sub _start_victim
{
	my ($self) = @_;
	my $node = $self->{node};
	my $client = fork // croak "fork: $!";

	if ($client == 0)
	{
		open STDOUT, '>', '/dev/null';
		open STDERR, '>', '/dev/null';
		exec 'psql', '-X', '-d', $node->connstr('postgres') . q{ application_name='victim'}, '-c', 'SELECT pg_sleep(600)'
		  or POSIX::_exit(127);
	}
	my $backend = wait_until('the victim runs',
		sub { $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE application_name = 'victim' AND state = 'active'}) });
	write_file("$self->{folder}/victim", $backend);
	return $client;
}

# ---- the account ----

# Delivers what waits; then everything that was ever written must have been
# delivered once, rejected, split or counted as dropped.
sub balance
{
	my ($self, $name) = @_;
	my $account;

	ok($self->flush, "$name: all is delivered");

	# a visit may be under way
	eval { wait_until('nothing is missing', sub { $account = $self->account; !%{ $account->{wrong} } }) };
	is_deeply($account->{wrong}, {}, "$name: $account->{text}")
	  or diag explain($account->{wrong});
	return;
}

sub account
{
	my ($self) = @_;
	my $node = $self->{node};
	my $spool = $node->status->{spool};
	my (%journal, %stored, %metrics);

	foreach my $line (split /\n/, PostgreSQL::Test::Utils::slurp_file("$self->{folder}/journal"))
	{
		my ($what, $sequence) = split ' ', $line;
		$journal{$what}{$sequence} = 1;
	}
	foreach my $batch ($self->{backend}->batches)
	{
		my ($sequence) = $batch->{batch_id} =~ m{/(\d+)$};
		$stored{$sequence} = 1;
		$metrics{ join ' ', $_->{type}, $_->{database} // '', $_->{timestamp} }{$sequence} = 1
		  foreach @{ $batch->{metrics} };
	}
	my %written = %{ $journal{written} };
	my %rejected = %{ $journal{rejected} // {} };
	my @neither = grep { !$stored{$_} && !$rejected{$_} } sort keys %written;
	my $counted = $spool->{split} + $spool->{dropped};

	# killed before the journal could say whether it got its name
	my @unsure = grep { !$written{$_} && !$stored{$_} && !$rejected{$_} } keys %{ $journal{naming} };
	my %wrong = (
		'split or dropped, but not counted (or the other way round)' =>
		  $counted >= @neither && $counted <= @neither + @unsure ? [] : [ 'these:', @neither ],
		'rejected, but not counted (or the other way round)' =>
		  keys %rejected == $spool->{rejected} ? [] : [ 'these:', sort keys %rejected ],
		'rejected and delivered' => [ grep { $stored{$_} } sort keys %rejected ],
		'never written' => [ grep { !$journal{naming}{$_} } sort keys %stored ],
		'delivered in two batches' => [ grep { keys %{ $metrics{$_} } > 1 } sort keys %metrics ],
		'left behind' => [ glob($node->data_dir . '/pg_stat_tmp/pganalytics/spool/*') ]);

	return {
		wrong => { map { $_ => $wrong{$_} } grep { @{ $wrong{$_} } } keys %wrong },
		text => sprintf('%d batches are accounted for: %d delivered, %d rejected, %d split, %d dropped',
			scalar keys %written, scalar keys %stored, @$spool{qw(rejected split dropped)})
	};
}

1;
