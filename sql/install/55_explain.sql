-- Asking the system: why, and what is planned (Q1, Q4).

CREATE FUNCTION sparkingest.explain_job(job_id uuid, at timestamptz DEFAULT NULL,
    OUT namespace text, OUT constraint_name text, OUT needed numeric, OUT free numeric, OUT during tstzrange, OUT remedy text)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 5 AS 'MODULE_PATHNAME', 'si_explain_job';
COMMENT ON FUNCTION sparkingest.explain_job IS
'Why a run of the job does not start as it is wanted: each constraint that binds, in each namespace of the spillover order that is tried, in order. at: a run asked for at that instant (run_job); NULL: the next run that has not started, else the next fire of the schedule, else a run asked for now. Takes nothing, writes nothing, and is right inside a transaction that changes something, too (what-if).
namespace: NULL = wherever it runs. needed, free: numbers of the constraint, free being what there is throughout the run if it started as wanted. during: when it binds; no upper bound = until somebody acts, or beyond the horizon. remedy: what would lift it. constraint_name:
cpu_cores (cores), memory_gb (GiB): free in the namespace, or of the tenant''s own units; tenant_cpu_cores, tenant_memory_gb: free of what one tenant may hold in it; dedicated_units (units): owned then; vcpu_hours (vCPU-hours): available then;
sla_window_hours, start_by, finish_by (minutes after the scheduled time): needed by the earliest start or finish, and allowed; horizon: nothing fits as far as capacity can be reserved;
tenant_status, job_status, job_stage, job_owner, job_blocked: what these say; overlap_policy (runs at a time): needed and allowed; dispatch: nothing is posted to the cluster; next_try_at: a post failed and is tried again; planned_start: it has its place and is not due yet;
none: nothing binds there: when it starts, or has started; ended: how. Raises 22023, 42704, 42501, SI005 beyond the horizon';

CREATE FUNCTION sparkingest.explain_execution(execution_id uuid,
    OUT namespace text, OUT constraint_name text, OUT needed numeric, OUT free numeric, OUT during tstzrange, OUT remedy text)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 5 AS 'MODULE_PATHNAME', 'si_explain_execution';
COMMENT ON FUNCTION sparkingest.explain_execution IS
'The same as explain_job() for one execution: what it waits for; why it is planned no sooner; that it runs; or, in one row, how it ended (state, error class, exit code, reason). Raises 42704, 42501';

CREATE VIEW sparkingest.planned_load WITH (security_invoker = true) AS
WITH span AS MATERIALIZED (
    SELECT c.hour AS starts_at, c.hour + LEAST('168 hours'::interval, pg_catalog.make_interval(hours => 24 * pg_catalog.current_setting('sparkingest.horizon_days')::integer)) AS ends_at
      FROM (SELECT pg_catalog.date_trunc('hour', sparkingest.clock(), 'UTC') AS hour) AS c
)
SELECT l.namespace, l.tenant_id, l.hour AS starts_at, l.hour + '1 hour'::interval AS ends_at,
       pg_catalog.trim_scale(pg_catalog.round(pg_catalog.sum(l.cpu_cores), 3)) AS cpu_cores, pg_catalog.trim_scale(pg_catalog.round(pg_catalog.sum(l.memory_gb), 3)) AS memory_gb,
       pg_catalog.sum(l.executions)::bigint AS executions, pg_catalog.sum(l.reservations)::bigint AS reservations,
       pg_catalog.trim_scale(pg_catalog.round(NULLIF(pg_catalog.sum(l.cpu_capacity), CASE WHEN l.tenant_id IS NOT NULL THEN 0 END), 3)) AS cpu_capacity,
       pg_catalog.trim_scale(pg_catalog.round(NULLIF(pg_catalog.sum(l.memory_capacity), CASE WHEN l.tenant_id IS NOT NULL THEN 0 END), 3)) AS memory_capacity
  FROM (
       SELECT c.namespace, NULL::uuid AS tenant_id, pg_catalog.date_trunc('hour', c.time_slot, 'UTC') AS hour,
              pg_catalog.avg(c.allocated_cpu) AS cpu_cores, pg_catalog.avg(c.allocated_memory) AS memory_gb, NULL::bigint AS executions, NULL::bigint AS reservations,
              pg_catalog.avg(c.total_cpu_capacity) AS cpu_capacity, pg_catalog.avg(c.total_memory_capacity) AS memory_capacity
         FROM span AS s, sparkingest.namespaces AS n, LATERAL sparkingest.capacity(n.namespace, pg_catalog.tstzrange(s.starts_at, s.ends_at)) AS c
        GROUP BY c.namespace, pg_catalog.date_trunc('hour', c.time_slot, 'UTC')
       UNION ALL
       SELECT r.namespace, r.tenant_id, h.hour, r.cpu_millicores / 1000.0 * h.share, r.memory_mib / 1024.0 * h.share,
              (e.execution_id IS NOT NULL)::integer, (e.execution_id IS NULL)::integer, 0, 0
         FROM sparkingest.reservations AS r LEFT JOIN sparkingest.job_executions AS e USING (reservation_id),
              LATERAL (SELECT g.hour, EXTRACT(epoch FROM LEAST(r.ends_at, g.hour + '1 hour'::interval) - GREATEST(r.starts_at, g.hour)) / 3600 AS share
                         FROM pg_catalog.generate_series(GREATEST(pg_catalog.date_trunc('hour', r.starts_at, 'UTC'), (SELECT s.starts_at FROM span AS s)),
                              LEAST(r.ends_at, (SELECT s.ends_at FROM span AS s)) - '1 microsecond'::interval, '1 hour'::interval) AS g (hour)) AS h
        WHERE r.status = 'active' AND r.ends_at > (SELECT s.starts_at FROM span AS s) AND r.starts_at < (SELECT s.ends_at FROM span AS s)
       UNION ALL
       SELECT g.namespace, g.tenant_id, h.hour, 0, 0, 0, 0, g.cpu_millicores / 1000.0 * h.share, g.memory_mib / 1024.0 * h.share
         FROM sparkingest.grants AS g,
              LATERAL (SELECT i.hour, EXTRACT(epoch FROM LEAST(g.ends_at, i.hour + '1 hour'::interval) - GREATEST(g.starts_at, i.hour)) / 3600 AS share
                         FROM pg_catalog.generate_series(GREATEST(pg_catalog.date_trunc('hour', g.starts_at, 'UTC'), (SELECT s.starts_at FROM span AS s)),
                              LEAST(g.ends_at, (SELECT s.ends_at FROM span AS s)) - '1 microsecond'::interval, '1 hour'::interval) AS i (hour)) AS h
        WHERE g.resource_type = 'dedicated_units' AND g.ends_at > (SELECT s.starts_at FROM span AS s) AND g.starts_at < (SELECT s.ends_at FROM span AS s)
       ) AS l GROUP BY l.namespace, l.tenant_id, l.hour;
