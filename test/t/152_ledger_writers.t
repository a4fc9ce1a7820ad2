# Whatever writes reservations, grants and overrides, and however its transaction goes: the ledger follows, others see what they may see (C3, C4, C5).
use strict;
use warnings FATAL => 'all';
use Sparkingest::Ledger;
use Sparkingest::Server;
use Sparkingest::Wait;
use Test::More;

my $seed = $ENV{SEED} // int rand 2**31;
srand $seed;
note "SEED=$seed";

my $db = Sparkingest::Server->new(undef, dispatch => 0, init => { allows_streaming => 'logical' });
my $node = $db->node;
my $tenant = $db->tenant(hours => 100_000, units => 5);
my $other = $db->tenant(hours => 100_000);

# Names for what follows. Hours count from the next full one.
my $base = $db->sql(q(SELECT date_trunc('hour', now()) + interval '1 hour'));
$db->sql(<<"SQL");
UPDATE sparkingest.namespaces SET cpu_millicores = 20000, memory_mib = 40960 WHERE namespace = 'vcpu-hours-ns';
CREATE SCHEMA w;
CREATE FUNCTION w.hour(n numeric) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS \$\$SELECT timestamptz '$base' + n * interval '1 hour'\$\$;
CREATE FUNCTION w.take(cores numeric, at_hour numeric, hours numeric DEFAULT 1, in_namespace text DEFAULT 'vcpu-hours-ns') RETURNS uuid LANGUAGE sql VOLATILE AS
\$\$SELECT reservation_id FROM sparkingest.reserve('$tenant', cores, cores * 2, hours * interval '1 hour', w.hour(at_hour), '0', in_namespace)\$\$;
CREATE VIEW w.reservations AS SELECT reservation_id, pool_id, namespace, tenant_id, cpu_millicores, memory_mib, starts_at, ends_at, status, borrowed, draft_fallback, created_at,
    created_by, released_at FROM sparkingest.reservations;
CREATE FUNCTION w.rows(cores numeric, at_hour numeric, hours numeric DEFAULT 1, in_namespace text DEFAULT 'vcpu-hours-ns') RETURNS SETOF w.reservations LANGUAGE sql VOLATILE AS
\$\$SELECT gen_random_uuid(), pool_id, namespace, '$tenant'::uuid, (cores * 1000)::bigint, (cores * 2048)::bigint, w.hour(at_hour), w.hour(at_hour + hours),
          'active', false, false, now(), 'test', NULL::timestamptz
     FROM sparkingest.pools WHERE namespace = in_namespace AND (tenant_id IS NULL OR tenant_id = '$tenant') ORDER BY tenant_id LIMIT 1\$\$;
CREATE FUNCTION w.shown(at_hour numeric, in_namespace text DEFAULT 'vcpu-hours-ns', of_tenant uuid DEFAULT NULL) RETURNS text LANGUAGE sql VOLATILE AS
\$\$SELECT string_agg(DISTINCT trim_scale(allocated_cpu) || ' of ' || trim_scale(total_cpu_capacity), ', ')
     FROM sparkingest.capacity(in_namespace, tstzrange(w.hour(at_hour), w.hour(at_hour + 1)), of_tenant)\$\$;
CREATE FUNCTION w.verify() RETURNS void LANGUAGE plpgsql VOLATILE AS \$\$
DECLARE
    found text := (SELECT string_agg(v::text, '; ') FROM (SELECT * FROM sparkingest.verify_ledger() LIMIT 3) AS v);
BEGIN
    IF found IS NOT NULL THEN
        RAISE '%', found USING ERRCODE = 'XX001';
    END IF;
END \$\$;
SQL

sub shows { my ($hour, $want, $name, @of) = @_; local $Test::Builder::Level = $Test::Builder::Level + 1; return is($db->sql("SELECT w.shown($hour" . join('', map { ", '$_'" } @of) . ')'), $want, $name) }

# What a statement ends with: its SQLSTATE, or '' .
sub fails { my ($query) = @_; return $db->refusal($query) =~ /ERROR:  (\w{5}):/ ? $1 : '' }

my @units = ('dedicated-cpu-ns', $tenant);
ledger_is_right($db, 'to begin with, all days are in memory and right');

# COPY.

my $columns = $db->sql(q(SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'w.reservations'::regclass AND attnum > 0));

