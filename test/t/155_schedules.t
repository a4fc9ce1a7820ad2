# Schedules when the server is killed while they are planned, by plan() and by the planner: each fire has one run, none is lost,
# none comes twice; and when no tick comes, the planner stands in for it (J2).
use strict;
use warnings FATAL => 'all';
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils ();
use Test::More;
use Sparkingest::Server;
use Sparkingest::Wait;

my $JOBS = 4000;
my $db = Sparkingest::Server->new(undef, dispatch => 0);
my $tenant = $db->tenant(hours => 1000000);

# Production jobs as rows, daily at a time on the clock.
sub jobs
{
	my ($name, $count, $next_fire) = @_;
	$db->sql(<<"SQL");
INSERT INTO sparkingest.ingestion_jobs (job_id, tenant_id, job_name, stage, source_type, source_config, destination_config, cpu_millicores, memory_mib,
    executors, estimated_runtime_minutes, schedule_cron, time_zone, next_fire_at, plan_at, target_namespace, owner_oid, owner_name, created_at, updated_at)
SELECT gen_random_uuid(), '$tenant', '$name ' || n, 'production', 'postgres', '{"host": "db.example.com", "database": "shop", "table": "orders"}',
    '{"type": "file", "uri": "file:///lake"}', 100, 256, 1, 1, to_char(t AT TIME ZONE 'UTC', 'MI HH24') || ' * * *', 'UTC', t, now(), 'vcpu-hours-ns',
    current_user::regrole::oid, current_user, now(), now()
  FROM generate_series(1, $count) AS n, LATERAL (SELECT date_trunc('minute', now()) + interval '$next_fire') AS f (t);
SQL
	return;
}

# Jobs by their planned runs, and whether some fire has two.
sub planned
{
	my ($name) = @_;
	return $db->sql(<<"SQL");
SELECT string_agg(format('%s with %s', jobs, runs), ', ' ORDER BY runs) FROM (SELECT runs, count(*) AS jobs FROM (
    SELECT j.job_id, count(e.execution_id) AS runs FROM sparkingest.ingestion_jobs j LEFT JOIN sparkingest.job_executions e USING (job_id)
     WHERE j.job_name LIKE '$name %' GROUP BY 1) AS a GROUP BY 1) AS b
SQL
}
my $twice = 'SELECT count(*) FROM (SELECT FROM sparkingest.job_executions GROUP BY job_id, scheduled_for HAVING count(*) > 1) AS t';
my $events = 'SELECT last_value FROM sparkingest.events_event_id_seq';

sub crash
{
	my ($pid, $what) = @_;
	my $log = $db->node->logfile;
	my $size = -s $log;
	kill('KILL', $pid) == 1 or BAIL_OUT("nothing to kill $what");
	until_true(sub { $db->node->log_contains('database system is ready to accept connections', $size) }, "kill -9 $what: the server went through crash recovery");
	Sparkingest::Wait::poll(sub { ($db->node->psql('postgres', 'SELECT 1'))[0] == 0 }) or BAIL_OUT('the server does not come back');
	return;
}

# By plan(): one transaction, all or nothing.
jobs('by plan', $JOBS, '6 days 23 hours');
my $before = $db->sql($events);
my $tick = IPC::Run::start([ 'psql', '-XqAtc', 'SELECT sparkingest.plan()', '-d', $db->node->connstr('postgres') . ' application_name=tick' ], '>&', \my $out);
until_true(sub { $db->sql($events) > $before + 1000 }, 'plan() is at work');
crash($db->sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'tick'"), 'of plan()');
$tick->finish;
is(planned('by plan'), "$JOBS with 0", '... and nothing of it is there');
is($db->sql('SELECT sparkingest.plan()'), $JOBS, 'the next one does it');
is(planned('by plan'), "$JOBS with 1", '... for each');
is($db->sql('SELECT sparkingest.plan()'), 0, '... once');

# By the planner, in batches: those that were committed stay, the others are planned when it is back.
jobs('by planner', $JOBS, '2 minutes');
$db->sql("UPDATE sparkingest.ingestion_jobs SET next_fire_at = now() + interval '1 minute' WHERE job_name LIKE 'by planner %'");
$before = $db->sql($events);
$db->sql('SELECT pg_reload_conf()'); # wakes it
my $runs = "SELECT count(DISTINCT job_id) FROM sparkingest.job_executions JOIN sparkingest.ingestion_jobs USING (job_id) WHERE job_name LIKE 'by planner %'";
until_true(sub { $db->sql($runs) > 0 }, 'the planner plans what fires soon');
crash($db->sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'sparkingest planner'"), 'of the planner');
my $kept = $db->sql($runs);
cmp_ok($kept, '>', 0, "... what it has committed is there: $kept jobs");
$db->becomes($runs, $JOBS, '... and the rest is planned when it is back', 120);
is($db->sql($twice), 0, 'no fire has two runs');

# Nobody calls plan().
$db->sql("UPDATE sparkingest.worker_status SET beat_at = now() - interval '10 minutes' WHERE worker_name = 'plan'");
jobs('far', 5, '6 days 23 hours');
$db->becomes("SELECT count(*) FROM sparkingest.job_executions JOIN sparkingest.ingestion_jobs USING (job_id) WHERE job_name LIKE 'far %'", 5,
	'without a tick for two minutes the planner does what plan() does', 180);
is($db->sql("SELECT string_agg(DISTINCT v.actor, ',') FROM sparkingest.events v JOIN sparkingest.ingestion_jobs j USING (job_id) WHERE j.job_name LIKE 'far %'"), 'planner', '... as the events tell');
like($db->health('planner'), qr/^ok: runs as process/, '... and health() sees it');
is($db->sql('SELECT count(*) FROM sparkingest.verify_ledger()'), 0, 'the ledger is what the tables say');
is($db->sql('SELECT count(*) FROM sparkingest.verify_books()'), 0, '... and so are the books');
done_testing();
