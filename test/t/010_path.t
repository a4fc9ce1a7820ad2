# The whole way of a run, with the test as operator and kubelet: claimed, posted, watched, ended; what the driver tells
# becomes columns, a watermark, consumption, a verdict; production pays, drafts do not.
use strict;
use warnings FATAL => 'all';
use JSON::PP;
use MIME::Base64 qw(decode_base64url);
use Sparkingest::Books;
use Sparkingest::Kube;
use Sparkingest::Server;
use Sparkingest::Wait;
use Test::More;

my $kube = Sparkingest::Kube->new;
my $db = Sparkingest::Server->new($kube);
my $tenant = $db->tenant;

# What ingest.py is told by an object's arguments.
sub spec_of
{
	my ($app) = @_;
	my ($flag, $spec) = @{ $app->{spec}{arguments} };
	is($flag, '--spec-b64', 'the driver gets its spec');
	return decode_json(decode_base64url($spec));
}

sub consumption { my ($id) = @_; return $db->row("SELECT * FROM sparkingest.resource_consumption WHERE execution_id = '$id'") }

# A draft run.

my $job = $db->job($tenant, name => 'orders', source => { incremental => { column => 'updated_at', overlap => 60 } },
	requirements => { cpu_cores => 3.5, memory_gb => 7.25, executors => 2 }, options => { overlap_policy => 'allow', overlap_limit => 9 });
