-- What happened: movements of vCPU-hours, metering, observations, events. Then the first rows, and what goes into dumps.

CREATE TABLE sparkingest.balance_entries (
    entry_id bigint GENERATED ALWAYS AS IDENTITY (CACHE 32) PRIMARY KEY,
    at timestamptz NOT NULL,
    tenant_id uuid NOT NULL,
    grant_id uuid NOT NULL,
    execution_id uuid,
    reservation_id uuid,
    entry_type text NOT NULL CHECK (entry_type IN ('grant', 'hold', 'release', 'charge', 'lapse', 'terms')),
    amount bigint NOT NULL,
    terms text,
    chain_no bigint,
    chain_hash bytea,
    CHECK (CASE entry_type WHEN 'terms' THEN amount = 0 ELSE amount > 0 END),
    CHECK ((terms IS NOT NULL) = (entry_type IN ('grant', 'terms'))),
    CHECK (pg_catalog.num_nonnulls(execution_id, reservation_id) = CASE WHEN entry_type IN ('grant', 'lapse', 'terms') THEN 0 ELSE 1 END),
    CHECK ((chain_no IS NULL) = (chain_hash IS NULL))
);
CREATE INDEX ON sparkingest.balance_entries (execution_id) WHERE execution_id IS NOT NULL;
CREATE INDEX ON sparkingest.balance_entries (reservation_id) WHERE reservation_id IS NOT NULL;
CREATE INDEX unsealed_entries ON sparkingest.balance_entries (grant_id) WHERE chain_no IS NULL;
CREATE UNIQUE INDEX ON sparkingest.balance_entries (tenant_id, chain_no) WHERE chain_no IS NOT NULL;
COMMENT ON TABLE sparkingest.balance_entries IS 'Every movement of vCPU-hours between two accounts, one line per grant touched (M5), and the terms of every grant. Rows are only added; maintain() seals them: gives each its place in the tenant''s hash chain and counts it in grants';
COMMENT ON COLUMN sparkingest.balance_entries.entry_id IS 'Identifier; roughly the order of writing';
COMMENT ON COLUMN sparkingest.balance_entries.at IS 'When';
COMMENT ON COLUMN sparkingest.balance_entries.tenant_id IS 'Tenant';
COMMENT ON COLUMN sparkingest.balance_entries.grant_id IS 'Grant touched';
COMMENT ON COLUMN sparkingest.balance_entries.execution_id IS 'Execution that caused it; NULL for grant, lapse and terms, and for what an application reserved';
COMMENT ON COLUMN sparkingest.balance_entries.reservation_id IS 'Application''s reservation that caused it; else NULL';
COMMENT ON COLUMN sparkingest.balance_entries.entry_type IS 'grant: supply to available; hold: available to held; release: held to available; charge: held to spent; lapse: available to supply; terms: moves nothing';
COMMENT ON COLUMN sparkingest.balance_entries.amount IS 'Millicore-seconds, positive; 0 for terms';
COMMENT ON COLUMN sparkingest.balance_entries.terms IS 'Of grant and terms: what the grant is from then on, purchase_id|resource_type|namespace|starts_at|ends_at|cpu_millicores|memory_mib|priority|price|rollover_left|rolled_from|account_no|lending_limit, with times in microseconds since 1970 and nothing for NULL';
COMMENT ON COLUMN sparkingest.balance_entries.chain_no IS 'Place in the tenant''s chain, from 1 without gaps; NULL until it is sealed';
COMMENT ON COLUMN sparkingest.balance_entries.chain_hash IS 'SHA-256 of the hash before (32 zero bytes before the first) and the text chain_no|tenant_id|at|grant_id|execution_id|reservation_id|entry_type|amount, with at in microseconds since 1970 and nothing for NULL; then | and the terms, if it has any';

CREATE TABLE sparkingest.balance_chains (
    tenant_id uuid PRIMARY KEY,
    chain_no bigint NOT NULL,
    chain_hash bytea NOT NULL
);
COMMENT ON TABLE sparkingest.balance_chains IS 'Last link of each tenant''s chain of balance entries';
COMMENT ON COLUMN sparkingest.balance_chains.tenant_id IS 'Tenant';
COMMENT ON COLUMN sparkingest.balance_chains.chain_no IS 'Place of the last entry that is sealed';
COMMENT ON COLUMN sparkingest.balance_chains.chain_hash IS 'Its hash: who keeps a copy elsewhere can prove later that nothing before it was changed';

