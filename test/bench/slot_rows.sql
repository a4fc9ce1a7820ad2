-- slot_rows.sql: the design's algorithm, capacity as rows, written as carefully as PL/pgSQL allows: the baseline that the
-- ledger is measured against.
--
-- One row per namespace and slot with counters. A reservation looks for a place without locks, then locks exactly the slots
-- it wants, all in the same order so that nobody deadlocks, looks at them again as they are now (READ COMMITTED: each
-- statement sees what was committed while it waited), counts itself in, and adds its row. Whoever lost the place looks again.
-- What is left cannot be written away: the locks on the slots are held until the commit is on disk, so reservations in one
-- busy window are made one after the other.
--
-- Room in the pages (fillfactor) and counters outside all indexes keep the updates HOT.
CREATE SCHEMA slot_rows;

CREATE TABLE slot_rows.slots (
    namespace text NOT NULL,
    time_slot timestamptz NOT NULL,
    total_cpu bigint NOT NULL,
    total_memory bigint NOT NULL,
    allocated_cpu bigint NOT NULL DEFAULT 0,
    allocated_memory bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (namespace, time_slot),
    CHECK (allocated_cpu <= total_cpu AND allocated_memory <= total_memory)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

CREATE TABLE slot_rows.reservations (LIKE sparkingest.reservations INCLUDING DEFAULTS, PRIMARY KEY (reservation_id));

-- First start at which `slots` neighbouring slots are free. Mostly the first one is: it is looked at first.
CREATE FUNCTION slot_rows.find(ns text, cpu bigint, memory bigint, slots integer, earliest timestamptz, latest timestamptz)
RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    step CONSTANT interval := '5 minutes';
    room integer;
BEGIN
    SELECT pg_catalog.count(*) INTO room FROM slot_rows.slots AS s
     WHERE s.namespace = ns AND s.time_slot >= earliest AND s.time_slot < earliest + slots * step
       AND s.total_cpu - s.allocated_cpu >= cpu AND s.total_memory - s.allocated_memory >= memory;
    IF room = slots THEN
        RETURN earliest;
    END IF;
    -- Runs of free slots: a slot less its rank among the free ones is the same along a run.
    RETURN (SELECT pg_catalog.min(time_slot)
              FROM (SELECT f.time_slot, pg_catalog.count(*) OVER (PARTITION BY f.run ORDER BY f.time_slot DESC) AS rest
                      FROM (SELECT s.time_slot, s.time_slot - pg_catalog.row_number() OVER (ORDER BY s.time_slot) * step AS run
                              FROM slot_rows.slots AS s
                             WHERE s.namespace = ns AND s.time_slot >= earliest AND s.time_slot < latest + slots * step
                               AND s.total_cpu - s.allocated_cpu >= cpu AND s.total_memory - s.allocated_memory >= memory) AS f) AS r
             WHERE rest >= slots AND time_slot <= latest);
END
$$;

CREATE FUNCTION slot_rows.reserve(tenant uuid, cpu bigint, memory bigint, duration interval, ns text,
    sla_window interval DEFAULT '24 hours')
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    step CONSTANT interval := '5 minutes';
    earliest CONSTANT timestamptz := pg_catalog.date_bin(step, pg_catalog.now(), '2000-01-01 00:00+00');
    slots CONSTANT integer := pg_catalog.ceil(extract(epoch FROM duration) / extract(epoch FROM step));
    starts timestamptz;
    room integer;
    id uuid := pg_catalog.gen_random_uuid();
BEGIN
    LOOP
        starts := slot_rows.find(ns, cpu, memory, slots, earliest, earliest + sla_window);
        IF starts IS NULL THEN
            RETURN NULL;
        END IF;
        SELECT pg_catalog.count(*) INTO room
          FROM (SELECT s.total_cpu - s.allocated_cpu AS free_cpu, s.total_memory - s.allocated_memory AS free_memory
                  FROM slot_rows.slots AS s
                 WHERE s.namespace = ns AND s.time_slot >= starts AND s.time_slot < starts + slots * step
                 ORDER BY s.time_slot FOR UPDATE) AS locked
         WHERE free_cpu >= cpu AND free_memory >= memory;
        EXIT WHEN room = slots;
    END LOOP;
    UPDATE slot_rows.slots AS s SET allocated_cpu = allocated_cpu + cpu, allocated_memory = allocated_memory + memory
     WHERE s.namespace = ns AND s.time_slot >= starts AND s.time_slot < starts + slots * step;
    INSERT INTO slot_rows.reservations (reservation_id, pool_id, namespace, tenant_id, cpu_millicores, memory_mib, starts_at,
                                        ends_at, created_at, created_by)
    VALUES (id, 1, ns, tenant, cpu, memory, starts, starts + slots * step, pg_catalog.now(), current_user);
    RETURN id;
END
$$;

-- The same supply as the ledger's pool has, for the days that are asked for.
INSERT INTO slot_rows.slots (namespace, time_slot, total_cpu, total_memory)
SELECT n.namespace, s, n.cpu_millicores, n.memory_mib
  FROM sparkingest.namespaces AS n,
       pg_catalog.generate_series(pg_catalog.date_trunc('day', pg_catalog.now()), pg_catalog.date_trunc('day', pg_catalog.now()) + '3 days'::interval, '5 minutes') AS s
 WHERE n.namespace = 'vcpu-hours-ns';
VACUUM ANALYZE slot_rows.slots;
