
# A server that speaks German: what SQLSTATE tells is known all the same, severities and
# the parts of an entry are what they are, nobody's data leaves in the foreign text, and
# the status says what another language costs.

use strict;
use warnings;
use utf8;

use PgAnalytics::Backend;
use PgAnalytics::Cluster;
use PgAnalytics::Wait;
use PostgreSQL::Test::Utils qw(run_log);
use Test::More;

my $LANGUAGE = 'de_DE.UTF-8';

# The language has to be known to the C library, and to the server.
my $locales = PostgreSQL::Test::Utils::tempdir('locales');
my ($version) = `pg_config --version` =~ /(\d+)/;
chomp(my $translations = `pg_config --localedir`);
plan skip_all => "the server has no German messages"
  unless -e "$translations/de/LC_MESSAGES/postgres-$version.mo";
plan skip_all => 'there are no descriptions of locales (Debian: package locales)'
  unless -e '/usr/share/i18n/locales/de_DE';
run_log([ 'localedef', '-i', 'de_DE', '-f', 'UTF-8', "$locales/$LANGUAGE" ]);
plan skip_all => 'localedef does not make a locale' unless -e "$locales/$LANGUAGE/LC_MESSAGES";

my $backend = PgAnalytics::Backend->new;
$ENV{LOCPATH} = $locales;
my $node = PgAnalytics::Cluster->create(
	'main',
	backend => $backend,
	settings => {
		'lc_messages' => $LANGUAGE,
		'log_line_prefix' => '%m [%p] %e %q%u@%d %a ',
		'log_error_verbosity' => 'default',
		'pganalytics.log_filters' => 'all' });
delete $ENV{LOCPATH};

sub entries { return map { @{ $_->{entries} // [] } } $backend->metrics('pg_log') }

# The first entry that the sub is true of.
sub entry
{
	my ($what, $condition) = @_;

	return wait_until($what, sub { (grep { $condition->($_) } entries())[0] });
}

sub with_message
{
	my ($word, $message) = @_;

	return entry("$word: $message",
		sub { $_[0]{message} eq $message && ($_[0]{application} // '') eq $word });
}

sub with_sqlstate
{
	my ($word, $sqlstate) = @_;

	return entry("$word: $sqlstate",
		sub { ($_[0]{sqlstate} // '') eq $sqlstate && ($_[0]{application} // '') eq $word });
}

$node->wait_for_state('ok');
my $status = $node->wait_for_problem(qr/"lc_messages" is "\Q$LANGUAGE\E".*SQLSTATE/);
ok($status, 'the status says what another language costs');
$node->wait_for_status('the log is read', sub { $_->{collectors}{pg_log}{runs} > 0 });
$node->safe_psql('postgres', q{
	CREATE TABLE people (email text PRIMARY KEY);
	CREATE PROCEDURE pay(card bigint) LANGUAGE plpgsql AS 'BEGIN END'});

foreach my $format (qw(stderr csvlog jsonlog))
{
	$node->set('log_destination' => $format);
	$node->poll_query_until('postgres', "SELECT pg_current_logfile('$format') IS NOT NULL");
	$node->psql('postgres', qq{
		SET application_name = '$format';
		INSERT INTO people VALUES ('secret\@example.com') ON CONFLICT DO NOTHING;
		INSERT INTO people VALUES ('secret\@example.com');
		SELECT 1/0;
		SELECT no_such_column FROM people;
		DO \$\$ BEGIN RAISE WARNING 'eine Warnung'; RAISE LOG 'ein Eintrag'; END \$\$;
		SET log_min_duration_statement = 0;
		CALL pay(4111111111111111);
	}, on_error_stop => 0);

	is(with_message($format, 'eine Warnung')->{level}, 'WARNING', "$format: a warning is one");
	is(with_message($format, 'ein Eintrag')->{level}, 'LOG', "$format: LOG is LOG");

	my $violation = with_sqlstate($format, '23505');
	like($violation->{message}, qr/doppelter Schlüsselwert/, "$format: the server speaks German");
	is($violation->{event}, 'unique_violation', "$format: the event is known");
	is($violation->{level}, 'ERROR', "$format: its severity, too");
	like($violation->{detail}, qr/Schlüssel/, "$format: DETAIL has come with it");
	like($violation->{statement}, qr/INSERT INTO people VALUES \(\$1\)/, "$format: and the statement");
	is(with_sqlstate($format, '22012')->{event}, 'division_by_zero', "$format: another event");
	is(with_sqlstate($format, '42703')->{event}, 'undefined_column', "$format: and another one");
	like(
		entry("$format: a slow statement",
			sub { $_[0]{message} =~ /CALL pay/ && ($_[0]{application} // '') eq $format })->{message},
		qr/Anweisung: CALL pay\(\?\)/, "$format: a statement that nobody knows as one keeps no number");
}
is_deeply([ grep { join(' ', map { $_ // '' } @$_{qw(message detail statement)}) =~ /secret/ } entries() ],
	[], 'nobody\'s data has left');

# ---- English again ----

$node->set('lc_messages' => 'C');
$node->wait_for_no_problem(qr/lc_messages/);
$node->psql('postgres', q{SET application_name = 'English'; SELECT 2/0});
is(with_sqlstate('English', '22012')->{message}, 'division by zero', 'a reload changes the language');

$node->check_log(allowed => [qr/division by zero/]);
done_testing();
