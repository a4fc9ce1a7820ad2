-- Tenants, purchases, balance.

CREATE FUNCTION sparkingest.create_tenant(tenant_name text, time_zone text DEFAULT 'UTC', idempotency_key text DEFAULT NULL)
RETURNS uuid LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_create_tenant';
COMMENT ON FUNCTION sparkingest.create_tenant IS
'Creates a tenant. tenant_name: 1 to 200 characters, unique; time_zone: IANA zone. Operators only. Raises 22023, 42710 (name taken), SI004';

CREATE FUNCTION sparkingest.set_tenant_status(tenant_id uuid, status text)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_set_tenant_status';
COMMENT ON FUNCTION sparkingest.set_tenant_status IS
'Sets a tenant active, suspended (nothing new starts) or closed (for good: no way back). Operators only. Raises 22023, 42704, SI003';

CREATE FUNCTION sparkingest.set_tenant_limits(tenant_id uuid, limits jsonb)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_set_tenant_limits';
COMMENT ON FUNCTION sparkingest.set_tenant_limits IS
'Sets what one tenant may have and do at most: limits {max_jobs, max_schedules (0 to 1,000,000), calls_per_second (1 to 100,000, by its roles; operators are not counted)}; null = no limit, a key that is not given stays. What is beyond a limit is refused (53400), a call after a pause of up to 20 ms, so that a flood of them costs others little; what is there stays. Operators only. Raises 22023, 42704';

CREATE FUNCTION sparkingest.grant_tenant(tenant_id uuid, role regrole)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_grant_tenant';
COMMENT ON FUNCTION sparkingest.grant_tenant IS
'Lets a role act for the tenant; the role must also be a member of sparkingest_tenant. Operators only. Raises 42704';

CREATE FUNCTION sparkingest.revoke_tenant(tenant_id uuid, role regrole)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_revoke_tenant';
COMMENT ON FUNCTION sparkingest.revoke_tenant IS 'Takes back what grant_tenant gave. Operators only. Raises 42704';

CREATE FUNCTION sparkingest.can_see_tenant(tenant_id uuid)
RETURNS boolean LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_can_see_tenant';
COMMENT ON FUNCTION sparkingest.can_see_tenant IS
'Whether the current role sees the tenant''s rows: operators, readers, and who acts for it (Q4)';

CREATE FUNCTION sparkingest.my_tenants()
RETURNS uuid[] LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_my_tenants';
COMMENT ON FUNCTION sparkingest.my_tenants IS
'The tenants that the current role acts for, by grant_tenant; the row policies rest on it (Q4)';

CREATE FUNCTION sparkingest.purchase(tenant_id uuid, resource_type text, quantity integer, time_period text DEFAULT 'monthly',
    valid_from timestamptz DEFAULT NULL, valid_until timestamptz DEFAULT NULL, options jsonb DEFAULT '{}', idempotency_key text DEFAULT NULL)
RETURNS uuid LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_purchase';
COMMENT ON FUNCTION sparkingest.purchase IS
'Buys dedicated_units (4 vCPU and 8 GiB each) or vcpu_hours, quantity (1 to 1,000,000) per period hourly, daily, monthly or yearly, from valid_from (NULL = now) to valid_until (NULL = one period), expanded to one grant per period (M2). valid_until ends a whole number of periods counted from valid_from, or a period of the calendar in the tenant''s zone (whole hour, midnight, first of a month, 1 January): then periods follow the calendar, and the first one, if it is not whole, brings vCPU-hours and costs by its seconds. options: lending_limit (units), priority (lower is drawn first), unit_price per whole period with currency (ISO 4217), rollover_share (vcpu_hours, 0 to 1, step 0.000001: M3). Raises 22023, 42704, SI001 when units exceed the physical capacity anywhere in the period (M10), SI003, SI004';

CREATE FUNCTION sparkingest.cancel_purchase(purchase_id uuid, effective timestamptz DEFAULT NULL)
RETURNS TABLE (execution_id uuid, job_id uuid, tenant_id uuid, planned_start timestamptz, effect text)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_cancel_purchase';
COMMENT ON FUNCTION sparkingest.cancel_purchase IS
'Ends a purchase at an instant (NULL = now): nothing of it is supplied or may be held from then on. Returns who is affected (C9): of dedicated units the runs that no longer fit, with what happened to each (moved, waiting, stopping for a run on borrowed units that was told to end, released for a borrowed reservation of an application that has no other place, or over_committed for what cannot be moved); of vCPU-hours the runs that hold some: of a period that does not begin any more they hold others instead (moved), or wait; else they keep them until they end (keeps_hold). Periods that do not begin any more cost nothing, or what is held of them; the one that is running costs, for units, its seconds. A second call for the same instant, or for now when it has ended, changes nothing. Raises 22023 (in the past, or not before the end), SI003 (cancelled for another instant, or over), 42704, 42501';

CREATE FUNCTION sparkingest.set_discount(resource_type text, time_period text, from_quantity integer, share numeric)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_set_discount';
COMMENT ON FUNCTION sparkingest.set_discount IS
'Sets the share of the list price (0 to 1, step 0.000001) that purchases of at least from_quantity (1 to 1,000,000) per period get off from now on; NULL removes the step. What was bought keeps its price. Operators only. Raises 22023';

CREATE FUNCTION sparkingest.usage(tenant_id uuid, at timestamptz DEFAULT sparkingest.clock())
RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_usage';
COMMENT ON FUNCTION sparkingest.usage IS
'What the tenant bought, uses and has left at an instant: {tenant_id, at, dedicated_units {units, cpu_cores, memory_gb, reserved_cpu_cores and reserved_memory_gb by itself, lent_cpu_cores and lent_memory_gb to others, usage_percent by itself}, vcpu_hours {granted, held, spent, available}, executions {scheduled, waiting, running}}; vcpu_hours as balance(), executions now. Raises 42704, 42501';

CREATE FUNCTION sparkingest.balance(tenant_id uuid, at timestamptz DEFAULT sparkingest.clock(),
    OUT purchase_id uuid, OUT grant_id uuid, OUT period tstzrange, OUT granted numeric, OUT available numeric, OUT held numeric, OUT spent numeric)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_balance';
COMMENT ON FUNCTION sparkingest.balance IS
'vCPU-hours per grant whose period contains the instant, in draw-down order (M5); available + held + spent = granted (M4). Of an instant that is over (by more than a second), what the entries written up to then add up to; else as it is now. Raises 42704, 42501';
