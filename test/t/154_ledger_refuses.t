# Where the ledger cannot know, it refuses and says what to do, and goes on when that is done: too little memory, beyond the horizon, two-phase
# commit, the extension or its database dropped, not preloaded.
use strict;
use warnings FATAL => 'all';
use Sparkingest::Ledger;
use Sparkingest::Load;
use Sparkingest::Server;
use Test::More;

my $seed = $ENV{SEED} // int rand 2**31;
srand $seed;
note "SEED=$seed";

my $db = Sparkingest::Server->new(undef, dispatch => 0, conf => [ 'sparkingest.ledger_memory = 1', 'max_prepared_transactions = 4' ]);
my $node = $db->node;
my $load = Sparkingest::Load->new($db, sessions => 4, days => 24);
my $tenant = $db->tenant(hours => 100_000, units => 3);
$db->sql("SELECT sparkingest.purchase('$tenant', 'vcpu_hours', 1000, 'yearly')");
my $base = $db->sql(q(SELECT date_trunc('day', now()) + interval '1 day'));
my $names = <<"SQL";
CREATE SCHEMA f;
CREATE FUNCTION f.take(cores numeric, day numeric, in_namespace text DEFAULT 'vcpu-hours-ns') RETURNS uuid LANGUAGE sql VOLATILE AS
\$\$SELECT reservation_id FROM sparkingest.reserve('TENANT', cores, cores * 2, '1 hour',
    timestamptz '$base' + day * interval '1 day', '0', in_namespace)\$\$;
SQL
$db->sql($names =~ s/TENANT/$tenant/r);

# Memory for 72 days of pools with reservations, and many more are asked for.

$db->sql(<<'SQL');
CREATE FUNCTION f.fill(OUT yes integer, OUT full_ integer, OUT said text, OUT help text) LANGUAGE plpgsql AS $$
BEGIN
    yes := 0;
    full_ := 0;
    FOR d IN 0..24 LOOP
        FOR n IN 0..2 LOOP
            BEGIN
                PERFORM f.take(1, d, (ARRAY['vcpu-hours-ns', 'draft-ingestion-ns', 'dedicated-cpu-ns'])[1 + n]);
                yes := yes + 1;
            EXCEPTION WHEN SQLSTATE 'SI005' THEN
                full_ := full_ + 1;
                GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, help = PG_EXCEPTION_HINT;
            END;
        END LOOP;
    END LOOP;
END $$;
SQL
my $holds = 'SELECT count(*) FROM sparkingest.reservations WHERE tenant_id = ' . "'$tenant' AND status = 'active'";
my $one = $node->background_psql('postgres', on_error_stop => 0);
$one->query('BEGIN');
my ($yes, $full, $said, $help) = split /\|/, $one->query('SELECT * FROM f.fill()');
cmp_ok($yes, '>=', 20, "a transaction gets as many days as memory holds: $yes");
is($yes + $full, 75, '... and no more');
is("$said; $help", 'the capacity ledger is full; Raise sparkingest.ledger_memory and restart the server.', '... it is told why, and what to do');
like($db->health('ledger'), qr/^warning: \d+ of 288 days are in memory, 7[0-2] of 72 with reservations \(sparkingest.ledger_memory\)$/, '... health() warns');
like($db->refusal('SELECT f.take(1, 25)'), qr/ERROR:  SI005: the capacity ledger is full\nHINT:  Raise sparkingest.ledger_memory/, 'others are refused what there is no memory for');
is($db->sql('SELECT count(*) FROM sparkingest.verify_ledger()'), 0, '... the ledger is right meanwhile');
like($db->sql('SELECT f.take(1, 0)'), qr/^[0-9a-f-]{36}$/, '... and get what is in memory');
$one->query('ROLLBACK');
is($db->sql($holds), 1, 'rolled back, nothing is left of it');
like($db->sql('SELECT f.take(1, 25)'), qr/^[0-9a-f-]{36}$/, '... and others go on, without a restart');
($yes) = split /\|/, $db->sql('SELECT * FROM f.fill()');
is($db->sql($holds), $yes + 2, 'committed, exactly what it got is there');
ledger_is_right($db, '... days come into memory and leave it, and are right', days => 26);
like($db->refusal(q(SET sparkingest.horizon_days = 400; SELECT sparkingest.find_slot('vcpu-hours-ns', 39, 1, '390 days'))),
	qr/ERROR:  SI005: the capacity ledger is full\nHINT:  Raise sparkingest.ledger_memory and restart the server/, 'a search over more days than memory holds is refused');
