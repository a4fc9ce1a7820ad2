# What must hold in every database at any time: run at the end of each test.
package Sparkingest::Books;

use strict;
use warnings FATAL => 'all';
use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils ();
use Test::More;

our @EXPORT = qw(books_are_right);

my $books = abs_path(dirname(__FILE__) . '/../../pgtap/books.sql');

# Tests that the books of a database are right (test/pgtap/books.sql), that the extension counts what is reserved as they do, and,
# with a Kubernetes, that no execution has two objects there.
sub books_are_right
{
	my ($server, $kube) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$server->sql(PostgreSQL::Test::Utils::slurp_file($books)) unless $server->sql("SELECT 1 FROM pg_namespace WHERE nspname = 'books'");
	is($server->sql('SELECT * FROM books.differences()'), '', 'the books are right');
	is($server->sql('SELECT * FROM sparkingest.verify_ledger()'), '', '... the ledger agrees with them');
	is($server->sql('SELECT namespace, time_slot FROM sparkingest.capacity_slots WHERE allocated_cpu > total_cpu_capacity OR allocated_memory > total_memory_capacity'),
		'', '... capacity_slots shows no slot that is sold twice (C3)');
	return unless $kube;
	my %objects;
	$objects{ $_->{metadata}{labels}{'sparkingest.io/execution'} // 'foreign' }++ for $kube->applications;
	delete $objects{foreign};
	is(join(' ', grep { $objects{$_} > 1 } sort keys %objects), '', '... and no execution has two objects in Kubernetes (J9)');
	return;
}

1;
