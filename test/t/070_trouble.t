# Everything that can be wrong between the server and Kubernetes: health() and the rows say what and what to do, work waits, nothing is
# lost, and all goes on by itself when it is put right. In a cluster of its own, which it breaks.
use strict;
use warnings FATAL => 'all';
use JSON::PP;
use PostgreSQL::Test::Utils qw(slurp_file);
use Sparkingest::Books;
use Sparkingest::Kube;
use Sparkingest::Server;
use Sparkingest::Wait;
use Test::More;

my $kube = Sparkingest::Kube->new(own => 1);
my $db = Sparkingest::Server->new($kube, conf => [ 'sparkingest.reconcile_interval = 5s' ]);
my $folder = PostgreSQL::Test::Utils::tempdir();
my $job = $db->production_job($db->tenant, options => { overlap_policy => 'allow', overlap_limit => 50 });
my $good = decode_json(slurp_file($kube->kubeconfig));
my ($server, $ca) = @{ $good->{clusters}[0]{cluster} }{qw(server certificate-authority)};

sub column { my ($id, $name) = @_; return $db->sql("SELECT $name FROM sparkingest.job_executions WHERE execution_id = '$id'") }

sub replace_file
{
	my ($path, $text) = @_;
	unlink $path;
	PostgreSQL::Test::Utils::append_to_file($path, $text);
	return $path;
}

