# How runs end without being told to: deleted by hand, lost, failed in each way, tried again (J5, J7, J10, M7).
use strict;
use warnings FATAL => 'all';
use JSON::PP;
use MIME::Base64 qw(decode_base64url);
use Sparkingest::Books;
use Sparkingest::Kube;
use Sparkingest::Proxy;
use Sparkingest::Server;
use Sparkingest::Wait;
use Test::More;

my $kube = Sparkingest::Kube->new;
my $proxy = Sparkingest::Proxy->new($kube);
my $db = Sparkingest::Server->new($kube, kubeconfig => $proxy->kubeconfig, conf => [ 'sparkingest.reconcile_interval = 5s' ]);
my $tenant = $db->tenant(hours => 1000);
my %many = (overlap_policy => 'allow', overlap_limit => 50);
my $job = $db->production_job($tenant, options => {%many});

sub column { my ($id, $name) = @_; return $db->sql("SELECT $name FROM sparkingest.job_executions WHERE execution_id = '$id'") }

sub reservation
{
	my ($id) = @_;
	return $db->sql("SELECT r.status FROM sparkingest.job_executions e JOIN sparkingest.reservations r USING (reservation_id) WHERE execution_id = '$id'");
}

sub charge { my ($id) = @_; return $db->sql("SELECT charge_to || ' ' || charged FROM sparkingest.resource_consumption WHERE execution_id = '$id'") }

# Ended for Spark, while a pod still runs: looked at again at the end of this file, when the row has had time to tell.

my ($stuck, $tail) = map { $db->run_job($job) } 1 .. 2;
my %app = map { $_ => $kube->start_run($_, since => 100) } $stuck, $tail;
$db->reaches($_, 'running', 'a run') for $stuck, $tail;
$kube->say_state($app{$stuck}, 'FAILED', error => 'driver lost', terminationTime => Sparkingest::Kube::stamp(time));
for my $pod ($kube->pods($tail))
{
	next unless $pod->{metadata}{labels}{'spark-role'} eq 'driver';
	$kube->say_pod($pod, 'Succeeded', { terminated => { exitCode => 0, reason => 'Completed',
		startedAt => Sparkingest::Kube::stamp($app{$tail}{began}), finishedAt => Sparkingest::Kube::stamp($app{$tail}{began} + 90) } });
}
$kube->say_state($app{$tail}, 'COMPLETED', terminationTime => Sparkingest::Kube::stamp($app{$tail}{began} + 90));

# Submitted, and its driver does not start: looked at again when it has had time to.

my ($pulls, $pending) = map { $db->run_job($job) } 1 .. 2;
for ($pulls, $pending)
{
	my $app = $kube->application($_);
	my ($driver) = $kube->make_pods($app);
	$kube->say_state($app, 'SUBMITTED', lastSubmissionAttemptTime => Sparkingest::Kube::stamp(time));
	$kube->say_pod($driver, 'Pending', { waiting => { reason => 'ImagePullBackOff', message => 'Back-off pulling image "spark:none"' } }) if $_ eq $pulls;
	$kube->merge($kube->pod_path($driver) . '/status', { status => { phase => 'Pending', conditions => [
		{ type => 'PodScheduled', status => 'False', reason => 'Unschedulable', message => '0/3 nodes are available: 3 Insufficient cpu.' } ] } })
	  if $_ eq $pending;
}

# Deleted by hand.

