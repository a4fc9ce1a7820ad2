# What a POST may meet: our own object, somebody else's of that name, answers that never arrive or are nonsense (J9).
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
my $job = $db->production_job($db->tenant, options => { overlap_policy => 'allow', overlap_limit => 50 });
my $applications = qr{/sparkapplications\?};

sub column { my ($id, $name) = @_; return $db->sql("SELECT $name FROM sparkingest.job_executions WHERE execution_id = '$id'") }
sub dispatch { my ($word) = @_; $db->sql("SELECT sparkingest.${word}_dispatch()"); return }

# A run that is not claimed yet, and what would be posted for it.
sub run_later
{
	dispatch('disable');
	my $id = $db->run_job($job);
	return ($id, decode_json($db->sql("SELECT sparkingest.render_manifest('$id')")));
}

sub create { my ($object) = @_; return $kube->must('POST', $kube->apps_path('vcpu-hours-ns'), $object) }

sub posts { my ($status) = @_; return scalar $proxy->seen(method => 'POST', path => $applications, $status ? (status => $status) : ()) }

# Our own object is there already.

my ($id, $manifest) = run_later();
my $made = create($manifest);
dispatch('enable');
$db->reaches($id, 'submitted', 'an object that is exactly what we would post');
is(column($id, 'object_uid'), $made->{metadata}{uid}, '... is adopted');
is(posts(409), 1, '... on a 409');
is(scalar $proxy->seen(method => 'POST', path => qr/[?&]fieldValidation=Strict(&|$)/), posts(), 'every POST asks for strict validation: a field that Kubernetes does not know is an error');
is_deeply(decode_json(column($id, 'manifest')), $manifest, '... and render_manifest() had told what would be posted');
$kube->whole_run($id, took => 100);
$db->reaches($id, 'succeeded', '... and the run goes its way');

# Somebody else's.

my %foreign = (
	'that knows nothing of us' => sub { my ($m) = @_; delete @{ $m->{metadata} }{qw(labels annotations)} },
	'with our labels and another manifest' => sub { my ($m) = @_; $m->{metadata}{annotations}{'sparkingest.io/manifest-sha256'} = '0' x 64 },
	'without the hash' => sub { my ($m) = @_; delete $m->{metadata}{annotations} },
	'of another instance' => sub { my ($m) = @_; $m->{metadata}{labels}{'sparkingest.io/instance'} = '1-1' },
	'of another execution' => sub { my ($m) = @_; $m->{metadata}{labels}{'sparkingest.io/execution'} = '00000000-0000-0000-0000-000000000000' });
for my $what (sort keys %foreign)
{
	($id, $manifest) = run_later();
	$foreign{$what}->($manifest);
	$made = create($manifest);
	$kube->say_state($made, 'COMPLETED', terminationTime => Sparkingest::Kube::stamp(time));
	$made = $kube->must('GET', $kube->app_path($made));
	dispatch('enable');
	$db->reaches($id, 'failed', "an object of our name $what");
	like(column($id, 'error_message'), qr/^name_conflict: .*"\Q$made->{metadata}{name}\E".* not ours/, '... is told by name');
	is(column($id, "error_class || ' ' || charged || ' ' || (object_uid IS NULL)"), 'rejected 0 true', '... not adopted and not billed');
	is_deeply($kube->must('GET', $kube->app_path($made)), $made, '... and left as it is');
	$kube->delete_application($made);
}

# Somebody else's, and the run is cancelled before that is known.

my $rule = $proxy->rule('hold', method => 'POST', times => 1);
($id, $manifest) = run_later();
$foreign{'that knows nothing of us'}->($manifest);
dispatch('enable');
$proxy->reaches(1, 'a POST is held', rule => $rule, stage => 'held');
$made = create($manifest);
is($db->cancel($id), 't', '... and its run cancelled');
$proxy->release;
$db->reaches($id, 'cancelled', '... which ends, although the name belongs to somebody else');
is($kube->is_there($made), 1, '... whose object stays');
$kube->delete_application($made);

# Ours, which vanishes before we could look.

$rule = $proxy->rule('hold', method => 'GET', path => 'sparkapplications/si-', times => 1);
($id, $manifest) = run_later();
$made = create($manifest);
dispatch('enable');
$proxy->reaches(1, 'after a 409 the object is looked at', rule => $rule, stage => 'held');
$kube->delete_application($made);
$proxy->release;
$db->reaches($id, 'submitted', '... and posted again when it has gone meanwhile');
isnt(column($id, 'object_uid'), $made->{metadata}{uid}, '... as another object');

