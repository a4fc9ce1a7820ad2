# The ledger as users see it, held against what the tables say: computed here a second time, in SQL.
package Sparkingest::Ledger;

use strict;
use warnings FATAL => 'all';
use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils ();
use Test::More;

our @EXPORT = qw(ledger_is_right days_in_memory blocks_in_memory);

my $books = abs_path(dirname(__FILE__) . '/../../pgtap/books.sql');

# From the day before today, which stays the same also if midnight comes; reservations, grants and overrides on the grid of five minutes, but for grants, whose ends round up.
my $shown = <<'SQL';
CREATE SCHEMA shown;
CREATE TABLE shown.today AS SELECT date_trunc('day', now()) AS begins;
CREATE FUNCTION shown.during(days integer) RETURNS tstzrange LANGUAGE sql STABLE AS $$
SELECT tstzrange(begins - interval '1 day', begins + make_interval(days => days)) FROM shown.today
$$;
CREATE FUNCTION shown.by_ledger(days integer) RETURNS TABLE (namespace text, tenant_id uuid, at timestamptz,
    total_cpu numeric, total_memory numeric, cpu numeric, memory numeric) LANGUAGE sql VOLATILE AS $$
SELECT n.namespace, t.tenant_id, c.time_slot, c.total_cpu_capacity, c.total_memory_capacity, c.allocated_cpu, c.allocated_memory
  FROM sparkingest.namespaces AS n
  CROSS JOIN LATERAL (SELECT NULL::uuid AS tenant_id UNION SELECT g.tenant_id FROM sparkingest.grants AS g WHERE g.namespace = n.namespace) AS t
  CROSS JOIN generate_series(lower(shown.during(days)), upper(shown.during(days)) - interval '1 day', '1 week') AS w (begins) -- little memory holds a week
  CROSS JOIN LATERAL sparkingest.capacity(n.namespace, shown.during(days) * tstzrange(w.begins, w.begins + interval '1 week'), t.tenant_id) AS c
$$;
CREATE FUNCTION shown.by_tables(days integer) RETURNS TABLE (namespace text, tenant_id uuid, at timestamptz,
    total_cpu numeric, total_memory numeric, cpu numeric, memory numeric) LANGUAGE sql STABLE AS $$
WITH slot AS (SELECT n.namespace, s.at FROM sparkingest.namespaces AS n,
                     generate_series(lower(shown.during(days)), upper(shown.during(days)) - interval '5 minutes', '5 minutes') AS s (at)),
     demand AS (SELECT r.namespace, r.tenant_id, s.at, sum(r.cpu_millicores) AS cpu, sum(r.memory_mib) AS memory
                  FROM sparkingest.reservations AS r, generate_series(r.starts_at, r.ends_at - interval '5 minutes', '5 minutes') AS s (at)
                 WHERE r.status = 'active' GROUP BY 1, 2, 3),
     demand_of_all AS (SELECT d.namespace, d.at, sum(d.cpu) AS cpu, sum(d.memory) AS memory FROM demand AS d GROUP BY 1, 2),
     owner AS (SELECT DISTINCT g.namespace, g.tenant_id FROM sparkingest.grants AS g WHERE g.namespace IS NOT NULL)
SELECT s.namespace, NULL, s.at, COALESCE(o.cpu_millicores, n.cpu_millicores) / 1000.0, COALESCE(o.memory_mib, n.memory_mib) / 1024.0,
       COALESCE(d.cpu, 0) / 1000, COALESCE(d.memory, 0) / 1024
  FROM slot AS s JOIN sparkingest.namespaces AS n ON n.namespace = s.namespace
  LEFT JOIN LATERAL (SELECT c.cpu_millicores, c.memory_mib FROM sparkingest.capacity_overrides AS c WHERE c.namespace = s.namespace AND c.during @> s.at
                      ORDER BY c.override_id DESC LIMIT 1) AS o ON true
  LEFT JOIN demand_of_all AS d ON d.namespace = s.namespace AND d.at = s.at
UNION ALL
SELECT s.namespace, o.tenant_id, s.at, COALESCE(g.cpu, 0) / 1000, COALESCE(g.memory, 0) / 1024, COALESCE(d.cpu, 0) / 1000, COALESCE(d.memory, 0) / 1024
  FROM slot AS s JOIN owner AS o ON o.namespace = s.namespace
  LEFT JOIN demand AS d ON d.namespace = s.namespace AND d.tenant_id = o.tenant_id AND d.at = s.at
  CROSS JOIN LATERAL (SELECT sum(g.cpu_millicores) AS cpu, sum(g.memory_mib) AS memory FROM sparkingest.grants AS g
                       WHERE g.namespace = s.namespace AND g.tenant_id = o.tenant_id AND g.starts_at <= s.at AND g.ends_at > s.at) AS g
$$;
CREATE FUNCTION shown.wrong(days integer) RETURNS TABLE (detail text) LANGUAGE sql VOLATILE AS $$
WITH l AS MATERIALIZED (SELECT * FROM shown.by_ledger(days)), t AS MATERIALIZED (SELECT * FROM shown.by_tables(days))
SELECT 'capacity() says ' || w::text FROM (TABLE l EXCEPT TABLE t) AS w
UNION ALL
SELECT 'the tables say ' || w::text FROM (TABLE t EXCEPT TABLE l) AS w
$$;
SQL

# Tests that verify_ledger() finds nothing, that capacity() shows what the tables say, of days ahead that are then in memory and agree
# too, and that nothing is over-committed. Options: over => 1: there are over-commitments, by the test's own doing; days.
sub ledger_is_right
{
	my ($server, $name, %options) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	set_up($server);
	my $days = $options{days} // 4;
	my @looks = (
		q(SELECT 'verify_ledger() says ' || v::text FROM sparkingest.verify_ledger() AS v LIMIT 3),
		qq(SELECT detail FROM shown.wrong($days) LIMIT 6),
		q(SELECT 'verify_ledger() now says ' || v::text FROM sparkingest.verify_ledger() AS v LIMIT 3));
	push @looks, q(SELECT 'over-committed: ' || o::text FROM books.over_commitments() AS o LIMIT 3) unless $options{over};
	return is($server->sql(join ';', 'SET jit = off', @looks), '', $name);
}

# What the above needs; on a standby it must have come from the primary.
sub set_up
{
	my ($server) = @_;
	$server->sql(PostgreSQL::Test::Utils::slurp_file($books)) unless $server->sql("SELECT 1 FROM pg_namespace WHERE nspname = 'books'");
	$server->sql($shown) unless $server->sql("SELECT 1 FROM pg_namespace WHERE nspname = 'shown'");
	return;
}

# Numbers of health()'s row "ledger".
sub usage
{
	my ($server) = @_;
	my ($days, $most, $blocks) = $server->health('ledger') =~ /^\w+: (\d+) of (\d+) days are in memory, (\d+) of \d+ with reservations/
	  or die 'health() does not tell how full the ledger is: ' . $server->health('ledger');
	return ($days, $blocks, $most);
}
sub days_in_memory { return (usage(@_))[0] }
sub blocks_in_memory { return (usage(@_))[1] }

1;
