-- Tables, in the order of their references. Quantities are whole numbers: millicores, MiB, millicore-seconds.

CREATE TABLE sparkingest.clusters (
    cluster_name text PRIMARY KEY CHECK (cluster_name OPERATOR(pg_catalog.~) '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    kubeconfig text,
    kube_context text,
    dispatch text NOT NULL DEFAULT 'disabled' CHECK (dispatch IN ('disabled', 'enabled', 'fenced')),
    dispatch_reason text,
    api_status text NOT NULL DEFAULT 'unknown' CHECK (api_status IN ('unknown', 'ok', 'error')),
    api_detail text,
    api_since timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE sparkingest.clusters IS 'Kubernetes clusters that executions are posted to';
COMMENT ON COLUMN sparkingest.clusters.cluster_name IS 'Name of the cluster, a DNS label';
COMMENT ON COLUMN sparkingest.clusters.kubeconfig IS 'Path of a kubeconfig file on the database server, readable by its operating system user; NULL = not configured';
COMMENT ON COLUMN sparkingest.clusters.kube_context IS 'Context inside the kubeconfig; NULL = its current-context';
COMMENT ON COLUMN sparkingest.clusters.dispatch IS 'disabled: nothing is posted; enabled; fenced: stopped until reconciled (J10)';
COMMENT ON COLUMN sparkingest.clusters.dispatch_reason IS 'Why dispatch is disabled or fenced';
COMMENT ON COLUMN sparkingest.clusters.api_status IS 'What the last exchange with the Kubernetes API gave: unknown, ok, error';
COMMENT ON COLUMN sparkingest.clusters.api_detail IS 'The last error of the Kubernetes API in words';
COMMENT ON COLUMN sparkingest.clusters.api_since IS 'Since when api_status and api_detail hold';

CREATE TABLE sparkingest.namespaces (
    namespace text PRIMARY KEY CHECK (namespace OPERATOR(pg_catalog.~) '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    cluster_name text NOT NULL REFERENCES sparkingest.clusters,
    purpose text NOT NULL CHECK (purpose IN ('dedicated', 'shared', 'draft')),
    cpu_millicores bigint NOT NULL CHECK (cpu_millicores BETWEEN 0 AND 1000000000000),
    memory_mib bigint NOT NULL CHECK (memory_mib BETWEEN 0 AND 1000000000000),
    tenant_cpu_millicores bigint CHECK (tenant_cpu_millicores >= 0),
    tenant_memory_mib bigint CHECK (tenant_memory_mib >= 0),
    slot_minutes integer NOT NULL CHECK (slot_minutes BETWEEN 1 AND 60 AND 60 % slot_minutes = 0),
    memory_mib_per_core bigint NOT NULL DEFAULT 2048 CHECK (memory_mib_per_core > 0),
    spark_profile jsonb NOT NULL
);
COMMENT ON TABLE sparkingest.namespaces IS 'Kubernetes namespaces with their physical capacity. The Kubernetes name is sparkingest.namespace_prefix followed by this one';
COMMENT ON COLUMN sparkingest.namespaces.namespace IS 'Name without the prefix, a DNS label';
COMMENT ON COLUMN sparkingest.namespaces.cluster_name IS 'Cluster that holds the namespace';
COMMENT ON COLUMN sparkingest.namespaces.purpose IS 'dedicated: sold in units, one pool per tenant; shared: paid by vCPU-hours; draft: draft runs and the last resort';
COMMENT ON COLUMN sparkingest.namespaces.cpu_millicores IS 'Physical CPU in millicores';
COMMENT ON COLUMN sparkingest.namespaces.memory_mib IS 'Physical memory in MiB';
COMMENT ON COLUMN sparkingest.namespaces.tenant_cpu_millicores IS 'Most CPU that one tenant may hold at a time, in millicores; NULL = no cap (S2)';
COMMENT ON COLUMN sparkingest.namespaces.tenant_memory_mib IS 'Most memory that one tenant may hold at a time, in MiB; NULL = no cap (S2)';
COMMENT ON COLUMN sparkingest.namespaces.slot_minutes IS 'Grid step of its pools in minutes, a divisor of 60 (C2); fixed once the namespace exists';
COMMENT ON COLUMN sparkingest.namespaces.memory_mib_per_core IS 'Memory that comes with one billed core, in MiB (M6)';
COMMENT ON COLUMN sparkingest.namespaces.spark_profile IS 'What every manifest of the namespace carries: image, main_application_file, spark_version, service_account, spark_conf';

CREATE TABLE sparkingest.capacity_overrides (
    override_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace text NOT NULL REFERENCES sparkingest.namespaces,
    during tstzrange NOT NULL CHECK (NOT pg_catalog.isempty(during)),
    cpu_millicores bigint NOT NULL CHECK (cpu_millicores BETWEEN 0 AND 1000000000000),
    memory_mib bigint NOT NULL CHECK (memory_mib BETWEEN 0 AND 1000000000000),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL
);
COMMENT ON TABLE sparkingest.capacity_overrides IS 'Capacity of a namespace that differs for a time: maintenance holes, quota changes (C9). The newest row that covers a slot counts';
COMMENT ON COLUMN sparkingest.capacity_overrides.override_id IS 'Order of creation';
COMMENT ON COLUMN sparkingest.capacity_overrides.namespace IS 'Namespace';
COMMENT ON COLUMN sparkingest.capacity_overrides.during IS 'Interval, half open';
COMMENT ON COLUMN sparkingest.capacity_overrides.cpu_millicores IS 'Total CPU in that interval, millicores';
COMMENT ON COLUMN sparkingest.capacity_overrides.memory_mib IS 'Total memory in that interval, MiB';
COMMENT ON COLUMN sparkingest.capacity_overrides.created_at IS 'When it was set';
COMMENT ON COLUMN sparkingest.capacity_overrides.created_by IS 'Role that set it';

CREATE TABLE sparkingest.tenants (
    tenant_id uuid PRIMARY KEY,
    tenant_name text NOT NULL UNIQUE,
    time_zone text NOT NULL,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'closed')),
    created_at timestamptz NOT NULL,
    max_jobs integer CHECK (max_jobs >= 0),
    max_schedules integer CHECK (max_schedules >= 0),
    calls_per_second integer CHECK (calls_per_second > 0)
);
COMMENT ON TABLE sparkingest.tenants IS 'Customers: they buy capacity and own jobs';
COMMENT ON COLUMN sparkingest.tenants.tenant_id IS 'Identifier';
COMMENT ON COLUMN sparkingest.tenants.tenant_name IS 'Unique name, 1 to 200 characters';
COMMENT ON COLUMN sparkingest.tenants.time_zone IS 'IANA zone for calendar periods and, by default, for schedules';
COMMENT ON COLUMN sparkingest.tenants.status IS 'active; suspended: nothing new starts; closed: suspended for good';
COMMENT ON COLUMN sparkingest.tenants.created_at IS 'When the tenant was created';
COMMENT ON COLUMN sparkingest.tenants.max_jobs IS 'Most jobs that are not dropped; NULL = no limit';
COMMENT ON COLUMN sparkingest.tenants.max_schedules IS 'Most of them with a schedule; NULL = no limit';
COMMENT ON COLUMN sparkingest.tenants.calls_per_second IS 'Most calls of its roles per second, a second''s worth at once; NULL = no limit';

CREATE TABLE sparkingest.tenant_roles (
    tenant_id uuid NOT NULL REFERENCES sparkingest.tenants,
    role regrole NOT NULL,
    PRIMARY KEY (tenant_id, role)
);
CREATE INDEX ON sparkingest.tenant_roles (role);
COMMENT ON TABLE sparkingest.tenant_roles IS 'Which login roles act for which tenant (grant_tenant)';
COMMENT ON COLUMN sparkingest.tenant_roles.tenant_id IS 'Tenant';
COMMENT ON COLUMN sparkingest.tenant_roles.role IS 'Role; members of it act for the tenant too. A role that was dropped gives nobody anything, and maintain() removes its rows (J12)';

CREATE TABLE sparkingest.resource_purchases (
    purchase_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES sparkingest.tenants,
    resource_type text NOT NULL CHECK (resource_type IN ('dedicated_units', 'vcpu_hours')),
    quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 1000000),
    time_period text NOT NULL CHECK (time_period IN ('hourly', 'daily', 'monthly', 'yearly')),
    valid_from timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    lending_limit integer NOT NULL DEFAULT 0 CHECK (lending_limit >= 0),
    priority integer NOT NULL DEFAULT 100,
    rollover_share numeric(7, 6) NOT NULL DEFAULT 0 CHECK (rollover_share >= 0 AND rollover_share <= 1),
    unit_price numeric(18, 6) CHECK (unit_price >= 0 AND unit_price < 'Infinity'),
    discount numeric(7, 6) NOT NULL DEFAULT 0 CHECK (discount >= 0 AND discount <= 1),
    currency text CHECK (currency OPERATOR(pg_catalog.~) '^[A-Z]{3}$'),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'cancelled')),
    created_at timestamptz NOT NULL,
    cancelled_at timestamptz,
    cancelled_from timestamptz,
    CHECK (valid_from < valid_until),
    CHECK ((unit_price IS NULL) = (currency IS NULL)),
    CHECK (rollover_share = 0 OR resource_type = 'vcpu_hours'),
    CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL)),
    CHECK ((cancelled_at IS NULL) = (cancelled_from IS NULL)),
    CHECK (cancelled_from < valid_until)
);
CREATE INDEX ON sparkingest.resource_purchases (tenant_id);
CREATE INDEX ON sparkingest.resource_purchases (valid_until) WHERE status = 'cancelled';
COMMENT ON TABLE sparkingest.resource_purchases IS 'What tenants bought: dedicated units (4 vCPU and 8 GiB each) or vCPU-hours, per period';
COMMENT ON COLUMN sparkingest.resource_purchases.purchase_id IS 'Identifier';
COMMENT ON COLUMN sparkingest.resource_purchases.tenant_id IS 'Buyer';
COMMENT ON COLUMN sparkingest.resource_purchases.resource_type IS 'dedicated_units or vcpu_hours';
COMMENT ON COLUMN sparkingest.resource_purchases.quantity IS 'Units, or vCPU-hours, per period';
COMMENT ON COLUMN sparkingest.resource_purchases.time_period IS 'Length of one period in the tenant''s calendar: hourly, daily, monthly, yearly';
COMMENT ON COLUMN sparkingest.resource_purchases.valid_from IS 'Start of the first period';
COMMENT ON COLUMN sparkingest.resource_purchases.valid_until IS 'End of the last period, as bought';
COMMENT ON COLUMN sparkingest.resource_purchases.lending_limit IS 'Units that others may borrow while idle; 0 = truly exclusive (C10)';
COMMENT ON COLUMN sparkingest.resource_purchases.priority IS 'Order of draw-down, lower first (M5)';
COMMENT ON COLUMN sparkingest.resource_purchases.rollover_share IS 'Share of a period''s vCPU-hours up to which its unused rest goes on into the next period, 0 to 1 (M3)';
COMMENT ON COLUMN sparkingest.resource_purchases.unit_price IS 'List price of one unit or vCPU-hour per whole period, in currency';
COMMENT ON COLUMN sparkingest.resource_purchases.discount IS 'Share of the list price that a volume discount took off when it was bought (table discounts)';
COMMENT ON COLUMN sparkingest.resource_purchases.currency IS 'ISO 4217 code';
COMMENT ON COLUMN sparkingest.resource_purchases.status IS 'active or cancelled';
COMMENT ON COLUMN sparkingest.resource_purchases.created_at IS 'When it was bought';
COMMENT ON COLUMN sparkingest.resource_purchases.cancelled_at IS 'When it was cancelled';
COMMENT ON COLUMN sparkingest.resource_purchases.cancelled_from IS 'From when it supplies nothing any more (cancel_purchase)';

