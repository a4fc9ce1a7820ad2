# Runs of one job at the same time, decided when they are claimed (J4): fires of a schedule, and runs that somebody asked for, which
# are never thrown away. The product's clock is moved from fire to fire.
use strict;
use warnings FATAL => 'all';
use Sparkingest::Books;
use Sparkingest::Kube;
use Sparkingest::Server;
use Sparkingest::Wait;
use Test::More;

my $kube = Sparkingest::Kube->new;
my $db = Sparkingest::Server->new($kube, conf => [ 'sparkingest.slot_minutes = 1' ]);
my $tenant = $db->tenant(hours => 1000);
my $ahead = 0;

sub column { my ($id, $name) = @_; return $db->sql("SELECT $name FROM sparkingest.job_executions WHERE execution_id = '$id'") }

# The product's clock goes to a little after a time; the dispatcher follows it.
sub go_to
{
	my ($time) = @_;
	$ahead = $db->sql("SELECT ceil(extract(epoch FROM '$time'::timestamptz - clock_timestamp())) + 2");
	$db->sql("ALTER SYSTEM SET sparkingest.clock = '" . ($ahead < 0 ? '-' : '+') . abs($ahead) . " seconds'");
	$db->sql('SELECT pg_reload_conf()');
	$db->becomes("SELECT sparkingest.clock() > '$time'", 't', 'it is time');
	return;
}

sub go_home
{
	$db->sql($_) for 'ALTER SYSTEM RESET sparkingest.clock', 'SELECT pg_reload_conf()';
	$ahead = 0;
	return;
}

# A job whose schedule fires each minute, with its next fires planned: executions by fire.
sub scheduled
{
	my (%options) = @_;
	my $job = $db->production_job($tenant, schedule => '* * * * *', options => \%options);
	$db->sql('SELECT sparkingest.plan()');
	return split /\n/, $db->sql("SELECT execution_id FROM sparkingest.job_executions WHERE job_id = '$job' AND started_by = 'schedule' ORDER BY scheduled_for LIMIT 5");
}

sub fire { my ($id) = @_; go_to(column($id, 'planned_start')); return }
sub start { my ($id) = @_; return $kube->start_run($id, since => 30 - $ahead) }

