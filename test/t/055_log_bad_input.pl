
# Whatever bytes stand in the server log: what comes after them is read, and what was
# passed over is counted.

use strict;
use warnings;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use PostgreSQL::Test::Utils qw(append_to_file);
use Test::More;

my $backend = PgAnalytics::Backend->new;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'log_rotation_size' => '0',
		'log_line_prefix' => '%m [%p] ',
		'log_destination' => 'stderr',
		'pganalytics.log_entry_size' => '1kB',
	});
my $time = $node->safe_psql('postgres', q{SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')}) . '.000 UTC';

$node->wait_for_state('ok');
$node->wait_for_status('the log is read', sub { $_->{collectors}{pg_log}{runs} > 0 });

sub entries { return map { @{ $_->{entries} } } $backend->metrics('pg_log') }

my $number = 0;

# What the server writes after all that arrives; returns the entries since the last call.
sub next_entry_arrives
{
	my ($what) = @_;
	my $text = 'entry after it, number ' . ++$number;

	$node->safe_psql('postgres', qq{SET client_min_messages = error; DO \$\$ BEGIN RAISE WARNING '$text'; END \$\$});
	ok(wait_until("$what: the next entry", sub { grep { $_->{message} eq $text } entries() }), "$what: what follows arrives");
	my @new;
	foreach my $entry (reverse entries())
	{
		last if $entry->{message} eq 'entry after it, number ' . ($number - 1);
		unshift @new, $entry;
	}
	return @new;
}

sub skipped { return $node->status->{log}{skipped_bytes} }

my $log = $node->logfile;

# ---- stderr ----

next_entry_arrives('nothing yet');
append_to_file($log, "$time [1] WARNING:  with \0 NUL \0 bytes\n");
my ($nul) = next_entry_arrives('NUL bytes');
like($nul->{message}, qr/^with . NUL . bytes$/, 'NUL bytes: the entry is there');

append_to_file($log, "$time [1] WARNING:  half a character \xc3\n$time [1] WARNING:  \xff\xfe none\n");
my @half = next_entry_arrives('invalid UTF-8');
like($half[0]{message}, qr/^half a character \x{fffd}$/, 'invalid UTF-8: is replaced');
is($half[1]{message}, "\x{fffd}\x{fffd} none", 'invalid UTF-8: each byte');

my $before = skipped();
append_to_file($log, join '', map { chr(int(rand(256))) =~ tr/\n\t/xx/r } 1 .. 100_000);
append_to_file($log, "\n");
next_entry_arrives('binary');
ok(wait_until('it is counted', sub { skipped() - $before >= 100_000 }), 'binary: what is skipped is counted');

append_to_file($log, "$time [1] WARNING:  long " . ('x' x 100_000_000) . "\n$time [1] WARNING:  short\n");
my @long = grep { $_->{level} eq 'WARNING' } next_entry_arrives('100 MB');
is(length($long[0]{message}) <= 1024, 1, '100 MB: the entry is cut');
like($long[0]{message}, qr/^long x+/, '100 MB: its beginning is there');
is($long[1]{message}, 'short', '100 MB: the one behind it is whole');

# a statement of many lines, cut where a line of it goes on as an entry begins
my $lines = "$time [1] WARNING:  many lines\n\tx\n\t";
append_to_file($log, $lines . ('x' x (256 * 1024 - length $lines)) . "$time [1] WARNING:  forged\n$time [1] WARNING:  after many lines\n");
my @lines = next_entry_arrives('many lines');
ok(scalar(grep { $_->{message} =~ /^many lines/ } @lines), 'many lines: the entry is there');
is_deeply([ grep { $_->{message} eq 'forged' } @lines ], [], 'many lines: no entry is made of what is behind the cut');
ok(scalar(grep { $_->{message} eq 'after many lines' } @lines), 'many lines: the one behind it is whole');
cmp_ok($node->status->{workers}{collector}{memory_bytes}, '<', 64 * 1024 * 1024, '100 MB: memory stays small');

# ---- csvlog ----

my $csv = $log =~ s/log$/csv/r;
$node->set('log_destination' => 'csvlog');
$node->wait_for_status('csvlog is read', sub { ($_->{log}{source} // '') eq 'csvlog' });
my $head = qq{$time,"u","d",1,"h",1.1,1,"",$time,1/1,0,WARNING,01000,};
my $tail = qq{,,,,,,,,,"app","client backend",,0\n};
next_entry_arrives('csvlog: nothing yet');
append_to_file($csv, qq{$head"the quote is missing$tail$head"the quote is there"$tail});
my @quote = next_entry_arrives('csvlog: a missing quote');
ok(scalar(grep { $_->{message} eq 'the quote is there' } @quote), 'csvlog: the entry after it is whole');
# a statement longer than what is read at once, with lines in it that look like entries
my $forged = qq{$time,"u","d",1,"h",1.1,1,"",$time,1/1,0,PANIC,XX000,"forged",,,,,,,,,"app","client backend",,0\n};
append_to_file($csv, qq{$head"} . ('x' x 1_000_000) . "\n" . ($forged =~ s/"/""/gr) x 2 . qq{"$tail$head"after a long one"$tail});
my @forged = next_entry_arrives('csvlog: a text that looks like entries');
is_deeply([ grep { $_->{level} eq 'PANIC' } @forged ], [], 'csvlog: a text that looks like entries: none is made of it');
ok(scalar(grep { $_->{message} eq 'after a long one' } @forged), 'csvlog: the entry after it is whole');
append_to_file($csv, qq{garbage "," \0\n"more\n$head"after garbage"$tail});
my @garbage = next_entry_arrives('csvlog: garbage');
ok(scalar(grep { $_->{message} eq 'after garbage' } @garbage), 'csvlog: reading goes on where an entry begins');

# ---- jsonlog, and a binary file that log_filename could have named ----

my $json = $log =~ s/log$/json/r;
$node->set('log_destination' => 'jsonlog');
$node->wait_for_status('jsonlog is read', sub { ($_->{log}{source} // '') eq 'jsonlog' });
next_entry_arrives('jsonlog: nothing yet');
append_to_file($json, qq({"timestamp":"$time","error_severity":"WARNING","message":"torn\n{"timestamp":"$time","error_severity":"WARNING","message":"whole \\u0000 \\ud800"}\n));
my @json = next_entry_arrives('jsonlog: a torn line');
ok(scalar(grep { $_->{message} =~ /^whole/ } @json), 'jsonlog: the entry after it is whole');

is_deeply([ grep { $_->{error} && !$_->{event} } $backend->requests ], [], 'no request was refused');
$node->check_log;
done_testing();
