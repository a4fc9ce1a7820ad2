-- Named limits: things that jobs share, such as connections to a source database, on the same time axis as cores.

CREATE FUNCTION sparkingest.set_limit(limit_name text, quantity integer, tenant_id uuid DEFAULT NULL)
RETURNS TABLE (execution_id uuid, job_id uuid, tenant uuid, planned_start timestamptz, effect text)
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_set_limit';
COMMENT ON FUNCTION sparkingest.set_limit IS
'Sets how much of something may be held at a time (0 to 1,000,000) by all jobs that state it in options.limits. limit_name: 1 to 63 of a-z, 0-9 and -. tenant_id NULL = the service''s limit, for jobs of every tenant, by operators only; else the tenant''s own, at most 20, by it or an operator. When it becomes less, returns what no longer fits with what happened to it, as set_capacity (C9); what a transaction that has not ended holds is waited for, of a tenant''s own limit not looked at. Raises 22023, 42710 (the name is the service''s), 53400, 42704, 42501, SI003';

CREATE FUNCTION sparkingest.drop_limit(limit_name text, tenant_id uuid DEFAULT NULL)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_drop_limit';
COMMENT ON FUNCTION sparkingest.drop_limit IS
'Removes a limit that no job states and no reservation holds (else SI003). tenant_id and who may: as set_limit. Raises 42704, 42501, SI003';

CREATE FUNCTION sparkingest.limit_load(limit_name text, during tstzrange, tenant_id uuid DEFAULT NULL)
RETURNS TABLE (starts_at timestamptz, ends_at timestamptz, total bigint, allocated bigint)
LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 24 AS 'MODULE_PATHNAME', 'si_limit_load_over';
COMMENT ON FUNCTION sparkingest.limit_load IS
'What a limit has in total and how much of it is held, over the five-minute slots that touch the interval (bounded, at most the horizon long); neighbours that are alike are one row. tenant_id NULL = a limit of the service, of which everybody sees the sums (Q4); else the tenant''s own. Raises 22023, 42704, 42501, SI005 beyond the horizon';
