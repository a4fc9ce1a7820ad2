# A hot standby: reads all, writes nothing and says so, has no dispatcher; promoted, it goes on where the primary was.
use strict;
use warnings FATAL => 'all';
use Sparkingest::Books;
use Sparkingest::Kube;
use Sparkingest::Server;
use Sparkingest::Wait;
use Test::More;

my $kube = Sparkingest::Kube->new;
my $db = Sparkingest::Server->new($kube, init => { allows_streaming => 1 }, conf => [ 'sparkingest.reconcile_interval = 5s' ]);
my $tenant = $db->tenant;
my $job = $db->production_job($tenant, options => { overlap_policy => 'allow', overlap_limit => 50 });
my ($runs, $posted) = map { $db->run_job($job) } 1 .. 2;
my $app = $kube->start_run($runs, since => 200);
$db->reaches($runs, 'running', 'a run on the primary');
$db->reaches($posted, 'submitted', '... and another one, posted only');

$db->node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($db->node, 'base', has_streaming => 1);
$standby->start;
$db->node->wait_for_catchup($standby, 'replay', $db->node->lsn('insert'));
my $there = bless { %$db, node => $standby }, 'Sparkingest::Server';

# Reading.

is($there->state($runs), 'running', 'a standby shows what is');
is($there->sql("SELECT available + held + spent = granted FROM sparkingest.balance('$tenant')"), 't', 'balance() answers');
is($there->sql("SELECT sparkingest.usage('$tenant') #>> '{executions,running}'"), '2', 'usage() answers');
cmp_ok($there->sql("SELECT count(*) FROM sparkingest.capacity_slots WHERE allocated_cpu > 0"), '>', 0, 'capacity_slots shows what is reserved');
is($there->sql("SELECT sparkingest.find_slot('vcpu-hours-ns', 4, 8, '1 hour') IS NOT NULL"), 't', 'find_slot() answers');
is($there->sql("SELECT sparkingest.render_manifest('$posted') ->> 'kind'"), 'SparkApplication', 'render_manifest() answers');
like($there->sql("SELECT string_agg(constraint_name, ' ') FROM sparkingest.explain_job('$job', now() + interval '1 hour')"), qr/\bnone\b/, 'explain_job() answers');
is($there->sql("SELECT constraint_name FROM sparkingest.explain_execution('$runs')"), 'none', 'explain_execution() answers');
cmp_ok($there->sql("SELECT count(*) FROM sparkingest.planned_load WHERE cpu_cores > 0"), '>', 0, 'planned_load shows what is planned');
is($there->sql("SELECT count(*) FROM sparkingest.next_fire_times('0 3 * * *', 'Europe/Berlin')"), 5, 'next_fire_times() answers');
is($there->sql(q(SELECT sparkingest.calculate_estimate('{"source_type": "postgres"}') ->> 'cpu_cores')), '3', 'calculate_estimate() answers');
is($there->dispatcher, '', 'no dispatcher runs there');
like($there->health('dispatcher'), qr/^warning: does not run on a standby; it starts after promotion$/, '... and health() says why');

# Writing.

my %writes = (
	create_tenant => q(SELECT sparkingest.create_tenant('x')),
	purchase => qq(SELECT sparkingest.purchase('$tenant', 'vcpu_hours', 1)),
	run_job => qq(SELECT sparkingest.run_job('$job')),
	cancel_execution => qq(SELECT sparkingest.cancel_execution('$runs')),
	reserve => qq(SELECT * FROM sparkingest.reserve('$tenant', 1, 2, '1 hour')),
	try_reserve => qq(SELECT * FROM sparkingest.try_reserve('$tenant', 1, 2, '1 hour')),
	promote_job => qq(SELECT sparkingest.promote_job('$job')),
	pause_job => qq(SELECT sparkingest.pause_job('$job')),
	plan => q(SELECT sparkingest.plan()),
	maintain => q(SELECT sparkingest.maintain()),
	enable_dispatch => q(SELECT sparkingest.disable_dispatch()));
for (sort keys %writes)
{
	like($there->refusal($writes{$_}), qr/ERROR:  25006: cannot execute .* (in a read-only transaction|during recovery)/, "$_() is refused there: it would write");
}
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'and the standby is well');

# The primary is gone for good; a run ends before anybody looks.

$db->node->stop('immediate');
$kube->end_run($app, took => 150, metrics => { v => 1, rows => 5 });
$standby->promote;
until_true(sub { $there->dispatcher }, 'promoted, it has a dispatcher');
$there->reaches($runs, 'succeeded', '... which finds what has ended');
is($there->sql("SELECT rows_read || ' ' || charged FROM sparkingest.job_executions WHERE execution_id = '$runs'"), '5 300000', '... with its metrics and its charge');
$kube->whole_run($posted, took => 100);
$there->reaches($posted, 'succeeded', '... and watches what was posted');
my $new = $there->run_job($job);
$there->reaches($new, 'submitted', '... and posts');
like($there->health('dispatcher'), qr/^ok/, '... and health() is content');

books_are_right($there, $kube);
done_testing();