COMMENT ON VIEW sparkingest.planned_load IS 'What is reserved in the next 7 days (or up to the horizon), hour by hour: a row for each namespace as a whole (tenant_id NULL), which everybody sees, and one for each tenant that has something there, which only it and operators see (Q4). Averages over the hour: tenants'' rows add up to the namespace''s';
COMMENT ON COLUMN sparkingest.planned_load.namespace IS 'Namespace';
COMMENT ON COLUMN sparkingest.planned_load.tenant_id IS 'Tenant; NULL = all together';
COMMENT ON COLUMN sparkingest.planned_load.starts_at IS 'Start of the hour (UTC)';
COMMENT ON COLUMN sparkingest.planned_load.ends_at IS 'End of the hour, exclusive';
COMMENT ON COLUMN sparkingest.planned_load.cpu_cores IS 'Cores reserved, on average over the hour';
COMMENT ON COLUMN sparkingest.planned_load.memory_gb IS 'GiB reserved, on average over the hour';
COMMENT ON COLUMN sparkingest.planned_load.executions IS 'Runs that have a place in the hour; NULL for a namespace as a whole';
COMMENT ON COLUMN sparkingest.planned_load.reservations IS 'Reservations of applications in the hour; NULL for a namespace as a whole';
COMMENT ON COLUMN sparkingest.planned_load.cpu_capacity IS 'Cores that there are, on average: of the namespace, or of the tenant''s dedicated units; NULL = the tenant has none of its own there';
COMMENT ON COLUMN sparkingest.planned_load.memory_capacity IS 'GiB that there are, likewise';

CREATE VIEW sparkingest.waiting_executions WITH (security_invoker = true) AS
SELECT e.execution_id, e.tenant_id, e.job_id, j.job_name, e.namespace, e.cpu_millicores / 1000.0 AS cpu_cores, e.memory_mib / 1024.0 AS memory_gb,
       j.priority, e.scheduled_for, e.planned_start, e.planned_end, e.waiting_reason
  FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id) WHERE e.state = 'waiting';
COMMENT ON VIEW sparkingest.waiting_executions IS 'Runs that have no place yet, and why; explain_execution() tells more of one';
COMMENT ON COLUMN sparkingest.waiting_executions.execution_id IS 'Execution';
COMMENT ON COLUMN sparkingest.waiting_executions.tenant_id IS 'Tenant';
COMMENT ON COLUMN sparkingest.waiting_executions.job_id IS 'Job';
COMMENT ON COLUMN sparkingest.waiting_executions.job_name IS 'Name of the job';
COMMENT ON COLUMN sparkingest.waiting_executions.namespace IS 'Namespace where it is meant to run';
COMMENT ON COLUMN sparkingest.waiting_executions.cpu_cores IS 'Cores over all pods';
COMMENT ON COLUMN sparkingest.waiting_executions.memory_gb IS 'GiB over all pods';
COMMENT ON COLUMN sparkingest.waiting_executions.priority IS 'Of the job; higher goes first (C15)';
COMMENT ON COLUMN sparkingest.waiting_executions.scheduled_for IS 'Wanted start';
COMMENT ON COLUMN sparkingest.waiting_executions.planned_start IS 'First start that fits, as of the last plan(); NULL = none within the horizon';
COMMENT ON COLUMN sparkingest.waiting_executions.planned_end IS 'Planned end then';
COMMENT ON COLUMN sparkingest.waiting_executions.waiting_reason IS 'Why it waits, in words';
