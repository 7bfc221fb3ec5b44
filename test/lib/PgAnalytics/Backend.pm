package PgAnalytics::Backend;

# A running test backend (test/backend), its certificates and what arrived at it.
#
#   my $backend = PgAnalytics::Backend->new;
#   $backend->order(action => 'status', status => 503, times => undef);
#   my $metric = $backend->wait_for_metric('pg_stats', 'postgres');
#
# It is stopped when the test ends.

use strict;
use warnings;

use Carp;
use File::Basename qw(dirname);
use File::Spec;
use HTTP::Tiny;
use JSON::PP;
use POSIX ();
use PostgreSQL::Test::Utils ();
use PgAnalytics::Wait;

my $ROOT = File::Spec->rel2abs(dirname(__FILE__) . '/../../..');
my $SCHEMA = "$ROOT/docs/schema/metrics.schema.json";

# What the collectors say of which a machine that stands still for seconds has no time for.
our $NO_TIME = qr/ran out of time|running out of time|canceling statement due to statement timeout|in a row and is left alone/;

my @running;

# Starts a backend; arguments are further options of backend.py.
sub new
{
	my ($class, @options) = @_;
	my $dir = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir('backend'));
	my $self = bless {
		dir => $dir,
		certs => "$dir/certs",
		scheme => (grep { $_ eq '--plain-http' } @options) ? 'http' : 'https',
		options => [@options],
		port => 0,
		control_port => 0,
		http => HTTP::Tiny->new(keep_alive => 0, timeout => 180, proxy => undef, http_proxy => undef),
	}, $class;

	PostgreSQL::Test::Utils::system_or_bail("$ROOT/test/backend/make-certs", $self->{certs});
	return $self->start;
}

# Starts it (again, on the same ports, with the same memory of what arrived).
sub start
{
	my ($self) = @_;

	unlink map { "$self->{dir}/$_" } qw(port control_port);
	my @command = (
		"$ROOT/test/backend/backend.py",
		'--dir' => $self->{dir},
		'--certs' => $self->{certs},
		'--schema' => $SCHEMA,
		'--port' => $self->{port},
		'--control-port' => $self->{control_port},
		@{ $self->{options} });

	push @running, $self;
	wait_until(
		'the backend listens',
		sub {
			$self->_launch(@command) unless $self->is_running;
			wait_until(
				'the backend listens, or cannot',
				sub { -e "$self->{dir}/control_port" or !$self->is_running },
				otherwise => sub { $self->output });
			# a connection of somebody else's may have had the port for a moment
			return 1 if $self->is_running;
			croak 'the backend did not start: ' . $self->output unless $self->output =~ /Address already in use/;
			return 0;
		});
	$self->{$_} = PostgreSQL::Test::Utils::slurp_file("$self->{dir}/$_") + 0
	  foreach qw(port control_port);
	return $self;
}

sub _launch
{
	my ($self, @command) = @_;

	defined($self->{pid} = fork) or croak "fork: $!";
	return if $self->{pid};
	open STDIN, '<', '/dev/null';
	open STDOUT, '>>', "$self->{dir}/output";
	open STDERR, '>&', \*STDOUT;
	exec @command or POSIX::_exit(127);
}

sub is_running
{
	my ($self) = @_;

	return $self->{pid} && waitpid($self->{pid}, POSIX::WNOHANG) == 0;
}

sub stop
{
	my ($self) = @_;

	if ($self->{pid})
	{
		local $?;
		kill 'KILL', $self->{pid};
		waitpid $self->{pid}, 0;
		$self->{pid} = undef;
	}
	return;
}

sub output { return PostgreSQL::Test::Utils::slurp_file("$_[0]{dir}/output") }

sub port { return $_[0]{port} }

