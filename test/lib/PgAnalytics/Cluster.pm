package PgAnalytics::Cluster;

# A PostgreSQL server with the extension, set up to push to a test backend.
#
#   my $node = PgAnalytics::Cluster->create('main', backend => $backend);
#   $node->wait_for_status('delivery works', sub { $_->{delivery}{state} eq 'ok' });
#   $node->set('pganalytics.backend_url' => $other->url);
#   $node->check_log;

use strict;
use warnings;

use parent 'PostgreSQL::Test::Cluster';

use Carp;
use Cwd ();
use File::Basename qw(basename dirname);
use File::Spec;
use JSON::PP;
use PgAnalytics::Backend;
use PgAnalytics::Wait;
use PostgreSQL::Test::Utils ();
use Test::More;

# Where PostgreSQL 15 puts its data and logs; the later ones want to be told.
BEGIN
{
	$ENV{TESTDATADIR} //= "$ENV{TESTDIR}/tmp_check";
	$ENV{TESTLOGDIR} //= "$ENV{TESTDIR}/tmp_check/log";
	$ENV{PGCTLTIMEOUT} //= 300;    # in a minute a loaded machine may not get far
}

# Everything soon: tests wait for things to happen.
my %SETTINGS = (
	'shared_preload_libraries' => 'pg_stat_statements,pganalytics',
	'logging_collector' => 'on',
	'log_statement' => 'none',
	'track_io_timing' => 'on',
	'checkpoint_timeout' => '1h',    # what it says in the log is not expected there
	'pganalytics.pg_stats_interval' => '1s',
	'pganalytics.sysstat_interval' => '1s',
	'pganalytics.disk_usage_interval' => '1s',
	'pganalytics.pg_log_interval' => '1s',
	'pganalytics.pg_query_stats_interval' => '1s',
	'pganalytics.push_interval' => '0',
	'pganalytics.connect_timeout' => '60s',    # a backend that stands still for a while is not away
	'pganalytics.full_snapshot_interval' => '0',
	'pganalytics.max_cpu_percent' => '0',
	'pganalytics.spool_min_free' => '0');

# Never all right in a server log.
my $BAD_LINE = qr/\b(?:ERROR|FATAL|PANIC):  |terminated by signal|TRAP:/;

# What a session may say that has not quite ended when the test stops the server,
# autovacuum, and a visitor that is just connecting then.
my $STOPPED = qr/FATAL:  terminating (?:connection|autovacuum process|background worker "pganalytics visitor") due to administrator command/;

# What PostgreSQL says when somebody is in the way of who wants a database for himself.
my $IN_USE = qr/is being accessed by other users/;