sub copy
{
	my ($table, $query) = @_;
	my $rows = $db->sql("COPY ($query) TO STDOUT");
	$table .= " ($columns)" if $table eq 'sparkingest.reservations';
	return "COPY $table FROM STDIN;\n$rows\n\\.\n";
}

$db->sql(copy('sparkingest.reservations', 'SELECT * FROM w.rows(3, 5, 2) UNION ALL SELECT * FROM w.rows(4, 6) UNION ALL SELECT * FROM w.rows(2, 30, 20)'));
shows(6, '7 of 20', 'COPY brings reservations in');
ledger_is_right($db, '... all of them count');
is(fails(copy('sparkingest.reservations', 'SELECT * FROM w.rows(10, 6) UNION ALL SELECT * FROM w.rows(10, 6)')), 'SI001', '... and is refused where one does not fit');
shows(6, '7 of 20', '... as a whole');
$db->sql('BEGIN;' . copy('sparkingest.reservations', 'SELECT * FROM w.rows(5, 6)') . 'ROLLBACK');
shows(6, '7 of 20', '... and without a trace when it is rolled back');
$db->sql(copy('sparkingest.grants (grant_id, purchase_id, tenant_id, resource_type, namespace, starts_at, ends_at, cpu_millicores, memory_mib, granted, held, spent, priority)', qq(SELECT gen_random_uuid(), purchase_id, tenant_id, resource_type, namespace, w.hour(5), w.hour(9), 8000, 16384, 0, 0, 0, 100 FROM sparkingest.grants WHERE namespace IS NOT NULL LIMIT 1)));
shows(6, '0 of 28', '... grants count as supply', @units);
$db->sql("SELECT w.take(28, 6, 1, 'dedicated-cpu-ns')");
$db->sql(copy('sparkingest.capacity_overrides (namespace, during, cpu_millicores, memory_mib, created_at, created_by)',
	q(SELECT 'vcpu-hours-ns', tstzrange(w.hour(8), w.hour(10)), 30000, 61440, now(), 'test' UNION ALL SELECT 'vcpu-hours-ns', tstzrange(w.hour(9), w.hour(11)), 10000, 20480, now(), 'test')));
is($db->sql('SELECT string_agg(w.shown(h), $$; $$ ORDER BY h) FROM generate_series(7, 11) AS h'), '0 of 20; 0 of 30; 0 of 10; 0 of 10; 0 of 20', '... overrides replace it');
ledger_is_right($db, '... and all of it is right');

# A superuser's own statements.