sub url
{
	my ($self, $host) = @_;

	return "$self->{scheme}://" . ($host // 'localhost') . ":$self->{port}";
}

# The path of a certificate, key or secret, see make-certs.
sub file { return "$_[0]{certs}/$_[1]" }

# The text of every secret that no log and no status may ever hold.
sub secrets
{
	my ($self) = @_;
	my @secrets;

	foreach my $path (glob "$self->{certs}/*.secret $self->{certs}/*.key")
	{
		my $text = PostgreSQL::Test::Utils::slurp_file($path);
		push @secrets, grep { length > 20 && !/^--/ } split /\n/, $text;
	}
	return @secrets;
}

# ---- what it does: see README.md of the backend ----

sub order
{
	my ($self, %order) = @_;
	my $reply = $self->{http}->post($self->_control_url, { content => encode_json(\%order) });

	croak "order refused: $reply->{status} $reply->{content}" unless $reply->{success};
	return;
}

# ---- what arrived ----

# The number that the next request will have.
sub position { return $_[0]->_get('position') }

# All requests and failed handshakes from number $since on; of their metrics only
# type, database and timestamp.
sub requests
{
	my ($self, $since) = @_;

	return @{ $self->_get('requests', since => $since) };
}

# The metrics of that type that were stored, in order. Filters: database, collector
# (an id), since (a position), name (of a table, an index …: other elements are left out).
sub metrics
{
	my ($self, $type, %filters) = @_;

	return @{ $self->_get('metrics', type => $type, %filters) };
}

# The first request from number $since on that the sub is true of.
sub wait_for_request
{
	my ($self, $what, $condition, $since) = @_;

	return $self->_wait_for(
		"a request: $what", $since,
		sub {
			my ($from) = @_;
			my ($found) = grep { $condition->($_) } $self->requests($from);
			return $found;
		});
}

# The newest metric of that type and database (undef: of none) that passes the
# filters of metrics(), was read at "after" or later and that the sub "where" is
# true of; waits until there is one.
sub wait_for_metric
{
	my ($self, $type, $database, %filters) = @_;
	my $since = delete $filters{since};
	my $after = delete $filters{after} // '';
	my $where = delete $filters{where} // sub { 1 };
	my $what = join ' ', 'metric', $type, $database // (), $filters{name} // ();

	$filters{database} = $database if defined $database;
	return $self->_wait_for(
		$what, $since,
		sub {
			my ($from) = @_;
			my ($found) = grep { $_->{timestamp} ge $after && $where->($_) }
			  reverse $self->metrics($type, %filters, since => $from);
			return $found;
		});
}

# Calls the sub with the position from which on nothing has been looked at yet.
sub _wait_for
{
	my ($self, $what, $since, $look) = @_;
	my $from = $since // 0;

	return wait_until(
		$what,
		sub {
			my $next = $self->position;
			my $found = $look->($from);
			$from = $next;
			return $found;
		},
		otherwise => sub { $self->last_refusal });
}

# The envelopes of all accepted batches, each once.
sub batches
{
	my ($self, $since) = @_;

	return map { $_->{body} } grep { $_->{stored} } $self->requests($since);
}

# What went wrong in the collections of those, but for what there was no time for.
sub collection_errors
{
	my ($self, $since) = @_;

	return grep { $_->{error} !~ $NO_TIME } map { @{ $_->{collection_errors} } } $self->batches($since);
}

# What was refused last, and why: for messages of failing tests.
sub last_refusal
{
	my ($self) = @_;
	my ($last) = reverse grep { $_->{error} } $self->requests;

	return $last ? 'last refusal: ' . encode_json($last->{error}) : 'nothing was refused';
}

sub _control_url { return "http://127.0.0.1:$_[0]{control_port}/control" }

sub _get
{
	my ($self, $report, %query) = @_;
	my $parameters = $self->{http}->www_form_urlencode(
		{ map { $_ => $query{$_} } grep { defined $query{$_} } keys %query });
	my $reply = $self->{http}->get($self->_control_url . "/$report?$parameters");

	croak "GET $report: $reply->{status} $reply->{content}" unless $reply->{success};
	return JSON::PP->new->utf8->allow_nonref->decode($reply->{content});
}

END
{
	my $exit_code = $?;
	$_->stop foreach @running;
	$? = $exit_code;
}

1;