my $draft = $db->run_job($job);
$db->reaches($draft, 'submitted', 'a draft run is claimed and posted at once');
my @apps = $kube->applications;
is(scalar @apps, 1, 'there is one object in the three namespaces');
my $app = $apps[0];
my $e = $db->execution($draft);
is($app->{metadata}{namespace}, $kube->namespace('draft-ingestion-ns'), 'it is in the draft namespace');
is($app->{metadata}{name}, 'si-' . ($draft =~ s/-//gr) . '-1', 'its name comes from the execution and the attempt');
is($app->{metadata}{name}, $e->{object_name}, '... and is in the row');
is($app->{metadata}{uid}, $e->{object_uid}, '... and so is the uid that Kubernetes gave it');
is($app->{metadata}{annotations}{'sparkingest.io/manifest-sha256'}, $e->{manifest_sha256}, '... and the hash of the manifest');
is_deeply($app->{spec}, $e->{manifest}{spec}, 'Kubernetes has what the row says was posted, no field lost or changed');
is_deeply([ Sparkingest::Kube::asked($app) ], [ 3500, 7424 ], 'the pods ask for exactly what the job wants (C7)');
is_deeply([ @$e{qw(posted_cpu_millicores posted_memory_mib)} ], [ 3500, 7424 ], '... which is what the row says was posted');
is_deeply($db->row("SELECT cpu_millicores, memory_mib FROM sparkingest.reservations WHERE reservation_id = '$e->{reservation_id}'"),
	{ cpu_millicores => 3500, memory_mib => 7424 }, '... and what is reserved');
my $spec = spec_of($app);
is($spec->{execution_id}, $draft, 'the spec names the execution');
is_deeply($spec->{source}{incremental}, { column => 'updated_at', overlap => 60, after => undef }, '... and reads all there is at first');
is($spec->{destination}{path}, "orders_draft/$draft", '... and a draft writes beside the lake');
is($db->history($draft), 'scheduled dispatching submitted', 'each move is an event');

$kube->make_pods($app);
is_deeply([ @{ $kube->must('GET', '/api/v1/namespaces/' . $kube->namespace('draft-ingestion-ns') . '/pods')->{items} } ] > 2, 1,
	'a driver and two executors are accepted by the quota');
until_is(sub { $kube->must('GET', '/api/v1/namespaces/' . $kube->namespace('draft-ingestion-ns') . '/resourcequotas/sparkingest')
		->{status}{used}{'requests.memory'} // '' }, '7424Mi', '... which counts what is reserved, to the MiB');
$kube->remove_pods($draft);

$app = $kube->start_run($draft, since => 540);
$db->reaches($draft, 'running', 'a driver that runs makes the execution running');
is($db->sql("SELECT started_at FROM sparkingest.job_executions WHERE execution_id = '$draft'") =~ tr/ /T/r, Sparkingest::Kube::stamp($app->{began}) =~ s/Z$/+00/r,
	'... since the time that kubelet tells');
$kube->end_run($app, took => 540, metrics => { v => 1, rows => 336776, bytes_out => 4096000, files => 12, cursor => '2013-12-31 23:59:59',
	cpu_ms => 98765, run_ms => 540000, peak_mem_mb => 1234, error => undef });
$db->reaches($draft, 'succeeded', 'and its end the end');
$e = $db->execution($draft);
is_deeply([ @$e{qw(rows_read bytes_out files_written cursor_value exit_code)} ], [ 336776, 4096000, 12, '2013-12-31 23:59:59', 0 ],
	'the termination message is in the columns');
is($e->{metrics}{peak_mem_mb}, 1234, '... and as a whole');
is($db->history($draft), 'scheduled dispatching submitted running succeeded', 'the events are the way it went');
is($db->sql("SELECT string_agg(DISTINCT actor, ' ' ORDER BY actor) FROM sparkingest.events WHERE execution_id = '$draft'"),
	'dispatcher postgres', '... with who did it');
is($e->{sla_met}, undef, 'a draft stands outside the SLA');
is_deeply([ @{ $e->{evaluation} }{qw(promotion_eligible confidence reason recommended_action)} ], [ JSON::PP::true, 'high', undef, undef ],
	'it is evaluated at once: nine of ten minutes are good (S3)') or diag(encode_json($e->{evaluation}));
is(consumption($draft)->{charge_to}, 'draft', 'its use is metered');
is(consumption($draft)->{charged}, 0, '... and free (M9)');
is($db->sql("SELECT watermark FROM sparkingest.ingestion_jobs WHERE job_id = '$job'"), '', 'a draft does not move the watermark');
is($db->sql("SELECT status FROM sparkingest.reservations WHERE reservation_id = '$e->{reservation_id}'"), 'released', 'its capacity is free');
is($kube->is_there($app), 1, 'its object is left to the janitor (timeToLiveSeconds)');

# A production run of the same job. Another draft run is under way when it is promoted.

my $late_draft = $db->run_job($job);
my $late = $kube->start_run($late_draft, since => 100);
is($db->sql("SELECT sparkingest.promote_job('$job') ->> 'namespace'"), 'vcpu-hours-ns', 'the job is promoted to where the tenant may run');
$kube->end_run($late, took => 90, metrics => { v => 1, rows => 1, cursor => '2099-01-01' });
$db->reaches($late_draft, 'succeeded', 'a draft run that ends when its job is in production');
is($db->sql("SELECT watermark FROM sparkingest.ingestion_jobs WHERE job_id = '$job'"), '', '... moves no watermark either');
my $run = $db->run_job($job);
is($db->row("SELECT held FROM sparkingest.job_executions WHERE execution_id = '$run'")->{held}, 720 * 3625,
	'what a planned run costs is held: 12 minutes of the memory, which outweighs the cores (M4, M6)');
$app = $kube->application($run);
is($app->{metadata}{namespace}, $kube->namespace('vcpu-hours-ns'), 'a production run goes to the shared namespace');
is(spec_of($app)->{destination}{path}, 'orders', '... and writes to the lake');
$app = $kube->start_run($run, since => 300);
$db->reaches($run, 'running');
$kube->end_run($app, took => 200, metrics => { v => 1, rows => 10, bytes_out => 1000, files => 1, cursor => '2014-01-01 12:00:00' });
$db->reaches($run, 'succeeded');
my $used = consumption($run);
is_deeply([ @$used{qw(billed_seconds charge_to)} ], [ 200, 'vcpu_hours' ], 'it is billed from driver running to the end, as kubelet tells them (M7)');
is_deeply([ @$used{qw(cpu_millicore_seconds memory_mib_seconds)} ], [ 200 * 3500, 200 * 7424 ], '... metered in whole units (M8)');
is($used->{charged}, 200 * 3625, '... and charged for what it was, not what was planned');
is($db->sql("SELECT charged FROM sparkingest.job_executions WHERE execution_id = '$run'"), 200 * 3625, '... which the row says too');
is_deeply($db->row("SELECT held, spent FROM sparkingest.grant_balances"), { held => 0, spent => 200 * 3625 },
	'the rest of the hold is available again (M4)');
is($db->sql("SELECT watermark FROM sparkingest.ingestion_jobs WHERE job_id = '$job'"), '2014-01-01 12:00:00',
	'the watermark moves with the success of a production run');
is($db->sql("SELECT sla_met FROM sparkingest.job_executions WHERE execution_id = '$run'"), 't', 'its SLA is met (S1)');
is($db->sql("SELECT count(*) FROM sparkingest.estimation_observations"), 3, 'all runs are observed for estimates');

my $next = $db->run_job($job);
is(spec_of($kube->application($next))->{source}{incremental}{after}, '2014-01-01 12:00:00', 'the next run reads from the watermark');

# The state of an application is a level: a run that was never seen running has ended all the same.
$app = $kube->application($next);
$app->{began} = time - 150;
$kube->make_pods($app);
$kube->end_run($app, took => 120, exit => 70, metrics => { v => 1, error => { class => 'SparkException', msg => 'no such column "x"' } });
$db->reaches($next, 'failed', 'a run that is seen first when it has ended');
$e = $db->execution($next);
is_deeply([ @$e{qw(error_class error_message exit_code)} ], [ 'user_code', 'no such column "x"', 70 ], '... tells why it failed');
is(consumption($next)->{charged}, 120 * 3625, '... and pays for what it used: failures of the job are charged (M7)');
is($db->history($next), 'scheduled dispatching submitted failed', '... and skips the state that nobody saw');
is($db->sql("SELECT watermark FROM sparkingest.ingestion_jobs WHERE job_id = '$job'"), '2014-01-01 12:00:00', '... and leaves the watermark');

# Hostile ends: what a driver leaves is data, never an error of the dispatcher.
my %messages = (
	'not JSON' => 'Traceback (most recent call last): ...',
	'NUL and half a surrogate' => '{"v":1,"rows":5,"cursor":"a\u0000b\ud800"}',
	'numbers out of range' => '{"v":1,"rows":1e40,"bytes_out":-5,"files":1.5,"cursor":{"a":1}}',
	'a number that no numeric holds' => '{"v":1,"rows":1e999999}',
	'an array' => '[1,2,3]',
	'nested deeply' => '[' x 2000);
for my $what (sort keys %messages)
{
	my $id = $db->run_job($job);
	$app = $kube->start_run($id, since => 60);
	$kube->end_run($app, message => $messages{$what});
	$db->reaches($id, 'succeeded', "a termination message that is $what does not keep a run from ending");
	is($db->sql("SELECT watermark FROM sparkingest.ingestion_jobs WHERE job_id = '$job'"), '2014-01-01 12:00:00', '... nor moves the watermark');
}

is($db->health('cluster default'), 'ok: the Kubernetes API answers, dispatch is enabled', 'health() says that all is well');
like($db->health('dispatcher'), qr/^ok: runs as process \d+/, '... and that the dispatcher runs');

books_are_right($db, $kube);
done_testing();