CREATE TABLE sparkingest.discounts (
    resource_type text NOT NULL CHECK (resource_type IN ('dedicated_units', 'vcpu_hours')),
    time_period text NOT NULL CHECK (time_period IN ('hourly', 'daily', 'monthly', 'yearly')),
    from_quantity integer NOT NULL CHECK (from_quantity BETWEEN 1 AND 1000000),
    share numeric(7, 6) NOT NULL CHECK (share >= 0 AND share <= 1),
    PRIMARY KEY (resource_type, time_period, from_quantity)
);
COMMENT ON TABLE sparkingest.discounts IS 'Volume discounts: of the rows of a purchase''s type and period that its quantity reaches, the one with the largest from_quantity counts, on the day it is bought (set_discount)';
COMMENT ON COLUMN sparkingest.discounts.resource_type IS 'dedicated_units or vcpu_hours';
COMMENT ON COLUMN sparkingest.discounts.time_period IS 'hourly, daily, monthly, yearly';
COMMENT ON COLUMN sparkingest.discounts.from_quantity IS 'Least quantity per period';
COMMENT ON COLUMN sparkingest.discounts.share IS 'Share of the list price that is taken off, 0 to 1';

CREATE TABLE sparkingest.grants (
    grant_id uuid PRIMARY KEY,
    purchase_id uuid NOT NULL REFERENCES sparkingest.resource_purchases,
    tenant_id uuid NOT NULL REFERENCES sparkingest.tenants,
    resource_type text NOT NULL CHECK (resource_type IN ('dedicated_units', 'vcpu_hours')),
    namespace text REFERENCES sparkingest.namespaces,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    cpu_millicores bigint NOT NULL CHECK (cpu_millicores BETWEEN 0 AND 1000000000000),
    memory_mib bigint NOT NULL CHECK (memory_mib BETWEEN 0 AND 1000000000000),
    granted bigint NOT NULL CHECK (granted >= 0),
    held bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    spent bigint NOT NULL DEFAULT 0 CHECK (spent >= 0),
    priority integer NOT NULL,
    price numeric(26, 6) CHECK (price >= 0 AND price < 'Infinity'),
    rollover_left bigint NOT NULL DEFAULT 0 CHECK (rollover_left >= 0),
    rolled_from uuid,
    account_no integer CHECK (account_no >= 0),
    lending_limit integer NOT NULL DEFAULT 0 CHECK (lending_limit >= 0 AND lending_limit::bigint * 4000 <= cpu_millicores),
    CHECK (starts_at <= ends_at),
    CHECK (held + spent <= granted),
    CHECK ((resource_type = 'dedicated_units') = (namespace IS NOT NULL)),
    CHECK ((resource_type = 'vcpu_hours') = (account_no IS NOT NULL)),
    UNIQUE (tenant_id, account_no)
);
CREATE INDEX ON sparkingest.grants (tenant_id, resource_type, ends_at);
CREATE INDEX ON sparkingest.grants (namespace, ends_at) WHERE resource_type = 'dedicated_units';
CREATE INDEX ON sparkingest.grants (namespace, ends_at) WHERE resource_type = 'dedicated_units' AND lending_limit > 0;
CREATE INDEX ON sparkingest.grants (purchase_id);
CREATE INDEX ON sparkingest.grants (ends_at) WHERE resource_type = 'vcpu_hours' AND held + spent < granted;
COMMENT ON TABLE sparkingest.grants IS 'Purchases expanded to dated supply, one row per period (M2). available = granted - held - spent is never negative (M4)';
COMMENT ON COLUMN sparkingest.grants.grant_id IS 'Identifier';
COMMENT ON COLUMN sparkingest.grants.purchase_id IS 'Purchase that it comes from';
COMMENT ON COLUMN sparkingest.grants.tenant_id IS 'Owner';
COMMENT ON COLUMN sparkingest.grants.resource_type IS 'dedicated_units or vcpu_hours';
COMMENT ON COLUMN sparkingest.grants.namespace IS 'Namespace of the dedicated units; NULL for vCPU-hours';
COMMENT ON COLUMN sparkingest.grants.starts_at IS 'Start of the period, inclusive';
COMMENT ON COLUMN sparkingest.grants.ends_at IS 'End of the period, exclusive; cancel_purchase brings it forward, to starts_at where nothing of the period is left';
COMMENT ON COLUMN sparkingest.grants.cpu_millicores IS 'CPU supplied at every instant of the period, millicores (dedicated units)';
COMMENT ON COLUMN sparkingest.grants.memory_mib IS 'Memory supplied at every instant of the period, MiB (dedicated units)';
COMMENT ON COLUMN sparkingest.grants.granted IS 'Millicore-seconds granted (vCPU-hours; 1 vCPU-hour = 3,600,000), less what lapsed';
COMMENT ON COLUMN sparkingest.grants.held IS 'Millicore-seconds set aside, by the entries that are sealed; grant_balances counts the others too';
COMMENT ON COLUMN sparkingest.grants.spent IS 'Millicore-seconds charged, by the entries that are sealed';
COMMENT ON COLUMN sparkingest.grants.priority IS 'Order of draw-down, lower first (M5)';
COMMENT ON COLUMN sparkingest.grants.price IS 'What it costs, in the currency of its purchase: quantity, unit_price and discount, a partial period by its seconds; NULL = bought without a price';
COMMENT ON COLUMN sparkingest.grants.rollover_left IS 'Millicore-seconds of it that may still go on into the next period when it is over and they were not used (M3)';
COMMENT ON COLUMN sparkingest.grants.rolled_from IS 'Grant whose unused rest this one carries over (M3); NULL = bought';
COMMENT ON COLUMN sparkingest.grants.lending_limit IS 'Units of it that others may borrow while idle, as bought (C10); 0 for vCPU-hours';
COMMENT ON COLUMN sparkingest.grants.account_no IS 'Number of the account in the tenant''s part of the ledger, ascending in order of purchase; NULL for dedicated units';

