-- From the catalogs, so that a new object cannot be forgotten: documentation, row security, privileges, signatures, states,
-- and what goes into a dump.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
BEGIN;
SELECT * FROM no_plan();
CREATE TEMPORARY VIEW relations AS SELECT c.oid, c.relname::text, c.relkind, c.relrowsecurity FROM pg_class AS c
    WHERE c.relnamespace = 'sparkingest'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition;
-- Partitions are read through their table: nobody has a right of their own.
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class AS c, unnest(ARRAY['sparkingest_tenant', 'sparkingest_operator', 'sparkingest_reader']) AS r WHERE c.relnamespace = 'sparkingest'::regnamespace AND c.relispartition AND c.relkind = 'r' AND has_any_column_privilege(r, c.oid, 'SELECT')$$,
    'nobody reads a partition by itself');
CREATE TEMPORARY VIEW functions AS SELECT p.* FROM pg_proc AS p WHERE p.pronamespace = 'sparkingest'::regnamespace;

-- The manual is in the catalog: everything has a comment, and no two say the same of different things by oversight.
SELECT isnt(obj_description('sparkingest'::regnamespace), NULL, 'the schema has a comment');
SELECT is_empty($$SELECT relname FROM relations WHERE COALESCE(obj_description(oid, 'pg_class'), '') = ''$$, 'every table and view has a comment');
SELECT is_empty($$SELECT relname, attname FROM relations JOIN pg_attribute AS a ON a.attrelid = oid WHERE a.attnum > 0 AND NOT a.attisdropped AND COALESCE(col_description(oid, a.attnum), '') = ''$$,
    'every column has a comment');
SELECT is_empty($$SELECT oid::regprocedure FROM functions WHERE COALESCE(obj_description(oid, 'pg_proc'), '') = ''$$, 'every function has a comment');
SELECT is_empty($$SELECT t.oid::regtype FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = t.typrelid
    WHERE t.typnamespace = 'sparkingest'::regnamespace AND t.typelem = 0 AND (t.typtype <> 'c' OR c.relkind = 'c')
                    AND COALESCE(obj_description(t.oid, 'pg_type'), obj_description(c.oid, 'pg_class'), '') = ''$$, 'every type has a comment');
-- A function's comment says what it raises, if it takes arguments that can be wrong.
SELECT is_empty($$SELECT oid::regprocedure FROM functions WHERE pronargs > 0 AND provolatile = 'v' AND prosrc <> 'si_clock' AND obj_description(oid, 'pg_proc') !~ '(Raises|As reserve)'$$,
    'every function with arguments says what it raises');

-- Rows of tenants are told apart, or tenants cannot read the table at all.
SELECT is_empty($$SELECT relname FROM relations AS r WHERE relkind IN ('r', 'p') AND NOT relrowsecurity AND has_any_column_privilege('sparkingest_tenant', oid, 'SELECT') AND relname NOT IN ('namespaces', 'priorities', 'sla_tiers')$$,
    'every table that tenants can read has row security, except the three that are nobody''s');
SELECT is_empty($$SELECT relname FROM relations JOIN pg_attribute AS a ON a.attrelid = oid AND a.attname = 'tenant_id' AND NOT a.attisdropped WHERE relkind IN ('r', 'p') AND NOT relrowsecurity AND has_any_column_privilege('sparkingest_tenant', oid, 'SELECT')$$,
    'no table with tenant_id is open to tenants without row security');
SELECT is_empty($$SELECT relname FROM relations WHERE relrowsecurity AND NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = relations.oid AND p.polcmd = 'r' AND p.polroles @> ARRAY['sparkingest_tenant'::regrole::oid])$$,
    'row security has a policy for tenants');
SELECT is_empty($$SELECT polrelid::regclass, polname FROM pg_policy JOIN relations ON relations.oid = polrelid WHERE polcmd <> 'r' OR NOT polpermissive OR polroles @> ARRAY[0::oid]$$, 'policies are about reading, and for nobody else');

-- Nobody else may anything; whoever reads writes through functions.
CREATE ROLE regress_nobody;
SELECT is_empty($$SELECT relname FROM relations, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p WHERE has_table_privilege('regress_nobody', oid, p)$$,
    'PUBLIC may nothing with tables and views');
SELECT is_empty($$SELECT relname FROM relations, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS p WHERE has_any_column_privilege('regress_nobody', oid, p)$$,
    'PUBLIC may nothing with columns');
