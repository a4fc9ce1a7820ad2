# How fast objects are made, and when none are: token bucket and in-flight cap (J11), dispatch disabled, a suspended tenant.
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
my $db = Sparkingest::Server->new($kube, kubeconfig => $proxy->kubeconfig);
my $tenant = $db->tenant;
my $job = $db->production_job($tenant, options => { overlap_policy => 'allow', overlap_limit => 100 });

sub states { return $db->sql("SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM (SELECT state, count(*) AS n FROM sparkingest.job_executions WHERE NOT is_draft GROUP BY state) v") }
sub posts { return $proxy->seen(method => 'POST', path => qr/sparkapplications/, @_) }

sub set
{
	my (%settings) = @_;
	$db->sql("ALTER SYSTEM SET sparkingest.$_ = $settings{$_}") for sort keys %settings;
	$db->sql('SELECT pg_reload_conf()');
	return;
}

# Runs that are all due at once: admitted in one transaction.
sub run_many
{
	my ($count) = @_;
	return split /\n/, $db->sql("SELECT sparkingest.run_job('$job') FROM generate_series(1, $count)");
}

# At most so many requests that create at the same time.

set(dispatch_in_flight => 3);
my $rule = $proxy->rule('hold', method => 'POST');
my $before = posts();
my @runs = run_many(8);
$proxy->reaches(3, 'three POSTs are under way', rule => $rule, stage => 'held');
is(states(), 'dispatching 3, scheduled 5', '... and no more is claimed');
my $draft = $db->run_job($db->job($tenant));
$db->cancel($draft);
$db->reaches($draft, 'cancelled', '... while the dispatcher does other work');
is(posts() - $before, 3, '... nor posted');
$proxy->clear;
$proxy->release;
$db->reaches($_, 'submitted', 'then all are posted') for @runs;
is(posts() - $before, 8, '... once each');

# A rate: a burst of as many as may be in flight, then five a second.

set(dispatch_in_flight => 2, dispatch_rate => 5);
# The bucket is full again after two fifths of a second without a post.
my $full = time;
until_true(sub { time > $full + 1 }, 'the bucket is full');
$before = posts();
@runs = run_many(14);
$db->reaches($_, 'submitted', 'a run among 14') for @runs;
my @at = map { $_->{at} } (posts())[ $before .. $before + 13 ];
is(posts() - $before, 14, 'there is one POST each');
my $took = $at[-1] - $at[0];
cmp_ok($took, '>=', 12 / 5 - 0.3, '... no faster than the rate lets them');
my ($gap) = sort { $b <=> $a } map { $at[$_] - $at[ $_ - 1 ] } 1 .. $#at;
cmp_ok($gap, '<', 4, '... and each that ends lets the next one be claimed, not the next look at the table');
my ($most) = sort { $b <=> $a } map { my $start = $at[$_]; scalar grep { $_ >= $start && $_ < $start + 1 } @at } 0 .. $#at;
cmp_ok($most, '<=', 5 + 2, '... and no second saw more than the rate and the burst');
my @uids = map { $_->{metadata}{uid} } $kube->applications;
my %different = map { $_ => 1 } @uids;
is(keys %different, scalar @uids, '... and Kubernetes has an object for each');
set(dispatch_in_flight => 16, dispatch_rate => 1000);

# The order is that of planned starts: what is due first goes first.

$db->sql('SELECT sparkingest.disable_dispatch()');
@runs = map { $db->run_job($job, "sparkingest.clock() + interval '$_ milliseconds'") } 900, 100, 500;
set(dispatch_in_flight => 1);
my $due = time;
until_true(sub { time > $due + 1 }, 'three runs are due');
$before = posts();
$db->sql('SELECT sparkingest.enable_dispatch()');
$db->reaches($_, 'submitted') for @runs;
my $ids = "'" . join("','", @runs) . "'";
is($db->sql("SELECT string_agg(execution_id::text, ' ' ORDER BY claimed_at) FROM sparkingest.job_executions WHERE execution_id IN ($ids)"),
	$db->sql("SELECT string_agg(execution_id::text, ' ' ORDER BY planned_start, created_at) FROM sparkingest.job_executions WHERE execution_id IN ($ids)"),
	'... and claimed in the order of their planned starts');
set(dispatch_in_flight => 16);

# Dispatch disabled: nothing is posted, what runs is watched.

