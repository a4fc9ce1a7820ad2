# From create_job to production without another call: auto_draft, auto_promote, the first production run reserved and started (S2, S4),
# on vCPU-hours and on dedicated units; and what keeps a job from being promoted.
use strict;
use warnings FATAL => 'all';
use JSON::PP;
use Sparkingest::Books;
use Sparkingest::Kube;
use Sparkingest::Server;
use Sparkingest::Wait;
use Test::More;

my $kube = Sparkingest::Kube->new;
my $db = Sparkingest::Server->new($kube, conf => [ 'sparkingest.slot_minutes = 1' ]);

sub column { my ($id, $name) = @_; return $db->sql("SELECT $name FROM sparkingest.job_executions WHERE execution_id = '$id'") }
sub runs_of { my ($job) = @_; return split /\n/, $db->sql("SELECT execution_id FROM sparkingest.job_executions WHERE job_id = '$job' ORDER BY created_at, scheduled_for") }
sub events_of { my ($job) = @_; return $db->sql("SELECT string_agg(event_type, ' ' ORDER BY event_id) FROM sparkingest.events WHERE job_id = '$job' AND event_type ~ '^(job|execution.evaluated)'") }

my %auto = (auto_draft => JSON::PP::true, auto_promote => JSON::PP::true);
my $ahead = 0;

for ([ 'vCPU-hours', { hours => 100 }, 'vcpu-hours-ns', 'vcpu_hours' ], [ 'dedicated units', { hours => 0, units => 2 }, 'dedicated-cpu-ns', 'dedicated' ])
{
	my ($what, $owns, $namespace, $payer) = @$_;
	my $tenant = $db->tenant(%$owns);
	my $job = $db->job($tenant, schedule => '* * * * *', options => {%auto});
	my ($draft) = runs_of($job);
	is(column($draft, 'started_by'), 'auto_draft', "$what: a draft run comes with the job");
	$db->reaches($draft, 'submitted', '... and is posted');
	is($kube->application($draft)->{metadata}{namespace}, $kube->namespace('draft-ingestion-ns'), '... in the draft namespace');
	$kube->whole_run($draft, took => 400);
	$db->reaches($draft, 'succeeded', '... and ends well');
	is($db->sql("SELECT stage || ' ' || target_namespace FROM sparkingest.ingestion_jobs WHERE job_id = '$job'"), "production $namespace",
		'... which promotes the job, in the same transaction, to where its owner may run');
	is(events_of($job), 'job.created execution.evaluated job.promoted', '... as the events tell');
	my (undef, $first) = runs_of($job);
	is(column($first, "state || ' ' || started_by || ' ' || namespace"), "scheduled schedule $namespace", '... and its first run is reserved');
	is($db->sql("SELECT r.status || ' ' || (r.starts_at = e.scheduled_for) FROM sparkingest.job_executions e JOIN sparkingest.reservations r USING (reservation_id) WHERE execution_id = '$first'"),
		'active true', '... at its fire');
	is(scalar $kube->applications($first), 0, '... and not posted before');

	# Its time comes.
	$ahead = $db->sql("SELECT ceil(extract(epoch FROM planned_start - clock_timestamp())) + 1 FROM sparkingest.job_executions WHERE execution_id = '$first'");
	$db->sql("ALTER SYSTEM SET sparkingest.clock = '+$ahead seconds'");
	$db->sql('SELECT pg_reload_conf()');
	$db->reaches($first, 'submitted', '... when it is time it is');
	my $app = $kube->application($first);
	is($app->{metadata}{namespace}, $kube->namespace($namespace), '... there');
	$kube->end_run($kube->start_run($first, since => 200 - $ahead), took => 100);
	$db->reaches($first, 'succeeded', '... and runs');
	is($db->sql("SELECT charge_to || ' ' || charged FROM sparkingest.resource_consumption WHERE execution_id = '$first'"),
		$payer eq 'dedicated' ? 'dedicated 0' : 'vcpu_hours 200000', "... and $payer pays for it");
	is(column($first, 'sla_met'), 't', '... within its SLA');
	$db->sql("SELECT sparkingest.drop_job('$job')");
	$db->sql($_) for 'ALTER SYSTEM RESET sparkingest.clock', 'SELECT pg_reload_conf()';
}

# A draft that took too long, by the bounds of its tier (S3).

my $tenant = $db->tenant;
for ([ 'a fifth longer than estimated' => 720, 'high', undef, 2, 4 ], [ 'half longer' => 900, 'medium', undef, 3, 5 ],
	[ 'longer than that' => 901, undef, 'performance_below_threshold', 2, 4 ])
{
	my ($what, $took, $confidence, $reason, $cores, $gib) = @$_;
	my $job = $db->job($tenant, options => {%auto});
	my ($draft) = runs_of($job);
	$db->reaches($draft, 'submitted');
	$kube->whole_run($draft, took => $took);
	$db->reaches($draft, 'succeeded', "a draft that took $what");
	my $verdict = decode_json(column($draft, 'evaluation'));
	is($verdict->{reason}, $reason, $reason ? "... is not eligible: $reason" : '... is eligible');
	is($verdict->{confidence}, $confidence, '... with the confidence that goes with it') if $confidence;
	is($verdict->{recommended_action}, $reason ? 'increase_resources_or_purchase_more_units' : undef, '... and what to do');
	is($db->sql("SELECT stage FROM sparkingest.ingestion_jobs WHERE job_id = '$job'"), $reason ? 'draft' : 'production', '... which decides its stage');
	is($db->sql("SELECT cpu_millicores / 1000 || ' ' || memory_mib / 1024 FROM sparkingest.ingestion_jobs WHERE job_id = '$job'"), "$cores $gib",
		"... and its resources: $cores cores, $gib GiB");
}

# A draft that failed; and three of three for the tier that asks for them.

my $job = $db->job($tenant, options => {%auto});
my ($draft) = runs_of($job);
$kube->end_run($kube->start_run($draft, since => 100), exit => 70, took => 60);
$db->reaches($draft, 'failed', 'a draft that failed');
is($db->sql("SELECT stage FROM sparkingest.ingestion_jobs WHERE job_id = '$job'"), 'draft', '... does not promote its job');

$job = $db->job($tenant, sla => { tier => 'strict' }, options => {%auto});
for my $n (1 .. 3)
{
	my $draft = $n == 1 ? (runs_of($job))[0] : $db->run_job($job);
	$kube->whole_run($draft, took => 100);
	$db->reaches($draft, 'succeeded', "good draft run $n of 3");
	is($db->sql("SELECT stage FROM sparkingest.ingestion_jobs WHERE job_id = '$job'"), $n < 3 ? 'draft' : 'production', '... in a tier that asks for three (S4)');
}

# A promotion that cannot be: the run's end stands, the job stays as it was, and why is told.

my $poor = $db->tenant(hours => 0);
$job = $db->job($poor, schedule => '* * * * *', options => { %auto, on_no_capacity => 'reject' });
($draft) = runs_of($job);
$kube->whole_run($draft, took => 100);
$db->reaches($draft, 'succeeded', 'a draft of a tenant that owns nothing ends well');
is($db->sql("SELECT stage FROM sparkingest.ingestion_jobs WHERE job_id = '$job'"), 'draft', '... its job stays a draft');
like($db->sql("SELECT cause FROM sparkingest.events WHERE job_id = '$job' AND event_type = 'job.not_promoted'"), qr/^vCPU-hours do not cover a run of job/,
	'... for a reason that an event tells');

books_are_right($db, $kube);
done_testing();