CREATE TABLE sparkingest.pools (
    pool_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace text NOT NULL REFERENCES sparkingest.namespaces,
    tenant_id uuid REFERENCES sparkingest.tenants,
    UNIQUE NULLS NOT DISTINCT (namespace, tenant_id)
);
COMMENT ON TABLE sparkingest.pools IS 'Accounts of capacity over time: a namespace, or one tenant''s dedicated units inside a namespace';
COMMENT ON COLUMN sparkingest.pools.pool_id IS 'Identifier; also the key of the pool''s lock';
COMMENT ON COLUMN sparkingest.pools.namespace IS 'Namespace';
COMMENT ON COLUMN sparkingest.pools.tenant_id IS 'Owner of a dedicated pool; NULL = the namespace''s common pool';

CREATE TABLE sparkingest.sla_tiers (
    tier text PRIMARY KEY,
    high_ratio numeric NOT NULL CHECK (high_ratio > 0 AND high_ratio < 'Infinity'),
    medium_ratio numeric NOT NULL CHECK (medium_ratio >= high_ratio AND medium_ratio < 'Infinity'),
    adjustment numeric NOT NULL CHECK (adjustment >= 1 AND adjustment < 100),
    required_successes integer NOT NULL CHECK (required_successes >= 1),
    of_last integer NOT NULL CHECK (of_last >= required_successes)
);
COMMENT ON TABLE sparkingest.sla_tiers IS 'Bounds of evaluation and promotion by SLA tier (S3, S4)';
COMMENT ON COLUMN sparkingest.sla_tiers.tier IS 'Name that sla_requirements.tier refers to';
COMMENT ON COLUMN sparkingest.sla_tiers.high_ratio IS 'Actual / estimated runtime up to which confidence is high';
COMMENT ON COLUMN sparkingest.sla_tiers.medium_ratio IS 'Actual / estimated runtime up to which a run is eligible with adjusted resources';
COMMENT ON COLUMN sparkingest.sla_tiers.adjustment IS 'Factor on resources at medium confidence, before rounding up';
COMMENT ON COLUMN sparkingest.sla_tiers.required_successes IS 'Eligible draft runs that promotion asks for';
COMMENT ON COLUMN sparkingest.sla_tiers.of_last IS 'Number of latest draft runs of the job version in which they are counted';

