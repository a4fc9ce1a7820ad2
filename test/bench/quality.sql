-- quality.sql: what the quality bench asks of the server, beside the interface itself and the fixtures of a dispatcher.
CREATE SCHEMA quality;

-- The size of a shared or draft namespace, for good, and no caps per tenant.
CREATE FUNCTION quality.size(name text, cores integer, gib integer) RETURNS void LANGUAGE sql AS $$
    UPDATE sparkingest.namespaces SET cpu_millicores = cores * 1000, memory_mib = gib * 1024 WHERE namespace = name;
    SELECT sparkingest.set_namespace(name, '{"tenant_cpu_cores": null, "tenant_memory_gb": null}');
$$;

-- A job in production, by the public path: one draft run that takes as long as its estimate, and promotion.
CREATE FUNCTION quality.job(tenant text, name text, cores integer, gib integer, minutes integer, cron text, sla jsonb)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    job uuid := fixture.draft_job(tenant, name, cores, gib, minutes, cron, sla,
        '{"overlap_policy": "allow", "overlap_limit": 100, "retry": {"max_attempts": 3}}');
    answer jsonb;
BEGIN
    IF fixture.run(sparkingest.run_job(job), minutes * interval '1 minute') <> 'succeeded' THEN
        RAISE EXCEPTION 'the draft run of job "%" did not succeed', name;
    END IF;
    answer := sparkingest.promote_job(job);
    IF answer ->> 'status' <> 'promoted' THEN
        RAISE EXCEPTION 'job "%" is not promoted: %', name, answer;
    END IF;
    RETURN job;
END
$$;

-- A run as a user asks for it: its execution, or why it is refused.
CREATE FUNCTION quality.run(job uuid, OUT execution uuid, OUT refusal text) LANGUAGE plpgsql AS $$
BEGIN
    execution := sparkingest.run_job(job);
EXCEPTION WHEN SQLSTATE 'SI001' OR SQLSTATE 'SI002' THEN
    refusal := SQLSTATE || ' ' || SQLERRM;
END
$$;

-- What is due now, claimed in the dispatcher's order.
CREATE FUNCTION quality.claim(OUT execution uuid, OUT run uuid, OUT job uuid, OUT scheduled bigint, OUT namespace text)
RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    due uuid[] := ARRAY(SELECT e.execution_id FROM sparkingest.job_executions AS e
                         WHERE e.state = 'scheduled' AND e.planned_start <= sparkingest.clock()
                         ORDER BY e.planned_start, e.created_at, e.scheduled_for, e.job_id);
BEGIN
    FOREACH execution IN ARRAY due LOOP
        IF fixture.claim(execution) THEN
            SELECT e.run_id, e.job_id, extract(epoch FROM e.scheduled_for), e.namespace INTO run, job, scheduled, namespace
              FROM sparkingest.job_executions AS e WHERE e.execution_id = claim.execution;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

-- Runs that were claimed and are to stop, and as what they end.
CREATE FUNCTION quality.stopped(OUT execution uuid, OUT state text) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT e.execution_id, e.stop_cause FROM sparkingest.job_executions AS e
     WHERE e.state IN ('dispatching', 'submitted', 'running') AND e.stop_requested_at <= sparkingest.clock()
     ORDER BY e.stop_requested_at, e.execution_id
$$;

-- Whether somebody borrows of the tenant's units now.
CREATE FUNCTION quality.lends(tenant uuid) RETURNS boolean LANGUAGE sql AS $$
    SELECT EXISTS (SELECT FROM sparkingest.reservations AS r JOIN sparkingest.pools AS p USING (pool_id)
                    WHERE p.tenant_id = tenant AND r.borrowed AND r.status = 'active'
                      AND r.starts_at <= sparkingest.clock() AND r.ends_at > sparkingest.clock())
$$;
