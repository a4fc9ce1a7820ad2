# kill -9 of the dispatcher at every point of a run's way (J9, J10): there is one object, and the run settles once. Where
# the process stands is known by what the proxy between it and the Kubernetes API holds, and by locks that it waits for.
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
my $tenant = $db->tenant;
my $job = $db->production_job($tenant, options => { overlap_policy => 'allow', overlap_limit => 50 });

sub column { my ($id, $name) = @_; return $db->sql("SELECT $name FROM sparkingest.job_executions WHERE execution_id = '$id'") }
sub uids { my ($id) = @_; return join ' ', map { $_->{metadata}{uid} } $kube->applications($id) }

# Runs it to its end; it has settled exactly once.
sub settles
{
	my ($id, $app) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$app //= $kube->start_run($id, since => 200);
	$kube->end_run($app, took => 150, metrics => { v => 1, rows => 7 });
	$db->reaches($id, 'succeeded', '... and the run goes on to its end');
	settled($id, 150);
	return;
}

sub settled
{
	my ($id, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $charge = $seconds * 2000;
	is($db->sql("SELECT count(*) || ' ' || sum(charged) FROM sparkingest.resource_consumption WHERE execution_id = '$id'"), "1 $charge",
		'... which is metered and charged once');
	is($db->sql("SELECT sum(amount) FROM sparkingest.balance_entries WHERE execution_id = '$id' AND entry_type = 'charge'"), $charge,
		'... as the balance says');
	is($db->sql("SELECT count(*) FROM sparkingest.events WHERE execution_id = '$id' AND after ->> 'state' IN $Sparkingest::Server::FINAL"), 1,
		'... and ended once');
	is(scalar $kube->applications($id), 1, '... with one object');
	return;
}

# A session that holds the row of an execution, so that whoever wants to write it waits.
sub lock_row
{
	my ($id) = @_;
	my $session = $db->node->background_psql('postgres', on_error_stop => 0);
	$session->query_safe('BEGIN');
	$session->query_safe("SELECT 1 FROM sparkingest.job_executions WHERE execution_id = '$id' FOR UPDATE");
	return $session;
}

sub dispatcher_waits_for_lock
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$db->becomes("SELECT wait_event_type FROM pg_stat_activity WHERE backend_type = 'sparkingest dispatcher'", 'Lock', $name);
	return;
}

# Of a session that the crash has ended.
sub forget { my ($session) = @_; eval { $session->quit }; return }

# 1. Claimed, and waiting for its turn to be posted: the rate gives one post, and the next in 100 s.

$db->sql($_) for 'ALTER SYSTEM SET sparkingest.dispatch_rate = 0.01', 'ALTER SYSTEM SET sparkingest.dispatch_in_flight = 1',
	'SELECT pg_reload_conf()';
my $first = $db->run_job($job);
$db->reaches($first, 'submitted', 'the token of the bucket goes to one run');
my $id = $db->run_job($job);
$db->reaches($id, 'dispatching', '1. the next one is claimed and waits for its token');
is(uids($id), '', '... and is not in Kubernetes');
my $name = column($id, 'object_name');
my $posts = $proxy->seen(method => 'POST');
$db->crash_dispatcher('between claim and POST');
$db->reaches($id, 'submitted', '... which posts what was claimed');
is($proxy->seen(method => 'POST'), $posts + 1, '... with one POST');
is(column($id, 'object_name'), $name, '... under the name that was claimed');
$db->sql($_) for 'ALTER SYSTEM RESET ALL', 'SELECT pg_reload_conf()';
settles($id);
settles($first);

# 2. The POST is on its way and does not arrive.

my $rule = $proxy->rule('hold', method => 'POST', times => 1);
$id = $db->run_job($job);
$proxy->reaches(1, '2. a POST is held on its way', rule => $rule, stage => 'held');
is($db->state($id), 'dispatching', '... of a run that is claimed');
$db->crash_dispatcher('with its POST on the way');
$db->reaches($id, 'submitted', '... which posts it again');
$proxy->drop;
settles($id);

# 3. The same, but the late POST arrives after all, when another one has been answered.

