# Runs that are stopped: by cancel at every stage, by their deadline, with their job (J6, C14). Capacity is held until the pods are
# gone, what ran is billed to its end, nothing of somebody else's is deleted.
use strict;
use warnings FATAL => 'all';
use JSON::PP;
use Sparkingest::Books;
use Sparkingest::Kube;
use Sparkingest::Proxy;
use Sparkingest::Server;
use Sparkingest::Wait;
use Test::More;

my $kube = Sparkingest::Kube->new;
my $proxy = Sparkingest::Proxy->new($kube);
my $db = Sparkingest::Server->new($kube, kubeconfig => $proxy->kubeconfig);
my $tenant = $db->tenant;
my $job = $db->production_job($tenant, options => { overlap_policy => 'allow', overlap_limit => 50, retry => { max_attempts => 3 } });

sub column { my ($id, $name) = @_; return $db->sql("SELECT $name FROM sparkingest.job_executions WHERE execution_id = '$id'") }

sub reservation
{
	my ($id) = @_;
	return $db->sql("SELECT r.status FROM sparkingest.job_executions e JOIN sparkingest.reservations r USING (reservation_id) WHERE execution_id = '$id'");
}

sub requests { my ($id, $method) = @_; my $name = column($id, 'object_name'); return scalar $proxy->seen(method => $method, path => qr/\Q$name\E$/) }

# Before it is claimed.

$db->sql('SELECT sparkingest.disable_dispatch()');
my $id = $db->run_job($job);
cmp_ok(column($id, 'held'), '>', 0, 'a run that is scheduled holds its cost');
is($db->cancel($id, 'not today'), 't', '... and is cancelled');
is_deeply([ column($id, 'state'), reservation($id), column($id, 'held') ], [ 'cancelled', 'released', 0 ], '... at once, with capacity and hold');
is(column($id, 'stop_reason'), 'not today', '... for the reason given');
is($db->cancel($id), 'f', '... and a second time nothing changes');
is($db->sql("SELECT count(*) FROM sparkingest.resource_consumption WHERE execution_id = '$id'"), 0, '... and nothing is metered');
$db->sql('SELECT sparkingest.enable_dispatch()');

# A draft that waits, without a place.

my $big = $db->job($tenant, requirements => { cpu_cores => 40, memory_gb => 80, runtime_minutes => 60 });
my @drafts = map { $db->run_job($big) } 1 .. 2;
$db->sql("SELECT sparkingest.set_capacity('draft-ingestion-ns', 0, 0, tstzrange(now() + '5 minutes', now() + '2 days'))");
my $waiting = $db->run_job($db->job($tenant));
is($db->state($waiting), 'waiting', 'a run that waits');
is($db->cancel($waiting), 't', '... is cancelled too');
is($db->state($waiting), 'cancelled', '... at once');
$db->sql("SELECT sparkingest.set_capacity('draft-ingestion-ns', 200, 400, tstzrange(now(), now() + '2 days'))");
$db->cancel($_) for @drafts;

# Claimed a moment ago, and not posted.

$db->sql($_) for 'ALTER SYSTEM SET sparkingest.dispatch_rate = 0.01', 'ALTER SYSTEM SET sparkingest.dispatch_in_flight = 1',
	'SELECT pg_reload_conf()';
my $first = $db->run_job($job);
$db->reaches($first, 'submitted', 'a run takes the only token of the bucket');
my $posts = $proxy->seen(method => 'POST');
$id = $db->run_job($job);
$db->reaches($id, 'dispatching', 'the next one is claimed and waits for its token');
$db->cancel($id);
$db->reaches($id, 'cancelled', '... and cancelled before it has it');
is_deeply([ reservation($id), column($id, 'held') ], [ 'released', 0 ], '... which gives all back');
is($proxy->seen(method => 'POST'), $posts, '... and it was never posted');
$db->sql($_) for 'ALTER SYSTEM RESET ALL', 'SELECT pg_reload_conf()';

# Submitted, before a driver runs.

$db->cancel($first);
$db->reaches($first, 'cancelled', 'a run whose driver has not started is cancelled');
is(scalar $kube->applications($first), 0, '... its object deleted');
is(column($first, 'charged'), 0, '... at no cost');
is($db->sql("SELECT count(*) FROM sparkingest.resource_consumption WHERE execution_id = '$first'"), 0, '... since nothing ran');