SELECT is_empty($$SELECT oid::regprocedure FROM functions WHERE has_function_privilege('regress_nobody', oid, 'EXECUTE')$$, 'PUBLIC may call nothing');
SELECT ok(NOT has_schema_privilege('regress_nobody', 'sparkingest', 'USAGE')
    AND NOT has_schema_privilege('sparkingest_tenant', 'sparkingest', 'CREATE')
    AND NOT has_schema_privilege('sparkingest_reader', 'sparkingest', 'CREATE') AND NOT has_schema_privilege('sparkingest_operator', 'sparkingest', 'CREATE'), 'nobody creates in the schema');
SELECT is_empty($$SELECT r.rolname, relname, p FROM relations, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p, pg_roles AS r WHERE r.rolname IN ('sparkingest_tenant', 'sparkingest_operator', 'sparkingest_reader') AND has_table_privilege(r.oid, relations.oid, p)$$,
    'neither tenants nor operators nor readers write tables');
SELECT is_empty($$SELECT r.rolname, relname, p FROM relations, unnest(ARRAY['INSERT', 'UPDATE', 'REFERENCES']) AS p, pg_roles AS r WHERE r.rolname IN ('sparkingest_tenant', 'sparkingest_operator', 'sparkingest_reader') AND has_any_column_privilege(r.oid, relations.oid, p)$$,
    'nor columns of them');
SELECT is_empty($$SELECT r.rolname, c.relname FROM pg_class AS c, pg_roles AS r, unnest(ARRAY['USAGE', 'UPDATE']) AS p WHERE c.relnamespace = 'sparkingest'::regnamespace AND c.relkind = 'S' AND r.rolname IN ('regress_nobody', 'sparkingest_tenant', 'sparkingest_operator', 'sparkingest_reader') AND has_sequence_privilege(r.oid, c.oid, p)$$,
    'nor do they move sequences');
SELECT is_empty($$SELECT relname FROM relations WHERE NOT has_table_privilege('sparkingest_operator', oid, 'SELECT')$$, 'operators read everything');
SELECT set_eq($$SELECT proname::text FROM functions WHERE NOT has_function_privilege('sparkingest_operator', oid, 'EXECUTE') AND prorettype <> 'trigger'::regtype$$,
    ARRAY['set_cluster', 'install_schedules'], 'operators call everything but what reaches files and other databases');
SELECT set_eq($$SELECT proname::text FROM functions WHERE has_function_privilege('sparkingest_tenant', oid, 'EXECUTE')$$,
    ARRAY['can_see_tenant', 'my_tenants', 'clock', 'usage', 'tenant_metrics', 'statement', 'balance', 'capacity', 'find_slot', 'reserve', 'try_reserve', 'release', 'move_reservation',
        'create_job', 'alter_job', 'pause_job', 'resume_job', 'drop_job', 'run_job', 'cancel_execution',
          'next_fire_times', 'evaluate_execution', 'promote_job', 'calculate_estimate', 'render_manifest', 'explain_job', 'explain_execution', 'events_after', 'set_limit', 'drop_limit', 'limit_load'], 'tenants call what is theirs');
SELECT set_eq($$SELECT attname::text FROM pg_attribute WHERE attrelid = 'sparkingest.namespaces'::regclass AND attnum > 0 AND has_column_privilege('sparkingest_tenant', attrelid, attnum, 'SELECT')$$,
    ARRAY['namespace', 'purpose', 'cpu_millicores', 'memory_mib', 'slot_minutes', 'tenant_cpu_millicores', 'tenant_memory_mib'],
        'tenants do not see how namespaces are run');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'sparkingest'::regnamespace AND c.relkind = 'v' AND c.relname <> 'capacity_slots' AND NOT COALESCE(c.reloptions, '{}') @> '{security_invoker=true}'$$,
    'views show what the caller may see');
SELECT is_empty($$SELECT oid::regprocedure FROM functions WHERE prosecdef$$, 'no function is SECURITY DEFINER');
SELECT is_empty($$SELECT oid::regprocedure FROM functions WHERE prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c') OR probin <> '$libdir/sparkingest' OR proisstrict OR proleakproof OR proconfig IS NOT NULL$$,
    'functions are C, of this library, and see NULLs');