CREATE TABLE sparkingest.priorities (
    name text PRIMARY KEY CHECK (name OPERATOR(pg_catalog.~) '^[a-z][a-z0-9_-]{0,62}$'),
    value integer NOT NULL CHECK (value BETWEEN -1000 AND 1000)
);
COMMENT ON TABLE sparkingest.priorities IS 'Names that sla_requirements.priority may use instead of a number (set_priority). A job keeps the value that its name had when it was last edited';
COMMENT ON COLUMN sparkingest.priorities.name IS 'Name: a lower-case letter, then letters, digits, hyphens and underscores';
COMMENT ON COLUMN sparkingest.priorities.value IS 'Priority, -1000 to 1000; higher goes first (C15)';

CREATE TABLE sparkingest.ingestion_jobs (
    job_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES sparkingest.tenants,
    job_name text NOT NULL,
    stage text NOT NULL DEFAULT 'draft' CHECK (stage IN ('draft', 'production')),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'dropped')),
    version integer NOT NULL DEFAULT 1,
    source_type text NOT NULL CHECK (source_type IN ('postgres', 'mysql', 'jdbc', 's3', 'file')),
    source_config jsonb NOT NULL,
    destination_config jsonb NOT NULL,
    cpu_millicores bigint NOT NULL CHECK (cpu_millicores > 0),
    memory_mib bigint NOT NULL CHECK (memory_mib > 0),
    executors integer NOT NULL CHECK (executors BETWEEN 1 AND 1000),
    estimated_runtime_minutes numeric NOT NULL CHECK (estimated_runtime_minutes > 0 AND estimated_runtime_minutes < 'Infinity'),
    schedule_cron text,
    time_zone text NOT NULL,
    next_fire_at timestamptz,
    sla_requirements jsonb NOT NULL DEFAULT '{}',
    tier text NOT NULL DEFAULT 'standard' REFERENCES sparkingest.sla_tiers,
    priority integer NOT NULL DEFAULT 0,
    sla_window_hours numeric NOT NULL DEFAULT 24 CHECK (sla_window_hours > 0 AND sla_window_hours <= 840),
    max_runtime_minutes integer CHECK (max_runtime_minutes > 0),
    on_no_capacity text NOT NULL DEFAULT 'draft' CHECK (on_no_capacity IN ('draft', 'wait', 'reject')),
    overlap_policy text NOT NULL DEFAULT 'forbid' CHECK (overlap_policy IN ('forbid', 'queue_one', 'allow', 'replace')),
    misfire_policy text NOT NULL DEFAULT 'latest' CHECK (misfire_policy IN ('all', 'latest', 'none')),
    catchup_window interval NOT NULL DEFAULT '1 hour',
    options jsonb NOT NULL DEFAULT '{}',
    watermark text,
    target_namespace text REFERENCES sparkingest.namespaces,
    owner_oid oid NOT NULL,
    blocked_reason text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    owner_name text NOT NULL,
    plan_at timestamptz,
    raised_memory_mib bigint CHECK (raised_memory_mib > 0)
);
CREATE UNIQUE INDEX ON sparkingest.ingestion_jobs (tenant_id, job_name) WHERE status <> 'dropped';
CREATE INDEX ON sparkingest.ingestion_jobs (plan_at) WHERE plan_at IS NOT NULL;
COMMENT ON TABLE sparkingest.ingestion_jobs IS 'Job definitions: where data comes from, where it goes, with what resources, when';
COMMENT ON COLUMN sparkingest.ingestion_jobs.job_id IS 'Identifier';
COMMENT ON COLUMN sparkingest.ingestion_jobs.tenant_id IS 'Owner';
COMMENT ON COLUMN sparkingest.ingestion_jobs.job_name IS 'Name, unique per tenant among jobs that are not dropped';
COMMENT ON COLUMN sparkingest.ingestion_jobs.stage IS 'draft until promoted (S2, S4)';
COMMENT ON COLUMN sparkingest.ingestion_jobs.status IS 'active, paused (its schedule does not fire) or dropped';
COMMENT ON COLUMN sparkingest.ingestion_jobs.version IS 'Counts edits of source, destination or resources; draft runs of older versions do not count for promotion';
COMMENT ON COLUMN sparkingest.ingestion_jobs.source_type IS 'postgres, mysql, jdbc, s3 or file';
COMMENT ON COLUMN sparkingest.ingestion_jobs.source_config IS 'Where to read; never a password: credentials_secret names a Kubernetes Secret';
COMMENT ON COLUMN sparkingest.ingestion_jobs.destination_config IS 'Where and how to write';
COMMENT ON COLUMN sparkingest.ingestion_jobs.cpu_millicores IS 'CPU over all pods, millicores (C7)';
COMMENT ON COLUMN sparkingest.ingestion_jobs.memory_mib IS 'Memory over all pods with overhead, MiB (C7)';
COMMENT ON COLUMN sparkingest.ingestion_jobs.executors IS 'Number of Spark executors';
COMMENT ON COLUMN sparkingest.ingestion_jobs.estimated_runtime_minutes IS 'Expected runtime in minutes: stated in resource_requirements, else estimated';
COMMENT ON COLUMN sparkingest.ingestion_jobs.schedule_cron IS 'Five-field cron expression; NULL = runs only by run_job';
COMMENT ON COLUMN sparkingest.ingestion_jobs.time_zone IS 'IANA zone of schedule_cron';
COMMENT ON COLUMN sparkingest.ingestion_jobs.next_fire_at IS 'Next time of the schedule that no execution exists for yet; NULL = no schedule, draft, paused or dropped (J2)';
COMMENT ON COLUMN sparkingest.ingestion_jobs.sla_requirements IS 'As given: max_runtime_minutes, priority, sla_window_hours, earliest_start, start_by, finish_by, tier (S1)';
COMMENT ON COLUMN sparkingest.ingestion_jobs.tier IS 'SLA tier';
COMMENT ON COLUMN sparkingest.ingestion_jobs.priority IS 'Higher goes first among waiting work (C15)';
COMMENT ON COLUMN sparkingest.ingestion_jobs.sla_window_hours IS 'Hours after the wanted start within which a start is searched (C8)';
COMMENT ON COLUMN sparkingest.ingestion_jobs.max_runtime_minutes IS 'Hard stop in minutes; NULL = 3 times the planned runtime (C14)';
COMMENT ON COLUMN sparkingest.ingestion_jobs.on_no_capacity IS 'Last step of the spillover order: draft, wait or reject (C12)';
COMMENT ON COLUMN sparkingest.ingestion_jobs.overlap_policy IS 'What a fire does while an earlier run is not finished (J4)';
COMMENT ON COLUMN sparkingest.ingestion_jobs.misfire_policy IS 'Which of the fires missed inside catchup_window are made up for (J3)';
COMMENT ON COLUMN sparkingest.ingestion_jobs.catchup_window IS 'How late a missed fire may still run (J3)';
COMMENT ON COLUMN sparkingest.ingestion_jobs.options IS 'As given: also after, auto_draft, auto_promote, overlap_limit, retry, spark_conf, image, limits';
COMMENT ON COLUMN sparkingest.ingestion_jobs.watermark IS 'Incremental cursor up to which data was read by a successful production run';
COMMENT ON COLUMN sparkingest.ingestion_jobs.target_namespace IS 'Namespace chosen at promotion; NULL while draft';
COMMENT ON COLUMN sparkingest.ingestion_jobs.owner_oid IS 'Role that created the job, or took it over when that was dropped (J12)';
COMMENT ON COLUMN sparkingest.ingestion_jobs.blocked_reason IS 'Why the job is not planned; NULL = nothing wrong (J12)';
COMMENT ON COLUMN sparkingest.ingestion_jobs.owner_name IS 'Name of that role when the job was last edited: a dump carries it to where numbers of roles are others';
COMMENT ON COLUMN sparkingest.ingestion_jobs.plan_at IS 'When plan() next has something to do for its schedule, not after next_fire_at; NULL = never, until the job, its tenant or its owner changes (J2)';
COMMENT ON COLUMN sparkingest.ingestion_jobs.raised_memory_mib IS 'Memory over all pods of its production runs since one ran out of memory, MiB; NULL = as stated (J7). An edit of resources resets it';
COMMENT ON COLUMN sparkingest.ingestion_jobs.created_at IS 'When it was created';
COMMENT ON COLUMN sparkingest.ingestion_jobs.updated_at IS 'When it was last edited';