# A kubeconfig with another cluster or user.
sub kubeconfig
{
	my (%other) = @_;
	return replace_file("$folder/kubeconfig", encode_json({ %$good,
		$other{cluster} ? (clusters => [ { name => 'sparkingest', cluster => $other{cluster} } ]) : (),
		$other{user} ? (users => [ { name => 'sparkingest', user => $other{user} } ]) : (), %{ $other{root} // {} } }));
}

sub use_kubeconfig { my ($path) = @_; $db->notices("SELECT sparkingest.set_cluster('default', '$path')"); return }
sub health_becomes
{
	my ($like, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return until_like(sub { $db->health('cluster default') }, $like, $name);
}

my $well = qr/^ok: the Kubernetes API answers, dispatch is enabled$/;
health_becomes($well, 'all is well at first');

# The kubeconfig. A run that is due waits through all of it.

replace_file("$folder/closed", 'x');
chmod 0000, "$folder/closed";
my $other_ca = "$folder/other.crt";
PostgreSQL::Test::Utils::system_or_bail('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', 2,
	'-subj', '/CN=other', '-keyout', "$folder/other.key", '-out', $other_ca);
my %cluster = (server => $server, 'certificate-authority' => $ca);
my @bad = (
	[ 'a file that is not there', sub { "$folder/nothing" }, qr/could not open the kubeconfig "\S+nothing": No such file/ ],
	[ 'a file that the server may not read', sub { "$folder/closed" }, qr/could not open the kubeconfig "\S+closed": Permission denied/ ],
	[ 'a folder', sub { $folder }, qr/"\S+" is not a regular file/ ],
	[ 'a file that is not YAML', sub { replace_file("$folder/kubeconfig", "a: [1,\nb: }\n") }, qr/is not YAML: line \d+: / ],
	[ 'a file with something else in it', sub { replace_file("$folder/kubeconfig", "- 1\n- 2\n") }, qr/the file is not a kubeconfig/ ],
	[ 'a file with zero bytes', sub { replace_file("$folder/kubeconfig", "a\0b") }, qr/holds zero bytes/ ],
	[ 'no context', sub { kubeconfig(root => { 'current-context' => undef }) }, qr/has no current-context; name a context/ ],
	[ 'a context that is not there', sub { kubeconfig(root => { 'current-context' => 'prod' }) }, qr/has no entry "prod" in its list "contexts"/ ],
	[ 'plain http', sub { kubeconfig(cluster => { %cluster, server => 'http://127.0.0.1:1' }) }, qr/"http:\S+" of the kubeconfig is not an https/ ],
	[ 'an authority that is not there', sub { kubeconfig(cluster => { %cluster, 'certificate-authority' => 'none.crt' }) },
		qr/could not open the certificate-authority file "\S+none.crt"/ ],
	[ 'no verification', sub { kubeconfig(cluster => { server => $server, 'insecure-skip-tls-verify' => JSON::PP::true }) },
		qr/asks to skip the verification .* sparkingest.tls_verify = off for a test/ ],
	[ 'a program to log in', sub { kubeconfig(user => { exec => { apiVersion => 'client.authentication.k8s.io/v1', command => 'aws' } }) },
		qr/runs a program to log in \(exec or auth-provider\); the server runs none: give it a service account's token/ ],
	[ 'a password', sub { kubeconfig(user => { username => 'a', password => 'b' }) }, qr/logs in by user name and password/ ],
	[ 'a certificate without its key', sub { kubeconfig(user => { 'client-certificate' => $ca }) }, qr/only one of client-certificate and client-key/ ],
	[ 'a token file that is not there', sub { kubeconfig(user => { tokenFile => 'none' }) }, qr/could not open the token file "\S+none"/ ],
	[ 'an empty token', sub { kubeconfig(user => { token => '  ' }) }, qr/the token of the kubeconfig is empty/ ],
	[ 'another authority', sub { kubeconfig(cluster => { %cluster, 'certificate-authority' => $other_ca }) },
		qr/the Kubernetes API at \Q$server\E cannot be reached: SSL certificate problem/ ],
	[ 'an authority that is none', sub { kubeconfig(cluster => { %cluster, 'certificate-authority' => replace_file("$folder/text", 'text') }) },
		qr/the Kubernetes API at \Q$server\E cannot be reached: / ],
	[ 'a server where nobody is', sub { kubeconfig(cluster => { %cluster, server => 'https://127.0.0.1:1' }) },
		qr{the Kubernetes API at https://127.0.0.1:1 cannot be reached: Failed to connect} ],
	[ 'a server that nobody knows', sub { kubeconfig(cluster => { %cluster, server => 'https://kube.invalid' }) },
		qr/cannot be reached: Could not resolve host: kube.invalid/ ],
	[ 'a token that is wrong', sub { kubeconfig(user => { token => 'eyJhbGciOiJSUzI1NiJ9.e30.c2lnbg' }) },
		qr/does not accept our token or certificate \(401\): renew those in "\Q$folder\E\/kubeconfig"$/ ],
	[ 'no login at all', sub { kubeconfig(user => {}) }, qr/401|Kubernetes answered 403: .*system:anonymous/ ]);
use_kubeconfig("$folder/nothing");
my $waits = $db->run_job($job);
for (@bad)
{
	my ($what, $make, $like) = @$_;
	use_kubeconfig($make->());
	health_becomes(qr/^error: .*$like/, "$what: health() says so");
	# Without a login Kubernetes itself may refuse the run for good; that is not what is told here.
	last if $what eq 'a token that is wrong';
	$db->becomes_like("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$waits'", $like, '... and so does the row that waits');
}
is($db->state($waits), 'dispatching', 'the run waits');
like($db->health('waiting work'), qr/^warning: 1 executions are due and not submitted, 1 with an error: /, '... which health() counts');
is($db->sql("SELECT count(*) FROM sparkingest.clusters WHERE api_status = 'error' AND api_since > now() - interval '1 minute'"), 1, '... and since when it is so');
use_kubeconfig($kube->kubeconfig);
$db->reaches($waits, 'submitted', 'with the right kubeconfig it goes on');
is(scalar $kube->applications($waits), 1, '... with one object');
is(column($waits, 'last_error'), '', '... and no error left');
health_becomes($well, '... and health() is content');

# A token that expires and is renewed in its file: nobody has to tell the server.

my $token = slurp_file($kube->token_file);
replace_file("$folder/token", "expired\n");
use_kubeconfig(kubeconfig(user => { tokenFile => "$folder/token" }));
health_becomes(qr/^error: .* \(401\): renew those/, 'a token that is not accepted');
my $id = $db->run_job($job);
$db->becomes_like("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$id'", qr/ \(401\): renew those/, '... is told in the row');
replace_file("$folder/token.new", $token);
rename "$folder/token.new", "$folder/token";
$db->reaches($id, 'submitted', '... until the file holds another one');
health_becomes($well, '... which health() sees');
use_kubeconfig($kube->kubeconfig);

# The API server is away. What runs is not judged meanwhile, what is told to stop is stopped later.

my ($runs, $stops) = map { $db->run_job($job) } 1 .. 2;
my %app = map { $_ => $kube->start_run($_, since => 200) } $runs, $stops;
$db->reaches($_, 'running') for $runs, $stops;
$kube->end_pods($app{$runs}, took => 150, message => '{"v": 1, "rows": 9}');
$kube->signal_process('kube-apiserver', 'KILL');
health_becomes(qr/^error: the Kubernetes API at \Q$server\E cannot be reached: /, 'the API server is away, by kill -9');
$id = $db->run_job($job);
is($db->cancel($stops), 't', '... which keeps nobody from cancelling');
$db->becomes_like("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$_'", qr/cannot be reached/, '... and is told in the row')
  for $id, $stops;
is($db->state($_), 'running', '... while what runs counts as running') for $runs, $stops;
$kube->start_process('kube-apiserver');
$db->reaches($id, 'submitted', 'when it is back, what waited is posted');
$kube->say_state($app{$runs}, 'COMPLETED', terminationTime => Sparkingest::Kube::stamp($app{$runs}{began} + 150));
$db->reaches($runs, 'succeeded', '... what ended has ended');
is(column($runs, 'rows_read'), 9, '... with its metrics');
until_is(sub { scalar $kube->applications($stops) }, 0, '... and what was cancelled is deleted');
$kube->remove_pods($stops);
$db->reaches($stops, 'cancelled');
health_becomes($well, '... and health() is content');

# A quota refuses objects: capacity is not what we think, which is told, and the run waits.

my $quotas = '/api/v1/namespaces/vcpu-hours-ns/resourcequotas';
my $count = 'count/sparkapplications.sparkoperator.k8s.io';
$kube->must('POST', $quotas, { apiVersion => 'v1', kind => 'ResourceQuota', metadata => { name => 'none' }, spec => { hard => { $count => '0' } } });
$kube->merge("$quotas/none/status", { status => { hard => { $count => '0' }, used => { $count => '0' } } });
until_is(sub { ($kube->request('POST', $kube->apps_path('vcpu-hours-ns') . '?dryRun=All', { apiVersion => 'sparkoperator.k8s.io/v1beta2',
	kind => 'SparkApplication', metadata => { name => 'try' }, spec => $kube->application($id)->{spec} }))[0] }, 403, 'a quota is in force');
my $refused = $db->run_job($job);
$db->becomes_like("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$refused'", qr/^Kubernetes answered 403: .*exceeded quota: none/,
	'a run that the quota refuses tells so');
is($db->state($refused), 'dispatching', '... and waits');
is($db->sql("SELECT actor || ': ' || cause FROM sparkingest.events WHERE event_type = 'capacity.quota_drift' AND execution_id = '$refused'") =~ /^dispatcher: .*exceeded quota/,
	1, '... and an event tells that capacity is not what we think (C9)');
$db->becomes("SELECT tries > 1 FROM sparkingest.job_executions WHERE execution_id = '$refused'", 't', '... it is tried again');
is($db->sql("SELECT count(*) FROM sparkingest.events WHERE event_type = 'capacity.quota_drift' AND execution_id = '$refused'"), 1, '... which is not told again');
$kube->must('DELETE', "$quotas/none");
$db->reaches($refused, 'submitted', '... until the quota lets it');

# No rights in one namespace: true of all runs there, not of one.

my $binding = '/apis/rbac.authorization.k8s.io/v1/namespaces/vcpu-hours-ns/rolebindings/sparkingest';
$kube->must('DELETE', $binding);
health_becomes(qr/^error: namespace "vcpu-hours-ns": Kubernetes answered 403: .*cannot list resource "sparkapplications"/, 'rights that are taken away are missed');
is($db->state($id), 'submitted', '... and what was posted there is not taken for lost');
my $forbidden = $db->run_job($job);
$db->becomes_like("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$forbidden'",
	qr/^Kubernetes answered 403: .*cannot create resource "sparkapplications"/, '... a run that may not be posted says so');
is($db->state($forbidden), 'dispatching', '... and waits');
my $draft = $db->run_job($db->job($db->tenant));
$db->reaches($draft, 'submitted', '... while another namespace goes on');
$kube->install;
health_becomes($well, 'rights that are given back are found');
$db->reaches($forbidden, 'submitted', '... and what waited is posted');

# No namespace. Seen by an administrator's certificate, since the rights of a service account go with its namespace.

use_kubeconfig($kube->{cluster} . '/admin.kubeconfig');
health_becomes($well, 'a client certificate is as good as a token');
my $away = '/api/v1/namespaces/draft-ingestion-ns';
my $draft_app = $kube->application($draft);
$kube->must('DELETE', $away);
until_is(sub { ($kube->request('GET', $away))[0] }, 404, 'a namespace is deleted');
$db->reaches($draft, 'failed', '... and the run in it with it');
$id = $db->run_job($db->job($db->tenant));
$db->becomes_like("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$id'", qr/^Kubernetes answered 404: namespaces "draft-ingestion-ns" not found/,
	'... which the row of another one tells');
health_becomes(qr/^error: .*namespaces "draft-ingestion-ns" not found/, '... and health()');
is($db->state($id), 'dispatching', '... and that run waits');
$kube->install;
$db->reaches($id, 'submitted', '... until it is there again');
health_becomes($well, '... which health() sees');
use_kubeconfig($kube->kubeconfig);

# No SparkApplication at all: the operator and its CRD are not installed.

my $crd = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/sparkapplications.sparkoperator.k8s.io';
$kube->must('DELETE', $crd);
until_is(sub { ($kube->request('GET', $crd))[0] }, 404, 'the CRD is deleted, and all objects with it');
health_becomes(qr/^error: .*does not know SparkApplication \(sparkoperator.k8s.io\/v1beta2\): install the Spark operator and its CRDs$/, '... health() says what to install');
my $later = $db->run_job($job);
$db->becomes_like("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$later'", qr/install the Spark operator and its CRDs$/, '... and so does a row');
is($db->state($later), 'dispatching', '... which waits');
$kube->install;
$db->reaches($later, 'submitted', '... until it is installed');
$db->reaches($id, 'failed', 'what was deleted with the CRD has failed');
like(column($id, 'error_message'), qr/^object deleted in Kubernetes/, '... since it was deleted');
health_becomes($well, '... and health() is content');

# Verification switched off, for a test: works with any certificate, and each start warns.

use_kubeconfig(kubeconfig(cluster => { server => $server, 'insecure-skip-tls-verify' => JSON::PP::true }));
health_becomes(qr/^error: the kubeconfig asks to skip the verification/, 'a server is not trusted without verification');
my $log = -s $db->node->logfile;
$db->sql('ALTER SYSTEM SET sparkingest.tls_verify = off');
$db->node->restart;
health_becomes($well, '... unless tls_verify is off');
ok($db->node->log_contains('WARNING:  sparkingest.tls_verify is off: anybody on the way can read the token', $log), '... of which each start warns');

books_are_right($db);
done_testing();
