package PgAnalytics::Files;

# Files that tests write, and the names by which a batch is known.

use strict;
use warnings;

use Carp;
use Exporter 'import';

our @EXPORT = qw(write_file sequence_of key_of);

# Its content becomes the text; only the owner has access.  Returns the path.
sub write_file
{
	my ($path, $text, $mode) = @_;

	open my $file, '>:raw', $path or croak "$path: $!";
	print $file $text;
	close $file or croak "$path: $!";
	chmod $mode // 0600, $path or croak "$path: $!";
	return $path;
}

# The sequence number of a batch, by the path of its file or its batch_id.
sub sequence_of
{
	my ($name) = @_;

	return $name =~ m{/0*(\d+)[^/]*$} ? $1 + 0 : undef;
}

# The batch_id that a request of the backend's journal carries; '': none.
sub key_of
{
	my ($request) = @_;

	return $request->{headers}{'Idempotency-Key'} // '';
}

1;