CREATE TABLE sparkingest.reservations (
    reservation_id uuid PRIMARY KEY,
    pool_id integer NOT NULL,
    namespace text NOT NULL,
    tenant_id uuid NOT NULL,
    cpu_millicores bigint NOT NULL CHECK (cpu_millicores BETWEEN 1 AND 1000000000000),
    memory_mib bigint NOT NULL CHECK (memory_mib BETWEEN 1 AND 1000000000000),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'released')),
    borrowed boolean NOT NULL DEFAULT false,
    draft_fallback boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    released_at timestamptz,
    held bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    limited boolean NOT NULL DEFAULT false,
    tentative boolean NOT NULL DEFAULT false,
    CHECK (starts_at < ends_at),
    CHECK ((status = 'released') = (released_at IS NOT NULL))
);
CREATE INDEX ON sparkingest.reservations (pool_id, ends_at) WHERE status = 'active';
CREATE INDEX ON sparkingest.reservations (tenant_id);
CREATE INDEX ON sparkingest.reservations (starts_at) WHERE status = 'active' AND tentative;
COMMENT ON TABLE sparkingest.reservations IS 'Capacity of a pool held over [starts_at, ends_at), both on the pool''s grid (C1, C2). A release keeps the row; an early one shortens nothing, it frees all of it';
COMMENT ON COLUMN sparkingest.reservations.reservation_id IS 'Identifier';
COMMENT ON COLUMN sparkingest.reservations.pool_id IS 'Pool that it is taken from';
COMMENT ON COLUMN sparkingest.reservations.namespace IS 'Namespace of the pool';
COMMENT ON COLUMN sparkingest.reservations.tenant_id IS 'Tenant that it is held for';
COMMENT ON COLUMN sparkingest.reservations.cpu_millicores IS 'CPU, millicores';
COMMENT ON COLUMN sparkingest.reservations.memory_mib IS 'Memory, MiB';
COMMENT ON COLUMN sparkingest.reservations.starts_at IS 'Start, on the grid';
COMMENT ON COLUMN sparkingest.reservations.ends_at IS 'End, on the grid, exclusive';
COMMENT ON COLUMN sparkingest.reservations.status IS 'active or released';
COMMENT ON COLUMN sparkingest.reservations.borrowed IS 'Taken from a lender''s pool (C10)';
COMMENT ON COLUMN sparkingest.reservations.draft_fallback IS 'Production work placed in the draft namespace as the last resort (C12)';
COMMENT ON COLUMN sparkingest.reservations.created_at IS 'When it was made';
COMMENT ON COLUMN sparkingest.reservations.created_by IS 'Role that made it';
COMMENT ON COLUMN sparkingest.reservations.released_at IS 'When it was released';
COMMENT ON COLUMN sparkingest.reservations.held IS 'Millicore-seconds of vCPU-hours held for an application''s reservation; 0 when it is released, and where an execution pays';
COMMENT ON COLUMN sparkingest.reservations.limited IS 'It was made with something of named limits: while it is active, rows of reservation_limits say what';

