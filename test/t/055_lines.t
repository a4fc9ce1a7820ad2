# Lines of a running job that the dispatcher watches by itself, without a tick: at the soft line the reservation is extended (C14); a job
# that starts after another one is dispatched when that has succeeded, and not before.
use strict;
use warnings FATAL => 'all';
use Sparkingest::Books;
use Sparkingest::Kube;
use Sparkingest::Server;
use Sparkingest::Wait;
use Test::More;

my $kube = Sparkingest::Kube->new;
my $db = Sparkingest::Server->new($kube);
my $tenant = $db->tenant(hours => 1000);
my $job = $db->production_job($tenant, sla => { max_runtime_minutes => 600 });
my $after = $db->production_job($tenant, options => { after => $job });

sub column { my ($id, $name) = @_; return $db->sql("SELECT $name FROM sparkingest.job_executions WHERE execution_id = '$id'") }

my $id = $db->run_job($job);
my $next = $db->sql("SELECT execution_id FROM sparkingest.job_executions WHERE job_id = '$after' AND NOT is_draft");
my $app = $kube->start_run($id, since => 10);
$db->reaches($id, 'running', 'a run');
is(column($next, "state || ' ' || awaits"), 'scheduled true', '... and one that starts after it is planned');
my $line = column($id, 'planned_end');

# The dispatcher follows the product's clock.
$db->sql("ALTER SYSTEM SET sparkingest.clock = '+3 hours'");
$db->sql('SELECT pg_reload_conf()');
$db->becomes("SELECT planned_end > '$line' FROM sparkingest.job_executions WHERE execution_id = '$id'", 't', 'at its soft line the reservation is extended');
is($db->sql("SELECT actor || ' ' || (after ->> 'extended') FROM sparkingest.events WHERE execution_id = '$id' AND event_type = 'execution.overrun'"),
	'dispatcher true', '... by the dispatcher, which tells so');
is($db->sql("SELECT r.ends_at = e.planned_end AND r.status = 'active' FROM sparkingest.job_executions e JOIN sparkingest.reservations r USING (reservation_id) WHERE execution_id = '$id'"),
	't', '... and it is held');
is(column($id, 'state'), 'running', '... and the run goes on');
is($db->sql("SELECT d.scheduled_for = e.planned_end AND d.planned_start >= e.planned_end FROM sparkingest.job_executions d, sparkingest.job_executions e WHERE d.execution_id = '$next' AND e.execution_id = '$id'"),
	't', '... what starts after it follows');
is(scalar $kube->applications($next), 0, '... and is not posted');

$kube->end_run($app, took => 60);
$db->reaches($id, 'succeeded', 'it ends before the new line');
ok($kube->start_run($next, since => 10), '... and what starts after it is posted at once');

# Its driver started three hours ago by that clock: beyond its hard line.
until_is(sub { scalar $kube->applications($next) }, 0, 'at the hard line a run is deleted');
$kube->remove_pods($next);
$db->reaches($next, 'timed_out', '... and has timed out when its pods are gone');

books_are_right($db, $kube);
done_testing();