# While it is being posted.

my $rule = $proxy->rule('hold_reply', method => 'POST', times => 1);
$id = $db->run_job($job);
$proxy->reaches(1, 'the answer to a POST is held', rule => $rule, stage => 'held');
$db->cancel($id);
is($db->state($id), 'dispatching', '... and its run cancelled: it may be there');
is(reservation($id), 'active', '... so its capacity is held');
$proxy->release;
$db->reaches($id, 'cancelled', '... until it is known');
is(scalar $kube->applications($id), 0, '... and deleted');

# Running.

$id = $db->run_job($job);
my $app = $kube->start_run($id, since => 300);
$db->reaches($id, 'running', 'a run');
is($db->cancel($id, 'enough'), 't', '... is cancelled');
until_is(sub { scalar $kube->applications($id) }, 0, '... its object is deleted');
until_is(sub { scalar grep { $_->{metadata}{deletionTimestamp} } $kube->pods($id) }, 2, '... and its pods are told to end');
is($db->cancel($id, 'really'), 'f', '... a second cancel changes nothing');
is(column($id, 'stop_reason'), 'enough', '... not even the reason');
is(requests($id, 'DELETE'), 1, '... and is no second DELETE');
$db->becomes_like("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$id'", qr/^waiting for 2 pods to end$/,
	'pods that take long are told of');
is($db->state($id) . ' ' . reservation($id), 'running active', '... and hold their capacity');
my ($driver, $executor) = sort { $a->{metadata}{name} =~ /exec/ <=> $b->{metadata}{name} =~ /exec/ } $kube->pods($id);
$kube->remove_pod($driver);
$db->becomes("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$id'", 'waiting for 1 pods to end', '... the executor as well as the driver');
is($db->state($id) . ' ' . reservation($id), 'running active', '... to the last one');
$kube->remove_pod($executor);
$db->reaches($id, 'cancelled', '... which ends it');
is(reservation($id), 'released', '... and frees the capacity');
my $used = $db->row("SELECT billed_seconds, charged, charge_to, extract(epoch FROM ended_at)::bigint AS ended FROM sparkingest.resource_consumption WHERE execution_id = '$id'");
cmp_ok($used->{billed_seconds}, '>', 310, 'it is billed from the start of its driver to when its pods were gone');
cmp_ok(abs($used->{ended} - time), '<', 30, '... not to when it was told to stop');
is_deeply([ @$used{qw(charged charge_to)} ], [ $used->{billed_seconds} * 2000, 'vcpu_hours' ], '... and pays for that');
is($db->sql("SELECT count(*) FROM sparkingest.job_executions WHERE run_id = '$id'"), 1, '... and a run that was cancelled is not tried again');

# An object that something else holds on to (a finalizer).

$id = $db->run_job($job);
$app = $kube->start_run($id, since => 100);
$db->reaches($id, 'running', 'a run whose object has a finalizer');
$kube->merge($kube->app_path($app), { metadata => { finalizers => ['example.com/audit'] } });
$db->cancel($id);
until_true(sub { ($kube->applications($id))[0]{metadata}{deletionTimestamp} }, '... is being deleted');
$kube->remove_pods($id);
until_true(sub { requests($id, 'GET') > 2 }, '... which is looked at again and again');
is($db->state($id) . ' ' . reservation($id), 'running active', '... and has not ended');
$kube->merge($kube->app_path($app), { metadata => { finalizers => undef } });
$db->reaches($id, 'cancelled', '... until the finalizer is done');

# Only what is ours is deleted: somebody has put another object in its place.

$id = $db->run_job($job);
$app = $kube->start_run($id, since => 100);
$db->reaches($id, 'running', 'a run');
$rule = $proxy->rule('hold', method => 'DELETE', times => 1);
$db->cancel($id);
$proxy->reaches(1, '... whose DELETE is on its way', rule => $rule, stage => 'held');
$kube->delete_application($app);
my $stranger = $kube->must('POST', $kube->apps_path('vcpu-hours-ns'), { apiVersion => 'sparkoperator.k8s.io/v1beta2', kind => 'SparkApplication',
	metadata => { name => $app->{metadata}{name} }, spec => $app->{spec} });