my ($runs, $stops, $claimed) = @runs;
my %app = map { $_ => $kube->start_run($_, since => 100) } $runs, $stops;
$db->sql('SELECT sparkingest.disable_dispatch()');
$before = posts();
my $waits = $db->run_job($job);
$db->reaches($_, 'running', 'while dispatch is disabled, a run is seen to start') for $runs, $stops;
$kube->end_run($app{$runs}, took => 80);
$db->reaches($runs, 'succeeded', '... and to end');
$db->cancel($stops);
until_is(sub { scalar $kube->applications($stops) }, 0, '... and another one is stopped');
$kube->remove_pods($stops);
$db->reaches($stops, 'cancelled');
is($db->state($waits), 'scheduled', '... but nothing new starts');
is(posts() - $before, 0, '... nor is posted');
like($db->health('cluster default'), qr/^warning: dispatch is disabled, disabled by postgres: call sparkingest.enable_dispatch\(\)/, '... which health() says, and what to do');
is($db->sql("SELECT cause || ' ' || (before ->> 'dispatch') || ' ' || (after ->> 'dispatch') FROM sparkingest.events WHERE event_type = 'cluster.dispatch' ORDER BY event_id DESC LIMIT 1"),
	'default enabled disabled', '... and an event tells');
$db->sql('SELECT sparkingest.enable_dispatch()');
$db->reaches($waits, 'submitted', 'enabled again, it does');

# Disabled until its reservation is over: it does not start without one, but gets another (C7).

$db->sql('SELECT sparkingest.disable_dispatch()');
$waits = $db->run_job($job);
my $place = $db->execution($waits);
set(clock => "'+2 hours'");
$db->sql('SELECT sparkingest.enable_dispatch()');
$db->reaches($waits, 'submitted', 'a run whose reservation is over when it may start');
is($db->sql("SELECT count(*) FROM sparkingest.job_executions e JOIN sparkingest.reservations r USING (reservation_id) WHERE execution_id = '$waits' "
	  . "AND r.status = 'active' AND reservation_id <> '$place->{reservation_id}' AND r.starts_at <= sparkingest.clock() AND r.ends_at > sparkingest.clock() + interval '12 minutes'"),
	1, '... has another one for all of its time');
is($db->sql("SELECT status FROM sparkingest.reservations WHERE reservation_id = '$place->{reservation_id}'"), 'released', '... in place of the old one');
is($db->history($waits), 'scheduled waiting scheduled dispatching submitted', '... as the events tell');
is($db->sql("SELECT cause FROM sparkingest.events WHERE execution_id = '$waits' AND after ->> 'state' = 'waiting'"), 'its reservation ended before it could start', '... with why');
is($db->sql("SELECT held FROM sparkingest.job_executions WHERE execution_id = '$waits'"), $place->{held}, '... and its cost is held as before');
$db->cancel($waits);
$db->reaches($waits, 'cancelled');
$db->sql($_) for 'ALTER SYSTEM RESET sparkingest.clock', 'SELECT pg_reload_conf()';

# Disabled between claim and post.

set(dispatch_in_flight => 1, dispatch_rate => 0.01);
my $token = $db->run_job($job);
$db->reaches($token, 'submitted', 'the bucket has one token left');
$waits = $db->run_job($job);
$db->reaches($waits, 'dispatching', 'a run is claimed and waits for its token');
$db->sql('SELECT sparkingest.disable_dispatch()');
$before = posts();
set(dispatch_in_flight => 16, dispatch_rate => 1000);
$db->becomes_like("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$waits'", qr/^dispatch to cluster "default" is disabled: call sparkingest.enable_dispatch\(\)/,
	'... when dispatch is disabled, it says so');
is(posts() - $before, 0, '... and is not posted');
$db->sql('SELECT sparkingest.enable_dispatch()');
$db->reaches($waits, 'submitted', 'enabled again, it is');
is($db->sql("SELECT last_error FROM sparkingest.job_executions WHERE execution_id = '$waits'"), '', '... and says nothing any more');

# A suspended tenant: nothing of it starts, what runs goes on, others are not concerned.

my $other = $db->production_job($db->tenant, options => { overlap_policy => 'allow', overlap_limit => 9 });
$db->sql('SELECT sparkingest.disable_dispatch()');
($waits, my $theirs) = ($db->run_job($job), $db->run_job($other));
$db->sql("SELECT sparkingest.set_tenant_status('$tenant', 'suspended')");
$db->sql('SELECT sparkingest.enable_dispatch()');
$db->reaches($theirs, 'submitted', 'a tenant is suspended: another one\'s run starts');
is($db->state($waits), 'scheduled', '... its own does not');
$kube->whole_run($token, took => 100);
$db->reaches($token, 'succeeded', '... and what was under way goes on to its end');
like($db->refusal("SELECT sparkingest.run_job('$job')"), qr/SI003/, '... and nothing new is admitted');
is($db->state($waits), 'scheduled', '... and still waits');
$db->sql("SELECT sparkingest.set_tenant_status('$tenant', 'active')");
$db->reaches($waits, 'submitted', 'active again, it starts');

books_are_right($db, $kube);
done_testing();