-- Signatures, word for word (api.md). A change here is a change of the interface.
CREATE TEMPORARY TABLE interface (name text, arguments text, result text);
INSERT INTO interface VALUES
    ('create_tenant', 'tenant_name text, time_zone text DEFAULT ''UTC''::text, idempotency_key text DEFAULT NULL::text', 'uuid'),
    ('set_tenant_status', 'tenant_id uuid, status text', 'void'),
    ('set_tenant_limits', 'tenant_id uuid, limits jsonb', 'void'),
    ('grant_tenant', 'tenant_id uuid, role regrole', 'void'),
    ('revoke_tenant', 'tenant_id uuid, role regrole', 'void'),
    ('can_see_tenant', 'tenant_id uuid', 'boolean'),
    ('my_tenants', '', 'uuid[]'),
    ('purchase',
        'tenant_id uuid, resource_type text, quantity integer, time_period text DEFAULT ''monthly''::text, valid_from timestamp with time zone DEFAULT NULL::timestamp with time zone, valid_until timestamp with time zone DEFAULT NULL::timestamp with time zone, options jsonb DEFAULT ''{}''::jsonb, idempotency_key text DEFAULT NULL::text',
        'uuid'),
    ('cancel_purchase', 'purchase_id uuid, effective timestamp with time zone DEFAULT NULL::timestamp with time zone',
        'TABLE(execution_id uuid, job_id uuid, tenant_id uuid, planned_start timestamp with time zone, effect text)'),
    ('set_discount', 'resource_type text, time_period text, from_quantity integer, share numeric', 'void'),
    ('usage', 'tenant_id uuid, at timestamp with time zone DEFAULT sparkingest.clock()', 'jsonb'),
    ('tenant_metrics', 'tenant_id uuid, during tstzrange DEFAULT NULL::tstzrange', 'jsonb'),
    ('statement', 'tenant_id uuid, month date, OUT line integer, OUT kind text, OUT description text, OUT purchase_id uuid, OUT job_id uuid, OUT namespace text, OUT executions bigint, OUT quantity numeric, OUT unit_price numeric, OUT amount numeric, OUT currency text, OUT used numeric, OUT charged numeric',
        'SETOF record'),
    ('rebuild_usage', '', 'bigint'),
    ('verify_usage', 'OUT book text, OUT tenant_id uuid, OUT execution_id uuid, OUT hour timestamp with time zone, OUT found numeric, OUT expected numeric', 'SETOF record'),
    ('runaway_executions', 'OUT execution_id uuid, OUT namespace text, OUT object_name text, OUT in_database text, OUT in_cluster text, OUT since timestamp with time zone, OUT listed_at timestamp with time zone, OUT remedy text',
        'SETOF record'),
    ('balance',
        'tenant_id uuid, at timestamp with time zone DEFAULT sparkingest.clock(), OUT purchase_id uuid, OUT grant_id uuid, OUT period tstzrange, OUT granted numeric, OUT available numeric, OUT held numeric, OUT spent numeric',
        'SETOF record'),
    ('capacity', 'namespace text, during tstzrange, tenant_id uuid DEFAULT NULL::uuid', 'SETOF sparkingest.capacity_slot'),
    ('find_slot',
        'namespace text, cpu_cores numeric, memory_gb numeric, duration interval, not_before timestamp with time zone DEFAULT sparkingest.clock(), sla_window interval DEFAULT ''24:00:00''::interval, tenant_id uuid DEFAULT NULL::uuid, limits jsonb DEFAULT NULL::jsonb',
        'timestamp with time zone'),
    ('reserve',
        'tenant_id uuid, cpu_cores numeric, memory_gb numeric, duration interval, not_before timestamp with time zone DEFAULT sparkingest.clock(), sla_window interval DEFAULT ''24:00:00''::interval, namespace text DEFAULT NULL::text, limits jsonb DEFAULT NULL::jsonb',
        'sparkingest.placement'),
    ('try_reserve',
        'tenant_id uuid, cpu_cores numeric, memory_gb numeric, duration interval, not_before timestamp with time zone DEFAULT sparkingest.clock(), sla_window interval DEFAULT ''24:00:00''::interval, namespace text DEFAULT NULL::text, limits jsonb DEFAULT NULL::jsonb',
        'sparkingest.placement'),
    ('release', 'reservation_id uuid', 'boolean'),
    ('move_reservation', 'reservation_id uuid, starts_at timestamp with time zone', 'sparkingest.placement'),
    ('set_capacity', 'namespace text, cpu_cores numeric, memory_gb numeric, during tstzrange',
        'TABLE(execution_id uuid, job_id uuid, tenant_id uuid, planned_start timestamp with time zone, effect text)'),
    ('set_limit', 'limit_name text, quantity integer, tenant_id uuid DEFAULT NULL::uuid',
        'TABLE(execution_id uuid, job_id uuid, tenant uuid, planned_start timestamp with time zone, effect text)'),
    ('drop_limit', 'limit_name text, tenant_id uuid DEFAULT NULL::uuid', 'void'),
    ('limit_load', 'limit_name text, during tstzrange, tenant_id uuid DEFAULT NULL::uuid',
        'TABLE(starts_at timestamp with time zone, ends_at timestamp with time zone, total bigint, allocated bigint)'),
    ('create_job',
        'tenant_id uuid, job_name text, source_type text, source_config jsonb, destination_config jsonb, resource_requirements jsonb, schedule_cron text DEFAULT NULL::text, sla_requirements jsonb DEFAULT ''{}''::jsonb, time_zone text DEFAULT NULL::text, options jsonb DEFAULT ''{}''::jsonb, idempotency_key text DEFAULT NULL::text',
        'uuid'),
    ('alter_job', 'job_id uuid, changes jsonb', 'void'),
    ('pause_job', 'job_id uuid', 'void'),
    ('resume_job', 'job_id uuid', 'void'),
    ('drop_job', 'job_id uuid', 'void'),
    ('run_job', 'job_id uuid, at timestamp with time zone DEFAULT NULL::timestamp with time zone, idempotency_key text DEFAULT NULL::text', 'uuid'),
    ('cancel_execution', 'execution_id uuid, reason text DEFAULT NULL::text', 'boolean'),
    ('next_fire_times',
        'schedule_cron text, time_zone text DEFAULT ''UTC''::text, after timestamp with time zone DEFAULT sparkingest.clock(), n integer DEFAULT 5',
        'SETOF timestamp with time zone'),
    ('evaluate_execution', 'execution_id uuid', 'jsonb'),
    ('promote_job', 'job_id uuid, idempotency_key text DEFAULT NULL::text', 'jsonb'),
    ('calculate_estimate', 'request jsonb', 'jsonb'),
    ('render_manifest', 'execution_id uuid', 'jsonb'),
    ('explain_job', 'job_id uuid, at timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT namespace text, OUT constraint_name text, OUT needed numeric, OUT free numeric, OUT during tstzrange, OUT remedy text', 'SETOF record'),
    ('explain_execution', 'execution_id uuid, OUT namespace text, OUT constraint_name text, OUT needed numeric, OUT free numeric, OUT during tstzrange, OUT remedy text', 'SETOF record'),
    ('install_schedules', '', 'SETOF text'),
    ('plan', '', 'integer'), ('maintain', '', 'integer'), ('roll_up', '', 'integer'),
    ('enable_dispatch', 'cluster text DEFAULT ''default''::text', 'void'),
    ('disable_dispatch', 'cluster text DEFAULT ''default''::text', 'void'),
    ('set_cluster', 'cluster text, kubeconfig text, kube_context text DEFAULT NULL::text', 'void'),
    ('set_namespace', 'namespace text, changes jsonb', 'void'),
    ('set_priority', 'name text, value integer', 'void'),
    ('verify_ledger', 'OUT namespace text, OUT tenant_id uuid, OUT time_slot timestamp with time zone, OUT resource text, OUT in_ledger numeric, OUT in_tables numeric, OUT grant_id uuid', 'SETOF record'),
    ('verify_books', 'OUT tenant_id uuid, OUT problem text, OUT detail text', 'SETOF record'),
    ('rebuild_ledger', '', 'void'),
    ('uncommitted_holders', 'OUT pid integer, OUT tenant_id uuid, OUT since timestamp with time zone, OUT reservations integer, OUT cpu_cores numeric, OUT memory_gb numeric', 'SETOF record'),
    ('reservation_changed', '', 'trigger'), ('grant_changed', '', 'trigger'), ('entry_changed', '', 'trigger'), ('override_changed', '', 'trigger'), ('held_limit_changed', '', 'trigger'), ('limit_changed', '', 'trigger'), ('ledger_outdated', '', 'trigger'), ('cache_outdated', '', 'trigger'), ('usage_changed', '', 'trigger'),
    ('default_restored', '', 'trigger'), ('owner_restored', '', 'trigger'), ('event_restored', '', 'trigger'), ('setting_changed', '', 'trigger'),
    ('events_after', '"position" text DEFAULT NULL::text, n integer DEFAULT 1000, OUT cursor text, OUT at timestamp with time zone, OUT event_type text, OUT tenant_id uuid, OUT job_id uuid, OUT execution_id uuid, OUT actor text, OUT cause text, OUT before jsonb, OUT after jsonb', 'SETOF record'),
    ('health', 'OUT component text, OUT status text, OUT detail text, OUT since timestamp with time zone', 'SETOF record'),
    ('clock', '', 'timestamp with time zone');