-- Months are partitions, which maintain() makes and drops. Those are no members of the extension, so that a dump has them whole;
-- it restores them only where the parent has no index and no foreign key of its own: each partition brings its indexes, and
-- verify_usage() looks at what foreign keys would.
CREATE TABLE sparkingest.resource_consumption (
    execution_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    job_id uuid NOT NULL,
    namespace text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    billed_seconds bigint NOT NULL CHECK (billed_seconds >= 0),
    cpu_millicore_seconds bigint NOT NULL CHECK (cpu_millicore_seconds >= 0),
    memory_mib_seconds bigint NOT NULL CHECK (memory_mib_seconds >= 0),
    billable_millicore_seconds bigint NOT NULL CHECK (billable_millicore_seconds >= 0),
    borrowed boolean NOT NULL DEFAULT false,
    charge_to text NOT NULL CHECK (charge_to IN ('vcpu_hours', 'dedicated', 'draft', 'platform')),
    charged bigint NOT NULL CHECK (charged >= 0),
    CHECK (charged <= billable_millicore_seconds)
) PARTITION BY RANGE (ended_at);
CREATE TABLE sparkingest.resource_consumption_rest PARTITION OF sparkingest.resource_consumption DEFAULT;
ALTER TABLE sparkingest.resource_consumption_rest ADD PRIMARY KEY (execution_id);
CREATE INDEX ON sparkingest.resource_consumption_rest (tenant_id, ended_at);
COMMENT ON TABLE sparkingest.resource_consumption_rest IS 'Rows of months that have no partition: maintain() makes one and moves them';
COMMENT ON TABLE sparkingest.resource_consumption IS 'Metered use of finished executions, one row each, by month (UTC): requested resources times seconds, from driver running to last pod gone, at least 60 s (M7, M8)';
COMMENT ON COLUMN sparkingest.resource_consumption.execution_id IS 'Execution';
COMMENT ON COLUMN sparkingest.resource_consumption.tenant_id IS 'Tenant';
COMMENT ON COLUMN sparkingest.resource_consumption.job_id IS 'Job';
COMMENT ON COLUMN sparkingest.resource_consumption.namespace IS 'Namespace';
COMMENT ON COLUMN sparkingest.resource_consumption.started_at IS 'Driver running';
COMMENT ON COLUMN sparkingest.resource_consumption.ended_at IS 'Last pod gone';
COMMENT ON COLUMN sparkingest.resource_consumption.billed_seconds IS 'Seconds metered, rounded up, at least 60';
COMMENT ON COLUMN sparkingest.resource_consumption.cpu_millicore_seconds IS 'Millicores requested times billed_seconds';
COMMENT ON COLUMN sparkingest.resource_consumption.memory_mib_seconds IS 'MiB requested times billed_seconds';
COMMENT ON COLUMN sparkingest.resource_consumption.billable_millicore_seconds IS 'max(vCPU, memory / ratio of the pool) times billed_seconds (M6), whoever pays';
COMMENT ON COLUMN sparkingest.resource_consumption.borrowed IS 'It ran in a lender''s units (C10)';
COMMENT ON COLUMN sparkingest.resource_consumption.charge_to IS 'vcpu_hours: charged to the balance; dedicated: flat charge already paid; draft: free (M9); platform: failed or preempted by the platform, free (M7)';
COMMENT ON COLUMN sparkingest.resource_consumption.charged IS 'Millicore-seconds taken from the balance: billable_millicore_seconds where charge_to is vcpu_hours, less only what the balance did not cover; else 0';

