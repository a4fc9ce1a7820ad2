# The ledger on a hot standby, where tables answer for it, and after promotion and after a restore to an earlier point, where it is made of
# the tables that are there.
use strict;
use warnings FATAL => 'all';
use Sparkingest::Books;
use Sparkingest::Ledger;
use Sparkingest::Load;
use Sparkingest::Server;
use Test::More;

my $seed = $ENV{SEED} // int rand 2**31;
srand $seed;
note "SEED=$seed";

my $db = Sparkingest::Server->new(undef, dispatch => 0, init => { allows_streaming => 1, has_archiving => 1 }, conf => [ 'log_min_messages = log' ]);
my $load = Sparkingest::Load->new($db);
my $tenant = $db->tenant(hours => 1000, units => 2);
Sparkingest::Ledger::set_up($db);
$db->sql(q(SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 7, 14, tstzrange(date_trunc('hour', now()) + interval '3 hours', date_trunc('hour', now()) + interval '5 hours'))));
$load->start;
$load->goes_on(300);

sub other
{
	my ($node) = @_;
	return bless { %$db, node => $node }, 'Sparkingest::Server';
}

# A base backup under load; the standby confirms each commit before it is acknowledged.

$db->node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($db->node, 'base', has_streaming => 1);
$standby->start;
my $there = other($standby);
$db->sql($_) for "ALTER SYSTEM SET synchronous_standby_names = 'standby'", 'ALTER SYSTEM SET synchronous_commit = remote_apply', 'SELECT pg_reload_conf()';
$db->await("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'", 1, 'the standby to be synchronous');

# Reading, while all is in motion: the tables answer, whatever is being replayed.

my $reader = $standby->background_psql('postgres');
my $looks = '';
for (1 .. 10)
{
	$load->goes_on(20);
	$looks .= $reader->query_safe(q(SELECT count(*) >= 3 * 288, count(*) FILTER (WHERE allocated_cpu > total_cpu_capacity OR allocated_memory > total_memory_capacity)
		FROM sparkingest.capacity_slots));
}
is($looks, 't|0' x 10, 'under load, capacity_slots of a standby never shows a slot that is sold twice');

# ... and at rest the same as on the primary, whose ledger answers.

$load->stop;
is($load->broken_promises, '', 'what the primary acknowledged is there');
$db->sql($_) for "SELECT count(*) FROM sparkingest.set_limit('orders-db', 3)",
	"SELECT sparkingest.reserve('$tenant', 1, 1, '3 hours', date_trunc('hour', now()) + interval '2 hours', limits => '{\"orders-db\": 2}')";
$db->node->wait_for_catchup($standby, 'replay', $db->node->lsn('insert'));
my @questions = (
	"SELECT * FROM sparkingest.limit_load('orders-db', tstzrange(date_trunc('hour', now()), date_trunc('hour', now()) + interval '1 day'))",
	map({ "SELECT sparkingest.find_slot('draft-ingestion-ns', 1, 1, '1 hour', date_trunc('hour', now()) + interval '150 minutes', '60 hours', limits => '{\"orders-db\": $_}')" } 1 .. 2),
	'SELECT * FROM shown.by_ledger(4) ORDER BY namespace, tenant_id, at',
	'SELECT * FROM sparkingest.capacity_slots ORDER BY namespace, time_slot',
	map { my ($namespace, $cores, $hours) = @$_;
		"SELECT sparkingest.find_slot('$namespace', $cores, @{[2 * $cores]}, '$hours hours', date_trunc('hour', now()) + interval '1 hour', '60 hours', tenant_id) FROM sparkingest.tenants ORDER BY tenant_id" }
	  [ 'vcpu-hours-ns', 3, 1 ], [ 'vcpu-hours-ns', 35, 3 ], [ 'vcpu-hours-ns', 41, 1 ], [ 'draft-ingestion-ns', 11, 6 ], [ 'dedicated-cpu-ns', 9, 2 ], [ 'dedicated-cpu-ns', 12, 30 ]);
my $same_hour = sub { return $db->sql(q(SELECT date_trunc('minute', now() - interval '1 second'))) };
for (@questions)
{
	my ($minute, $here, $other);
	# Both in one minute, or they speak of other slots.
	do { ($minute, $here, $other) = ($same_hour->(), $db->sql($_), $there->sql($_)) } until $minute eq $same_hour->();
	ok($here ne '' && $here eq $other, 'primary and standby say the same: ' . substr $_, 0, 90) or diag("primary: $here\nstandby: $other");
}
ledger_is_right($db, 'the primary is right');
ledger_is_right($there, 'the standby is right');

# Refused there, and without a trace: what comes into memory on a standby would not follow what is replayed.