SELECT set_eq('SELECT proname::text, pg_get_function_arguments(oid), pg_get_function_result(oid) FROM functions', 'SELECT * FROM interface',
    'the functions of the interface, with their arguments, names and defaults');
SELECT is_empty($$SELECT proname FROM functions GROUP BY 1 HAVING count(*) > 1$$, 'no name stands for two functions');
SELECT set_eq($$SELECT proname::text FROM functions WHERE provolatile <> 'v'$$, ARRAY['can_see_tenant', 'my_tenants'],
    'all are VOLATILE, but those about who may see what');
SELECT is_empty($$SELECT oid::regprocedure FROM functions WHERE proparallel <> 'u'$$, 'all are PARALLEL UNSAFE');
SELECT columns_are('sparkingest', 'capacity_slots', ARRAY['slot_id', 'namespace', 'time_slot', 'slot_duration_minutes',
    'total_cpu_capacity', 'total_memory_capacity', 'allocated_cpu', 'allocated_memory'], 'the columns of the design');
SELECT is((SELECT array_agg(attname || ' ' || format_type(atttypid, -1) ORDER BY attnum) FROM pg_attribute WHERE attrelid = (SELECT typrelid
    FROM pg_type WHERE oid = 'sparkingest.placement'::regtype)),
    ARRAY['reservation_id uuid', 'namespace text', 'starts_at timestamp with time zone', 'ends_at timestamp with time zone',
        'borrowed boolean', 'draft_fallback boolean', 'reason text', 'earliest timestamp with time zone'], 'the members of a placement');

