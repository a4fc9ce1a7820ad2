-- What was used, summed by the hour, and what the cluster was last seen to have.

CREATE VIEW sparkingest.consumption_seconds WITH (security_invoker = true) AS
SELECT c.execution_id, c.tenant_id, c.job_id, c.namespace, c.started_at, c.ended_at, c.billed_seconds,
       c.cpu_millicore_seconds OPERATOR(pg_catalog./) 1000::numeric AS cpu_core_seconds, c.memory_mib_seconds OPERATOR(pg_catalog./) 1024::numeric AS memory_gb_seconds,
       c.charge_to, c.charged OPERATOR(pg_catalog./) 3600000::numeric AS charged_vcpu_hours
  FROM sparkingest.resource_consumption AS c;
COMMENT ON VIEW sparkingest.consumption_seconds IS 'resource_consumption in cores, GiB and vCPU-hours (M8)';
COMMENT ON COLUMN sparkingest.consumption_seconds.execution_id IS 'Execution';
COMMENT ON COLUMN sparkingest.consumption_seconds.tenant_id IS 'Tenant';
COMMENT ON COLUMN sparkingest.consumption_seconds.job_id IS 'Job';
COMMENT ON COLUMN sparkingest.consumption_seconds.namespace IS 'Namespace';
COMMENT ON COLUMN sparkingest.consumption_seconds.started_at IS 'Driver running';
COMMENT ON COLUMN sparkingest.consumption_seconds.ended_at IS 'Last pod gone';
COMMENT ON COLUMN sparkingest.consumption_seconds.billed_seconds IS 'Seconds metered, rounded up, at least 60';
COMMENT ON COLUMN sparkingest.consumption_seconds.cpu_core_seconds IS 'Cores requested times billed_seconds';
COMMENT ON COLUMN sparkingest.consumption_seconds.memory_gb_seconds IS 'GiB requested times billed_seconds';
COMMENT ON COLUMN sparkingest.consumption_seconds.charge_to IS 'Who pays: vcpu_hours, dedicated, draft or platform';
COMMENT ON COLUMN sparkingest.consumption_seconds.charged_vcpu_hours IS 'vCPU-hours taken from the balance';

CREATE TABLE sparkingest.lending_credits (
    execution_id uuid PRIMARY KEY REFERENCES sparkingest.job_executions,
    tenant_id uuid NOT NULL REFERENCES sparkingest.tenants,
    ended_at timestamptz NOT NULL,
    charged bigint NOT NULL CHECK (charged >= 0),
    credit bigint NOT NULL CHECK (credit >= 0),
    CHECK (credit <= charged)
);
CREATE INDEX ON sparkingest.lending_credits (tenant_id, ended_at);
COMMENT ON TABLE sparkingest.lending_credits IS 'What a lender is credited for each borrowed run that ended (M9). Borrowers and lenders do not see each other: tenants cannot read it, statement() adds it up';
COMMENT ON COLUMN sparkingest.lending_credits.execution_id IS 'Borrowed run';
COMMENT ON COLUMN sparkingest.lending_credits.tenant_id IS 'Lender';
COMMENT ON COLUMN sparkingest.lending_credits.ended_at IS 'When the run ended';
COMMENT ON COLUMN sparkingest.lending_credits.charged IS 'Millicore-seconds that the borrower paid';
COMMENT ON COLUMN sparkingest.lending_credits.credit IS 'Millicore-seconds of it for the lender: sparkingest.lender_share when the run ended, rounded down';

CREATE TABLE sparkingest.history_dropped (
    table_name text PRIMARY KEY,
    dropped_before timestamptz NOT NULL
);
COMMENT ON TABLE sparkingest.history_dropped IS 'How far back history goes (sparkingest.history_months, sparkingest.event_days): sums of what was before stay as they are';
COMMENT ON COLUMN sparkingest.history_dropped.table_name IS 'Partitioned table';
COMMENT ON COLUMN sparkingest.history_dropped.dropped_before IS 'Rows before were dropped';

CREATE TABLE sparkingest.usage_changes (
    tenant_id uuid NOT NULL,
    hour timestamptz NOT NULL
);
COMMENT ON TABLE sparkingest.usage_changes IS 'Hours whose sums are out of date: one row for each change of what is summed, written in its transaction, removed by the roll_up() that has seen it';
COMMENT ON COLUMN sparkingest.usage_changes.tenant_id IS 'Tenant';
COMMENT ON COLUMN sparkingest.usage_changes.hour IS 'Hour on its clock in which the execution ended';