my $id = $db->sql("SELECT reservation_id FROM sparkingest.reserve('$tenant', 2, 4, '1 hour', now() + interval '50 hours', '10 hours', 'dedicated-cpu-ns')");
$db->node->wait_for_catchup($standby, 'replay', $db->node->lsn('insert'));
my %writes = (
	reserve => "SELECT * FROM sparkingest.reserve('$tenant', 1, 2, '1 hour')",
	try_reserve => "SELECT * FROM sparkingest.try_reserve('$tenant', 1, 2, '1 hour', namespace => 'vcpu-hours-ns')",
	release => "SELECT sparkingest.release('$id')",
	move_reservation => "SELECT sparkingest.move_reservation('$id', now() + interval '70 hours')",
	set_capacity => q(SELECT * FROM sparkingest.set_capacity('vcpu-hours-ns', 1, 1, tstzrange(now(), now() + interval '1 day'))),
	rebuild_ledger => 'SELECT sparkingest.rebuild_ledger()');
like($there->refusal($writes{$_}), qr/ERROR:  25006: cannot execute /, "$_() is refused on a standby") for sort keys %writes;
is($there->refusal("SELECT sparkingest.rebuild_ledger()") =~ /25006/ && $there->refusal($writes{try_reserve}) =~ /25006/, 1, '... in any order');
is(days_in_memory($there), 0, '... and leaves nothing in its memory');

# Restored to a point in the middle of the load, from the base backup and the archive: the ledger is that of the tables of then.

my $before = $id;
my $released = $db->sql("SELECT reservation_id FROM sparkingest.reserve('$tenant', 1, 2, '1 hour', now() + interval '60 hours', '5 hours', 'dedicated-cpu-ns')");
$load->start;
$load->goes_on(100);
$db->sql(q(SELECT pg_create_restore_point('then')));
$load->goes_on(100);
$load->stop;
is($load->broken_promises, '', 'what was acknowledged meanwhile is there');
$db->sql("SELECT sparkingest.release('$released')");
my $later = $db->sql("SELECT reservation_id FROM sparkingest.reserve('$tenant', 6, 12, '1 hour', now() + interval '60 hours', '5 hours', 'dedicated-cpu-ns')");
$db->sql(q(SELECT count(*) FROM sparkingest.set_capacity('draft-ingestion-ns', 0, 0, tstzrange(date_trunc('hour', now()) + interval '54 hours', date_trunc('hour', now()) + interval '70 hours'))));
$db->sql(q(UPDATE sparkingest.namespaces SET cpu_millicores = 45000 WHERE namespace = 'vcpu-hours-ns'));
my $segment = $db->sql('SELECT pg_walfile_name(pg_switch_wal())');
$db->await("SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver", 't', 'the archive to be complete');

my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($db->node, 'base', has_restoring => 1, standby => 0);
$restored->append_conf('postgresql.conf', $_) for q(recovery_target_name = 'then'), q(recovery_target_action = 'promote');
$restored->start;
my $then = other($restored);
$then->await('SELECT pg_is_in_recovery()', 'f', 'the restore to end');
ok($restored->log_contains(q(recovery stopping at restore point "then")), 'restored to an earlier point');
is($then->sql("SELECT string_agg(status, ' ' ORDER BY reservation_id = '$before' DESC) FROM sparkingest.reservations WHERE reservation_id IN ('$before', '$released', '$later')"),
	'active active', '... what was released since is held, what was made since is not there');
ledger_is_right($then, '... the ledger is as the tables of then, nothing is over-committed');
my $shows = "FROM sparkingest.capacity('dedicated-cpu-ns', (SELECT tstzrange(starts_at, ends_at) FROM sparkingest.reservations WHERE reservation_id = '$released'), '$tenant')";
is($then->sql("SELECT DISTINCT total_cpu_capacity, allocated_cpu $shows"), '8|1', '... capacity() shows it');
like($then->refusal("SELECT * FROM sparkingest.reserve('$tenant', 8, 16, '1 hour', now() + interval '60 hours', '0', 'dedicated-cpu-ns')"), qr/ERROR:  SI001/, '... nobody gets what is held');
$then->sql("SELECT sparkingest.release('$released')");
is($then->sql("SELECT DISTINCT total_cpu_capacity, allocated_cpu $shows"), '8|0', '... it can be released');
like($then->sql("SELECT reservation_id FROM sparkingest.reserve('$tenant', 8, 16, '1 hour', now() + interval '60 hours', '0', 'dedicated-cpu-ns')"), qr/^[0-9a-f-]{36}$/, '... and then it is free');
books_are_right($then);
$restored->stop;

# The primary dies under load; the standby has all that was acknowledged.

$load->start;
$load->goes_on(150 + int rand 200);
$db->node->kill9;
$load->stop;
$standby->promote;
$load->{server} = $there;
is($load->broken_promises, '', 'promoted under load: all that was acknowledged is there, and nothing else');
is($reader->query_safe("SELECT pg_is_in_recovery()"), 'f', 'a session from before the promotion lives on');
like($reader->query_safe("SELECT reservation_id FROM sparkingest.reserve('$tenant', 2, 4, '1 hour', now() + interval '50 hours', '10 hours', 'dedicated-cpu-ns')"), qr/^[0-9a-f-]{36}$/, '... and reserves');
$reader->quit;
ledger_is_right($there, '... the ledger is as the tables, nothing is over-committed');
$load->start;
$load->goes_on(300);
$load->stop;
is($load->broken_promises, '', '... and the load goes on there');
books_are_right($there);
done_testing();