CREATE TABLE sparkingest.limits (
    limit_id uuid PRIMARY KEY,
    tenant_id uuid REFERENCES sparkingest.tenants,
    limit_name text NOT NULL CHECK (limit_name OPERATOR(pg_catalog.~) '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    quantity integer NOT NULL CHECK (quantity BETWEEN 0 AND 1000000),
    UNIQUE NULLS NOT DISTINCT (tenant_id, limit_name)
);
COMMENT ON TABLE sparkingest.limits IS 'Named limits of things that jobs share, such as connections to a source database (set_limit)';
COMMENT ON COLUMN sparkingest.limits.limit_id IS 'Identifier; also the key of its account in the ledger';
COMMENT ON COLUMN sparkingest.limits.tenant_id IS 'Owner, for whose jobs it counts; NULL = the service: for all';
COMMENT ON COLUMN sparkingest.limits.limit_name IS 'Name that jobs state, a DNS label; the service''s goes before a tenant''s own';
COMMENT ON COLUMN sparkingest.limits.quantity IS 'How much of it may be held at a time';

CREATE TABLE sparkingest.reservation_limits (
    reservation_id uuid NOT NULL REFERENCES sparkingest.reservations ON DELETE CASCADE,
    limit_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 1000000),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    PRIMARY KEY (reservation_id, limit_id),
    CHECK (starts_at < ends_at)
);
CREATE INDEX ON sparkingest.reservation_limits (limit_id, ends_at);
COMMENT ON TABLE sparkingest.reservation_limits IS 'What active reservations hold of limits; a row goes with the release. limit_id is no foreign key: whoever plans runs waits for nobody who drops a limit';
COMMENT ON COLUMN sparkingest.reservation_limits.reservation_id IS 'Reservation';
COMMENT ON COLUMN sparkingest.reservation_limits.limit_id IS 'Limit';
COMMENT ON COLUMN sparkingest.reservation_limits.tenant_id IS 'Tenant of the reservation';
COMMENT ON COLUMN sparkingest.reservation_limits.quantity IS 'How much of it';
COMMENT ON COLUMN sparkingest.reservation_limits.starts_at IS 'Start of the reservation';
COMMENT ON COLUMN sparkingest.reservation_limits.ends_at IS 'End of the reservation, exclusive';
COMMENT ON COLUMN sparkingest.reservations.tentative IS 'It may still move: the place of a waiting execution, or of a fire further ahead than sparkingest.firm_hours (J2, C15). Held all the same: nothing that comes later gets it';