CREATE TABLE sparkingest.usage_hourly (
    tenant_id uuid NOT NULL REFERENCES sparkingest.tenants,
    hour timestamptz NOT NULL,
    namespace text NOT NULL,
    executions bigint NOT NULL,
    cpu_millicore_seconds bigint NOT NULL,
    memory_mib_seconds bigint NOT NULL,
    billable_millicore_seconds bigint NOT NULL,
    charged bigint NOT NULL,
    ended bigint NOT NULL,
    succeeded bigint NOT NULL,
    succeeded_millis bigint NOT NULL,
    sla_met bigint NOT NULL,
    sla_missed bigint NOT NULL,
    bytes_out bigint NOT NULL,
    PRIMARY KEY (tenant_id, hour, namespace)
);
COMMENT ON TABLE sparkingest.usage_hourly IS 'Executions summed by the hour in which they ended; kept by roll_up(), made anew by rebuild_usage()';
COMMENT ON COLUMN sparkingest.usage_hourly.tenant_id IS 'Tenant';
COMMENT ON COLUMN sparkingest.usage_hourly.hour IS 'Start of the hour on the tenant''s clock';
COMMENT ON COLUMN sparkingest.usage_hourly.namespace IS 'Namespace';
COMMENT ON COLUMN sparkingest.usage_hourly.executions IS 'Executions metered: rows of resource_consumption';
COMMENT ON COLUMN sparkingest.usage_hourly.cpu_millicore_seconds IS 'Millicore-seconds of them';
COMMENT ON COLUMN sparkingest.usage_hourly.memory_mib_seconds IS 'MiB-seconds of them';
COMMENT ON COLUMN sparkingest.usage_hourly.billable_millicore_seconds IS 'Billable millicore-seconds of them (M6), whoever pays';
COMMENT ON COLUMN sparkingest.usage_hourly.charged IS 'Millicore-seconds taken from balances for them';
COMMENT ON COLUMN sparkingest.usage_hourly.ended IS 'Production executions that ended otherwise than cancelled, one for each attempt';
COMMENT ON COLUMN sparkingest.usage_hourly.succeeded IS 'Those of them that succeeded';
COMMENT ON COLUMN sparkingest.usage_hourly.succeeded_millis IS 'Runtimes of those, milliseconds, each rounded to the nearest';
COMMENT ON COLUMN sparkingest.usage_hourly.sla_met IS 'Production executions that met their SLA (S1)';
COMMENT ON COLUMN sparkingest.usage_hourly.sla_missed IS 'Production executions that missed it';
COMMENT ON COLUMN sparkingest.usage_hourly.bytes_out IS 'Bytes written by the production executions that succeeded';

CREATE TABLE sparkingest.usage_load (
    tenant_id uuid NOT NULL REFERENCES sparkingest.tenants,
    hour timestamptz NOT NULL,
    ended_hour timestamptz NOT NULL,
    place text NOT NULL CHECK (place IN ('dedicated', 'shared', 'draft', 'borrowed', 'lent')),
    millicore_seconds bigint NOT NULL,
    PRIMARY KEY (tenant_id, hour, ended_hour, place)
);
CREATE INDEX ON sparkingest.usage_load (tenant_id, ended_hour);
COMMENT ON TABLE sparkingest.usage_load IS 'Metered use spread over the hours in which it was used: an execution is in use from started_at for billed_seconds. Sums up to what usage_hourly has; kept by roll_up(), made anew by rebuild_usage()';
COMMENT ON COLUMN sparkingest.usage_load.tenant_id IS 'Tenant whose execution it was; for lent, whose units they were';
COMMENT ON COLUMN sparkingest.usage_load.hour IS 'Start of the hour on the tenant''s clock in which it was used';
COMMENT ON COLUMN sparkingest.usage_load.ended_hour IS 'Start of the hour in which the executions ended';
COMMENT ON COLUMN sparkingest.usage_load.place IS 'dedicated: own units; shared; draft; borrowed: another''s units; lent: others in own units';
COMMENT ON COLUMN sparkingest.usage_load.millicore_seconds IS 'Billable millicore-seconds (M6)';

CREATE TABLE sparkingest.cluster_lists (
    namespace text PRIMARY KEY REFERENCES sparkingest.namespaces,
    listed_at timestamptz NOT NULL
);
COMMENT ON TABLE sparkingest.cluster_lists IS 'When the dispatcher last listed a namespace of the cluster to the end';
COMMENT ON COLUMN sparkingest.cluster_lists.namespace IS 'Namespace';
COMMENT ON COLUMN sparkingest.cluster_lists.listed_at IS 'When that list began';

CREATE TABLE sparkingest.cluster_objects (
    namespace text NOT NULL REFERENCES sparkingest.namespaces,
    object_name text NOT NULL,
    object_uid text,
    execution_id uuid,
    object_state text NOT NULL CHECK (object_state IN ('new', 'starting', 'running', 'completed', 'failed')),
    since timestamptz NOT NULL,
    PRIMARY KEY (namespace, object_name)
);
COMMENT ON TABLE sparkingest.cluster_objects IS 'Applications of this installation that the last list of each namespace showed (cluster_lists); runaway_executions() holds them against job_executions';
COMMENT ON COLUMN sparkingest.cluster_objects.namespace IS 'Namespace';
COMMENT ON COLUMN sparkingest.cluster_objects.object_name IS 'Name of the SparkApplication';
COMMENT ON COLUMN sparkingest.cluster_objects.object_uid IS 'Its uid';
COMMENT ON COLUMN sparkingest.cluster_objects.execution_id IS 'Its label sparkingest.io/execution; NULL = none, or not a uuid';
COMMENT ON COLUMN sparkingest.cluster_objects.object_state IS 'new: no operator has touched it; starting; running; completed; failed';
COMMENT ON COLUMN sparkingest.cluster_objects.since IS 'When a list first showed it so';

SELECT pg_catalog.pg_extension_config_dump('sparkingest.lending_credits', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.history_dropped', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.usage_changes', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.usage_hourly', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.usage_load', '');
