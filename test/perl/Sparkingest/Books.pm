# What must hold in every database at any time: run at the end of each test.
package Sparkingest::Books;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use Test::More;

our @EXPORT = qw(books_are_right);

# Each finds what is wrong.
my @checks = (
	'no slot of a namespace is sold twice (C1, C3)' => q{
		SELECT c.namespace, c.time_slot, c.allocated_cpu, c.total_cpu_capacity
		  FROM sparkingest.namespaces n, LATERAL sparkingest.capacity(n.namespace,
			tstzrange(sparkingest.clock() - interval '1 hour', sparkingest.clock() + interval '1 day')) c
		 WHERE c.allocated_cpu > c.total_cpu_capacity OR c.allocated_memory > c.total_memory_capacity},
	'no dedicated pool is sold twice (C3)' => q{
		SELECT p.tenant_id, c.time_slot FROM sparkingest.pools p, LATERAL sparkingest.capacity(p.namespace,
			tstzrange(sparkingest.clock() - interval '1 hour', sparkingest.clock() + interval '1 day'), p.tenant_id) c
		 WHERE p.tenant_id IS NOT NULL AND (c.allocated_cpu > c.total_cpu_capacity OR c.allocated_memory > c.total_memory_capacity)},
	'a live execution with a place holds its reservation, an ended one none (J6)' => q{
		SELECT e.execution_id, e.state, r.status FROM sparkingest.job_executions e JOIN sparkingest.reservations r USING (reservation_id)
		 WHERE (r.status = 'active') <> (e.state IN ('scheduled', 'dispatching', 'submitted', 'running'))},
	'each execution reserves what it is said to (C7)' => q{
		SELECT e.execution_id FROM sparkingest.job_executions e JOIN sparkingest.reservations r USING (reservation_id)
		 WHERE (e.cpu_millicores, e.memory_mib) <> (r.cpu_millicores, r.memory_mib)
			OR (e.posted_cpu_millicores, e.posted_memory_mib) <> (r.cpu_millicores, r.memory_mib)},
	'balance entries add up to their grants (M4)' => q{
		SELECT g.grant_id FROM sparkingest.grants g LEFT JOIN sparkingest.balance_entries b USING (grant_id)
		 WHERE g.resource_type = 'vcpu_hours' GROUP BY g.grant_id
		HAVING g.granted <> COALESCE(sum(b.amount) FILTER (WHERE b.entry_type = 'grant'), 0)
			OR g.held <> COALESCE(sum(CASE b.entry_type WHEN 'hold' THEN b.amount WHEN 'grant' THEN 0 ELSE -b.amount END), 0)
			OR g.spent <> COALESCE(sum(b.amount) FILTER (WHERE b.entry_type = 'charge'), 0)},
	'what is held is held for live executions, and no more (M4)' => q{
		SELECT sum(g.held), (SELECT sum(held) FROM sparkingest.job_executions) FROM sparkingest.grants g
		HAVING sum(g.held) IS DISTINCT FROM (SELECT COALESCE(sum(held), 0) FROM sparkingest.job_executions) AND count(*) > 0
		UNION ALL SELECT held, NULL FROM sparkingest.job_executions WHERE held > 0 AND state IN FINAL},
	'what was charged is what was spent, execution by execution' => q{
		SELECT e.execution_id FROM sparkingest.job_executions e LEFT JOIN (SELECT execution_id, sum(amount) AS amount
			FROM sparkingest.balance_entries WHERE entry_type = 'charge' GROUP BY execution_id) b USING (execution_id)
		 WHERE e.charged IS DISTINCT FROM CASE WHEN e.state IN FINAL THEN COALESCE(b.amount, 0) END},
	'consumption is written for what ran, with its charge (M7)' => q{
		SELECT e.execution_id FROM sparkingest.job_executions e LEFT JOIN sparkingest.resource_consumption c USING (execution_id)
		 WHERE (c.execution_id IS NOT NULL) <> (e.state IN FINAL AND e.started_at IS NOT NULL) OR c.charged <> e.charged},
	'each execution has one unbroken chain of events, from its entry to its state (J5)' => q{
		SELECT * FROM (
			SELECT execution_id, before ->> 'state' AS before,
				   lag(after ->> 'state') OVER (PARTITION BY execution_id ORDER BY event_id) AS previous
			  FROM sparkingest.events WHERE event_type = 'execution.state') v WHERE before IS DISTINCT FROM previous
		UNION ALL
		SELECT e.execution_id, e.state, v.state FROM sparkingest.job_executions e LEFT JOIN (
			SELECT DISTINCT ON (execution_id) execution_id, after ->> 'state' AS state FROM sparkingest.events
			 WHERE event_type = 'execution.state' ORDER BY execution_id, event_id DESC) v USING (execution_id)
		 WHERE e.state IS DISTINCT FROM v.state},
	'each attempt of a production run has its number once' => q{
		SELECT run_id, attempt FROM sparkingest.job_executions GROUP BY run_id, attempt HAVING count(*) > 1});

# Tests that the books of a database are right, and, with a Kubernetes, that no execution has two objects there.
sub books_are_right
{
	my ($server, $kube) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @all = @checks;
	while (my ($name, $query) = splice @all, 0, 2)
	{
		$query =~ s/\bFINAL\b/$Sparkingest::Server::FINAL/g;
		is($server->sql($query), '', "books: $name");
	}
	return unless $kube;
	my %objects;
	$objects{ $_->{metadata}{labels}{'sparkingest.io/execution'} // 'foreign' }++ for $kube->applications;
	delete $objects{foreign};
	is(join(' ', grep { $objects{$_} > 1 } sort keys %objects), '', 'books: no execution has two objects in Kubernetes (J9)');
	return;
}

1;
