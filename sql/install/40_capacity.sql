-- Capacity on a time axis.

CREATE TYPE sparkingest.capacity_slot AS (
    slot_id text,
    namespace text,
    time_slot timestamptz,
    slot_duration_minutes integer,
    total_cpu_capacity numeric,
    total_memory_capacity numeric,
    allocated_cpu numeric,
    allocated_memory numeric
);
COMMENT ON TYPE sparkingest.capacity_slot IS 'One slot of a pool''s grid: cores and GiB, total and allocated';

CREATE FUNCTION sparkingest.capacity(namespace text, during tstzrange, tenant_id uuid DEFAULT NULL)
RETURNS SETOF sparkingest.capacity_slot LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 288 AS 'MODULE_PATHNAME', 'si_capacity';
COMMENT ON FUNCTION sparkingest.capacity IS
'Slots of a namespace that touch the interval (bounded, at most the horizon long): cores and GiB, total and allocated. tenant_id NULL = the whole namespace; else the tenant''s own dedicated pool (or, in a common pool, its share of what is allocated). Raises 22023, 42704, 42501, SI005 beyond the horizon';

CREATE FUNCTION sparkingest.find_slot(namespace text, cpu_cores numeric, memory_gb numeric, duration interval,
    not_before timestamptz DEFAULT sparkingest.clock(), sla_window interval DEFAULT '24 hours', tenant_id uuid DEFAULT NULL, limits jsonb DEFAULT NULL)
RETURNS timestamptz LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_find_slot';
COMMENT ON FUNCTION sparkingest.find_slot IS
'Earliest start at which the whole duration fits every slot (C1, C8), or NULL; takes nothing. cpu_cores and memory_gb (GiB): above 0, step 0.001 cores and 1 MiB; duration: above 0, up to the horizon. In a dedicated namespace name the tenant. limits: what is needed of named limits as well, {"orders-db": 2} (set_limit). Raises 22023, 42704, 42501, SI005 beyond the horizon';

CREATE FUNCTION sparkingest.reserve(tenant_id uuid, cpu_cores numeric, memory_gb numeric, duration interval,
    not_before timestamptz DEFAULT sparkingest.clock(), sla_window interval DEFAULT '24 hours', namespace text DEFAULT NULL, limits jsonb DEFAULT NULL)
RETURNS sparkingest.placement LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_reserve';
COMMENT ON FUNCTION sparkingest.reserve IS
'Finds and takes capacity in the caller''s transaction (C3, C4). namespace NULL = spillover order (C12). Arguments as find_slot. Raises SI001 when nothing fits, naming the earliest start and finish, or, where it is more than there ever is, the most that each namespace has; SI002, SI003, SI005, 22023, 42704, 42501';

CREATE FUNCTION sparkingest.try_reserve(tenant_id uuid, cpu_cores numeric, memory_gb numeric, duration interval,
    not_before timestamptz DEFAULT sparkingest.clock(), sla_window interval DEFAULT '24 hours', namespace text DEFAULT NULL, limits jsonb DEFAULT NULL)
RETURNS sparkingest.placement LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_try_reserve';
COMMENT ON FUNCTION sparkingest.try_reserve IS 'As reserve, but without a fit it answers with reason and earliest (the earliest start; with the duration added, the earliest finish) instead of raising SI001';

CREATE FUNCTION sparkingest.release(reservation_id uuid)
RETURNS boolean LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_release';
COMMENT ON FUNCTION sparkingest.release IS
'Gives a reservation back: true, or false when it was released before. One that belongs to an execution is released by cancel_execution (SI003). Raises 42704, 42501';

CREATE FUNCTION sparkingest.move_reservation(reservation_id uuid, starts_at timestamptz)
RETURNS sparkingest.placement LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_move_reservation';
COMMENT ON FUNCTION sparkingest.move_reservation IS
'Moves a reservation to a start, rounded up to the grid, with the same length; its own old slots count as free (C5). Raises SI001 when it does not fit there (nothing changes), SI003 when it was released or its execution was claimed, 42704, 42501';

CREATE FUNCTION sparkingest.set_capacity(namespace text, cpu_cores numeric, memory_gb numeric, during tstzrange)
RETURNS TABLE (execution_id uuid, job_id uuid, tenant_id uuid, planned_start timestamptz, effect text)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_set_capacity';
COMMENT ON FUNCTION sparkingest.set_capacity IS
'Sets the total of a namespace over an interval (0 and 0 = maintenance hole) and returns the executions that no longer fit, latest start first, with what happened to each: moved, waiting, stopping for a run on borrowed units that was told to end, released for a borrowed reservation of an application that has no other place, or over_committed for other running work, which is left alone (C9). Operators only. Raises 22023, 42704';

CREATE VIEW sparkingest.capacity_slots WITH (security_invoker = true) AS
SELECT c.slot_id, c.namespace, c.time_slot, c.slot_duration_minutes, c.total_cpu_capacity, c.total_memory_capacity, c.allocated_cpu, c.allocated_memory
  FROM sparkingest.namespaces AS n,
       LATERAL sparkingest.capacity(n.namespace, pg_catalog.tstzrange(sparkingest.clock(), sparkingest.clock() + '1 day'::interval)) AS c;
COMMENT ON VIEW sparkingest.capacity_slots IS 'The next 24 hours of every namespace, slot by slot; capacity() answers for other intervals';
COMMENT ON COLUMN sparkingest.capacity_slots.slot_id IS 'namespace/start, start in UTC';
COMMENT ON COLUMN sparkingest.capacity_slots.namespace IS 'Namespace';
COMMENT ON COLUMN sparkingest.capacity_slots.time_slot IS 'Start of the slot';
COMMENT ON COLUMN sparkingest.capacity_slots.slot_duration_minutes IS 'Length of the slot in minutes';
COMMENT ON COLUMN sparkingest.capacity_slots.total_cpu_capacity IS 'Cores in total';
COMMENT ON COLUMN sparkingest.capacity_slots.total_memory_capacity IS 'GiB in total';
COMMENT ON COLUMN sparkingest.capacity_slots.allocated_cpu IS 'Cores reserved';
COMMENT ON COLUMN sparkingest.capacity_slots.allocated_memory IS 'GiB reserved';
