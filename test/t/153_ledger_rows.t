# Rows that changed behind the ledger's back: verify_ledger() tells of each and of nothing else, rebuild_ledger() makes it right, also with
# very many of them.
use strict;
use warnings FATAL => 'all';
use List::Util qw(shuffle);
use Sparkingest::Ledger;
use Sparkingest::Server;
use Test::More;
use Time::HiRes qw(time);

my $seed = $ENV{SEED} // int rand 2**31;
srand $seed;
note "SEED=$seed";

my $db = Sparkingest::Server->new(undef, dispatch => 0);
my @tenants = map { $db->tenant(hours => 100_000, units => 3) } 1 .. 3;
my $base = $db->sql(q(SELECT date_trunc('day', now()) + interval '1 day'));
Sparkingest::Ledger::set_up($db);
$db->sql(<<"SQL");
UPDATE sparkingest.namespaces SET cpu_millicores = 200000, memory_mib = 409600;
CREATE SCHEMA r;
CREATE FUNCTION r.hour(n numeric) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS \$\$SELECT timestamptz '$base' + n * interval '1 hour'\$\$;
-- Every amount that the ledger may hold of the next days, by the tables.
CREATE FUNCTION r.amounts() RETURNS TABLE (namespace text, tenant_id uuid, at timestamptz, resource text, amount numeric) LANGUAGE sql STABLE AS \$\$
SELECT t.namespace, t.tenant_id, t.at, a.resource, a.amount FROM shown.by_tables(7) AS t,
       LATERAL (VALUES ('total_cpu', t.total_cpu), ('total_memory', t.total_memory), ('reserved_cpu', t.cpu), ('reserved_memory', t.memory)) AS a (resource, amount)
UNION ALL
SELECT r.namespace, r.tenant_id, s.at, a.resource, sum(a.amount) FROM sparkingest.reservations AS r,
       generate_series(r.starts_at, r.ends_at - interval '5 minutes', '5 minutes') AS s (at),
       LATERAL (VALUES ('reserved_cpu', r.cpu_millicores / 1000.0), ('reserved_memory', r.memory_mib / 1024.0)) AS a (resource, amount)
 WHERE r.namespace = 'draft-ingestion-ns' AND r.status = 'active' GROUP BY 1, 2, 3, 4
\$\$;
CREATE TABLE r.was AS SELECT * FROM r.amounts() LIMIT 0;
CREATE FUNCTION r.changed() RETURNS TABLE (namespace text, tenant_id uuid, at timestamptz, resource text, was numeric, amount numeric) LANGUAGE sql STABLE AS \$\$
SELECT namespace, tenant_id, at, resource, COALESCE(w.amount, 0), COALESCE(a.amount, 0)
  FROM (SELECT namespace, COALESCE(tenant_id::text, '') AS tenant, at, resource, amount FROM r.was) AS w
  FULL JOIN (SELECT namespace, COALESCE(tenant_id::text, '') AS tenant, at, resource, amount FROM r.amounts()) AS a USING (namespace, tenant, at, resource)
  CROSS JOIN LATERAL (SELECT NULLIF(tenant, '')::uuid AS tenant_id) AS t
 WHERE COALESCE(w.amount, 0) <> COALESCE(a.amount, 0)
\$\$;
CREATE TABLE r.told AS SELECT namespace, tenant_id, time_slot, resource, in_ledger, in_tables FROM sparkingest.verify_ledger() LIMIT 0;
CREATE FUNCTION r.not_as_told() RETURNS SETOF text LANGUAGE sql VOLATILE AS \$\$
SELECT 'not told: ' || c::text FROM (SELECT * FROM r.changed() EXCEPT SELECT * FROM r.told) AS c
UNION ALL SELECT 'told: ' || c::text FROM (SELECT * FROM r.told EXCEPT SELECT * FROM r.changed()) AS c
\$\$;
CREATE VIEW r.reservations AS SELECT reservation_id, pool_id, namespace, tenant_id, cpu_millicores, memory_mib, starts_at, ends_at, status, borrowed, draft_fallback, created_at,
    created_by, released_at FROM sparkingest.reservations;