$proxy->release;
$proxy->reaches(1, '... and meets another object of that name: 409', rule => $rule, status => 409);
$kube->remove_pods($id);
$db->reaches($id, 'cancelled', '... ends');
is($kube->is_there($stranger), 1, '... and what is not ours stays');
$kube->delete_application($stranger);

# A DELETE that fails is tried again.

$id = $db->run_job($job);
$app = $kube->start_run($id, since => 100);
$db->reaches($id, 'running', 'a run');
$rule = $proxy->rule('answer', method => 'DELETE', times => 1, status => 500, body => '{"kind": "Status", "message": "etcdserver: leader changed"}');
my $lost = $proxy->rule('cut_reply', method => 'DELETE', times => 1);
$db->cancel($id);
$proxy->reaches(1, '... whose DELETE is answered by 500', rule => $rule);
$proxy->reaches(1, '... and then not at all', rule => $lost);
$kube->remove_pods($id);
$db->reaches($id, 'cancelled', '... is cancelled all the same');

# The hard line.

my $short = $db->production_job($tenant, sla => { max_runtime_minutes => 2 },
	options => { overlap_policy => 'allow', overlap_limit => 5, retry => { max_attempts => 3 } });
my ($late, $good) = map { $db->run_job($short) } 1 .. 2;
$kube->start_run($good, since => 60);
$app = $kube->start_run($late, since => 125);
until_is(sub { scalar $kube->applications($late) }, 0, 'a run over max_runtime_minutes is deleted');
is($db->state($late) . ' ' . reservation($late), 'running active', '... and holds its capacity');
$kube->remove_pods($late);
$db->reaches($late, 'timed_out', '... until its pods are gone');
like(column($late, 'stop_reason'), qr/^ran for 2 minutes, the most it may/, '... with the reason');
is($db->sql("SELECT charge_to || ' ' || (charged = billed_seconds * 2000) FROM sparkingest.resource_consumption WHERE execution_id = '$late'"),
	'vcpu_hours true', '... and pays for what it took');
is(column($late, 'sla_met'), 'f', '... and has missed its SLA');
is($db->sql("SELECT count(*) FROM sparkingest.job_executions WHERE run_id = '$late'"), 1, '... and is not tried again');
is($db->state($good), 'running', 'one that has a minute left runs on');

# Another cluster clock: a driver that started in the future is not late.

my $future = $db->run_job($short);
$app = $kube->start_run($future, since => -600);
$db->reaches($future, 'running', 'a driver whose node has a clock that is ahead');
$kube->end_run($app, took => 0);
$db->reaches($future, 'succeeded', '... ends');
is($db->sql("SELECT billed_seconds FROM sparkingest.resource_consumption WHERE execution_id = '$future'"), 60, '... at the least that is billed');

# To make room for an owner (C11), who told it so ahead: it has its time, and is then tried again.

$id = $db->run_job($job);
$app = $kube->start_run($id, since => 100);
$db->reaches($id, 'running', 'a run');
$db->sql("UPDATE sparkingest.job_executions SET stop_requested_at = now() + '4 seconds', stop_cause = 'preempted' WHERE execution_id = '$id'");
my $before_its_time = 1;
until_true(sub {
	my $there = scalar $kube->applications($id);
	$before_its_time &&= $there || $db->sql("SELECT stop_requested_at <= now() FROM sparkingest.job_executions WHERE execution_id = '$id'") eq 't';
	return !$there;
}, '... that is to make room is deleted');
ok($before_its_time, '... when its time has come, and not before');
$kube->remove_pods($id);
$db->reaches($id, 'preempted', '... and ends when its pods are gone');
is($db->sql("SELECT charge_to || ' ' || charged FROM sparkingest.resource_consumption WHERE execution_id = '$id'"), 'platform 0', '... free of charge');
my $again = $db->sql("SELECT execution_id FROM sparkingest.job_executions WHERE run_id = '$id' AND attempt = 2");
$db->reaches($again, 'submitted', '... and there again with its next attempt');
$db->cancel($again);
$db->reaches($again, 'cancelled', '... until that is cancelled');

# With its job.

$db->sql("SELECT sparkingest.drop_job('$short')");
until_is(sub { scalar $kube->applications($good) }, 0, 'a dropped job takes its run with it');
$kube->remove_pods($good);
$db->reaches($good, 'cancelled', '... which ends when its pods are gone');

books_are_right($db, $kube);
done_testing();