CREATE TABLE sparkingest.estimation_observations (
    execution_id uuid PRIMARY KEY REFERENCES sparkingest.job_executions,
    tenant_id uuid NOT NULL REFERENCES sparkingest.tenants,
    source_type text NOT NULL,
    cpu_millicores bigint NOT NULL,
    memory_mib bigint NOT NULL,
    rows_read bigint,
    bytes_out bigint,
    estimated_runtime_minutes numeric NOT NULL,
    actual_runtime_seconds numeric NOT NULL,
    peak_memory_mib bigint,
    cpu_seconds numeric,
    observed_at timestamptz NOT NULL
);
COMMENT ON TABLE sparkingest.estimation_observations IS 'What successful runs took, for the estimator to learn from';
COMMENT ON COLUMN sparkingest.estimation_observations.execution_id IS 'Execution';
COMMENT ON COLUMN sparkingest.estimation_observations.tenant_id IS 'Tenant';
COMMENT ON COLUMN sparkingest.estimation_observations.source_type IS 'Source type of the job';
COMMENT ON COLUMN sparkingest.estimation_observations.cpu_millicores IS 'CPU given, millicores';
COMMENT ON COLUMN sparkingest.estimation_observations.memory_mib IS 'Memory given, MiB';
COMMENT ON COLUMN sparkingest.estimation_observations.rows_read IS 'Rows read';
COMMENT ON COLUMN sparkingest.estimation_observations.bytes_out IS 'Bytes written';
COMMENT ON COLUMN sparkingest.estimation_observations.estimated_runtime_minutes IS 'Estimate made before, minutes';
COMMENT ON COLUMN sparkingest.estimation_observations.actual_runtime_seconds IS 'Runtime from driver running to its end, seconds';
COMMENT ON COLUMN sparkingest.estimation_observations.peak_memory_mib IS 'Peak memory of the driver, MiB';
COMMENT ON COLUMN sparkingest.estimation_observations.cpu_seconds IS 'CPU used, seconds';
COMMENT ON COLUMN sparkingest.estimation_observations.observed_at IS 'When the run ended';

-- By month as well. Numbers of transactions follow each other as time does, or nearly: where a reader goes on, the index of a month
-- that is over has nothing for it.
CREATE TABLE sparkingest.events (
    event_id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    event_type text NOT NULL,
    tenant_id uuid,
    job_id uuid,
    execution_id uuid,
    actor text NOT NULL,
    cause text,
    before jsonb,
    after jsonb,
    xact xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id()
) PARTITION BY RANGE (at);
CREATE TABLE sparkingest.events_rest PARTITION OF sparkingest.events DEFAULT;
ALTER TABLE sparkingest.events_rest ADD PRIMARY KEY (event_id);
CREATE INDEX ON sparkingest.events_rest (xact, event_id);
CREATE INDEX ON sparkingest.events_rest (tenant_id, xact, event_id);
CREATE INDEX ON sparkingest.events_rest (execution_id, event_id);
CREATE INDEX ON sparkingest.events_rest (job_id, event_id);
COMMENT ON TABLE sparkingest.events_rest IS 'Events of months that have no partition: maintain() makes one and moves them';
COMMENT ON TABLE sparkingest.events IS 'What happened, who did it and why, by month (UTC); written in the transaction that did it (J5, S5)';
COMMENT ON COLUMN sparkingest.events.event_id IS 'Order of writing; numbers may be missing, and lower ones may be committed later: readers that poll ask events_after()';
COMMENT ON COLUMN sparkingest.events.at IS 'When, by the product''s clock';
COMMENT ON COLUMN sparkingest.events.event_type IS 'noun.verb, e.g. execution.state, job.promoted, purchase.created, fire.skipped';
COMMENT ON COLUMN sparkingest.events.tenant_id IS 'Tenant concerned; NULL = the service';
COMMENT ON COLUMN sparkingest.events.job_id IS 'Job concerned';
COMMENT ON COLUMN sparkingest.events.execution_id IS 'Execution concerned';
COMMENT ON COLUMN sparkingest.events.actor IS 'Role, or the worker''s name';
COMMENT ON COLUMN sparkingest.events.cause IS 'Why, in words';
COMMENT ON COLUMN sparkingest.events.before IS 'Values before';
COMMENT ON COLUMN sparkingest.events.after IS 'Values after';
COMMENT ON COLUMN sparkingest.events.xact IS 'Transaction that wrote it; events_after() tells of it once no older transaction can add any';

CREATE TABLE sparkingest.idempotency_keys (
    scope uuid NOT NULL,
    function_name text NOT NULL,
    idempotency_key text NOT NULL CHECK (pg_catalog.length(idempotency_key) BETWEEN 1 AND 200),
    body_sha256 bytea NOT NULL,
    answer jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (scope, function_name, idempotency_key)
);
COMMENT ON TABLE sparkingest.idempotency_keys IS 'Answers by idempotency key (J8)';
COMMENT ON COLUMN sparkingest.idempotency_keys.scope IS 'Tenant; all zeros for create_tenant';
COMMENT ON COLUMN sparkingest.idempotency_keys.function_name IS 'Function called';
COMMENT ON COLUMN sparkingest.idempotency_keys.idempotency_key IS 'Key, 1 to 200 characters';
COMMENT ON COLUMN sparkingest.idempotency_keys.body_sha256 IS 'Hash of the other arguments';
COMMENT ON COLUMN sparkingest.idempotency_keys.answer IS 'First answer';
COMMENT ON COLUMN sparkingest.idempotency_keys.created_at IS 'When';