CREATE FUNCTION r.row(in_namespace text, of_tenant uuid, cores numeric, from_hour numeric, hours numeric) RETURNS r.reservations LANGUAGE sql VOLATILE AS \$\$
SELECT gen_random_uuid(), pool_id, namespace, of_tenant, (cores * 1000)::bigint, (cores * 2048)::bigint, r.hour(from_hour), r.hour(from_hour + hours),
       'active', false, false, now(), 'test', NULL::timestamptz
  FROM sparkingest.pools WHERE namespace = in_namespace AND (tenant_id IS NULL OR tenant_id = of_tenant) ORDER BY tenant_id LIMIT 1
\$\$;
SQL

# All days are brought into memory, also tenants' shares; what the tables say then is kept.
sub remember
{
	$db->sql(join ';', 'SET jit = off', 'SELECT count(*) FROM shown.by_ledger(7)',
		(map { "SELECT sparkingest.find_slot('draft-ingestion-ns', 1, 1, '1 hour', now(), '8 days', '$_')" } @tenants),
		'TRUNCATE r.was; INSERT INTO r.was SELECT * FROM r.amounts()');
	return;
}

# Rows are changed and no trigger tells.
sub behind
{
	my @tables = map { "sparkingest.$_" } qw(reservations grants capacity_overrides);
	$db->sql(join ';', (map { "ALTER TABLE $_ DISABLE TRIGGER ledger" } @tables), @_, (map { "ALTER TABLE $_ ENABLE ALWAYS TRIGGER ledger" } @tables));
	return;
}

sub told_all
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$db->sql('TRUNCATE r.told; INSERT INTO r.told SELECT namespace, tenant_id, time_slot, resource, in_ledger, in_tables FROM sparkingest.verify_ledger()');
	return is($db->sql('SET jit = off; SELECT * FROM r.not_as_told() LIMIT 5'), '', $name);
}

# 200 edits, each in an hour of a namespace that is its own, in which there is a row of each kind; all by chance.

my $in = sub { my ($hour) = @_; return "r.hour($hour), r.hour(@{[$hour + 1]})" };

