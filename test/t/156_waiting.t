# Waiting work when capacity comes free and nobody calls plan(): the planner pulls it forward at once (C13).
use strict;
use warnings FATAL => 'all';
use Test::More;
use Sparkingest::Server;
use Sparkingest::Wait;

my $db = Sparkingest::Server->new(undef, dispatch => 0);
my $tenant = $db->tenant(hours => 1000000);

sub job
{
	my ($name) = @_;
	$db->sql(<<"SQL");
INSERT INTO sparkingest.ingestion_jobs (job_id, tenant_id, job_name, stage, source_type, source_config, destination_config, cpu_millicores, memory_mib,
    executors, estimated_runtime_minutes, sla_window_hours, on_no_capacity, overlap_policy, time_zone, target_namespace, owner_oid, owner_name, created_at, updated_at)
VALUES (gen_random_uuid(), '$tenant', '$name', 'production', 'postgres', '{"host": "db.example.com", "database": "shop", "table": "orders"}',
    '{"type": "file", "uri": "file:///lake"}', 10000, 20480, 1, 120, 0.01, 'wait', 'allow', 'UTC', 'vcpu-hours-ns', current_user::regrole::oid, current_user, now(), now())
SQL
	return $db->sql("SELECT sparkingest.run_job(job_id) FROM sparkingest.ingestion_jobs WHERE job_name = '$name'");
}

# All of the namespace for one run at a time.
$db->sql("UPDATE sparkingest.namespaces SET cpu_millicores = 10000, memory_mib = 20480 WHERE namespace = 'vcpu-hours-ns'");
my ($first, $second, $third) = map { job($_) } qw(first second third);
my $state = "SELECT state FROM sparkingest.job_executions WHERE execution_id = '%s'";
is($db->sql(sprintf $state, $first), 'scheduled', 'one has the namespace');
is($db->sql(sprintf $state, $second), 'waiting', '... and another waits for it');
my $planned = "SELECT planned_start FROM sparkingest.job_executions WHERE execution_id = '$third'";
my $before = $db->sql($planned);

$db->sql("SELECT sparkingest.cancel_execution('$first')");
$db->becomes(sprintf($state, $second), 'scheduled', 'when the first gives it up, the second gets it, without plan()', 20);
is($db->sql("SELECT actor FROM sparkingest.events WHERE execution_id = '$second' AND event_type = 'execution.state' AND after ->> 'state' = 'scheduled'"),
	'planner', '... from the planner');
$db->becomes("SELECT ($planned) < '$before'", 't', '... and who waits behind it moves up', 20);

# Again, by a change of supply, and soon after.
$db->sql("SELECT sparkingest.set_capacity('vcpu-hours-ns', 20, 40, tstzrange(now(), now() + interval '10 days'))");
$db->becomes(sprintf($state, $third), 'scheduled', 'more capacity does the same', 20);
is($db->sql('SELECT sparkingest.plan()'), 0, 'nothing is left for plan()');
is($db->sql('SELECT count(*) FROM sparkingest.verify_ledger()'), 0, 'the ledger is what the tables say');
is($db->sql('SELECT count(*) FROM sparkingest.verify_books()'), 0, '... and so are the books');
done_testing();