sub was_skipped
{
	my ($id, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$db->reaches($id, 'cancelled', $name);
	is($db->sql("SELECT cause FROM sparkingest.events WHERE execution_id = '$id' AND event_type = 'fire.skipped'"),
		column($id, 'stop_reason'), '... which an event tells');
	like(column($id, 'stop_reason'), qr/^an earlier run of the job has not finished \(overlap_policy \w+\)$/, '... with the policy');
	is(scalar $kube->applications($id), 0, '... and it was never posted');
	return;
}

# forbid: a fire is skipped while an earlier one runs.

my @fires = scheduled();
my $planned = $db->sql("SELECT count(*) FROM sparkingest.job_executions WHERE state = 'scheduled'");
cmp_ok($planned, '>=', 40, 'a schedule is planned ahead (J2)');
fire($fires[0]);
$db->reaches($fires[0], 'submitted', 'forbid: a fire starts when its time has come');
my $app = start($fires[0]);
$db->reaches($fires[0], 'running');
fire($fires[1]);
was_skipped($fires[1], '... the next one is skipped while it runs');
is(column($fires[0], 'state'), 'running', '... and leaves it alone');
$kube->end_run($app, took => 20);
$db->reaches($fires[0], 'succeeded');
fire($fires[2]);
$db->reaches($fires[2], 'submitted', '... and the one after its end starts');
my $job = column($fires[2], 'job_id');
$app = start($fires[2]);
my @asked = map { $db->run_job($job) } 1 .. 2;
$db->reaches($_, 'waiting', '... a run that somebody asked for is not skipped') for @asked;
like(column($asked[0], 'waiting_reason'), qr/^an earlier run of the job has not finished \(overlap_policy forbid\)$/, '... but waits, with the reason');
is($db->sql("SELECT count(*) FROM sparkingest.reservations r JOIN sparkingest.job_executions e USING (reservation_id) WHERE r.status = 'active' AND execution_id = '$asked[0]'"),
	0, '... and holds no capacity meanwhile');
$db->sql("SELECT sparkingest.pause_job('$job')");
$db->sql("SELECT sparkingest.resume_job('$job')");
$kube->end_run($app, took => 20);
$db->reaches($asked[0], 'submitted', '... until the earlier one has ended');
is($db->state($asked[1]), 'waiting', '... one at a time');
$kube->whole_run($asked[0], took => 20);
$db->reaches($asked[1], 'submitted', '... and then the next');
$kube->whole_run($asked[1], took => 20);
$db->reaches($asked[1], 'succeeded');
$db->sql("SELECT sparkingest.drop_job('$job')");
go_home();

# queue_one: one waits, more are skipped.

@fires = scheduled(overlap_policy => 'queue_one');
fire($fires[0]);
$db->reaches($fires[0], 'submitted', 'queue_one: a fire starts');
$app = start($fires[0]);
fire($fires[1]);
$db->reaches($fires[1], 'waiting', '... the next one waits');
fire($fires[2]);
was_skipped($fires[2], '... the one after that is skipped');
$db->sql('SELECT sparkingest.plan()');
is($db->state($fires[1]), 'waiting', '... and a tick does not start what waits for an earlier run');
$kube->end_run($app, took => 20);
$db->reaches($fires[1], 'submitted', '... which starts when that has ended');
is($db->history($fires[1]), 'scheduled dispatching submitted' =~ s/dispatching/waiting scheduled dispatching/r, '... having waited');
$kube->whole_run($fires[1], took => 20);
$db->reaches($fires[1], 'succeeded');
$db->sql("SELECT sparkingest.drop_job('" . column($fires[0], 'job_id') . "')");
go_home();

# replace: the earlier one makes room.

@fires = scheduled(overlap_policy => 'replace');
fire($fires[0]);
$db->reaches($fires[0], 'submitted', 'replace: a fire starts');
start($fires[0]);
$db->reaches($fires[0], 'running');
fire($fires[1]);
$db->reaches($fires[1], 'waiting', '... the next one waits for its end');
until_is(sub { scalar $kube->applications($fires[0]) }, 0, '... which is brought about');
is(column($fires[0], 'stop_reason'), 'replaced by a newer run (overlap_policy replace)', '... for that reason');
is($db->state($fires[1]), 'waiting', '... and while its pods are there it waits');
$kube->remove_pods($fires[0]);
$db->reaches($fires[0], 'cancelled', '... the old run has ended');
$db->reaches($fires[1], 'submitted', '... and the new one starts');
is(scalar(grep { !$_->{metadata}{deletionTimestamp} } map { $kube->pods($_) } @fires), 0, '... alone');
$kube->whole_run($fires[1], took => 20);
$db->reaches($fires[1], 'succeeded');
$db->sql("SELECT sparkingest.drop_job('" . column($fires[0], 'job_id') . "')");
go_home();

# allow: so many at a time.

@fires = scheduled(overlap_policy => 'allow', overlap_limit => 2);
fire($fires[0]);
$db->reaches($fires[0], 'submitted', 'allow 2: a fire starts');
$app = start($fires[0]);
fire($fires[1]);
$db->reaches($fires[1], 'submitted', '... another one beside it');
fire($fires[2]);
was_skipped($fires[2], '... and a third one is skipped');
$kube->end_run($app, took => 20);
$db->reaches($fires[0], 'succeeded');
fire($fires[3]);
$db->reaches($fires[3], 'submitted', '... until one has ended');
$job = column($fires[0], 'job_id');
$db->sql("SELECT sparkingest.drop_job('$job')");
$kube->remove_pods($fires[1]);
$db->reaches($_, 'cancelled') for @fires[ 1, 3 ];
go_home();

books_are_right($db, $kube);
done_testing();
