-- fixture.sql: helpers of the tests, loaded once into each test database by test/server-tests.sh.
\set ON_ERROR_STOP on
CREATE SCHEMA fixture;

-- What the dispatcher would record of a run (fixture.c).
CREATE FUNCTION fixture.claim(execution_id uuid) RETURNS boolean LANGUAGE c STRICT AS '$libdir/sparkingest', 'fixture_claim';
CREATE FUNCTION fixture.late(execution_id uuid) RETURNS boolean LANGUAGE c STRICT AS '$libdir/sparkingest', 'fixture_late';
CREATE FUNCTION fixture.move(execution_id uuid, state text) RETURNS void LANGUAGE c STRICT AS '$libdir/sparkingest', 'fixture_move';
CREATE FUNCTION fixture.start(execution_id uuid, at timestamptz) RETURNS void LANGUAGE c STRICT AS '$libdir/sparkingest', 'fixture_start';
CREATE FUNCTION fixture.overrun(execution_id uuid) RETURNS boolean LANGUAGE c STRICT AS '$libdir/sparkingest', 'fixture_overrun';
CREATE FUNCTION fixture.finish(execution_id uuid, state text, finished_at timestamptz DEFAULT NULL, exit_code integer DEFAULT NULL,
    error_class text DEFAULT NULL, platform_fault boolean DEFAULT false, metrics jsonb DEFAULT NULL)
RETURNS void LANGUAGE c AS '$libdir/sparkingest', 'fixture_finish';

-- A run from its claim to its end, by the frozen clock: it starts at its planned start and takes so long.
CREATE FUNCTION fixture.run(execution_id uuid, takes interval, state text DEFAULT 'succeeded', exit_code integer DEFAULT NULL,
    error_class text DEFAULT NULL, platform_fault boolean DEFAULT false, metrics jsonb DEFAULT NULL)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    started_at timestamptz;
BEGIN
    SELECT e.planned_start INTO started_at FROM sparkingest.job_executions AS e WHERE e.execution_id = run.execution_id;
    IF NOT fixture.claim(execution_id) THEN
        RETURN 'not claimed: ' || (SELECT e.state FROM sparkingest.job_executions AS e WHERE e.execution_id = run.execution_id);
    END IF;
    PERFORM fixture.start(execution_id, started_at);
    PERFORM fixture.finish(execution_id, state, started_at + takes, exit_code, error_class, platform_fault, metrics);
    RETURN (SELECT e.state FROM sparkingest.job_executions AS e WHERE e.execution_id = run.execution_id);
END
$$;

-- Tests name things; identifiers differ from run to run.
CREATE FUNCTION fixture.tenant(name text) RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT tenant_id FROM sparkingest.tenants WHERE tenant_name = name $$;
CREATE FUNCTION fixture.job(name text) RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT job_id FROM sparkingest.ingestion_jobs WHERE job_name = name ORDER BY status = 'dropped', created_at DESC LIMIT 1 $$;
-- The execution that was admitted last.
CREATE FUNCTION fixture.latest(job_name text) RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT e.execution_id FROM sparkingest.job_executions AS e WHERE e.job_id = fixture.job($1)
    ORDER BY (SELECT min(v.event_id) FROM sparkingest.events AS v WHERE v.execution_id = e.execution_id) DESC LIMIT 1 $$;
CREATE FUNCTION fixture.masked(value text) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT regexp_replace(value, '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', '<id>', 'g') $$;

-- How a statement is refused; a row of NULLs when it is not. What it did is undone.
CREATE FUNCTION fixture.refusal(statement text, OUT code text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE statement;
        RAISE EXCEPTION 'not refused' USING ERRCODE = 'ZZZZZ';
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    END;
    IF code = 'ZZZZZ' THEN
        code := NULL; message := NULL; detail := NULL; hint := NULL;
        RETURN;
    END IF;
    message := fixture.masked(message);
    detail := NULLIF(fixture.masked(detail), '');
    hint := NULLIF(hint, '');
END
$$;

-- Rows of every table of the extension.
CREATE FUNCTION fixture.row_counts() RETURNS TABLE (table_name text, row_count bigint) LANGUAGE plpgsql AS $$
BEGIN
    FOR table_name IN SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'sparkingest'::regnamespace AND c.relkind = 'r' ORDER BY 1
    LOOP
        EXECUTE format('SELECT count(*) FROM sparkingest.%I', table_name) INTO row_count;
        RETURN NEXT;
    END LOOP;
END
$$;

-- What is in them, in short.
CREATE FUNCTION fixture.digests() RETURNS TABLE (table_name text, md5 text) LANGUAGE plpgsql AS $$
BEGIN
    FOR table_name IN SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'sparkingest'::regnamespace AND c.relkind = 'r' ORDER BY 1
    LOOP
        EXECUTE format('SELECT md5(COALESCE(string_agg(t::text, chr(10) ORDER BY t::text), '''')) FROM sparkingest.%I AS t', table_name) INTO md5;
        RETURN NEXT;
    END LOOP;
END
$$;
CREATE FUNCTION fixture.fingerprint() RETURNS text LANGUAGE sql AS
$$ SELECT md5(string_agg(table_name || ' ' || md5, ',' ORDER BY table_name)) FROM fixture.digests() $$;

-- A job's destination and source that are good, and a production job made by the public path: draft run, promotion.
CREATE FUNCTION fixture.source() RETURNS jsonb LANGUAGE sql IMMUTABLE AS
$$ SELECT '{"host": "db.example.com", "database": "shop", "table": "orders"}'::jsonb $$;
CREATE FUNCTION fixture.destination() RETURNS jsonb LANGUAGE sql IMMUTABLE AS
$$ SELECT '{"type": "file", "uri": "file:///lake/orders"}'::jsonb $$;
CREATE FUNCTION fixture.draft_job(tenant text, name text, cpu_cores numeric DEFAULT 4, memory_gb numeric DEFAULT 8, minutes numeric DEFAULT 25,
    cron text DEFAULT NULL, sla jsonb DEFAULT '{}', options jsonb DEFAULT '{}')
RETURNS uuid LANGUAGE sql AS
$$ SELECT sparkingest.create_job(fixture.tenant(tenant), name, 'postgres', fixture.source(), fixture.destination(),
    jsonb_build_object('cpu_cores', cpu_cores, 'memory_gb', memory_gb, 'runtime_minutes', minutes), schedule_cron => cron,
    sla_requirements => sla, options => options) $$;
CREATE FUNCTION fixture.production_job(tenant text, name text, cpu_cores numeric DEFAULT 4, memory_gb numeric DEFAULT 8,
    minutes numeric DEFAULT 25, cron text DEFAULT NULL, sla jsonb DEFAULT '{}', options jsonb DEFAULT '{}')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    job uuid := fixture.draft_job(tenant, name, cpu_cores, memory_gb, minutes, cron, sla, options);
BEGIN
    PERFORM fixture.run(sparkingest.run_job(job), minutes * '1 minute'::interval);
    RETURN sparkingest.promote_job(job) ->> 'status';
END
$$;
