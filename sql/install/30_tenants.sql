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
'Buys dedicated_units (4 vCPU and 8 GiB each) or vcpu_hours, quantity (1 to 1,000,000) per period hourly, daily, monthly or yearly in the tenant''s calendar, from valid_from (NULL = now) to valid_until (a whole number of periods; NULL = one), expanded to one grant per period. options: lending_limit (units), priority (lower is drawn first), unit_price with currency (ISO 4217). Raises 22023, 42704, SI001 when units exceed the physical capacity anywhere in the period (M10), SI003, SI004';

CREATE FUNCTION sparkingest.usage(tenant_id uuid, at timestamptz DEFAULT sparkingest.clock())
RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_usage';
COMMENT ON FUNCTION sparkingest.usage IS
'What the tenant bought, uses and has left at an instant: {tenant_id, at, dedicated_units {units, cpu_cores, memory_gb, reserved_cpu_cores, reserved_memory_gb, usage_percent}, vcpu_hours {granted, held, spent, available}, executions {scheduled, waiting, running}}. Raises 42704, 42501';

CREATE FUNCTION sparkingest.balance(tenant_id uuid, at timestamptz DEFAULT sparkingest.clock(),
    OUT purchase_id uuid, OUT grant_id uuid, OUT period tstzrange, OUT granted numeric, OUT available numeric, OUT held numeric, OUT spent numeric)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_balance';
COMMENT ON FUNCTION sparkingest.balance IS
'vCPU-hours per grant whose period contains the instant, in draw-down order (M5); available + held + spent = granted (M4). Raises 42704, 42501';
