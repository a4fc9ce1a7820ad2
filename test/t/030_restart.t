# The server goes away in the middle of runs, hard and softly, and comes back: what happened meanwhile is found out, nothing is
# posted twice, nothing settles twice (J9, J10).
use strict;
use warnings FATAL => 'all';
use Sparkingest::Books;
use Sparkingest::Kube;
use Sparkingest::Proxy;
use Sparkingest::Server;
use Sparkingest::Wait;
use Test::More;

my $kube = Sparkingest::Kube->new;
my $proxy = Sparkingest::Proxy->new($kube);
my $db = Sparkingest::Server->new($kube, kubeconfig => $proxy->kubeconfig);
my $job = $db->production_job($db->tenant, options => { overlap_policy => 'allow', overlap_limit => 50 });

sub starts
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	until_true(sub { $db->node->start(fail_ok => 1) }, $name);
	return;
}

sub settled
{
	my ($id, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($db->sql("SELECT count(*) || ' ' || sum(charged) FROM sparkingest.resource_consumption WHERE execution_id = '$id'"),
		'1 ' . $seconds * 2000, '... and settles once, by the times of the cluster');
	return;
}

# At once, as by kill -9 of all of it but the postmaster; one run ends while the server is down, another runs on.

my ($ends, $runs, $new) = map { $db->run_job($job) } 1 .. 3;
my %app = map { $_ => $kube->start_run($_, since => 300) } $ends, $runs;
$db->reaches($_, 'running', 'a run') for $ends, $runs;
$db->reaches($new, 'submitted', 'another one, posted only');
my $posts = $proxy->seen(method => 'POST');
$db->node->stop('immediate');
$kube->end_run($app{$ends}, took => 250, metrics => { v => 1, rows => 3 });
starts('the server is started after an immediate stop');
$db->reaches($ends, 'succeeded', 'a run that ended while the server was down has ended');
settled($ends, 250);
is($db->sql("SELECT rows_read FROM sparkingest.job_executions WHERE execution_id = '$ends'"), 3, '... with its metrics');
is($db->state($runs), 'running', 'the one that runs is running');
$app{$new} = $kube->start_run($new, since => 40);
$db->reaches($new, 'running', 'and the one that was posted goes on');
is($proxy->seen(method => 'POST'), $posts, 'nothing was posted');

# The postmaster itself, while the API does not answer: nobody is left who works on.

my $rule = $proxy->rule('hold', method => 'POST', times => 1);
my $held = $db->run_job($job);
$proxy->reaches(1, 'a POST is under way', rule => $rule, stage => 'held');
my $dispatcher = $db->dispatcher;
$db->node->kill9;
until_true(sub { !kill 0, $dispatcher }, 'a dispatcher without a postmaster ends, although the API does not answer');
$kube->end_run($app{$runs}, took => 280);
my $gone = $kube->application($new);
$kube->remove_pods($new);
$kube->delete_application($gone);
starts('the server is started after kill -9 of the postmaster');
$proxy->release;
$db->reaches($held, 'submitted', 'what was being posted is posted');
is(scalar $kube->applications($held), 1, '... once, although the lost POST arrives as well');
$db->reaches($runs, 'succeeded', 'the run that ended meanwhile has ended');
settled($runs, 280);
$db->reaches($new, 'failed', 'the one whose object somebody deleted meanwhile failed');
is($db->sql("SELECT error_class || ' ' || charged FROM sparkingest.job_executions WHERE execution_id = '$new'"), 'platform 0',
	'... which is nobody\'s cost');

# Softly. What is due while the server is down starts late, and nothing that waits is lost.

$app{$held} = $kube->start_run($held, since => 200);
$db->reaches($held, 'running');
my $due = $db->run_job($job, "sparkingest.clock() + interval '1 second'");
$db->node->stop('fast');
my $stopped = time;
until_true(sub { time > $stopped + 1 }, 'its time comes while the server is down');
starts('the server is started after a fast stop');
$db->reaches($due, 'submitted', 'what was due meanwhile is posted');
$kube->end_run($app{$held}, took => 180);
$db->reaches($held, 'succeeded', 'what ran is watched');
settled($held, 180);
$kube->whole_run($due);
$db->reaches($due, 'succeeded');

books_are_right($db, $kube);
done_testing();
