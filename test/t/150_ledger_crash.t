# The ledger under kill -9 and softer ends of those who write: what was acknowledged is there, nothing is sold twice, the next one can reserve (C3, C4).
use strict;
use warnings FATAL => 'all';
use Sparkingest::Books;
use Sparkingest::Ledger;
use Sparkingest::Load;
use Sparkingest::Server;
use Sparkingest::Wait;
use Test::More;

my $seed = $ENV{SEED} // int rand 2**31;
srand $seed;
note "SEED=$seed";

my $db = Sparkingest::Server->new(undef, dispatch => 0, conf => [ 'log_min_messages = log' ]);
my $node = $db->node;
my $load = Sparkingest::Load->new($db);
my $buyer = $db->tenant;

sub reserves
{
	my ($name) = @_;
	my $id = $db->sql("SELECT reservation_id FROM sparkingest.reserve('$buyer', 1, 2, '5 minutes', now() + interval '3 days')");
	like($id, qr/^[0-9a-f-]{36}$/, $name);
	$db->sql("SELECT sparkingest.release('$id')");
	return;
}

sub stands
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($load->broken_promises, '', "$what: all that was acknowledged is there, and nothing else");
	ledger_is_right($db, '... the ledger is as the tables, nothing is over-committed');
	is($db->sql('SELECT * FROM sparkingest.uncommitted_holders()'), '', '... nobody holds anything without a transaction');
	reserves('... and a reservation can be made');
	return;
}

# SIGTERM and SIGINT to backends at any instant, while others go on and somebody compares.

my %sent = (pg_terminate_backend => 0, pg_cancel_backend => 0);
my $seen = '';
$load->start;
for (1 .. 30)
{
	$load->goes_on(1 + int rand 8);
	my @pids = $load->pids;
	my $how = $_ % 3 ? 'pg_cancel_backend' : 'pg_terminate_backend';
	$sent{$how}++ if @pids && $db->sql("SELECT $how($pids[rand @pids])") eq 't';
	$seen .= $db->sql('SELECT * FROM sparkingest.verify_ledger() LIMIT 3') if $_ % 4 == 0;
}
$load->stop;
is($seen, '', "while backends were terminated ($sent{pg_terminate_backend}) and cancelled ($sent{pg_cancel_backend}), verify_ledger() found nothing");
cmp_ok($sent{$_}, '>', 5, "$_() found backends at work") for sort keys %sent;
stands('after that');

# kill -9 of one process: all backends go, the postmaster begins anew.

sub worker
{
	my ($like) = @_;
	return $db->sql("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE '$like'");
}

for my $victim ('backend', 'dispatcher', 'backend', 'checkpointer')
{
	my $size = -s $node->logfile;
	$load->start;
	$load->goes_on(40 + int rand 200);
	my @pids = $victim eq 'backend' ? $load->pids : worker("%$victim");
	kill('KILL', $pids[rand @pids]) == 1 or die "no $victim to kill";
	until_true(sub { $node->log_contains('all server processes terminated; reinitializing', $size)
			&& $node->log_contains('database system is ready to accept connections', $size) }, "kill -9 of a $victim under load: the server went through crash recovery");
	$load->stop;
	stands("kill -9 of a $victim");
}

# The postmaster, and all of it at once.

for my $how ('kill -9 of the postmaster', 'an immediate stop', 'kill -9 of the postmaster')
{
	my $size = -s $node->logfile;
	$load->start;
	$load->goes_on(40 + int rand 200);
	my $postmaster = $db->postmaster;
	if ($how =~ /kill/) { $node->kill9 }
	else { $node->stop('immediate') }
	$load->stop;
	# Backends without a postmaster hold on to shared memory until they notice.
	Sparkingest::Wait::poll(sub { !kill 0, $postmaster }) or die 'the postmaster does not go';
	until_true(sub { $node->start(fail_ok => 1) }, "$how under load: started again");
	ok($node->log_contains('database system was not properly shut down; automatic recovery in progress', $size), '... after recovery');
	stands($how);
}

cmp_ok($load->committed, '>', 1000, 'there was a load: ' . $load->committed . ' transactions were acknowledged');
books_are_right($db);
done_testing();