-- The states that the table takes are those of the domain (src/domain/state.c), and the books know each of them.
SELECT is((SELECT array_agg(m[1] ORDER BY m[1]) FROM pg_constraint, regexp_matches(pg_get_constraintdef(oid), '''([a-z_]+)''::text',
    'g') AS m WHERE conrelid = 'sparkingest.job_executions'::regclass AND pg_get_constraintdef(oid) LIKE 'CHECK ((state = ANY%'),
    ARRAY['cancelled', 'dispatching', 'failed', 'lost', 'preempted', 'running', 'scheduled', 'submitted', 'succeeded', 'timed_out',
        'waiting'], 'states of executions');
-- Words are checked by the tables themselves: every column that holds one of a few words has a CHECK with them.
SELECT is_empty($$SELECT relname, attname FROM relations JOIN pg_attribute AS a ON a.attrelid = oid WHERE relkind IN ('r', 'p')
    AND attname ~ '^(status|state|stage|purpose|dispatch|api_status|entry_type|charge_to|place|object_state|resource_type|time_period|started_by|stop_cause|on_no_capacity|overlap_policy|misfire_policy|error_class)$'
    AND (relname, attname) NOT IN (('job_executions', 'error_class'))
    AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = relations.oid AND c.contype = 'c' AND c.conkey @> ARRAY[a.attnum]
        AND pg_get_constraintdef(c.oid) ~ 'ANY')$$, 'no free-text words');
-- Amounts cannot be what they must not be: NaN and infinity pass a plain ">= 0".
SELECT is_empty($$SELECT relname, attname FROM relations JOIN pg_attribute AS a ON a.attrelid = oid AND a.atttypid = 'numeric'::regtype
    WHERE relkind = 'r' AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = relations.oid AND c.contype = 'c'
    AND c.conkey @> ARRAY[a.attnum])
    AND relname NOT IN ('estimation_observations', 'job_executions')$$, 'numeric columns have bounds');

-- What users put in goes into dumps, and numbers go on after a restore: every table and sequence is in the configuration.
SELECT set_eq($$SELECT c.relname::text FROM pg_class AS c WHERE c.relnamespace = 'sparkingest'::regnamespace AND c.relkind IN ('r', 'S') AND c.relname NOT IN ('worker_status', 'cluster_lists', 'cluster_objects') AND c.relname !~ '^(resource_consumption|events)_[0-9]'$$,
    $$SELECT c.relname::text FROM pg_extension AS e, unnest(e.extconfig) AS o JOIN pg_class AS c ON c.oid = o WHERE e.extname = 'sparkingest'$$,
        'every table and sequence is dumped, except the workers'' state and what they last saw of the cluster');
SELECT is_empty($$SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'sparkingest'::regnamespace AND c.relkind IN ('r', 'v', 'S', 'c') AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype IN ('e', 'i'))$$,
    'everything belongs to the extension');
SELECT is((SELECT extrelocatable FROM pg_extension WHERE extname = 'sparkingest'), false, 'not relocatable');
SELECT is((SELECT superuser AND NOT trusted AND schema = 'sparkingest' FROM pg_available_extension_versions WHERE name = 'sparkingest'
    AND installed), true, 'only superusers create it, in its schema');
SELECT * FROM finish();
ROLLBACK;
