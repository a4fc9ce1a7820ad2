-- The allowed list: every object that the extension brings, and who but its owner may do what with it. What is not on the list is
-- not allowed to be there: an object, a column that tenants see, a policy, a trigger, a privilege. A new one needs a line here.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
BEGIN;
SELECT * FROM no_plan();
SET LOCAL search_path = public, pg_catalog;
CREATE FUNCTION pg_temp.who(grantee oid) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE replace(pg_get_userbyid(grantee), 'sparkingest_', '') END $$;
-- "operator SELECT, reader SELECT": all that others than the owner may.
CREATE FUNCTION pg_temp.privileges(acl aclitem[], owner oid) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT COALESCE(string_agg(who || ' ' || may, ', ' ORDER BY who), 'nobody') FROM (
    SELECT pg_temp.who(a.grantee) AS who, string_agg(a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END, '+' ORDER BY a.privilege_type) AS may
    FROM aclexplode(acl) AS a WHERE a.grantee <> owner GROUP BY a.grantee) AS p $$;
CREATE FUNCTION pg_temp.column_privileges(relation oid, owner oid) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT string_agg(format(', %s %s (%s)', who, privilege_type, columns), '' ORDER BY who, privilege_type) FROM (
    SELECT pg_temp.who(x.grantee) AS who, x.privilege_type, string_agg(a.attname, ' ' ORDER BY a.attnum) AS columns
    FROM pg_attribute AS a, aclexplode(a.attacl) AS x WHERE a.attrelid = relation AND x.grantee <> owner GROUP BY x.grantee, x.privilege_type) AS c $$;

CREATE TEMPORARY VIEW found AS
WITH schema AS (SELECT oid, nspowner FROM pg_namespace WHERE nspname = 'sparkingest'), relations AS (
    SELECT c.* FROM pg_class AS c JOIN schema AS s ON s.oid = c.relnamespace WHERE c.relkind NOT IN ('i', 'I', 't'))
SELECT format('schema sparkingest: %s', pg_temp.privileges(nspacl, nspowner)) AS line FROM pg_namespace WHERE nspname = 'sparkingest'
UNION ALL SELECT format('%s %s: %s%s%s', (SELECT type FROM pg_identify_object('pg_class'::regclass, c.oid, 0)), c.relname,
    pg_temp.privileges(COALESCE(c.relacl, acldefault(CASE WHEN c.relkind = 'S' THEN 's' ELSE 'r' END::"char", c.relowner)), c.relowner), pg_temp.column_privileges(c.oid, c.relowner),
    CASE WHEN c.relrowsecurity THEN '; row security' END || CASE WHEN c.relforcerowsecurity THEN ' forced' ELSE '' END) FROM relations AS c WHERE c.relkind <> 'c'
UNION ALL SELECT format('%s %s(%s): %s%s', CASE p.prokind WHEN 'f' THEN 'function' ELSE p.prokind::text || ' routine' END, p.proname, pg_get_function_identity_arguments(p.oid),
    pg_temp.privileges(COALESCE(p.proacl, acldefault('f', p.proowner)), p.proowner),
    CASE WHEN p.prosecdef THEN '; SECURITY DEFINER' END) FROM pg_proc AS p JOIN schema AS s ON s.oid = p.pronamespace
UNION ALL SELECT format('type %s: %s', t.typname, pg_temp.privileges(COALESCE(t.typacl, acldefault('T', t.typowner)), t.typowner)) FROM pg_type AS t
    JOIN schema AS s ON s.oid = t.typnamespace LEFT JOIN pg_class AS c ON c.oid = t.typrelid WHERE t.typcategory <> 'A' AND (c.oid IS NULL OR c.relkind = 'c')