my $id = $db->run_job($job);
$kube->start_run($id, since => 100);
$db->reaches($id, 'running', 'a run');
$kube->delete_application($kube->application($id));
until_true(sub { $proxy->seen(method => 'GET', status => 404, path => qr/\Q@{[ column($id, 'object_name') ]}\E$/) }, '... whose object somebody deletes is looked for');
is($db->state($id) . ' ' . reservation($id), 'running active', '... and holds its capacity while there are pods');
$kube->remove_pods($id);
$db->reaches($id, 'failed', '... and has failed then');
like(column($id, 'error_message'), qr/^object deleted in Kubernetes: somebody removed SparkApplication "si-/, '... for a reason that says what happened');
is(column($id, 'error_class'), 'platform', '... by the platform');
is(charge($id), 'platform 0', '... metered and free (M7)');

# Submitted and deleted by hand before anything ran.

$id = $db->run_job($job);
$kube->application($id);
$db->reaches($id, 'submitted');
my ($driverless) = $kube->applications($id);
$kube->say_state($driverless, 'SUBMITTED');
$kube->delete_application($driverless);
$db->reaches($id, 'failed', 'an object that is deleted before its driver ran');
is(column($id, 'charged'), 0, '... costs nothing');

# Lost: posted, and a list newer than the post does not have it. An older list, which cannot have it, proves nothing.

my $lists = $proxy->rule('hold_reply', method => 'GET', path => 'vcpu-hours-ns/sparkapplications\?limit', times => 1);
$proxy->reaches(1, 'a list is held on its way', rule => $lists, stage => 'held');
my $young = $db->run_job($job);
$db->reaches($young, 'submitted', '... and a run posted after it was made');
my $blind = $proxy->rule('answer', method => 'GET', path => 'vcpu-hours-ns/sparkapplications\?', status => 503, body => 'no');
$proxy->release;
until_true(sub { $proxy->seen(rule => $blind) }, '... and the watch that follows it is refused');
$lists = $db->run_job($job);
$db->reaches($lists, 'submitted', 'another run is posted while nothing is seen');
my ($gone) = $kube->applications($lists);
$kube->delete_application($gone);
is(column($young, 'state'), 'submitted', 'a list older than the post does not lose a run');
is($proxy->seen(path => qr/\Q@{[ column($young, 'object_name') ]}\E/), 0, '... which is not even looked for');
$proxy->clear;
$db->reaches($lists, 'lost', 'a newer list that does not have it does');
like(column($lists, 'error_message'), qr/^posted, but a later list of namespace "\S+" does not have it$/, '... and says so');
is(column($lists, "error_class || ' ' || charged"), 'platform 0', '... at no cost');
is(reservation($lists), 'released', '... and its capacity is free, since there are no pods');
is(column($young, 'state'), 'submitted', '... and the other one is found by it');
$kube->whole_run($young, took => 100);
$db->reaches($young, 'succeeded', '... and goes on');

# Ends by exit code and reason: class, whether it pays, and whether there is another attempt.

my $patient = $db->production_job($tenant, options => { %many, retry => { max_attempts => 3 } });
my @ends = (
	[ 'killed for memory' => { exit => 137, reason => 'OOMKilled' }, 'out_of_memory', 'vcpu_hours', 1 ],
	[ 'exit code 137 alone' => { exit => 137 }, 'out_of_memory', 'vcpu_hours', 1 ],
	[ 'a heap that is exhausted (52)' => { exit => 52 }, 'out_of_memory', 'vcpu_hours', 1 ],
	[ 'killed with its node' => { exit => 143 }, 'node_lost', 'platform', 1 ],
	[ 'forgotten by its node' => { exit => 137, reason => 'ContainerStatusUnknown' }, 'node_lost', 'platform', 1 ],
	[ 'evicted' => { exit => 137, pod_reason => 'Evicted' }, 'node_lost', 'platform', 1 ],
	[ 'source unreachable (69)' => { exit => 69 }, 'user_code', 'vcpu_hours', 1 ],
	[ 'bad spec (64)' => { exit => 64 }, 'user_code', 'vcpu_hours', 0 ],
	[ 'target not writable (73)' => { exit => 73 }, 'user_code', 'vcpu_hours', 0 ],
	[ 'an exception (70)' => { exit => 70 }, 'user_code', 'vcpu_hours', 0 ]);
my %end;
for (@ends)
{
	my ($what, $end) = @$_;
	$end{$what} = $db->run_job($patient);
	$kube->end_run($kube->start_run($end{$what}, since => 200), took => 120, %$end,
		metrics => { v => 1, error => { class => 'x', msg => "it was $what" } });
}
for (@ends)
{
	my ($what, undef, $class, $payer, $again) = @$_;
	$db->reaches($end{$what}, 'failed', $what);
	is(column($end{$what}, 'error_class'), $class, "... is $class");
	is(column($end{$what}, 'error_message'), "it was $what", '... in the words of the driver');
	# By what it has: who ran out of memory raises it for the job's later runs.
	is(charge($end{$what}), $payer eq 'platform' ? 'platform 0' : 'vcpu_hours ' . column($end{$what}, '120 * greatest(cpu_millicores, (memory_mib * 1000 + 2047) / 2048)'),
		"... which $payer pays");
	is($db->sql("SELECT count(*) FROM sparkingest.job_executions WHERE run_id = '$end{$what}'"), 1 + $again,
		$again ? '... and there is another attempt' : '... and that is final');
}

# The operator could not even submit it.

$id = $db->run_job($patient);
$kube->say_state($kube->application($id), 'SUBMISSION_FAILED', error => 'no such image');
$db->reaches($id, 'submitted', 'a submission that failed is not an end yet');
$kube->say_state($kube->application($id), 'FAILED', error => 'failed to submit: no such image', terminationTime => Sparkingest::Kube::stamp(time));
$db->reaches($id, 'failed', '... but when the operator gives up');
is(column($id, "error_class || ' ' || charged || ' ' || error_message"), 'platform 0 failed to submit: no such image', '... by the platform, at no cost');

# A driver that does not start.

$db->becomes("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$pulls'",
	'the driver has not started: ImagePullBackOff: Back-off pulling image "spark:none"', 'a driver whose image is not there is told of');
$db->becomes("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$pending'",
	'the driver has not started: Unschedulable: 0/3 nodes are available: 3 Insufficient cpu.', '... and one that no node takes');
is($db->state($_), 'submitted', '... and waits, as long as its reservation lasts') for $pulls, $pending;

# Attempts of one run, to the last.

my $again = $db->production_job($tenant, requirements => { cpu_cores => 2, memory_gb => 5 }, options => { %many, retry => { max_attempts => 3 } });
my $run = $db->run_job($again);
my @attempts = ($run);
my @memory = (5, 8, 12);    # half as much again, in whole GiB
for my $n (1 .. 3)
{
	my $e = $db->execution($attempts[-1]);
	is($e->{attempt}, $n, "attempt $n of 3");
	is($e->{memory_mib}, $memory[ $n - 1 ] * 1024, "... has $memory[$n - 1] GiB");
	is_deeply([ @$e{qw(run_id scheduled_for)} ], [ $run, $db->execution($run)->{scheduled_for} ], '... of the same run, on the same SLA clock');
	if ($n > 1)
	{
		is($db->sql("SELECT e.planned_start >= p.finished_at + interval '1 minute' * (1 << ($n - 2)) FROM sparkingest.job_executions e, sparkingest.job_executions p "
			  . "WHERE e.execution_id = '$attempts[-1]' AND p.execution_id = '$attempts[-2]'"), 't', '... not before its backoff is over');
		is(scalar $kube->applications($attempts[-1]), 0, '... and is not posted before');
		# The dispatcher follows the product's clock.
		$db->sql("ALTER SYSTEM SET sparkingest.clock = '+" . 30 * ($n - 1) . " minutes'");
		$db->sql('SELECT pg_reload_conf()');
	}
	if ($n == 2)
	{
		for ($pulls, $pending)
		{
			until_is(sub { scalar $kube->applications($_) }, 0, '... when the time of a driver that did not start is over, its object is deleted');
			$kube->remove_pods($_);
			$db->reaches($_, 'timed_out', '... and its run has timed out');
			is(column($_, "stop_reason || ' ' || charged"), 'its driver did not start before its reservation ended 0', '... at no cost');
		}
	}
	$db->reaches($attempts[-1], 'submitted', '... is posted');
	my $app = $kube->application($attempts[-1]);
	like($app->{metadata}{name}, qr/^si-[0-9a-f]{32}-$n$/, '... under a name of its own');
	is_deeply([ Sparkingest::Kube::asked($app) ], [ 2000, $memory[ $n - 1 ] * 1024 ], '... which asks for that memory');
	my $spec = decode_json(decode_base64url($app->{spec}{arguments}[1]));
	is_deeply([ @$spec{qw(execution_id attempt)} ], [ $run, $n ], '... and writes to the place of the first attempt');
	$kube->end_run($kube->start_run($attempts[-1], since => 100 - 1800 * ($n - 1)), exit => 137, reason => 'OOMKilled', took => 60);
	$db->reaches($attempts[-1], 'failed', '... and runs out of memory');
	push @attempts, split /\n/, $db->sql("SELECT execution_id FROM sparkingest.job_executions WHERE run_id = '$run' AND attempt > $n");
}
is(scalar @attempts, 3, 'after the last attempt there is no other');
is($db->sql("SELECT count(*) FROM sparkingest.reservations r JOIN sparkingest.job_executions e USING (reservation_id) WHERE run_id = '$run' AND status = 'active'"),
	0, '... and no capacity is held');
$db->sql($_) for 'ALTER SYSTEM RESET sparkingest.clock', 'SELECT pg_reload_conf()';

# A draft is tried once: its verdict is the answer.

$id = $db->run_job($db->job($tenant, options => { retry => { max_attempts => 3 } }));
$kube->end_run($kube->start_run($id, since => 100), exit => 137, took => 60);
$db->reaches($id, 'failed', 'a draft that runs out of memory');
is($db->sql("SELECT count(*) FROM sparkingest.job_executions WHERE run_id = '$id'"), 1, '... is not tried again');
is(decode_json(column($id, 'evaluation'))->{promotion_eligible}, JSON::PP::false, '... and is not eligible for promotion (S3)');

# What was ended while its pods ran.

for ([ $stuck, 'a driver that still runs', 'waiting for 2 pods to end' ], [ $tail, 'an executor that still runs', 'waiting for 1 pods to end' ])
{
	my ($held, $what, $words) = @$_;
	$db->becomes("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$held'", $words, "$what keeps a run from ending");
	is($db->state($held) . ' ' . reservation($held), 'running active', '... and its capacity held');
}
$kube->end_pods($app{$stuck}, exit => 143, took => 99);
$kube->remove_pods($tail);
$db->reaches($stuck, 'failed', 'until it ends');
is(column($stuck, 'error_class'), 'node_lost', '... the driver tells how');
$db->reaches($tail, 'succeeded', 'an application that completed is believed when its pods are gone');
is(reservation($_), 'released', '... and its capacity is free') for $stuck, $tail;

books_are_right($db, $kube);
done_testing();
