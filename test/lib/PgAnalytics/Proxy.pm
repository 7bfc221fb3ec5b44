package PgAnalytics::Proxy;

# An HTTP proxy that connects to anywhere, and writes down what it is asked.
#
#   my $proxy = PgAnalytics::Proxy->new;
#   $node->set('pganalytics.proxy' => $proxy->url);
#   $proxy->refuse(403);
#   print $proxy->requests;
#
# It is stopped when the test ends.

use strict;
use warnings;

use Carp;
use File::Spec;
use IO::Select;
use IO::Socket::INET;
use PgAnalytics::Files;
use POSIX ();
use PostgreSQL::Test::Utils ();

my @running;

sub new
{
	my ($class) = @_;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16, Proto => 'tcp') or croak "listen: $!";
	my $dir = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir('proxy'));
	my $self = bless { port => $listener->sockport, dir => $dir }, $class;

	defined($self->{pid} = fork) or croak "fork: $!";
	if ($self->{pid} == 0)
	{
		local $SIG{CHLD} = 'IGNORE';
		while (my $client = $listener->accept)
		{
			next if fork;
			$self->_serve($client);
			POSIX::_exit(0);
		}
		POSIX::_exit(0);
	}
	push @running, $self->{pid};
	return $self;
}

sub url { return "http://127.0.0.1:$_[0]{port}" }

# What it was asked so far.
sub requests
{
	my $file = "$_[0]{dir}/requests";

	return -e $file ? PostgreSQL::Test::Utils::slurp_file($file) : '';
}

# Answers so from now on; undef: connects again.
sub refuse
{
	my ($self, $status) = @_;
	my $file = "$self->{dir}/refuse";

	return unlink $file unless defined $status;
	write_file($file, $status);
	return;
}

sub _serve
{
	my ($self, $client) = @_;
	my $head = '';

	while ($head !~ /\r\n\r\n/)
	{
		sysread $client, my $part, 4096 or return;
		$head .= $part;
	}
	open my $log, '>>', "$self->{dir}/requests" or return;
	print $log $head;
	close $log;

	if (-e "$self->{dir}/refuse")
	{
		my $status = PostgreSQL::Test::Utils::slurp_file("$self->{dir}/refuse");

		syswrite $client, "HTTP/1.1 $status No\r\nContent-Length: 0\r\n\r\n";
		return;
	}
	my ($address) = $head =~ /^CONNECT (\S+) / or return;
	my $server = IO::Socket::INET->new(PeerAddr => $address, Proto => 'tcp') or return;
	syswrite $client, "HTTP/1.1 200 Connection established\r\n\r\n";

	my %peer = ($client => $server, $server => $client);
	my $ready = IO::Select->new($client, $server);
	while (1)
	{
		foreach my $from ($ready->can_read)
		{
			sysread $from, my $data, 65536 or return;
			while (length $data)
			{
				my $written = syswrite $peer{$from}, $data or return;
				substr $data, 0, $written, '';
			}
		}
	}
}

END
{
	my $exit_code = $?;
	kill 'KILL', @running;
	$? = $exit_code;
}

1;
