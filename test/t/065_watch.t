# What the dispatcher sees of the cluster, and whom it believes (J10): watches that break, expire or talk nonsense, lists in pages,
# objects that only look like ours; and a row that cannot be posted.
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
my %many = (overlap_policy => 'allow', overlap_limit => 50);
my $job = $db->production_job($tenant, options => {%many});
my $watch = 'vcpu-hours-ns/sparkapplications\?watch';
my $list = 'vcpu-hours-ns/sparkapplications\?limit';

sub running
{
	my $id = $db->run_job($job);
	my $app = $kube->start_run($id, since => 100);
	$db->reaches($id, 'running', 'a run');
	return ($id, $app);
}

# The safety net is two minutes away: what is seen sooner is seen by the watch, or by a list that its end led to.

my %ends = (
	'a watch that is cut off' => { action => 'cut' },
	'a watch that the server ends' => { action => 'answer', body => '' },
	'a watch that has expired (200, and an event that says 410)' => { action => 'answer', relist => 1,
		body => qq({"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old resource version","reason":"Expired","code":410}}\n) },
	'a watch that has expired (410)' => { action => 'answer', relist => 1, status => 410, body => '{"kind":"Status","reason":"Expired","code":410,"message":"too old"}' },
	'a watch that is refused' => { action => 'answer', status => 500, body => '{"kind":"Status","message":"etcd"}' },
	'a watch that talks nonsense' => { action => 'answer', body => "<html>\n{\"type\":7}\n[]\n\n{\"type\":\"ADDED\"}\n" },
	'a watch whose event is half' => { action => 'answer', body => '{"type":"MODIFIED","object":{"metadata":{"resourceVersion":"1"' },
	'a watch with an event of six MiB' => { action => 'answer', body => '{"type":"MODIFIED","object":"' . 'x' x (6 << 20) . "\"}\n" });
for my $what (sort keys %ends)
{
	my ($id, $app) = running();
	my $relist = delete $ends{$what}{relist};
	my $lists = $proxy->seen(path => qr/$list/);
	my $rule = $proxy->rule($ends{$what}{action}, method => 'GET', path => $watch, times => 1, %{ $ends{$what} });
	$proxy->sever;
	until_true(sub { $proxy->seen(rule => $rule) }, "$what ...");
	# Its version is too old for the next watch as well.
	until_true(sub { $proxy->seen(path => qr/$list/) > $lists }, '... is followed by a list', 60) if $relist;
	$kube->end_run($app, took => 50);
	$db->reaches($id, 'succeeded', '... does not keep what happens from being seen', 30);
}

# A list in pages: it is whole when its last page is there, and one whose pages have expired proves nothing.

my ($first, $app) = running();
my $page = $proxy->rule('answer', method => 'GET', path => $list, times => 1,
	body => '{"kind":"SparkApplicationList","items":[],"metadata":{"resourceVersion":"1","continue":"bm90aGluZw"}}');
