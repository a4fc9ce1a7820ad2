-- The walk-through of the README, word for word (test/lint/readme compares).
SET sparkingest.clock = '2026-03-02 09:02:00+00';  -- so that you see what is printed here; leave it out in earnest
SET timezone = 'UTC';

-- A tenant buys 100 vCPU-hours a month, and one dedicated unit (4 vCPU, 8 GiB).
SELECT sparkingest.create_tenant('readme', 'Europe/Berlin') AS tenant \gset
SELECT sparkingest.purchase(:'tenant', 'vcpu_hours', 100) AS hours,
       sparkingest.purchase(:'tenant', 'dedicated_units', 1) AS unit \gset
SELECT period, granted, available, held, spent FROM sparkingest.balance(:'tenant');

-- When could 16 cores run for two hours? Asking takes nothing.
SELECT sparkingest.find_slot('vcpu-hours-ns', 16, 32, '2 hours');

-- Capacity is reserved in your own transaction: it vanishes with it.
BEGIN;
SELECT namespace, starts_at, ends_at FROM sparkingest.reserve(:'tenant', 4, 8, '1 hour');
ROLLBACK;

-- Own units first. Where they are taken for as long as you may wait, the shared pool that the vCPU-hours open.
SELECT namespace, starts_at, ends_at FROM sparkingest.reserve(:'tenant', 4, 8, '1 hour');
SELECT namespace, starts_at, ends_at FROM sparkingest.reserve(:'tenant', 4, 8, '1 hour', sla_window => '15 minutes');

-- What does not fit says so, and when it will.
SELECT reason, earliest FROM sparkingest.try_reserve(:'tenant', 4, 8, '1 hour', sla_window => '30 minutes',
                                                     namespace => 'dedicated-cpu-ns');

-- A job: what to read, where to write, what it needs over all pods, when.
SELECT sparkingest.create_job(:'tenant', 'orders', 'postgres',
    source_config         => '{"host": "db.example.com", "database": "shop", "table": "orders",
                               "incremental": {"column": "updated_at", "overlap": 60}, "credentials_secret": "shop-db"}',
    destination_config    => '{"type": "s3", "bucket": "lake", "path": "shop/orders", "partition_by": ["region"]}',
    resource_requirements => '{"cpu_cores": 4, "memory_gb": 8, "runtime_minutes": 20}',
    schedule_cron         => '30 2 * * *') AS job \gset

-- It begins as a draft: it is tried before its schedule counts.
SELECT sparkingest.run_job(:'job') AS run \gset
SELECT state, namespace, planned_start, planned_end FROM sparkingest.job_executions WHERE execution_id = :'run';
SELECT jsonb_path_query_array(sparkingest.render_manifest(:'run'), '$.spec.*.coreRequest') AS cores_of_driver_and_executor;
SELECT sparkingest.promote_job(:'job') ->> 'reason' AS why_not_yet;

-- What if? In a transaction that is rolled back: buy 50 units, drain the draft namespace for two hours, and read the new plan.
BEGIN;
SELECT sparkingest.purchase(:'tenant', 'dedicated_units', 50, 'daily') AS more_units \gset
SELECT planned_start, effect FROM sparkingest.set_capacity('draft-ingestion-ns', 0, 0, '[2026-03-02 09:00+00, 2026-03-02 11:00+00)');
SELECT namespace, constraint_name AS constraint, needed, free, upper(during) AS until, remedy FROM sparkingest.explain_job(:'job');
SELECT namespace, starts_at, cpu_cores, cpu_capacity FROM sparkingest.planned_load
 WHERE tenant_id = :'tenant' AND starts_at < '2026-03-02 12:00+00' ORDER BY 1, 2;
ROLLBACK;
SELECT state, planned_start FROM sparkingest.job_executions WHERE execution_id = :'run';

-- Every move is an event.
SELECT sparkingest.cancel_execution(:'run', 'changed my mind');
SELECT event_type, actor, cause, after ->> 'state' AS state FROM sparkingest.events WHERE execution_id = :'run' ORDER BY event_id;

-- Wrong input is told by field and value, and changes nothing.
SELECT sparkingest.alter_job(:'job', '{"schedule_cron": "61 2 * * *"}');