-- Row types of tables come with them, and cannot be granted; what of a schema's contents is none of the above has no privileges.
UNION ALL SELECT format('policy %s', identity) FROM pg_policy AS o JOIN relations AS c ON c.oid = o.polrelid, pg_identify_object('pg_policy'::regclass, o.oid, 0) AS i
UNION ALL SELECT format('trigger %s: %s%s', i.identity, o.tgfoid::regproc, CASE WHEN o.tgenabled <> 'A' THEN ' (not always)' END) FROM pg_trigger AS o
    JOIN relations AS c ON c.oid = o.tgrelid, pg_identify_object('pg_trigger'::regclass, o.oid, 0) AS i WHERE NOT o.tgisinternal
UNION ALL SELECT format('rule %s', identity) FROM pg_rewrite AS o JOIN relations AS c ON c.oid = o.ev_class, pg_identify_object('pg_rewrite'::regclass, o.oid, 0) AS i
    WHERE c.relkind <> 'v'
-- Anything else, wherever it is: operators, casts, languages, event triggers, other schemas.
UNION ALL SELECT format('%s %s', i.type, i.identity) FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'sparkingest',
    pg_identify_object(d.classid, d.objid, d.objsubid) AS i WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    AND d.classid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass)
UNION ALL SELECT format('%s %s', i.type, i.identity) FROM pg_depend AS d JOIN schema AS s ON s.oid = d.refobjid, pg_identify_object(d.classid, d.objid, d.objsubid) AS i
    WHERE d.refclassid = 'pg_namespace'::regclass AND d.classid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_extension'::regclass,
        'pg_rewrite'::regclass)
UNION ALL SELECT format('outside of its schema: %s %s', i.type, i.identity) FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'sparkingest',
    pg_identify_object(d.classid, d.objid, d.objsubid) AS i WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND i.schema IS DISTINCT FROM 'sparkingest'
UNION ALL SELECT format('default privileges in %s for %s: %s', COALESCE(d.defaclnamespace::regnamespace::text, 'all schemas'), d.defaclobjtype, pg_temp.privileges(d.defaclacl, d.defaclrole))
    FROM pg_default_acl AS d WHERE d.defaclnamespace = 'sparkingest'::regnamespace OR d.defaclrole = (SELECT nspowner FROM schema)
UNION ALL SELECT format('role %s:%s%s%s%s%s%s%s', rolname, CASE WHEN rolcanlogin THEN ' login' END, CASE WHEN rolsuper THEN ' superuser' END, CASE WHEN rolcreaterole THEN ' createrole' END,
    CASE WHEN rolcreatedb THEN ' createdb' END, CASE WHEN rolreplication THEN ' replication' END, CASE WHEN rolbypassrls THEN ' bypassrls' END, ' in ' || g.groups) FROM pg_roles AS r,
    LATERAL (SELECT string_agg(pg_get_userbyid(m.roleid), ' ') AS groups FROM pg_auth_members AS m WHERE m.member = r.oid) AS g WHERE rolname ~ '^sparkingest_'
UNION ALL SELECT format('setting of role %s: %s', pg_get_userbyid(setrole), setconfig) FROM pg_db_role_setting WHERE pg_get_userbyid(setrole) ~ '^sparkingest_';

