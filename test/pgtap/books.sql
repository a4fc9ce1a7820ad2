-- books.sql: independent checks of what the tables say together. Every test ends with
--     SELECT * FROM books.differences();
-- and no row means that the books are right. Loaded once into each test database by test/server-tests.sh. Nothing here
-- uses functions of the extension, which would only agree with itself, but verify_ledger(), verify_books() and verify_usage(), which hold one place
-- against another.
\set ON_ERROR_STOP on
CREATE SCHEMA books;

-- What each namespace has at an instant: the newest override that covers it, else the base (C9).
CREATE FUNCTION books.total(of_namespace text, at timestamptz, OUT cpu bigint, OUT memory bigint) LANGUAGE sql STABLE AS $$
SELECT COALESCE(o.cpu_millicores, n.cpu_millicores), COALESCE(o.memory_mib, n.memory_mib)
  FROM sparkingest.namespaces AS n
  LEFT JOIN LATERAL (SELECT * FROM sparkingest.capacity_overrides AS c WHERE c.namespace = n.namespace AND c.during @> at
                      ORDER BY c.override_id DESC LIMIT 1) AS o ON true
 WHERE n.namespace = of_namespace
$$;

-- Units of grants, whose ends both round up to the grid (C2).
CREATE FUNCTION books.units() RETURNS TABLE (namespace text, tenant_id uuid, cpu_millicores bigint, memory_mib bigint, lent integer, starts_at timestamptz, ends_at timestamptz) LANGUAGE sql STABLE AS $$
SELECT g.namespace, g.tenant_id, g.cpu_millicores, g.memory_mib, p.lending_limit, to_timestamp(ceil(extract(epoch FROM g.starts_at) / (n.slot_minutes * 60)) * n.slot_minutes * 60),
       to_timestamp(ceil(extract(epoch FROM g.ends_at) / (n.slot_minutes * 60)) * n.slot_minutes * 60)
  FROM sparkingest.grants AS g JOIN sparkingest.namespaces AS n USING (namespace) JOIN sparkingest.resource_purchases AS p USING (purchase_id)
$$;

-- Demand rises only where a reservation starts, supply falls only where a grant or an override begins or ends.
CREATE FUNCTION books.instants() RETURNS TABLE (namespace text, at timestamptz) LANGUAGE sql STABLE AS $$
SELECT r.namespace, r.starts_at FROM sparkingest.reservations AS r WHERE r.status = 'active'
UNION SELECT g.namespace, g.starts_at FROM books.units() AS g
UNION SELECT g.namespace, g.ends_at FROM books.units() AS g
UNION SELECT o.namespace, lower(o.during) FROM sparkingest.capacity_overrides AS o
UNION SELECT o.namespace, upper(o.during) FROM sparkingest.capacity_overrides AS o
$$;

-- No pool holds more than it has, in any slot and for any resource (C1, C3, C9), nor lends more than its owner allows (C10), nor a
-- tenant more than its cap (S2).
CREATE FUNCTION books.over_commitments() RETURNS TABLE (what text, at timestamptz, cpu bigint, memory bigint) LANGUAGE sql STABLE AS $$
WITH held AS (
    SELECT i.namespace, i.at, r.tenant_id, sum(r.cpu_millicores) AS cpu, sum(r.memory_mib) AS memory
      FROM books.instants() AS i JOIN sparkingest.reservations AS r ON r.namespace = i.namespace AND r.status = 'active'
           AND r.starts_at <= i.at AND r.ends_at > i.at
     GROUP BY 1, 2, 3)
SELECT 'namespace ' || h.namespace, h.at, sum(h.cpu)::bigint, sum(h.memory)::bigint
  FROM held AS h, LATERAL books.total(h.namespace, h.at) AS t
 GROUP BY h.namespace, h.at, t.cpu, t.memory HAVING sum(h.cpu) > t.cpu OR sum(h.memory) > t.memory