cmp_ok($db->sql('SELECT count(*) FROM f.fill() WHERE yes > 0'), '==', 1, '... and others go on');
# Each by itself, for what one transaction holds stays in memory.
$db->sql(q(SELECT format('SELECT f.take(1, %s, %L)', day, namespace) FROM generate_series(0, 24) AS day,
	unnest(ARRAY['vcpu-hours-ns', 'draft-ingestion-ns', 'dedicated-cpu-ns']) AS namespace \gexec));
my $all = "FROM sparkingest.reservations WHERE tenant_id = '$tenant' AND status = 'active'";
like($db->refusal("SELECT sparkingest.release(reservation_id) $all"), qr/ERROR:  SI005: the capacity ledger is full/, 'a transaction that releases on more days than memory holds is refused too');
$db->sql("SELECT format('SELECT sparkingest.release(%L)', reservation_id) $all \\gexec");
is($db->sql($holds), 0, '... one by one they are released');

$load->start;
for (1 .. 5)
{
	$load->goes_on(80);
	is($db->sql('SELECT * FROM sparkingest.verify_ledger() LIMIT 3'), '', "sessions all over 24 days, look $_: nothing differs");
}
$load->stop;
is($load->broken_promises, '', '... all that was acknowledged is there, and nothing else');
ledger_is_right($db, '... the ledger is as the tables, nothing is over-committed', days => 26);

# ... while what there is changes over many days.

my $differs = '';
$load->start;
for (1 .. 15)
{
	my $day = int rand 25;
	my ($from, $until) = map { "date_trunc('day', now()) + interval '$_'" } "$day days 3 hours", "@{[$day + 1 + int rand 8]} days 7 hours";
	my $insert = "INSERT INTO sparkingest.capacity_overrides (namespace, during, cpu_millicores, memory_mib, created_at, created_by)
		SELECT 'vcpu-hours-ns', tstzrange($from, $until), @{[1000 * (10 + int rand 90)]}, 102400, now(), 'test'";
	my $end = ('COMMIT', 'COMMIT', 'ROLLBACK', 'ROLLBACK TO s; COMMIT')[rand 4];
	my $refused = $db->refusal("BEGIN; SAVEPOINT s; $insert; $end");
	like($refused, qr/ERROR:  SI005: the capacity ledger is full/, 'a change was refused') if $refused;
	$differs .= $db->sql('SELECT * FROM sparkingest.verify_ledger() LIMIT 3');
}
$load->stop;
is($differs, '', 'while capacity changes over many days, nothing differs');
is($load->broken_promises, '', '... all that was acknowledged is there, and nothing else');
ledger_is_right($db, '... the ledger is as the tables', days => 26, over => 1);
$db->sql('TRUNCATE sparkingest.reservations CASCADE; TRUNCATE sparkingest.capacity_overrides');

# Beyond the horizon.

my $far = q(now() + interval '40 days');
my %beyond = (
	reserve => "SELECT sparkingest.reserve('$tenant', 1, 2, '1 hour', $far)",
	try_reserve => "SELECT sparkingest.try_reserve('$tenant', 1, 2, '1 hour', $far)",
	find_slot => "SELECT sparkingest.find_slot('vcpu-hours-ns', 1, 2, '1 hour', $far)",
	capacity => "SELECT sparkingest.capacity('vcpu-hours-ns', tstzrange(now(), now() + interval '36 days'))");