my $expired = $proxy->rule('answer', method => 'GET', path => "$watch", times => 1, status => 410, body => '{"kind":"Status","code":410}');
$proxy->sever;
until_true(sub { $proxy->seen(rule => $page) }, 'a list has another page');
until_true(sub { $proxy->seen(path => qr/continue=bm90aGluZw/, stage => 'answered') }, '... which is asked for');
my ($asked) = $proxy->seen(path => qr/continue=bm90aGluZw/);
cmp_ok($asked->{status} // 0, '>=', 400, '... and refused');
until_true(sub { grep { $_->{n} > $asked->{n} && $_->{status} } $proxy->seen(path => qr/$list/, status => 200) }, '... so that the list begins anew');
is($db->state($first), 'running', '... and what was on no page is not taken for lost');
is(scalar $proxy->seen(path => qr/\Q$app->{metadata}{name}\E/), 0, '... nor looked for');
$kube->end_run($app, took => 50);
$db->reaches($first, 'succeeded', '... and seen to end', 30);

# Objects that carry our labels and are not ours. The run has no pods yet that would keep it from ending.

my $id = $db->run_job($job);
my $real = $kube->application($id);
$db->reaches($id, 'submitted', 'a run');
my $namespace = $kube->apps_path('vcpu-hours-ns');
my $n = 0;
for ([ 'of the same execution' => sub { } ],
	[ 'of an execution that is no uuid' => sub { $_[0]{'sparkingest.io/execution'} = 'x' } ],
	[ 'of an execution that nobody knows' => sub { $_[0]{'sparkingest.io/execution'} = '00000000-0000-4000-8000-000000000000' } ],
	[ 'of no execution' => sub { delete $_[0]{'sparkingest.io/execution'} } ])
{
	my ($what, $change) = @$_;
	my %labels = %{ $real->{metadata}{labels} };
	$change->(\%labels);
	my $impostor = $kube->must('POST', $namespace, { apiVersion => 'sparkoperator.k8s.io/v1beta2', kind => 'SparkApplication',
		metadata => { name => 'impostor-' . ++$n, labels => \%labels, annotations => $real->{metadata}{annotations} }, spec => $real->{spec} });
	$kube->say_state($impostor, 'COMPLETED', terminationTime => Sparkingest::Kube::stamp(time));
	# The watch goes on all the while: another run that is posted and ends later is seen to.
	my $other = $db->run_job($job);
	$kube->whole_run($other, took => 50);
	$db->reaches($other, 'succeeded', "an object with our labels $what");
	is($db->state($id), 'submitted', '... ends nobody\'s run');
	$kube->delete_application($impostor);
	my $after = $db->run_job($job);
	$kube->whole_run($after, took => 50);
	$db->reaches($after, 'succeeded', '... and its deletion');
	is($db->state($id), 'submitted', '... neither');
}
$kube->whole_run($id, took => 50);
$db->reaches($id, 'succeeded', 'the run ends with its own object');

# A row that cannot be made into a manifest backs off with the reason; others go on (J12).

my $bad = $db->production_job($tenant, options => {%many});
$db->sql(qq(UPDATE sparkingest.ingestion_jobs SET options = options || '{"spark_conf": {"spark.kubernetes.container.image": "evil"}}' WHERE job_id = '$bad'));
my $stuck = $db->run_job($bad);
$db->becomes_like("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$stuck'", qr/^invalid spark_conf: "spark.kubernetes.container.image" is/,
	'a row that cannot be posted says why');
is($db->state($stuck), 'scheduled', '... and waits');
is($db->sql("SELECT next_try_at > now() FROM sparkingest.job_executions WHERE execution_id = '$stuck'"), 't', '... for its next try');
my $good = $db->run_job($job);
$db->reaches($good, 'submitted', '... while others go on');
like($db->health('waiting work'), qr/^warning: 1 executions are due and not submitted, 1 with an error: invalid spark_conf/, '... and health() counts it');
$db->sql("UPDATE sparkingest.ingestion_jobs SET options = options - 'spark_conf' WHERE job_id = '$bad'");
$db->sql($_) for q(ALTER SYSTEM SET sparkingest.clock = '+1 minute'), 'SELECT pg_reload_conf()';
$db->reaches($stuck, 'submitted', 'put right, it is posted at its next try');

# The role that owns a job is dropped.

$db->sql('CREATE ROLE owner LOGIN');
$db->sql('GRANT sparkingest_operator TO owner');
my $orphan = $db->sql("SET ROLE owner; SET client_min_messages = warning; SELECT sparkingest.create_job('$tenant', 'orphan', 'postgres', "
	  . q('{"host": "a", "database": "b", "table": "c"}', '{"type": "s3", "bucket": "lake", "path": "p"}', '{"cpu_cores": 2, "memory_gb": 4}') . ')');
my $theirs = $db->run_job($orphan, "now() + interval '6 seconds'");
$db->sql('DROP ROLE owner');
$db->reaches($theirs, 'submitted', 'a run whose owner is gone since is posted all the same: no worker acts as anybody');

books_are_right($db, $kube);
done_testing();