UNION ALL
SELECT w.what || t.tenant_name || ' in ' || h.namespace, h.at, w.cpu::bigint, w.memory::bigint
  FROM (SELECT i.namespace, i.at, p.tenant_id AS owner, sum(r.cpu_millicores) AS cpu, sum(r.memory_mib) AS memory,
               sum(r.cpu_millicores) FILTER (WHERE r.borrowed) AS lent_cpu, sum(r.memory_mib) FILTER (WHERE r.borrowed) AS lent_memory
          FROM books.instants() AS i JOIN sparkingest.reservations AS r ON r.namespace = i.namespace AND r.status = 'active'
               AND r.starts_at <= i.at AND r.ends_at > i.at JOIN sparkingest.pools AS p USING (pool_id)
         WHERE p.tenant_id IS NOT NULL GROUP BY 1, 2, 3) AS h
  JOIN sparkingest.tenants AS t ON t.tenant_id = h.owner
  LEFT JOIN LATERAL (SELECT sum(g.cpu_millicores) AS cpu, sum(g.memory_mib) AS memory, sum(g.lent) AS lent FROM books.units() AS g
                      WHERE g.namespace = h.namespace AND g.tenant_id = h.owner AND g.starts_at <= h.at AND g.ends_at > h.at) AS s ON true,
       LATERAL (VALUES ('units of ', h.cpu, h.memory, s.cpu, s.memory), ('units lent by ', h.lent_cpu, h.lent_memory, s.lent * 4000, s.lent * 8192))
       AS w (what, cpu, memory, most_cpu, most_memory)
 WHERE w.cpu > COALESCE(w.most_cpu, 0) OR w.memory > COALESCE(w.most_memory, 0)
UNION ALL
SELECT 'cap of ' || t.tenant_name || ' in ' || h.namespace, h.at, h.cpu::bigint, h.memory::bigint
  FROM held AS h JOIN sparkingest.namespaces AS n ON n.namespace = h.namespace
  JOIN sparkingest.tenants AS t ON t.tenant_id = h.tenant_id
 WHERE h.cpu > n.tenant_cpu_millicores OR h.memory > n.tenant_memory_mib
UNION ALL
SELECT 'units sold in ' || i.namespace, i.at, sum(g.cpu_millicores)::bigint, sum(g.memory_mib)::bigint
  FROM books.instants() AS i JOIN sparkingest.namespaces AS n USING (namespace)
  JOIN books.units() AS g ON g.namespace = i.namespace AND g.starts_at <= i.at AND g.ends_at > i.at
 GROUP BY i.namespace, i.at, n.cpu_millicores, n.memory_mib
HAVING sum(g.cpu_millicores) > n.cpu_millicores OR sum(g.memory_mib) > n.memory_mib
UNION ALL
SELECT 'limit ' || l.limit_name, i.starts_at, sum(h.quantity)::bigint, 0
  FROM sparkingest.limits AS l JOIN sparkingest.reservation_limits AS i USING (limit_id)
  JOIN sparkingest.reservation_limits AS h ON h.limit_id = l.limit_id AND h.starts_at <= i.starts_at AND h.ends_at > i.starts_at
 GROUP BY l.limit_id, i.reservation_id, i.starts_at HAVING sum(h.quantity) > l.quantity
$$;