like($db->refusal($beyond{$_}), qr/ERROR:  SI005: .* is beyond the horizon, which ends at .*\nHINT:  Raise sparkingest.horizon_days, now 35/, "$_() beyond the horizon is refused") for sort keys %beyond;
my $id = $db->sql('SELECT f.take(1, 3)');
like($db->refusal("SELECT sparkingest.move_reservation('$id', $far)"), qr/ERROR:  SI005: .*HINT:  Raise sparkingest.horizon_days/s, 'so is move_reservation()');
like($db->sql("SET sparkingest.horizon_days = 60; $beyond{reserve}"), qr/^\(/, 'with a wider horizon it is given, without a restart');
is($db->sql("SET sparkingest.horizon_days = 60; SELECT max(allocated_cpu) FROM sparkingest.capacity('vcpu-hours-ns', tstzrange(now() + interval '39 days', now() + interval '41 days'))"), '1', '... and shown');
ledger_is_right($db, '... the ledger is right');

# PREPARE TRANSACTION.

my %work = (
	reserve => 'SELECT f.take(1, 5)',
	release => "SELECT sparkingest.release('$id')",
	move_reservation => "SELECT sparkingest.move_reservation('$id', now() + interval '9 days')",
	'a reservation undone' => 'SAVEPOINT s; SELECT f.take(1, 5); ROLLBACK TO s',
	'a row of reservations' => "DELETE FROM sparkingest.reservations WHERE reservation_id = '$id'",
	set_capacity => q(SELECT sparkingest.set_capacity('vcpu-hours-ns', 5, 5, tstzrange(now() + interval '20 days', now() + interval '21 days'))),
	purchase => "SELECT sparkingest.purchase('$tenant', 'dedicated_units', 1)",
	TRUNCATE => 'TRUNCATE sparkingest.capacity_overrides',
	rebuild_ledger => 'SELECT sparkingest.rebuild_ledger()',
	'DROP EXTENSION' => 'DROP SCHEMA f, load, books, shown CASCADE; DROP EXTENSION sparkingest CASCADE');
for (sort keys %work)
{
	like($db->refusal("BEGIN; $work{$_}; PREPARE TRANSACTION 'p'"), qr/ERROR:  0A000: cannot PREPARE a transaction that asked for, or changed, capacity\nHINT:  Commit it with COMMIT/,
		"$_: PREPARE TRANSACTION is refused")
	  or $db->refusal("ROLLBACK PREPARED 'p'");
}
is($db->sql('SELECT count(*) FROM pg_prepared_xacts'), 0, '... and leaves no transaction behind');
is($db->sql('SELECT count(*) FROM sparkingest.uncommitted_holders()'), 0, '... nor anything held');
$db->sql("BEGIN; CREATE TABLE other (); PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p'");
ledger_is_right($db, '... the ledger is right');

# The extension dropped and created, under a session that goes on; the database dropped and created.

my $before = days_in_memory($db);
cmp_ok($before, '>', 8, "health() tells how many days are in memory: $before");
my $second = bless { %$db, database => 'second' }, 'Sparkingest::Server';
my $fresh = sub {
	my ($server) = @_;
	my $owner = $server->tenant(hours => 100_000, units => 3);
	$server->sql($names =~ s/TENANT/$owner/r);
	return;
};
$db->sql('CREATE DATABASE second');
$second->sql('CREATE EXTENSION sparkingest');
$fresh->($second);
$second->sql('SELECT f.take(200, 1), f.take(3, 2, $$dedicated-cpu-ns$$)');
ledger_is_right($second, 'another database has a ledger of its own');
my $both = days_in_memory($db);
cmp_ok($both, '>', $before, '... in the same memory');
my $stays = $node->background_psql('second', on_error_stop => 0);
my $free = sub { return "SELECT sparkingest.find_slot('vcpu-hours-ns', 1900, 1, '1 hour', '$base'::timestamptz + interval '1 day', '0') $_[0]" };
my $says = sub { my $said = $stays->query($_[0]); $stays->{stderr} = ''; return $said };
is($says->($free->('IS NULL')), 't', 'a session knows what is held there');
$second->sql('BEGIN; DROP SCHEMA f, books, shown CASCADE; DROP EXTENSION sparkingest CASCADE; ROLLBACK');
is(days_in_memory($db), $both, 'DROP EXTENSION, rolled back, leaves it in memory');
ledger_is_right($second, '... and right');
like($second->refusal('BEGIN; SELECT f.take(1, 4); DROP SCHEMA f, books, shown CASCADE; DROP EXTENSION sparkingest CASCADE'),
	qr/ERROR:  SI003: the ledger cannot be dropped in a transaction that reserved or released capacity\nHINT:  Commit first/, 'it is refused where something was reserved');
$second->sql('DROP SCHEMA f, books, shown CASCADE; DROP EXTENSION sparkingest CASCADE');
is(days_in_memory($db), $before, 'DROP EXTENSION gives its memory back, and no other');
like($second->refusal('SELECT sparkingest.rebuild_ledger()'), qr/ERROR:  42883/, '... there is nothing left');
$second->sql('CREATE EXTENSION sparkingest');
$fresh->($second);
ledger_is_right($second, 'created again, it is empty');
is($says->($free->('IS NOT NULL')), 't', '... also for the session that was there');
like($says->('SELECT f.take(1990, 1)'), qr/^[0-9a-f-]{36}$/, '... which may have all of it');
is($second->refusal('SELECT f.take(20, 1)') =~ /SI001/, 1, '... once');
$stays->quit;
$db->sql('CREATE DATABASE third TEMPLATE second');
my $third = bless { %$db, database => 'third' }, 'Sparkingest::Server';
is($third->refusal('SELECT f.take(20, 1)') =~ /SI001/, 1, 'a copy of a database has its reservations');
ledger_is_right($third, '... and is right');
$db->sql('DROP DATABASE third');
ledger_is_right($second, 'dropped, it takes nothing of others along');
$db->sql('DROP DATABASE second');
is(days_in_memory($db), $before, 'DROP DATABASE gives its memory back, and no other');
$db->sql('CREATE DATABASE second');
$second->sql('CREATE EXTENSION sparkingest');
$fresh->($second);
like($second->sql('SELECT f.take(1990, 1)'), qr/^[0-9a-f-]{36}$/, 'made again, it is empty');
ledger_is_right($second, '... and right');
$db->sql('DROP DATABASE second');
ledger_is_right($db, 'the first one was right all along');

# Not preloaded: nothing that touches capacity is done, and the rows stay as they are.

$id = $db->sql('SELECT f.take(2, 7)');
$node->stop;
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_cron'");
$node->start;
my $rows = q(SELECT md5(string_agg(r::text, ' ' ORDER BY r::text)) FROM (SELECT r::text FROM sparkingest.reservations AS r UNION ALL SELECT g::text FROM sparkingest.grants AS g
	UNION ALL SELECT o::text FROM sparkingest.capacity_overrides AS o) AS r);
my $rows_before = $db->sql($rows);
delete @work{'DROP EXTENSION', 'a reservation undone'};
my %asks = (%work,
	try_reserve => "SELECT * FROM sparkingest.try_reserve('$tenant', 1, 2, '1 hour')",
	find_slot => q(SELECT sparkingest.find_slot('vcpu-hours-ns', 1, 2, '1 hour')),
	capacity => q(SELECT * FROM sparkingest.capacity('vcpu-hours-ns', tstzrange(now(), now() + interval '1 day'))),
	capacity_slots => 'SELECT * FROM sparkingest.capacity_slots',
	'a row that comes' => "INSERT INTO sparkingest.reservations SELECT gen_random_uuid(), pool_id, namespace, tenant_id, 1, 1, starts_at, ends_at, status, false, false, now(), 'test', NULL FROM sparkingest.reservations WHERE reservation_id = '$id'",
	'a row that comes to a replica' => "SET session_replication_role = replica; INSERT INTO sparkingest.reservations SELECT gen_random_uuid(), pool_id, namespace, tenant_id, 1, 1, starts_at, ends_at, status, false, false, now(), 'test', NULL FROM sparkingest.reservations WHERE reservation_id = '$id'",
	'a row that a dump brings' => "SET check_function_bodies = off; INSERT INTO sparkingest.reservations SELECT gen_random_uuid(), pool_id, namespace, tenant_id, 1, 1, starts_at, ends_at, status, false, false, now(), 'test', NULL FROM sparkingest.reservations WHERE reservation_id = '$id'",
	'a row that changes' => "UPDATE sparkingest.reservations SET cpu_millicores = 1 WHERE reservation_id = '$id'",
	'a grant that changes' => 'UPDATE sparkingest.grants SET cpu_millicores = 1 WHERE namespace IS NOT NULL',
	'a namespace that changes' => 'UPDATE sparkingest.namespaces SET cpu_millicores = 1',
	'TRUNCATE of reservations' => 'TRUNCATE sparkingest.reservations CASCADE',
	verify_ledger => 'SELECT * FROM sparkingest.verify_ledger()',
	uncommitted_holders => 'SELECT * FROM sparkingest.uncommitted_holders()');
like($db->refusal($asks{$_}), qr/ERROR:  SI005: the capacity ledger is not there: sparkingest was not preloaded\nHINT:  Add sparkingest to shared_preload_libraries and restart the server/,
	"not preloaded: $_ is refused") for sort keys %asks;
is($db->sql($rows), $rows_before, '... and no row has changed');
like($db->health('ledger'), qr/^error: there is none: see preload; until then nothing can be reserved/, '... health() says so');
$node->stop;
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_cron,sparkingest'");
$node->start;
ledger_is_right($db, 'preloaded again, the ledger is right');
like($db->sql('SELECT f.take(1, 7)'), qr/^[0-9a-f-]{36}$/, '... and a reservation can be made');
done_testing();
