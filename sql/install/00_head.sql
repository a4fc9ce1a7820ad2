-- sparkingest: install script, assembled from sql/install/*.sql in name order.
\echo Use "CREATE EXTENSION sparkingest" to load this file. \quit

COMMENT ON SCHEMA sparkingest IS
'Capacity, jobs and executions of a multi-tenant Spark ingestion service. Read tables and views; write through functions.';

-- Two roles, shared by all databases of the server; DROP EXTENSION leaves them.
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) 'sparkingest_operator') THEN
        CREATE ROLE sparkingest_operator NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) 'sparkingest_tenant') THEN
        CREATE ROLE sparkingest_tenant NOLOGIN;
    END IF;
END
$$;
