-- sparkingest: install script, assembled from sql/install/*.sql in name order.
\echo Use "CREATE EXTENSION sparkingest" to load this file. \quit

-- Who owns the schema, or may create in it, could put objects beside ours, and its owner could drop ours: it is taken only as this
-- script would have made it.
DO $$
DECLARE
    schema pg_catalog.pg_namespace;
BEGIN
    SELECT * INTO STRICT schema FROM pg_catalog.pg_namespace AS n WHERE n.nspname OPERATOR(pg_catalog.=) 'sparkingest';
    IF schema.nspowner OPERATOR(pg_catalog.<>) (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) current_user) THEN
        RAISE EXCEPTION 'schema "sparkingest" is there already and belongs to role "%"', pg_catalog.pg_get_userbyid(schema.nspowner)
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Look what is in it, drop it, and create the extension again.';
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.aclexplode(schema.nspacl) AS a WHERE a.grantee OPERATOR(pg_catalog.<>) schema.nspowner
                  AND a.privilege_type OPERATOR(pg_catalog.=) 'CREATE') THEN
        RAISE EXCEPTION 'schema "sparkingest" is there already and lets others create in it'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Drop it, and create the extension again.';
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
                  AND d.refobjid OPERATOR(pg_catalog.=) schema.oid AND d.classid OPERATOR(pg_catalog.<>) 'pg_catalog.pg_extension'::pg_catalog.regclass) THEN
        RAISE EXCEPTION 'schema "sparkingest" is there already and not empty'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Look what is in it, drop it, and create the extension again.';
    END IF;
END
$$;

COMMENT ON SCHEMA sparkingest IS
'Capacity, jobs and executions of a multi-tenant Spark ingestion service. Read tables and views; write through functions.';

-- Three roles, shared by all databases of the server; DROP EXTENSION leaves them. They are there to be granted, and may nothing else.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['sparkingest_operator', 'sparkingest_reader', 'sparkingest_tenant'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) role_name) THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role_name);
        ELSIF EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) role_name
                         AND (r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls)) THEN
            RAISE EXCEPTION 'role "%" is there already and may more than such a role', role_name
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = pg_catalog.format('ALTER ROLE %I NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;', role_name);
        END IF;
    END LOOP;
END
$$;