CREATE TABLE sparkingest.job_executions (
    execution_id uuid PRIMARY KEY,
    job_id uuid NOT NULL REFERENCES sparkingest.ingestion_jobs,
    tenant_id uuid NOT NULL REFERENCES sparkingest.tenants,
    job_version integer NOT NULL,
    attempt integer NOT NULL DEFAULT 1 CHECK (attempt BETWEEN 1 AND 999),
    run_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('scheduled', 'waiting', 'dispatching', 'submitted', 'running',
                                         'succeeded', 'failed', 'cancelled', 'timed_out', 'preempted', 'lost')),
    started_by text NOT NULL CHECK (started_by IN ('run_job', 'schedule', 'auto_draft', 'dependency')),
    is_draft boolean NOT NULL,
    draft_fallback boolean NOT NULL DEFAULT false,
    namespace text NOT NULL REFERENCES sparkingest.namespaces,
    scheduled_for timestamptz NOT NULL,
    planned_start timestamptz,
    planned_end timestamptz,
    reservation_id uuid REFERENCES sparkingest.reservations,
    cpu_millicores bigint NOT NULL CHECK (cpu_millicores > 0),
    memory_mib bigint NOT NULL CHECK (memory_mib > 0),
    executors integer NOT NULL CHECK (executors >= 1),
    estimated_runtime_minutes numeric NOT NULL,
    hard_minutes integer NOT NULL CHECK (hard_minutes > 0),
    waiting_reason text,
    object_name text UNIQUE,
    manifest jsonb,
    manifest_sha256 text,
    object_uid text,
    claimed_at timestamptz,
    posted_at timestamptz,
    submitted_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    posted_cpu_millicores bigint,
    posted_memory_mib bigint,
    tries integer NOT NULL DEFAULT 0,
    next_try_at timestamptz,
    last_error text,
    stop_requested_at timestamptz,
    stop_cause text CHECK (stop_cause IN ('cancelled', 'timed_out', 'preempted')),
    stop_reason text,
    exit_code integer,
    error_class text,
    error_message text,
    rows_read bigint,
    bytes_out bigint,
    files_written bigint,
    cursor_value text,
    metrics jsonb,
    sla_met boolean,
    evaluation jsonb,
    held bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    charged bigint CHECK (charged >= 0),
    created_at timestamptz NOT NULL,
    awaits boolean NOT NULL DEFAULT false,
    overrun_reason text,
    plan_reason text,
    not_before timestamptz,
    CHECK ((stop_requested_at IS NULL) = (stop_cause IS NULL))
);
CREATE INDEX ON sparkingest.job_executions (job_id, created_at);
CREATE INDEX ON sparkingest.job_executions (job_id) WHERE state IN ('scheduled', 'waiting', 'dispatching', 'submitted', 'running');
CREATE INDEX ON sparkingest.job_executions (tenant_id, created_at);
CREATE INDEX ON sparkingest.job_executions (state, planned_start) WHERE state IN ('scheduled', 'waiting', 'dispatching', 'submitted', 'running');
CREATE UNIQUE INDEX ON sparkingest.job_executions (job_id, scheduled_for, attempt) WHERE started_by = 'schedule';
CREATE INDEX ON sparkingest.job_executions (job_id, scheduled_for) WHERE state IN ('scheduled', 'waiting', 'dispatching', 'submitted', 'running');
CREATE INDEX ON sparkingest.job_executions (reservation_id);
CREATE INDEX ON sparkingest.job_executions (tenant_id) WHERE state IN ('scheduled', 'waiting', 'dispatching', 'submitted', 'running');
CREATE INDEX ON sparkingest.job_executions (tenant_id, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX ON sparkingest.job_executions (planned_start) WHERE state = 'scheduled' AND planned_start - scheduled_for >= '5 minutes';
CREATE INDEX ON sparkingest.job_executions (job_id) WHERE awaits AND state IN ('scheduled', 'waiting');
COMMENT ON TABLE sparkingest.job_executions IS 'Runs of jobs, one row per attempt (J5, J7). state moves only along the transition table; every move writes an event';
COMMENT ON COLUMN sparkingest.job_executions.execution_id IS 'Identifier';
COMMENT ON COLUMN sparkingest.job_executions.job_id IS 'Job';
COMMENT ON COLUMN sparkingest.job_executions.tenant_id IS 'Tenant';
COMMENT ON COLUMN sparkingest.job_executions.job_version IS 'Version of the job that runs';
COMMENT ON COLUMN sparkingest.job_executions.attempt IS 'Attempt number, from 1';
COMMENT ON COLUMN sparkingest.job_executions.run_id IS 'Execution of the first attempt: all attempts write to its directory, so that a retry replaces what an earlier one left (J7)';
COMMENT ON COLUMN sparkingest.job_executions.state IS 'scheduled: capacity reserved; waiting: none within its window, with a tentative place beyond it where there is one; dispatching: claimed by the dispatcher; submitted: exists in Kubernetes; running: driver runs; then one of six ends';
COMMENT ON COLUMN sparkingest.job_executions.started_by IS 'run_job, schedule, auto_draft or dependency: the jobs that it starts after';
COMMENT ON COLUMN sparkingest.job_executions.is_draft IS 'A draft run: metered and free (M9)';
COMMENT ON COLUMN sparkingest.job_executions.draft_fallback IS 'A production run placed in the draft namespace: best effort, outside SLA (C12)';
COMMENT ON COLUMN sparkingest.job_executions.namespace IS 'Namespace where it runs or is meant to run';
COMMENT ON COLUMN sparkingest.job_executions.scheduled_for IS 'Wanted start: fire time, or argument at of run_job; SLA bounds are measured from here';
COMMENT ON COLUMN sparkingest.job_executions.planned_start IS 'Planned start, of waiting executions too; NULL = not known yet';
COMMENT ON COLUMN sparkingest.job_executions.planned_end IS 'Planned end, the soft line (C14)';
COMMENT ON COLUMN sparkingest.job_executions.reservation_id IS 'Its reservation, kept after release; of a waiting execution a tentative one, or none';
COMMENT ON COLUMN sparkingest.job_executions.cpu_millicores IS 'CPU reserved over all pods, millicores';
COMMENT ON COLUMN sparkingest.job_executions.memory_mib IS 'Memory reserved over all pods, MiB';
COMMENT ON COLUMN sparkingest.job_executions.executors IS 'Number of Spark executors';
COMMENT ON COLUMN sparkingest.job_executions.estimated_runtime_minutes IS 'Estimate that it is evaluated against, minutes';
COMMENT ON COLUMN sparkingest.job_executions.hard_minutes IS 'Runtime in minutes at which it is stopped (C14)';
COMMENT ON COLUMN sparkingest.job_executions.waiting_reason IS 'Why it waits';
COMMENT ON COLUMN sparkingest.job_executions.object_name IS 'Name of the SparkApplication, derived from execution and attempt (J9)';
COMMENT ON COLUMN sparkingest.job_executions.manifest IS 'Exactly what is posted, fixed when claimed';
COMMENT ON COLUMN sparkingest.job_executions.manifest_sha256 IS 'Hash of the manifest that the object carries as an annotation';
COMMENT ON COLUMN sparkingest.job_executions.object_uid IS 'uid that Kubernetes gave the object';
COMMENT ON COLUMN sparkingest.job_executions.claimed_at IS 'When the dispatcher claimed it';
COMMENT ON COLUMN sparkingest.job_executions.posted_at IS 'When it was last posted';
COMMENT ON COLUMN sparkingest.job_executions.submitted_at IS 'When Kubernetes acknowledged the object';
COMMENT ON COLUMN sparkingest.job_executions.started_at IS 'When the driver started, as Kubernetes reports it (M7)';
COMMENT ON COLUMN sparkingest.job_executions.finished_at IS 'When it ended, as Kubernetes reports it (M7)';
COMMENT ON COLUMN sparkingest.job_executions.posted_cpu_millicores IS 'CPU that the posted manifest asks for over all pods, millicores (C7)';
COMMENT ON COLUMN sparkingest.job_executions.posted_memory_mib IS 'Memory that the posted manifest asks for over all pods, MiB (C7)';
COMMENT ON COLUMN sparkingest.job_executions.tries IS 'Posts that failed for a transient reason';
COMMENT ON COLUMN sparkingest.job_executions.next_try_at IS 'Not posted again before this';
COMMENT ON COLUMN sparkingest.job_executions.last_error IS 'Last error of dispatch in words';
COMMENT ON COLUMN sparkingest.job_executions.stop_requested_at IS 'When a stop was asked for, or, where an owner takes its units back, is to begin: then it may lie ahead (C11). Capacity stays held until the pods are gone (J6)';
COMMENT ON COLUMN sparkingest.job_executions.stop_cause IS 'State that the stop leads to';
COMMENT ON COLUMN sparkingest.job_executions.stop_reason IS 'Why, in words';
COMMENT ON COLUMN sparkingest.job_executions.exit_code IS 'Exit code of the driver';
COMMENT ON COLUMN sparkingest.job_executions.error_class IS 'out_of_memory, node_lost, user_code, platform, rejected (J7)';
COMMENT ON COLUMN sparkingest.job_executions.error_message IS 'What the driver or Kubernetes said';
COMMENT ON COLUMN sparkingest.job_executions.rows_read IS 'Rows read from the source and written';
COMMENT ON COLUMN sparkingest.job_executions.bytes_out IS 'Bytes written';
COMMENT ON COLUMN sparkingest.job_executions.files_written IS 'Files written';
COMMENT ON COLUMN sparkingest.job_executions.cursor_value IS 'Incremental cursor that the run reached';
COMMENT ON COLUMN sparkingest.job_executions.metrics IS 'The termination message of the driver';
COMMENT ON COLUMN sparkingest.job_executions.sla_met IS 'All stated bounds held; NULL until final, for drafts and draft fallback (S1)';
COMMENT ON COLUMN sparkingest.job_executions.evaluation IS 'Verdict on a finished draft run (S2)';
COMMENT ON COLUMN sparkingest.job_executions.held IS 'Millicore-seconds of vCPU-hours held for it now';
COMMENT ON COLUMN sparkingest.job_executions.charged IS 'Millicore-seconds charged at its end; NULL until final';
COMMENT ON COLUMN sparkingest.job_executions.created_at IS 'When it was admitted';
COMMENT ON COLUMN sparkingest.job_executions.awaits IS 'Runs of other jobs that it starts after have not all succeeded (execution_dependencies): it is not dispatched before';
COMMENT ON COLUMN sparkingest.job_executions.overrun_reason IS 'Why its reservation was not extended when it came to its end (C14); NULL = it was, or has not come to it';
COMMENT ON COLUMN sparkingest.job_executions.plan_reason IS 'Why its planned start was last moved; NULL = it never was';
COMMENT ON COLUMN sparkingest.job_executions.not_before IS 'End of a retry''s backoff, before which it does not start (J7); NULL = it has none';
