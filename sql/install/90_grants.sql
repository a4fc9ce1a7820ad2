-- Every GRANT and row policy. Operators see and do all; a tenant's roles see their tenants' rows (Q4, J12) and write through functions.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA sparkingest FROM PUBLIC;
GRANT USAGE ON SCHEMA sparkingest TO sparkingest_operator, sparkingest_tenant;
GRANT SELECT ON ALL TABLES IN SCHEMA sparkingest TO sparkingest_operator;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA sparkingest TO sparkingest_operator;
REVOKE EXECUTE ON FUNCTION sparkingest.set_cluster, sparkingest.install_schedules FROM sparkingest_operator;

GRANT SELECT ON sparkingest.tenants, sparkingest.resource_purchases, sparkingest.grants, sparkingest.ingestion_jobs, sparkingest.job_executions,
    sparkingest.reservations, sparkingest.balance_entries, sparkingest.resource_consumption, sparkingest.estimation_observations, sparkingest.events,
    sparkingest.usage_hourly, sparkingest.usage_load, sparkingest.sla_tiers TO sparkingest_tenant;
GRANT SELECT (namespace, purpose, cpu_millicores, memory_mib, slot_minutes, tenant_cpu_millicores, tenant_memory_mib) ON sparkingest.namespaces TO sparkingest_tenant;
GRANT SELECT ON sparkingest.capacity_slots, sparkingest.consumption_seconds TO sparkingest_tenant;
GRANT EXECUTE ON FUNCTION sparkingest.can_see_tenant, sparkingest.usage, sparkingest.tenant_metrics, sparkingest.statement, sparkingest.balance, sparkingest.capacity, sparkingest.find_slot,
    sparkingest.reserve, sparkingest.try_reserve, sparkingest.release, sparkingest.move_reservation, sparkingest.clock, sparkingest.create_job,
    sparkingest.alter_job, sparkingest.pause_job, sparkingest.resume_job, sparkingest.drop_job, sparkingest.run_job, sparkingest.cancel_execution,
    sparkingest.next_fire_times, sparkingest.evaluate_execution, sparkingest.promote_job, sparkingest.calculate_estimate, sparkingest.render_manifest
    TO sparkingest_tenant;

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['tenants', 'resource_purchases', 'grants', 'ingestion_jobs', 'job_executions', 'reservations', 'balance_entries',
                                      'resource_consumption', 'estimation_observations', 'events', 'usage_hourly', 'usage_load']
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE sparkingest.%I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE pg_catalog.format('CREATE POLICY own_rows ON sparkingest.%I FOR SELECT TO sparkingest_operator, sparkingest_tenant USING (sparkingest.can_see_tenant(tenant_id))', table_name);
    END LOOP;
END
$$;