sub rows_of
{
	my ($p) = @_;
	my $while = $in->($p->{hour});
	my @rows = ("INSERT INTO r.reservations SELECT (r.row('$p->{namespace}', '$p->{tenant}', @{[1 + int rand 6]}, $p->{hour}, 1)).*",
		"INSERT INTO sparkingest.capacity_overrides (namespace, during, cpu_millicores, memory_mib, created_at, created_by)
		  VALUES ('$p->{namespace}', tstzrange($while), @{[100_000 + int rand 50_000]}, 300000, now(), 'test')");
	push @rows, "INSERT INTO sparkingest.grants SELECT gen_random_uuid(), purchase_id, tenant_id, resource_type, namespace, $while, @{[1000 + int rand 9000]}, 8192, 0, 0, 0, 100
		  FROM sparkingest.grants WHERE tenant_id = '$p->{tenant}' AND namespace IS NOT NULL AND starts_at < r.hour(0) LIMIT 1" if $p->{namespace} eq 'dedicated-cpu-ns';
	return @rows;
}

sub edit_of
{
	my ($p) = @_;
	my ($from, $to) = map { "r.hour($_)" } $p->{hour}, $p->{hour} + 1;
	my $at = "starts_at = $from AND namespace = '$p->{namespace}'";
	my @edits = (
		"DELETE FROM sparkingest.reservations WHERE $at",
		"UPDATE sparkingest.reservations SET status = 'released', released_at = now() WHERE $at",
		"UPDATE sparkingest.reservations SET cpu_millicores = cpu_millicores + @{[1 + int rand 5000]} WHERE $at",
		"UPDATE sparkingest.reservations SET memory_mib = memory_mib + @{[1 + int rand 999]} WHERE $at",
		"UPDATE sparkingest.reservations SET starts_at = starts_at + interval '@{[5 * (1 + int rand 11)]} minutes' WHERE $at",
		"UPDATE sparkingest.reservations SET ends_at = ends_at - interval '@{[5 * (1 + int rand 11)]} minutes' WHERE $at",
		"INSERT INTO r.reservations SELECT (r.row('$p->{namespace}', '$p->{tenant}', 0.5, @{[$p->{hour} + 0.5]}, 0.5)).*",
		"DELETE FROM sparkingest.capacity_overrides WHERE namespace = '$p->{namespace}' AND lower(during) = $from",
		"UPDATE sparkingest.capacity_overrides SET memory_mib = memory_mib + @{[1 + int rand 9999]} WHERE namespace = '$p->{namespace}' AND lower(during) = $from",
		"UPDATE sparkingest.capacity_overrides SET during = tstzrange($from + interval '5 minutes', upper(during)) WHERE namespace = '$p->{namespace}' AND lower(during) = $from",
		"INSERT INTO sparkingest.capacity_overrides (namespace, during, cpu_millicores, memory_mib, created_at, created_by)
		  VALUES ('$p->{namespace}', tstzrange($from, $to), @{[int rand 90_000]}, 300000, now(), 'test')");
	push @edits,
		"UPDATE sparkingest.reservations SET tenant_id = '$p->{other}', pool_id = COALESCE((SELECT pool_id FROM sparkingest.pools AS o WHERE o.namespace = '$p->{namespace}' AND o.tenant_id = '$p->{other}'), pool_id) WHERE $at"
	  if $p->{namespace} ne 'vcpu-hours-ns';
	push @edits,
		"DELETE FROM sparkingest.grants WHERE $at",
		"UPDATE sparkingest.grants SET cpu_millicores = cpu_millicores + @{[1 + int rand 999]} WHERE $at",
		"UPDATE sparkingest.grants SET ends_at = ends_at - interval '@{[5 + int rand 46]} minutes' WHERE $at",
		"UPDATE sparkingest.grants SET tenant_id = '$p->{other}' WHERE $at",
		"INSERT INTO sparkingest.grants SELECT gen_random_uuid(), purchase_id, tenant_id, resource_type, namespace, $from, $to, 1, 1, 0, 0, 0, 100 FROM sparkingest.grants WHERE $at"
	  if $p->{namespace} eq 'dedicated-cpu-ns';
	return $edits[rand @edits];
}

my @places = (shuffle map { my $hour = $_; map { { hour => $hour, namespace => $_ } } qw(vcpu-hours-ns draft-ingestion-ns dedicated-cpu-ns) } 0 .. 139)[ 0 .. 199 ];
@$_{qw(tenant other)} = shuffle @tenants for @places;
$db->sql('UPDATE sparkingest.namespaces SET tenant_cpu_millicores = 100000, tenant_memory_mib = 204800 WHERE tenant_cpu_millicores IS NOT NULL');
$db->sql(join ';', map { rows_of($_) } @places);
ledger_is_right($db, 'rows made with triggers are in the ledger', days => 7);
remember();
told_all('... verify_ledger() tells of nothing');
$_->{edit} = edit_of($_) for @places;
behind(map { $_->{edit} } @places);
told_all('200 edits without triggers: verify_ledger() tells what differs, in each slot, and of nothing else');
my %told = map { $_ => 1 } split /\n/, $db->sql("SELECT DISTINCT namespace || ' ' || floor(extract(epoch FROM time_slot - r.hour(0)) / 3600)::integer FROM r.told");
is(join("\n", map { $_->{edit} } grep { !$told{"$_->{namespace} $_->{hour}"} } @places), '', '... of all 200 of them');
is($db->sql('SELECT count(*) FROM r.told WHERE in_ledger = in_tables'), 0, '... with both amounts');
$db->sql('SELECT sparkingest.rebuild_ledger()');
is($db->sql('SELECT count(*) FROM sparkingest.verify_ledger()'), 0, 'made anew, the ledger is free of them');
ledger_is_right($db, '... and right, once it is filled again', days => 7, over => 1);

# Edits that meet each other.

for my $round (1 .. 2)
{
	remember();
	behind(map { edit_of($places[rand @places]) } 1 .. 12);
	told_all("round $round: what 12 edits changed together is told");
	$db->sql('SELECT sparkingest.rebuild_ledger()');
}
remember();
told_all('... and after the last rebuild there is nothing to tell');

# Those who cannot rebuild are told what to do by the functions' own refusals.

like($db->refusal('BEGIN; SELECT sparkingest.release(reservation_id) FROM sparkingest.reservations WHERE status = $$active$$ LIMIT 1; SELECT sparkingest.rebuild_ledger()'),
	qr/ERROR:  SI003: .*HINT:  Commit first/s, 'rebuild_ledger() is refused in a transaction that has changed something');
$db->sql('CREATE ROLE somebody');
like($db->refusal("SET ROLE somebody; SELECT sparkingest.$_()"), qr/ERROR:  42501:/, "$_() is for operators") for qw(rebuild_ledger verify_ledger);

# 100,000 open reservations.

$db->sql('TRUNCATE sparkingest.reservations CASCADE; TRUNCATE sparkingest.capacity_overrides');
$db->sql('UPDATE sparkingest.namespaces SET cpu_millicores = 1000000000, memory_mib = 1000000000, tenant_cpu_millicores = NULL, tenant_memory_mib = NULL');
my $began = time;
$db->sql(<<"SQL");
WITH pool AS (SELECT * FROM sparkingest.pools WHERE tenant_id IS NULL AND namespace <> 'dedicated-cpu-ns'), tenant AS (SELECT tenant_id, row_number() OVER () AS n FROM sparkingest.tenants)
INSERT INTO r.reservations
SELECT gen_random_uuid(), p.pool_id, p.namespace, t.tenant_id, 1 + g % 4000, 1 + g % 5000, r.hour(0) + g % 2500 * interval '5 minutes',
       r.hour(0) + (g % 2500 + 1 + g % 7) * interval '5 minutes', 'active', false, false, now(), 'test', NULL
  FROM generate_series(1, 50000) AS g, pool AS p JOIN tenant AS t ON true WHERE t.n = 1 + g % 3
SQL
diag(sprintf '100,000 reservations in one statement: %.1f s', time - $began);
is($db->sql(q(SELECT count(*) FROM sparkingest.reservations WHERE status = 'active')), 100_000, '100,000 open reservations');
is($db->sql('SELECT count(*) FROM shown.by_ledger(11); SELECT * FROM sparkingest.verify_ledger() LIMIT 3') =~ s/^\d+\n?//r, '', '... the ledger, which was told of each, agrees');
is($db->sql('SELECT count(*) FROM shown.by_ledger(11) WHERE cpu > total_cpu OR memory > total_memory'), 0, '... nothing is over-committed');
$began = time;
$db->sql('SELECT sparkingest.rebuild_ledger()');
my $emptied = time;
$db->sql('SELECT count(*) FROM shown.by_ledger(11)');
diag(sprintf 'made anew in %.3f s, filled with 11 days in %.1f s', $emptied - $began, time - $emptied);
ledger_is_right($db, '... also when it was made anew', days => 11, over => 1);
like($db->sql("SELECT reservation_id FROM sparkingest.reserve('$tenants[0]', 10, 20, '1 hour', namespace => 'vcpu-hours-ns')"), qr/^[0-9a-f-]{36}$/, '... a reservation can be made');
$db->sql('UPDATE sparkingest.namespaces SET cpu_millicores = 20000 WHERE namespace = $$vcpu-hours-ns$$');
is($db->sql(q(SELECT count(*) FROM shown.by_ledger(11) WHERE namespace = 'vcpu-hours-ns' AND total_cpu <> 20)), 0, '... a namespace gets smaller than what is reserved in it');
is($db->sql('SELECT * FROM sparkingest.verify_ledger() LIMIT 3'), '', '... and the ledger agrees');
done_testing();