$rule = $proxy->rule('hold', method => 'POST', times => 1);
$id = $db->run_job($job);
$proxy->reaches(1, '3. a POST is held on its way', rule => $rule, stage => 'held');
$db->crash_dispatcher('with its POST on the way');
$db->reaches($id, 'submitted', '... which posts it again');
my $uid = column($id, 'object_uid');
$proxy->release;
$proxy->reaches(1, '... and the late POST meets the name: 409', rule => $rule, status => 409);
is(uids($id), $uid, '... and has made no second object');
settles($id);

# 4. Kubernetes has made the object; the answer has not come.

$rule = $proxy->rule('hold_reply', method => 'POST', times => 1);
$id = $db->run_job($job);
$proxy->reaches(1, '4. the answer to a POST is held on its way', rule => $rule, stage => 'held');
$uid = uids($id);
like($uid, qr/^\S+$/, '... and the object is there');
is(column($id, 'object_uid'), '', '... of which the row does not know yet');
$db->crash_dispatcher('between POST and its answer');
$proxy->drop;
$db->reaches($id, 'submitted', '... which meets it');
is($proxy->seen(method => 'POST', path => qr/sparkapplications/, status => 409) > 0, 1, '... by a 409');
is(column($id, 'object_uid'), $uid, '... and adopts it');
settles($id);

# 5. The answer has come and is not recorded.

$rule = $proxy->rule('hold', method => 'POST', times => 1);
$id = $db->run_job($job);
$proxy->reaches(1, '5. a POST is held', rule => $rule, stage => 'held');
my $session = lock_row($id);
$proxy->release;
$proxy->reaches(1, '... and answered', rule => $rule, status => 201);
dispatcher_waits_for_lock('... while somebody holds the row');
$uid = uids($id);
$db->crash_dispatcher('between answer and record');
forget($session);
$db->reaches($id, 'submitted', '... which adopts the object');
is(column($id, 'object_uid'), $uid, '... that was made');
settles($id);

# 6. Recorded.

$id = $db->run_job($job);
$db->reaches($id, 'submitted', '6. a post is recorded');
$posts = $proxy->seen(method => 'POST');
$db->crash_dispatcher('after the record');
my $app = $kube->start_run($id, since => 200);
$db->reaches($id, 'running', '... which sees it run');
is($proxy->seen(method => 'POST'), $posts, '... and has posted nothing');

# 7. Running, and then: its end seen and not recorded.

$db->crash_dispatcher('while it runs');
$session = lock_row($id);
$kube->end_run($app, took => 150, metrics => { v => 1, rows => 7 });
dispatcher_waits_for_lock('7. the end is seen while somebody holds the row');
$db->crash_dispatcher('between the end and its record');
forget($session);
$db->reaches($id, 'succeeded', '... which records the end');
settled($id, 150);

# 8. Told to stop: the object is deleted, which is not known yet.

$id = $db->run_job($job);
$app = $kube->start_run($id, since => 100);
$db->reaches($id, 'running', '8. a run');
$rule = $proxy->rule('hold_reply', method => 'DELETE', times => 1);
is($db->cancel($id), 't', '... is cancelled');
$proxy->reaches(1, '... and the answer to the DELETE held on its way', rule => $rule, stage => 'held');
until_is(sub { scalar $kube->is_there($app) }, '', '... when the object is gone');
$db->crash_dispatcher('between DELETE and its answer');
$proxy->drop;
is($db->state($id), 'running', '... and while there are pods capacity stays held');
$kube->remove_pods($id);
$db->reaches($id, 'cancelled', '... until they are gone');
is($db->sql("SELECT count(*) FROM sparkingest.resource_consumption WHERE execution_id = '$id' AND billed_seconds >= 100"), 1,
	'... which is metered to the end, once');

# 9. A cancel comes when the object was made, ran and ended, and nobody knows.

$rule = $proxy->rule('hold_reply', method => 'POST', times => 1);
$id = $db->run_job($job);
$proxy->reaches(1, '9. the answer to a POST is held', rule => $rule, stage => 'held');
$kube->whole_run($id, took => 150, metrics => { v => 1, rows => 7 });
is($db->cancel($id), 't', '... and the run is cancelled, which has ended long ago');
$db->crash_dispatcher('before it knows of either');
$proxy->drop;
$db->reaches($id, 'succeeded', '... which finds the end: a run that ended before our deletion keeps its own end');
settled($id, 150);

books_are_right($db, $kube);
done_testing();
