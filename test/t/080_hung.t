# A Kubernetes API that accepts and never answers delays nothing in PostgreSQL: the dispatcher obeys, other databases are dropped,
# the server stops. Each time the API still hangs when that is done, and the same request is still waited for.
use strict;
use warnings FATAL => 'all';
use Sparkingest::Books;
use Sparkingest::Kube;
use Sparkingest::Proxy;
use Sparkingest::Server;
use Sparkingest::Wait;
use Test::More;
use Time::HiRes qw(time);

my $kube = Sparkingest::Kube->new;
my $proxy = Sparkingest::Proxy->new($kube);
my $db = Sparkingest::Server->new($kube, kubeconfig => $proxy->kubeconfig, conf => [ 'sparkingest.reconcile_interval = 5s' ]);
my $job = $db->production_job($db->tenant, options => { overlap_policy => 'allow', overlap_limit => 50 });
# Bounds of time are wide for a busy machine; each is below the 30 s after which a call is given up.
my $n = 0;

# A dropped database is waited for by all processes. Five, since one may be lucky: a dispatcher that hears nothing until its next
# look at the table, every 5 s, would take half of them for each.
sub drop_databases
{
	my ($while) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $took = 0;
	for (1 .. 5)
	{
		my $name = 'other' . ++$n;
		$db->sql("CREATE DATABASE $name");
		my $began = time;
		$db->sql("DROP DATABASE $name");
		$took += time - $began;
	}
	cmp_ok($took, '<', 6, "other databases are dropped $while");
	return;
}

# 1. TLS and requests are taken, and nothing is answered: posts, lists and watches all hang.

my $watched = $db->run_job($job);
$kube->start_run($watched, since => 100);
$db->reaches($watched, 'running', 'a run');
my $rule = $proxy->rule('hold');
$proxy->sever;
my $id = $db->run_job($job);
$proxy->reaches(1, 'a POST hangs', rule => $rule, method => 'POST', stage => 'held');
drop_databases('while requests hang');
is($db->state($id), 'dispatching', '... and the POST is still waited for');
is($proxy->seen(rule => $rule, method => 'POST'), 1, '... the same one');
is($db->sql("SELECT sparkingest.create_tenant('meanwhile') IS NOT NULL"), 't', 'SQL is served as ever');
cmp_ok($db->sql('SELECT count(*) FROM sparkingest.health()'), '>', 4, '... health() too');
is($db->sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'sparkingest dispatcher' AND xact_start IS NOT NULL"), 0,
	'no transaction is open while Kubernetes is waited for (J9)');
is($db->sql("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.backend_type = 'sparkingest dispatcher' AND l.locktype <> 'advisory'"), 0,
	'... nor a lock held but the one that keeps the dispatcher alone');

my $pid = $db->dispatcher;
is($db->sql("SELECT pg_terminate_backend($pid, 10000)"), 't', 'the dispatcher ends when it is told to');
is($proxy->seen(rule => $rule, method => 'POST', stage => 'held') >= 1, 1, '... while its POST hangs');
until_true(sub { ($db->dispatcher || $pid) != $pid }, '... and another one starts');
$proxy->reaches(2, '... which hangs as well', rule => $rule, method => 'POST', stage => 'held');

$pid = $db->dispatcher;
my $began = time;
$db->node->stop('fast');
cmp_ok(time - $began, '<', 20, 'the server stops while requests hang');
ok(!kill(0, $pid), '... and the dispatcher with it');
is($proxy->seen(rule => $rule, method => 'POST', stage => 'held'), 2, '... while they hang');
$db->node->start;
$proxy->reaches(3, '... and a start does not wait for Kubernetes either', rule => $rule, method => 'POST', stage => 'held');
my $cancelled = $db->run_job($job);
$proxy->reaches(4, 'another POST hangs', rule => $rule, method => 'POST', stage => 'held');
is($db->cancel($cancelled), 't', '... and its run can be cancelled meanwhile');
$proxy->clear;
$proxy->drop;
$db->reaches($id, 'submitted', 'when the API answers again, all goes on');
is(scalar $kube->applications($id), 1, '... with one object');
$db->reaches($cancelled, 'cancelled');

# 2. Not even TLS: the process is stopped, connections are taken by the kernel.

$proxy->{process}->signal('STOP');
my $stopped = $db->run_job($job);
$db->reaches($stopped, 'dispatching', 'a run is claimed while the API is stopped (SIGSTOP)');
drop_databases('while connections hang');
$pid = $db->dispatcher;
is($db->sql("SELECT pg_terminate_backend($pid, 10000)"), 't', 'the dispatcher ends when it is told to');
until_true(sub { ($db->dispatcher || $pid) != $pid }, '... and another one starts');
drop_databases('... and this one delays nobody');
$began = time;
$db->node->restart;
cmp_ok(time - $began, '<', 20, 'the server restarts while connections hang');
is($db->state($stopped), 'dispatching', '... and the run still waits');
$proxy->{process}->signal('CONT');
$db->reaches($stopped, 'submitted', 'when the API goes on, the run is posted');
is(scalar $kube->applications($stopped), 1, '... as one object');
is($db->state($watched), 'running', 'and what ran is running');

# 3. An answer that does not end: bytes come, and then no more.

my $half = $proxy->rule('answer', method => 'GET', path => 'sparkapplications\?watch', times => 3, headers => { 'Content-Type' => 'application/json' },
	body => '{"type": "MODIFIED", "object": {"metadata": {"resourceVersion": "1"');
$proxy->sever;
until_true(sub { $proxy->seen(rule => $half) == 3 }, 'watches that end in the middle of an event');
$kube->end_run($_, took => 50) for map { $_->{began} = time - 100; $_ } $kube->application($watched);
$db->reaches($watched, 'succeeded', '... do not keep the next list from telling what is so');

books_are_right($db, $kube);
done_testing();
