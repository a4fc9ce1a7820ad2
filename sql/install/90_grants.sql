-- Every GRANT and row policy. Operators see and do all; readers see all and do nothing; a tenant's roles see their tenants' rows
-- (Q4, J12) and write through functions. Nobody has more on a table than SELECT: no DML, and so no lock that others wait for.

DO $$
DECLARE
    a_type text;
BEGIN
    FOR a_type IN SELECT pg_catalog.format('sparkingest.%I', t.typname) FROM pg_catalog.pg_type AS t LEFT JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) t.typrelid
                   WHERE t.typnamespace OPERATOR(pg_catalog.=) 'sparkingest'::pg_catalog.regnamespace AND c.relkind OPERATOR(pg_catalog.=) 'c'
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON TYPE %s FROM PUBLIC', a_type);
        EXECUTE pg_catalog.format('GRANT USAGE ON TYPE %s TO sparkingest_operator, sparkingest_reader, sparkingest_tenant', a_type);
    END LOOP;
END
$$;
-- Also what default privileges of the creator gave.
REVOKE ALL ON ALL TABLES IN SCHEMA sparkingest FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA sparkingest FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA sparkingest FROM PUBLIC;
GRANT USAGE ON SCHEMA sparkingest TO sparkingest_operator, sparkingest_reader, sparkingest_tenant;

GRANT SELECT ON ALL TABLES IN SCHEMA sparkingest TO sparkingest_operator, sparkingest_reader;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA sparkingest TO sparkingest_operator;
REVOKE EXECUTE ON FUNCTION sparkingest.set_cluster, sparkingest.install_schedules FROM sparkingest_operator;
-- On a table of their own, triggers would tell the ledger of capacity that is not there.
DO $$
DECLARE
    trigger_function text;
BEGIN
    FOR trigger_function IN SELECT pg_catalog.format('sparkingest.%I()', p.proname) FROM pg_catalog.pg_proc AS p
                             WHERE p.pronamespace OPERATOR(pg_catalog.=) 'sparkingest'::pg_catalog.regnamespace
                               AND p.prorettype OPERATOR(pg_catalog.=) 'pg_catalog.trigger'::pg_catalog.regtype
    LOOP
        EXECUTE pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM sparkingest_operator', trigger_function);
    END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION sparkingest.can_see_tenant, sparkingest.my_tenants, sparkingest.clock, sparkingest.usage, sparkingest.tenant_metrics, sparkingest.statement, sparkingest.balance, sparkingest.capacity,
    sparkingest.limit_load, sparkingest.find_slot, sparkingest.next_fire_times, sparkingest.calculate_estimate, sparkingest.render_manifest, sparkingest.health,
    sparkingest.explain_job, sparkingest.explain_execution,
    sparkingest.verify_ledger, sparkingest.verify_books, sparkingest.verify_usage, sparkingest.runaway_executions, sparkingest.uncommitted_holders, sparkingest.events_after TO sparkingest_reader;

GRANT SELECT ON sparkingest.sla_tiers, sparkingest.priorities, sparkingest.capacity_slots, sparkingest.grant_balances, sparkingest.consumption_seconds,
    sparkingest.planned_load, sparkingest.waiting_executions TO sparkingest_tenant;
GRANT SELECT (namespace, purpose, cpu_millicores, memory_mib, slot_minutes, tenant_cpu_millicores, tenant_memory_mib) ON sparkingest.namespaces TO sparkingest_tenant;
GRANT EXECUTE ON FUNCTION sparkingest.can_see_tenant, sparkingest.my_tenants, sparkingest.usage, sparkingest.tenant_metrics, sparkingest.statement, sparkingest.balance, sparkingest.capacity, sparkingest.find_slot,
    sparkingest.reserve, sparkingest.try_reserve, sparkingest.release, sparkingest.move_reservation, sparkingest.clock, sparkingest.create_job,
    sparkingest.alter_job, sparkingest.pause_job, sparkingest.resume_job, sparkingest.drop_job, sparkingest.run_job, sparkingest.cancel_execution,
    sparkingest.next_fire_times, sparkingest.evaluate_execution, sparkingest.promote_job, sparkingest.calculate_estimate, sparkingest.render_manifest,
    sparkingest.explain_job, sparkingest.explain_execution, sparkingest.events_after, sparkingest.set_limit, sparkingest.drop_limit, sparkingest.limit_load TO sparkingest_tenant;

