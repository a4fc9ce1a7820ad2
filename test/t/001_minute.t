# What takes a minute, together: pg_cron's tick starts the production runs of a schedule (J2); and an object that no operator touches
# is told of.
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
my $db = Sparkingest::Server->new($kube, kubeconfig => $proxy->kubeconfig, conf => [ 'sparkingest.slot_minutes = 1' ]);
my $tenant = $db->tenant;

# Promoted without a schedule, so that nothing is planned before a tick.

my $job = $db->production_job($tenant, options => { overlap_policy => 'allow', overlap_limit => 9 });

# Nobody's object. Its namespace is not seen by a watch meanwhile: the answer to its POST is all that is known of it.

my $blind = $proxy->rule('hold', method => 'GET', path => 'draft-ingestion-ns/sparkapplications\?watch');
$proxy->sever;
$proxy->reaches(1, 'a watch is held', rule => $blind, stage => 'held');
my $untouched = $db->run_job($db->job($tenant));
$db->reaches($untouched, 'submitted', 'a run is posted where no operator is');

# The tick.

like($db->health('pg_cron'), qr/^warning: loaded, but not created in this database: run CREATE EXTENSION pg_cron/, 'without pg_cron health() says what to do');
like($db->refusal('SELECT sparkingest.install_schedules()'), qr/55000.*pg_cron is loaded but not created.*Run CREATE EXTENSION pg_cron here/s,
	'... and so does install_schedules()');
$db->sql('CREATE EXTENSION pg_cron');
is(scalar(() = $db->sql('SELECT sparkingest.install_schedules()') =~ /^registered "sparkingest/mg), 3, 'three ticks are registered');
$db->sql('SELECT sparkingest.install_schedules()');
is($db->sql("SELECT string_agg(schedule || ' ' || command, ', ' ORDER BY jobid) FROM cron.job"),
	'* * * * * SELECT sparkingest.plan(), */10 * * * * SELECT sparkingest.maintain(), 7 * * * * SELECT sparkingest.roll_up()',
	'... once, however often that is asked for');
like($db->health('schedules'), qr/^ok: plan, maintain and roll_up are registered/, '... which health() sees');

$db->sql(qq(SET client_min_messages = warning; SELECT sparkingest.alter_job('$job', '{"schedule_cron": "* * * * *"}')));
my $fire = $db->sql("SELECT date_trunc('minute', max(at)) + interval '1 minute' FROM sparkingest.events WHERE job_id = '$job' AND event_type = 'job.altered'");
my $first = "SELECT execution_id FROM sparkingest.job_executions WHERE job_id = '$job' AND started_by = 'schedule' ORDER BY scheduled_for LIMIT 1";
$db->becomes_like($first, qr/./, 'a schedule that fires soon is planned at once', 20);
my $run = $db->sql($first);
is($db->sql("SELECT scheduled_for FROM sparkingest.job_executions WHERE execution_id = '$run'"), $fire, '... from its next fire on');
is($db->sql("SELECT count(*) FROM sparkingest.job_executions WHERE job_id = '$job' AND started_by = 'schedule'"), 48, '... for 48 fires ahead');
is($db->sql("SELECT actor FROM sparkingest.events WHERE execution_id = '$run' ORDER BY event_id LIMIT 1"), 'planner', '... by the planner, which waits for no tick');
$db->reaches($run, 'submitted', 'and that fire is posted when it is due', 90);
$kube->whole_run($run, took => 90);
$db->reaches($run, 'succeeded', '... and runs');
$db->becomes("SELECT count(*) FROM sparkingest.worker_status WHERE worker_name = 'plan' AND beat_at IS NOT NULL", 1, '... and the tick has left its mark', 90);
like($db->health('schedules'), qr/^ok/, 'health() is content with the ticks');

# A minute is over.

$db->becomes_like("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$untouched'",
	qr/^no Spark operator watches namespace "\S+-draft-ingestion-ns": the application was not touched for a minute$/, 'an object that no operator touches for a minute is told of', 90);
is($db->state($untouched), 'submitted', '... and waits');
$proxy->clear;
$proxy->release;
$kube->start_run($untouched, since => 60);
$db->reaches($untouched, 'running', '... until there is one');
is($db->sql("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$untouched'"), '', '... and then says nothing any more');
$kube->end_run($kube->application($untouched));

# A tick that fails is an error of health().

$db->sql("UPDATE cron.job SET command = 'SELECT 1 / 0' WHERE command ~ 'plan'");
$db->becomes_like("SELECT status || ': ' || detail FROM sparkingest.health() WHERE component = 'schedules'", qr/^(error: the last tick failed|warning: 2 of 3 ticks)/,
	'a tick that was tampered with is told of');

$db->sql("DELETE FROM cron.job");
$db->sql("SELECT sparkingest.drop_job('$job')");
books_are_right($db, $kube);
done_testing();