# A new node, started and with the extension in "postgres".
#
#   backend     a PgAnalytics::Backend to push to; none: no backend_url
#   settings    hash of settings beyond those above; undef leaves one out
#   init        hash of arguments for init()
#   start       0: only initialised
sub create
{
	my ($class, $name, %options) = @_;
	my $node = $class->new($name);

	$node->{backend} = $options{backend};
	$node->init(extra => [ '--encoding=UTF8', '--no-locale' ], %{ $options{init} // {} });
	$node->configure(
		%SETTINGS, $node->log_settings,
		$node->backend_settings($options{backend}),
		%{ $options{settings} // {} });
	if ($options{start} // 1)
	{
		$node->start;
		$node->create_extensions;
	}
	return $node;
}

# Says what the server said when it does not start, and fails this test alone.
sub start
{
	my ($self, %params) = @_;
	my $started = $self->SUPER::start(%params, fail_ok => 1);

	croak $self->name . " does not start:\n" . $self->log_text unless $started or $params{fail_ok};
	return $started;
}

# kill -9 of the postmaster, and start() can follow.
sub kill9
{
	my ($self) = @_;

	$self->SUPER::kill9;
	$self->wait_until_dead;
	return;
}

# After the postmaster was killed.  Where nobody waits for dead processes (in a
# container) they stay on as zombies, and one would make the next postmaster
# believe that this one is alive.
sub wait_until_dead
{
	my ($self) = @_;
	my $directory = Cwd::abs_path($self->data_dir);

	wait_until('all processes of the server are gone',
		sub { !grep { (readlink $_ // '') eq $directory } glob '/proc/[0-9]*/cwd' });
	unlink "$directory/postmaster.pid", $self->host . '/.s.PGSQL.' . $self->port . '.lock';
	$self->{_pid} = undef;    # or stop() believes that it runs
	return;
}

# What a node needs that create() did not start.
sub create_extensions
{
	my ($self) = @_;

	$self->safe_psql($_, 'CREATE EXTENSION pg_stat_statements') foreach qw(template1 postgres);
	$self->safe_psql('postgres', 'CREATE EXTENSION pganalytics');
	return;
}

# A standby of this node, started.
sub create_standby
{
	my ($self, $name, %settings) = @_;
	my $standby = ref($self)->new($name);

	$standby->{backend} = $self->{backend};
	$self->backup($name);
	$standby->init_from_backup($self, $name, has_streaming => 1);
	$standby->configure($standby->log_settings, %settings);
	$standby->start;
	return $standby;
}

# The file that log() and wait_for_log() of the parent class read is the one that
# the logging collector writes.
sub log_settings
{
	my ($self) = @_;

	return (
		'log_directory' => File::Spec->rel2abs(dirname($self->logfile)),
		'log_filename' => basename($self->logfile));
}

sub backend_settings
{
	my ($self, $backend) = @_;

	return () unless $backend;
	return (
		'pganalytics.backend_url' => $backend->url,
		'pganalytics.tls_ca_file' => $backend->file('ca.crt'),
		'pganalytics.tls_cert_file' => $backend->file('client.crt'),
		'pganalytics.tls_key_file' => $backend->file('client.key'),
		'pganalytics.jwt_secret_file' => $backend->file('jwt.secret'));
}

# What psql exits with when it cannot connect, or is disconnected.
my $NO_CONNECTION = 2;

# Texts may hold any character; what comes back is bytes.
sub psql
{
	my ($self, $database, $sql, @options) = @_;

	utf8::encode($_) foreach grep { utf8::is_utf8($_) } $database, $sql;
	my @result = eval { $self->SUPER::psql($database, $sql, @options) };
	# it was gone before it had read the SQL
	@result = ($NO_CONNECTION) if $@ =~ /\bBroken pipe\b/;
	croak $@ unless @result;
	return wantarray ? @result : $result[0];
}

# Its time limit counts from the beginning of the session, not of a query: no test shall be
# ended for being slow as a whole.
sub background_psql
{
	my ($self, $database, %params) = @_;

	return $self->SUPER::background_psql($database,
		timeout => 10 * $PostgreSQL::Test::Utils::timeout_default, %params);
}

# SQL that nobody else may be connected to a database for.  PostgreSQL waits five seconds for the
# others to leave, and a visitor leaves after three at most; but where the machine stands still for
# that long, it takes another try.
sub safe_psql_alone
{
	my ($self, $database, $sql) = @_;
	my $stderr;

	foreach (1 .. 5)
	{
		return if $self->psql($database, $sql, stderr => \$stderr) == 0;
		last unless $stderr =~ $IN_USE;
		$self->{was_in_use} = 1;
	}
	croak "$sql: $stderr";
}

# The server's time as metrics write it.
sub utc_now
{
	my ($self) = @_;

	return $self->safe_psql('postgres',
		q{SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')});
}

# ---- settings ----

# Appends to postgresql.conf.
sub configure
{
	my ($self, %settings) = @_;

	$self->append_conf('postgresql.conf',
		join "\n",
		map { "$_ = '" . ($settings{$_} =~ s/'/''/gr) . "'" }
		grep { defined $settings{$_} } sort keys %settings);
	return;
}

# The same, and reloads.
sub set
{
	my ($self, %settings) = @_;

	$self->configure(%settings);
	$self->reload;
	return;
}

# ---- collections ----

# pganalytics_collect(), until nothing of it ran out of time: a visit has three seconds, and a
# machine that is busy with something else may take them all.
sub collect
{
	my ($self, $type) = @_;
	my $sql = defined $type ? "SELECT pganalytics_collect('$type')" : 'SELECT pganalytics_collect()';
	my $stderr;

	return wait_until(
		"a collection of all that is asked for",
		sub {
			return 1 if $self->psql('postgres', $sql, stderr => \$stderr) == 0;
			croak $stderr unless $stderr =~ $PgAnalytics::Backend::NO_TIME;
			$self->{had_no_time} = 1;
			return 0;
		},
		otherwise => sub { $stderr });
}

# Returns when the workers act by what was reloaded before: what they had begun by then is done.
sub wait_until_heard
{
	my ($self) = @_;

	$self->collect('sysstat') foreach 1 .. 2;    # the first one may have begun before
	return;
}

# ---- status ----

sub status
{
	my ($self, $database) = @_;

	return decode_json($self->safe_psql($database // 'postgres', 'SELECT pganalytics_status()'));
}

# The first status that the sub is true of; it finds the status in $_.
sub wait_for_status
{
	my ($self, $what, $condition, %options) = @_;
	my $status;

	return wait_until(
		$what,
		sub {
			local $_ = $status = $self->status;
			return $condition->() && $status;
		},
		otherwise => sub { JSON::PP->new->pretty->canonical->encode($status) },
		%options);
}

sub wait_for_state
{
	my ($self, $state) = @_;

	return $self->wait_for_status("delivery.state is $state",
		sub { $_->{delivery}{state} eq $state });
}

sub wait_for_problem
{
	my ($self, $pattern) = @_;

	return $self->wait_for_status("a problem like $pattern",
		sub { grep { /$pattern/ } @{ $_->{problems} } });
}

sub wait_for_no_problem
{
	my ($self, $pattern) = @_;

	return $self->wait_for_status("no more problem like $pattern",
		sub { !grep { /$pattern/ } @{ $_->{problems} } });
}

# Process ids of the workers; a worker that does not run has none.
sub worker_pid
{
	my ($self, $worker) = @_;

	return $self->status->{workers}{$worker}{pid};
}

# What lies in the spool, in order: sealed and plain batches.
sub spool_files
{
	my ($self) = @_;

	return sort glob($self->data_dir . '/pg_stat_tmp/pganalytics/spool/[0-9]*.{plain,batch}');
}

# ---- the server log ----

# All that has been said until now, from an offset on.
sub log_text
{
	my ($self, $offset) = @_;

	$self->_wait_for_logging_collector;
	return PostgreSQL::Test::Utils::slurp_file($self->logfile, $offset // 0);
}

sub log_size
{
	my ($self) = @_;

	$self->_wait_for_logging_collector;
	return -s $self->logfile;
}

# The logging collector writes lines later than they are said, but in their order.
# There is nothing to wait for where no session can say anything, or not to that file.
sub _wait_for_logging_collector
{
	my ($self) = @_;
	my $mark = 'all before this is written: ' . ++$self->{log_marks};
	my $file = join '/', @{ { $self->log_settings } }{qw(log_directory log_filename)};
	my $written_to = '';

	return unless -e $self->logfile;

	my $size = -s _;
	$self->psql(
		'postgres', qq{
		DO \$\$ BEGIN RAISE LOG '$mark.'; END \$\$;
		SELECT pg_current_logfile('stderr')},
		stdout => \$written_to, stderr => \my $refused);
	wait_until('the logging collector has written all',
		sub { PostgreSQL::Test::Utils::slurp_file($self->logfile, $size) =~ /\Q$mark.\E/ })
	  if $written_to eq $file;
	return;
}

# The last look of every test: no secret in any log file, and no line that is
# ERROR or worse but those that match one of "allowed".
sub check_log
{
	my ($self, %options) = @_;
	my $name = $self->name;
	my $text = join '',
	  map { PostgreSQL::Test::Utils::slurp_file($_) } glob($self->logfile =~ s/log$/*/r);
	my @allowed = ($STOPPED, @{ $options{allowed} // [] });
	push @allowed, $IN_USE if $self->{was_in_use};
	push @allowed, qr/could not be collected in full: .*$PgAnalytics::Backend::NO_TIME/ if $self->{had_no_time};
	my @bad = grep { $_ =~ $BAD_LINE } split /\n/, $self->log_text;

	@bad = grep { my $line = $_; !grep { $line =~ $_ } @allowed } @bad;
	is(join("\n", @bad), '', "$name: no unexpected error in the server log");

	my @secrets = $self->{backend} ? $self->{backend}->secrets : ();
	my @leaked = grep { index($text, $_) >= 0 } @secrets;
	push @leaked, $1 if $text =~ /(eyJ[\w-]+\.eyJ[\w-]+)/;
	is(scalar @leaked, 0, "$name: no secret in the server log");
	return;
}

1;