CREATE TABLE sparkingest.worker_status (
    worker_name text PRIMARY KEY,
    pid integer,
    started_at timestamptz,
    beat_at timestamptz,
    last_error text,
    last_error_at timestamptz
);
COMMENT ON TABLE sparkingest.worker_status IS 'One row per background worker and tick';
COMMENT ON COLUMN sparkingest.worker_status.worker_name IS 'dispatcher, planner, plan, maintain or roll_up';
COMMENT ON COLUMN sparkingest.worker_status.pid IS 'Process';
COMMENT ON COLUMN sparkingest.worker_status.started_at IS 'When it started';
COMMENT ON COLUMN sparkingest.worker_status.beat_at IS 'When it last finished a round';
COMMENT ON COLUMN sparkingest.worker_status.last_error IS 'Last error in words';
COMMENT ON COLUMN sparkingest.worker_status.last_error_at IS 'When';

-- What CREATE EXTENSION brings (api.md): one cluster, three namespaces, tiers and names of priorities.
INSERT INTO sparkingest.clusters (cluster_name, dispatch_reason) VALUES ('default', 'not enabled yet: call sparkingest.enable_dispatch()');
INSERT INTO sparkingest.sla_tiers VALUES ('standard', 1.2, 1.5, 1.2, 1, 1), ('strict', 1.1, 1.3, 1.2, 3, 3);
INSERT INTO sparkingest.priorities VALUES ('low', -100), ('normal', 0), ('high', 100), ('critical', 1000);
INSERT INTO sparkingest.namespaces
    (namespace, cluster_name, purpose, cpu_millicores, memory_mib, tenant_cpu_millicores, tenant_memory_mib, slot_minutes, spark_profile)
SELECT v.namespace, 'default', v.purpose, v.cores * 1000, v.gib * 1024, v.tenant_cores * 1000, v.tenant_gib * 1024,
       pg_catalog.current_setting('sparkingest.slot_minutes')::integer,
       '{"image": "apache/spark:4.0.1", "main_application_file": "local:///opt/sparkingest/ingest.py", "spark_version": "4.0.1", "service_account": "spark", "spark_conf": {}}'
  FROM (VALUES ('dedicated-cpu-ns', 'dedicated', 400::bigint, 800::bigint, NULL::bigint, NULL::bigint),
               ('vcpu-hours-ns', 'shared', 2000, 4000, NULL, NULL),
               ('draft-ingestion-ns', 'draft', 200, 400, 40, 80)) AS v (namespace, purpose, cores, gib, tenant_cores, tenant_gib);
INSERT INTO sparkingest.pools (namespace) VALUES ('vcpu-hours-ns'), ('draft-ingestion-ns'), ('dedicated-cpu-ns');

-- Data of users goes into dumps, also what operators changed of the rows above (80_ledger.sql); pools do not change.
SELECT pg_catalog.pg_extension_config_dump('sparkingest.clusters', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.sla_tiers', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.priorities', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.namespaces', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.pools', $$WHERE tenant_id IS NOT NULL OR namespace NOT IN ('dedicated-cpu-ns', 'vcpu-hours-ns', 'draft-ingestion-ns')$$);
SELECT pg_catalog.pg_extension_config_dump('sparkingest.capacity_overrides', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.tenants', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.tenant_roles', 'WHERE role IN (SELECT oid FROM pg_catalog.pg_roles)');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.resource_purchases', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.discounts', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.grants', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.ingestion_jobs', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.limits', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.reservations', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.reservation_limits', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.job_executions', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.balance_entries', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.balance_chains', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.resource_consumption_rest', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.estimation_observations', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.events_rest', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.idempotency_keys', '');
-- Numbers go on after a restore.
SELECT pg_catalog.pg_extension_config_dump('sparkingest.balance_entries_entry_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.capacity_overrides_override_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.events_event_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.pools_pool_id_seq', '');