CREATE TEMPORARY TABLE allowed AS SELECT btrim(line) AS line FROM string_to_table($list$
function alter_job(job_id uuid, changes jsonb): operator EXECUTE, tenant EXECUTE
function balance(tenant_id uuid, at timestamp with time zone, OUT purchase_id uuid, OUT grant_id uuid, OUT period tstzrange, OUT granted numeric, OUT available numeric, OUT held numeric, OUT spent numeric): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function cache_outdated(): nobody
function calculate_estimate(request jsonb): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function can_see_tenant(tenant_id uuid): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function cancel_execution(execution_id uuid, reason text): operator EXECUTE, tenant EXECUTE
function cancel_purchase(purchase_id uuid, effective timestamp with time zone): operator EXECUTE
function capacity(namespace text, during tstzrange, tenant_id uuid): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function clock(): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function create_job(tenant_id uuid, job_name text, source_type text, source_config jsonb, destination_config jsonb, resource_requirements jsonb, schedule_cron text, sla_requirements jsonb, time_zone text, options jsonb, idempotency_key text): operator EXECUTE, tenant EXECUTE
function create_tenant(tenant_name text, time_zone text, idempotency_key text): operator EXECUTE
function default_restored(): nobody
function disable_dispatch(cluster text): operator EXECUTE
function drop_job(job_id uuid): operator EXECUTE, tenant EXECUTE
function drop_limit(limit_name text, tenant_id uuid): operator EXECUTE, tenant EXECUTE
function enable_dispatch(cluster text): operator EXECUTE
function entry_changed(): nobody
function evaluate_execution(execution_id uuid): operator EXECUTE, tenant EXECUTE
function event_restored(): nobody
function events_after("position" text, n integer, OUT cursor text, OUT at timestamp with time zone, OUT event_type text, OUT tenant_id uuid, OUT job_id uuid, OUT execution_id uuid, OUT actor text, OUT cause text, OUT before jsonb, OUT after jsonb): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function explain_execution(execution_id uuid, OUT namespace text, OUT constraint_name text, OUT needed numeric, OUT free numeric, OUT during tstzrange, OUT remedy text): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function explain_job(job_id uuid, at timestamp with time zone, OUT namespace text, OUT constraint_name text, OUT needed numeric, OUT free numeric, OUT during tstzrange, OUT remedy text): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function find_slot(namespace text, cpu_cores numeric, memory_gb numeric, duration interval, not_before timestamp with time zone, sla_window interval, tenant_id uuid, limits jsonb): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function grant_changed(): nobody
function grant_tenant(tenant_id uuid, role regrole): operator EXECUTE
function health(OUT component text, OUT status text, OUT detail text, OUT since timestamp with time zone): operator EXECUTE, reader EXECUTE
function held_limit_changed(): nobody
function install_schedules(): nobody
function ledger_outdated(): nobody
function limit_changed(): nobody
function limit_load(limit_name text, during tstzrange, tenant_id uuid): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function maintain(): operator EXECUTE
function move_reservation(reservation_id uuid, starts_at timestamp with time zone): operator EXECUTE, tenant EXECUTE
function my_tenants(): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function next_fire_times(schedule_cron text, time_zone text, after timestamp with time zone, n integer): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function override_changed(): nobody
function owner_restored(): nobody
function pause_job(job_id uuid): operator EXECUTE, tenant EXECUTE
function plan(): operator EXECUTE
function promote_job(job_id uuid, idempotency_key text): operator EXECUTE, tenant EXECUTE
function purchase(tenant_id uuid, resource_type text, quantity integer, time_period text, valid_from timestamp with time zone, valid_until timestamp with time zone, options jsonb, idempotency_key text): operator EXECUTE
function rebuild_ledger(): operator EXECUTE
function rebuild_usage(): operator EXECUTE
function release(reservation_id uuid): operator EXECUTE, tenant EXECUTE
function render_manifest(execution_id uuid): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function reservation_changed(): nobody
function reserve(tenant_id uuid, cpu_cores numeric, memory_gb numeric, duration interval, not_before timestamp with time zone, sla_window interval, namespace text, limits jsonb): operator EXECUTE, tenant EXECUTE
function resume_job(job_id uuid): operator EXECUTE, tenant EXECUTE
function revoke_tenant(tenant_id uuid, role regrole): operator EXECUTE
function roll_up(): operator EXECUTE
function run_job(job_id uuid, at timestamp with time zone, idempotency_key text): operator EXECUTE, tenant EXECUTE
function runaway_executions(OUT execution_id uuid, OUT namespace text, OUT object_name text, OUT in_database text, OUT in_cluster text, OUT since timestamp with time zone, OUT listed_at timestamp with time zone, OUT remedy text): operator EXECUTE, reader EXECUTE
function set_capacity(namespace text, cpu_cores numeric, memory_gb numeric, during tstzrange): operator EXECUTE
function set_cluster(cluster text, kubeconfig text, kube_context text): nobody
function set_discount(resource_type text, time_period text, from_quantity integer, share numeric): operator EXECUTE
function set_limit(limit_name text, quantity integer, tenant_id uuid): operator EXECUTE, tenant EXECUTE
function set_namespace(namespace text, changes jsonb): operator EXECUTE
function set_priority(name text, value integer): operator EXECUTE
function set_tenant_limits(tenant_id uuid, limits jsonb): operator EXECUTE
function set_tenant_status(tenant_id uuid, status text): operator EXECUTE
function setting_changed(): nobody
function statement(tenant_id uuid, month date, OUT line integer, OUT kind text, OUT description text, OUT purchase_id uuid, OUT job_id uuid, OUT namespace text, OUT executions bigint, OUT quantity numeric, OUT unit_price numeric, OUT amount numeric, OUT currency text, OUT used numeric, OUT charged numeric): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function tenant_metrics(tenant_id uuid, during tstzrange): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function try_reserve(tenant_id uuid, cpu_cores numeric, memory_gb numeric, duration interval, not_before timestamp with time zone, sla_window interval, namespace text, limits jsonb): operator EXECUTE, tenant EXECUTE
function uncommitted_holders(OUT pid integer, OUT tenant_id uuid, OUT since timestamp with time zone, OUT reservations integer, OUT cpu_cores numeric, OUT memory_gb numeric): operator EXECUTE, reader EXECUTE
function usage(tenant_id uuid, at timestamp with time zone): operator EXECUTE, reader EXECUTE, tenant EXECUTE
function usage_changed(): nobody
function verify_books(OUT tenant_id uuid, OUT problem text, OUT detail text): operator EXECUTE, reader EXECUTE
function verify_ledger(OUT namespace text, OUT tenant_id uuid, OUT time_slot timestamp with time zone, OUT resource text, OUT in_ledger numeric, OUT in_tables numeric, OUT grant_id uuid): operator EXECUTE, reader EXECUTE
function verify_usage(OUT book text, OUT tenant_id uuid, OUT execution_id uuid, OUT hour timestamp with time zone, OUT found numeric, OUT expected numeric): operator EXECUTE, reader EXECUTE
policy all_rows on sparkingest.balance_chains
policy all_rows on sparkingest.balance_entries
policy all_rows on sparkingest.estimation_observations
policy all_rows on sparkingest.events
policy all_rows on sparkingest.execution_dependencies
policy all_rows on sparkingest.grants
policy all_rows on sparkingest.ingestion_jobs
policy all_rows on sparkingest.job_dependencies
policy all_rows on sparkingest.job_executions
policy all_rows on sparkingest.limits
policy all_rows on sparkingest.reservation_limits
policy all_rows on sparkingest.reservations
policy all_rows on sparkingest.resource_consumption
policy all_rows on sparkingest.resource_purchases
policy all_rows on sparkingest.tenants
policy all_rows on sparkingest.usage_hourly
policy all_rows on sparkingest.usage_load
policy own_rows on sparkingest.balance_chains
policy own_rows on sparkingest.balance_entries
policy own_rows on sparkingest.estimation_observations
policy own_rows on sparkingest.events
policy own_rows on sparkingest.execution_dependencies
policy own_rows on sparkingest.grants
policy own_rows on sparkingest.ingestion_jobs
policy own_rows on sparkingest.job_dependencies
policy own_rows on sparkingest.job_executions
policy own_rows on sparkingest.limits
policy own_rows on sparkingest.reservation_limits
policy own_rows on sparkingest.reservations
policy own_rows on sparkingest.resource_consumption
policy own_rows on sparkingest.resource_purchases
policy own_rows on sparkingest.tenants
policy own_rows on sparkingest.usage_hourly
policy own_rows on sparkingest.usage_load
role sparkingest_operator:
role sparkingest_reader:
role sparkingest_tenant:
schema sparkingest: operator USAGE, reader USAGE, tenant USAGE
sequence balance_entries_entry_id_seq: nobody
sequence capacity_overrides_override_id_seq: nobody
sequence events_event_id_seq: nobody
sequence pools_pool_id_seq: nobody
table balance_chains: operator SELECT, reader SELECT, tenant SELECT (tenant_id chain_no chain_hash); row security
table balance_entries: operator SELECT, reader SELECT, tenant SELECT (at tenant_id grant_id execution_id reservation_id entry_type amount terms chain_no chain_hash); row security
table capacity_overrides: operator SELECT, reader SELECT
table cluster_lists: operator SELECT, reader SELECT
table cluster_objects: operator SELECT, reader SELECT
table clusters: operator SELECT, reader SELECT
table discounts: operator SELECT, reader SELECT
table estimation_observations: operator SELECT, reader SELECT, tenant SELECT (execution_id tenant_id source_type cpu_millicores memory_mib rows_read bytes_out estimated_runtime_minutes actual_runtime_seconds peak_memory_mib cpu_seconds observed_at); row security
table events: operator SELECT, reader SELECT, tenant SELECT (at event_type tenant_id job_id execution_id actor cause before after); row security
table execution_dependencies: operator SELECT, reader SELECT, tenant SELECT (job_id after_execution_id after_job_id tenant_id execution_id spare closed); row security
table events_rest: nobody; row security
table grants: operator SELECT, reader SELECT, tenant SELECT (grant_id purchase_id tenant_id resource_type namespace starts_at ends_at cpu_millicores memory_mib granted held spent priority price rollover_left rolled_from account_no lending_limit); row security
table history_dropped: operator SELECT, reader SELECT
table idempotency_keys: operator SELECT, reader SELECT
table ingestion_jobs: operator SELECT, reader SELECT, tenant SELECT (job_id tenant_id job_name stage status version source_type source_config destination_config cpu_millicores memory_mib executors estimated_runtime_minutes schedule_cron time_zone next_fire_at sla_requirements tier priority sla_window_hours max_runtime_minutes on_no_capacity overlap_policy misfire_policy catchup_window options watermark target_namespace owner_oid blocked_reason created_at updated_at owner_name plan_at raised_memory_mib); row security
table job_dependencies: operator SELECT, reader SELECT, tenant SELECT (job_id after_job_id tenant_id); row security
table job_executions: operator SELECT, reader SELECT, tenant SELECT (execution_id job_id tenant_id job_version attempt run_id state started_by is_draft draft_fallback namespace scheduled_for planned_start planned_end reservation_id cpu_millicores memory_mib executors estimated_runtime_minutes hard_minutes waiting_reason object_name manifest manifest_sha256 object_uid claimed_at posted_at submitted_at started_at finished_at posted_cpu_millicores posted_memory_mib tries next_try_at last_error stop_requested_at stop_cause stop_reason exit_code error_class error_message rows_read bytes_out files_written cursor_value metrics sla_met evaluation held charged created_at awaits overrun_reason plan_reason not_before); row security
table lending_credits: operator SELECT, reader SELECT
table limits: operator SELECT, reader SELECT, tenant SELECT (limit_id tenant_id limit_name quantity); row security
table namespaces: operator SELECT, reader SELECT, tenant SELECT (namespace purpose cpu_millicores memory_mib tenant_cpu_millicores tenant_memory_mib slot_minutes)
table pools: operator SELECT, reader SELECT
table priorities: operator SELECT, reader SELECT, tenant SELECT
table reservation_limits: operator SELECT, reader SELECT, tenant SELECT (reservation_id limit_id tenant_id quantity starts_at ends_at); row security
table reservations: operator SELECT, reader SELECT, tenant SELECT (reservation_id namespace tenant_id cpu_millicores memory_mib starts_at ends_at status borrowed draft_fallback created_at created_by released_at held limited tentative); row security
table resource_consumption: operator SELECT, reader SELECT, tenant SELECT (execution_id tenant_id job_id namespace started_at ended_at billed_seconds cpu_millicore_seconds memory_mib_seconds billable_millicore_seconds borrowed charge_to charged); row security
table resource_consumption_rest: nobody; row security
table resource_purchases: operator SELECT, reader SELECT, tenant SELECT (purchase_id tenant_id resource_type quantity time_period valid_from valid_until lending_limit priority rollover_share unit_price discount currency status created_at cancelled_at cancelled_from); row security
table sla_tiers: operator SELECT, reader SELECT, tenant SELECT
table tenant_roles: operator SELECT, reader SELECT
table tenants: operator SELECT, reader SELECT, tenant SELECT (tenant_id tenant_name time_zone status created_at max_jobs max_schedules calls_per_second); row security
table usage_changes: operator SELECT, reader SELECT
table usage_hourly: operator SELECT, reader SELECT, tenant SELECT (tenant_id hour namespace executions cpu_millicore_seconds memory_mib_seconds billable_millicore_seconds charged ended succeeded succeeded_millis sla_met sla_missed bytes_out); row security
table usage_load: operator SELECT, reader SELECT, tenant SELECT (tenant_id hour ended_hour place millicore_seconds); row security
table worker_status: operator SELECT, reader SELECT
trigger cache on sparkingest.namespaces: sparkingest.cache_outdated
trigger cache on sparkingest.pools: sparkingest.cache_outdated
trigger cache on sparkingest.tenants: sparkingest.cache_outdated
trigger cache_truncated on sparkingest.namespaces: sparkingest.cache_outdated
trigger cache_truncated on sparkingest.pools: sparkingest.cache_outdated
trigger cache_truncated on sparkingest.tenants: sparkingest.cache_outdated
trigger ledger on sparkingest.balance_entries: sparkingest.entry_changed
trigger ledger on sparkingest.capacity_overrides: sparkingest.override_changed
trigger ledger on sparkingest.grants: sparkingest.grant_changed
trigger ledger on sparkingest.limits: sparkingest.limit_changed
trigger ledger on sparkingest.namespaces: sparkingest.ledger_outdated
trigger ledger on sparkingest.reservation_limits: sparkingest.held_limit_changed
trigger ledger on sparkingest.reservations: sparkingest.reservation_changed
trigger ledger_truncated on sparkingest.balance_entries: sparkingest.ledger_outdated
trigger ledger_truncated on sparkingest.capacity_overrides: sparkingest.ledger_outdated
trigger ledger_truncated on sparkingest.grants: sparkingest.ledger_outdated
trigger ledger_truncated on sparkingest.limits: sparkingest.ledger_outdated
trigger ledger_truncated on sparkingest.reservation_limits: sparkingest.ledger_outdated
trigger ledger_truncated on sparkingest.reservations: sparkingest.ledger_outdated
trigger restored on sparkingest.clusters: sparkingest.default_restored (not always)
trigger restored on sparkingest.events: sparkingest.event_restored (not always)
trigger restored on sparkingest.events_rest: sparkingest.event_restored (not always)
trigger restored on sparkingest.ingestion_jobs: sparkingest.owner_restored (not always)
trigger restored on sparkingest.namespaces: sparkingest.default_restored (not always)
trigger restored on sparkingest.priorities: sparkingest.default_restored (not always)
trigger restored on sparkingest.sla_tiers: sparkingest.default_restored (not always)
trigger told on sparkingest.discounts: sparkingest.setting_changed (not always)
trigger told on sparkingest.limits: sparkingest.setting_changed (not always)
trigger told on sparkingest.namespaces: sparkingest.setting_changed (not always)
trigger told on sparkingest.priorities: sparkingest.setting_changed (not always)
trigger told on sparkingest.sla_tiers: sparkingest.setting_changed (not always)
trigger told on sparkingest.tenant_roles: sparkingest.setting_changed (not always)
trigger told on sparkingest.tenants: sparkingest.setting_changed (not always)
trigger usage on sparkingest.job_executions: sparkingest.usage_changed
trigger usage on sparkingest.lending_credits: sparkingest.usage_changed
trigger usage on sparkingest.resource_consumption: sparkingest.usage_changed
trigger usage on sparkingest.resource_consumption_rest: sparkingest.usage_changed
type capacity_slot: operator USAGE, reader USAGE, tenant USAGE
type placement: operator USAGE, reader USAGE, tenant USAGE
view capacity_slots: operator SELECT, reader SELECT, tenant SELECT
view consumption_seconds: operator SELECT, reader SELECT, tenant SELECT
view grant_balances: operator SELECT, reader SELECT, tenant SELECT
view planned_load: operator SELECT, reader SELECT, tenant SELECT
view waiting_executions: operator SELECT, reader SELECT, tenant SELECT
$list$, chr(10)) AS line WHERE btrim(line) <> '';
SELECT is_empty('SELECT line FROM found EXCEPT SELECT line FROM allowed', 'what is there is on the list');
SELECT is_empty('SELECT line FROM allowed EXCEPT SELECT line FROM found', 'what is on the list is there');