my $id = $db->sql('SELECT w.take(5, 12, 2)');
my $row = "WHERE reservation_id = '$id'";
for my $change (
	[ 'UPDATE of its amounts', "SET cpu_millicores = 9000, memory_mib = 1024", '9 of 20; 9 of 20; 0 of 20' ],
	[ 'UPDATE of its time', 'SET starts_at = w.hour(13), ends_at = w.hour(15)', '0 of 20; 9 of 20; 9 of 20' ],
	[ 'UPDATE to released', q(SET status = 'released', released_at = now()), '0 of 20; 0 of 20; 0 of 20' ],
	[ 'UPDATE to active', q(SET status = 'active', released_at = NULL), '0 of 20; 9 of 20; 9 of 20' ],
	[ 'UPDATE of what does not count', q(SET created_by = 'somebody'), '0 of 20; 9 of 20; 9 of 20' ],
	[ 'UPDATE of its owner', "SET tenant_id = '$other'", '0 of 20; 9 of 20; 9 of 20' ],
	[ 'UPDATE of the namespace', q(SET namespace = 'draft-ingestion-ns', pool_id = (SELECT pool_id FROM sparkingest.pools WHERE namespace = 'draft-ingestion-ns')), '0 of 20; 0 of 20; 0 of 20' ])
{
	my ($name, $set, $want) = @$change;
	$db->sql("UPDATE sparkingest.reservations $set $row");
	is($db->sql('SELECT string_agg(w.shown(h), $$; $$ ORDER BY h) FROM generate_series(12, 14) AS h'), $want, "a reservation's $name");
}
shows(13, '9 of 200', '... is there', 'draft-ingestion-ns');
is(fails("UPDATE sparkingest.reservations SET cpu_millicores = 500000 $row"), 'SI001', '... to more than there is is refused');
ledger_is_right($db, '... and the ledger is right');
$db->sql("DELETE FROM sparkingest.reservations $row");
shows(13, '0 of 200', 'DELETE gives it back', 'draft-ingestion-ns');
$db->sql('WITH i AS (INSERT INTO w.reservations SELECT * FROM w.rows(6, 12) RETURNING *) SELECT count(*) FROM i');
$db->sql("INSERT INTO sparkingest.reservations SELECT (r).* FROM (SELECT r FROM sparkingest.reservations AS r WHERE starts_at = w.hour(12)) AS x
	ON CONFLICT (reservation_id) DO UPDATE SET cpu_millicores = sparkingest.reservations.cpu_millicores + 1000");
shows(12, '7 of 20', 'INSERT, ON CONFLICT DO UPDATE');
$db->sql('MERGE INTO sparkingest.reservations AS r USING (SELECT 1) AS x ON r.starts_at = w.hour(12) WHEN MATCHED THEN UPDATE SET ends_at = w.hour(14)');
shows(13, '7 of 20', 'MERGE');
is(fails('INSERT INTO w.reservations SELECT * FROM w.rows(14, 13)'), 'SI001', 'who fits is asked of superusers too');
$db->sql("UPDATE sparkingest.grants SET cpu_millicores = cpu_millicores + 4000, ends_at = w.hour(11) WHERE starts_at = w.hour(5)");
is($db->sql("SELECT string_agg(w.shown(h, '$units[0]', '$units[1]'), '; ' ORDER BY h) FROM generate_series(8, 11) AS h"), '0 of 32; 0 of 32; 0 of 32; 0 of 20', 'UPDATE of a grant');
$db->sql('UPDATE sparkingest.capacity_overrides SET during = tstzrange(w.hour(8), w.hour(9)), cpu_millicores = 15000 WHERE cpu_millicores = 10000');
is($db->sql('SELECT string_agg(w.shown(h), $$; $$ ORDER BY h) FROM generate_series(7, 10) AS h'), '0 of 20; 0 of 15; 0 of 30; 0 of 20', 'UPDATE of an override');
ledger_is_right($db, '... the ledger is right');
$db->sql('DELETE FROM sparkingest.grants WHERE starts_at = w.hour(5)');
shows(6, '28 of 20', 'DELETE of a grant leaves a pool over-committed, and says so', @units);
is(fails("SELECT w.take(0.5, 6, 1, 'dedicated-cpu-ns')"), 'SI001', '... nobody gets anything of it');
$db->sql('DELETE FROM sparkingest.capacity_overrides');
shows(8, '0 of 20', 'DELETE of overrides');
ledger_is_right($db, '... the ledger is right', over => 1);
$db->sql('BEGIN; TRUNCATE sparkingest.reservations CASCADE; ROLLBACK');
shows(6, '28 of 20', 'TRUNCATE, rolled back', @units);
ledger_is_right($db, '... the ledger is right', over => 1);
$db->sql('TRUNCATE sparkingest.reservations CASCADE');
shows(6, '0 of 20', 'TRUNCATE', @units);
ledger_is_right($db, '... the ledger is right');
$db->sql('TRUNCATE sparkingest.grants CASCADE');
shows(6, '0 of 0', '... of grants', @units);
$db->sql(q(INSERT INTO sparkingest.capacity_overrides (namespace, during, cpu_millicores, memory_mib, created_at, created_by) SELECT 'vcpu-hours-ns', tstzrange(w.hour(8), w.hour(10)), 1000, 1024, now(), 'test'; TRUNCATE sparkingest.capacity_overrides));
shows(8, '0 of 20', '... of overrides');
my $buys = "SELECT sparkingest.purchase('$tenant', 'dedicated_units', 5), sparkingest.purchase('$tenant', 'vcpu_hours', 100000)";
$db->sql($buys);
ledger_is_right($db, '... the ledger is right');

# As a replica: what is written is not judged, and counts.

my $replica = 'SET session_replication_role = replica;';
$db->sql("$replica INSERT INTO w.reservations SELECT * FROM w.rows(15, 20) UNION ALL SELECT * FROM w.rows(15, 20, 3)");
shows(20, '30 of 20', 'session_replication_role = replica writes more than there is');
shows(21, '15 of 20', '... it counts');
is(fails('SELECT w.take(0.5, 20)'), 'SI001', '... nobody gets anything there');
is(fails('SELECT w.take(6, 21)'), 'SI001', '... nor more than the rest');
$db->sql("$replica UPDATE sparkingest.reservations SET starts_at = w.hour(22), ends_at = w.hour(23) WHERE ends_at = w.hour(21)");
$db->sql("$replica INSERT INTO sparkingest.capacity_overrides (namespace, during, cpu_millicores, memory_mib, created_at, created_by) SELECT 'vcpu-hours-ns', tstzrange(w.hour(22), w.hour(23)), 40000, 81920, now(), 'test'");
shows(22, '30 of 40', '... UPDATE, and overrides');
$db->sql("$replica BEGIN; INSERT INTO w.reservations SELECT * FROM w.rows(100, 22); ROLLBACK");
ledger_is_right($db, '... the ledger is right');
$db->sql("$replica DELETE FROM sparkingest.reservations; DELETE FROM sparkingest.capacity_overrides");
shows(22, '0 of 20', '... DELETE');
$db->sql("$replica INSERT INTO w.reservations SELECT * FROM w.rows(1, 20); TRUNCATE sparkingest.reservations CASCADE");
shows(20, '0 of 20', '... TRUNCATE');
ledger_is_right($db, '... the ledger is right');

# Transactions, seen by another session: what is taken is gone at once, what is given comes at the commit, what is undone was never there.

my $one = $node->background_psql('postgres', on_error_stop => 0);
my $does = sub { my $said; $said = $one->query($_) for @_; $one->{stderr} = ''; return $said };
$does->('BEGIN', 'SELECT w.take(4, 1, 3)', 'SAVEPOINT a', 'SELECT w.take(5, 2)', 'SAVEPOINT b', 'SELECT w.take(6, 3)');
my $seen = sub { return $db->sql('SELECT string_agg(w.shown(h), $$; $$ ORDER BY h) FROM generate_series(1, 3) AS h') };
is($seen->(), '4 of 20; 9 of 20; 10 of 20', 'what a transaction takes is gone for others at once');
$does->('ROLLBACK TO b');
is($seen->(), '4 of 20; 9 of 20; 4 of 20', '... what is rolled back to a savepoint is free at once');
$does->('SELECT w.take(7, 3)', 'RELEASE b', 'ROLLBACK TO a');
is($seen->(), '4 of 20; 4 of 20; 4 of 20', '... also what a released savepoint inside it took');
$does->('SELECT w.take(16, 2)', 'COMMIT');
is($seen->(), '4 of 20; 20 of 20; 4 of 20', '... the rest stays when it commits');
ledger_is_right($db, '... and the ledger is right');
$does->('BEGIN', 'SAVEPOINT a', 'SELECT count(sparkingest.release(reservation_id)) FROM sparkingest.reservations WHERE cpu_millicores = 16000');
is($seen->(), '4 of 20; 20 of 20; 4 of 20', 'what a transaction releases is not free for others');
like($does->('SELECT w.take(10, 2)'), qr/^\w/, '... but for itself');
is(fails('SELECT w.take(1, 2)'), 'SI001', '... the rest of it too is not for others');
$does->('ROLLBACK TO a', 'SELECT count(sparkingest.move_reservation(reservation_id, w.hour(2) + interval $$10 minutes$$)) FROM sparkingest.reservations WHERE cpu_millicores = 16000');
is($db->sql(q(SELECT string_agg(DISTINCT trim_scale(allocated_cpu)::text, ' ') FROM sparkingest.capacity('vcpu-hours-ns', tstzrange(w.hour(2), w.hour(3) + interval '10 minutes')))), '20', '... a move holds both places');
$does->('COMMIT');
is($seen->(), '4 of 20; 20 of 20, 4 of 20; 20 of 20, 4 of 20', '... until it commits');
ledger_is_right($db, '... and the ledger is right');
$does->('BEGIN', 'SELECT count(sparkingest.release(reservation_id)) FROM sparkingest.reservations WHERE status = $$active$$', 'SELECT w.take(20, 1, 3)', 'ROLLBACK');
is($seen->(), '4 of 20; 20 of 20, 4 of 20; 20 of 20, 4 of 20', 'a transaction that is rolled back leaves no trace');
$does->('BEGIN', 'SELECT w.take(3, 1)', 'SAVEPOINT a');
$does->('SELECT w.take(100, 1)', 'SELECT w.take(1, 1)', 'ROLLBACK TO a');
is($seen->(), '7 of 20; 20 of 20, 4 of 20; 20 of 20, 4 of 20', 'an error in a savepoint undoes no more than the savepoint');
$does->('SELECT w.take(100, 1)', 'COMMIT');
is($seen->(), '4 of 20; 20 of 20, 4 of 20; 20 of 20, 4 of 20', 'COMMIT after an error is ROLLBACK');
$does->('BEGIN', 'SELECT w.take(3, 1)');
$one->quit;
until_is($seen, '4 of 20; 20 of 20, 4 of 20; 20 of 20, 4 of 20', 'a session that leaves in its transaction leaves nothing');
ledger_is_right($db, '... and the ledger is right');
$db->sql('TRUNCATE sparkingest.reservations CASCADE');

# Code in the server.

$db->sql(<<'SQL');
DO $$
DECLARE
    i integer;
BEGIN
    FOR i IN 1..30 LOOP
        PERFORM w.take(1, i);
        BEGIN
            PERFORM w.take(2, i), w.take(1, i + 1);
            BEGIN
                PERFORM w.take(3, i, 5);
                PERFORM w.take(100, i);
            EXCEPTION WHEN SQLSTATE 'SI001' THEN
                PERFORM w.take(4, i) WHERE i % 2 = 0;
            END;
            PERFORM 1 / (i % 3);
        EXCEPTION WHEN division_by_zero THEN
            NULL;
        END;
    END LOOP;
END $$;
SQL
is($db->sql('SELECT string_agg(w.shown(h), $$; $$ ORDER BY h) FROM generate_series(1, 4) AS h'), '3 of 20; 8 of 20; 2 of 20; 7 of 20', 'PL/pgSQL exception blocks');
ledger_is_right($db, '... the ledger is right');
$db->sql('TRUNCATE sparkingest.reservations CASCADE');
$db->sql(<<'SQL');
CREATE PROCEDURE w.batch() LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR i IN 1..20 LOOP
        PERFORM w.take(i, i);
        IF i % 4 = 0 THEN ROLLBACK; ELSIF i % 2 = 0 THEN COMMIT; END IF;
    END LOOP;
    FOR r IN SELECT reservation_id FROM sparkingest.reservations WHERE cpu_millicores > 13000 LOOP
        PERFORM sparkingest.release(r.reservation_id);
        COMMIT;
    END LOOP;
    PERFORM w.take(1, 40);
    RAISE EXCEPTION 'stop';
END $$;
SQL
is(fails('CALL w.batch()'), 'P0001', 'a procedure that commits, rolls back, and fails in the end');
is($db->sql('SELECT string_agg(split_part(w.shown(h), $$ $$, 1), $$ $$ ORDER BY h) FROM generate_series(1, 40) AS h'),
	'1 2 0 0 5 6 0 0 9 10 0 0 13 ' . join(' ', (0) x 27), '... keeps what it committed');
ledger_is_right($db, '... the ledger is right');
$db->sql('TRUNCATE sparkingest.reservations CASCADE');
is(fails('SELECT w.take(n, 5) FROM (VALUES (6), (7), (8)) AS v (n)'), 'SI001', 'a statement that fails at its third row');
shows(5, '0 of 20', '... took nothing');
is($db->sql(<<'SQL'), '', 'a cursor, of which some rows are fetched, and one that fails in a savepoint');
BEGIN;
DECLARE k NO SCROLL CURSOR FOR SELECT w.take(n, 5) FROM (VALUES (6), (7), (8)) AS v (n);
MOVE 1 FROM k;
SAVEPOINT s;
MOVE 1 FROM k;
ROLLBACK TO s;
COMMIT;
SQL
shows(5, '6 of 20', '... takes what it fetched and what stands');
$db->sql('BEGIN; DECLARE h NO SCROLL CURSOR WITH HOLD FOR SELECT w.take(n, 6) FROM (VALUES (6), (7)) AS v (n); MOVE 1 FROM h; COMMIT; MOVE 1 FROM h; CLOSE h');
shows(6, '13 of 20', '... one WITH HOLD all, at the commit');
is(fails('BEGIN; DECLARE h NO SCROLL CURSOR WITH HOLD FOR SELECT w.take(n, 7) FROM (VALUES (6), (70)) AS v (n); MOVE 1 FROM h; COMMIT'), 'SI001', '... or, where that fails,');
shows(7, '0 of 20', '... nothing');
$db->sql('PREPARE p(integer) AS SELECT w.take($1, 8); EXECUTE p(1); EXECUTE p(2); BEGIN; EXECUTE p(3); ROLLBACK');
shows(8, '3 of 20', 'prepared statements');
$db->sql(q(BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT w.take(4, 8); COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT w.take(5, 8); ROLLBACK));
shows(8, '7 of 20', 'isolation levels');
ledger_is_right($db, '... the ledger is right');
$db->sql('TRUNCATE sparkingest.reservations CASCADE');

# At random: one session does all of it, in savepoints, some of which are rolled back, and runs into errors.

sub any_step
{
	my $hour = 1 + int rand 60;
	my $some = "WHERE reservation_id = (SELECT reservation_id FROM sparkingest.reservations WHERE status = 'active' ORDER BY random() LIMIT 1)";
	my @what = ((
		"SELECT w.take(@{[1 + int rand 9]}, $hour, @{[1 + int rand 4]}, '@{[('vcpu-hours-ns', 'draft-ingestion-ns', 'dedicated-cpu-ns')[rand 3]]}')",
		"INSERT INTO w.reservations SELECT * FROM w.rows(@{[1 + int rand 9]}, $hour, @{[1 + int rand 30]}, '@{[('vcpu-hours-ns', 'draft-ingestion-ns')[rand 2]]}')") x 3,
		"UPDATE sparkingest.reservations SET cpu_millicores = 1000 * @{[1 + int rand 9]} $some",
		"SELECT sparkingest.move_reservation(reservation_id, w.hour($hour)) FROM sparkingest.reservations $some",
		"SELECT sparkingest.release(reservation_id) FROM sparkingest.reservations $some",
		"DELETE FROM sparkingest.reservations $some",
		"INSERT INTO sparkingest.capacity_overrides (namespace, during, cpu_millicores, memory_mib, created_at, created_by) SELECT 'vcpu-hours-ns', tstzrange(w.hour($hour), w.hour($hour + @{[1 + int rand 20]})), 1000 * @{[15 + int rand 30]}, 61440, now(), 'test'",
		'DELETE FROM sparkingest.capacity_overrides WHERE override_id = (SELECT override_id FROM sparkingest.capacity_overrides ORDER BY random() LIMIT 1)',
		"UPDATE sparkingest.grants SET ends_at = w.hour(@{[30 + int rand 60]}), cpu_millicores = 1000 * @{[10 + int rand 20]} WHERE grant_id = (SELECT grant_id FROM sparkingest.grants WHERE namespace IS NOT NULL ORDER BY random() LIMIT 1)",
		"SELECT sparkingest.purchase('$tenant', 'dedicated_units', 1, 'daily')",
		'SELECT w.verify()',
		"SELECT count(*) FROM sparkingest.capacity('vcpu-hours-ns', tstzrange(w.hour($hour), w.hour($hour + 20)))");
	return "$what[rand @what];";
}

sub walk
{
	my ($transactions) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @script;
	for (1 .. $transactions)
	{
		my $depth = 0;
		push @script, 'BEGIN;';
		for (1 .. 2 + int rand 12)
		{
			my $what = rand;
			if ($what < 0.2) { push @script, 'SAVEPOINT s' . ++$depth . ';' }
			elsif ($what < 0.3 && $depth) { push @script, "RELEASE s$depth;"; $depth-- }
			elsif ($what < 0.45 && $depth) { push @script, 'ROLLBACK TO s' . ($depth = 1 + int rand $depth) . ';' }
			else { push @script, any_step() }
		}
		push @script, rand() < 0.8 ? 'COMMIT;' : 'ROLLBACK;', 'SELECT w.verify();';
	}
	my (undef, $out, $error) = $node->psql('postgres', join("\n", @script), on_error_stop => 0, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	my @codes = $error =~ /ERROR:  (\w{5}):/g;
	is(join(' ', grep { !/^(?:SI00[13]|25P02|3B001)$/ } @codes), '', 'at random: errors are refusals, and verify_ledger() finds nothing while it goes on')
	  or diag(grep { /ERROR:  (?!SI00[13]|25P02|3B001)/ } split /^/, $error);
	return;
}

for my $round (1 .. 3)
{
	$db->sql('SELECT sparkingest.rebuild_ledger()');
	walk(60);
	ledger_is_right($db, "... round $round: the ledger is right", over => 1);
}
$db->sql('TRUNCATE sparkingest.reservations CASCADE; TRUNCATE sparkingest.capacity_overrides; TRUNCATE sparkingest.grants CASCADE');
ledger_is_right($db, 'emptied, it is right');

# Logical replication into a database that has a ledger of its own.

$db->sql($buys);
$db->sql('SELECT w.take(n, 5 + n), w.take(n, 7 + n, 3, $$dedicated-cpu-ns$$) FROM generate_series(1, 5) AS n');
my @tables = map { "sparkingest.$_" } qw(tenants resource_purchases grants pools reservations capacity_overrides namespaces ingestion_jobs job_executions balance_entries resource_consumption lending_credits
	estimation_observations execution_dependencies job_dependencies limits reservation_limits);
$db->sql('CREATE PUBLICATION p FOR TABLE ' . join ', ', @tables);
$db->sql(q(CREATE DATABASE copy));
$db->sql(q(SELECT pg_create_logical_replication_slot('s', 'pgoutput')));
my $copy = bless { %$db, database => 'copy' }, 'Sparkingest::Server';
$copy->sql('CREATE EXTENSION sparkingest');
ledger_is_right($copy, 'a subscriber is right before anything comes');
$copy->sql('TRUNCATE sparkingest.namespaces CASCADE; TRUNCATE sparkingest.pools CASCADE');
$copy->sql("CREATE SUBSCRIPTION s CONNECTION '" . $node->connstr . " dbname=postgres' PUBLICATION p WITH (create_slot = false, slot_name = 's')");
$copy->await("SELECT count(*) FROM pg_subscription_rel WHERE srsubstate = 'r'", scalar @tables, 'the first copy of the tables');

sub follows
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->wait_for_catchup('s', 'replay', $node->lsn('insert'));
	my $all = 'SELECT * FROM shown.by_ledger(4) ORDER BY namespace, tenant_id, at';
	my $rows = 'SELECT count(*), sum(cpu_millicores) FROM sparkingest.reservations';
	is($copy->sql($rows), $db->sql($rows), "$what: the rows have come to the subscriber");
	ok($copy->sql($all) eq $db->sql($all), '... capacity() there shows what it shows here');
	ledger_is_right($copy, '... the ledger there is as the tables there', over => 1);
	return;
}

follows('the first copy');
$db->sql('SELECT w.take(7, 8), w.take(5, 9, 5, $$dedicated-cpu-ns$$), w.take(3, 6, 4, $$draft-ingestion-ns$$)');
follows('what is reserved');
$db->sql(q(SELECT sparkingest.move_reservation(reservation_id, w.hour(30)), sparkingest.move_reservation(reservation_id, w.hour(25)) FROM sparkingest.reservations WHERE cpu_millicores = 3000));
$db->sql('SELECT sparkingest.release(reservation_id) FROM sparkingest.reservations WHERE cpu_millicores = 5000');
follows('what is moved and released');
$db->sql(q(BEGIN; SELECT count(*) FROM sparkingest.set_capacity('vcpu-hours-ns', 3, 6, tstzrange(w.hour(4), w.hour(12))); SAVEPOINT a; DELETE FROM sparkingest.reservations; ROLLBACK TO a; COMMIT));
follows('a hole');
is($copy->sql(q(SELECT count(*) FROM sparkingest.capacity_overrides)), 1, '... is there');
$db->sql(qq(SELECT sparkingest.purchase('$tenant', 'dedicated_units', 3); SELECT sparkingest.purchase('$other', 'dedicated_units', 2);
	SELECT sparkingest.reserve('$other', 6, 12, '2 hours', w.hour(20), '0', 'dedicated-cpu-ns')));
follows('what is bought, by a newcomer too');
$db->sql(q(UPDATE sparkingest.namespaces SET cpu_millicores = 25000, memory_mib = 51200 WHERE namespace = 'vcpu-hours-ns'));
$db->sql('SELECT w.take(25, 40)');
follows('another size of a namespace');
walk(40);
follows('anything');
$db->sql('TRUNCATE sparkingest.reservations CASCADE; TRUNCATE sparkingest.capacity_overrides');
follows('TRUNCATE');
$copy->sql('DROP SUBSCRIPTION s');

done_testing();