-- Tenants see the columns of their rows but those that count across tenants (numbers drawn from one sequence, pool_id, which is
-- one, and numbers of transactions), nor system columns: their gaps, and where rows lie, would tell what others do.
-- There are no statistics of their values, either: EXPLAIN estimates by them, and would confirm guesses about hidden rows.
DO $$
DECLARE
    table_name text;
    seen text;
    quiet text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['tenants', 'resource_purchases', 'grants', 'ingestion_jobs', 'job_executions', 'job_dependencies', 'execution_dependencies', 'reservations', 'reservation_limits', 'balance_entries', 'balance_chains',
                                      'resource_consumption', 'estimation_observations', 'events', 'usage_hourly', 'usage_load']
    LOOP
        SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum),
               pg_catalog.string_agg(pg_catalog.format('ALTER COLUMN %I SET STATISTICS 0', a.attname), ', ') INTO STRICT seen, quiet FROM pg_catalog.pg_attribute AS a
         WHERE a.attrelid OPERATOR(pg_catalog.=) pg_catalog.format('sparkingest.%I', table_name)::pg_catalog.regclass
           AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped AND a.attidentity OPERATOR(pg_catalog.=) ''
           AND a.attname OPERATOR(pg_catalog.<>) ALL (ARRAY['pool_id', 'xact']);
        EXECUTE pg_catalog.format('GRANT SELECT (%s) ON sparkingest.%I TO sparkingest_tenant', seen, table_name);
        EXECUTE pg_catalog.format('ALTER TABLE sparkingest.%I ENABLE ROW LEVEL SECURITY, %s', table_name, quiet);
        EXECUTE pg_catalog.format('CREATE POLICY all_rows ON sparkingest.%I FOR SELECT TO sparkingest_operator, sparkingest_reader USING (true)', table_name);
        -- Asked once per statement, and an index finds the rows: others' rows cost nothing.
        EXECUTE pg_catalog.format('CREATE POLICY own_rows ON sparkingest.%I FOR SELECT TO sparkingest_tenant'
            ' USING (tenant_id OPERATOR(pg_catalog.=) ANY ((SELECT sparkingest.my_tenants())::pg_catalog.uuid[]))', table_name);
    END LOOP;
END
$$;
-- Partitions are read through their tables, by nobody else; so are those that maintain() makes.
REVOKE ALL ON sparkingest.resource_consumption_rest, sparkingest.events_rest FROM sparkingest_operator, sparkingest_reader;
ALTER TABLE sparkingest.resource_consumption_rest ENABLE ROW LEVEL SECURITY;
ALTER TABLE sparkingest.events_rest ENABLE ROW LEVEL SECURITY;

-- Limits of the service are everybody's to state: everybody sees how much there is.
GRANT SELECT (limit_id, tenant_id, limit_name, quantity) ON sparkingest.limits TO sparkingest_tenant;
ALTER TABLE sparkingest.limits ENABLE ROW LEVEL SECURITY, ALTER COLUMN tenant_id SET STATISTICS 0, ALTER COLUMN limit_id SET STATISTICS 0,
    ALTER COLUMN limit_name SET STATISTICS 0, ALTER COLUMN quantity SET STATISTICS 0;
CREATE POLICY all_rows ON sparkingest.limits FOR SELECT TO sparkingest_operator, sparkingest_reader USING (true);
CREATE POLICY own_rows ON sparkingest.limits FOR SELECT TO sparkingest_tenant
    USING (tenant_id IS NULL OR tenant_id OPERATOR(pg_catalog.=) ANY ((SELECT sparkingest.my_tenants())::pg_catalog.uuid[]));