-- The moves of J5, written down a second time.
CREATE FUNCTION books.may_become(state text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
SELECT CASE state
    WHEN 'scheduled' THEN ARRAY['waiting', 'dispatching', 'cancelled']
    WHEN 'waiting' THEN ARRAY['scheduled', 'cancelled']
    WHEN 'dispatching' THEN ARRAY['scheduled', 'submitted', 'running', 'succeeded', 'failed', 'cancelled', 'timed_out', 'preempted', 'lost']
    WHEN 'submitted' THEN ARRAY['running', 'succeeded', 'failed', 'cancelled', 'timed_out', 'preempted', 'lost']
    WHEN 'running' THEN ARRAY['succeeded', 'failed', 'cancelled', 'timed_out', 'preempted', 'lost']
    ELSE '{}' END
$$;

CREATE FUNCTION books.differences() RETURNS TABLE (book text, detail text) LANGUAGE sql AS $$
SELECT 'over-committed', format('%s at %s: %s millicores, %s MiB', o.what, o.at, o.cpu, o.memory) FROM books.over_commitments() AS o
UNION ALL
SELECT 'reservation off its grid, or in another pool than it says', r.reservation_id::text
  FROM sparkingest.reservations AS r JOIN sparkingest.pools AS p USING (pool_id) JOIN sparkingest.namespaces AS n ON n.namespace = p.namespace
 WHERE r.namespace <> p.namespace OR (n.purpose = 'dedicated') <> (p.tenant_id IS NOT NULL) OR r.borrowed <> COALESCE(p.tenant_id <> r.tenant_id, false)
    OR extract(epoch FROM r.starts_at)::numeric % (n.slot_minutes * 60) <> 0 OR extract(epoch FROM r.ends_at)::numeric % (n.slot_minutes * 60) <> 0
UNION ALL
-- M4: available + held + spent = granted, and each is what the entries add up to.
SELECT 'grant and its entries', format('%s: granted %s, held %s, spent %s; entries %s, %s, %s', g.grant_id, g.granted, g.held, g.spent, e.granted, e.held, e.spent)
  FROM (SELECT grant_id, granted, held, spent FROM sparkingest.grant_balances
        UNION ALL SELECT grant_id, granted, held, spent FROM sparkingest.grants WHERE resource_type <> 'vcpu_hours') AS g LEFT JOIN LATERAL (
       SELECT COALESCE(sum(CASE b.entry_type WHEN 'grant' THEN b.amount WHEN 'lapse' THEN -b.amount END), 0) AS granted,
              COALESCE(sum(CASE b.entry_type WHEN 'hold' THEN b.amount WHEN 'release' THEN -b.amount WHEN 'charge' THEN -b.amount END), 0) AS held,
              COALESCE(sum(b.amount) FILTER (WHERE b.entry_type = 'charge'), 0) AS spent
         FROM sparkingest.balance_entries AS b WHERE b.grant_id = g.grant_id) AS e ON true
 WHERE g.granted <> e.granted OR g.held <> e.held OR g.spent <> e.spent OR g.held + g.spent > g.granted
UNION ALL
SELECT 'entry of another tenant''s grant', b.entry_id::text
  FROM sparkingest.balance_entries AS b JOIN sparkingest.grants AS g USING (grant_id) LEFT JOIN sparkingest.job_executions AS e USING (execution_id)
 WHERE b.tenant_id <> g.tenant_id OR b.tenant_id <> e.tenant_id
UNION ALL
SELECT 'execution and its entries', format('%s %s: held %s, charged %s; entries %s, %s', e.execution_id, e.state, e.held, e.charged, b.held, b.charged)
  FROM sparkingest.job_executions AS e LEFT JOIN LATERAL (
       SELECT COALESCE(sum(CASE b.entry_type WHEN 'hold' THEN b.amount ELSE -b.amount END), 0) AS held,
              COALESCE(sum(b.amount) FILTER (WHERE b.entry_type = 'charge'), 0) AS charged
         FROM sparkingest.balance_entries AS b WHERE b.execution_id = e.execution_id) AS b ON true
 WHERE e.held <> b.held OR COALESCE(e.charged, 0) <> b.charged
    OR (books.may_become(e.state) = '{}') <> (e.charged IS NOT NULL) OR (books.may_become(e.state) = '{}' AND e.held <> 0)
UNION ALL
-- Only a covered run starts (M4); draft runs and dedicated capacity are not paid by the hour (M9).
SELECT 'admitted without a hold', e.execution_id::text
  FROM sparkingest.job_executions AS e JOIN sparkingest.namespaces AS n USING (namespace) JOIN sparkingest.reservations AS r USING (reservation_id)
 WHERE e.state IN ('scheduled', 'dispatching', 'submitted', 'running') AND NOT e.is_draft AND (n.purpose = 'shared' OR e.draft_fallback OR r.borrowed) AND e.held = 0
UNION ALL
-- Capacity is held exactly while a run is on its way or runs, or waits with a tentative place.
SELECT 'execution and its reservation', format('%s %s: reservation %s', e.execution_id, e.state, COALESCE(r.status, 'none'))
  FROM sparkingest.job_executions AS e LEFT JOIN sparkingest.reservations AS r USING (reservation_id)
 WHERE (e.state IN ('scheduled', 'dispatching', 'submitted', 'running') OR (e.state = 'waiting' AND e.reservation_id IS NOT NULL))
          <> (r.status IS NOT DISTINCT FROM 'active')
    OR (e.state = 'waiting' AND NOT r.tentative)
    OR (r.status = 'active' AND (r.cpu_millicores, r.memory_mib, r.namespace, r.tenant_id, r.draft_fallback)
                                IS DISTINCT FROM (e.cpu_millicores, e.memory_mib, e.namespace, e.tenant_id, e.draft_fallback))
    OR (e.state IN ('scheduled', 'waiting') AND NOT (e.planned_start >= r.starts_at AND e.planned_start < r.ends_at AND e.planned_end = r.ends_at))
UNION ALL
-- Limits are held for as long as capacity is.
SELECT 'reservation and its limits', COALESCE(r.reservation_id, h.reservation_id)::text
  FROM (SELECT * FROM sparkingest.reservations AS a WHERE a.status = 'active' AND a.limited) AS r FULL JOIN sparkingest.reservation_limits AS h USING (reservation_id)
 WHERE (r.tenant_id, r.starts_at, r.ends_at) IS DISTINCT FROM (h.tenant_id, h.starts_at, h.ends_at)
UNION ALL
SELECT 'reservation of two executions', e.reservation_id::text
  FROM sparkingest.job_executions AS e WHERE e.reservation_id IS NOT NULL GROUP BY e.reservation_id HAVING count(*) > 1
UNION ALL
-- J5: events tell every move, in order, from the beginning to the present state.
SELECT 'state and its events', format('%s: from %s to %s, before it %s', s.execution_id, s.came_from, s.state, s.previous)
  FROM (SELECT v.execution_id, v.event_id, v.before ->> 'state' AS came_from, v.after ->> 'state' AS state,
               lag(v.after ->> 'state') OVER (PARTITION BY v.execution_id ORDER BY v.event_id) AS previous
          FROM sparkingest.events AS v WHERE v.event_type = 'execution.state') AS s
 WHERE s.came_from IS DISTINCT FROM s.previous
    OR NOT CASE WHEN s.came_from IS NULL THEN s.state IN ('scheduled', 'waiting') ELSE s.state = ANY (books.may_become(s.came_from)) END
UNION ALL
SELECT 'state and its last event', format('%s: %s', e.execution_id, e.state)
  FROM sparkingest.job_executions AS e
 WHERE e.state IS DISTINCT FROM (SELECT v.after ->> 'state' FROM sparkingest.events AS v
                                  WHERE v.execution_id = e.execution_id AND v.event_type = 'execution.state' ORDER BY v.event_id DESC LIMIT 1)
UNION ALL
-- M7, M8: what ran is metered, once, and nothing else is.
SELECT 'execution and its metering', e.execution_id::text
  FROM sparkingest.job_executions AS e LEFT JOIN sparkingest.resource_consumption AS c USING (execution_id)
 WHERE ((books.may_become(e.state) = '{}' AND e.started_at IS NOT NULL) <> (c.execution_id IS NOT NULL)
        AND COALESCE(e.finished_at >= (SELECT dropped_before FROM sparkingest.history_dropped WHERE table_name = 'resource_consumption'), true))
    OR (c.tenant_id, c.job_id, c.namespace, c.charged, c.cpu_millicore_seconds, c.memory_mib_seconds)
       <> (e.tenant_id, e.job_id, e.namespace, e.charged, e.cpu_millicores * c.billed_seconds, e.memory_mib * c.billed_seconds)
    OR (c.charged > 0 AND c.charge_to <> 'vcpu_hours')
UNION ALL
SELECT 'verify_books', format('%s: %s, %s', v.tenant_id, v.problem, v.detail) FROM sparkingest.verify_books() AS v
UNION ALL
SELECT 'job that fires though it should not, or has no place', j.job_name
  FROM sparkingest.ingestion_jobs AS j
 WHERE (j.next_fire_at IS NOT NULL AND (j.stage = 'draft' OR j.status <> 'active' OR j.schedule_cron IS NULL))
    OR (j.stage = 'draft') <> (j.target_namespace IS NULL)
UNION ALL
-- J2: what fires is looked at before it does, but for jobs of tenants that are not active, and of nobody.
SELECT 'job that is planned too late, or though it does not fire', j.job_name
  FROM sparkingest.ingestion_jobs AS j JOIN sparkingest.tenants AS t USING (tenant_id)
 WHERE CASE WHEN j.plan_at IS NULL THEN j.next_fire_at IS NOT NULL AND t.status = 'active' AND j.blocked_reason IS NULL
            ELSE j.next_fire_at IS NULL OR j.plan_at > j.next_fire_at END
UNION ALL
SELECT 'ledger', format('%s %s %s at %s: %s in the ledger, %s in the tables', v.namespace, v.tenant_id, v.resource, v.time_slot, v.in_ledger, v.in_tables)
  FROM sparkingest.verify_ledger() AS v
UNION ALL
SELECT 'usage', format('%s %s %s: %s, expected %s', v.book, v.execution_id, v.hour, v.found, v.expected) FROM sparkingest.verify_usage() AS v
UNION ALL
SELECT 'draft or dropped job that keeps scheduled production runs', e.execution_id::text
  FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
 WHERE e.state IN ('scheduled', 'waiting') AND (j.status = 'dropped' OR (j.stage = 'draft' AND NOT e.is_draft) OR (j.status = 'paused' AND e.started_by = 'schedule'))
$$;