-- The walk sees what it is to see.
CREATE FUNCTION pg_temp.seen(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    lines text;
BEGIN
    BEGIN
        EXECUTE change;
        SELECT string_agg(line, ' | ') INTO lines FROM (SELECT line FROM found EXCEPT SELECT line FROM allowed) AS more;
        RAISE EXCEPTION USING ERRCODE = 'ZZZZZ', MESSAGE = COALESCE(lines, 'nothing');
    EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
        RETURN SQLERRM;
    END;
END
$$;
SELECT isnt(pg_temp.seen(change), 'nothing', 'seen: ' || change) FROM unnest(ARRAY['CREATE TABLE sparkingest.more (x int)', 'CREATE VIEW sparkingest.more AS SELECT 1 AS x',
    'CREATE MATERIALIZED VIEW sparkingest.more AS SELECT 1 AS x', 'CREATE SEQUENCE sparkingest.more', 'CREATE TYPE sparkingest.more AS ENUM (''x'')', 'CREATE TYPE sparkingest.more AS (x int)',
    'CREATE DOMAIN sparkingest.more AS int', 'CREATE FUNCTION sparkingest.more() RETURNS int LANGUAGE sql AS ''SELECT 1''', 'CREATE PROCEDURE sparkingest.more() LANGUAGE sql AS ''SELECT 1''',
    'CREATE AGGREGATE sparkingest.more(int) (SFUNC = int4pl, STYPE = int)',
    'CREATE OPERATOR sparkingest.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)', 'CREATE COLLATION sparkingest.more FROM "C"', 'CREATE STATISTICS sparkingest.more ON status, stage FROM sparkingest.ingestion_jobs',
    'CREATE RULE more AS ON INSERT TO sparkingest.tenants DO ALSO NOTHING', 'CREATE POLICY more ON sparkingest.tenants USING (true)', 'ALTER TABLE sparkingest.tenants DISABLE ROW LEVEL SECURITY',
    'CREATE TRIGGER more BEFORE INSERT ON sparkingest.tenants FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()', 'ALTER TABLE sparkingest.tenants ADD COLUMN more int; GRANT SELECT (more) ON sparkingest.tenants TO sparkingest_tenant',
    'GRANT INSERT ON sparkingest.events TO sparkingest_operator', 'GRANT SELECT ON sparkingest.tenants TO sparkingest_tenant', 'GRANT SELECT (event_id) ON sparkingest.events TO sparkingest_tenant',
    'GRANT USAGE ON SEQUENCE sparkingest.events_event_id_seq TO sparkingest_tenant', 'GRANT EXECUTE ON FUNCTION sparkingest.plan() TO sparkingest_tenant', 'GRANT EXECUTE ON FUNCTION sparkingest.clock() TO PUBLIC',
    'GRANT SELECT ON sparkingest.tenants TO sparkingest_operator WITH GRANT OPTION', 'GRANT CREATE ON SCHEMA sparkingest TO sparkingest_tenant', 'GRANT USAGE ON TYPE sparkingest.placement TO PUBLIC',
    'ALTER FUNCTION sparkingest.clock() SECURITY DEFINER', 'ALTER DEFAULT PRIVILEGES IN SCHEMA sparkingest GRANT SELECT ON TABLES TO PUBLIC', 'ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO sparkingest_tenant',
    'ALTER ROLE sparkingest_tenant LOGIN', 'GRANT pg_read_all_data TO sparkingest_reader', 'ALTER ROLE sparkingest_tenant SET row_security = off',
    'ALTER TABLE sparkingest.reservations ENABLE TRIGGER ledger']) AS change;

-- Definitions that walls rest on: reviewed once, and again when they change.
SELECT is_empty($$SELECT p.polrelid::regclass, p.polname FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid WHERE c.relnamespace = 'sparkingest'::regnamespace
    AND NOT (p.polpermissive AND p.polcmd = 'r' AND p.polwithcheck IS NULL AND CASE p.polname
        WHEN 'all_rows' THEN p.polroles @> ARRAY['sparkingest_operator'::regrole::oid, 'sparkingest_reader'::regrole] AND cardinality(p.polroles) = 2 AND pg_get_expr(p.polqual, p.polrelid) = 'true'
        WHEN 'own_rows' THEN p.polroles = ARRAY['sparkingest_tenant'::regrole::oid]
            AND pg_get_expr(p.polqual, p.polrelid) = CASE p.polrelid::regclass::text
                WHEN 'sparkingest.limits' THEN '((tenant_id IS NULL) OR (tenant_id = ANY (( SELECT sparkingest.my_tenants() AS my_tenants)::uuid[])))'
                ELSE '(tenant_id = ANY (( SELECT sparkingest.my_tenants() AS my_tenants)::uuid[]))' END ELSE false END)$$,
    'a policy is one of two: operators and readers see all rows, tenants their own, and of limits those of the service');
SELECT is_empty($$SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'sparkingest'::regnamespace AND c.relkind IN ('r', 'p') AND c.relrowsecurity
    AND CASE WHEN c.relispartition THEN 0 ELSE 2 END <> (SELECT count(*) FROM pg_policy AS p WHERE p.polrelid = c.oid)$$, 'and a table with row security has both; a partition has none, and shows nothing');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'sparkingest'::regnamespace AND relkind IN ('v', 'm') AND NOT COALESCE(reloptions @> ARRAY['security_invoker=true'], false)$$,
    'every view reads with the rights of who asks');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'sparkingest'::regnamespace AND prosecdef
    AND NOT COALESCE('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)$$, 'every SECURITY DEFINER function pins its search path');
-- Whether a name is taken is a secret of who has it: it is unique per tenant. (Operators name tenants; object names follow from ids.)
SELECT is_empty($$SELECT i.indexrelid::regclass FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid WHERE c.relnamespace = 'sparkingest'::regnamespace AND i.indisunique
    AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname IN ('tenant_id', 'scope'))
    AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey) AND a.atttypid = 'text'::regtype)
    AND (SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum = i.indkey[0]) NOT IN ('tenant_id', 'scope')
    AND i.indexrelid::regclass::text NOT IN ('sparkingest.tenants_tenant_name_key', 'sparkingest.job_executions_object_name_key', 'sparkingest.pools_namespace_tenant_id_key')$$,
    'unique keys with names begin with the tenant');
SELECT is_empty($$SELECT conrelid::regclass, conname FROM pg_constraint WHERE connamespace = 'sparkingest'::regnamespace AND contype = 'x'$$, 'and nothing is excluded across tenants');
-- The tenant is never taken from what a user can set.
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'sparkingest'::regnamespace AND prosrc ~* 'current_setting'
    UNION ALL SELECT p.oid FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid WHERE c.relnamespace = 'sparkingest'::regnamespace AND pg_get_expr(p.polqual, p.polrelid) ~* 'current_setting|session_user'$$,
    'no function and no policy goes by a setting');
SELECT is_empty($$SELECT name FROM pg_settings WHERE name LIKE 'sparkingest.%' AND context = 'user'$$, 'and users can set none of ours');
SELECT * FROM finish();
ROLLBACK;