# Answers that do not arrive. Each time there is one object in the end, and the row knows its uid.

my %faults = (
	'a POST that is cut off' => { action => 'cut' },
	'an answer that is cut off' => { action => 'cut_reply' },
	'half an answer' => { action => 'cut_half' },
	'a POST that somebody on the way repeats' => { action => 'twice' },
	'a web page for an answer' => { action => 'answer', status => 200, headers => { 'Content-Type' => 'text/html' }, body => '<html>Login</html>' },
	'JSON that is no object of Kubernetes' => { action => 'answer', status => 201, body => '{"metadata": {"uid": 7}}' },
	'JSON that is cut off' => { action => 'answer', status => 201, body => '{"metadata": {"uid": "' },
	'an error of the server' => { action => 'answer', status => 500, body => '{"kind": "Status", "reason": "InternalError", "message": "etcdserver: request timed out"}' },
	'a server that is too busy' => { action => 'answer', status => 429, headers => { 'Retry-After' => '1', 'Content-Type' => 'text/plain' }, body => 'Too many requests, please try again later.' },
	'a gateway without a server' => { action => 'answer', status => 502, body => 'Bad Gateway' });
for my $what (sort keys %faults)
{
	$rule = $proxy->rule($faults{$what}{action}, method => 'POST', times => 1, %{ $faults{$what} });
	$id = $db->run_job($job);
	$db->reaches($id, 'submitted', "$what does not keep a run from being posted");
	is($proxy->seen(rule => $rule), 1, '... when it has happened');
	is(join(' ', map { $_->{metadata}{uid} } $kube->applications($id)), column($id, 'object_uid'), '... as one object, which the row knows');
	is(column($id, 'last_error'), '', '... and no error is left in the row');
}

# All of the run is over before its POST is recorded: what was not heard meanwhile is looked at, not waited for (the next list is far).

$rule = $proxy->rule('hold_reply', method => 'POST', times => 1);
$id = $db->run_job($job);
$proxy->reaches(1, 'the answer to a POST is held', rule => $rule, stage => 'held');
$kube->whole_run($id, took => 100);
until_true(sub { ($kube->applications($id))[0]{status}{applicationState}{state} eq 'COMPLETED' }, '... and the run is over');
$proxy->release;
$db->reaches($id, 'succeeded', '... which is found out at once', 30);

# What Kubernetes will never take is not tried again.

my %refusals = (
	'422' => '{"kind": "Status", "status": "Failure", "reason": "Invalid", "code": 422, "message": "SparkApplication is invalid: spec.driver.cores"}',
	'400' => '{"kind": "Status", "status": "Failure", "reason": "BadRequest", "code": 400, "message": "strict decoding error: unknown field \"spec.x\""}',
	'403' => '{"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403, "message": "admission webhook \"policy.example.com\" denied the request: no"}');
for my $status (sort keys %refusals)
{
	my $before = posts();
	$proxy->rule('answer', method => 'POST', times => 1, status => 0 + $status, body => $refusals{$status});
	$id = $db->run_job($job);
	$db->reaches($id, 'failed', "a refusal ($status) ends a run");
	my $said = decode_json($refusals{$status})->{message};
	is(column($id, 'error_message'), "Kubernetes answered $status: $said", '... with what Kubernetes said');
	is(column($id, "error_class || ' ' || charged"), 'rejected 0', '... free of charge');
	is(posts() - $before, 1, '... after one POST');
}

# Busy: the server says how long to wait, and is not asked before.

$rule = $proxy->rule('answer', method => 'POST', times => 1, status => 429, headers => { 'Retry-After' => '3' }, body => 'Too many requests');
$id = $db->run_job($job);
$db->becomes_like("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$id'", qr/429/, 'a busy server is told of in the row');
$db->reaches($id, 'submitted');
my ($refused) = $proxy->seen(rule => $rule);
my ($asked) = grep { $_->{n} > $refused->{n} } $proxy->seen(method => 'POST');
cmp_ok($asked->{at} - $refused->{at}, '>=', 2.9, '... and asked again when the time it set is over');

books_are_right($db, $kube);
done_testing();
